"""Where a person is in the console: section, tab, the row under each cursor. Plain data, and safe to keep in a file."""

from __future__ import annotations

from typing import Any

from .lazyclass import dataclass, field

FILE = "places.json"
"""Where places are kept between sessions, in the person's own folder."""
LONGEST = 512
"""Characters of a row's key; a dataset's name has 255 at most."""
_ROWS = 8


@dataclass(frozen=True, slots=True)
class Place:
    """One place. `rows` has the key under the cursor by table (its id); `focus` is the table that has the keys."""

    section: str
    tab: str = ""
    rows: tuple[tuple[str, str], ...] = ()
    focus: str = ""
    sorts: tuple[tuple[str, int, bool], ...] = field(default=(), compare=False)
    """(table, column, reversed) of the tables that are sorted."""


def to_data(place: Place) -> dict[str, Any]:
    """`place` as JSON can hold it."""
    return {
        "section": place.section,
        "tab": place.tab,
        "rows": [list(pair) for pair in place.rows if len(pair[1]) <= LONGEST],
        "focus": place.focus,
        "sorts": [list(one) for one in place.sorts],
    }


def from_data(data: object) -> Place:
    """The place that `to_data` wrote. Raises ValueError for anything else: a file can hold what it likes."""
    if not isinstance(data, dict):
        raise ValueError("a place is an object")
    rows, sorts = data.get("rows", []), data.get("sorts", [])
    if not (isinstance(rows, list) and isinstance(sorts, list) and max(len(rows), len(sorts)) <= _ROWS):
        raise ValueError("rows and sorts are short lists")
    return Place(
        _word(data.get("section")),
        _word(data.get("tab", "")),
        tuple(_row(pair) for pair in rows),
        _word(data.get("focus", "")),
        tuple(_sort(one) for one in sorts),
    )


def _word(value: object) -> str:
    if not isinstance(value, str) or len(value) > 32 or (not value.replace("-", "").isalnum() and value):
        raise ValueError("a name is a short word")
    return value


def _row(pair: object) -> tuple[str, str]:
    if not isinstance(pair, list) or len(pair) != 2 or not isinstance(pair[1], str) or len(pair[1]) > LONGEST:
        raise ValueError("a row is a table and a key")
    return _word(pair[0]), pair[1]


def _sort(one: object) -> tuple[str, int, bool]:
    if not isinstance(one, list) or len(one) != 3:
        raise ValueError("a sort is a table, a column and a direction")
    table, column, turned = one
    if isinstance(column, bool) or not isinstance(column, int) or not 0 <= column < 64 or not isinstance(turned, bool):
        raise ValueError("a sort is a table, a column and a direction")
    return _word(table), column, turned
