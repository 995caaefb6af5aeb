"""Whether a dataset is a copy, whose key must stay the one that its streams bring: by its settings alone. Pure."""

from __future__ import annotations

from .failure import one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

MARK = "dplane:peer"
SAFE = ("readonly", "canmount", "volmode")  # what a first receive sets, see verbs_streams


def key_problem(name: str, settings: Mapping[str, tuple[str, str]]) -> str:
    """Why another key is not for that dataset, sentences; "" when it is no copy.

    `settings` has value and source of MARK and SAFE. Only what is set on the dataset itself says that it is a copy:
    what is made below one inherits. What is below a dataset does not matter: a raw receive makes each its own
    encryption root, and a plain copy has the key of a dataset above it without its streams knowing.
    """
    peer, source = settings.get(MARK, ("-", "-"))
    marked = source in ("local", "received")
    canmount = settings.get("canmount", ("-", "-"))
    volume = canmount[0] == "-"
    idle = settings.get("volmode") == ("none", "local") if volume else canmount == ("noauto", "local")
    received = idle and settings.get("readonly") == ("on", "local")
    if not marked and not received:
        return ""
    what = f"a copy that {one_line(peer, 63)} sends here" if marked else "set as what is received here is, so a copy"
    ends = [f"`dplane dataset inherit '{name}' {MARK}` (nobody can add to it then)"] if marked else []
    ends += [f"`dplane dataset set '{name}' readonly=off`"] if received else []
    return (
        f"{name} is {what}. {BREAKS} Change the key at the original: the next increment brings it here. "
        f"If it is to be a copy no more: {', and '.join(ends)}."
    )


BREAKS = (
    "A key that is changed at a copy breaks it: the next run has to stop, or what it sends leaves a copy that can "
    "never be unlocked again."
)
