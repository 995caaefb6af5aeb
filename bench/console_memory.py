"""What the console keeps: after every screen was visited, and after ten thousand refreshes and five hundred dialogs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ._pty import BARE, BARE_DRAWN, BOX, OURS_DRAWN, OnPty, own_memory, seen
from .run import Bench

if TYPE_CHECKING:
    from tests.pty.conftest import Terminal

_EVERY = 0.01
_REFRESHES, _DIALOGS = 10_000, 500
_TOURS = (
    (b"t", b""), (b"t", b""), (b"2", b"backup"), (b"3", b"web"), (b"4", b"What to know"), (b"5", b""), (b"6", b""),
    (b"F", b""), (b"?", b"Keys that"), (b"\x1b", b""), (b"1n", b"New pool"), (b"\x1b", b""),
    (b"O", b""), (b"\x1b", b""), (b"H", b""), (b"\x1b", b""), (b"0", b""), (b"1", b""),
)  # fmt: skip
"""Every screen and list, and some dialogs."""
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
        one = seen(scratch, BOX_EVERY=str(_EVERY), BOX_MOVES="1", BOX_COUNT=str(scratch / "count"))
        try:
            for _ in range(20):  # what is loaded once, and caches that fill, are no growth
                _dialog(one)
            before, begun = own_memory(one.process.pid), _count(scratch)
            for _ in range(_DIALOGS):
                _dialog(one)
            while _count(scratch) - begun < _REFRESHES:
                one.read(1.0)
            return own_memory(one.process.pid) - before
        finally:
            one.close()

    return ours, lambda: 1.0


def _dialog(one: Terminal) -> None:
    one.send(b"?")
    one.until_text("Keys that work here")
    one.send(b"\x1b")
    one.until(lambda: "Keys that work here" not in one.text)


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
