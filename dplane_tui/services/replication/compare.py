"""What the source has, what the target has, and what both have: by GUID, for each dataset of a task. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...lazyclass import dataclass
from . import chains as chain
from .model import Task
from .plan import OWN_SNAPSHOT, make_plan, members, target_of, wants_snapshot
from .read import Dataset, Point, Side

if TYPE_CHECKING:
    from collections.abc import Mapping


EQUAL, BEHIND, ABSENT, AHEAD, DIVERGED = "equal", "behind", "absent", "ahead", "diverged"
GOOD = frozenset({EQUAL, BEHIND, ABSENT})


@dataclass(frozen=True, slots=True)
class Seen:
    """A snapshot or bookmark that a side has."""

    name: str
    """Behind the `@` or `#`; where both have it, as the source calls it."""
    guid: str
    taken: float | None = None
    """Unix seconds; None is unknown."""
    there: str = ""
    """What the target calls it, when that is another name."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One dataset on both sides; snapshots oldest first."""

    dataset: str
    target: str
    state: str
    """`equal`, `behind`, `absent` (no copy yet); `ahead` (the target has newer ones that the source has not) or
    `diverged`: those two stop a run."""
    text: str
    """A sentence."""
    only_here: tuple[Seen, ...] = ()
    only_there: tuple[Seen, ...] = ()
    both: tuple[Seen, ...] = ()
    bookmarks: tuple[Seen, ...] = ()
    """Bookmarks at the source of snapshots that it has no longer and the target still has."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A task's two sides."""

    task: str
    datasets: tuple[Compared, ...] = ()
    beside: tuple[str, ...] = ()
    """Datasets below the target that belong to none of the source's."""

    @property
    def good(self) -> bool:
        """Whether every target is equal or only behind."""
        return all(one.state in GOOD for one in self.datasets)


def compare_sides(
    task: Task,
    here: Side,
    there: Side,
    times: tuple[Mapping[str, float], Mapping[str, float]] = ({}, {}),
    chains: chain.Chains | None = None,
) -> Comparison:
    """The comparison of what was read. Whether a target can be continued is what the planner itself says.

    `chains` is what was recorded of the copies at the target, as a run knows it.
    """
    next_name = f"{OWN_SNAPSHOT}next" if wants_snapshot(task, here) else None
    plan = make_plan(task, here, there, next_name, None, chains)
    conflicts = {conflict.dataset: conflict.text for conflict in plan.conflicts}
    names = members(task, here)
    compared = tuple(
        _dataset(here[name], there.get(target_of(task, name)), target_of(task, name), conflicts.get(name, ""), times)
        for name in names
    )
    known = {target_of(task, name) for name in names}
    return Comparison(task.name, compared, tuple(sorted(set(there) - known)))


def _dataset(
    here: Dataset,
    there: Dataset | None,
    target: str,
    conflict: str,
    times: tuple[Mapping[str, float], Mapping[str, float]],
) -> Compared:
    theirs = {point.guid: point for point in there.snapshots} if there else {}
    ours = {point.guid for point in here.snapshots}

    def seen(point: Point, dataset: str, side: int) -> Seen:
        other = theirs.get(point.guid, point).name if side == 0 else point.name
        taken = times[side].get(f"{dataset}@{point.name}")
        if taken is None and point.guid in theirs and side == 0:
            taken = times[1].get(f"{target}@{other}")
        return Seen(point.name, point.guid, taken, other if other != point.name else "")

    both = [seen(point, here.name, 0) for point in here.snapshots if point.guid in theirs]
    only_here = [seen(point, here.name, 0) for point in here.snapshots if point.guid not in theirs]
    only_there = [seen(point, target, 1) for point in theirs.values() if point.guid not in ours]
    marks = [seen(mark, here.name, 0) for mark in here.bookmarks if mark.guid in theirs and mark.guid not in ours]
    state, text = _state(here, there, conflict, len(both))
    return Compared(here.name, target, state, text, tuple(only_here), tuple(only_there), tuple(both), tuple(marks))


def _state(here: Dataset, there: Dataset | None, conflict: str, both: int) -> tuple[str, str]:
    """How the target stands to the source, as a word and a sentence."""
    if there is None:
        return ABSENT, "there is no copy yet."
    known = {point.guid for point in (*here.snapshots, *here.bookmarks)}
    newest = there.snapshots[-1] if there.snapshots else None
    if newest is not None and newest.guid not in known and any(point.guid in known for point in there.snapshots):
        return AHEAD, conflict or f"@{newest.name} of the target is not at the source."
    if conflict:
        return DIVERGED, conflict
    if here.snapshots and newest is not None and newest.guid == here.snapshots[-1].guid:
        return EQUAL, f"both have @{here.snapshots[-1].name} as their newest, and {both} snapshot(s) in common."
    if there.token and newest is None:
        return BEHIND, "a first copy was begun and is not whole yet."
    count = sum(newest is None or point.createtxg > _txg(here, newest.guid) for point in here.snapshots)
    return BEHIND, f"the target lacks the newest {count} snapshot(s) and can be continued."


def _txg(here: Dataset, guid: str) -> int:
    """When the source had the point of that GUID made, as its transaction group."""
    return next((point.createtxg for point in (*here.snapshots, *here.bookmarks) if point.guid == guid), -1)
