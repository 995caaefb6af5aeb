"""Protected, partly or not: a pure function of what was read. What is not known never counts as good.

Nor does what is from a time that has not come yet: times come from clocks that were wrong once, and with streams.
"""

from __future__ import annotations

from ...lazyclass import dataclass
from ...text import age, clean, duration
from ..replication.freshness import SKEW

PROTECTED, PARTLY, NOT, UNKNOWN = "protected", "partly", "not", "?"
FRESH = 2 * 86400.0
"""Seconds that the newest snapshot may be old: a daily one that was missed once."""
SCRUBBED = 40 * 86400.0
"""Seconds that a good scrub may be past: a monthly one that was a week late."""

_AHEAD = "is from a time that has not come yet: a clock is or was wrong."

# Who took a snapshot, by the beginning of its name: the tools that people have.
_BY = (
    ("dplane-", "D-Plane"),
    ("autosnap_", "sanoid"),
    ("syncoid_", "syncoid"),
    ("zfs-auto-snap", "zfs-auto-snapshot"),
    ("zrepl_", "zrepl"),
    ("auto-", "TrueNAS"),
    ("manual-", "a person"),
)


@dataclass(frozen=True, slots=True)
class Copy:
    """One place to which a dataset is replicated."""

    task: str
    where: str
    """`peer:dataset`, or the dataset when it is on this box."""
    verified_at: float | None
    """When the target was last read back and had it; None: never."""
    fresh_at: float | None
    """What was written up to then is proven there."""
    late: bool | None
    same_pool: bool = False
    """Whether the copy lies on the same pool, and dies with it."""
    allowed: float | None = None
    """Seconds that what is proven there may be old."""
    anew: bool = False
    """Whether what was proven there is of another dataset, which had that name before."""


@dataclass(frozen=True, slots=True)
class PoolFacts:
    """What a pool adds to the protection of everything on it."""

    state: str
    redundant: bool | None
    scrubbed_at: float | None
    scrub_errors: int | None


@dataclass(frozen=True, slots=True)
class Kept:
    """The snapshot policy a dataset is under, and whether it is kept."""

    policy: str
    """Such as `hourly=24,daily=30`; empty for one that cannot be understood."""
    late: bool | None
    """None: no snapshot of it is known yet."""
    broken: str = ""
    """Why it cannot be run, a clause; empty when it can."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything known about one dataset. None stands for what was not read, which is not the same as none."""

    name: str
    encryption: str = "off"
    snapshot: tuple[str, float] | None = None
    """The one that was made last: its name behind the @, and when it was taken."""
    snapshots_known: bool = False
    copies: tuple[Copy, ...] | None = None
    pool: PoolFacts | None = None
    peer: str = ""
    """The box whose copy this is: its original is there."""
    policy: Kept | None = None
    """The snapshot policy it is under, when it is under one."""
    policies_known: bool = False


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that was looked at."""

    state: str
    """`good`, `lacking`, `unknown` or `note` (told, but not judged)."""
    text: str
    fix: str = ""
    """What a person does about it: the id of an action, or empty."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The word for the column and the reasons for it."""

    word: str
    reasons: tuple[Reason, ...]


def taken_by(short: str) -> str:
    """Who took a snapshot of that name, as far as the name tells."""
    return next((who for begin, who in _BY if short.startswith(begin)), "")


def judge(facts: Facts, now: float) -> Verdict:
    """`protected`: fresh snapshots, a proven copy in time elsewhere, and a sound pool. `not`: neither snapshots nor a
    copy. `partly`: anything between. `?`: not enough was read to say.
    """
    snapshots, copies, pool = _snapshots(facts, now), _copies(facts, now), _pool(facts, now)
    policy = _policy(facts)
    told = Reason(
        "note", f"Encrypted ({facts.encryption})." if facts.encryption != "off" else "Not encrypted: whoever has "
        "the disks can read it."
    )  # fmt: skip
    reasons = (*snapshots, *policy, *copies, *pool, told)
    states = {reason.state for reason in reasons}
    main = [_worst(snapshots), _worst(copies)]
    if main == ["lacking", "lacking"]:
        word = NOT
    elif "lacking" in states:
        # With one half unread it may turn out to be `not`.
        word = UNKNOWN if "unknown" in main and "lacking" in main else PARTLY
    else:
        word = UNKNOWN if "unknown" in states else PROTECTED
    return Verdict(word, reasons)


def _worst(reasons: tuple[Reason, ...]) -> str:
    """Whether one of them is enough: a single good copy is."""
    states = {reason.state for reason in reasons}
    return next(state for state in ("good", "unknown", "lacking") if state in states)


