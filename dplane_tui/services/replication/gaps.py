"""How far apart the starts of a task are by its schedule and its hours, and the RPO that fits. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from itertools import pairwise

from ...lazyclass import dataclass
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
    rf"(?:(?:^| )(?P<hour>{_NUMBERS}):(?P<minute>{_NUMBERS})(?::(?P<second>{_NUMBERS}))?)?"
)
_PART = re.compile(r"(\d{1,2})(?:\.\.(\d{1,2}))?(?:/(\d{1,2}))?")
_FIRST, _LAST = date(2001, 1, 1).toordinal(), date(2057, 1, 1).toordinal()
"""Twice the 28 years after which the days of a year fall on the same weekdays again, the 29th of February as well."""


@dataclass(frozen=True, slots=True)
class _Starts:
    """When one part of a schedule starts a task."""

    days: tuple[int, ...]
    """Ordinals of some days on which it does, in order: so many that each way between two of them is there."""
    times: tuple[int, ...]
    """Minutes of each of these days, in order, at least one."""
    once: bool = True
    """Whether only once in each of these minutes, as far as is known."""

    def longest(self) -> int | None:
        """Seconds; None where there are not two days."""
        return max(self._gaps(), default=None)

    def shortest(self) -> int | None:
        """The same."""
        return min(self._gaps(), default=None)

    def _gaps(self) -> list[int]:
        apart = {after - one for one, after in pairwise(self.days)}
        night = self.times[-1] - self.times[0]
        within = [after - one for one, after in pairwise(self.times)] if apart else []
        return [minutes * 60 for minutes in (*within, *(days * rates.DAY - night for days in apart))]


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
    """Whether the schedule `text` surely starts a task between any two starts of `other`, or is the same.

    Raises UsageError as `schedule.parse`.
    """
    ours, wanted = parse(text), parse(other)
    if set(ours) >= set(wanted):
        return True
    least, gap = _shortest_gap(wanted), longest_gap(text)
    return gap is not None and least is not None and gap <= least


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
    starts = _starts(rest, span) if kind == "calendar" else None
    return starts.longest() if starts else None


def _shortest_gap(parts: Sequence[str]) -> int | None:
    """At least how many seconds lie between two starts by these parts together; None where it is not known."""
    if len(parts) == 1 and parts[0].startswith("every:"):
        return int(parts[0].removeprefix("every:"))
    found: list[_Starts] = []
    for kind, _, rest in (when.partition(":") for when in parts):
        starts = _starts(rest, rates.Span(0, 0), whole=len(parts) > 1) if kind == "calendar" else None
        if starts is None or not starts.once:
            return None
        found.append(starts)
    if len({starts.times for starts in found}) != 1:
        return None  # by the clock, two parts may start it right after each other
    return _Starts(tuple(sorted({day for starts in found for day in starts.days})), found[0].times).shortest()


def _starts(text: str, span: rates.Span, *, whole: bool = False) -> _Starts | None:
    """When a calendar expression starts a task; None where it is not understood, or never does."""
    found = _EXPRESSION.fullmatch(_WORDS.get(text.lower(), text))
    if not found:
        return None
    hours, minutes = (_numbers(found[name] or "00", 0, last) for name, last in (("hour", 23), ("minute", 59)))
    times = tuple(hour * 60 + minute for hour in hours for minute in minutes if span.holds(hour * 60 + minute))
    days = _days(found["week"] or "", found["month"] or "*", found["day"] or "*", whole=whole)
    once = len(_numbers(found["second"] or "00", 0, 59)) == 1
    return _Starts(days, times, once) if times and days else None


def _every(seconds: int, span: rates.Span) -> int | None:
    """Its start may come right before the hours end, and the next one at most so much after they begin again."""
    outside = (span.start - span.end) % rates.DAY * 60
    if not outside:
        return seconds
    return outside + seconds if seconds <= _DAY - outside else None


def _days(week: str, month: str, day: str, *, whole: bool) -> tuple[int, ...]:
    """Ordinals of the days on which it starts, in order; none where that is not known.

    Unless the `whole` time is asked for, two weeks stand for what depends on the weekday alone.
    """
    months, days = _numbers(month, 1, 12), _numbers(day, 1, 31)
    weekdays = _weekdays(week) if week else set(range(7))
    last = _FIRST + 14 if (len(months), len(days)) == (12, 31) and not whole else _LAST
    known = (date.fromordinal(number) for number in range(_FIRST, last))
    return tuple(
        one.toordinal() for one in known if one.month in months and one.day in days and one.weekday() in weekdays
    )


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
