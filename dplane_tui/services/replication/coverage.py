"""Which datasets of this box are copied, and which to another box: the one answer for every screen and command. Pure.

`taken` is what the planner sends of a listing (`plan.members`), without the planner, which Start has no need to load.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from ...lazyclass import dataclass

if TYPE_CHECKING:
    from ..zfs.model import Dataset
    from .model import Task

SOME_DATA = 1 << 20
"""Bytes. A dataset that refers to less holds others, and next to nothing of its own."""
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Held:
    """What a box holds, as far as coverage asks."""

    names: tuple[str, ...]
    """All file systems and volumes."""
    own: tuple[str, ...]
    """Those with data in them that no other box sent here."""
    writable: frozenset[str] = frozenset()
    """Those that can be written to."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """The datasets with data that would be lost with this box."""

    bare: tuple[str, ...] = ()
    """No task copies them."""
    here: tuple[str, ...] = ()
    """They are copied, but no task brings them, or a copy of theirs, to another box."""

    def words(self) -> str:
        """Both in sentences; empty when there are none of either."""
        told = (("In no task", self.bare), ("Only within this box", self.here))
        return " ".join(f"{what}: {some(names)}." for what, names in told if names)


def sent_here(dataset: Dataset) -> bool:
    """Whether it is what another box sent: marked for one, and read-only.

    What can be written to is worked with here: a copy that was taken into use, or a dataset that was made below one,
    which a listing shows with the mark of its parent.
    """
    return bool(dataset.peer) and dataset.readonly


def held(datasets: Iterable[Dataset]) -> Held:
    """From a listing. One whose size is not told counts as one with data: it is not known to be empty."""
    listed = tuple(datasets)
    own = (one.name for one in listed if _has_data(one) and not sent_here(one))
    writable = frozenset(one.name for one in listed if not one.readonly)
    return Held(tuple(one.name for one in listed), tuple(own), writable)


def _has_data(one: Dataset) -> bool:
    """Whether there is something to lose: also in snapshots alone, as of what was emptied. What it is said to use is
    not asked: that is also what lies below it, and what is kept free for both."""
    return any(size is None or size >= SOME_DATA for size in (one.referenced, one.by_snapshots))


def taken(task: Task, names: Iterable[str]) -> dict[str, str]:
    """The datasets of this box, out of `names`, that the task sends, each with the dataset that becomes its copy.

    What is included brings its parents along; what is excluded takes everything below it away.
    """
    if task.source_peer is not None:
        return {}  # its source is on another box
    tree = f"{task.source}/"
    inside = [name for name in names if name == task.source or (task.recursive and name.startswith(tree))]
    kept = [name for name in inside if not _matches(task, name, task.options.exclude)]
    if task.recursive and task.options.include:
        chosen = {name for name in kept if _matches(task, name, task.options.include)}
        wanted = {task.source, *chosen, *(above for name in chosen for above in _parents(name))}
        kept = [name for name in kept if name in wanted]
    return {name: task.target + name[len(task.source) :] for name in kept}


def _parents(name: str) -> Iterator[str]:
    while "/" in name:
        name = name.rpartition("/")[0]
        yield name


def _matches(task: Task, name: str, patterns: tuple[str, ...]) -> bool:
    """Whether a pattern matches it, or a parent of it inside the task, by the name relative to the source."""
    below = name[len(task.source) + 1 :]
    levels = [below, *_parents(below)] if below and task.recursive else []
    return any(fnmatchcase(level, pattern) for level in levels for pattern in patterns)


def coverage(box: Held, tasks: Sequence[Task]) -> Coverage:
    """Which datasets with data are in no task, and which have no copy on another box.

    A copy that is sent on counts for its original. What is a task's copy here is not asked for a copy of its own.
    """
    goes: dict[str, list[tuple[str | None, str]]] = {}
    for task in tasks:
        for name, target in taken(task, box.names).items():
            goes.setdefault(name, []).append((task.peer, target))
    copies = copies_here(box.names, tasks, box.writable)
    own = [name for name in box.own if name not in copies]
    bare = tuple(name for name in own if name not in goes)
    return Coverage(bare, tuple(name for name in own if name in goes and not _leaves(name, goes, set())))


def copies_here(names: Collection[str], tasks: Iterable[Task], writable: Collection[str]) -> dict[str, str]:
    """Those of `names`, all of the box, that are a task's copy on this box, each with the task.

    What is `writable` below a copy was made there, and is no copy, save where the task sends, or may send, to that very
    place: copies that another tool made can be written to, and a snapshot of ours would part them from their originals.
    """
    found: dict[str, str] = {}
    for task in tasks:
        if task.peer is None:
            sent, tree = {task.target, *_sent_to(task, names)}, f"{task.target}/"
            for name in names:
                if name in sent or (name.startswith(tree) and name not in writable):
                    found.setdefault(name, task.name)
    return found


def _sent_to(task: Task, names: Collection[str]) -> Iterable[str]:
    """Where a task sends to on this box, out of `names`; where its source is not at hand, each place that it may."""
    if task.source_peer is None and task.source in names:
        return taken(task, names).values()
    there = [task.source + name[len(task.target) :] for name in names if name.startswith(f"{task.target}/")]
    return taken(replace(task, source_peer=None), there).values()


def _leaves(name: str, goes: dict[str, list[tuple[str | None, str]]], seen: set[str]) -> bool:
    """Whether it, or a copy of it, goes to another box."""
    seen.add(name)
    return any(
        peer is not None or (target not in seen and _leaves(target, goes, seen)) for peer, target in goes.get(name, ())
    )


def some(names: Sequence[str]) -> str:
    """A few names, and how many more there are."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"
