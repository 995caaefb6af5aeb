"""Help, made from the table of actions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import __version__
from ..actions import allowed, within
from ..widgets.dialogs import Reader, ask
from ..widgets.layout import Pieces

if TYPE_CHECKING:
    from ..app import Console

_MOVES = (
    ("Up Down j k", "one row"),
    ("PgUp PgDn", "one page (also ctrl+u, ctrl+d: half)"),
    ("g G Home End", "first and last row (gg does the same as g)"),
    ("Tab", "the next list; in dialogs the next field"),
)


async def show_help(app: Console) -> None:
    """Every key that works here, what is nearest first."""
    groups = app.current.all_groups()
    lines: list[Pieces] = []
    for group in reversed(groups):
        lines.append([(_title(group), "caption")])
        for action in within(groups):
            if action.group != group or (action.mutating and app.read_only):
                continue
            need = "" if allowed(action, app.role) else f" (needs {action.role})"
            lines.append([(f"  {action.shown_keys:<18}", "key"), (action.help or action.label, "text"), (need, "warn")])
        if group == "list":
            lines += [[(f"  {keys:<18}", "key"), (what, "text")] for keys, what in _MOVES]
        lines.append([])
    if app.remapped:
        lines.append([(app.remapped, "dim")])
    lines.append([(f"D-Plane console {__version__}. Closing it stops nothing: jobs run outside it.", "dim")])
    await ask(app, Reader("Keys that work here", lines))


def _title(group: str) -> str:
    names = {"global": "Everywhere", "list": "Lists", "own": "This console", "kiosk": "This screen"}
    names |= {"view-only": "This screen", "session": "Your session here"}
    return names.get(group, group.replace(".", ": ").capitalize())
