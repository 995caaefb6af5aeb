"""What kind of failure a run ended with, in plain words, and which keys help for that kind. Pure."""

from __future__ import annotations

from dataclasses import replace

from ..lazyclass import dataclass
from ..services.replication.model import Run

AGAIN, TEST, PLAN, HOST_KEY, PAIR = "task-run", "peer-test", "task-plan", "host-key", "peer-pair"
TRUST = "host-key-trust"
WAYS, VERIFY, COMPARE, RESTORE = "task-ways", "task-verify", "task-compare", "restore"
"""Ids of actions in the table."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One class of failure."""

    name: str
    """Two words for it."""
    meaning: str
    """One sentence: what that means for the copy."""
    acts: tuple[str, ...]
    """The actions that help, the best first; none that does not."""
    command: str = ""
    """A command that helps where no key does; NAME stands for the task."""


_KINDS = {
    "unreachable": Kind("network", "The other box could not be reached, or the connection broke.", (TEST, AGAIN)),
    "authentication": Kind("key refused", "The other box was reached and refused our key.", (TEST, PAIR)),
    "host-key": Kind(
        "host key", "The other box shows another host key than the one pinned, so nothing was sent.", (HOST_KEY, TRUST)
    ),
    "diverged": Kind(
        "diverged",
        "The copy has something that its source has not. Nothing there was changed or destroyed.",
        (WAYS, PLAN),
    ),
    "no-space": Kind("no space", "The target has no room for what would be sent.", (PLAN, AGAIN)),
    "key-not-loaded": Kind(
        "key not loaded", "A key is not loaded on the box that needs it; here 5, then E, loads one.", (AGAIN,)
    ),
    "stalled": Kind("stalled", "The other box took nothing for a long time; what arrived is kept.", (TEST, AGAIN)),
    "busy": Kind("busy", "Something else works on the same dataset.", (AGAIN,)),
    "stale-token": Kind("stale token", "A half-received stream cannot go on; the next run plans anew.", (AGAIN,)),
    "version": Kind("version", "The two boxes do not understand each other's release.", (TEST, PLAN)),
    "refused": Kind("refused", "Something is not as the task needs it; nothing was sent past that.", (PLAN, AGAIN)),
    "usage": Kind("bad option", "An option of the task makes no sense to this release.", (PLAN, AGAIN)),
    "changed": Kind("changed", "What was to be worked on is no longer the same; a new run looks again.", (PLAN, AGAIN)),
    "not-allowed": Kind("not allowed", "A right or a role is missing on one of the boxes.", (TEST,), "dplane doctor"),
    "missing": Kind("missing", "Something the task names is not there.", (PLAN, TEST)),
    "failed": Kind("program failed", "A program on one of the boxes failed.", (AGAIN, PLAN)),
}
_DIED = Kind("died", "Its process was killed, or the power failed. The next run goes on from what arrived.", (AGAIN,))
_STOPPED = Kind("stopped", "Someone stopped it. The next run goes on from what arrived.", (AGAIN,))
# Classes that older runs did not tell apart: how our own sentences put them.
_SAID = (
    ("ran out of space", "no-space"),
    ("this run would send", "no-space"),
    ("key is not loaded", "key-not-loaded"),
    ("dataset is busy", "busy"),
)
BROKEN = frozenset({"failed", "died", "cancelled"})


# A verification moves nothing, so nothing goes on from what arrived.
_OF_VERIFY = {
    "bad-news": Kind("differs", "Both boxes were read to their end, and they are not the same.", (COMPARE, VERIFY)),
    "failed": Kind("not known", "Not everything could be read on both boxes, so nothing is claimed.", (VERIFY,)),
    "cancelled": Kind("stopped", "Someone stopped it. Of what was not read yet nothing is known.", (VERIFY,)),
    "died": Kind("died", "Its process was killed, or the power failed. Nothing was changed.", (VERIFY,)),
}


def kind_of(run: Run) -> Kind | None:
    """The class of a run that did not end well; None for one that did, or is at work."""
    kind = _kind_of_copy(run)
    if kind is None or run.kind not in {"verify", "resolve", "restore"}:
        return kind
    if run.kind == "restore":
        return replace(kind, acts=tuple(dict.fromkeys(RESTORE if act == AGAIN else act for act in kind.acts)))
    if run.kind == "resolve":
        return replace(kind, acts=(WAYS,))
    stopped = run.state in {"died", "cancelled"}
    again = tuple(dict.fromkeys(VERIFY if act == AGAIN else act for act in kind.acts))
    return _OF_VERIFY.get(run.state if stopped else run.error_code, replace(kind, acts=again))


def _kind_of_copy(run: Run) -> Kind | None:
    if run.state not in BROKEN:
        return None
    if run.state == "died":
        return _DIED
    if run.state == "cancelled" or run.error_code in {"cancelled", "interrupted"}:
        return _STOPPED
    code = run.error_code
    if code in {"failed", "refused", ""}:
        code = next((kind for text, kind in _SAID if text in run.message), code)
    unknown = Kind(code or "unknown", "This release does not know that kind of failure.", (AGAIN, PLAN))
    return _KINDS.get(code, unknown)


def sentences(text: str) -> tuple[str, str]:
    """The first sentence of a message, and the rest of it."""
    head, dot, rest = text.partition(". ")
    return (f"{head}.", rest) if dot else (text, "")
