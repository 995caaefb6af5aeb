"""How fast a stream may go: one rate, or rates by time of day. Pure.

Notation: `2M` (bytes a second, powers of 1024), or windows in local time with an optional rate for all other hours:
`08:00-18:00=1M 18:00-23:00=4M full`. The first window that holds the time of day wins; `full` is no limit, `0` holds
everything but what keeps the other end waiting (`pump.py`).
"""

from __future__ import annotations

import re

from ...errors import UsageError
from ...lazyclass import dataclass
from ...text import clean

_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}
_RATE = re.compile(r"(\d{1,12})(?:\.(\d))?([KMG]?)(?:i?B)?(?:/s)?", re.IGNORECASE)
_SPAN = re.compile(r"(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})")
SMALLEST = 1024
DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class Span:
    """A part of the day in minutes from midnight, local time; one that ends before it begins goes through midnight."""

    start: int
    end: int

    def holds(self, minute: int) -> bool:
        """Whether that minute of the day lies in it. Equal ends are the whole day."""
        if self.start < self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end


@dataclass(frozen=True, slots=True)
class Rates:
    """Rates in bytes a second; None is no limit."""

    windows: tuple[tuple[Span, float | None], ...] = ()
    otherwise: float | None = None

    def at(self, minute: int) -> float | None:
        """The rate at that minute of the day."""
        return next((rate for span, rate in self.windows if span.holds(minute)), self.otherwise)

    def holds_all(self) -> bool:
        """Whether nothing is sent at any time of the day."""
        return all(self.at(minute) == 0 for minute in range(DAY))


def parse(text: str) -> Rates:
    """The rates that `text` says; empty is no limit. Raises UsageError."""
    windows: list[tuple[Span, float | None]] = []
    otherwise: list[float | None] = []
    for word in text.split():
        when, equals, rate = word.rpartition("=")
        if equals:
            windows.append((parse_span(when), _rate(rate)))
        else:
            otherwise.append(_rate(word))
    if len(otherwise) > 1:
        raise UsageError(
            f"“{clean(text, 60)}” names two rates for the same hours.",
            "Write windows as 08:00-18:00=1M, then one rate.",
        )
    return Rates(tuple(windows), otherwise[0] if otherwise else None)


def parse_span(text: str) -> Span:
    """`22:00-06:00`. Raises UsageError."""
    found = _SPAN.fullmatch(text.strip())
    if found:
        hours, minutes = (int(found[1]), int(found[3])), (int(found[2]), int(found[4]))
        ends = [hour * 60 + minute for hour, minute in zip(hours, minutes, strict=True)]
        if max(minutes) < 60 and max(ends) <= DAY:
            return Span(ends[0] % DAY, ends[1] % DAY)
    raise UsageError(f"“{clean(text, 30)}” is not a part of the day.", "Write it as 22:00-06:00.")


def _rate(text: str) -> float | None:
    if text.lower() in ("full", "none"):
        return None
    found = _RATE.fullmatch(text)
    if not found:
        raise UsageError(
            f"“{clean(text, 30)}” is not a rate.", "Write it as 500K, 2M (bytes a second), full, or 0 to hold it."
        )
    rate = (int(found[1]) + int(found[2] or 0) / 10) * _UNITS[found[3].upper()]
    if 0 < rate < SMALLEST:
        raise UsageError(f"{clean(text, 30)} is slower than 1K a second, which would never end.", "Choose 1K or more.")
    return rate
