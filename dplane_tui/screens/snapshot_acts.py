"""What the Snapshots screen does: asks, previews, calls the service, says what came of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..actions import within
from ..errors import RefusedError
from ..services.zfs.choose import chosen as choose
from ..services.zfs.model import Snapshot
from ..services.zfs.snapshot_acts import OUR_HOLD
from ..text import age, size
from ..widgets.dialogs import Confirm, Form, Reader, ask
from ..widgets.fields import TextField
from ..widgets.layout import Pieces
from .sure import choose_way, preview_lines, snapshot_first, sure

if TYPE_CHECKING:
    from ..app import Console
    from ..services.zfs.storage import StorageService
    from ..services.zfs.tree import Holding
    from .snapshots import SnapshotsScreen


class SnapshotScreenActs:
    """The acts of the Snapshots screen, loaded with their dialogs when the first is asked for."""

    def __init__(self, screen: SnapshotsScreen) -> None:
        self._screen = screen

    @property
    def console(self) -> Console:
        """The app."""
        return self._screen.console

    @property
    def storage(self) -> StorageService:
        """The service."""
        return self.console.services.storage

    def chosen(self) -> Snapshot:
        """The snapshot under the cursor. Raises RefusedError when there is none."""
        one = self._screen.chosen
        if one is None:
            raise RefusedError("There is no snapshot under the cursor.")
        return one

    async def _dataset(self) -> Holding:
        name = self._screen.dataset_name
        if not name:
            raise RefusedError("There is no dataset under the cursor.", "5 goes to the datasets; p there takes one.")
        return await self.storage.holding(name)

    async def do_snapshot_create(self) -> str | None:
        """A snapshot of the dataset under the cursor."""
        from .dataset_acts import take_snapshot

        return await take_snapshot(self.console, await self._dataset())

    async def do_snapshot_show(self) -> str | None:
        """Everything known about it: holds, and what hangs on it."""
        one = self.chosen()
        tags = await self.storage.holds(one)
        clones = await self.storage.dependents([one.name])
        lines: list[Pieces] = [
            [(one.name, "strong")],
            [("GUID ", "dim"), (one.guid, "text")],
            [("taken ", "dim"), (age(one.created, time.time()), "text")],
            [("used by it alone ", "dim"), (size(one.used), "text"), ("  what destroying just this one frees", "dim")],
            [("reaches ", "dim"), (size(one.referenced), "text")],
            [("holds ", "dim"), (", ".join(tags) or "none", "warn" if tags else "text")],
            [("clones ", "dim"), (", ".join(clones) or "none", "warn" if clones else "text")],
            [],
            [("o", "key"), (" roll back  ", "dim"), ("c", "key"), (" clone  ", "dim"), ("h", "key"), (" hold  ", "dim"),
             ("f", "key"), (" compare  ", "dim"), ("d", "key"), (" destroy", "dim")],
        ]  # fmt: skip
        key = await ask(self.console, Reader(f"Snapshot {one.name}", lines, ("o", "c", "h", "f", "d")))
        action = next((one for one in within(("snapshots",)) if key in one.keys and key != "enter"), None)
        if key is not None and action is not None:
            self.console.perform(action, self._screen)
        return None

    async def do_snapshot_rename(self) -> str | None:
        """Another name behind the @."""
        one = self.chosen()
        text = "Replication knows snapshots by their GUID, so it goes on. A policy no longer counts it as its own."
        values = await ask(
            self.console, Form(f"Rename {one.name}", (TextField("New name", one.short, id="to"),), "Rename", text=text)
        )
        if values is None or values["to"].strip() == one.short:
            return None
        found = await self.storage.rename_snapshot(one, values["to"].strip())
        return f"{one.name} is called @{found.short} now."

    async def do_snapshot_hold(self) -> str | None:
        """Hold, or release what a person held."""
        one = self.chosen()
        tags = await self.storage.holds(one)
        ours = [tag for tag in tags if tag.startswith(OUR_HOLD)]
        if ours:
            text = f"Holds now: {', '.join(tags)}. Without {ours[0]} it can be destroyed, unless another hold is left."
            if not await ask(self.console, Confirm(f"Release {one.name}?", text, "Release")):
                return None
            left = await self.storage.release(one, ours[0])
            return f"The hold {ours[0]} of {one.name} is released; {len(left)} left."
        also = f" It is held already by {', '.join(tags)}." if tags else ""
        text = f"It cannot be destroyed until the hold is released (h again).{also}"
        if not await ask(self.console, Confirm(f"Hold {one.name}?", text, "Hold")):
            return None
        await self.storage.hold(one)
        return f"{one.name} is held: nothing destroys it before h releases it."

    async def do_snapshot_clone(self) -> str | None:
        """A dataset that begins as the snapshot is."""
        one = self.chosen()
        name = f"{one.dataset}-{one.short}" if "/" in one.dataset else f"{one.dataset}/{one.short}"
        text = "Takes no space at first. The snapshot cannot go while the clone hangs on it."
        values = await ask(
            self.console,
            Form(
                f"Clone {one.name}",
                (TextField("New dataset", name, id="to"),),
                "Clone",
                text=text,
                preview=lambda values: [f"Runs: zfs clone {one.name} {values['to']}"],
            ),
        )
        if values is None:
            return None
        made = await self.storage.clone(one, values["to"].strip())
        where = f", mounted at {made.mountpoint}" if made.mounted else ""
        return f"{made.name} is there as {one.name} was{where}."

    async def do_snapshot_rollback(self) -> str | None:
        """Roll back, after showing what is lost; or clone instead, which loses nothing."""
        one = self.chosen()
        preview = await self.storage.rollback_preview(one)
        newer = f", {len(preview.objects)} newer snapshots or bookmarks among it" if preview.objects else ""
        way = await choose_way(
            self.console,
            f"Back to {one.name}",
            (
                ("clone", "clone it beside", "nothing is lost; take from it what you need"),
                ("back", "roll back", "what is newer is lost"),
            ),
            f"A rollback loses everything newer in {one.dataset}{newer}. A snapshot taken before it would be newer, "
            "too, so it could bring nothing back.",
        )
        if way == "clone":
            return await self.do_snapshot_clone()
        if way is None:
            return None
        extra = [f"{one.name}, GUID {one.guid}", f"Everything written to {one.dataset} since {one.short} is lost."]
        lines = preview_lines(preview, extra)
        if not await sure(self.console, f"Roll back to {one.name}", lines, one.name, "Roll back"):
            return None
        found = await self.storage.rollback(preview)
        return f"{found.dataset} is back at {found.short}, which is its newest snapshot now."

    async def do_snapshot_destroy(self) -> str | None:
        """Destroy the snapshot under the cursor."""
        return await self._destroy(await self._dataset(), (self.chosen(),))

    async def do_snapshots_destroy(self) -> str | None:
        """Destroy from the mark to the cursor, or by a range or pattern."""
        dataset = await self._dataset()
        marked, here = self._screen.marked_snapshot, self._screen.chosen
        words = ""
        if marked is not None and here is not None and marked.dataset == here.dataset:
            old, new = sorted((marked, here), key=lambda one: one.createtxg)
            words = f"{old.short}%{new.short}"
        there = await self.storage.snapshots(dataset.name)
        fields = (TextField("Which", words, id="which", hint="old%new, auto-*, or names with commas"),)
        values = await ask(
            self.console,
            Form(
                f"Destroy snapshots of {dataset.name}",
                fields,
                "Look",
                text="A range goes from an old one to a new one, both included; `%new` is everything up to it, `old%` "
                "everything since. `*` and `?` stand for any letters. You see what would go before anything does.",
                preview=lambda values: _counted(values["which"], there),
                check=lambda values: choose(values["which"], there),
            ),
        )
        if values is None:
            return None
        return await self._destroy(dataset, choose(values["which"], there))

    async def _destroy(self, dataset: Holding, chosen: Sequence[Snapshot]) -> str | None:
        """Preview, offer a snapshot first, ask for the name, act."""
        storage, count = self.storage, len(chosen)
        preview = await storage.destroy_many_preview(dataset, chosen)
        what = chosen[0].name if count == 1 else f"{count} snapshots of {dataset.name}"
        freed = "?" if preview.reclaim is None else size(preview.reclaim)
        way = await choose_way(self.console, f"Destroy {what}", _ways(dataset, count), _about(dataset, freed, chosen))
        if way is None:
            return None
        name = chosen[0].name if count == 1 else dataset.name
        extra = [f"{chosen[0].name}, GUID {chosen[0].guid}"] if count == 1 else []
        if not await sure(self.console, f"Destroy {what}", preview_lines(preview, extra), name, "Destroy"):
            return None
        kept = await snapshot_first(self.console, dataset) if way == "first" else None
        gone = await storage.destroy_many(dataset, chosen)
        self._screen.marked = ""
        back = f" What is in the dataset now is in @{kept.short} as well." if kept is not None else ""
        said = "was destroyed; it is" if count == 1 else "were destroyed; they are"
        return f"{gone[0] if count == 1 else what} {said} no longer listed, {freed} freed.{back}"

    async def do_snapshot_diff(self) -> str | None:
        """What changed: from the mark to the cursor, or from the cursor until now."""
        from .snapshot_diff import DiffReader

        here, marked = self.chosen(), self._screen.marked_snapshot
        if marked is None or marked.name == here.name:
            first, second = here, None
        elif marked.dataset != here.dataset:
            raise RefusedError("The mark is in another dataset.", "m takes it away, or marks one here.")
        else:
            first, second = sorted((marked, here), key=lambda one: one.createtxg)
        await ask(self.console, DiffReader(self.storage.diff(first, second), first, second))
        return None


def _ways(dataset: Holding, count: int) -> tuple[tuple[str, str, str], ...]:
    """A copy of another box gets no snapshot of its own: its next increment would not fit any more.

    Elsewhere one is offered last: it keeps nothing of what goes.
    """
    first = ("first", "take a snapshot first", "of what is there now, then destroy")
    just = ("destroy", "just destroy", f"{_only(count)} is gone for good")
    return (just,) if dataset.peer else (just, first)


def _only(count: int) -> str:
    return "what only it has" if count == 1 else "what only they have"


def _about(dataset: Holding, freed: str, chosen: Sequence[Snapshot]) -> str:
    if dataset.peer:
        return (
            f"That would free {freed}. {dataset.name} is the copy of a dataset of {dataset.peer}: without the snapshot "
            "that its next increment starts from, that cannot go on."
        )
    held = f"@{chosen[0].short}" if len(chosen) == 1 else "they"
    return (
        f"That would free {freed}. W{_only(len(chosen))[1:]} is gone for good. What is in the dataset now stays, and a "
        f"snapshot first keeps it as it is now. This does not bring back what {held} held."
    )


def _counted(words: str, there: Sequence[Snapshot]) -> list[str]:
    from ..errors import DPlaneError

    if not words.strip():
        return []
    try:
        found = choose(words, there)
    except DPlaneError as error:
        return [str(error)]
    names = [one.short for one in found]
    shown = ", ".join(names) if len(names) < 4 else f"{names[0]}, {names[1]} … {names[-1]}"
    return [f"{len(found)} of {len(there)}: {shown}"]
