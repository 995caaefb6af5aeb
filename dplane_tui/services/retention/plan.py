"""Which snapshots of a dataset go and which stay, each with the reason. Pure: what a preview shows is what is done.

What a peer had taken here is judged by itself, as if nothing else were there: it stands for no period of this box's own
history, for the peer may be allowed to destroy it.

Whatever the policy says, these stay: the newest snapshot of all and the newest of ours, the ones a target's next
increment starts from, what is held or cloned, and everything that is not ours unless an administrator let names like it
go. Those are judged in one history with ours, which are judged as if they were not there: whoever took them may destroy
them, too, and nothing of ours goes in their favour. The newest of each job of another tool stays, for it may go on from
it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from ...lazyclass import dataclass
from .backlog import Backlog, thinned
from .pauses import longest, uncounted
from .points import ALL, TASKS, Point
from .policy import Policy
from .rules import Verdict, judge

NEXT_BASE = "a target's next increment starts from it"
PAUSED = "only a long time without snapshots makes it old enough"
UNSHOWN = "no snapshot near it shows that it is that old"  # where the policy leaves none, which is nobody's concern
SKEW = 3600  # seconds by which the clock may be behind the newest snapshot; clocks of two boxes differ a little
_AHEAD = "it says that it was taken at a time that has not come yet"
_BEHIND = "it says that it is older than one that was there before it"


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of one snapshot."""

    point: Point
    keep: bool
    why: str


def plan(
    points: Iterable[Point],
    policy: Policy,
    now: datetime,
    protected: Collection[str] | Mapping[str, str] = frozenset(),
    *,
    backlog: Backlog | None = None,
    of: str = ALL,
    by_hand: bool = False,
) -> tuple[Decision, ...]:
    """A decision for each snapshot of one dataset, in the order of createtxg.

    `now` is the box's time with its time zone. `protected` are GUIDs that must stay, as a mapping each with the reason:
    the newest snapshot in common with each target, and what an interrupted transfer goes on with. With a `backlog`,
    what the target does not have yet is kept up to that cap. `of` is whose snapshots of ours may go: a task leaves
    those of the dataset's policy alone at its source, and the policy those of tasks. `by_hand`: a person answers for
    the clock, so what only a long time without snapshots made old goes, too. Raises ValueError when `now` has no time
    zone.
    """
    if now.tzinfo is None:
        raise ValueError("the time has no zone, so days and weeks have no beginning")
    ordered = sorted(points, key=lambda point: (point.createtxg, point.name))
    stopped = why_nothing(ordered, now)
    if stopped:
        return tuple(Decision(point, True, stopped) for point in ordered)
    chosen = [index for index, one in enumerate(ordered) if one.ours and one.creation and of in (ALL, one.owner)]
    others = [index for index, one in enumerate(ordered) if one.let_go and one.creation]
    origins = _by_origin(ordered, chosen)
    verdicts = _of_others(ordered, others, chosen, policy, now, by_hand=by_hand)
    for mine in origins:
        verdicts |= _verdicts(ordered, mine, policy, now, by_hand=by_hand)
    never = _never(ordered, protected, origins)
    thin: set[int] = set()
    held_back: set[int] = set()
    for mine in [*origins, others] if backlog is not None else ():
        assert backlog is not None
        waiting = [
            index
            for index in mine
            if ordered[index].createtxg > backlog.after and verdicts[index][1] not in (_AHEAD, _BEHIND)
        ]
        thin |= _thin(ordered, waiting, never, verdicts, backlog)
        held_back.update(waiting)
    found: list[Decision] = []
    for index, point in enumerate(ordered):
        if index not in verdicts:
            found.append(Decision(point, True, _not_asked(point)))
        elif index in never:
            found.append(Decision(point, True, never[index]))
        elif index in thin:
            found.append(Decision(point, False, "too many wait for the target: the middle of them is thinned"))
        elif index in held_back and not verdicts[index][0]:
            found.append(Decision(point, True, "the target does not have it yet"))
        else:
            found.append(Decision(point, *verdicts[index]))
    return tuple(found)


