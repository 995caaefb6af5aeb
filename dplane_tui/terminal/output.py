"""Writing to a line that may be slow, stalled or gone, without ever making the console wait for it."""

from __future__ import annotations

import contextlib
import os
import termios
import threading
import time
from collections.abc import Callable

from .grid import CLEAR, Grid

_PIECE = 256
"""Bytes of one write; a line that takes longer than STALLED for them carries nothing worth the name."""
STALLED = 3.0
"""Seconds. A terminal that did not read for so long may have been switched off, or have lost what was sent."""


class Output:
    """A thread that writes; the calls only hand over and return.

    What the terminal shows is kept in `grid`; when the line can carry more, the newest difference goes out. `opening`
    (modes) is sent at the start and again after a stall, followed by the whole screen. `on_gone` is called there
    when the line no longer exists. With `pace` (bytes), no more than that is ever under way on the line, so that what
    happens now is not shown behind what was to be shown before.
    """

    def __init__(
        self, fileno: int, grid: Grid, opening: bytes, on_gone: Callable[[], None], *, first: bytes = b"", pace: int = 0
    ) -> None:
        self._fileno = fileno
        self._grid = grid
        self._opening = opening + CLEAR.encode()
        self._on_gone = on_gone
        self._pace = pace
        self._raw = first + self._opening
        self._closing = self._given_up = False
        self._changed = threading.Condition()
        self._writing_since = 0.0
        grid.forget()
        self._thread = threading.Thread(target=self._run, name="dplane-output", daemon=True)
        self._thread.start()

    def frame(self, text: str) -> None:
        """Show `text`, a frame of cells."""
        with self._changed:
            self._grid.put(text)
            if self._grid.waiting:
                self._changed.notify()

    def send(self, raw: bytes) -> None:
        """Send `raw` as it is, before what else waits."""
        with self._changed:
            if not self._closing:
                self._raw += raw
                self._changed.notify()

    def repaint(self, width: int, height: int) -> None:
        """Clear the terminal, which has this size now, and write everything again."""
        with self._changed:
            if (width, height) != (self._grid.width, self._grid.height):
                self._grid.resize(width, height)
            self._repaint()

    def _repaint(self) -> None:
        self._grid.forget()
        if not self._raw.endswith(self._opening):
            self._raw += self._opening
        self._changed.notify()

    def free(self) -> None:
        """Undo an XOFF that has lasted too long to be one: noise on the line looks like it, and no XON follows.

        To be called when somebody types, who would wait for ever.
        """
        since = self._writing_since
        if since and time.monotonic() - since > STALLED:
            with contextlib.suppress(termios.error):
                termios.tcflow(self._fileno, termios.TCOOFF)  # the kernel starts only what it stopped itself
                termios.tcflow(self._fileno, termios.TCOON)

    def _next(self) -> bytes:
        """What to write now; nothing when it is over."""
        with self._changed:
            while True:
                raw, self._raw = self._raw, b""
                if self._closing:
                    return raw
                data = raw + self._grid.changes(self._pace or 4096).encode("utf-8", "replace")
                if data:
                    return data
                self._changed.wait()

    def _run(self) -> None:
        while data := self._next():
            try:
                late = self._put(data)
            except OSError:
                self._on_gone()
                return
            if late:
                with self._changed:
                    if not self._closing:
                        self._repaint()

    def _put(self, data: bytes) -> bool:
        """Write; tells whether the line stood still meanwhile."""
        late = False
        view = memoryview(data)
        while view:
            begun = self._writing_since = time.monotonic()
            view = view[os.write(self._fileno, view[:_PIECE]) :]
            if self._pace:
                with contextlib.suppress(termios.error):
                    termios.tcdrain(self._fileno)
            self._writing_since = 0.0
            if self._given_up:
                self._given_up = False
                return True
            late = late or time.monotonic() - begun > STALLED
        return late

    def finish(self, last: bytes, patience: float = 1.0) -> None:
        """Write `last` (what restores the terminal) and end. A stalled line is flushed rather than waited for."""
        with self._changed:
            self._raw += last
            self._closing = True
            self._changed.notify()
        self._thread.join(patience)
        if self._thread.is_alive():
            self._given_up = True
            try:
                # Throws away what the kernel holds; the blocked write returns and `last` goes out.
                termios.tcflush(self._fileno, termios.TCOFLUSH)
            except termios.error:
                return
            self._thread.join(patience)
