"""What ZFS tells, as frozen data. Bytes, Unix seconds, GUIDs as strings of digits; None is unknown."""

from __future__ import annotations

from collections.abc import Iterator

from ...lazyclass import dataclass

HEALTHY = "ONLINE"
LABEL_LOST = ("corrupted data", "invalid label", "split into new pool")
"""Notes of a device that is there, but without what ZFS had written on it to know it by."""
NOT_IMPORTED = ", which is not imported"
BY_LABEL = ", by an old label"


@dataclass(frozen=True, slots=True)
class Scan:
    """The last or present scrub or resilver of a pool."""

    kind: str
    """`scrub` or `resilver`."""
    state: str
    """`scanning`, `paused`, `finished` or `canceled`."""
    started: float | None = None
    ended: float | None = None
    done: int | None = None
    """Bytes issued so far."""
    total: int | None = None
    errors: int | None = None
    percent: float | None = None
    eta: float | None = None
    """Seconds left at the rate of the present pass, as `zpool status` tells or would tell it; None for unknown."""


@dataclass(frozen=True, slots=True)
class Vdev:
    """One node of a pool's tree."""

    name: str
    kind: str
    """`mirror`, `raidz1`…`raidz3`, `draid…`, `disk`, `file`, `spare`, `replacing`, `dspare`, `missing`, `hole`."""
    state: str
    role: str = "data"
    """`data`, `log`, `cache`, `special`, `dedup` or `spare`."""
    guid: str | None = None
    path: str | None = None
    read_errors: int | None = None
    write_errors: int | None = None
    checksum_errors: int | None = None
    slow_ios: int | None = None
    note: str = ""
    """What zpool says behind the line, e.g. `resilvering` or `was /dev/…`."""
    children: tuple[Vdev, ...] = ()
    size: int | None = None
    """Bytes of the disk or partition."""
    least: int | None = None
    """Bytes that one in its place must have, without the partition table."""

    def walk(self, depth: int = 0) -> Iterator[tuple[int, Vdev]]:
        """This vdev and everything below it, with the depth of each."""
        yield depth, self
        for child in self.children:
            yield from child.walk(depth + 1)


@dataclass(frozen=True, slots=True)
class Pool:
    """One imported pool."""

    name: str
    guid: str
    state: str
    """ONLINE, DEGRADED, FAULTED, SUSPENDED, UNAVAIL …"""
    size: int | None = None
    allocated: int | None = None
    free: int | None = None
    capacity: int | None = None
    """Percent."""
    fragmentation: int | None = None
    """Percent."""
    readonly: bool = False
    scan: Scan | None = None
    vdevs: tuple[Vdev, ...] = ()
    """Top-level vdevs; log, cache and spare ones carry their role."""
    data_errors: int | None = None
    """Files with permanent errors."""
    status: str = ""
    """ZFS's own words on what is wrong; empty when nothing is."""
    action: str = ""
    """ZFS's own advice."""

    def leaves(self) -> Iterator[Vdev]:
        """Its disks and files, spares included."""
        for top in self.vdevs:
            yield from (vdev for _, vdev in top.walk() if not vdev.children)

    def trouble(self) -> str:
        """Why a script should hear of it, in a clause; empty only when every figure that tells is known and good."""
        if self.state != HEALTHY:
            return f"is {self.state}"
        if self.data_errors is None:
            return "does not tell whether files have errors"
        if self.data_errors:
            return f"has {self.data_errors} files with permanent errors"
        for vdev in self.leaves():
            if vdev.state not in (HEALTHY, "AVAIL", "INUSE"):
                return f"has a device that is {vdev.state}: {vdev.name}"
            if vdev.read_errors or vdev.write_errors or vdev.checksum_errors:
                return f"has a device with errors: {vdev.name}"
        return ""


@dataclass(frozen=True, slots=True)
class Imported(Pool):
    """A pool that was just imported, and what of it is not as it wants to be."""

    not_mounted: tuple[str, ...] = ()
    """`dataset: why`, for each that wants to be mounted and is not."""
    unshared: tuple[str, ...] = ()
    """`dataset: what it shared by itself`, which was switched off."""

    def left(self) -> tuple[str, ...]:
        """What a person has to know of, in sentences; empty when all is as the pool wants it."""
        return (
            *(f"Not mounted: {why}" for why in self.not_mounted),
            *(f"No longer shared by itself: {what}." for what in self.unshared),
        )


@dataclass(frozen=True, slots=True)
class Importable:
    """A pool that could be imported."""

    name: str
    guid: str
    state: str
    note: str = ""
    disks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dataset:
    """A file system or volume."""

    name: str
    kind: str
    """`filesystem` or `volume`."""
    guid: str
    createtxg: int = 0
    used: int | None = None
    available: int | None = None
    referenced: int | None = None
    mountpoint: str | None = None
    mounted: bool | None = None
    encryption: str = "off"
    key_status: str | None = None
    """`available`, `unavailable` or None for unencrypted."""
    encryption_root: str | None = None
    resume_token: str | None = None
    origin: str | None = None
    compression: str | None = None
    readonly: bool = False
    peer: str = ""
    """The box whose copy this is (`dplane:peer`); empty for our own data."""
    by_snapshots: int | None = None
    """Bytes that its snapshots alone hold."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot or bookmark (`ds@name`, `ds#name`)."""

    name: str
    guid: str
    createtxg: int
    created: float | None = None
    used: int | None = None
    referenced: int | None = None

    @property
    def dataset(self) -> str:
        """The dataset it belongs to."""
        return self.name.replace("#", "@", 1).partition("@")[0]

    @property
    def short(self) -> str:
        """Its name behind the `@` or `#`."""
        return self.name.replace("#", "@", 1).partition("@")[2]

    @property
    def bookmark(self) -> bool:
        """Whether it is a bookmark."""
        return "#" in self.name


@dataclass(frozen=True, slots=True)
class Disk:
    """A whole disk that a pool could use."""

    id: str
    """Name under `/dev/disk/by-id`; the stable name."""
    device: str
    """Kernel name now, e.g. `sda`."""
    size: int
    model: str = ""
    serial: str = ""
    rotational: bool | None = None
    in_use: str = ""
    """Why it is not free (mounted on …, swap, member of pool …, has partitions); empty when free."""
    aliases: tuple[str, ...] = ()
    """Its other names under `/dev/disk/by-id`."""

    @property
    def untouchable(self) -> bool:
        """Whether not even force may take it: the system runs from it, or something of it is used at this moment."""
        return self.in_use.startswith(("system disk", "mounted on", "swap")) or (
            self.in_use.startswith("member of pool ") and not self.in_use.endswith((NOT_IMPORTED, BY_LABEL))
        )


@dataclass(frozen=True, slots=True)
class Preview:
    """What a destructive act would do, before it is done."""

    act: str
    """`destroy` or `rollback`."""
    target: Pool | Dataset | Snapshot
    objects: tuple[str, ...]
    """Names of everything that would be destroyed."""
    reclaim: int | None = None
    """Bytes that this would give back."""
    recursive: bool = False
    """With everything below the target; for a rollback: with the newer snapshots."""
    plan: str | None = None
    """The helper's hash of the objects: it acts only while they are still these."""
