"""How much history to keep, as a person writes it: three notations, one data class. Pure.

Counts, as sanoid's configuration has them: `hourly=24,daily=30,weekly=8,monthly=12,yearly=2`. The first snapshot of
each period stands for it. "if we say daily=30 we really mean don't keep any dailies more than 30 days old", but also
"don't get rid of ANY dailies unless we have more than 30" (sanoid, prune_snapshots; the lengths of periods are from
there). What differs: sanoid names a snapshot after its period when it takes it, in the first run after the period's
start; here any snapshot counts, so the period is that of its creation in local time. Days begin at midnight, weeks on
Monday.

zrepl's grid: `1x1h(keep=all) | 24x1h | 14x1d`. Buckets lie next to each other, from the newest snapshot back; of each
bucket the `keep` oldest stay (one unless it says more), and what is older than the last bucket goes
(zrepl docs/configuration/prune.rst and internal/pruning/retentiongrid; the parser is that of internal/config).

zfs-autobackup's thinning: `10,1d1w,1w1m,1m1y`. The newest 10 stay; then the first of each day for a week, of each week
for a month, of each month for a year. Days and weeks are counted from 1970 in UTC, a month is 30 days, a year 365.25
(zfs_autobackup/Thinner.py and ThinnerRule.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ...errors import UsageError
from ...lazyclass import dataclass
from ...text import clean

HOUR, DAY = 3600, 86400
PERIODS: dict[str, tuple[str, int]] = {
    "frequently": ("quarter of an hour", 15 * 60),
    "hourly": ("hour", HOUR),
    "daily": ("day", DAY),
    "weekly": ("week", 7 * DAY),
    "monthly": ("month", 31 * DAY),
    "yearly": ("year", 31_557_600),
}
"""Sanoid's periods, the shortest first: what one is called, and the seconds that sanoid takes it to last."""

_GRID_UNITS = {"w": 7 * DAY, "d": DAY, "h": HOUR, "m": 60, "s": 1}
_THIN_UNITS = {"y": 31_557_600, "m": 30 * DAY, "w": 7 * DAY, "d": DAY, "h": HOUR, "min": 60, "s": 1}
_MOST = 100_000  # of anything; ages stay far inside of what a date can say
_LONGEST = 1000 * _THIN_UNITS["y"]
_PARTS, _LIMIT = 50, 4000  # of a policy: parts, characters
_COUNT = re.compile(r"([a-z]+)=([0-9]{1,9})")
_BUCKETS = re.compile(r"([0-9]{1,9})\s*x\s*([0-9]{1,9})\s*([smhdw])\s*(?:\(\s*keep\s*=\s*(all|[0-9]{1,9})\s*\))?")
_RULE = re.compile(r"([0-9]{1,9})(min|[smhdwy])([0-9]{1,9})(min|[smhdwy])")
_NEXT = (
    "Write hourly=24,daily=30,monthly=12, or zrepl's 1x1h(keep=all) | 24x1h | 14x1d, or zfs-autobackup's 10,1d1w,1w1m."
)


@dataclass(frozen=True, slots=True)
class Buckets:
    """`times` buckets of `length` seconds in a grid; each keeps its `keep` oldest snapshots, None all of them."""

    times: int
    length: int
    keep: int | None = 1

    def __str__(self) -> str:
        keep = "" if self.keep == 1 else f"(keep={'all' if self.keep is None else self.keep})"
        return f"{self.times}x{_amount(self.length, _GRID_UNITS)}{keep}"


@dataclass(frozen=True, slots=True)
class Rule:
    """The first snapshot of every `period` seconds stays until it is `ttl` seconds old."""

    period: int
    ttl: int

    def __str__(self) -> str:
        return _amount(self.period, _THIN_UNITS) + _amount(self.ttl, _THIN_UNITS)


