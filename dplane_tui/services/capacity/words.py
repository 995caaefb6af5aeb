"""Capacity and temperature over time in sentences. Pure."""

from __future__ import annotations

import time

from ...text import clean, duration, size
from .model import Forecast, History, Sample, Warmth
from .thin import DAY

_POINTS = ((365, "a year"), (90, "90 days"), (30, "30 days"), (7, "a week"), (1, "a day"))
_NEAR = 0.1
"""How far from the day that is told a sample may lie, as a share of its age; and at least half a day."""


def sentences(found: History, now: float) -> list[str]:
    """How full the pool is, how it was, and when it will be full."""
    past = [one for one in found.samples if one.at <= now]
    if not past:
        return [f"Nothing is noted of {clean(found.pool)} yet. {clean(found.forecast.why)}".strip()]
    last, first = past[-1], past[0]
    told = [f"{clean(found.pool)} has {size(last.allocated)} of {size(last.size)} allocated ({_share(last)})."]
    told.append(outlook(found.forecast, now))
    then = []
    for days, words in _POINTS:
        near = min(past, key=lambda one, days=days: abs(now - days * DAY - one.at))  # type: ignore[misc]  # bound above
        if abs(now - days * DAY - near.at) <= max(DAY / 2, _NEAR * days * DAY) and near is not last:
            then.append(f"{words} ago {_share(near)}")
    if then:
        told.append(f"{'; '.join(then).capitalize()}.")
    known = duration(now - first.at).split(" ")[0]
    count = f"{len(past)} sample{'s' if len(past) > 1 else ''}"
    told.append(f"Known from {count} of the last {known}." if len(past) > 1 else f"Known from {count}.")
    return told


def outlook(found: Forecast, now: float) -> str:
    """When it will be full, a sentence."""
    pace = f"{size(abs(found.per_day))} a day" if found.per_day is not None else ""
    if found.full_at is None:
        return clean(found.why) or "It is not known when it is full."
    if found.full_at <= now:
        return "It is full."
    day = time.strftime("%Y-%m-%d", time.localtime(found.full_at))
    return f"It is full about {day}, in {duration(found.full_at - now).split(' ')[0]}, if it goes on by {pace}."


def _share(one: Sample) -> str:
    return f"{100 * one.allocated / one.size:.0f} %" if one.size else "?"


def warm_words(found: Warmth, now: float) -> str:
    """How warm a disk was, a sentence."""
    past = [one for one in found.samples if one.at <= now]
    if not past:
        return f"{clean(found.disk)}: nothing is noted yet."
    coldest, warmest = min(one.celsius for one in past), max(one.celsius for one in past)
    last = past[-1]
    known = duration(now - past[0].at).split(" ")[0]
    return (
        f"{clean(found.disk)}: {last.celsius:.0f} °C, noted {duration(now - last.at).split(' ')[0]} ago; "
        f"between {coldest:.0f} and {warmest:.0f} °C in {known} ({len(past)} sample{'s' if len(past) > 1 else ''})."
    )
