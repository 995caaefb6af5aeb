"""Changing what a pool is made of: the ways for the device under the cursor, then the question, then ZFS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import RefusedError
from ..services.zfs.growth_rules import why_not_removed, why_not_split
from ..services.zfs.model import Disk, Pool, Vdev
from ..services.zfs.vdevs import disk_name, fitting
from ..text import size
from ..widgets.dialogs import Choose, Confirm, TypedConfirm, ask
from ..widgets.layout import Column, row
from .sure import choose_way

if TYPE_CHECKING:
    from ..app import Console

_DISKS = (
    Column("DISK", least=16, most=60, grow=True, middle=True),
    Column("SIZE", right=True, least=5),
    Column("MODEL", drop=1, least=6, most=20),
)
OFFLINE = (
    "Its group then has one disk less to lose. ZFS refuses when data would be out of reach. "
    "Bring it online again later: ZFS then writes only what it missed."
)


def ways(pool: Pool, vdev: Vdev | None) -> list[tuple[str, str, str]]:
    """(key, word, what it means) of what can be done to that device."""
    if vdev is None:
        return [*of_pool(pool)]
    found: list[tuple[str, str, str]] = []
    if vdev.kind.startswith("raidz"):
        found.append(("attach", "widen", "one more disk in this raidz, where this ZFS can"))
    if not why_not_removed(pool, vdev):
        found.append(("remove", "remove", "take it out of the pool; its data is copied to the others first"))
    if not vdev.children and vdev.role != "spare":
        found.append(("replace", "replace", "another disk takes its place"))
        if vdev.state == "ONLINE":
            found.append(("offline", "offline", "do not use it until it is brought back"))
        else:
            found.append(("online", "online", "use it again; what it missed is written"))
        if vdev.role != "cache" and _mirrors(pool, vdev):
            found.append(("attach", "attach", "another disk becomes a mirror of it"))
        if _mirrored(pool, vdev):
            found.append(("detach", "detach", "take it out of its mirror for good"))
    return found


def of_pool(pool: Pool) -> list[tuple[str, str, str]]:
    """What can be done to the pool as a whole."""
    found = [
        ("add", "add disks", "one more group for data, or a log, cache, spare, special"),
        ("expand", "autoexpand", "use all of larger disks by itself, or not"),
        ("trim", "trim", "tell the disks which blocks are free"),
        ("checkpoint", "checkpoint", "keep the pool as it is now, to go back to"),
        ("discard", "no checkpoint", "give the checkpoint up"),
        ("upgrade", "upgrade", "switch all features on; older ZFS cannot import it then"),
        ("rename", "rename", "export it and import it under another name"),
    ]
    if not why_not_split(pool):
        found.insert(1, ("split", "split", "a second pool from one disk of each mirror"))
    return found


def _parent(pool: Pool, vdev: Vdev) -> Vdev | None:
    for top in pool.vdevs:
        for _, one in top.walk():
            if any(child is vdev for child in one.children):
                return one
    return None


def _mirrors(pool: Pool, vdev: Vdev) -> bool:
    """Whether it is single or in a mirror, where one more can be attached."""
    parent = _parent(pool, vdev)
    return parent is None or parent.kind == "mirror"


def _mirrored(pool: Pool, vdev: Vdev) -> bool:
    parent = _parent(pool, vdev)
    return parent is not None and parent.kind in ("mirror", "replacing", "spare")


async def change(console: Console, pool: Pool, key: str) -> str | None:
    """What can be done to the device with that GUID of the pool; the question, then ZFS."""
    service = console.services.repair
    console.say(f"Looking at {pool.name}…", "dim")
    whole = await service.whole(pool.name)
    console.say("")
    if whole.guid != pool.guid:
        raise RefusedError(f"{pool.name} is another pool now.", "Look again.")
    vdev = _chosen(whole, pool, key) if key else None
    offered = ways(whole, vdev)
    if (key and vdev is None) or not offered:
        raise RefusedError("Nothing can be changed there.", "A disk, a group or the pool itself can be.")
    title = f"{disk_name(vdev)} of {pool.name}" if vdev is not None else f"The pool {pool.name}"
    way = await choose_way(console, title, offered)
    if way is None:
        return None
    if vdev is None:
        from .pool_whole import WholeActs

        done: str | None = await getattr(WholeActs(console, whole), way)()
    else:
        done = await getattr(_Acts(console, whole, vdev), way)()
    return done


def _chosen(whole: Pool, seen: Pool, key: str) -> Vdev | None:
    """The device of a row: by its GUID, or by its name where ZFS's text has none."""
    names = {f"{vdev.role}/{depth}/{vdev.name}" for top in seen.vdevs for depth, vdev in top.walk()}
    for top in whole.vdevs:
        for depth, vdev in top.walk():
            if key and (vdev.guid == key or (key in names and key == f"{vdev.role}/{depth}/{vdev.name}")):
                return vdev
    return None


