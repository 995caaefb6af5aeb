"""Choosing a theme: each is worn while the cursor is on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from ..errors import DPlaneError
from ..widgets.dialogs import Choose, ask
from ..widgets.layout import Column, row
from ..widgets.table import Table

if TYPE_CHECKING:
    from ..app import Console

_ABOUT = {
    "dark": "slate, one blue accent",
    "light": "dark ink on warm white",
    "contrast": "pure black and white, bright states",
    "colourblind": "no red against green",
    "amber": "one colour, as on an old terminal",
    "ansi16": "the terminal's own 16 colours",
    "mono": "no colour: bold and reverse",
}


class ThemePicker(Choose):
    """The list; the console behind it changes with the cursor."""

    def __init__(self, names: Sequence[str], now: str) -> None:
        rows = [row(name, name, _ABOUT.get(name, "your own")) for name in names]
        super().__init__("Theme", (Column("THEME", least=8), Column("WHAT IT IS", grow=True)), rows, pick="Wear it")
        self._now = now

    def begin(self) -> None:
        super().begin()
        self.table.select(self._now)

    def on_table_moved(self, message: Table.Moved) -> None:
        """Wear what the cursor is on."""
        message.stop()
        if message.key is not None:
            try:
                cast("Console", self.app).wear(message.key)
            except DPlaneError as error:
                cast("Console", self.app).say(str(error), "warn")


async def pick_theme(app: Console, names: Sequence[str]) -> str | None:
    """The theme that was chosen and is worn now; None (and the one before) when the person left it."""
    before = app.look.name
    chosen = await ask(app, ThemePicker(names, before))
    if chosen is None or app.look.name != chosen:
        app.wear(before)
        return None
    return chosen
