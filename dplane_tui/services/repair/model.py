"""Advice for a pool in trouble, and its damaged files, as frozen data."""

from __future__ import annotations

from typing import Literal

from ...lazyclass import dataclass
from ..zfs.model import Disk, Vdev
from ..zfs.vdevs import Whereabouts

Act = Literal["wait", "clear", "online", "replace", "detach", "scrub", "nothing"]

ROLE: dict[Act, str] = {
    "wait": "", "nothing": "", "clear": "operate", "online": "operate", "scrub": "operate",
    "replace": "admin", "detach": "admin",
}  # fmt: skip
"""The role that the door asks for."""
LABEL: dict[Act, str] = {
    "wait": "", "nothing": "", "clear": "clear the errors", "online": "bring it online", "scrub": "start a scrub",
    "replace": "replace it", "detach": "take it out",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Advice:
    """What happened to a pool, in sentences, and the one thing to do now."""

    pool: str
    guid: str
    act: Act
    happened: tuple[str, ...]
    todo: tuple[str, ...]
    vdev: Vdev | None = None
    """The device that `act` is about; None where it is about the whole pool."""
    disk: Whereabouts | None = None
    """Which physical disk the trouble is with."""
    fitting: tuple[Disk, ...] = ()
    """Free disks that could take its place, the smallest first."""
    spares: tuple[str, ...] = ()
    """Spares of the pool that could, by name."""
    needed: int | None = None
    """How many bytes a disk that takes its place must have at least; None for unknown."""
    besides: tuple[str, ...] = ()
    """What else is wrong; it is advised on when this is done."""
    broken: bool = True
    """Whether anything is wrong."""


@dataclass(frozen=True, slots=True)
class Done:
    """What was read back after the one thing was done, in a sentence."""

    said: str
    good: bool = True
    """Whether the trouble it was meant for is gone, or being mended, as far as was read back."""


@dataclass(frozen=True, slots=True)
class Damaged:
    """One thing that ZFS names as damaged for good."""

    name: str
    """As ZFS writes it: hostile bytes."""
    dataset: str = ""
    """Whose it is; empty when that is not known."""
    snapshot: str = ""
    """In which snapshot, by its name behind the @; empty for the file as it is now."""
    path: str = ""
    """Within the dataset; empty for what is no file."""
    snapshots: tuple[str, ...] = ()
    """Snapshots of the dataset that ZFS does not name with it, newest first: they may have a good one."""
    copies: tuple[str, ...] = ()
    """Where the dataset is replicated to, with what was proven there, a clause each."""


@dataclass(frozen=True, slots=True)
class Damage:
    """All of them that are shown, and how many there are."""

    found: tuple[Damaged, ...]
    total: int
    unknown: str = ""
    """Why something of it is not known; a sentence."""
