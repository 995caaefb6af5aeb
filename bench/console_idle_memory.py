"""Memory of the console that nobody touches, against the least a Textual program can be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ._pty import BARE, BARE_DRAWN, OURS, OURS_DRAWN, OnPty
from .run import Bench


def _prepare(scratch: Path) -> tuple[Callable[[], float], Callable[[], float]]:
    def measure(args: tuple[str, ...], mark: bytes) -> Callable[[], float]:
        def once() -> float:
            with OnPty(args, scratch) as program:
                program.drawn(mark)
                return program.idle_memory()

        return once

    return measure(OURS, OURS_DRAWN), measure(BARE, BARE_DRAWN)


BENCH = Bench(
    name="console-idle-memory",
    ours="the console at its first screen, 80×24, 8 s after its first frame (PSS)",
    against="a bare Textual App with one DataTable of 20×5",
    unit="MiB",
    goal=1.0,
    runs=5,
    prepare=_prepare,
)
