"""What a policy alone says of each snapshot, as the tool does whose notation it is in (see policy.py). Pure.

Points come in the order of createtxg. A verdict is whether the policy keeps the point, and why.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from datetime import datetime

from .points import Point
from .policy import PERIODS, Policy, amount

Verdict = tuple[bool, str]


def judge(policy: Policy, points: Sequence[Point], now: datetime, uncounted: Sequence[int] = ()) -> list[Verdict]:
    """A verdict for each point. `now` has a time zone: periods are those of its local time.

    `uncounted` are seconds for each point that do not make it older. Counts have no need of that: they keep their
    number of each period, however old.
    """
    if policy.counts:
        return _counts(policy, points, now)
    unseen = uncounted or [0] * len(points)
    if policy.grid:
        return _grid(policy, points, unseen)
    if policy.empty:
        return [(True, "the policy keeps everything")] * len(points)
    return _thinning(policy, points, now, unseen)


def _hour(local: datetime) -> Hashable:
    return local.date(), local.hour, local.utcoffset()  # the offset: an hour that the clock goes through twice is two


_PERIOD_OF: dict[str, Callable[[datetime], Hashable]] = {
    "frequently": lambda local: (_hour(local), local.minute // 15),
    "hourly": _hour,
    "daily": lambda local: local.date(),
    "weekly": lambda local: local.isocalendar()[:2],
    "monthly": lambda local: (local.year, local.month),
    "yearly": lambda local: local.year,
}


def slot(period: str, local: datetime) -> Hashable:
    """Which one of `period` (a key of PERIODS) a local time lies in; equal for all times of the same one."""
    return _PERIOD_OF[period](local)


def _counts(policy: Policy, points: Sequence[Point], now: datetime) -> list[Verdict]:
    """Sanoid: of those that stand for a period, the newest so many, and all that are not older than so many periods."""
    times = [datetime.fromtimestamp(point.creation, now.tzinfo) for point in points]
    least = PERIODS[policy.counts[0][0]][0]
    verdicts: list[Verdict] = [(False, f"not the first of its {least}")] * len(points)
    for period, number in policy.counts:
        word, length = PERIODS[period]
        firsts = _firsts([_PERIOD_OF[period](local) for local in times])
        for rank, index in enumerate(reversed(firsts)):
            if rank < number or points[index].creation >= now.timestamp() - number * length:
                verdicts[index] = (True, f"first of its {word}")
            elif not verdicts[index][0]:
                verdicts[index] = (False, f"first of its {word}, but past {period}={number}")
    return verdicts


def _firsts(slots: Sequence[Hashable]) -> list[int]:
    """Where each slot is met first."""
    first: dict[Hashable, int] = {}
    for index, slot in enumerate(slots):
        first.setdefault(slot, index)
    return list(first.values())


def _grid(policy: Policy, points: Sequence[Point], unseen: Sequence[int]) -> list[Verdict]:
    """zrepl: buckets back from the newest snapshot, each with its left edge and without its right one.

    What seems younger than that, by a clock that was wrong, stays. (zrepl takes the youngest date for the newest
    snapshot; that one might go, and the next look would see other buckets.) The oldest of a bucket is the one that was
    here first: a date is what the box says that took it, and must not take the place of what is here.
    """
    newest = points[-1].creation if points else 0
    verdicts: list[Verdict] = [(False, "older than the whole grid")] * len(points)
    kept: dict[tuple[int, int], int] = {}
    for index, point in enumerate(points):
        age = newest - point.creation - unseen[index]
        if age < 0:
            verdicts[index] = (True, "by its date newer than the newest snapshot")
            continue
        for row, buckets in enumerate(policy.grid):
            if age < buckets.times * buckets.length:
                bucket = (row, age // buckets.length)
                kept[bucket] = kept.get(bucket, 0) + 1
                fits = buckets.keep is None or kept[bucket] <= buckets.keep
                why = "has a place in" if fits else "younger than what is kept in its bucket of"
                verdicts[index] = (fits, f"{why} {buckets}")
                break
            age -= buckets.times * buckets.length
    return verdicts


def _thinning(policy: Policy, points: Sequence[Point], now: datetime, unseen: Sequence[int]) -> list[Verdict]:
    """zfs-autobackup: the newest so many, and the first of each block of time while it is not too old.

    One difference. There, when the first of a block becomes too old, the next one of that block counts as its first,
    if it still exists: a dataset that is thinned each day loses what one that is thinned once a year keeps. Here the
    first stays the first, so what goes today is never wanted tomorrow.
    """
    last = f"among the newest {policy.last}"
    verdicts: list[Verdict] = [(False, f"not {last}" if policy.last else "")] * len(points)
    if policy.rules:
        verdicts = [(False, f"not the first of its {amount(policy.rules[0].period)}")] * len(points)
    for rule in policy.rules:
        for index in _firsts([point.creation // rule.period for point in points]):
            if int(now.timestamp()) - points[index].creation - unseen[index] <= rule.ttl:
                verdicts[index] = (True, f"first of its {amount(rule.period)} for {amount(rule.ttl)} ({rule})")
            elif not verdicts[index][0]:
                verdicts[index] = (False, f"first of its {amount(rule.period)}, but older than {amount(rule.ttl)}")
    for index in range(max(0, len(points) - policy.last), len(points)):
        verdicts[index] = (True, last)
    return verdicts
