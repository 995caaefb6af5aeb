"""Bytes from the line become keys; noise on it is survived, and an Esc stays an Esc however fast the next key comes."""

from __future__ import annotations

import re
from codecs import getincrementaldecoder
from collections.abc import Iterator

from textual._parser import ParseError
from textual._time import get_time
from textual._xterm_parser import XTermParser
from textual.message import Message

# A slow link delivers Esc and the next key together. Textual takes that for Alt (and the Esc for `^`); nothing here
# needs Alt, so they are two keys. What begins a terminal's own sequences (`[`, `O`, `]`) is left to the parser.
_SPLIT = re.compile(r"(?<=\x1b)(?=[a-z0-9:/?\r\t ])")


class Keyboard:
    """The keys on one line. Used by one thread."""

    def __init__(self, debug: bool = False) -> None:
        self._debug = debug
        self._parser = XTermParser(debug)
        self._decode = getincrementaldecoder("utf-8")(errors="replace").decode
        self._escaped = False

    def patience(self) -> float | None:
        """Seconds until a lone Esc counts as one; None when nothing waits."""
        deadline = self._parser._timeout_time
        return None if deadline is None else max(0.0, deadline - get_time()) + 0.005

    def feed(self, data: bytes) -> Iterator[Message]:
        """The events that `data` completes."""
        text = self._decode(data)
        if not text:
            return
        if self._escaped and _SPLIT.search("\x1b" + text[0]):
            yield from self._expire()
        for number, piece in enumerate(_SPLIT.split(text)):
            if number:
                yield from self._expire()
            try:
                yield from self._parser.feed(piece)
            except ParseError:  # noise on the line: begin again
                self._parser = XTermParser(self._debug)
        self._escaped = text.endswith("\x1b")

    def tick(self) -> Iterator[Message]:
        """The events of keys that have waited long enough."""
        yield from self._parser.tick()

    def _expire(self) -> Iterator[Message]:
        """What waits after an Esc is an Esc."""
        if self._parser._timeout_time is not None:
            self._parser._timeout_time = 0.0
            yield from self._parser.tick()
