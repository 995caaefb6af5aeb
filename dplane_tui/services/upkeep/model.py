"""What is done regularly to pools and disks, as frozen data. Unix seconds; None is unknown."""

from __future__ import annotations

from ...lazyclass import dataclass

SCRUB, TRIM, SHORT, LONG = "scrub", "trim", "smart-short", "smart-long"
KINDS = (SCRUB, TRIM, SHORT, LONG)
OF_POOL = (SCRUB, TRIM)
GOOD, BAD, RUNNING, UNKNOWN = "good", "bad", "running", "unknown"
STARTED, LEFT_OUT, FAILED = "started", "left-out", "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the pool or the disks themselves tell of the last one."""

    state: str
    """`good`, `bad`, `running` or `unknown`."""
    text: str
    """A clause."""


@dataclass(frozen=True, slots=True)
class Start:
    """What the timer did the last time."""

    at: float
    state: str
    """`started`, `left-out` or `failed`."""
    message: str


@dataclass(frozen=True, slots=True)
class Schedule:
    """One timer."""

    timer: str
    kind: str
    pool: str = ""
    """Empty for self-tests, which are of all disks."""
    when: str = ""
    """As systemd has it."""
    next_run: float | None = None
    last_run: float | None = None
    start: Start | None = None
    outcome: Outcome = Outcome(UNKNOWN, "not looked at")


def timer_of(kind: str, pool: str) -> str:
    """The name of the timer."""
    return f"{kind}-{pool}" if kind in OF_POOL else kind


def parse_timer(timer: str) -> tuple[str, str] | None:
    """Kind and pool of a timer's name; None for one that is not of these."""
    if timer in (SHORT, LONG):
        return timer, ""
    kind, _, pool = timer.partition("-")
    return (kind, pool) if kind in OF_POOL and pool else None