def _snapshots(facts: Facts, now: float) -> tuple[Reason, ...]:
    if not facts.snapshots_known:
        return (Reason("unknown", "Its snapshots were not read yet."),)
    if facts.snapshot is None:
        return (Reason("lacking", "It has no snapshot.", "snapshot-create"),)
    short, when = facts.snapshot
    if when > now + SKEW:
        return (Reason("unknown", f"Its newest snapshot @{short} {_AHEAD}", "snapshot-create"),)
    by = taken_by(short)
    text = f"Its newest snapshot is {age(when, now)}, allowed {duration(FRESH)}: @{short}{f', by {by}' if by else ''}."
    if now - when > FRESH:
        return (Reason("lacking", text, "snapshot-create"),)
    return (Reason("good", text),)


def _policy(facts: Facts) -> tuple[Reason, ...]:
    """None is no fault: other programs and people take snapshots, too. One that is not kept is."""
    if not facts.policies_known:
        return (Reason("unknown", "Whether it has a snapshot policy, and whether that is kept, was not read."),)
    one = facts.policy
    if one is None:
        return ()
    if one.broken:
        return (Reason("lacking", f"Its snapshot policy is not run: {one.broken}.", "policies"),)
    if one.late is None:
        return (Reason("unknown", f"No snapshot of its policy {one.policy} is known yet."),)
    if one.late:
        return (
            Reason("lacking", f"Its policy {one.policy} is late: a snapshot that is due is not there.", "policies"),
        )
    return (Reason("good", f"Its policy {one.policy} is kept."),)


def _copies(facts: Facts, now: float) -> tuple[Reason, ...]:
    if facts.peer:
        # Whether the original is still there, nothing on this box was read to say.
        return (
            Reason(
                "unknown", f"It is the copy of a dataset of {clean(facts.peer, 63)}; the original was not looked at."
            ),
        )
    if facts.copies is None:
        return (Reason("unknown", "The replication tasks were not read."),)
    if not facts.copies:
        return (Reason("lacking", "No task copies it anywhere.", "protect"),)
    return tuple(_copy(one, now) for one in facts.copies)


def _copy(one: Copy, now: float) -> Reason:
    if one.verified_at is None:
        since = " since it was made anew" if one.anew else ""
        said = f"{one.task} copies it to {one.where}, but was never proven there{since}."
        return Reason("lacking", said, "section-replication")
    proven = f"{one.task}: {one.where} was read back {age(one.verified_at, now)} and had it"
    if one.fresh_at is not None:
        proven += f", as it was {duration(now - one.fresh_at)} ago"
        proven += f" (allowed {duration(one.allowed)})" if one.allowed is not None else ""
    if one.late is None:
        return Reason("lacking", f"{proven}; how old that is cannot be told: a clock is wrong.", "section-replication")
    if one.late:
        return Reason("lacking", f"{proven}; that is late.", "section-replication")
    if one.same_pool:
        return Reason("lacking", f"{proven}, but that is the same pool and dies with it.", "protect")
    return Reason("good", f"{proven}.")


def _pool(facts: Facts, now: float) -> tuple[Reason, ...]:
    pool = facts.pool
    if pool is None:
        return (Reason("unknown", "Its pool was not read."),)
    found = []
    if pool.state != "ONLINE":
        found.append(Reason("lacking", f"Its pool is {pool.state}.", "section-pools"))
    if pool.redundant is None:
        found.append(Reason("unknown", "ZFS tells no devices of its pool."))
    elif pool.redundant:
        found.append(Reason("good", "Its pool survives the loss of a disk."))
    else:
        found.append(Reason("lacking", "One lost disk takes its pool with it.", "section-pools"))
    if pool.scrubbed_at is None:
        found.append(Reason("lacking", "Its pool was never scrubbed to the end.", "section-pools"))
    elif pool.scrub_errors:
        found.append(Reason("lacking", f"The last scrub left {pool.scrub_errors} errors.", "section-pools"))
    elif pool.scrubbed_at > now + SKEW:
        found.append(Reason("unknown", f"The last scrub of its pool {_AHEAD}", "section-pools"))
    elif now - pool.scrubbed_at > SCRUBBED:
        found.append(
            Reason("lacking", f"Its pool was last scrubbed {_scrubbed(pool.scrubbed_at, now)}.", "section-pools")
        )
    elif pool.scrub_errors is None:
        found.append(Reason("unknown", "What the last scrub found is not told."))
    else:
        found.append(Reason("good", f"Its pool was scrubbed {_scrubbed(pool.scrubbed_at, now)}, without errors."))
    return tuple(found)


def _scrubbed(when: float, now: float) -> str:
    return f"{age(when, now)} (allowed {duration(SCRUBBED)})"
