"""Which snapshots of a dataset its tasks still need, whatever a policy says. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from ...lazyclass import dataclass
from ..replication.lending import maker
from ..replication.plan import OWN_SNAPSHOT
from ..replication.read import Dataset
from ..replication.read import Point as ReadPoint
from ..replication.source import named_time
from .backlog import Backlog
from .looking import OWN, Other
from .plan import NEXT_BASE, Decision, plan, what_is_ahead, why_nothing
from .points import ALL, Point
from .policy import Policy

_NOBODY: Mapping[str, str] = {}
NO_OTHERS: Mapping[str, Other] = {}
NONE_WAIT = 2**64  # later than any transaction group


@dataclass(frozen=True, slots=True)
class Claim:
    """What one task needs of one dataset at its source."""

    task: str
    newest: str = ""
    """GUID of the newest snapshot that its target is known to have; empty when it has none."""
    mark: str = ""
    """How the names of its bookmarks begin."""
    waits: bool = True
    """It will send the snapshots behind `newest`, each of them."""
    certain: bool = False
    """The target was read just now. Otherwise a run that broke off may have brought more than is known."""
    needed: frozenset[str] = frozenset()
    """GUIDs that an interrupted transfer goes on with."""
    running: bool = False
    """A run of it goes on, and what that one still needs is not known."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What tasks need of a dataset."""

    reasons: Mapping[str, str]
    """GUIDs that must stay, each with the reason."""
    after: int
    """Snapshots later than this transaction group wait for a target."""


def needs_of(dataset: Dataset, claims: Sequence[Claim], peers: Collection[str] | None = None) -> Needs:
    """What all the tasks of a dataset need together. `peers` are those that are let in where it is; None: not known.

    A bookmark of one that is let in no more is nobody's need. It stays, and alone is base enough if it comes again.
    """
    born = {point.guid: point.createtxg for point in (*dataset.bookmarks, *dataset.snapshots)}
    # A bookmark of ours is a base, or is of what a run was sending when it ended.
    known = tuple(claim.mark for claim in claims if claim.mark)
    marks = [mark for mark in dataset.bookmarks if mark.name.startswith(OWN_SNAPSHOT)]
    reasons = {}
    for mark in marks:
        by = None if peers is None else maker(mark.name, peers)
        if by != "":
            reasons[mark.guid] = NEXT_BASE if mark.name.startswith(known) else _anothers(mark, by)
    after = NONE_WAIT
    for claim in claims:
        base = born.get(claim.newest, 0)
        tried = [mark.createtxg for mark in dataset.bookmarks if claim.mark and mark.name.startswith(claim.mark)]
        reach = base if claim.certain else max([base, *tried])
        for point in dataset.snapshots:
            if claim.running:
                reasons[point.guid] = f"the task {claim.task} is being run and may need it"
            elif point.guid == claim.newest:
                reasons[point.guid] = f"the newest that the target of {claim.task} has: its next increment starts there"
            elif point.guid in claim.needed:
                reasons[point.guid] = f"an interrupted transfer of {claim.task} goes on with it"
            elif base < point.createtxg <= reach:
                reasons[point.guid] = f"the target of {claim.task} may have it since a run that broke off"
        if claim.waits:
            after = min(after, base)
    return Needs(reasons, after)


def _anothers(mark: ReadPoint, peer: str | None) -> str:
    """Another box pulls from here, or may; or a task that is gone left it."""
    whose = f"of the peer {peer}, which is let in here" if peer else "of no task that is known here"
    return f"it has the bookmark #{mark.name} {whose}: an increment to another box may start there"


def decide(
    dataset: Dataset,
    policy: Policy,
    now: datetime,
    reasons: Mapping[str, str],
    backlog: Backlog | None = None,
    of: str = ALL,
    peers: Mapping[str, str] = _NOBODY,
    *,
    by_hand: bool = False,
    others: Mapping[str, Other] = NO_OTHERS,
) -> tuple[Decision, ...]:
    """What becomes of each snapshot of `dataset`, oldest first; `reasons` are GUIDs that must stay, `of` is whose
    snapshots the policy is for (see `points`), `peers` are names with the peer that had that one taken here. `by_hand`
    as in `plan`. `others` are names that D-Plane did not give and an administrator lets go."""
    return plan(_points(dataset, peers, others), policy, now, reasons, backlog=backlog, of=of, by_hand=by_hand)


def clock_stops(dataset: Dataset, now: datetime, others: Mapping[str, Other] = NO_OTHERS) -> str:
    """Why nothing of `dataset`, or not all of it, can be pruned because of a clock; empty when it can."""
    points = _points(dataset, others=others)
    return why_nothing(points, now) or what_is_ahead(points, now)


def _points(
    dataset: Dataset, peers: Mapping[str, str] = _NOBODY, others: Mapping[str, Other] = NO_OTHERS
) -> list[Point]:
    """Its snapshots with the times that the names of ours say, and with those of `others`.

    ZFS tells when others were taken only by opening each of them, so it is asked only where some may go. Of a copy it
    tells no more than a name does: both are by the clock of the box that took it, which may lie. What protects a copy
    from that is the order of createtxg, which is this pool's own (see `rules`), and this box's clock.
    """
    found = []
    for point in dataset.snapshots:
        known = (point.name, point.guid, point.createtxg)
        if OWN.fullmatch(point.name):
            taken = named_time(f"{dataset.name}@{point.name}")
            found.append(Point(*known, int(taken or 0), peer=peers.get(point.name, "")))
        else:
            other = others.get(point.name, Other())
            found.append(Point(*known, other.creation, peer=peers.get(point.name, ""), let_go=other.begins))
    return found
