"""Samples spread evenly over time, as a chart wants them. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from .thin import DAY, HOUR


def spread(points: Sequence[tuple[float, float]], now: float, most: int) -> tuple[list[float | None], float]:
    """At most `most` values, the last known of each stretch of time and None where there was none; and their span.

    The span, in seconds, reaches from the first point to `now`. A stretch is no shorter than what lies between two
    samples: an hour within two days, a day beyond. Points ahead of `now` are left out.
    """
    known = sorted(point for point in points if point[0] <= now)
    if not known or most < 1:
        return [], 0.0
    span = max(now - known[0][0], 1.0)
    step = max(span / most, HOUR if span <= 2 * DAY else DAY)
    count = max(1, min(most, int(span / step) + 1))
    found: list[float | None] = [None] * count
    for at, value in known:
        found[min(count - 1, int((at - known[0][0]) / step))] = value
    return found, span
