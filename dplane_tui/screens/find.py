"""Search everything: type a few letters, Enter goes there or does it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from textual import events
from textual.widget import Widget

from .. import finding
from ..actions import ACTIONS
from ..errors import DPlaneError
from ..finding import Thing
from ..services.zfs.model import Dataset
from ..widgets.bars import Lines, show
from ..widgets.dialogs import Dialog, ask
from ..widgets.fields import Button, Field, TextField
from ..widgets.layout import Cell, Column, paragraphs, row
from ..widgets.table import Table
from . import find_things

if TYPE_CHECKING:
    from ..app import Console

_COLUMNS = (
    Column("KIND", least=7),
    Column("NAME", least=12, most=40, middle=True),
    Column("WHAT", drop=1, least=10, most=200, grow=True),
    Column("KEY", drop=2, least=3),
)


class Finder(Dialog[Thing]):
    """A line to type in, below it what fits, kind by kind."""

    def __init__(self) -> None:
        super().__init__("What to do, where to go?")
        self._datasets: tuple[Dataset, ...] | None = None
        self._problem = ""
        self._things: list[Thing] = []
        self._found: list[Thing] = []

    @property
    def _shown_in(self) -> Console:
        return cast("Console", self.app)

    def content(self) -> Iterable[Widget]:
        self._field = TextField("Find", id="query", hint="a few letters of a name or of what to do")
        self._table = Table(_COLUMNS, id="found")
        self._table.styles.height = max(4, min(18, self.app.size.height - 8))
        self._note = Lines()
        return (self._field, self._table, self._note)

    def begin(self) -> None:
        self._field.focus()
        self._datasets = self._shown_in.poller.snapshot("all-datasets").value
        self._gather()
        if self._datasets is None:
            self._shown_in.later(self._read_datasets())

    async def _read_datasets(self) -> None:
        """Once, while the person types: no screen keeps the datasets of all pools."""
        try:
            self._datasets = await self._shown_in.services.zfs.datasets()
        except DPlaneError as error:
            self._problem = f"Datasets are not found: {error.message}"
        if self.is_mounted and self.is_attached:
            self._gather()

    def _gather(self) -> None:
        self._things = find_things.things(self._shown_in, self._datasets or ())
        self._fill()

    def _fill(self) -> None:
        self._found, more = finding.search(self._field.value, self._things)
        rows = [
            row(
                f"{number}",
                Cell(thing.kind, "dim"),
                Cell(thing.name, "strong" if thing.place is not None else "text"),
                Cell(thing.what, "text"),
                Cell(thing.key, "key"),
            )
            for number, thing in enumerate(self._found)
        ]
        self._table.set_rows(rows, "Nothing that was read, and nothing any screen does, has these letters.")
        if rows:
            self._table.select("0")
        said = f"{more} more fit; another letter helps." if more else self._problem
        said = said or find_things.unread(self._shown_in, self._datasets is not None)
        show(self._note, bool(said))
        self._note.show(paragraphs(said, self.inner_width(), "dim"))

    def on_field_changed(self, message: Field.Changed) -> None:
        """Search as the person types."""
        message.stop()
        self._fill()

    def on_field_done(self) -> None:
        """Enter: what is under the cursor."""
        self._take()

    def buttons(self) -> Iterable[Button]:
        return (Button("Cancel", id="cancel"),)

    def key_pressed(self, event: events.Key) -> None:
        """Arrows move in the list while the field keeps the letters."""
        if event.key in {"up", "down", "pageup", "pagedown"} and self.focused is self._field:
            event.stop()
            self._table.on_key(event)
        elif event.key == "enter" and self.focused is self._table:
            event.stop()
            self._take()
        else:
            super().key_pressed(event)

    def _take(self) -> None:
        key = self._table.key
        if key is not None:
            self.dismiss(self._found[int(key)])


async def find(app: Console) -> None:
    """Ask for a thing and go there, or do it."""
    section = app.current
    thing = await ask(app, Finder())
    if thing is None:
        return
    if thing.place is not None:
        app.visit(thing.place)
    elif thing.kind == "action":
        app.perform(next(one for one in ACTIONS if f"{one.group}/{one.id}" == thing.act), section)
    elif thing.kind == "elsewhere":
        app.act(app.do_policies(), refresh=False)
    elif thing.kind == "theme":
        app.choose_theme(thing.act)
    elif thing.kind == "box":
        await app.go_to_box(thing.act)
