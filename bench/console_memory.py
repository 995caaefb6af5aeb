"""What the console keeps: after every screen was visited, and after ten thousand refreshes and five hundred dialogs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from ._pty import BARE, BARE_DRAWN, BOX, OURS_DRAWN, OnPty
from .run import Bench

_EVERY = 0.01
_REFRESHES, _DIALOGS = 10_000, 500
_TOURS = ((b"t", b""), (b"t", b""), (b"2", b"backup"), (b"3", b"web"), (b"4", b"What to know"), (b"?", b"Keys that"),
          (b"\x1b", b""), (b"1n", b"New pool"), (b"\x1b", b""))  # fmt: skip
OTHERS = tuple(name for name in ("btop", "htop", "glances") if shutil.which(name))


def _toured(scratch: Path) -> float:
    with OnPty(BOX, scratch) as one:
        one.drawn(b"vault")
        one.drawn(OURS_DRAWN)
        for keys, mark in _TOURS:
            one.press(keys, mark)
        return one.idle_memory()


def _idle(args: tuple[str, ...], mark: bytes, scratch: Path) -> float:
    with OnPty(args, scratch) as one:
        one.drawn(mark)
        return one.idle_memory()


def _other(name: str, scratch: Path) -> float:
    with OnPty((), scratch, program=shutil.which(name) or name) as one:
        return one.idle_memory()


def _all_screens(scratch: Path) -> tuple[Callable[[], float], ...]:
    def ours() -> float:
        return _toured(scratch)

    def bare() -> float:
        return _idle(BARE, BARE_DRAWN, scratch)

    return ours, bare, *((lambda name=name: _other(name, scratch)) for name in OTHERS)


def _growth(scratch: Path) -> tuple[Callable[[], float], ...]:
    def ours() -> float:
        with OnPty(BOX, scratch, BOX_EVERY=str(_EVERY), BOX_MOVES="1", BOX_COUNT=str(scratch / "count")) as one:
            one.drawn(b"vault")
            dialogs = 0
            for keys, mark in _TOURS:  # what is loaded once is no growth
                one.press(keys, mark, 0.2)
            one.wait(20.0)
            before, begun = one.own_memory(), _count(scratch)
            while dialogs < _DIALOGS:
                one.press(b"?", b"Keys that", 0.0)
                one.press(b"\x1b", b"", 0.0)
                one.wait(0.15)
                dialogs += 1
            while _count(scratch) - begun < _REFRESHES:
                one.wait(1.0)
            one.wait(2.0)
            return one.own_memory() - before

    return ours, lambda: 1.0


def _count(scratch: Path) -> int:
    return (scratch / "count").stat().st_size


BENCHES = (
    Bench(
        name="console-all-screens-memory",
        ours="the console on a made-up box, back from every screen and two dialogs (PSS)",
        against="a bare Textual App with one DataTable of 20×5",
        unit="MiB",
        goal=1.3,
        runs=3,
        prepare=_all_screens,
        also=OTHERS,
        warm=False,
    ),
    Bench(
        name="console-growth",
        ours=f"own memory more after {_REFRESHES} refreshes with changes and {_DIALOGS} dialogs",
        against="one MiB",
        unit="MiB",
        goal=1.0,
        runs=1,
        prepare=_growth,
        warm=False,
    ),
)
