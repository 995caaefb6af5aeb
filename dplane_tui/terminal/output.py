"""Writing to a line that may be slow, stalled or gone, without ever making the console wait for it."""

from __future__ import annotations

import os
import re
import termios
import threading
from collections.abc import Callable

CHUNK = 1024
STALLED_AT = 64 * 1024
"""Characters waiting for a line that takes none: what is older than this is worthless, a fresh frame replaces it."""
_SGR = re.compile(r"\x1b\[0m\x1b\[([0-9;]+)m|\x1b\[([0-9;]*)m")


def merge_styles(text: str) -> str:
    """`text` without resets that the same style follows at once: Textual opens and closes one around each piece."""
    current = ""
    out: list[str] = []
    position = 0
    for match in _SGR.finditer(text):
        out.append(text[position : match.start()])
        position = match.end()
        style = match.group(1)
        if style is not None:
            if style != current:
                out.append(match.group())
            current = style
        else:
            current = match.group(2)
            current = "" if current == "0" else current
            out.append(match.group())
    out.append(text[position:])
    return "".join(out)


class Output:
    """A thread that writes; `write` only hands over and returns.

    When the line stalls, what waits is dropped and `on_dropped` is called (in the thread) once the line takes bytes
    again: the owner then paints afresh. `on_gone` is called when the line no longer exists.
    """

    def __init__(self, fileno: int, on_dropped: Callable[[], None], on_gone: Callable[[], None]) -> None:
        self._fileno = fileno
        self._on_dropped = on_dropped
        self._on_gone = on_gone
        self._waiting: list[bytes] = []
        self._size = 0
        self._dropped = False
        self._closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="dplane-output", daemon=True)
        self._thread.start()

    def write(self, text: bytes) -> None:
        """Hand over; never blocks on the line."""
        with self._changed:
            if self._size + len(text) > STALLED_AT and self._waiting:
                self._waiting.clear()
                self._size = 0
                self._dropped = True
            if self._dropped:
                return  # a part of a frame is worse than none: the fresh frame comes when the line moves
            self._waiting.append(text)
            self._size += len(text)
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not (self._waiting or self._closing or self._dropped):
                    self._changed.wait()
                data = b"".join(self._waiting)
                self._waiting.clear()
                self._size = 0
                if not data and self._closing:
                    return
            try:
                self._put(data)
            except OSError:
                self._on_gone()
                return
            with self._changed:
                dropped, self._dropped = self._dropped, False
            if dropped and not self._closing:
                self._on_dropped()

    def _put(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._fileno, view[:CHUNK]) :]
            if self._dropped:
                return

    def finish(self, last: bytes, patience: float = 1.0) -> None:
        """Write `last` (what restores the terminal) and end. A stalled line is flushed rather than waited for."""
        with self._changed:
            self._dropped = False
            self._waiting = [*self._waiting, last]
            self._closing = True
            self._changed.notify()
        self._thread.join(patience)
        if self._thread.is_alive():
            try:
                # Throws away what the kernel holds; the blocked write returns and `last` goes out.
                termios.tcflush(self._fileno, termios.TCOFLUSH)
            except termios.error:
                return
            self._thread.join(patience)
