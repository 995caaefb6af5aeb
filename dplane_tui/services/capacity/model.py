"""Capacity and temperature over time, as frozen data. Unix seconds, bytes, degrees Celsius."""

from __future__ import annotations

from ...lazyclass import dataclass


@dataclass(frozen=True, slots=True)
class Sample:
    """A pool at one moment."""

    at: float
    allocated: int
    size: int


@dataclass(frozen=True, slots=True)
class Heat:
    """A disk at one moment."""

    at: float
    celsius: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """When a pool will be full if it goes on like this."""

    full_at: float | None = None
    """None: not known, or not to be expected; `why` says which."""
    per_day: float | None = None
    """Bytes that are allocated more each day; None when there is too little to say."""
    why: str = ""
    """Why there is no date, a sentence; empty when there is one."""


@dataclass(frozen=True, slots=True)
class History:
    """A pool over time, oldest first."""

    pool: str
    guid: str
    samples: tuple[Sample, ...]
    forecast: Forecast


@dataclass(frozen=True, slots=True)
class Warmth:
    """A disk over time, oldest first."""

    disk: str
    samples: tuple[Heat, ...]
