"""What may be added to a pool, taken out of it, or split from it, judged before ZFS is asked. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from privhelper import vdevs as layouts

from ...errors import RefusedError
from ...lazyclass import dataclass
from ...text import size
from .model import Disk, Pool, Vdev
from .requests import VdevSpec, check_disk, layout_words
from .vdevs import disk_name


@dataclass(frozen=True, slots=True)
class AddVdevs:
    """What is added to a pool. `force` overwrites disks in use, `mismatch` allows redundancy unlike the pool's."""

    vdevs: tuple[VdevSpec, ...]
    force: bool = False
    mismatch: bool = False

    def words(self) -> list[str]:
        """The groups as `zpool add` reads them."""
        return layout_words(self.vdevs)

    def check(self, pool: Pool, disks: Iterable[Disk]) -> None:
        """Raises RefusedError for what could never work, or what `force` or `mismatch` would be needed for."""
        broken = layouts.added_problem(self.words())
        if broken:
            raise RefusedError(f"What is to be added {broken}.")
        known = tuple(disks)
        for name in (disk for vdev in self.vdevs for disk in vdev.disks):
            check_disk(name, known, self.force)
        why = unlike(pool, self.vdevs)
        if why and not self.mismatch:
            raise RefusedError(
                why, "Add groups like those that are there, or say that you mean it (--mismatch): it cannot be undone."
            )


def shape(vdev: Vdev) -> tuple[str, int]:
    """Redundancy and width of a group."""
    return (vdev.kind, len(vdev.children)) if vdev.children else ("", 1)


def unlike(pool: Pool, added: Sequence[VdevSpec]) -> str:
    """Why the added groups are weaker than, or other than, those of the pool; a sentence, empty when they are alike."""
    there = {shape(top) for top in pool.vdevs if top.role == "data" and top.kind not in ("hole", "indirect", "missing")}
    redundant = any(kind for kind, _ in there)
    for one in added:
        width = len(one.disks) if one.layout else 1
        if one.role == "data" and there and (one.layout.split(":")[0], width) not in _short(there):
            have = ", ".join(sorted(_named(kind, count) for kind, count in there))
            return (
                f"{pool.name} consists of {have}; {_named(one.layout, width)} beside it would be another redundancy, "
                "and the whole pool is as weak as its weakest group."
            )
        if one.role in ("special", "dedup") and redundant and not one.layout:
            return f"The loss of a single {one.role} disk would be the loss of the whole pool {pool.name}."
    return ""


def _short(there: Iterable[tuple[str, int]]) -> set[tuple[str, int]]:
    return {(kind.split(":")[0], count) for kind, count in there}


def _named(kind: str, count: int) -> str:
    return f"a {kind.split(':')[0]} of {count} disks" if kind else "a single disk"


def why_not_removed(pool: Pool, vdev: Vdev) -> str:
    """Why ZFS would not take that device out; a sentence, empty when it may."""
    top = next((one for one in pool.vdevs if one is vdev), None)
    if top is None:
        name = disk_name(vdev)
        return f"{name} is one disk of a group; only whole groups are removed, and a disk of a mirror is detached."
    if top.role in ("log", "cache", "spare"):
        return ""
    odd = next((one for one in pool.vdevs if one.kind.startswith(("raidz", "draid"))), None)
    if odd is not None:
        return f"ZFS cannot remove data groups from a pool with a {odd.kind.split(':')[0]} in it ({odd.name})."
    data = [one for one in pool.vdevs if one.role == "data" and one.kind not in ("hole", "indirect")]
    if top.role == "data" and len(data) == 1:
        return f"{top.name} is the only group with data in {pool.name}."
    return ""


def why_not_split(pool: Pool) -> str:
    """Why no pool can be split off; a sentence, empty when it can."""
    must = [one for one in pool.vdevs if one.role in ("data", "special", "dedup")]
    data = [one for one in must if one.kind not in ("hole", "indirect")]
    odd = next((one for one in data if one.kind != "mirror"), None)
    if odd is not None:
        return f"Only a pool of mirrors can be split, and {odd.name} is none."
    return "" if pool.state == "ONLINE" else f"{pool.name} is {pool.state}; split it when all its disks are in order."


def held_words(held: int | None, discarded: bool = False) -> str:
    """What a checkpoint holds, in words; one that is given up is so bit by bit."""
    if held is None:
        return "no checkpoint"
    return (
        f"{size(held)} of the checkpoint still to give back" if discarded else f"a checkpoint that holds {size(held)}"
    )
