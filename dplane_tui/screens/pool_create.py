"""The wizard for a new pool: disks by stable id, a layout, the space it gives, and the command it becomes."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence

from textual import events
from textual.widget import Widget

from ..errors import DPlaneError
from ..services.zfs.model import Disk
from ..services.zfs.requests import CreatePool, grouped
from ..text import size
from ..widgets.bars import Lines
from ..widgets.dialogs import Confirm, Dialog
from ..widgets.fields import Button, Choice, Field, TextField
from ..widgets.layout import Pieces, paragraphs
from ..widgets.table import Table
from .pool_rows import DISKS, disk_rows

LAYOUTS = (
    ("mirror", "mirror: every disk holds a copy"),
    ("pairs", "striped mirrors: pairs, one of each may fail"),
    ("raidz1", "raidz1: one disk may fail"),
    ("raidz2", "raidz2: two disks may fail"),
    ("raidz3", "raidz3: three disks may fail"),
    ("draid1", "draid1: one may fail; a spare is spread over all"),
    ("draid2", "draid2: two may fail; a spare is spread over all"),
    ("", "single disks: none may fail"),
)


CLASSES = {"l": "log", "c": "cache", "m": "special", "s": "spare"}
"""Key → what a disk is for, when it is not for data."""


def make(name: str, layout: str, marked: Mapping[str, str]) -> CreatePool:
    """The request for these choices; `marked` says what each disk is for (`data`, `log` …)."""
    data = [disk for disk, role in marked.items() if role == "data"]
    classes = {role: [disk for disk, what in marked.items() if what == role] for role in CLASSES.values()}
    return CreatePool(name.strip(), grouped(layout, data, {role: disks for role, disks in classes.items() if disks}))


def command(request: CreatePool) -> str:
    """What would run, as a person would type it."""
    return shlex.join(["zpool", "create", *(["-f"] if request.force else []), request.name, *request.words()])


class CreatePoolDialog(Dialog[CreatePool]):
    """Name, layout, disks; below them the usable space as the choice changes."""

    wide = True

    def __init__(self, disks: Sequence[Disk]) -> None:
        super().__init__("New pool")
        self._disks = tuple(disks)
        self._marked: dict[str, str] = {}

    def content(self) -> Iterable[Widget]:
        self._pool_name = TextField("Name", "tank", id="name")
        self._pool_layout = Choice("Layout", LAYOUTS, "mirror", id="layout")
        self._table = Table(DISKS, caption="Disks (Space marks; l log, c cache, m metadata, s spare)")
        self._table.styles.height = max(4, min(len(self._disks) + 2, self.app.size.height - 12))
        self._below = Lines()
        self._fill()
        return (self._pool_name, self._pool_layout, self._table, self._below)

    def buttons(self) -> Iterable[Button]:
        return (Button("Cancel", id="cancel"), Button("Review", id="yes"))

    def begin(self) -> None:
        self._pool_name.focus()

    @property
    def request(self) -> CreatePool:
        """What the choices come to."""
        return make(self._pool_name.value, self._pool_layout.value, self._marked)

    def _fill(self, error: str = "") -> None:
        self._table.set_rows(disk_rows(self._disks, self._marked), "No disks were found on this box.")
        lines: list[Pieces] = []
        width = self.inner_width()
        if error:
            lines += paragraphs(error, width, "bad")
        elif self._marked:
            try:
                self.request.check(self._disks)
            except DPlaneError as problem:
                lines += paragraphs(str(problem), width, "warn")
            else:
                usable = size(self.request.usable(self._disks))
                rest = f" with {len(self._marked)} disks; {self.request.survives()}."
                lines.append([("Usable about ", "text"), (usable, "strong"), (rest, "text")])
                for warning in self.request.warnings(self._disks):
                    lines += paragraphs(warning, width, "warn")
        else:
            lines.append([("Mark the disks it shall be made of.", "dim")])
        self._below.show(lines[:4])

    def key_pressed(self, event: events.Key) -> None:
        """Space marks a disk for data, a letter for something else; Enter goes on to the next thing."""
        if self.focused is self._table and event.key in {"space", "x", *CLASSES}:
            event.stop()
            self._mark(self._table.key, CLASSES.get(event.key, "data"))
        elif self.focused is self._table and event.key == "enter":
            event.stop()
            self.query_one("#yes", Button).focus()
        else:
            super().key_pressed(event)

    def _mark(self, key: str | None, role: str) -> None:
        disk = next((one for one in self._disks if one.id == key), None)
        if disk is None:
            return
        if disk.in_use:
            self._fill(f"{disk.id} cannot be taken: {disk.in_use}.")
            return
        if self._marked.get(disk.id) == role:
            del self._marked[disk.id]
        else:
            self._marked[disk.id] = role
        self._fill()

    def on_field_changed(self, message: Field.Changed) -> None:
        """Work out the space again."""
        message.stop()
        self._fill()

    def on_field_done(self) -> None:
        """Enter in a field."""
        self.focus_next()

    def accept(self) -> None:
        try:
            self.request.check(self._disks)
        except DPlaneError as problem:
            self._fill(str(problem))
            return
        self.dismiss(self.request)


def review(request: CreatePool, disks: Sequence[Disk]) -> Confirm:
    """The last look: command, space, warnings."""
    lines = [
        f"Usable about {size(request.usable(disks))}; {request.survives()}. Everything on these disks will be lost:",
        *(f"  {name}" for vdev in request.vdevs for name in vdev.disks),
        *request.warnings(disks),
        "",
        "Runs: " + command(request),
    ]
    return Confirm(f"Create the pool {request.name}?", "\n".join(lines), "Create")
