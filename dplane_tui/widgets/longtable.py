"""A table of very many rows: a row is made when it is drawn, and never kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, overload

from .layout import Column, Row
from .table import Table

_SAMPLE = 200  # rows whose texts say how wide the columns want to be


class Listing(Protocol):
    """What such a table shows. A place is a number from 0, in no particular order."""

    def __len__(self) -> int:
        """How many there are."""
        ...

    def row(self, place: int) -> Row:
        """The row of that place, made now."""
        ...

    def find(self, key: str) -> int | None:
        """The place of the row with that key."""
        ...

    def arranged(self, column: int | None, reverse: bool, query: str) -> Sequence[int]:
        """The places that match `query`, in the order of that column (None: its own)."""
        ...


class _Rows(Sequence[Row]):
    """The rows of some places, made one by one; a slice is a sample of at most _SAMPLE from all over."""

    def __init__(self, listing: Listing, places: Sequence[int]) -> None:
        self.listing = listing
        self.places = places

    def __len__(self) -> int:
        return len(self.places)

    @overload
    def __getitem__(self, at: int) -> Row: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Row]: ...
    def __getitem__(self, at: int | slice) -> Row | Sequence[Row]:
        if isinstance(at, slice):
            step = max(1, len(self.places) // _SAMPLE)
            return [self.listing.row(place) for place in self.places[::step]]
        return self.listing.row(self.places[at])


class LongTable(Table):
    """Table for a Listing. Scrolling and sorting read nothing again."""

    DEFAULT_CSS = "LongTable { width: 1fr; height: 1fr; }"

    def __init__(self, columns: Sequence[Column], *, caption: str = "", id: str | None = None) -> None:
        super().__init__(columns, caption=caption, id=id)
        self._listing: Listing | None = None
        self._asked = ""

    def set_listing(self, listing: Listing | None, message: str = "") -> None:
        """Show `listing`; the cursor stays on its thing. `message` stands where there is nothing."""
        self._listing = listing
        if message != self.message:
            self.message = message
            self.refresh()
        if listing is None:
            self._all = self._rows = ()
            self._cursor = self._top = 0
            self.refresh()
        else:
            self._all = _Rows(listing, range(len(listing)))
            self._arrange()

    def want(self, key: str) -> None:
        """Put the cursor on `key`, as soon as it is here."""
        self._asked = key
        self._arrange()

    def select(self, key: str) -> None:
        """Put the cursor on `key`, if it is here."""
        place = self._place(key)
        if place is not None:
            self._move(place)

    def _place(self, key: str) -> int | None:
        rows = self._rows
        if not isinstance(rows, _Rows):
            return None
        found = rows.listing.find(key)
        try:
            return None if found is None else rows.places.index(found)
        except ValueError:  # the filter hides it
            return None

    def _arrange(self) -> None:
        if self._listing is None:
            return
        key, old = self.key, self._rows
        places = self._listing.arranged(self.sort_column, self.sort_reversed, self.query_text)
        self._rows = _Rows(self._listing, places)
        asked = self._place(self._asked) if self._asked else None
        if asked is not None:
            self._asked = ""
        at = asked if asked is not None else self._place(key or "")
        self._cursor = at if at is not None else min(self._cursor, max(0, len(places) - 1))
        self._keep_in_view()
        same = isinstance(old, _Rows) and old.listing is self._listing and old.places == places
        if not same or key != self.key:
            self._widths = self._fit()
            self.refresh()
        if self.key != key:
            self.post_message(self.Moved(self, self.key, False))
