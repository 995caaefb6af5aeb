"""A listing in which texts of people's stand, read so that none of them speaks for another dataset. Pure.

-H escapes nothing: a mountpoint or a user property may hold tabs and line ends, and so the row of another dataset. The
texts come last, and the name once more behind them. A value that makes up a row ends one early, so that what ZFS prints
behind the value ends with the name of the value's own dataset: a row of another one, or a second one of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...lazyclass import dataclass

Key = tuple[str, ...]
"""Name, type and GUID of a dataset."""


@dataclass(frozen=True, slots=True)
class Table:
    """The columns of a listing of datasets."""

    plain: str
    """Those that hold numbers and words of ZFS's own; name, type and GUID are the first."""
    texts: tuple[str, ...]
    """Those that may hold anything."""

    @property
    def columns(self) -> str:
        """What `zfs list -o` is asked for."""
        return ",".join((self.plain, *self.texts, "name"))

    def whole(self, text: str) -> list[list[str]] | None:
        """The rows, without the second name; None when a text in it has tabs or line ends."""
        rows = _cells(text)
        once = len({row[0] for row in rows}) == len(rows)
        return [row[:-1] for row in rows] if once and all(map(self._fits, rows)) else None

    def _fits(self, row: Sequence[str]) -> bool:
        return len(row) == self.columns.count(",") + 1 and row[0] == row[-1]


def key(row: Sequence[str]) -> Key:
    """Which dataset a row is of."""
    return tuple(row[:3])


def _cells(text: str) -> list[list[str]]:
    return [line.split("\t") for line in text.split("\n") if line]
