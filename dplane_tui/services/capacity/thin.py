"""Which samples stay: one an hour for two days, one a day for 400 days. Pure.

The first of each hour and day stays, so that thinning again, or later, takes nothing that an earlier one relied on.
"""

from __future__ import annotations

from collections.abc import Iterable

HOUR, DAY = 3600, 86400
HOURS_FOR, DAYS_FOR = 2 * DAY, 400 * DAY


def is_due(newest: float | None, now: float) -> bool:
    """Whether the hour that `now` lies in has no sample yet; `newest` is the last one that is not ahead of it."""
    return newest is None or newest // HOUR < now // HOUR


def to_drop(times: Iterable[int], now: float) -> list[int]:
    """Which of the samples taken at `times` go. Those ahead of `now` stay: a box without a clock starts in the past."""
    seen: set[tuple[int, int]] = set()
    gone = []
    for at in sorted(times):
        if at > now:
            continue
        slot = (DAY, at // DAY)
        hour = (HOUR, at // HOUR)
        first_of_day, first_of_hour = slot not in seen, hour not in seen
        seen |= {slot, hour}
        keep = (now - at <= DAYS_FOR and first_of_day) or (now - at <= HOURS_FOR and first_of_hour)
        if not keep:
            gone.append(at)
    return gone
