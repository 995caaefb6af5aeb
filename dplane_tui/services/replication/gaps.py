"""How far apart the starts of a task are by its schedule and its hours, and the RPO that fits. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from itertools import pairwise

from ...text import duration
from . import rates
from .model import Task
from .schedule import DAYS, parse

_DAY = 86400
_WORDS = {
    "hourly": "*:00",
    "daily": "00:00",
    "weekly": "Mon 00:00",
    "monthly": "*-01",
    "quarterly": "01,04,07,10-01",
    "yearly": "01-01",
}
_NUMBERS = r"[\d*/,.]+"
_EXPRESSION = re.compile(
    rf"(?P<week>[A-Za-z][A-Za-z.,]*)?(?:(?:^| )(?:\*-)?(?P<month>{_NUMBERS})-(?P<day>{_NUMBERS}))?"
    rf"(?:(?:^| )(?P<hour>{_NUMBERS}):(?P<minute>{_NUMBERS})(?::{_NUMBERS})?)?"
)
_EVEN = re.compile(
    r"every:\d+|calendar:(?:hourly|daily|weekly|monthly|\*-\*-\* \*:\d\d:\d\d|(?:[A-Za-z]{3} )?\*-\*-\* \d\d:\d\d:\d\d)"
)
"""What starts a task at even steps, so that it is known exactly how long they are."""
_PART = re.compile(r"(\d{1,2})(?:\.\.(\d{1,2}))?(?:/(\d{1,2}))?")
_FIRST, _LAST = date(2001, 1, 1).toordinal(), date(2009, 12, 31).toordinal()
"""Years in which each day of a year comes twice at least, the 29th of February as well."""


def usual_rpo(text: str, window: str = "") -> int:
    """How old a copy may get, seconds: the longest time between two runs, and room for one that takes long or fails.

    A day where that is not known, as by hand. Raises UsageError as `longest_gap`.
    """
    gap = longest_gap(text, window)
    return _DAY if gap is None else gap + min(max(gap // 2, 7200), 2 * _DAY)


def longest_gap(text: str, window: str = "") -> int | None:
    """At most how many seconds lie between two starts that the schedule `text` makes within the hours `window`.

    None where that is not known, as by hand. Raises UsageError as `schedule.parse` and `rates.parse_span`.
    """
    span = rates.parse_span(window) if window else rates.Span(0, 0)
    gaps = [gap for when in parse(text) if (gap := _gap(when, span)) is not None]
    return min(gaps, default=None)  # several parts start it more often than each alone


def as_often(text: str, other: str) -> bool:
    """Whether the schedule `text` surely starts a task as often as `other`. Raises UsageError as `schedule.parse`."""
    ours, wanted = parse(text), parse(other)
    if set(ours) >= set(wanted):
        return True
    even = longest_gap(other) if len(wanted) == 1 and _EVEN.fullmatch(wanted[0]) else None
    gap = longest_gap(text)
    return gap is not None and even is not None and gap <= even


def doubt(task: Task) -> str:
    """What speaks against the RPO of a task with a schedule, a sentence; empty when nothing does."""
    if not task.options.schedule:
        return ""
    gap = longest_gap(task.options.schedule, task.options.window)
    limit = duration(task.rpo)
    if gap is None:
        return f"How far apart its runs are cannot be told from its schedule, nor whether its RPO of {limit} fits."
    if gap >= task.rpo:
        return f"Its runs are up to {duration(gap)} apart: with an RPO of {limit} it is late between them."
    return ""


def _gap(when: str, span: rates.Span) -> int | None:
    """The longest gap of one part of a schedule, as the door has it; None where it is not known."""
    kind, _, rest = when.partition(":")
    if kind == "every":
        return _every(int(rest), span)
    found = _EXPRESSION.fullmatch(_WORDS.get(rest.lower(), rest)) if kind == "calendar" else None
    if not found:
        return None
    hours, minutes = (_numbers(found[name] or "00", 0, last) for name, last in (("hour", 23), ("minute", 59)))
    times = [hour * 60 + minute for hour in hours for minute in minutes if span.holds(hour * 60 + minute)]
    days = _days_apart(found["week"] or "", found["month"] or "*", found["day"] or "*")
    if not times or days is None:
        return None
    night = days * rates.DAY - (times[-1] - times[0])
    return max(night, *(after - one for one, after in pairwise(times)), 0) * 60


def _every(seconds: int, span: rates.Span) -> int | None:
    """Its start may come right before the hours end, and the next one at most so much after they begin again."""
    outside = (span.start - span.end) % rates.DAY * 60
    if not outside:
        return seconds
    return outside + seconds if seconds <= _DAY - outside else None


def _days_apart(week: str, month: str, day: str) -> int | None:
    """The longest way between two days on which it starts; None where that is not known."""
    months, days = _numbers(month, 1, 12), _numbers(day, 1, 31)
    weekdays = _weekdays(week) if week else set(range(7))
    last = _FIRST + 14 if (len(months), len(days)) == (12, 31) else _LAST
    known = (date.fromordinal(number) for number in range(_FIRST, last))
    at = [one.toordinal() for one in known if one.month in months and one.day in days and one.weekday() in weekdays]
    return max((after - one for one, after in pairwise(at)), default=None)


def _numbers(text: str, low: int, high: int) -> Sequence[int]:
    """The numbers from `low` to `high` that `00/6`, `8..18` or `1,15` names, in order; none when not understood."""
    if text == "*":
        return range(low, high + 1)
    found: set[int] = set()
    for part in text.split(","):
        matched = _PART.fullmatch(part)
        if not matched:
            return ()
        first, last, step = int(matched[1]), matched[2], int(matched[3] or 1)
        end = int(last) if last else high if matched[3] else first
        if not low <= first <= end <= high or not step:
            return ()
        found.update(range(first, end + 1, step))
    return sorted(found)


def _weekdays(text: str) -> set[int]:
    """The numbers of the weekdays that `Mon..Wed,Sat` says; empty when it is not understood."""
    found: set[int] = set()
    for part in text.lower().split(","):
        ends = [one[:3] for one in part.split("..")]
        if len(ends) > 2 or any(one not in DAYS for one in ends):
            return set()
        first, last = DAYS.index(ends[0]), DAYS.index(ends[-1])
        found |= {(first + more) % 7 for more in range((last - first) % 7 + 1)}
    return found
