"""The one table: Line API, takes rows, repaints only the lines that changed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, cast

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from ..terminal.symbols import MORE_DOWN, MORE_UP, POINTER, RULE
from ..text import clean
from .layout import GAP, Column, Row, cut, fit, matches, order_by, wrap
from .paint import look, whole_row

_NUMBER = re.compile(r"[0-9a-f]{12,}|\d+")
"""A key that is a GUID, a container's id or a place in a list: the name stands in the first column."""
_NEWS = re.compile(r"\d+/")
_MARGIN = 2
"""Cells left of the first column: the pointer and a space."""


class Table(Widget, can_focus=True):
    """Rows with a cursor, a filter, an order, a caption line with the age of what it shows."""

    DEFAULT_CSS = "Table { width: 1fr; height: 1fr; }"

    class Moved(Message):
        """The cursor stands on another thing."""

        def __init__(self, table: Table, key: str | None, by_hand: bool) -> None:
            super().__init__()
            self.table = table
            self.key = key
            self.by_hand = by_hand
            """Whether a person moved it; else the rows changed below it."""

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, Table.Moved) and message.table is self.table

    def __init__(
        self, columns: Sequence[Column], *, caption: str = "", tree: bool = False, id: str | None = None
    ) -> None:
        super().__init__(id=id)
        self.columns = tuple(columns)
        self.caption = caption
        self.age = ""
        self.is_tree = tree
        self.message = ""
        self.query_text = ""
        self.sort_column: int | None = None
        self.sort_reversed = False
        self._all: Sequence[Row] = ()
        self._rows: Sequence[Row] = ()
        self._cursor = 0
        self._top = 0
        self._wanted = ""
        self._widths: tuple[tuple[int, int], ...] = ()

    # -- what it shows -----------------------------------------------------------------------------------------

    def set_rows(self, rows: Sequence[Row], message: str = "") -> None:
        """Show `rows`; the cursor stays on its thing. `message` stands where there are none."""
        changed = message != self.message or bool(rows) != bool(self._all)
        self._all, self.message = tuple(rows), message
        self._arrange()
        if changed and not self._rows:
            self.refresh()

    def set_columns(self, columns: Sequence[Column], *, tree: bool = False) -> None:
        """Show another kind of rows; what was here goes."""
        self.columns, self.is_tree = tuple(columns), tree
        self.sort_column, self.sort_reversed, self.query_text = None, False, ""
        self._all = self._rows = ()
        self._cursor = self._top = 0
        self._wanted = ""
        self._widths = ()
        self.refresh()

    def set_caption(self, caption: str, age: str = "") -> None:
        """The line above the columns."""
        if (caption, age) != (self.caption, self.age):
            self.caption, self.age = caption, age
            self._refresh_line(0)

    def set_filter(self, query: str) -> None:
        """Show only rows that match; empty shows all."""
        if query != self.query_text:
            self.query_text = query
            self._arrange()
            self._refresh_line(0)

    def sort_next(self) -> str:
        """Sort by the next shown column; returns its title, empty for the order the rows came in."""
        if self.is_tree:
            return ""
        shown = [None, *(i for i, _ in self._widths)]
        place = shown.index(self.sort_column) if self.sort_column in shown else 0
        self.sort_column = shown[(place + 1) % len(shown)]
        self._arrange()
        self.refresh()
        return "" if self.sort_column is None else self.columns[self.sort_column].title

    def sort_reverse(self) -> None:
        """The other way round."""
        self.sort_reversed = not self.sort_reversed
        self._arrange()
        self.refresh()

    @property
    def key(self) -> str | None:
        """The thing under the cursor."""
        return self._rows[self._cursor].key if self._rows else None

    @property
    def name_under_cursor(self) -> str:
        """What a person would type for the thing under the cursor; empty where there is nothing."""
        if not self._rows:
            return ""
        row = self._rows[self._cursor]
        if _NEWS.match(row.key):
            return row.cells[-1].text
        return row.cells[0].text.strip() if _NUMBER.fullmatch(row.key) else row.key

    @property
    def rows(self) -> Sequence[Row]:
        """The rows shown now, in their order."""
        return self._rows

    @property
    def lines(self) -> int:
        """Lines it would like: caption, header, every row."""
        return 2 + max(1, len(self._all))

    def select(self, key: str) -> None:
        """Put the cursor on `key`, if it is here."""
        for place, row in enumerate(self._rows):
            if row.key == key:
                self._move(place)

    def want(self, key: str) -> None:
        """Put the cursor on `key`, as soon as it is here; a person who moves meanwhile wants something else."""
        self._wanted = key
        self._arrange()

    def sort_by(self, column: int, turned: bool) -> None:
        """Sort by that column, as it was sorted before; one that is not there is passed over."""
        if column < len(self.columns) and not self.is_tree:
            self.sort_column, self.sort_reversed = column, turned
            self._arrange()
            self.refresh()

    def _arrange(self) -> None:
        key = self.key
        rows = [row for row in self._all if matches(row, self.query_text)]
        if self.sort_column is not None and not self.is_tree:
            rows.sort(key=cast(Any, order_by(self.sort_column)), reverse=self.sort_reversed)
        old, self._rows = self._rows, tuple(rows)
        places = {row.key: place for place, row in enumerate(self._rows)}
        cursor, top = self._cursor, self._top
        if self._wanted in places:
            self._cursor, self._wanted = places[self._wanted], ""
        else:
            self._cursor = places.get(key or "", min(self._cursor, max(0, len(rows) - 1)))
        self._keep_in_view()
        self._repaint_changes(old, cursor, top)
        if self.key != key:
            self.post_message(self.Moved(self, self.key, False))

    def _repaint_changes(self, old: Sequence[Row], cursor: int, top: int) -> None:
        widths = self._fit()
        if widths != self._widths or top != self._top or not old or not self._rows:
            self._widths = widths
            if old != self._rows or old:
                self.refresh()
            return
        if len(old) != len(self._rows):
            self._refresh_line(0)
        for place in range(max(len(old), len(self._rows))):
            before = old[place] if place < len(old) else None
            after = self._rows[place] if place < len(self._rows) else None
            if before != after or (cursor != self._cursor and place in {cursor, self._cursor}):
                self._refresh_line(2 + place - self._top)

    def _refresh_line(self, y: int) -> None:
        if 0 <= y < self.size.height:
            self.refresh(Region(0, y, self.size.width, 1))

    # -- moving ------------------------------------------------------------------------------------------------

    @property
    def _page(self) -> int:
        return max(1, self.size.height - 2)

    def _keep_in_view(self) -> None:
        page = self._page
        self._top = max(0, min(self._top, len(self._rows) - page))
        if self._cursor < self._top:
            self._top = self._cursor
        elif self._cursor >= self._top + page:
            self._top = self._cursor - page + 1

    def _move(self, place: int) -> None:
        place = max(0, min(place, len(self._rows) - 1))
        if place == self._cursor or not self._rows:
            return
        old, top = self._cursor, self._top
        self._cursor, self._wanted = place, ""
        self._keep_in_view()
        if self._top != top:
            self.refresh()
        else:
            self._refresh_line(2 + old - top)
            self._refresh_line(2 + place - top)
        self.post_message(self.Moved(self, self.key, True))

    def on_key(self, event: events.Key) -> None:
        """Arrows, vim's letters, pages."""
        steps = {"up": -1, "k": -1, "down": 1, "j": 1, "pageup": -self._page, "pagedown": self._page}
        steps |= {"ctrl+u": -(self._page // 2 or 1), "ctrl+d": self._page // 2 or 1}
        if event.key in steps:
            self._move(self._cursor + steps[event.key])
        elif event.key in {"g", "home"}:
            self._move(0)
        elif event.key in {"G", "end"}:
            self._move(len(self._rows) - 1)
        else:
            return
        event.stop()

    def on_resize(self) -> None:
        self._keep_in_view()
        self._widths = self._fit()
        self.refresh()

    def on_focus(self) -> None:
        self._refresh_line(0)
        self._refresh_line(2 + self._cursor - self._top)

    on_blur = on_focus

    # -- drawing -----------------------------------------------------------------------------------------------

    def _fit(self) -> tuple[tuple[int, int], ...]:
        wanted = [cell_len(column.title) + (i == self.sort_column) for i, column in enumerate(self.columns)]
        if not self.size.width:
            return ()  # not laid out yet
        for row in self._all[:2000]:
            for i, cell in enumerate(row.cells):
                indent = 2 * row.depth if i == 0 else 0
                wanted[i] = max(wanted[i], cell_len(clean(cell.text)) + indent)
        return fit(self.columns, wanted, max(1, self.size.width - _MARGIN))

    def render_line(self, y: int) -> Strip:
        """One line: 0 the caption, 1 the column titles, then rows."""
        width = self.size.width
        if not self._widths:
            self._widths = self._fit()
        if y == 0:
            return self._caption_line(width)
        if not self._rows:
            return self._message_line(y - 1, width)
        if y == 1:
            return self._head_line(width)
        place = self._top + y - 2
        if place >= len(self._rows):
            return Strip([Segment(" " * width, look(self)["text"])], width)
        return self._row_line(place, width)

    def _caption_line(self, width: int) -> Strip:
        styles = look(self)
        rule = styles["accent" if self.has_focus else "rule"]
        total = len(self._all)
        count = f"{len(self._rows)}/{total}" if self.query_text else (str(total) if total else "")
        if self.query_text:
            count += f" /{clean(self.query_text, 20)}"
        more = (MORE_UP if self._top else "") + (MORE_DOWN if self._top + self._page < len(self._rows) else "")
        right = "  ".join(part for part in (count + more, self.age) if part)
        bad = self.age.startswith(("STALE", "no data"))
        room = max(0, width - cell_len(right) - 6)
        left = clean(self.caption)
        left = cut(left, min(room, cell_len(left))) if room else ""
        fill = max(0, width - cell_len(left) - cell_len(right) - 5 - (1 if right else 0))
        parts = [Segment(RULE + " ", rule), Segment(left, styles["caption"]), Segment(" " + RULE * fill, rule)]
        if not left:
            parts = [Segment(RULE * (fill + 3), rule)]
        if right:
            parts += [Segment(" " + right + " ", styles["bad" if bad else "dim"]), Segment(RULE, rule)]
        else:
            parts.append(Segment(RULE * 2, rule))
        return Strip(parts).adjust_cell_length(width, styles["text"])

    def _head_line(self, width: int) -> Strip:
        styles = look(self)
        parts = [Segment(" " * _MARGIN, styles["text"])]
        for n, (i, size) in enumerate(self._widths):
            title = self.columns[i].title
            if i == self.sort_column:
                title += "▲" if not self.sort_reversed else "▼"
            if n:
                parts.append(Segment(" " * GAP, styles["text"]))
            parts.append(Segment(cut(title, size, self.columns[i].right), styles["head"]))
        return Strip(parts).adjust_cell_length(width, styles["text"])

    def _row_line(self, place: int, width: int) -> Strip:
        styles = look(self)
        row = self._rows[place]
        here = place == self._cursor
        mark = styles["cursor"] if here and self.has_focus else styles["text"]
        parts = [Segment((POINTER if here else " ") + " ", mark)]
        here = here and whole_row(self)
        plain = mark if here else styles["text"]
        for n, (i, size) in enumerate(self._widths):
            if n:
                parts.append(Segment(" " * GAP, plain))
            cell = row.cells[i]
            text = "  " * row.depth + cell.text if i == 0 else cell.text
            style = styles[cell.style] + styles["cursor-off"] if here else styles[cell.style]
            if here and self.has_focus:
                style = plain
            parts.append(Segment(cut(text, size, self.columns[i].right, self.columns[i].middle), style))
        return Strip(parts).adjust_cell_length(width, plain)

    def _message_line(self, y: int, width: int) -> Strip:
        styles = look(self)
        message = "Nothing matches the filter. Esc clears it." if self._all else self.message
        lines = wrap(message, max(10, width - 4))
        text = lines[y - 1] if 0 < y <= len(lines) else ""
        return Strip([Segment(cut("  " + text, width), styles["text"])], width)
