"""The one kind of failure this tool reports: a sentence a person can act on."""


class LabError(Exception):
    """What happened, to what, and what to do next, in one sentence."""
