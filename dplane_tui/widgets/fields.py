"""What a form is made of: a line of text, a choice, a button. All on the Line API, all by keys alone."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from ..text import clean
from .layout import cut
from .paint import look

LABEL = 16
_REVERSE = Style(reverse=True)


class Field(Widget, can_focus=True):
    """A labelled line."""

    DEFAULT_CSS = "Field { height: 1; width: 1fr; }"

    class Changed(Message):
        """The value is another one."""

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, Field.Changed)

    class Done(Message):
        """The person pressed Enter here."""

    def __init__(self, label: str, *, id: str) -> None:
        super().__init__(id=id)
        self.label = label

    @property
    def value(self) -> str:
        """What the person chose."""
        raise NotImplementedError

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def _line(self, pieces: Sequence[Segment]) -> Strip:
        styles = look(self)
        label = cut(("> " if self.has_focus else "  ") + self.label, LABEL)
        head = Segment(label + " ", styles["strong" if self.has_focus else "dim"])
        return Strip([head, *pieces]).adjust_cell_length(self.size.width, styles["text"])


class TextField(Field):
    """One line of text; a password shows as dots and is never kept by anything but this field."""

    def __init__(self, label: str, value: str = "", *, id: str, hint: str = "", secret: bool = False) -> None:
        super().__init__(label, id=id)
        self._text = value
        self._at = len(value)
        self._hint = hint
        self.secret = secret

    @property
    def value(self) -> str:
        return self._text

    def set(self, value: str) -> None:
        """Put `value` in place of what is there."""
        self._text, self._at = value, len(value)
        self.refresh()

    def on_key(self, event: events.Key) -> None:
        """Edit."""
        text, at = self._text, self._at
        if event.key == "enter":
            self.post_message(self.Done())
        elif event.key == "left":
            at -= 1
        elif event.key == "right":
            at += 1
        elif event.key in {"home", "ctrl+a"}:
            at = 0
        elif event.key in {"end", "ctrl+e"}:
            at = len(text)
        elif event.key in {"backspace", "ctrl+h"}:
            text, at = text[: max(0, at - 1)] + text[at:], at - 1
        elif event.key in {"delete", "ctrl+d"}:
            text = text[:at] + text[at + 1 :]
        elif event.key == "ctrl+u":
            text, at = text[at:], 0
        elif event.key == "ctrl+w":
            kept = text[:at].rstrip().rpartition(" ")
            head = kept[0] + kept[1]
            text, at = head + text[at:], len(head)
        elif event.is_printable and event.character:
            text, at = text[:at] + event.character + text[at:], at + 1
        else:
            return
        event.stop()
        event.prevent_default()
        self._take(text, at)

    def on_paste(self, event: events.Paste) -> None:
        """Pasted text: its first line."""
        event.stop()
        line = event.text.splitlines()[0] if event.text else ""
        line = "".join(char for char in line if char.isprintable())
        self._take(self._text[: self._at] + line + self._text[self._at :], self._at + len(line))

    def _take(self, text: str, at: int) -> None:
        changed = text != self._text
        self._text = text[:1024]
        self._at = max(0, min(at, len(self._text)))
        self.refresh()
        if changed:
            self.post_message(self.Changed())

    def render_line(self, _y: int) -> Strip:
        styles = look(self)
        width = max(4, self.size.width - LABEL - 3)
        shown = "•" * len(self._text) if self.secret else clean(self._text)
        if not self.has_focus:
            text = cut(shown or self._hint, width)
            return self._line(
                [
                    Segment("[", styles["dim"]),
                    Segment(text, styles["text" if shown else "dim"]),
                    Segment("]", styles["dim"]),
                ]
            )
        start = 0
        while cell_len(shown[start : self._at]) >= width:
            start += 1
        before, under, after = shown[start : self._at], shown[self._at : self._at + 1] or " ", shown[self._at + 1 :]
        room = width - cell_len(before) - cell_len(under)
        return self._line(
            [
                Segment("[", styles["key"]),
                Segment(before, styles["strong"]),
                Segment(under, styles["text"] + _REVERSE),
                Segment(cut(after or (self._hint if not shown else ""), room), styles["strong" if after else "dim"]),
                Segment("]", styles["key"]),
            ]
        )


class Choice(Field):
    """One of a few values; Left, Right or Space move on."""

    def __init__(self, label: str, options: Sequence[tuple[str, str]], value: str = "", *, id: str) -> None:
        super().__init__(label, id=id)
        self.options = tuple(options) or (("", "(none)"),)
        self._place = next((i for i, (key, _) in enumerate(self.options) if key == value), 0)

    @property
    def value(self) -> str:
        return self.options[self._place][0]

    def set(self, value: str) -> None:
        """Stand on `value`, if it is one of them."""
        self._place = next((i for i, (key, _) in enumerate(self.options) if key == value), self._place)
        self.refresh()

    def on_key(self, event: events.Key) -> None:
        """Move on, or done."""
        step = {"left": -1, "h": -1, "right": 1, "l": 1, "space": 1}.get(event.key)
        if event.key == "enter":
            self.post_message(self.Done())
        elif step is None:
            return
        else:
            self._place = (self._place + step) % len(self.options)
            self.refresh()
            self.post_message(self.Changed())
        event.stop()

    def render_line(self, _y: int) -> Strip:
        styles = look(self)
        text = clean(self.options[self._place][1])
        arrows = styles["key" if self.has_focus and len(self.options) > 1 else "dim"]
        count = f"  {self._place + 1}/{len(self.options)}" if len(self.options) > 1 else ""
        room = max(4, self.size.width - LABEL - 5 - len(count))
        return self._line(
            [
                Segment("< ", arrows),
                Segment(cut(text, min(room, cell_len(text))), styles["strong" if self.has_focus else "text"]),
                Segment(" >", arrows),
                Segment(count, styles["dim"]),
            ]
        )


class Button(Widget, can_focus=True):
    """`[ Cancel ]`; Enter or Space press it."""

    DEFAULT_CSS = "Button { height: 1; margin-right: 2; }"

    class Pressed(Message):
        """It was pressed."""

        def __init__(self, button: Button) -> None:
            super().__init__()
            self.button = button

    def __init__(self, label: str, *, id: str) -> None:
        super().__init__(id=id)
        self.label = label
        self.styles.width = cell_len(label) + 5

    def on_key(self, event: events.Key) -> None:
        """Press."""
        if event.key in {"enter", "space"}:
            event.stop()
            self.post_message(self.Pressed(self))

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def render_line(self, _y: int) -> Strip:
        styles = look(self)
        mark = ">" if self.has_focus else " "
        text = f"{mark}[ {self.label} ]"
        return Strip([Segment(text, styles["cursor" if self.has_focus else "text"])]).adjust_cell_length(
            self.size.width, styles["text"]
        )
