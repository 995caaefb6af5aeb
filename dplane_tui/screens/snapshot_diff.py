"""What changed between two points, page by page: what is not looked at is not read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import suppress

from textual import events
from textual.widget import Widget

from ..errors import DPlaneError
from ..services.zfs.diff import Change
from ..services.zfs.model import Snapshot
from ..widgets.bars import Lines
from ..widgets.dialogs import Dialog
from ..widgets.fields import Button
from ..widgets.layout import Cell, Column, Row, row
from ..widgets.table import Table

PAGE = 500
_COLUMNS = (
    Column("WHAT", least=7),
    Column("KIND", drop=1, least=6),
    Column("PATH", least=20, most=4000, grow=True, middle=True),
)
_ROLES = {"added": "good", "removed": "bad", "renamed": "accent"}


def change_row(number: int, one: Change) -> Row:
    """One line. The names are foreign bytes; the table cleans what it draws."""
    path = f"{one.path} → {one.to}" if one.to else one.path
    return row(str(number), Cell(one.kind, _ROLES.get(one.kind, "text")), Cell(one.what, "dim"), Cell(path, "text"))


class DiffReader(Dialog[None]):
    """Pages of changes; n reads the next."""

    wide = True

    def __init__(self, changes: AsyncGenerator[Change, None], first: Snapshot, second: Snapshot | None) -> None:
        until = f"@{second.short}" if second else "now"
        super().__init__(f"{first.name} until {until}")
        self._changes = changes
        self._rows: list[Row] = []
        self._page = 0
        self._ended = False
        self._reading: asyncio.Task[None] | None = None

    def content(self) -> Iterable[Widget]:
        self.table = Table(_COLUMNS, caption="Changes")
        self.table.styles.height = max(4, self.app.size.height - 6)
        self.table.message = "Comparing…"
        self._below = Lines()
        return (self.table, self._below)

    def buttons(self) -> Iterable[Button]:
        return (Button("Close", id="cancel"),)

    def begin(self) -> None:
        self.table.focus()
        self._next()

    def on_unmount(self) -> None:
        """Whoever reads no further ends the comparison."""
        if self._reading is not None:
            self._reading.cancel()
        self._giving_back = asyncio.create_task(_close(self._changes, self._reading))

    def _next(self) -> None:
        if not self._ended and (self._reading is None or self._reading.done()):
            self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        """One page into the table; it takes the place of the one before, so that memory stays small."""
        rows: list[Row] = []
        said = ""
        try:
            while len(rows) < PAGE:
                rows.append(change_row(len(rows), await anext(self._changes)))
        except StopAsyncIteration:
            self._ended = True
        except DPlaneError as error:
            self._ended, said = True, str(error)
        if rows or not self._rows:
            self._page += 1
            self._rows = rows
            self.table.set_rows(rows, said or "Nothing changed.")
            first = (self._page - 1) * PAGE + 1
            self.table.set_caption(f"Changes {first} to {first + len(rows) - 1}" if rows else "Changes")
        text = said if said and rows else "that is all" if self._ended else "n reads the next page"
        self._below.show([[(f" {text}", "bad" if said else "dim")]])

    def key_pressed(self, event: events.Key) -> None:
        """n for more; Enter, q and Esc close."""
        if event.key == "n":
            event.stop()
            self._next()
        elif event.key in {"q", "enter"}:
            event.stop()
            self.dismiss(None)
        else:
            super().key_pressed(event)


async def _close(changes: AsyncGenerator[Change, None], reading: asyncio.Task[None] | None) -> None:
    if reading is not None:
        with suppress(asyncio.CancelledError):
            await reading
    await changes.aclose()
