"""Help, palette and the list of messages, all made from the table of actions."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from textual import events
from textual.widget import Widget

from .. import __version__
from ..actions import Action, allowed, search, within
from ..widgets.dialogs import Dialog, Reader, ask
from ..widgets.fields import Button, Field, TextField
from ..widgets.layout import Cell, Column, Pieces, row
from ..widgets.table import Table

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
    groups = app.current.groups()
    lines: list[Pieces] = []
    for group in reversed(groups):
        lines.append([(_title(group), "caption")])
        for action in within((group,)):
            if action.mutating and app.read_only:
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
    names = {"global": "Everywhere", "list": "Lists"}
    return names.get(group, group.replace(".", ": ").capitalize())


async def show_messages(app: Console) -> None:
    """What was said in the message line, newest first."""
    lines: list[Pieces] = [
        [(time.strftime("%H:%M:%S ", time.localtime(when)), "dim"), (text, role)]
        for when, text, role in reversed(app.messages)
    ]
    await ask(app, Reader("Messages", lines or [[("Nothing was said yet.", "dim")]]))


class Palette(Dialog[Action]):
    """Type a few letters, Enter does it."""

    def __init__(self, groups: tuple[str, ...], role: str, read_only: bool = False) -> None:
        super().__init__("What to do?")
        self._groups, self._role, self._read_only = groups, role, read_only
        self._found: tuple[Action, ...] = ()

    def content(self) -> Iterable[Widget]:
        self._field = TextField("Action", id="query", hint="type a word")
        self._table = Table((Column("ACTION", least=12), Column("KEY"), Column("WHAT IT DOES", grow=True, least=10)))
        self._table.styles.height = max(4, min(16, self.app.size.height - 7))
        yield self._field
        yield self._table
        self._fill()

    def buttons(self) -> Iterable[Button]:
        return (Button("Cancel", id="cancel"),)

    def begin(self) -> None:
        self._field.focus()

    def _fill(self) -> None:
        found = search(self._field.value, self._groups)
        self._found = tuple(a for a in found if a.id != "palette" and not (a.mutating and self._read_only))
        rows = []
        for action in self._found:
            style = "text" if allowed(action, self._role) else "dim"
            what = action.help or action.label
            if style == "dim":
                what += f" (needs {action.role})"
            rows.append(
                row(
                    f"{action.group}/{action.id}", Cell(action.label, style), Cell(action.key, "key"), Cell(what, style)
                )
            )
        self._table.set_rows(rows, "No action has these letters.")

    def on_field_changed(self, message: Field.Changed) -> None:
        """Search as the person types."""
        message.stop()
        self._fill()

    def on_field_done(self) -> None:
        """Enter: do what is under the cursor."""
        self._do()

    def key_pressed(self, event: events.Key) -> None:
        """Arrows move in the list while the field keeps the letters."""
        if event.key in {"up", "down", "pageup", "pagedown"} and self.focused is self._field:
            event.stop()
            self._table.on_key(event)
        elif event.key == "enter" and self.focused is self._table:
            event.stop()
            self._do()
        else:
            super().key_pressed(event)

    def _do(self) -> None:
        key = self._table.key
        self.dismiss(next((a for a in self._found if f"{a.group}/{a.id}" == key), None))


async def show_palette(app: Console) -> None:
    """Ask for an action and do it."""
    section = app.current
    action = await ask(app, Palette(section.groups(), app.role, app.read_only))
    if action is not None:
        app.perform(action, section)
