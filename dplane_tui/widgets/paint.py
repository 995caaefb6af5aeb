"""How Line-API widgets get at the theme's styles."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # rows are also printed as plain text, which loads no Textual
    from textual.widget import Widget

    from ..theme import Look

GOOD = frozenset({"ONLINE", "running", "active", "passed", "healthy", "succeeded", "nothing-new", "AVAIL"})
WARN = frozenset(
    {"DEGRADED", "OFFLINE", "REMOVED", "paused", "restarting", "starting", "activating", "queued", "late", "cancelled"}
    | {"exited", "created"}
)
BAD = frozenset(
    {
        "FAULTED",
        "SUSPENDED",
        "UNAVAIL",
        "CORRUPT",
        "failed",
        "failing",
        "dead",
        "died",
        "diverged",
        "unhealthy",
        "CANNOT_OPEN",
    }
)


@lru_cache(1)
def _default() -> Look:
    from ..theme import load

    return load("mono")


def look(widget: Widget) -> Look:
    """The styles of the app's theme."""
    found: Look | None = getattr(widget.app, "look", None)
    return found if found is not None else _default()


def whole_row(widget: Widget) -> bool:
    """Whether a list's cursor is its whole row; on a serial line it is a mark before the row, which costs few bytes."""
    return not getattr(getattr(widget.app, "profile", None), "mark", False)


def state_role(state: str) -> str:
    """The role a state word is drawn in; the word itself always stands there too."""
    if state in GOOD:
        return "good"
    if state in BAD:
        return "bad"
    if state in WARN:
        return "warn"
    return "unknown" if state in {"", "?", "unknown"} else "text"