def why_nothing(points: Iterable[Point], now: datetime) -> str:
    """Why nothing can be pruned at all, because a clock was not right; empty when it can."""
    dated = [point for point in points if point.creation and (point.ours or point.let_go)]
    ours = [point for point in dated if point.ours] or dated
    newest = max(ours, key=lambda point: point.createtxg, default=None)
    if newest is None:
        return ""
    if _is_ahead(newest, now):
        return (
            f"nothing is pruned: the clock says {now:%Y-%m-%d %H:%M}, but {newest.name} says that it was taken "
            f"{_when(newest.creation, now)}; set the clock, or destroy that snapshot"
        )
    # Ages count from the newest, so nothing would ever be old. A peer may name one an hour early, and one an hour late.
    latest = max((one for one in ours if not _is_ahead(one, now)), key=lambda point: point.creation)
    if newest.creation < latest.creation - 2 * SKEW:
        return (
            f"nothing is pruned: {newest.name} is the newest snapshot, but says that it was taken "
            f"{_when(newest.creation, now)}, before {latest.name}; look at the clock of the box that took it, and take "
            "another snapshot"
        )
    return ""


def what_is_ahead(points: Iterable[Point], now: datetime) -> str:
    """What is to be told of those that a clock dated ahead of this box's; empty when there are none."""
    judged = (one for one in points if one.ours or one.let_go)
    ahead = sorted((one for one in judged if _is_ahead(one, now)), key=lambda one: one.creation)
    if not ahead:
        return ""
    more = f", and {len(ahead) - 1} more say such a time" if len(ahead) > 1 else ""
    return (
        f"the clock says {now:%Y-%m-%d %H:%M}, but {ahead[-1].name} says that it was taken "
        f"{_when(ahead[-1].creation, now)}{more}; what is dated ahead stays: set the clock, or, if it is right, "
        "destroy that"
    )


def _is_ahead(point: Point, now: datetime) -> bool:
    return point.creation > now.timestamp() + SKEW


def _when(creation: int, now: datetime) -> str:
    try:
        return f"{datetime.fromtimestamp(creation, now.tzinfo):%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError, OSError):
        return f"in the second {creation} since 1970"


def _of_others(
    points: Sequence[Point],
    others: Sequence[int],
    ours: Sequence[int],
    policy: Policy,
    now: datetime,
    *,
    by_hand: bool,
) -> dict[int, Verdict]:
    """What the policy says of what D-Plane did not take, in one history with this box's own. One that says that it is
    older than what was there before it is not in it, or by its date nothing would be old."""
    if not others:
        return {}
    own = {index for index in ours if not points[index].peer}
    newest = 0
    joint: list[int] = []
    for index in sorted([*own, *others]):
        taken = points[index].creation
        if index in own or taken >= newest - 2 * SKEW:
            joint.append(index)
        if not _is_ahead(points[index], now):
            newest = max(newest, taken)
    found = _verdicts(points, joint, policy, now, by_hand=by_hand)
    return {index: found.get(index, (True, _BEHIND)) for index in others}


