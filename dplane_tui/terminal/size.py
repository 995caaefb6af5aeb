"""How large the terminal is, where the kernel does not know: a serial line has no SIGWINCH."""

from __future__ import annotations

import os
import re
import select
import time

from ..errors import UsageError

LEAST, MOST = 4, 1000
DEFAULT = (80, 24)
ASK = b"\x1b[999;999H\x1b[6n"
"""To the last corner there is, and: where is that? Every vt100 answers."""
_ANSWER = re.compile(rb"\x1b\[(\d{1,4});(\d{1,4})R")
_PATIENCE = 1.0


def sane(width: int, height: int) -> tuple[int, int] | None:
    """The size, if a terminal can have it."""
    return (width, height) if LEAST <= width <= MOST and LEAST <= height <= MOST else None


def parse(text: str) -> tuple[int, int]:
    """`80x24` as (columns, lines). Raises UsageError."""
    found = re.fullmatch(r"(\d{1,4})[x×X](\d{1,4})", text.strip())
    size = sane(int(found[1]), int(found[2])) if found else None
    if size is None:
        raise UsageError(
            f"A terminal's size is columns x lines, each from {LEAST} to {MOST}, and that is not “{text}”.",
            "`dplane --size 80x24`, for instance.",
        )
    return size


def ask(source: int, sink: int, patience: float = _PATIENCE) -> tuple[tuple[int, int] | None, bytes]:
    """Ask the terminal how large it is; None when it does not say within `patience` seconds.

    `source` is in raw mode. Also returns what else came meanwhile: somebody may be typing already.
    """
    got = b""
    end = time.monotonic() + patience
    if not select.select([], [sink], [], 0)[1]:
        return None, got  # the line takes nothing now
    os.write(sink, ASK)
    while (left := end - time.monotonic()) > 0 and select.select([source], [], [], left)[0]:
        part = os.read(source, 1024)
        if not part:
            break
        got += part
        if found := _ANSWER.search(got):
            return sane(int(found[2]), int(found[1])), got[: found.start()] + got[found.end() :]
    return None, got
