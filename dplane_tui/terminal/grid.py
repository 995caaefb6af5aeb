"""The terminal's screen, cell by cell: what it should show, what it shows, and the fewest bytes between the two. Pure.

Frames are taken over as they come and cost memory of one screen, however slow the line is: what the line cannot carry
is never queued, the newest state simply replaces it.
"""

from __future__ import annotations

import re

from rich.cells import cell_len

from .styles import canonical, transition

_TOKEN = re.compile(r"\x1b\[(\d+);(\d+)H|\x1b\[([0-9;]*)m|([^\x00-\x1f\x7f-\x9f]+)|([\x00-\x1f\x7f-\x9f])")
_GAP = 3
"""Unchanged cells that are cheaper written again than jumped over."""
_ERASE = 4
"""Blank cells at a line's end from which erasing it is cheaper."""
CLEAR = "\x1b[m\x1b[2J"


class _Row:
    """One line: a text and a style for each cell. The second cell of a wide character holds an empty text."""

    __slots__ = ("styles", "texts")

    def __init__(self, width: int) -> None:
        self.texts = [" "] * width
        self.styles = [""] * width

    def resized(self, width: int) -> _Row:
        """The same line, cut or filled to `width`."""
        new = _Row(width)
        keep = min(width, len(self.texts))
        new.texts[:keep], new.styles[:keep] = self.texts[:keep], self.styles[:keep]
        return new

    def put(self, at: int, text: str, style: str) -> int:
        """Write `text` from cell `at` on; returns the cell behind it. What does not fit is dropped."""
        if text.isascii():
            text = text[: max(0, len(self.texts) - at)]
            end = at + len(text)
            self._split(at, end)
            self.texts[at:end] = text
            self.styles[at:end] = [style] * len(text)
            return end
        for char in text:
            width = cell_len(char)
            if not width:
                if 0 < at <= len(self.texts):
                    self.texts[at - 1] += char
                continue
            if at + width > len(self.texts):
                break
            self._split(at, at + width)
            self.texts[at : at + width] = [char, ""][:width]
            self.styles[at : at + width] = [style] * width
            at += width
        return at

    def _split(self, start: int, end: int) -> None:
        """Half of a wide character is none."""
        if 0 < start < len(self.texts) and not self.texts[start]:
            self.texts[start - 1] = " "
        if end < len(self.texts) and not self.texts[end]:
            self.texts[end] = " "


class Grid:
    """Two screens of `width`×`height`: the wanted one, and the one the terminal has after all that `changes` gave."""

    def __init__(self, width: int, height: int, *, plain: bool = False) -> None:
        self._plain = plain
        self.width, self.height = width, height
        self._wanted = [_Row(width) for _ in range(height)]
        self._shown = [_Row(width) for _ in range(height)]
        self._dirty: dict[int, int] = {}
        self._frame = 0

    @property
    def waiting(self) -> bool:
        """Whether a line may differ."""
        return bool(self._dirty)

    def resize(self, width: int, height: int) -> None:
        """Another size. The terminal must be cleared: it may have moved what it showed."""
        self.width, self.height = width, height
        rows = [row.resized(width) for row in self._wanted[:height]]
        self._wanted = rows + [_Row(width) for _ in range(height - len(rows))]
        self.forget()

    def forget(self) -> None:
        """The terminal was cleared, or is about to be: all that is wanted has to be written again."""
        self._shown = [_Row(self.width) for _ in range(self.height)]
        self._dirty = dict.fromkeys(range(self.height), self._frame)

    def put(self, frame: str) -> None:
        """Take over `frame`: text and styles behind moves of the cursor. Lines of the newest frame go out first."""
        self._frame += 1
        row, column, style = 0, 0, ""
        touched: set[int] = set()
        for match in _TOKEN.finditer(frame):
            line, place, sgr, text, control = match.groups()
            if line is not None:
                row, column = int(line) - 1, int(place) - 1
            elif sgr is not None:
                style = canonical(sgr, self._plain)
            elif control not in {"\n", "\r", "\x1b"} and 0 <= row < self.height:
                column = self._wanted[row].put(column, text or "?", style)
                touched.add(row)
        for row in touched:
            wanted, shown = self._wanted[row], self._shown[row]
            if wanted.texts == shown.texts and wanted.styles == shown.styles:
                self._dirty.pop(row, None)
            else:
                self._dirty[row] = self._frame

    def changes(self, limit: int = 0) -> str:
        """What brings the terminal nearer to what is wanted: whole lines, until `limit` characters are reached."""
        out: list[str] = []
        length = 0
        for row in sorted(self._dirty, key=lambda row: (-self._dirty[row], row)):
            del self._dirty[row]
            text = self._line(row)
            out.append(text)
            length += len(text)
            if limit and length >= limit:
                break
        return "".join(out)

    def _line(self, row: int) -> str:
        """The changes of one line; begins and ends in the plain style."""
        wanted, shown = self._wanted[row], self._shown[row]
        texts, styles = wanted.texts, wanted.styles
        blank = self._blank_from(wanted)
        out: list[str] = []
        style, here = "", -1
        column = 0
        while column < self.width:
            if texts[column] == shown.texts[column] and styles[column] == shown.styles[column]:
                column += 1
                continue
            if column >= blank and self.width - column >= _ERASE:
                out += [self._move(row, here, column), transition(style, ""), "\x1b[K"]
                style = ""
                break
            start = column if texts[column] else column - 1  # a wide character is written whole
            if 0 <= here < start <= here + _GAP and self._same(wanted, here, start, style):
                out.append("".join(texts[here:start]))
            else:
                out.append(self._move(row, here, start))
            out += [transition(style, styles[start]), texts[start]]
            style = styles[start]
            column = start + 1
            while column < self.width and not texts[column]:  # the other half of a wide character
                column += 1
            # The terminal may think otherwise of how wide such a character is: the next one gets its own place.
            here = start + 1 if self._sure(texts[start]) else -1
        out.append(transition(style, ""))
        self._shown[row].texts, self._shown[row].styles = list(texts), list(styles)
        return "".join(out)

    def _blank_from(self, row: _Row) -> int:
        """The first cell from which on the line is empty."""
        column = self.width
        while column and row.texts[column - 1] == " " and not row.styles[column - 1]:
            column -= 1
        return column

    @staticmethod
    def _sure(text: str) -> bool:
        """Whether `text` is one cell wide everywhere: Latin letters and drawing glyphs."""
        return len(text) == 1 and (text < "\u0300" or "\u2010" <= text <= "\u25ff")

    @staticmethod
    def _same(row: _Row, start: int, end: int, style: str) -> bool:
        return all(row.styles[at] == style and len(row.texts[at]) == 1 for at in range(start, end))

    @staticmethod
    def _move(row: int, here: int, column: int) -> str:
        if here == column:
            return ""
        if 0 <= here < column:
            return f"\x1b[{column - here}C" if column - here > 1 else "\x1b[C"
        return f"\x1b[{row + 1};{column + 1}H" if column else f"\x1b[{row + 1}H"
