"""What the console costs while nobody touches it and nothing changes: processor, wake-ups, and not one byte."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from ._pty import BARE, BARE_DRAWN, BOX, OURS_DRAWN, OnPty
from .run import Bench, CannotMeasureError

_WINDOW = 30.0
OTHERS = tuple(name for name in ("btop", "htop", "glances") if shutil.which(name))


def _bare(scratch: Path) -> OnPty:
    one = OnPty(BARE, scratch)
    one.drawn(BARE_DRAWN)
    return one


def _ours(scratch: Path) -> OnPty:
    one = OnPty(BOX, scratch)
    one.drawn(b"vault")
    one.drawn(OURS_DRAWN)
    return one


def _over_the_window(one: OnPty, read: Callable[[OnPty], float], silent: bool) -> float:
    with one:
        one.wait(5.0)
        if silent:
            one.settle(2.0)
        bytes_before, before = one.count, read(one)
        one.wait(_WINDOW)
        after = read(one)
        if silent and one.count != bytes_before:
            raise CannotMeasureError(f"it wrote {one.count - bytes_before} bytes though nothing changed")
        return after - before


def _other(name: str, scratch: Path) -> float:
    one = OnPty((), scratch, program=shutil.which(name) or name)
    return 1000 * _over_the_window(one, OnPty.processor, silent=False)


def _processor(scratch: Path) -> tuple[Callable[[], float], ...]:
    def ours() -> float:
        return 1000 * _over_the_window(_ours(scratch), OnPty.processor, silent=True)

    def bare() -> float:
        return 1000 * _over_the_window(_bare(scratch), OnPty.processor, silent=False)

    return ours, bare, *((lambda name=name: _other(name, scratch)) for name in OTHERS)


def _wakeups(scratch: Path) -> tuple[Callable[[], float], ...]:
    def ours() -> float:
        return _over_the_window(_ours(scratch), OnPty.wakeups, silent=True) / _WINDOW

    def bare() -> float:
        return _over_the_window(_bare(scratch), OnPty.wakeups, silent=False) / _WINDOW

    return ours, lambda: 1.0, bare


BENCHES = (
    Bench(
        name="console-idle-cpu",
        ours=f"the console on a made-up box, {_WINDOW:.0f} s in which nothing changes and nothing is written",
        against="a bare Textual App with one DataTable of 20×5",
        unit="ms",
        goal=0.5,
        runs=3,
        prepare=_processor,
        also=OTHERS,
        warm=False,
    ),
    Bench(
        name="console-idle-wakeups",
        ours="wake-ups a second of all its threads, idle",
        against="one a second",
        unit="/s",
        goal=1.0,
        runs=3,
        prepare=_wakeups,
        also=("a bare Textual App",),
        warm=False,
    ),
)
