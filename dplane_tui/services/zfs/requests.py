"""What a person asks for, as data: checked here before it goes to the door, and worked out for the preview. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from privhelper import grammar
from privhelper import properties as allowed
from privhelper import vdevs as layouts

from ...errors import RefusedError
from ...lazyclass import dataclass, field
from ...text import clean, size
from . import names
from .model import Disk

PARITY = {"": 0, "raidz1": 1, "raidz2": 2, "raidz3": 3}
_SLOP_SHARE, _SLOP_LEAST, _SLOP_MOST = 32, 128 << 20, 128 << 30  # spa_slop_shift and its bounds
_LABELS = (10 << 20) + (8 << 20)  # partition table, alignment and the reserved partition 9 that zpool makes
_SECTOR = 4096
_RECORD = 128 << 10


@dataclass(frozen=True, slots=True)
class VdevSpec:
    """One group of disks of a new pool."""

    layout: str
    """`mirror`, `raidz1` to `raidz3`, a draid's shape (`draid1:4d:6c:1s`), or empty for single disks."""
    disks: tuple[str, ...]
    """Names under `/dev/disk/by-id`."""
    role: str = "data"
    """`data`, `log`, `cache`, `special`, `dedup` or `spare`."""


def layout_words(vdevs: Iterable[VdevSpec]) -> list[str]:
    """Groups in zpool's order: data first, then each class behind its word."""
    words: list[str] = []
    # A disk behind a group would be read as one more of that group, so single disks come first.
    ordered = sorted(vdevs, key=lambda vdev: vdev.layout != "")
    for role in ("data", *layouts.CLASSES):
        for vdev in ordered:
            if vdev.role == role:
                words += [*([] if role == "data" else [role]), *([vdev.layout] if vdev.layout else []), *vdev.disks]
    return words


def check_disk(name: str, disks: Iterable[Disk], force: bool = False) -> Disk:
    """The disk that a pool may take. Raises RefusedError: no such disk; in use without `force`, or in use right now."""
    disk = next((one for one in disks if one.id == name), None)
    if disk is None:
        raise RefusedError(f"There is no disk {clean(name, 80)} on the box.", "`dplane pool disks` lists them.")
    if disk.untouchable:
        raise RefusedError(
            f"The disk {name} is in use: {clean(disk.in_use)}.", "Choose another; no force changes that."
        )
    if disk.in_use and not force:
        raise RefusedError(
            f"The disk {name} is in use: {clean(disk.in_use)}.",
            "Choose another, or force it, which destroys what is on it.",
        )
    return disk


def _may_lose(vdev: VdevSpec) -> int:
    drawn = layouts.draid(vdev.layout)
    if drawn is not None:
        return drawn[0]
    return max(0, len(vdev.disks) - 1) if vdev.layout == "mirror" else PARITY.get(vdev.layout, 0)


def draid_word(parity: int, width: int) -> str:
    """The shape of a draid over `width` disks: a distributed spare where there is room, 8 data disks a stripe."""
    spares = 1 if width >= parity + 3 else 0
    return f"draid{parity}:{max(1, min(8, width - parity - spares))}d:{width}c:{spares}s"


def grouped(layout: str, disks: Sequence[str], classes: Mapping[str, Sequence[str]]) -> tuple[VdevSpec, ...]:
    """The groups for disks that hold data, and for those of each class (`log`, `cache`, `special`, `spare`).

    `layout` is a word of zpool, `draid1` to `draid3`, or `pairs` for striped mirrors of two. Logs and special disks are
    mirrored where there are several.
    """
    found: list[VdevSpec] = []
    if layout == "pairs":
        found += [VdevSpec("mirror", tuple(disks[at : at + 2])) for at in range(0, len(disks), 2)]
    elif layout.startswith("draid"):
        found.append(VdevSpec(draid_word(int(layout[5]), len(disks)), tuple(disks)))
    else:
        found.append(VdevSpec(layout, tuple(disks)))
    for role, names_ in classes.items():
        if role in ("log", "special") and len(names_) > 1:
            found.append(VdevSpec("mirror", tuple(names_), role))
        else:
            found += [VdevSpec("", (name,), role) for name in names_]
    return tuple(found)


