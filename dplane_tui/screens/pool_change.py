"""Changing what a pool is made of: the ways for the device under the cursor, then the question, then ZFS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import RefusedError
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
    found: list[tuple[str, str, str]] = []
    if vdev is None:
        return found
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
    vdev = _chosen(whole, pool, key)
    offered = ways(whole, vdev)
    if vdev is None or not offered:
        raise RefusedError("There is no disk under the cursor.", "Enter goes into the pool, arrows to a disk.")
    way = await choose_way(console, f"{disk_name(vdev)} of {pool.name}", offered)
    return None if way is None else await getattr(_Acts(console, whole, vdev), way)()


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

    async def replace(self) -> str | None:
        """Another disk in its place."""
        new = await self._new(f"Which disk takes the place of {self._name}?", spares=True)
        if new is None:
            return None
        text = f"{new} takes the place of {self._name} in {self._pool.name}. Everything on {new} is overwritten."
        if not await ask(self._console, Confirm(f"Replace {self._name}?", text, "Replace")):
            return None
        made = await self._service.replace(self._pool, self._vdev, new)
        return f"{new} is in {self._pool.name} now ({made.state}) and is being filled."

    async def attach(self) -> str | None:
        """One more disk with the same content."""
        new = await self._new(f"Which disk becomes a mirror of {self._name}?")
        if new is None:
            return None
        text = f"{new} becomes a mirror of {self._name} in {self._pool.name}. Everything on {new} is overwritten."
        if not await ask(self._console, Confirm(f"Attach {new}?", text, "Attach")):
            return None
        made = await self._service.attach(self._pool, self._vdev, new)
        return f"{new} is in {self._pool.name} now ({made.state}) and is being filled."

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
