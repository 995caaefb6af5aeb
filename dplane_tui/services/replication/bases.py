"""Bookmarks that the next incremental starts from, even when the snapshot is destroyed or the run is killed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from privhelper import grammar

from ...errors import DPlaneError, UnreachableError
from ..door import Door
from .model import Peer, Step, Task
from .plan import OWN_SNAPSHOT
from .read import Dataset

AT_ONCE = 100


def batched(names: Iterable[str], size: int) -> Iterator[list[str]]:
    """The names in lists of at most `size`."""
    left = iter(names)
    while some := list(islice(left, size)):
        yield some


def mark_of(peer: Peer | None, task: Task) -> str:
    """How the names of the bookmarks for a task's target begin."""
    # Whose base it is: the box and the place, not the task's name nor the host key, which may change.
    whose = f"{peer.known_by if peer else 'local'}|{task.target}"
    return f"{OWN_SNAPSHOT}{hashlib.sha256(whose.encode()).hexdigest()[:8]}-"


class Bases:
    """The bookmarks that belong to one target."""

    def __init__(self, door: Door, peer: Peer | None, task: Task) -> None:
        self._door = door
        self._mark = mark_of(peer, task)
        self._made: dict[str, str] = {}
        """Bookmarks of this run, which no listing from before it has, and their GUIDs."""

    async def keep(self, dataset: Dataset, step: Step) -> None:
        """Bookmark what is about to be sent.

        Until the target lists that GUID the bookmark is tentative; the planner matches by GUID, so it never misleads.
        """
        name = f"{self._mark}{int(step.guid):016x}"
        if any(mark.name == name for mark in dataset.bookmarks):
            return
        if len(f"{dataset.name}#{name}") > grammar.MAX_NAME:
            return  # no room for it behind a very long name: the next run starts from the snapshot
        await self._door.call(
            "bookmark-create",
            snapshot=f"{dataset.name}@{step.snapshot}",
            guid=step.guid,
            bookmark=f"{dataset.name}#{name}",
        )
        self._made[f"{dataset.name}#{name}"] = step.guid

    async def keep_all(self, pairs: Sequence[tuple[Dataset, Step]]) -> None:
        """`keep` for many, with one request for each hundred."""
        wanted: dict[str, list[str]] = {}
        for dataset, step in pairs:
            name = f"{self._mark}{int(step.guid):016x}"
            there = any(mark.name == name for mark in dataset.bookmarks)
            if not there and len(f"{dataset.name}#{name}") <= grammar.MAX_NAME:
                wanted[f"{dataset.name}#{name}"] = [f"{dataset.name}@{step.snapshot}", step.guid]
        for some in batched(wanted, AT_ONCE):
            await self._door.call("bookmarks-create", bookmarks={name: wanted[name] for name in some})
            self._made |= {name: wanted[name][1] for name in some}

    async def drop_all_old(self, pairs: Sequence[tuple[Dataset, str]]) -> None:
        """`drop_old` for many."""
        old = {name: guid for dataset, proven in pairs for name, guid in self._old(dataset, proven)}
        for some in batched(old, AT_ONCE):
            try:
                await self._door.call("bookmarks-destroy", bookmarks={name: old[name] for name in some})
            except UnreachableError:
                raise
            except DPlaneError:
                continue

    async def drop_old(self, dataset: Dataset, proven: str) -> None:
        """Our other bookmarks for this target are of no use now. What cannot be removed is tried again next time."""
        for name, guid in self._old(dataset, proven):
            try:
                await self._door.call("bookmark-destroy", bookmark=name, guid=guid)
            except UnreachableError:
                raise
            except DPlaneError:
                continue

    def _old(self, dataset: Dataset, proven: str) -> Iterator[tuple[str, str]]:
        """Names and GUIDs of a dataset's bookmarks for this target but the proven one."""
        listed = {f"{dataset.name}#{mark.name}": mark.guid for mark in dataset.bookmarks}
        known = listed | {name: guid for name, guid in self._made.items() if name.startswith(f"{dataset.name}#")}
        for name, guid in known.items():
            if name.startswith(f"{dataset.name}#{self._mark}") and guid != proven:
                yield name, guid
