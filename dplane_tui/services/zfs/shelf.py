"""Very many snapshots in little memory: columns of numbers and one run of bytes for the names. Pure.

A hundred thousand of them take some 7 MB. A row becomes a `Snapshot` only when somebody looks at it.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

from privhelper import grammar

from ...errors import CommandError
from ...text import clean
from .model import Snapshot

SHELF_COLUMNS = "name,guid,createtxg,creation,used,referenced,userrefs"
_WIDTH = SHELF_COLUMNS.count(",") + 1
_UNKNOWN = (1 << 64) - 1  # no size is that large


def _number(word: str) -> int:
    return int(word) if word.isascii() and word.isdigit() and len(word) < 20 else _UNKNOWN


def _known(value: int) -> int | None:
    return None if value == _UNKNOWN else value


class Shelf:
    """Snapshots in the order in which they were listed; a place is a number from 0."""

    __slots__ = (
        "_created",
        "_datasets",
        "_ends",
        "_guid",
        "_held",
        "_names",
        "_referenced",
        "_starts",
        "_txg",
        "_used",
    )

    def __init__(self) -> None:
        self._names = bytearray()
        self._ends = array("I")
        self._guid, self._txg, self._created = array("Q"), array("Q"), array("Q")
        self._used, self._referenced, self._held = array("Q"), array("Q"), array("I")
        self._datasets: list[str] = []
        self._starts = array("I")  # place of the first snapshot of each dataset

    def add(self, line: str) -> None:
        """One line of `zfs list -Hpo SHELF_COLUMNS -t snapshot`. Raises CommandError."""
        row = line.split("\t")
        dataset, at, short = row[0].partition("@")
        if len(row) != _WIDTH or not at or grammar.guid_problem(row[1]):
            raise CommandError(
                f"What `zfs list` said was not understood: “{clean(line, 100)}”.",
                "Please report it with the version of ZFS (`zfs version`).",
            )
        if not self._datasets or self._datasets[-1] != dataset:
            self._datasets.append(dataset)
            self._starts.append(len(self._ends))
        self._names += short.encode()
        self._ends.append(len(self._names))
        self._guid.append(int(row[1]))
        self._txg.append(_number(row[2]))
        self._created.append(_number(row[3]))
        self._used.append(_number(row[4]))
        self._referenced.append(_number(row[5]))
        held = _number(row[6])
        self._held.append(0 if held == _UNKNOWN else min(held, 1 << 30))

    def __len__(self) -> int:
        return len(self._ends)

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Shelf) and all(getattr(self, at) == getattr(other, at) for at in Shelf.__slots__)
        )

    __hash__ = None  # type: ignore[assignment]  # it is filled line by line

    def dataset(self, place: int) -> str:
        """The dataset of the snapshot at `place`."""
        return self._datasets[bisect_right(self._starts, place) - 1]

    def short(self, place: int) -> str:
        """Its name behind the @."""
        start = self._ends[place - 1] if place else 0
        return self._names[start : self._ends[place]].decode()

    def name(self, place: int) -> str:
        """Its full name."""
        return f"{self.dataset(place)}@{self.short(place)}"

    def holds(self, place: int) -> int:
        """How many holds keep it from being destroyed."""
        return self._held[place]

    def snapshot(self, place: int) -> Snapshot:
        """All of it as the services take it."""
        created = _known(self._created[place])
        return Snapshot(
            self.name(place),
            str(self._guid[place]),
            self._txg[place],
            None if created is None else float(created),
            _known(self._used[place]),
            _known(self._referenced[place]),
        )

    def find(self, name: str) -> int | None:
        """The place of the snapshot called `name`."""
        dataset, _, short = name.partition("@")
        return next((place for place in self.of(dataset) if self.short(place) == short), None)

    def _ranges(self) -> Iterator[tuple[str, range]]:
        for at, name in enumerate(self._datasets):
            yield name, range(self._starts[at], self._starts[at + 1] if at + 1 < len(self._starts) else len(self))

    def of(self, dataset: str) -> range:
        """The places of one dataset's snapshots, as listed: oldest first."""
        return next((places for name, places in self._ranges() if name == dataset), range(0))

    def datasets(self) -> Iterator[tuple[str, int]]:
        """Each dataset that has snapshots, and how many."""
        for name, places in self._ranges():
            yield name, len(places)

    def newest(self) -> dict[str, tuple[str, float]]:
        """The newest snapshot of each dataset: its name behind the @, and when it was taken."""
        found: dict[str, tuple[str, float]] = {}
        for dataset, places in self._ranges():
            place = max(places, key=self._txg.__getitem__)
            if self._created[place] != _UNKNOWN:
                found[dataset] = (self.short(place), float(self._created[place]))
        return found

    def ordered(self, by: str = "dataset", reverse: bool = False, words: Sequence[str] = ()) -> array[int]:
        """The places in another order: by `dataset` (newest first in each), `age` (newest first), `used` (most first).

        With `words` (lower case) only those whose full name has every one of them.
        """
        found = array("I")
        for dataset, places in self._ranges():
            left = [word for word in words if word not in dataset.lower()]
            for place in reversed(places):
                if not left or self._has(dataset, place, left):
                    found.append(place)
        if by == "age":
            found = array("I", sorted(found, key=self._txg.__getitem__, reverse=True))
        elif by == "used":
            found = array("I", sorted(found, key=self._size_held, reverse=True))
        if reverse:
            found.reverse()
        return found

    def _size_held(self, place: int) -> int:
        used = self._used[place]
        return -1 if used == _UNKNOWN else used

    def _has(self, dataset: str, place: int, words: Sequence[str]) -> bool:
        name = f"{dataset}@{self.short(place)}".lower()
        return all(word in name for word in words)


def fill(lines: Iterable[str]) -> Shelf:
    """A shelf of all those lines. Raises CommandError."""
    shelf = Shelf()
    for line in lines:
        shelf.add(line)
    return shelf
