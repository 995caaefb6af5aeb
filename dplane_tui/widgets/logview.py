"""A log that grows: capped, follows its end, holds still when the person scrolls back, finds a word."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import islice

from rich.segment import Segment
from textual import events
from textual.strip import Strip
from textual.widget import Widget

from ..terminal.symbols import RULE
from ..text import clean
from .layout import cut
from .paint import look

CAP = 2000
"""Lines kept; older ones are let go and counted."""
LINE = 1000
"""Characters kept of a line."""


class LogView(Widget, can_focus=True):
    """Lines of a log, the newest at the bottom. `note` stands in the caption (why the log ended, for instance)."""

    DEFAULT_CSS = "LogView { width: 1fr; height: 1fr; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.caption = ""
        self.note = ""
        self.following = True
        self.word = ""
        self._kept: deque[str] = deque(maxlen=CAP)
        self._gone = 0
        self._unseen = 0
        self._offset = 0
        self._shift = 0

    def clear(self, caption: str = "") -> None:
        """Begin another log."""
        self._kept.clear()
        self.caption, self.note, self.word = caption, "", ""
        self._gone = self._unseen = self._offset = self._shift = 0
        self.following = True
        self.refresh()

    def add(self, lines: Iterable[str]) -> None:
        """Append; feed bursts as one batch, each call repaints once."""
        before = len(self._kept) + self._gone
        for line in lines:
            if len(self._kept) == CAP:
                self._gone += 1
                self._offset = max(0, self._offset - (0 if self.following else 1))
            self._kept.append(clean(line, LINE))
        new = len(self._kept) + self._gone - before
        if not new:
            return
        if self.following:
            self._offset = self._end
        else:
            self._unseen += new
        self.refresh()

    def tell(self, note: str) -> None:
        """Say `note` in the caption."""
        if note != self.note:
            self.note = note
            self.refresh()

    def follow(self, on: bool) -> None:
        """Go to the end and stay there, or hold still."""
        self.following = on
        if on:
            self._unseen = 0
            self._offset = self._end
        self.refresh()

    def find(self, word: str, *, backwards: bool = True) -> bool:
        """Go to the nearest line with `word` (older ones first); tells whether there is one."""
        self.word = word.lower()
        if not self.word:
            self.refresh()
            return True
        here = self._offset if not self.following else len(self._kept)
        places = [n for n, line in enumerate(self._kept) if self.word in line.lower()]
        before, after = [n for n in places if n < here], [n for n in places if n > here]
        found = (before[-1:] or after[:1]) if backwards else (after[:1] or before[-1:])
        if found:
            self.following = False
            self._offset = min(found[0], self._end)
        self.refresh()
        return bool(places)

    @property
    def _page(self) -> int:
        return max(1, self.size.height - 1)

    @property
    def _end(self) -> int:
        return max(0, len(self._kept) - self._page)

    def on_resize(self) -> None:
        self._offset = self._end if self.following else min(self._offset, self._end)

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def on_key(self, event: events.Key) -> None:
        """Scroll; scrolling back holds still, the end follows again."""
        half = self._page // 2 or 1
        steps = {"up": -1, "k": -1, "down": 1, "j": 1, "pageup": -self._page, "pagedown": self._page}
        step = (steps | {"ctrl+u": -half, "ctrl+d": half}).get(event.key)
        if event.key in {"left", "h", "right", "l"}:
            self._shift = max(0, min(LINE, self._shift + (-8 if event.key in {"left", "h"} else 8)))
        elif event.key in {"g", "home"}:
            self.following, self._offset = False, 0
        elif event.key in {"G", "end"}:
            self.follow(True)
        elif event.key in {"n", "N"} and self.word:
            self.find(self.word, backwards=event.key == "n")
        elif step is not None:
            self._offset = max(0, min(self._end, self._offset + step))
            self.following = self._offset == self._end
            self._unseen = 0 if self.following else self._unseen
        else:
            return
        event.stop()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        styles, width = look(self), self.size.width
        if y == 0:
            return self._caption_line(width)
        place = self._offset + y - 1
        if place >= len(self._kept):
            return Strip([Segment(" " * width, styles["text"])], width)
        line = next(islice(self._kept, place, None))
        marked = bool(self.word) and self.word in line.lower()
        text = cut(" " + line[self._shift :], width)
        return Strip([Segment(text, styles["accent" if marked else "text"])], width)

    def _caption_line(self, width: int) -> Strip:
        styles = look(self)
        state = "following" if self.following else f"held, {self._unseen} new" if self._unseen else "held"
        gone = f"{self._gone} older lines let go  " if self._gone else ""
        find = f"/{self.word}  " if self.word else ""
        right = f" {find}{gone}{state} "
        left = cut(self.caption + (f"  {self.note}" if self.note else ""), max(0, width - len(right) - 4)).rstrip()
        fill = max(0, width - len(left) - len(right) - 4)
        rule = styles["accent" if self.has_focus else "rule"]
        parts = [Segment(RULE + " ", rule), Segment(left, styles["caption"]), Segment(" " + RULE * fill, rule)]
        parts.append(Segment(right, styles["dim"]))
        parts.append(Segment(RULE, rule))
        return Strip(parts).adjust_cell_length(width, styles["text"])
