"""20 datasets with three snapshots each, brought to the other box of the practice pair for the first time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ._pair import BY_HAND, DATASETS, SOURCE, SSH, Boxes, Way, boxes, ways
from .run import Bench


def _once(pair: Boxes, way: Way) -> Callable[[], float]:
    def measure() -> float:
        name = pair.keep_snapshots(3)
        pair.b(f"zfs destroy -r {way.target} 2>/dev/null || true")
        line = way.line or f"zfs send -R {SOURCE}@{name} | {SSH} zfs receive -u {BY_HAND}"
        took = pair.timed(line)
        pair.assert_same(way.target)
        return took

    return measure


def _prepare(_: Path) -> tuple[Callable[[], float], ...]:
    pair = boxes()
    return tuple(_once(pair, way) for way in ways())


BENCH = Bench(
    name="replicate-initial",
    ours=f"the first run of a tree of {DATASETS} datasets with 3 snapshots each",
    against="zfs send -R | ssh | zfs receive",
    unit="s",
    goal=1.5,
    runs=1,
    prepare=_prepare,
    also=("syncoid", "bzfs"),
    warm=False,
)
