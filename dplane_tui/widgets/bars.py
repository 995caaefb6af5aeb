"""The lines around a screen's body: title, banner, message line, hints, filter."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from ..actions import Action
from ..text import clean
from .layout import Pieces, at_most, cut, wrap
from .paint import look


def show(widget: Widget, on: bool) -> None:
    """Show or hide `widget`; setting what it is already would lay the whole screen out again."""
    if widget.display != on:
        widget.display = on


class Lines(Widget):
    """A few lines of styled text, repainted only when they change."""

    DEFAULT_CSS = "Lines { height: 1; width: 1fr; }"
    ground = "text"
    grows = True
    """Whether its height follows the number of lines."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: tuple[Pieces, ...] = ((),)

    def show(self, lines: Sequence[Pieces]) -> None:
        """Show these lines; nothing is sent when they are the ones already there."""
        new = tuple(tuple(line) for line in lines)
        if new != self._lines:
            if self.grows and len(new) != len(self._lines):
                self.styles.height = max(1, len(new))
            self._lines = new
            self.refresh()

    def render_line(self, y: int) -> Strip:
        styles = look(self)
        ground = styles[self.ground]
        parts: list[Segment] = []
        left = self.size.width
        for text, role in self._lines[y] if y < len(self._lines) else ():
            text = clean(text)
            piece = text if cell_len(text) <= left else cut(text, left)
            parts.append(Segment(piece, styles[role]))
            left -= cell_len(piece)
        return Strip(parts).adjust_cell_length(self.size.width, ground)


class Notice(Lines):
    """Lines that fill the room there is."""

    DEFAULT_CSS = "Notice { height: 1fr; }"
    grows = False


class TitleBar(Lines):
    """Host, sections, age of the data, role."""

    ground = "title"

    def tell(self, host: str, sections: Sequence[tuple[str, str, bool]], right: Pieces) -> None:
        """`sections` are (key, name, whether it is this one)."""
        width = self.size.width or 80
        tail = sum(cell_len(text) for text, _ in right)
        name = cut(host, min(cell_len(clean(host)), max(8, width // 5)))
        for letters in (20, 4, 3, 2, 0):  # the names of the other sections shrink until all of it fits
            pieces: list[tuple[str, str]] = [(f" {name} ", "title")]
            for key, label, here in sections:
                text = f" {key} {label if here else label[:letters]}".rstrip() + " "
                pieces.append((text, "title-on" if here else "title"))
            used = sum(cell_len(text) for text, _ in pieces)
            if used + tail < width:
                break
        pieces.append((" " * max(1, width - used - tail), "title"))
        self.show([[*pieces, *right]])


class Banner(Lines):
    """A job that matters more than the screen below it; gone when there is none."""

    DEFAULT_CSS = "Banner { height: auto; display: none; }"

    def tell(self, lines: Sequence[Pieces]) -> None:
        """Show the lines, or nothing."""
        show(self, bool(lines))
        self.show(lines)


class Toast(Lines):
    """The message line: what the last act came to. Up to four lines for a long sentence."""

    def tell(self, text: str, role: str) -> None:
        """Say `text`; empty clears."""
        width = max(20, (self.size.width or 80) - 3)
        lines = wrap(text, width) if text else [""]
        self.show(at_most([[(" " + line, role)] for line in lines], 4, width + 1))


class Hints(Lines):
    """The keys that work here, and help and quit always."""

    def tell(self, actions: Sequence[Action]) -> None:
        """Name as many as fit; those of the right end always."""
        width = self.size.width or 80
        last = [action for action in actions if action.hint >= 97]
        room = width - 1 - sum(len(a.key) + len(a.label) + 3 for a in last)
        pieces: list[tuple[str, str]] = [(" ", "text")]
        for action in actions:
            size = len(action.key) + len(action.label) + 3
            if action not in last:
                if room < size:
                    continue
                room -= size
            pieces += [(action.key, "key"), (f" {action.label}  ", "dim")]
        self.show([pieces])


class FilterLine(Lines, can_focus=True):
    """Where a filter is typed, in place of the hints."""

    DEFAULT_CSS = "FilterLine { display: none; }"

    class Changed(Message):
        """The text is another one; `done` says the person is finished typing."""

        def __init__(self, text: str, done: bool = False) -> None:
            super().__init__()
            self.text = text
            self.done = done

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.text = ""
        self.count: Callable[[], str] = lambda: ""

    def open(self, text: str) -> None:
        """Begin with `text`."""
        self.text = text
        self.display = True
        self.focus()
        self.tell()

    def tell(self) -> None:
        """Draw the text and how many rows are left."""
        hint = "Enter keep  Esc clear"
        self.show(
            [[(" /", "key"), (self.text, "strong"), ("_", "accent"), (f"  {self.count()}  ", "dim"), (hint, "dim")]]
        )

    def on_key(self, event: events.Key) -> None:
        """Letters go into the text; Enter keeps it, Esc clears it."""
        event.stop()
        event.prevent_default()
        if event.key == "escape":
            self.text = ""
        elif event.key in {"backspace", "ctrl+h"}:
            self.text = self.text[:-1]
        elif event.key == "ctrl+u":
            self.text = ""
        elif event.key not in {"enter", "tab", "down", "up"}:
            if not event.is_printable or not event.character or len(self.text) > 60:
                return
            self.text += event.character
        self.post_message(self.Changed(self.text, event.key in {"enter", "escape", "tab", "down", "up"}))

    def on_paste(self, event: events.Paste) -> None:
        """Pasted text counts as typed."""
        self.text = (self.text + clean(event.text.split("\n")[0]))[:60]
        self.post_message(self.Changed(self.text))
