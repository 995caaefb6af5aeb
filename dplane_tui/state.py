"""The latest of everything that was read, how old it is, and what changed. No Textual here."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import replace
from typing import Generic, TypeVar

from .lazyclass import dataclass
from .text import duration

T = TypeVar("T")
MISSED_IS_STALE = 3


@dataclass(frozen=True, slots=True)
class Snapshot(Generic[T]):
    """What a source last said. A failed read keeps the last value and adds the sentence."""

    value: T | None = None
    taken_at: float | None = None
    """Unix time of the last good read; None: none yet."""
    error: str = ""
    """Why the last read failed; empty when it did not."""
    every: float = 5.0
    """Seconds between reads."""

    def good(self, value: T, now: float) -> Snapshot[T]:
        """After a good read."""
        return replace(self, value=value, taken_at=now, error="")

    def failed(self, error: str) -> Snapshot[T]:
        """After a failed read: the old value stays, with its age."""
        return replace(self, error=error)

    def stale(self, now: float) -> bool:
        """Whether three reads in a row have not arrived."""
        return self.taken_at is not None and now - self.taken_at > MISSED_IS_STALE * self.every + 1

    def age(self, now: float) -> str:
        """How old the value is, in words that hold still while reads arrive on time.

        `≤5s old` is a bound that needs no repainting every second; a late value gets its exact age.
        """
        if self.taken_at is None:
            return "no data" if self.error else "reading…"
        old = now - self.taken_at
        if self.stale(now):
            return f"STALE {duration(old)} old"
        if old <= self.every + 1 and not self.error:
            return f"≤{duration(self.every)} old"
        return f"{duration(old)} old"


@dataclass(frozen=True, slots=True)
class Diff:
    """What differs between two lists of keyed things."""

    added: frozenset[Hashable]
    removed: frozenset[Hashable]
    changed: frozenset[Hashable]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def diff(old: Iterable[tuple[Hashable, object]], new: Iterable[tuple[Hashable, object]]) -> Diff:
    """Compare (key, value) pairs."""
    before, after = dict(old), dict(new)
    same = before.keys() & after.keys()
    return Diff(
        frozenset(after.keys() - before.keys()),
        frozenset(before.keys() - after.keys()),
        frozenset(key for key in same if before[key] != after[key]),
    )
