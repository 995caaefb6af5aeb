"""What can be done to a pool as a whole: the question with what it costs, then ZFS."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from textual import events
from textual.widget import Widget

from ..errors import DPlaneError
from ..services.zfs.growth_rules import AddVdevs, held_words, unlike
from ..services.zfs.model import Disk, Pool
from ..services.zfs.requests import VdevSpec
from ..widgets.bars import Lines
from ..widgets.dialogs import Confirm, Dialog, Form, TypedConfirm, ask
from ..widgets.fields import Button, Choice, Field, TextField
from ..widgets.layout import Pieces, paragraphs
from ..widgets.table import Table
from .pool_rows import DISKS, disk_rows

if TYPE_CHECKING:
    from ..app import Console

_KINDS = (
    ("mirror", "data: mirror"),
    ("raidz1", "data: raidz1"),
    ("raidz2", "data: raidz2"),
    ("raidz3", "data: raidz3"),
    ("", "data: single disks"),
    ("spare", "spare: waits to take a place"),
    ("log", "log: for synchronous writes"),
    ("cache", "cache: for reading"),
    ("special", "special: for metadata, as a mirror"),
)


def request_of(kind: str, disks: Sequence[str], mismatch: bool = False) -> AddVdevs:
    """What these choices come to. Two logs or special disks and more are mirrored."""
    if kind in ("spare", "log", "cache", "special"):
        layout = "mirror" if kind in ("log", "special") and len(disks) > 1 else ""
        groups = [VdevSpec(layout, tuple(disks), kind)] if layout else [VdevSpec("", (one,), kind) for one in disks]
        return AddVdevs(tuple(groups), mismatch=mismatch)
    if not kind:
        return AddVdevs(tuple(VdevSpec("", (one,)) for one in disks), mismatch=mismatch)
    return AddVdevs((VdevSpec(kind, tuple(disks)),), mismatch=mismatch)


class AddDialog(Dialog[AddVdevs]):
    """What is added, and of which disks; below, what speaks against it."""

    wide = True

    def __init__(self, pool: Pool, disks: Sequence[Disk]) -> None:
        super().__init__(f"Add disks to {pool.name}")
        self._pool, self._disks = pool, tuple(disks)
        self._marked: list[str] = []

    def content(self) -> Iterable[Widget]:
        tops = [top.kind for top in self._pool.vdevs if top.role == "data"]
        first = tops[0] if tops and tops[0] in dict(_KINDS) else "mirror"
        self._kind = Choice("What", _KINDS, first, id="kind")
        unlike_it = (("", "do not add it"), ("yes", "add it all the same"))
        self._mismatch = Choice("If unlike", unlike_it, id="unlike")
        self._table = Table(DISKS, caption="Disks (Space marks)")
        self._table.styles.height = max(4, min(len(self._disks) + 2, self.app.size.height - 12))
        self._below = Lines()
        self._fill()
        return (self._kind, self._mismatch, self._table, self._below)

    def buttons(self) -> Iterable[Button]:
        return (Button("Cancel", id="cancel"), Button("Review", id="yes"))

    def begin(self) -> None:
        self._kind.focus()

    @property
    def request(self) -> AddVdevs:
        """What the choices come to."""
        return request_of(self._kind.value, self._marked, bool(self._mismatch.value))

    def _fill(self, error: str = "") -> None:
        marked = dict.fromkeys(self._marked, "data")
        self._table.set_rows(disk_rows(self._disks, marked), "No disks were found on this box.")
        lines: list[Pieces] = [[("Mark the disks to add.", "dim")]]
        if error or self._marked:
            problem = error
            try:
                self.request.check(self._pool, self._disks)
            except DPlaneError as found:
                problem = problem or str(found)
            lines = paragraphs(problem, self.inner_width(), "warn") if problem else [[("This can be added.", "text")]]
        self._below.show(lines[:4])

    def key_pressed(self, event: events.Key) -> None:
        """Space marks a disk, Enter goes on."""
        if self.focused is self._table and event.key in {"space", "x"}:
            event.stop()
            self._mark(self._table.key)
        elif self.focused is self._table and event.key == "enter":
            event.stop()
            self.query_one("#yes", Button).focus()
        else:
            super().key_pressed(event)

    def _mark(self, key: str | None) -> None:
        disk = next((one for one in self._disks if one.id == key), None)
        if disk is None:
            return
        if disk.in_use:
            self._fill(f"{disk.id} cannot be taken: {disk.in_use}.")
            return
        if disk.id in self._marked:
            self._marked.remove(disk.id)
        else:
            self._marked.append(disk.id)
        self._fill()

    def on_field_changed(self, message: Field.Changed) -> None:
        """Judge it again."""
        message.stop()
        self._fill()

    def on_field_done(self) -> None:
        """Enter in a field."""
        self.focus_next()

    def accept(self) -> None:
        try:
            self.request.check(self._pool, self._disks)
        except DPlaneError as problem:
            self._fill(str(problem))
            return
        self.dismiss(self.request)


class WholeActs:
    """One method a way; each returns the sentence of success, or nothing when the person left."""

    def __init__(self, console: Console, pool: Pool) -> None:
        self._console, self._pool = console, pool
        self._service = console.services.repair

    async def _typed(self, title: str, lines: Sequence[str], word: str) -> bool:
        return await ask(self._console, TypedConfirm(title, lines, self._pool.name, word)) is True

    async def add(self) -> str | None:
        """One more group; zpool draws it first."""
        pool = self._pool
        request = await ask(self._console, AddDialog(pool, await self._service.disks()))
        if request is None:
            return None
        drawn = await self._service.add_preview(pool, request)
        lines = [
            "What is on these disks is lost. A group of a raidz pool can never be taken out again.",
            *filter(None, (unlike(pool, request.vdevs), await self._service.unchecked(request))),
            *(line.expandtabs(4) for line in drawn.splitlines() if line.strip()),
        ]
        if not await self._typed(f"Add to {pool.name}", lines, "Add"):
            return None
        found = await self._service.add(pool, request)
        return f"{found.name} has the new disks and is {found.state}."

    async def split(self) -> str | None:
        """A second pool."""
        fields = (TextField("New pool", f"{self._pool.name}2", id="to"),)
        text = "One disk of each mirror leaves this pool and becomes a pool of its own, a copy as of now."
        values = await ask(self._console, Form(f"Split {self._pool.name}", fields, "Go on", text=text))
        if values is None:
            return None
        to = values["to"].strip()
        if not await self._typed(f"Split {self._pool.name}", [text, f"The new pool is called {to}."], "Split"):
            return None
        guid = await self._service.split(self._pool, to)
        return f"{to} was split from {self._pool.name} (GUID {guid}); i imports it."

    async def expand(self) -> str | None:
        """Autoexpand on or off."""
        fields = (Choice("autoexpand", (("on", "on: use it"), ("off", "off: leave it")), "on", id="on"),)
        text = "Whether the pool uses all of its disks by itself once every disk of a group is larger."
        values = await ask(self._console, Form(f"Larger disks in {self._pool.name}", fields, "Set", text=text))
        if values is None:
            return None
        kept = await self._service.set_habit(self._pool, "autoexpand", values["on"] == "on")
        return f"autoexpand of {self._pool.name} is {kept}."

    async def trim(self) -> str | None:
        """Start a trim."""
        text = "The pool can be used meanwhile."
        if not await ask(self._console, Confirm(f"Trim {self._pool.name}?", text, "Trim")):
            return None
        return f"Trim of {self._pool.name}: {await self._service.work(self._pool, 'trim', 'start')}."

    async def checkpoint(self) -> str | None:
        """Keep it as it is."""
        text = (
            "What is freed from now on stays in use until the checkpoint is given up. "
            "Until then no disk can be attached, detached, removed or split off."
        )
        if not await ask(self._console, Confirm(f"Keep {self._pool.name} as it is now?", text, "Keep")):
            return None
        held = await self._service.checkpoint(self._pool)
        return f"{self._pool.name} has {held_words(held)}."

    async def discard(self) -> str | None:
        """Give the checkpoint up."""
        if not await self._typed("Give the checkpoint up", ["There is no way back to it then."], "Give up"):
            return None
        held = await self._service.checkpoint(self._pool, discard=True)
        return f"{self._pool.name} has {held_words(held, True)}."

    async def upgrade(self) -> str | None:
        """All features on."""
        features = await self._service.disabled_features(self._pool)
        if not features:
            return f"{self._pool.name} has all features of this ZFS already."
        lines = [
            f"Switches {len(features)} features on: {', '.join(features)}.",
            "Older versions of ZFS cannot import it any more, and this cannot be undone.",
        ]
        if not await self._typed(f"Upgrade {self._pool.name}", lines, "Upgrade"):
            return None
        await self._service.upgrade(self._pool)
        return f"{self._pool.name} has all features of this ZFS now."

    async def rename(self) -> str | None:
        """Another name."""
        fields = (TextField("New name", self._pool.name, id="to"),)
        text = "It is exported and imported again: nothing may use it meanwhile. Tasks go on naming it as before."
        values = await ask(self._console, Form(f"Rename {self._pool.name}", fields, "Rename", text=text))
        if values is None:
            return None
        self._console.say(f"Exporting {self._pool.name}…", "dim")
        found = await self._service.rename(self._pool, values["to"].strip())
        from .pool_import import imported

        return await imported(self._console, found)
