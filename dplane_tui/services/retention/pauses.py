"""Long times of which no snapshot is left: the box was off, or its clock jumped ahead. Pure.

Names and dates cannot tell the one from the other. So such a time does not make a snapshot older. What is known of its
age is how long snapshots were taken since: after a jump that is its age, and a box that was off keeps what it had for
as long again as it takes new ones.

A policy makes such times, too, where it leaves one snapshot of a year. Nor can that be told from a clock that stayed
ahead, so there as well nothing gets older by it; but people are sent to look at a clock only for what is no work of the
policy's. It makes such times among what is that old by the measure above.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

Row = tuple[int, int]
"""Of a policy: from which age on, in seconds, it leaves snapshots how far apart."""

LONG = 45 * 86400
"""Seconds. A shorter time without a snapshot is an ordinary one: every month is."""
_BUCKETS = 2  # so many lie between the oldest of one and that of the next: the first of one year, the last of another
_RHYTHM = 3  # and so is one of up to so many times the one before or after it: every quarter, or the last yearly ones


def uncounted(times: Sequence[int], rows: Sequence[Row] = ()) -> list[int]:
    """For each of `times` (when snapshots say that they were taken, in the order of createtxg), the seconds since then
    that do not make it older. With the `rows` of the policy that pruned them, only those that it cannot have made.

    Dates that a wrong clock gave between right ones, ahead or behind, tell of no time that went by.
    """
    line = _agreeing(times)
    gaps = [times[after] - times[before] for before, after in pairwise(line)]
    found = [0] * len(times)
    seen = step = 0  # how long snapshots were taken since the end of a gap, and the time to the next of them
    for place in range(len(gaps) - 1, -1, -1):
        gap = gaps[place]
        beside = [*gaps[max(0, place - 1) : place], *gaps[place + 1 : place + 2]]
        if gap > max(_ordinary(rows, seen, step), *(_RHYTHM * other for other in beside), 0):
            found[line[place + 1] - 1] += gap
            step = 0
        else:
            seen, step = seen + gap, gap
    for index in range(len(found) - 1, 0, -1):
        found[index - 1] += found[index]
    newest = times[-1] if times else 0
    return [max(0, min(seconds, newest - time)) for seconds, time in zip(found, times, strict=True)]


def _ordinary(rows: Sequence[Row], seen: int, step: int) -> int:
    """How long a time without a snapshot can be that ends at one of age `seen`, with the next one `step` later."""
    found = LONG
    for (_, finer), (begins, apart) in pairwise([(0, 0), *rows]):  # those of the first row may begin with the newest
        if begins <= min(seen + max(finer, step), 2 * seen):  # the last of the row before, if that has more than one
            found = max(found, _BUCKETS * apart)
    return found


def _agreeing(times: Sequence[int]) -> list[int]:
    """The most of `times`, by index, that lie in order: none is later than one that comes behind it."""
    lasts: list[int] = []  # of all that many in order, the earliest time that they can end with
    ends: list[int] = []
    before: list[int] = []
    for index, time in enumerate(times):
        length = bisect_right(lasts, time)
        before.append(ends[length - 1] if length else -1)
        lasts[length : length + 1] = [time]
        ends[length : length + 1] = [index]
    found: list[int] = []
    index = ends[-1] if ends else -1
    while index >= 0:
        found.append(index)
        index = before[index]
    return found[::-1]


def longest(unseen: Sequence[int]) -> int:
    """The index before which the longest of these times ended, by what `uncounted` found."""
    return max(range(1, len(unseen)), key=lambda index: unseen[index - 1] - unseen[index])
