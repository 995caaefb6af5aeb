"""The log of this session as a screen: newest first, the whole sentence of the line under the cursor below."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from textual.widget import Widget

from ..session import Entry
from ..widgets.bars import Lines
from ..widgets.dialogs import Dialog, ask
from ..widgets.fields import Button
from ..widgets.layout import Cell, Column, paragraphs, row
from ..widgets.table import Table

if TYPE_CHECKING:
    from ..app import Console

_COLUMNS = (
    Column("TIME", least=8),
    Column("WHAT", least=7),
    Column("BOX", drop=1, least=6, most=20),
    Column("IN WORDS", least=20, most=1000, grow=True),
)
_KIND_ROLE = {"done": "good", "failed": "bad", "refused": "warn", "asked": "accent", "left": "dim"}
_WHOLE = 4


class LogScreen(Dialog[None]):
    """A list and below it the line under the cursor in full."""

    wide = True

    def __init__(self, entries: Iterable[Entry]) -> None:
        super().__init__("This session, newest first")
        self._entries = list(entries)[::-1]

    def content(self) -> Iterable[Widget]:
        self._table = Table(_COLUMNS, id="entries")
        self._table.styles.height = max(3, self.app.size.height - _WHOLE - 6)
        self._whole = Lines()
        self._whole.styles.height = _WHOLE
        self._whole.grows = False
        return (self._table, self._whole)

    def buttons(self) -> Iterable[Button]:
        return (Button("Close", id="cancel"),)

    def begin(self) -> None:
        rows = [
            row(
                f"{number}",
                Cell(time.strftime("%H:%M:%S", time.localtime(one.at)), "dim", one.at),
                Cell(one.kind, _KIND_ROLE.get(one.kind, "dim")),
                Cell(one.box, "dim"),
                Cell(one.text, one.role),
            )
            for number, one in enumerate(self._entries)
        ]
        self._table.set_rows(rows, "Nothing was done or said yet.")
        self._table.focus()
        self._tell()

    def on_table_moved(self, message: Table.Moved) -> None:
        """Another line."""
        message.stop()
        self._tell()

    def _tell(self) -> None:
        if self._table.key is not None:
            one = self._entries[int(self._table.key)]
            self._whole.show([[], *paragraphs(one.text, self.inner_width(), one.role)][:_WHOLE])


async def show_log(app: Console) -> None:
    """Show what this session did."""
    await ask(app, LogScreen(app.log_book.entries))
