"""A cap on the snapshots that wait for a target that is away, so that they cannot fill the disk. Pure."""

from __future__ import annotations

import heapq
import math
from collections.abc import Collection, Sequence

from ...lazyclass import dataclass
from .points import Point

_Rank = tuple[bool, bool, float, int]


@dataclass(frozen=True, slots=True)
class Backlog:
    """What the target does not have yet is kept whatever the policy says, up to this much. None is no limit."""

    after: int = 0
    """createtxg of the newest snapshot (or bookmark of one) that the target has; 0 when it has none."""
    most: int | None = None
    """Snapshots. The newest stays even when this is less than 1."""
    most_bytes: int | None = None
    """Sum of `written` of those that wait. What goes may free less, as the next snapshot takes over what lives on in
    it; the next run reads the figures again."""


def thinned(waiting: Sequence[Point], wanted: Collection[int], fixed: Collection[int], cap: Backlog) -> list[int]:
    """Which of `waiting` (oldest first) go to meet the cap, by index: never the last, nor one that is `fixed`.

    Those that no policy wants go before those in `wanted`; of each, always the one whose neighbours are nearest in
    time, so that what is left is spread evenly; the oldest goes when nothing else is left.
    """
    before, after = list(range(-1, len(waiting) - 1)), list(range(1, len(waiting) + 1))
    left, size = len(waiting), sum(point.written or 0 for point in waiting)
    gone: set[int] = set()

    def rank(index: int) -> _Rank:
        if before[index] < 0:
            return True, index in wanted, math.inf, index
        gap = abs(waiting[after[index]].creation - waiting[before[index]].creation)
        return False, index in wanted, gap, index

    heap = [rank(index) for index in range(len(waiting) - 1) if index not in fixed]
    heapq.heapify(heap)
    while heap and (
        (cap.most is not None and left > cap.most) or (cap.most_bytes is not None and size > cap.most_bytes)
    ):
        entry = heapq.heappop(heap)
        index = entry[-1]
        if index in gone or entry != rank(index):  # a neighbour went since, and it is in the heap with its new gap
            continue
        gone.add(index)
        left, size = left - 1, size - (waiting[index].written or 0)
        older, newer = before[index], after[index]
        before[newer] = older
        if older >= 0:
            after[older] = newer
        for neighbour in (older, newer):
            if 0 <= neighbour < len(waiting) - 1 and neighbour not in fixed:
                heapq.heappush(heap, rank(neighbour))
    return sorted(gone)
