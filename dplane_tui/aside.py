"""What a process says besides its result, to the journal or to the person who waits for it. A run keeps it as a log."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from contextvars import ContextVar

from .text import clean

MOST, WIDE = 200, 300
"""So many lines of so many characters a log has at most."""
HALF = MOST // 2


class Log:
    """What a run says while it works, each line with its time (Unix seconds). When it is full, the middle is left out:
    how it began and what came last tell most."""

    def __init__(self) -> None:
        self.said = 0
        """How many lines, with those that are left out."""
        self.stored = 0
        """How many of those are known to the store."""
        self._lines: list[tuple[float, str]] = []
        self._gone, self._since = 0, 0.0

    def add(self, text: str) -> None:
        """Another line, made safe."""
        self.said += 1
        self._lines.append((time.time(), clean(text, WIDE)))
        while len(self._lines) > MOST - (1 if self._gone else 0):  # the line that tells of it has a place, too
            at, _ = self._lines.pop(HALF)
            self._since = self._since or at
            self._gone += 1

    def lines(self) -> list[tuple[float, str]]:
        """All that is kept, oldest first."""
        if not self._gone:
            return list(self._lines)
        told = (self._since, f"{self._gone} lines are left out here")
        return [*self._lines[:HALF], told, *self._lines[HALF:]]


_log: ContextVar[Log | None] = ContextVar("log", default=None)


@contextlib.contextmanager
def kept_in(log: Log) -> Iterator[None]:
    """What is said in the block, and by what it starts, goes into `log` as well."""
    before = _log.set(log)
    try:
        yield
    finally:
        _log.reset(before)


def aside(text: str) -> None:
    """One line on standard error in the product's name, made safe, and into the run's log.

    Raises OSError where nobody keeps it: no run ends because the journal or a terminal went away.
    """
    if (log := _log.get()) is not None:
        log.add(text)
    try:
        print(f"dplane: {clean(text)}", file=sys.stderr, flush=True)
    except OSError:
        if log is None:
            raise