def _verdicts(
    points: Sequence[Point], chosen: Sequence[int], policy: Policy, now: datetime, *, by_hand: bool
) -> dict[int, Verdict]:
    """What the policy says of those it is for. What is dated ahead stays, and takes no place of another, nor does it
    count for the cap of what waits: a person is told of it, and decides."""
    found: dict[int, Verdict] = {index: (True, _AHEAD) for index in chosen if _is_ahead(points[index], now)}
    dated = [index for index in chosen if index not in found]
    if not dated:
        return found
    # Ages count from the newest snapshot, as in zrepl: a box that was off for long makes no history old by itself.
    newest = points[dated[-1]].creation
    at = now if now.timestamp() <= newest else datetime.fromtimestamp(newest, now.tzinfo)
    mine = [points[index] for index in dated]
    verdicts = judge(policy, mine, at)
    # Nor does a clock that jumped ahead, once a run has taken one by it: that one is the newest then.
    unseen = uncounted([point.creation for point in mine])
    if any(unseen):
        younger, why = judge(policy, mine, at, unseen), _why_younger(mine, policy)
        verdicts = [_either(*both, why, by_hand=by_hand) for both in zip(verdicts, younger, strict=True)]
    return found | dict(zip(dated, verdicts, strict=True))


def _why_younger(mine: Sequence[Point], policy: Policy) -> str:
    """Why a time without snapshots makes them no older: to be looked at, unless the policy itself may have made it."""
    unseen = uncounted([point.creation for point in mine], policy.rows)
    if not any(unseen):
        return UNSHOWN
    after = longest(unseen)  # what was taken in that time may have been pruned, or destroyed by hand
    return f"{PAUSED}: none is left between {mine[after - 1].name} and {mine[after].name}"


def _either(by_date: Verdict, younger: Verdict, why: str, *, by_hand: bool) -> Verdict:
    """What becomes of one when a time without snapshots does not make it older, which is `why` then."""
    if by_date[0] or not younger[0]:
        return by_date
    return (False, f"{by_date[1]}; {why}, so only a person lets it go now") if by_hand else (True, why)


def _by_origin(points: Sequence[Point], chosen: Sequence[int]) -> list[list[int]]:
    """Those of this box and those of each peer, apart: none takes a place in the history of another."""
    found: dict[str, list[int]] = {}
    for index in chosen:
        found.setdefault(points[index].peer, []).append(index)
    return list(found.values())


def _not_asked(point: Point) -> str:
    """Why a snapshot is not the policy's to let go."""
    if point.ours and not point.creation:
        return "no task or policy gives such a name"
    if point.ours:
        return "a replication task took it" if point.owner == TASKS else "the dataset's own policy took it"
    return f"{point.maker or 'somebody else'} took it, not D-Plane"


def _never(
    points: Sequence[Point], protected: Collection[str] | Mapping[str, str], origins: Sequence[Sequence[int]]
) -> dict[int, str]:
    """What stays whatever the policy says, with the reason."""
    stays: dict[int, str] = {}
    reasons = protected if isinstance(protected, Mapping) else dict.fromkeys(protected, NEXT_BASE)
    for index, point in enumerate(points):
        if point.clones:
            stays[index] = f"{point.clones[0]} is a clone of it"
        if point.holds:
            stays[index] = "it is held"
        if point.guid in reasons:
            stays[index] = reasons[point.guid]
    newest: dict[str, int] = {}
    for index, point in enumerate(points):
        if not point.ours and (point.maker or point.let_go):
            newest[point.family] = index
    for index in newest.values():
        whose = points[index].maker or f"those named {points[index].family}…"
        stays[index] = f"the newest of {whose}, from which that tool may go on"
    for mine in origins:
        if ours := [index for index in mine if points[index].ours]:
            peer = points[ours[-1]].peer
            stays[ours[-1]] = f"the newest that was taken for {peer}" if peer else "the newest snapshot of ours"
    if points:
        stays[len(points) - 1] = "the newest snapshot"
    return stays


def _thin(
    points: Sequence[Point],
    waiting: Sequence[int],
    never: Collection[int],
    verdicts: Mapping[int, Verdict],
    backlog: Backlog,
) -> set[int]:
    """Which of those that wait go, as the cap wants it."""
    wanted = {place for place, index in enumerate(waiting) if verdicts[index][0]}
    fixed = {place for place, index in enumerate(waiting) if index in never}
    return {waiting[place] for place in thinned([points[index] for index in waiting], wanted, fixed, backlog)}