@dataclass(frozen=True, slots=True)
class Policy:
    """What to keep. One notation has a value, the others are empty; all empty keeps everything."""

    counts: tuple[tuple[str, int], ...] = ()
    """Period (a key of PERIODS, the shortest first) and how many of it."""
    grid: tuple[Buckets, ...] = ()
    """From the newest back."""
    last: int = 0
    """Of zfs-autobackup's notation: so many of the newest are always kept."""
    rules: tuple[Rule, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether it keeps everything."""
        return not (self.counts or self.grid or self.last or self.rules)

    @property
    def rows(self) -> tuple[tuple[int, int], ...]:
        """From which age on, in seconds, it leaves snapshots how far apart; none for counts, which go by no age."""
        found: list[tuple[int, int]] = []
        begins = 0
        for one in self.grid:
            found.append((begins, 0 if one.keep is None else one.length))
            begins += one.times * one.length
        for rule in self.rules:
            if rule.ttl > begins:  # else a finer one leaves them for as long
                found.append((begins, rule.period))
                begins = rule.ttl
        return tuple(found)

    def __str__(self) -> str:
        """The one text for it: `parse` makes an equal policy of that."""
        if self.counts:
            return ",".join(f"{period}={number}" for period, number in self.counts)
        if self.grid:
            return " | ".join(map(str, self.grid))
        return ",".join([*([str(self.last)] if self.last else []), *map(str, self.rules)])


def check(text: str) -> str:
    """The canonical text of a policy; empty keeps everything. Raises UsageError that names the part that is wrong."""
    return str(parse(text))


def parse(text: str) -> Policy:
    """The policy that `text` says, in any of the notations; empty and `all` keep everything. Raises UsageError."""
    if len(text) > _LIMIT or len(re.findall(r"[|,]", text)) >= _PARTS:
        raise UsageError(f"A retention policy has at most {_PARTS} parts; this one is longer.", _NEXT)
    words = " ".join(text.lower().split())
    if words in ("", "all"):
        return Policy()
    if "|" in words or re.match(r"[0-9]+ ?x", words):
        return Policy(grid=_grid(words))
    if "=" in words or not words[0].isdigit():
        return _counts(words)
    return _thinning(words)


def from_counts(counts: Mapping[str, int]) -> Policy:
    """The policy of so many snapshots a period (keys of PERIODS). Raises UsageError."""
    for period, number in counts.items():
        if not 0 <= number <= _MOST:
            raise UsageError(f"{number} is not a number of {period} snapshots.", f"It goes from 0 to {_MOST}.")
    found = tuple((period, counts[period]) for period in PERIODS if counts.get(period))
    if not found:
        raise UsageError("This policy keeps no snapshot at all.", "An empty one keeps everything.")
    return Policy(counts=found)


def _counts(text: str) -> Policy:
    counts: dict[str, int] = {}
    for part in re.split(r"[, ]+", re.sub(r" ?= ?", "=", text).strip(", ")):
        found = _COUNT.fullmatch(part)
        if not found:
            raise _bad(part, text, "a period and a number, such as daily=30")
        if found[1] not in PERIODS:
            raise _bad(found[1], text, f"one of {', '.join(PERIODS)}")
        if found[1] in counts:
            raise _bad(part, text, f"the only number for {found[1]}")
        if int(found[2]) > _MOST:
            raise _bad(part, text, f"a number up to {_MOST}")
        counts[found[1]] = int(found[2])
    return from_counts(counts)


def _grid(text: str) -> tuple[Buckets, ...]:
    found: list[Buckets] = []
    for part in (piece.strip() for piece in text.split("|")):
        new = _buckets(part, text)
        # As zrepl: buckets that shrink are a mistake, unless all before keep everything anyhow.
        if found and new.length < found[-1].length and any(one.keep is not None for one in found):
            raise _bad(part, text, "as long as the buckets before it, or longer")
        if found and (found[-1].length, found[-1].keep) == (new.length, new.keep):
            new = Buckets(found.pop().times + new.times, new.length, new.keep)
        found.append(new)
    if sum(one.times * one.length for one in found) > _LONGEST:
        raise _bad(text, text, "shorter than a thousand years")
    return tuple(found)


def _buckets(part: str, text: str) -> Buckets:
    matched = _BUCKETS.fullmatch(part)
    if not matched:
        raise _bad(part, text, "written as 24x1h or 1x1h(keep=all), with the units s, m, h, d and w")
    times, length = int(matched[1]), int(matched[2]) * _GRID_UNITS[matched[3]]
    keep = None if matched[4] == "all" else int(matched[4] or 1)
    if not 0 < times <= _MOST or not 0 < length <= _LONGEST or keep == 0:
        raise _bad(part, text, "of sizes from 1 up, within reason")
    return Buckets(times, length, keep)


def _thinning(text: str) -> Policy:
    last: list[int] = []
    rules: set[Rule] = set()
    for part in (piece.strip() for piece in text.split(",")):
        if re.fullmatch(r"[0-9]{1,9}", part):
            if last or int(part) > _MOST:
                raise _bad(part, text, "the one number of newest snapshots to keep" if last else f"{_MOST} or less")
            last.append(int(part))
            continue
        matched = _RULE.fullmatch(part)
        if not matched:
            raise _bad(
                part, text, "a number, or a rule such as 1d1w, with the units s, min, h, d, w, m (30 days) and y"
            )
        rule = Rule(int(matched[1]) * _THIN_UNITS[matched[2]], int(matched[3]) * _THIN_UNITS[matched[4]])
        if not 0 < rule.period <= rule.ttl <= _LONGEST:
            raise _bad(part, text, "a period and a longer time that its first snapshot is kept")
        rules.add(rule)
    if not rules and not any(last):
        raise UsageError("This policy keeps no snapshot at all.", "An empty one keeps everything.")
    ordered = tuple(sorted(rules, key=lambda rule: (rule.period, rule.ttl)))
    return Policy(last=last[0] if last else 0, rules=ordered)


def _bad(part: str, text: str, wanted: str) -> UsageError:
    where = "" if part == text else f" in “{clean(text, 60)}”"
    return UsageError(f"“{clean(part, 40)}”{where} is not {wanted}.", _NEXT)


def _amount(seconds: int, units: Mapping[str, int]) -> str:
    """In the largest unit that leaves no rest."""
    return next(f"{seconds // size}{unit}" for unit, size in units.items() if seconds % size == 0)


def amount(seconds: int) -> str:
    """A length of time of a policy as zfs-autobackup writes it: `1w`, `90min`."""
    return _amount(seconds, _THIN_UNITS)
