"""Where the space of a dataset went, and what destroying its snapshots, or all of it, would free."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ...errors import DPlaneError
from ...lazyclass import dataclass
from ...text import size
from .model import Preview, Snapshot
from .parse_lists import number
from .tree import Holding, Share, explain

if TYPE_CHECKING:
    from .storage import StorageService

MOST = 5
"""Snapshots that are named."""
MANY = 1000
"""Snapshots above which no dry run is made: it would take many requests, and their sum would be too low."""


@dataclass(frozen=True, slots=True)
class Freed:
    """What a destroy would free, by its dry run. `bytes` is None when that could not be asked, `why` says why."""

    objects: int = 0
    bytes: int | None = None
    why: str = ""
    counted: bool = False
    """Whether `bytes` is what ZFS counts as used and no dry run: that has no figure for a dataset."""


@dataclass(frozen=True, slots=True)
class Space:
    """One dataset's space, in bytes; None for unknown."""

    dataset: str
    used: int | None
    by_itself: int | None
    by_snapshots: int | None
    by_children: int | None
    by_refreservation: int | None
    written: int | None
    """Since its newest snapshot."""
    logical_used: int | None
    """As it was written, before compression."""
    shares: tuple[Share, ...]
    snapshots: int
    """How many it has, those of datasets below not counted."""
    largest: tuple[Snapshot, ...]
    """Those of which each alone holds most, largest first."""
    without_snapshots: Freed
    """When all its snapshots were destroyed."""
    without_it: Freed
    """When it was destroyed, with all below it."""


async def read_space(storage: StorageService, one: Holding, tree: Iterable[Holding], *, ask: bool = True) -> Space:
    """Ask ZFS about one dataset; without `ask` no dry run is made, for an account that may not.

    Raises MissingError when it is gone, and as StorageService. A dry run that fails is told in its Freed.
    """
    told = {setting.name: setting.value for setting in await storage.settings(one.name)}
    shelf = await storage.shelf(one.name)
    order = shelf.ordered("used")
    holding = [shelf.snapshot(place) for place in order[:MOST]]
    places = shelf.of(one.name)
    no_role = Freed(why="" if ask else "this account may not ask for a dry run")
    snapshots, whole = no_role, no_role
    if len(places) > MANY:
        held = any(shelf.holds(place) for place in places)
        snapshots = Freed(why="some of them are held") if held else await _counted(storage, one, len(places))
    elif ask and places:
        snapshots = await _freed(storage, one, [shelf.snapshot(place) for place in places])
    if ask and "/" in one.name:
        whole = await _freed(storage, one, ())
    return Space(
        one.name,
        one.used,
        one.by_itself,
        one.by_snapshots,
        one.by_children,
        one.by_refreservation,
        number(told.get("written", "-")),
        number(told.get("logicalused", "-")),
        explain(one, tree),
        len(places),
        tuple(snapshot for snapshot in holding if snapshot.used),
        snapshots,
        whole,
    )


async def _counted(storage: StorageService, one: Holding, snapshots: int) -> Freed:
    clone = next((d.name for d in await storage.datasets() if (d.origin or "").startswith(f"{one.name}@")), None)
    if clone is not None:
        return Freed(why=f"{clone} is a clone of one of them, so that cannot go")
    why = "" if one.by_snapshots is not None else "ZFS told no figure"
    return Freed(snapshots, one.by_snapshots, why, counted=True)  # usedbysnapshots: what comes back when all are gone


async def _freed(storage: StorageService, one: Holding, snapshots: Sequence[Snapshot]) -> Freed:
    """The dry run: of those snapshots, or of the dataset with all below it."""
    try:
        preview: Preview = await (
            storage.destroy_many_preview(one, snapshots) if snapshots else storage.destroy_preview(one, True)
        )
    except DPlaneError as error:
        return Freed(why=error.message)
    if preview.reclaim is None and not snapshots:  # zfsprops(7): what is used is what a recursive destroy frees
        return Freed(len(preview.objects), one.used, counted=True)
    return Freed(len(preview.objects), preview.reclaim, "" if preview.reclaim is not None else "ZFS told no figure")


def sentences(space: Space) -> list[str]:
    """All of it in words, the answer first."""
    parts = [
        (space.by_itself, "what is in it now"),
        (space.by_snapshots, "held by its snapshots alone"),
        (space.by_children, "in the datasets below"),
        (space.by_refreservation, "kept free by its refreservation"),
    ]
    known = sorted(((value, what) for value, what in parts if value), reverse=True)
    where = ", ".join(f"{size(value)} {what}" for value, what in known)
    said = [f"{space.dataset} uses {size(space.used)}{': ' + where if where else ', and nothing is in it yet'}."]
    if space.logical_used is not None and space.used is not None:
        said.append(_packed(space.logical_used, space.used))
    if space.written is not None:
        since = "since its newest snapshot" if space.snapshots else "so far; it has no snapshot"
        said.append(f"Written {since}: {size(space.written)}.")
    said.append(_of_snapshots(space))
    if "/" not in space.dataset:
        said.append("It is the root of its pool, so it goes only with the pool.")
    elif space.without_it.why:
        said.append(f"What destroying it would free is not known: {space.without_it.why.rstrip('.')}.")
    else:
        freed = space.without_it
        count = "1 object" if freed.objects == 1 else f"{freed.objects} objects"
        how = ", which is what ZFS counts as used by it" if freed.counted else ""
        said.append(f"Destroying it with all below takes {count} and frees {size(freed.bytes)}{how}.")
    return said


def _packed(logical: int, used: int) -> str:
    if used and logical > used * 1.01:
        return f"As it was written it is {size(logical)}; compression keeps it in {size(used)}."
    return f"As it was written it is {size(logical)}; compression saves next to nothing."


def _of_snapshots(space: Space) -> str:
    if not space.snapshots:
        return "It has no snapshots of its own."
    every = "its only snapshot" if space.snapshots == 1 else f"all its {space.snapshots} snapshots"
    if space.without_snapshots.why:
        return f"What destroying {every} would free is not known: {space.without_snapshots.why.rstrip('.')}."
    how = ", which is what ZFS counts as used by them" if space.without_snapshots.counted else ""
    return f"Destroying {every} would free {size(space.without_snapshots.bytes)}{how}."
