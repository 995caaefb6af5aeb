"""What the console grows by with 100,000 snapshots of 1,000 datasets on the screen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ._many import Box, build
from .run import Bench

ALLOWED = 25.0  # MiB


def _prepare(scratch: Path) -> tuple[Callable[[], float], Callable[[], float]]:
    bin = build(scratch)

    def growth() -> float:
        with Box(scratch, bin) as box:
            before = box.program.idle_memory(1.0)
            box.opened(b"6", "100000")
            box.scroll()
            box.opened(b"5", "1000")
            return box.program.idle_memory(3.0) - before

    return growth, lambda: ALLOWED


BENCH = Bench(
    name="list-100k-memory",
    ours="growth of the console (PSS): 100,000 snapshots listed, scrolled, sorted, then the tree of 1,000 datasets",
    against="25 MiB",
    unit="MiB",
    goal=1.0,
    runs=3,
    prepare=_prepare,
    warm=False,
)
