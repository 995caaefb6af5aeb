"""When a pool will be full: a line through its days that single jumps do not bend. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ...text import duration
from .model import Forecast, Sample
from .thin import DAY

LEAST = 3 * DAY
"""Seconds that must lie between the first and the last sample; and as many days must have one."""
LOOKS_BACK = 90
"""Days that count: what was a year ago says little about the next months."""
FAR = 10 * 365 * DAY
_RISING = 0.8
"""Share of all pairs of days between which it must have grown."""


def forecast(samples: Sequence[Sample], now: float) -> Forecast:
    """The date at which the pool is full, from the last sample on at the median growth of all pairs of days.

    Samples ahead of `now` do not count. Without three days, or a line that rises, there is no date but a reason.
    """
    days = _days([one for one in samples if one.at <= now])
    if len(days) < LEAST // DAY or days[-1].at - days[0].at < LEAST:
        return Forecast(why=f"It is not known when it is full: {_known(days)}, and it takes three days to say.")
    slopes = [
        (later.allocated - earlier.allocated) / (later.at - earlier.at)
        for place, earlier in enumerate(days)
        for later in days[place + 1 :]
    ]
    per_day = _middle(slopes) * DAY
    last = days[-1]
    if last.allocated >= last.size:
        return Forecast(now, per_day, "")
    if per_day <= 0:
        return Forecast(None, per_day, "It does not grow, so there is no date at which it is full.")
    if sum(slope > 0 for slope in slopes) < _RISING * len(slopes):
        return Forecast(None, per_day, "It goes up and down, so it is not known when it is full.")
    left = (last.size - last.allocated) / per_day * DAY
    if left > FAR:
        return Forecast(None, per_day, "It grows so slowly that it is not full within ten years.")
    return Forecast(last.at + left, per_day, "")


def _days(samples: Sequence[Sample]) -> list[Sample]:
    """The last sample of each of the last days, oldest first."""
    found = {one.at // DAY: one for one in sorted(samples, key=lambda one: one.at)}
    return list(found.values())[-LOOKS_BACK:]


def _middle(values: Sequence[float]) -> float:
    """Their median; the standard library's loads a MiB of decimals for it."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def _known(days: Sequence[Sample]) -> str:
    if len(days) < 2:
        return "it was noted on one day only" if days else "nothing was noted yet"
    return f"what was noted spans {duration(days[-1].at - days[0].at)}"