class _Acts:
    """One method a way; each returns the sentence of success, or nothing when the person left."""

    def __init__(self, console: Console, pool: Pool, vdev: Vdev) -> None:
        self._console, self._pool, self._vdev = console, pool, vdev
        self._service = console.services.repair
        self._name = disk_name(vdev)

    async def online(self) -> str | None:
        """Bring it back."""
        text = "ZFS writes onto it what it missed, then it counts again."
        if not await ask(self._console, Confirm(f"Bring {self._name} online?", text, "Online")):
            return None
        found = await self._service.online(self._pool, self._vdev)
        return f"{self._name} is {found.state} in {self._pool.name}."

    async def offline(self) -> str | None:
        """Take it out of use."""
        if not await ask(self._console, Confirm(f"Take {self._name} offline?", OFFLINE, "Offline")):
            return None
        found = await self._service.offline(self._pool, self._vdev)
        return f"{self._name} is {found.state} in {self._pool.name}."

    async def detach(self) -> str | None:
        """Take it out for good."""
        lines = [f"{self._name}, GUID {self._vdev.guid}, leaves {self._pool.name}: what is on it is no copy any more."]
        if await ask(self._console, TypedConfirm("Detach a disk", lines, self._name, "Detach")) is not True:
            return None
        left = await self._service.detach(self._pool, self._vdev)
        return f"{self._name} was taken out of {left.name}, which is {left.state}."

    async def remove(self) -> str | None:
        """Take it out of the pool."""
        lines = [
            f"{self._name}, GUID {self._vdev.guid}, leaves {self._pool.name}; data on it is copied to the others first."
        ]
        if await ask(self._console, TypedConfirm("Remove", lines, self._name, "Remove")) is not True:
            return None
        self._console.say("Asking ZFS…", "dim")
        outcome = await self._service.remove(self._pool, self._vdev)
        if outcome == "removed":
            return f"{self._name} was removed from {self._pool.name}."
        return f"{self._name} is leaving {self._pool.name}: its data is being copied to the others."

    async def replace(self) -> str | None:
        """Another disk in its place."""
        new = await self._new(f"Which disk takes the place of {self._name}?", spares=True)
        if new is None:
            return None
        text = f"{new} takes the place of {self._name} in {self._pool.name}. Everything on {new} is overwritten."
        if not await ask(self._console, Confirm(f"Replace {self._name}?", text, "Replace")):
            return None
        made = await self._service.replace(self._pool, self._vdev, new)
        return f"{new} is in {self._pool.name} now ({made.state}{f', {made.note}' if made.note else ''})."

    async def attach(self) -> str | None:
        """One more disk with the same content."""
        wider = bool(self._vdev.children)
        what = f"one more disk of {self._name}" if wider else f"a mirror of {self._name}"
        new = await self._new(f"Which disk becomes {what}?")
        if new is None:
            return None
        text = f"{new} becomes {what} in {self._pool.name}. Everything on {new} is overwritten."
        if wider:
            text += " This cannot be undone. What is written already keeps its old share of parity."
        if not await ask(self._console, Confirm(f"Attach {new}?", text, "Attach")):
            return None
        made = await self._service.attach(self._pool, self._vdev, new)
        return f"{new} is in {self._pool.name} now ({made.state}{f', {made.note}' if made.note else ''})."

    async def _new(self, title: str, spares: bool = False) -> str | None:
        disks = await self._service.disks()
        found: tuple[Disk, ...] = fitting(self._pool, self._vdev, disks)
        waiting = [one for one in self._pool.leaves() if spares and one.role == "spare" and one.state == "AVAIL"]
        offered = [row(disk.id, disk.id, size(disk.size), disk.model or "?") for disk in found]
        offered += [row(disk_name(one), disk_name(one), size(one.size), "spare of the pool") for one in waiting]
        if not offered:
            raise RefusedError(
                "There is no free disk that is large enough.", "`dplane pool disks` says why each is not free."
            )
        return await ask(self._console, Choose(title, _DISKS, offered, pick="This one"))
