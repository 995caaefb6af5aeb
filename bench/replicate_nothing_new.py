"""A run that finds nothing new in 20 datasets on the practice pair. How many programs it starts is a unit test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ._pair import BY_HAND, DATASETS, SOURCE, SSH, Boxes, Way, boxes, ways
from .run import Bench

_LIST = "zfs list -Hp -r -t snapshot,bookmark -o name,guid,createtxg"


def _once(pair: Boxes, way: Way) -> Callable[[], float]:
    name = pair.newest()
    line = way.line or f"{_LIST} {SOURCE} && {SSH} {_LIST} {BY_HAND}"
    pair.timed(way.line or f"{SSH} zfs list {BY_HAND} || zfs send -R {SOURCE}@{name} | {SSH} zfs receive -u {BY_HAND}")
    if way.line:
        pair.assert_same(way.target)
    return lambda: pair.timed(line)


def _prepare(_: Path) -> tuple[Callable[[], float], ...]:
    pair = boxes()
    return tuple(_once(pair, way) for way in ways())


BENCH = Bench(
    name="replicate-nothing-new",
    ours=f"a run that finds nothing new in {DATASETS} datasets, from the start of its process to its end",
    against="zfs list on both boxes, the far one through one ssh",
    unit="s",
    goal=1.3,
    runs=3,
    prepare=_prepare,
    also=("syncoid", "bzfs"),
    warm=False,
)
