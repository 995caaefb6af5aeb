"""Devices of a pool: by the names people give them, which disks they are, what could take their place. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ...errors import MissingError, UsageError
from ...lazyclass import dataclass
from ...text import clean
from .model import Disk, Pool, Vdev

PARTITIONS = 10 << 20
"""Bytes of a whole disk that zpool keeps for the partition table, alignment and its reserved partition."""
_PART = re.compile(r"-part\d+$")
_WAS = re.compile(r"was (/\S+)")


def path_of(vdev: Vdev) -> str:
    """Where it is, or was when ZFS saw it last; empty when it does not tell."""
    was = _WAS.search(vdev.note)
    return vdev.path or (was[1] if was else "")


def disk_name(vdev: Vdev) -> str:
    """What a person calls it: its name by-id where it has one, else what zpool calls it."""
    path = path_of(vdev)
    if path.startswith("/dev/"):
        return _PART.sub("", path.rpartition("/")[2])
    return path or vdev.name


def find_disk(vdev: Vdev, disks: Iterable[Disk]) -> Disk | None:
    """The disk that is there now under that name; None when it is away, or is no whole disk."""
    names = {disk_name(vdev), vdev.name} - {""}  # of /dev/sda1, zpool itself says sda
    return next((disk for disk in disks if names & {disk.id, disk.device, *disk.aliases} - {""}), None)


def find_vdev(pool: Pool, word: str) -> Vdev:
    """The device that a person means: by name, name by-id, path or GUID. Raises MissingError, UsageError (several)."""
    found: dict[str, Vdev] = {}
    for top in pool.vdevs:
        for _, one in top.walk():
            if word in (one.name, one.guid, one.path, disk_name(one)) and not (
                one.role == "spare" and one.state == "INUSE"
            ):
                found[one.guid or one.name] = one
    if not found:
        raise MissingError(
            f"The pool {pool.name} has no device {clean(word, 80)}.", f"`dplane pool show {pool.name}` lists them."
        )
    if len(found) > 1:
        guids = ", ".join(found)
        raise UsageError(
            f"{len(found)} devices of {pool.name} are called {clean(word, 80)}.", f"Give the GUID: {guids}."
        )
    return next(iter(found.values()))


def top_of(pool: Pool, vdev: Vdev) -> Vdev:
    """The top-level device that it belongs to."""
    return next((top for top in pool.vdevs if any(one is vdev for _, one in top.walk())), vdev)


def fitting(pool: Pool, vdev: Vdev, disks: Iterable[Disk]) -> tuple[Disk, ...]:
    """The free disks that are large enough to take its place, the smallest first; where the size is unknown, the
    largest first."""
    known = tuple(disks)
    least = needed(pool, vdev, known)
    free = [disk for disk in known if not disk.in_use and disk.size - PARTITIONS >= (least or 0)]
    return tuple(sorted(free, key=lambda disk: (disk.size if least else -disk.size, disk.id)))


def needed(pool: Pool, vdev: Vdev, disks: Iterable[Disk] = ()) -> int | None:
    """How many bytes its successor must have, without partitions; None for unknown (ZFS itself refuses a small one)."""
    if vdev.least:
        return vdev.least
    others = [one for _, one in top_of(pool, vdev).walk() if not one.children and one is not vdev]
    told = [one.least for one in others if one.least]
    if told:
        return min(told)
    known = tuple(disks)
    sizes = [disk.size - PARTITIONS for one in others if (disk := find_disk(one, known)) is not None]
    # Disks of one model differ by a few sectors; ZFS rounds down by more than that.
    return min(sizes) - (16 << 20) if sizes else None


def can_lose(top: Vdev) -> int:
    """How many of its members a group can lose in all."""
    if top.kind == "mirror":
        return max(0, len(top.children) - 1)
    matched = re.match(r"(?:raidz|draid)(\d?)", top.kind)
    return int(matched[1] or 1) if matched else 0


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Which physical thing a device is, as far as it is known."""

    name: str
    guid: str
    path: str
    model: str = ""
    serial: str = ""
    device: str = ""
    """The kernel's name now; empty when it is not there."""
    size: int | None = None
    slot: str = ""
    """Slot and enclosure, where sysfs tells."""


def whereabouts(vdev: Vdev, disks: Iterable[Disk], slots: dict[str, str]) -> Whereabouts:
    """Which disk it is; `slots` are by kernel name."""
    disk = find_disk(vdev, disks)
    name, guid, path = disk_name(vdev), vdev.guid or "", path_of(vdev)
    if disk is None:
        return Whereabouts(name, guid, path, size=vdev.size)
    return Whereabouts(name, guid, path, disk.model, disk.serial, disk.device, disk.size, slots.get(disk.device, ""))
