"""From the start of the process to the first whole frame on the terminal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ._pty import BARE, BARE_DRAWN, OURS, OURS_DRAWN, OnPty
from .run import Bench


def _prepare(scratch: Path) -> tuple[Callable[[], float], Callable[[], float]]:
    def measure(args: tuple[str, ...], mark: bytes) -> Callable[[], float]:
        def once() -> float:
            with OnPty(args, scratch) as program:
                return program.drawn(mark) * 1000

        return once

    return measure(OURS, OURS_DRAWN), measure(BARE, BARE_DRAWN)


BENCH = Bench(
    name="console-first-paint",
    ours="the console's first whole frame, 80×24",
    against="a bare Textual App with one DataTable of 20×5",
    unit="ms",
    goal=1.2,
    runs=11,
    prepare=_prepare,
)
