"""Snapshots as rows of a long table. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ..services.zfs.shelf import Shelf
from ..text import age, size
from ..widgets.layout import Cell, Column, Row
from .pool_rows import coarse

COLUMNS = (
    Column("SNAPSHOT", least=20, most=200, grow=True, middle=True),
    Column("TAKEN", least=8),
    Column("USED", right=True, least=5),
    Column("REFER", drop=2, right=True, least=5),
    Column("HOLDS", drop=1, least=5),
)
_BY = {0: "dataset", 1: "age", 2: "used"}


class SnapshotRows:
    """The listing of a shelf; `scope` is the one dataset it was read of, whose name then is not repeated."""

    def __init__(self, shelf: Shelf, now: float, scope: str = "", marked: str = "") -> None:
        self.shelf, self.now, self.scope, self.marked = shelf, now, scope, marked

    def __len__(self) -> int:
        return len(self.shelf)

    def row(self, place: int) -> Row:
        """One row, made now."""
        one, held = self.shelf.snapshot(place), self.shelf.holds(place)
        name = f"@{one.short}" if self.scope else one.name
        mark = "* " if one.name == self.marked else ""
        return Row(
            one.name,
            (
                Cell(mark + name, "key" if mark else "text"),
                Cell(coarse(age(one.created, self.now)), "text"),
                Cell(size(one.used), "text"),
                Cell(size(one.referenced), "dim"),
                Cell(f"{held} hold{'s' if held > 1 else ''}" if held else "", "warn"),
            ),
        )

    def find(self, key: str) -> int | None:
        """The place of the snapshot called `key`."""
        return self.shelf.find(key)

    def arranged(self, column: int | None, reverse: bool, query: str) -> Sequence[int]:
        """By dataset, age or space; the other columns leave the order as it is. `!` before the filter: without."""
        words = query.lstrip("!").lower().split()
        by = _BY.get(column or 0, "dataset")
        if query.startswith("!") and words:
            hidden = set(self.shelf.ordered(words=words))
            return [place for place in self.shelf.ordered(by, reverse) if place not in hidden]
        return self.shelf.ordered(by, reverse, words)
