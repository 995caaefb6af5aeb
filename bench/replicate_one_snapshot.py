"""One new snapshot in each of 20 datasets, brought to the other box of the practice pair."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ._pair import BY_HAND, DATASETS, SOURCE, SSH, Boxes, Way, boxes, ways
from .run import Bench


def once(pair: Boxes, way: Way) -> Callable[[], float]:
    """Measure one increment of one way; a target that has nothing yet gets the whole tree first, unmeasured."""

    def measure() -> float:
        if not pair.b(f"zfs list -H -o name {way.target} 2>/dev/null || true").strip():
            newest = pair.newest()  # every way needs one to begin with
            pair.timed(way.line or f"zfs send -R {SOURCE}@{newest} | {SSH} zfs receive -u {BY_HAND}")
        base = pair.base(way.target)
        name = pair.snapshot()
        line = way.line or f"zfs send -R -I @{base} {SOURCE}@{name} | {SSH} zfs receive -u {BY_HAND}"
        took = pair.timed(line)
        pair.assert_same(way.target)
        return took

    return measure


def _prepare(_: Path) -> tuple[Callable[[], float], ...]:
    pair = boxes()
    return tuple(once(pair, way) for way in ways())


BENCH = Bench(
    name="replicate-one-snapshot",
    ours=f"a run that sends one new snapshot in each of {DATASETS} datasets",
    against="zfs send -R -I | ssh | zfs receive",
    unit="s",
    goal=1.5,
    runs=3,
    prepare=_prepare,
    also=("syncoid", "bzfs"),
    warm=False,
)