@dataclass(frozen=True, slots=True)
class CreatePool:
    """A new pool. `force` overwrites what is on the disks and allows unlike groups."""

    name: str
    vdevs: tuple[VdevSpec, ...]
    properties: Mapping[str, str] = field(default_factory=dict)
    force: bool = False

    def words(self) -> list[str]:
        """The layout as `zpool create` reads it: data first, then each class behind its word."""
        return layout_words(self.vdevs)

    def check(self, disks: Iterable[Disk]) -> None:
        """Raises RefusedError for what could never work, or would overwrite a disk in use without `force`."""
        names.new_pool(self.name)
        if any(vdev.layout and not layouts.is_word(vdev.layout) for vdev in self.vdevs):
            raise RefusedError("There are too few disks for this layout.")
        broken = layouts.vdevs_problem(self.words())
        if not broken and not self.force:
            broken = layouts.mixed(self.words())
        if broken:
            raise RefusedError(f"This layout {broken}.")
        _check_properties(self.properties, self.name, (allowed.POOL, allowed.FILESYSTEM))
        known = tuple(disks)
        for name in (disk for vdev in self.vdevs for disk in vdev.disks):
            check_disk(name, known, self.force)

    def warnings(self, disks: Iterable[Disk]) -> list[str]:
        """What will work but may not be what the person wants, a sentence each."""
        known = {disk.id: disk for disk in disks}
        said = []
        for vdev in self.vdevs:
            sizes = [known[name].size for name in vdev.disks if name in known]
            if vdev.layout and sizes and max(sizes) - min(sizes) > max(sizes) // 100:
                lost = sum(sizes) - min(sizes) * len(sizes)
                said.append(f"The disks of this {vdev.layout} differ in size: {size(lost)} of them will not be used.")
            if vdev.role == "data" and not vdev.layout:
                said.append("Single disks have no redundancy: when one fails, the whole pool is lost.")
            if vdev.role in ("special", "dedup") and not vdev.layout:
                said.append(f"When this {vdev.role} disk fails, the whole pool is lost.")
            for name in vdev.disks if self.force else ():
                if name in known and known[name].in_use:
                    said.append(f"{name} is in use ({clean(known[name].in_use)}) and will be overwritten.")
        return said

    def survives(self) -> str:
        """How many disks may die, a clause: of any group, and of all together when they are well spread."""
        losses = [_may_lose(vdev) for vdev in self.vdevs if vdev.role in ("data", "special", "dedup")]
        if not losses or min(losses) == 0:
            return "no disk may fail: the pool would be lost"
        if len(losses) == 1:
            width = next(len(vdev.disks) for vdev in self.vdevs if vdev.role == "data")
            return f"any {losses[0]} of {width} disks may fail"
        return f"any {min(losses)} may fail, and at best {sum(losses)} in all: {min(losses)} or more in each group"

    def usable(self, disks: Iterable[Disk]) -> int | None:
        """About how many bytes the pool will offer to files; None with a disk of unknown size.

        Counts redundancy, raidz padding (records of 128 KiB, sectors of 4 KiB) and the slop space that ZFS keeps back.
        An estimate, a few per cent off.
        """
        known = {disk.id: disk.size for disk in disks}
        raw = total = 0
        for vdev in self.vdevs:
            if vdev.role != "data":
                continue
            sizes = [known.get(name, 0) - _LABELS for name in vdev.disks]
            if not sizes or min(sizes) <= 0:
                return None
            if (drawn := layouts.draid(vdev.layout)) is not None:
                parity, data, _, spares = drawn
                whole = min(sizes) * (len(sizes) - spares)
                raw, total = raw + whole, total + whole * data // (data + parity)
            elif vdev.layout == "mirror":
                raw, total = raw + min(sizes), total + min(sizes)
            elif PARITY[vdev.layout]:
                whole = min(sizes) * len(sizes)
                raw, total = raw + whole, total + int(whole * _raidz_share(len(sizes), PARITY[vdev.layout]))
            else:
                raw, total = raw + sum(sizes), total + sum(sizes)
        slop = min(max(total // _SLOP_SHARE, min(_SLOP_LEAST, total // 2)), _SLOP_MOST)
        return total - slop


def _raidz_share(width: int, parity: int) -> float:
    """Which part of a raidz of `width` disks holds data, for one full record: parity and padding counted in sectors."""
    data = _RECORD // _SECTOR
    stripes = -(-data // (width - parity))
    sectors = data + stripes * parity
    sectors = -(-sectors // (parity + 1)) * (parity + 1)  # an allocation is a multiple of parity + 1
    return data / sectors


@dataclass(frozen=True, slots=True)
class CreateDataset:
    """A new file system, or a volume when `volume_size` (such as `10G`) is given."""

    name: str
    properties: Mapping[str, str] = field(default_factory=dict)
    volume_size: str | None = None
    sparse: bool = False
    parents: bool = False
    mount: bool = True

    def check(self) -> None:
        """Raises RefusedError for a name, size, property or value that the door would refuse."""
        names.new_dataset(self.name)
        kind = allowed.FILESYSTEM if self.volume_size is None else allowed.VOLUME
        if self.volume_size is not None and (broken := grammar.size_problem(self.volume_size)):
            raise RefusedError(f"The size of the volume {broken}.")
        _check_properties(self.properties, self.name, (kind,))


def check_property(dataset: str, name: str, value: str) -> None:
    """Raises RefusedError for a property or value that may not be set on an existing dataset."""
    broken = allowed.problem(name, value, dataset, (allowed.FILESYSTEM, allowed.VOLUME), birth=False)
    if broken:
        raise RefusedError(f"{broken[:1].upper()}{broken[1:]}.")


# What zfs keeps under another name than it was given.
_SAME = {"posixacl": ("posix",), "none": ("0", "18446744073709551615"), "on": ("sa",), "dir": ("on",)}


def same_value(name: str, wanted: str, kept: str) -> bool:
    """Whether `kept`, as `zfs get -p` prints it, is what was asked for (`1M` reads back as `1048576`)."""
    if wanted == kept or kept in _SAME.get(wanted, ()) or wanted == "auto":
        return True
    if grammar.size_problem(wanted):
        return False
    unit = "KMGT".find(wanted[-1]) + 1
    number = int(wanted[:-1] if unit else wanted) << 10 * unit
    # A volume is rounded up to whole blocks, of 128 KiB at most.
    spare = 128 << 10 if name == "volsize" else 1
    return kept.isdigit() and number <= int(kept) < number + spare


def _check_properties(given: Mapping[str, str], name: str, kinds: tuple[str, ...]) -> None:
    for key, value in given.items():
        broken = allowed.problem(key, value, name, kinds, birth=True)
        if broken:
            raise RefusedError(f"{broken[:1].upper()}{broken[1:]}.")
