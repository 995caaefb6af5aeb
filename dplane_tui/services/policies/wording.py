"""A policy as a person writes it, as ZFS keeps it, and when it wants a snapshot. Pure.

ZFS keeps it in the property `dplane:policy` as `hourly:24,daily:30`, with `@NAME` behind it when it came from a
template, or as `none`. A user property moves with its pool to another box, is inherited down the tree by ZFS itself,
and a dataset's own value, `none` included, overrides it there.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from datetime import datetime

from ...errors import UsageError
from ...text import clean
from ..replication.source import OWN_TIME, named_time
from ..retention.points import POLICY_SNAPSHOT
from ..retention.policy import PERIODS, Policy, parse
from ..retention.rules import slot

PROPERTY = "dplane:policy"
_SKEW = 60.0  # seconds that a time may lie ahead
NONE = "none"
TEMPLATES: dict[str, str] = {
    "light": "daily=14,monthly=3",
    "standard": "hourly=24,daily=30,monthly=12",
    "long": "hourly=48,daily=90,monthly=24,yearly=5",
    "production": "hourly=36,daily=30,monthly=3",
}
"""Templates there always are; `production` has the numbers of sanoid's own."""
_TEMPLATE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
_NEXT = "Write it as hourly=24,daily=30,monthly=12, with any of frequently, hourly, daily, weekly, monthly, yearly."


def check(text: str) -> Policy:
    """The policy that `text` says. Raises UsageError for one that says not how often a snapshot is taken."""
    policy = parse(text)
    if not policy.counts:
        raise UsageError(
            f"“{clean(text, 60)}” does not say how often a snapshot is taken, so it cannot be a snapshot policy.", _NEXT
        )
    return policy


def check_template(name: str) -> str:
    """`name` if it can name a template. Raises UsageError."""
    if not _TEMPLATE.fullmatch(name):
        raise UsageError(
            f"“{clean(name, 40)}” cannot name a template.", "Use letters, digits, dots, - and _, 32 at most."
        )
    return name


def value_of(policy: Policy | None, template: str = "") -> str:
    """What the property is set to; None is `none`."""
    if policy is None:
        return NONE
    return ",".join(f"{period}:{number}" for period, number in policy.counts) + (f"@{template}" if template else "")


def read_value(value: str) -> tuple[Policy | None, str]:
    """The policy and the template's name that a value of the property says; None for `none` and nothing.

    Raises UsageError: anybody may have set it.
    """
    if value in ("", "-", NONE):
        return None, ""
    counts, _, template = value.partition("@")
    return check(counts.replace(":", "=")), check_template(template) if template else ""


def interval(policy: Policy) -> int:
    """Seconds of the shortest period."""
    return PERIODS[policy.counts[0][0]][1]


def name_at(now: datetime) -> str:
    """The name behind the `@` of a snapshot taken now."""
    return POLICY_SNAPSHOT + time.strftime(OWN_TIME, time.gmtime(now.timestamp()))


def taken_at(name: str) -> float | None:
    """When a snapshot of a policy was taken, by its name; None for any other."""
    return named_time(f"@{name}") if name.startswith(POLICY_SNAPSHOT) else None


def is_due(policy: Policy, names: Iterable[str], now: datetime) -> bool:
    """Whether one of the policy's periods that `now` lies in has no snapshot yet.

    A missed run is made up for by the next; a clock that is set back asks for nothing it has already.
    """
    times = [datetime.fromtimestamp(at, now.tzinfo) for name in names if (at := taken_at(name)) is not None]
    return any(slot(period, now) not in {slot(period, at) for at in times} for period, _ in policy.counts)


def is_late(policy: Policy, newest: float | None, since: float | None, now: float) -> bool | None:
    """Whether there is no snapshot within twice the interval.

    `since` is when the policy was first seen here: before that it cannot be late. None: not known, as when the clock
    was set back and both lie ahead.
    """
    known = [at for at in (newest, since) if at is not None and at <= now + _SKEW]
    return now - max(known) > 2 * interval(policy) if known else None


def most(policy: Policy) -> int:
    """About how many snapshots there are once it has run for long enough."""
    return sum(number for _, number in policy.counts)


def calendar(policies: Iterable[Policy]) -> str:
    """When the run for all these starts, as systemd's calendar: each quarter of an hour if one wants it, else hourly.

    A policy of days runs hourly, too: what failed or was missed is made up for soon, and nothing is done when not due.
    """
    quarters = any(policy.counts[0][0] == "frequently" for policy in policies)
    return "*-*-* *:00/15:00" if quarters else "*-*-* *:00:00"


def templates(in_use: Mapping[str, str]) -> dict[str, str]:
    """Every template by its name: those there always are, and those that datasets carry."""
    return {**TEMPLATES, **in_use}
