"""Bytes from the line become keys; noise on it is survived, and an Esc stays an Esc however fast the next key comes."""

from __future__ import annotations

import re
from codecs import getincrementaldecoder
from collections.abc import Iterable, Iterator

from textual import events
from textual._time import get_time
from textual._xterm_parser import XTermParser
from textual.message import Message

# A slow link delivers Esc and the next key together. Textual takes that for Alt (and the Esc for `^`); nothing here
# needs Alt but with Backspace, so they are two keys. What begins a sequence of a terminal that was asked nothing (`[`,
# `O`, `]`…) is left to the parser.
_SPLIT = re.compile(r"(?<=\x1b)(?=[a-z0-9:/? \x01-\x1aA-NP-Z-]|[^\x00-\x7f])")
_SEQUENCE = re.compile(r"(\x1b\[(?:M.{3}|(?!\[)[0-?]*[ -/]*[@-~]))", re.DOTALL)
"""A whole sequence of a terminal (ECMA-48's CSI; a mouse's has three more), but for the Linux console's `ESC [ [ A`."""
_TAKEN = (events.Key, events.Paste, events.CursorPosition)
"""Mouse, focus, window and mode reports were never asked for: whatever looks like one is noise."""
_PASTE_START, _PASTE_END = "\x1b[200~", "\x1b[201~"
HUSH = 0.25
"""Seconds a noisy line must be silent before its bytes are keys again."""
_PASTE_PATIENCE = 2.0
"""Seconds without a byte after which a paste whose end was lost is over."""
_BAD = "\ufffd"


class Keyboard:
    """The keys on one line. Used by one thread.

    Bytes that are no UTF-8 are noise: a cable moved, a line at another speed, a program that wrote to it.
    Nobody types them, so all that comes with them is thrown away, until the line has been silent for a moment. A burst
    of noise has letters in it, and letters are keys that do things.
    """

    def __init__(self, debug: bool = False) -> None:
        self._debug = debug
        self._parser = XTermParser(debug)
        self._decode = getincrementaldecoder("utf-8")(errors="replace").decode
        self._escaped = False
        self._noisy_until = 0.0
        self._pasting_until = 0.0

    def patience(self) -> float | None:
        """Seconds until what has come so far must be judged; None when nothing waits."""
        deadlines = [self._parser._timeout_time, self._pasting_until or None]
        waiting = [deadline for deadline in deadlines if deadline is not None]
        return max(0.0, min(waiting) - get_time()) + 0.005 if waiting else None

    def feed(self, data: bytes) -> Iterator[Message]:
        """The events that `data` completes. Give it what came together in one piece."""
        text = self._decode(data)
        if not text:
            return
        now = get_time()
        if _BAD in text or now < self._noisy_until:
            self._begin_again()
            self._noisy_until = now + HUSH
            return
        pasted = bool(self._pasting_until) or _PASTE_START in text
        self._watch_paste(text, now)
        if self._escaped and _SPLIT.search("\x1b" + text[0]):
            yield from self._expire()
        for number, piece in enumerate([text] if pasted else _SEQUENCE.split(text)):
            if piece:
                yield from self._sequence(piece) if number % 2 else self._keys(piece)
        self._escaped = text.endswith("\x1b")

    def tick(self) -> Iterator[Message]:
        """The events of keys that have waited long enough."""
        if self._pasting_until and get_time() >= self._pasting_until:
            self._begin_again()
        yield from self._waited()

    def _keys(self, text: str) -> Iterator[Message]:
        for number, piece in enumerate(_SPLIT.split(text) if not self._pasting_until else [text]):
            if number:
                yield from self._expire()
            yield from self._wanted(self._parser.feed(piece))

    def _sequence(self, whole: str) -> Iterator[Message]:
        """The event of a terminal's sequence; none of one that the parser does not know, which would wait for more."""
        yield from self._wanted(self._parser.feed(whole))
        if self._parser._timeout_time is not None:
            self._begin_again()

    def _waited(self) -> Iterator[Message]:
        """What waits after an Esc is an Esc, or a sequence that nobody knows: its letters are no keys."""
        found = list(self._wanted(self._parser.tick()))
        if found and isinstance(found[0], events.Key) and found[0].key == "escape":
            yield from found

    def _watch_paste(self, text: str, now: float) -> None:
        """A paste that never ends would swallow every key."""
        start, end = text.rfind(_PASTE_START), text.rfind(_PASTE_END)
        if start > end or (self._pasting_until and end < 0):
            self._pasting_until = now + _PASTE_PATIENCE
        elif end >= 0:
            self._pasting_until = 0.0

    def _begin_again(self) -> None:
        self._parser = XTermParser(self._debug)
        self._decode = getincrementaldecoder("utf-8")(errors="replace").decode
        self._escaped = False
        self._pasting_until = 0.0

    def _wanted(self, found: Iterable[Message]) -> Iterator[Message]:
        try:
            for event in found:
                if isinstance(event, _TAKEN):
                    yield event
        except Exception:  # the parser is not ours: whatever noise makes it stumble over, it begins again
            self._begin_again()

    def _expire(self) -> Iterator[Message]:
        if self._parser._timeout_time is not None:
            self._parser._timeout_time = 0.0
            yield from self._waited()
