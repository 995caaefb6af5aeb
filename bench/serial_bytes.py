"""What the console sends over a serial line to a vt220, against what the line can be asked to carry."""

from __future__ import annotations

import os
import select
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING

from ._pty import BARE, BARE_DRAWN, BOX, OURS_DRAWN, OnPty, seen
from .run import Bench, CannotMeasureError

if TYPE_CHECKING:
    from tests.pty.conftest import Terminal

_KEYS = (
    (b"1", "> tank"),
    (b"j", "> vault"),
    (b"4", "What to know"),
    (b"1", "> vault"),
    (b"k", "> tank"),
    (b"2", "home"),
)
_PATIENCE = 60.0
_HALF_A_SECOND = 5760.0
"""Bytes, at 115200 baud."""


def _opened(scratch: Path, **more: str) -> OnPty:
    one = OnPty(BOX, scratch, TERM="vt220", LANG="C", **more)
    one.drawn(b"vault")
    one.drawn(OURS_DRAWN)
    one.settle()
    return one


def _first(scratch: Path) -> float:
    with _opened(scratch) as one:
        return float(one.count)


def _bare(scratch: Path) -> float:
    with OnPty(BARE, scratch, TERM="vt220", LANG="C") as one:
        one.drawn(BARE_DRAWN)
        one.settle()
        return float(one.count)


def _bare_cursor(scratch: Path) -> float:
    with OnPty(BARE, scratch, TERM="vt220", LANG="C") as one:
        one.drawn(BARE_DRAWN)
        one.settle()
        return float(one.press(b"\x1b[B"))


def _row(scratch: Path) -> float:
    with _opened(scratch, BOX_MOVES="1") as one:
        one.press(b"1")
        return float(one.press(b"r"))


def _cursor(scratch: Path) -> float:
    with _opened(scratch) as one:
        one.press(b"1")
        one.press(b"\t")
        return float(max(one.press(b"j"), one.press(b"k")))


def _cursor_on_start(scratch: Path) -> float:
    """There the row under the cursor is told in full below the list."""
    with _opened(scratch) as one:
        return float(max(one.press(b"j"), one.press(b"k")))


def _screen(scratch: Path) -> float:
    with _opened(scratch) as one:
        return float(max(one.press(key) for key in (b"2", b"3", b"4", b"1", b"?")))


def _answer(scratch: Path) -> float:
    """Seconds at 960 bytes a second until the dearest of some keys is answered, while every second data changes."""
    one = seen(scratch, TERM="vt220", LANG="C", BOX_MOVES="1", BOX_EVERY="1")
    try:
        return max(_slowly(one, key, mark) for key, mark in _KEYS)
    finally:
        one.close()


def _slowly(one: Terminal, key: bytes, mark: str) -> float:
    begun = monotonic()
    one.send(key)
    while mark not in one.text:
        if monotonic() - begun > _PATIENCE:
            raise CannotMeasureError(f"{mark} never came after {key!r}")
        if select.select([one.master], [], [], 0.05)[0]:
            one.stream.feed(os.read(one.master, 24))
            sleep(24 / 960)
    answered = monotonic() - begun
    one.quiet(0.3)
    return answered


def _bench(
    name: str,
    ours: str,
    limit: float,
    once: Callable[[Path], float],
    also: dict[str, Callable[[Path], float]] | None = None,
    unit: str = "B",
) -> Bench:
    ways = (once, lambda _: limit, *(also or {}).values())

    def prepare(scratch: Path) -> tuple[Callable[[], float], ...]:
        return tuple((lambda way=way: way(scratch)) for way in ways)

    return Bench(
        name=name,
        ours=ours,
        against="the most it may be",
        unit=unit,
        goal=1.0,
        runs=3,
        prepare=prepare,
        also=tuple(also or ()),
        warm=False,
    )


BENCHES = (
    _bench("serial-first-paint", "start to the whole first screen", 3000.0, _first, {"a bare Textual App": _bare}),
    _bench("serial-row", "one row of Pools with another value", 150.0, _row),
    _bench(
        "serial-cursor",
        "the cursor to the next row of Pools",
        60.0,
        _cursor,
        {"on Start, with the whole sentence of the row": _cursor_on_start, "a bare Textual App": _bare_cursor},
    ),
    _bench("serial-screen", "the dearest change of screen", _HALF_A_SECOND, _screen),
    _bench("serial-9600-answer", "at 9600 baud, key to its answer, while data changes", 1.0, _answer, unit="s"),
)
