"""100,000 snapshots of 1,000 datasets on the screen, against the one `zfs list` that this needs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dplane_tui.services.zfs.shelf import SHELF_COLUMNS
from dplane_tui.services.zfs.tree import TREE_COLUMNS

from ._many import Box, bare, build
from .run import Bench


def _prepare(scratch: Path) -> tuple[Callable[[], float], ...]:
    bin = build(scratch)

    def snapshots() -> float:
        with Box(scratch, bin) as box:
            took = box.opened(b"6", "100000")
            box.scroll()
            return took

    def tree() -> float:
        with Box(scratch, bin) as box:
            return box.opened(b"5", "1000")

    return snapshots, lambda: bare(bin, SHELF_COLUMNS), tree, lambda: bare(bin, TREE_COLUMNS)


BENCH = Bench(
    name="list-100k-snapshots",
    ours="from the key to 100,000 snapshots in the list, which then is scrolled and sorted without listing again",
    against="the one `zfs list` of them, replayed at 20 µs a line, read to its end",
    unit="s",
    goal=1.2,
    runs=3,
    prepare=_prepare,
    also=("the tree of 1,000 datasets", "its one `zfs list`"),
    warm=False,
)
