"""Retention of a task: after a run, by hand, or as a preview; for both sides, by what was read a moment ago."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from privhelper import resumetoken

from ...errors import DPlaneError
from ...lazyclass import dataclass
from ...text import clean
from ..replication.model import Task
from ..replication.plan import members, target_of
from ..replication.read import Dataset, Side
from ..replication.source import LocalSource, Source
from ..replication.targets import Target
from ..store import Store
from . import claims
from .backlog import Backlog
from .hand import Hand, not_listed, settled
from .looking import GONE, OWN
from .model import SOURCE, TARGET, Judged, Pruned, Pruning, SideReport
from .needs import NO_OTHERS, NONE_WAIT, Claim, Needs, clock_stops, needs_of
from .plan import PAUSED
from .points import ALL, POLICY_SNAPSHOT, TASKS
from .policy import Policy, parse
from .pruners import LocalPruner

_UNPROVEN = "nothing of it is proven at the target, so the policy waits"
_INTERRUPTED = "a transfer into it was interrupted, and goes on first"


@dataclass(frozen=True, slots=True)
class Scope:
    """What retention is applied to in one go."""

    proven: Collection[str] | None = None
    """Source datasets that this run has proven; None: all of which the target, read now, goes on from the source's."""
    backlog_only: bool = False
    """What is not proven is thinned to the cap of the backlog, instead of left alone."""
    dry: bool = False
    ahead: bool = False
    """As if everything had arrived already."""
    by_hand: bool = False
    """A person asked for it, and answers for the clock."""
    as_if: tuple[str, ...] | None = None
    """For a preview: as if an administrator of this box let names go that begin so, where he did not."""
    for_room: bool = False
    """A target is short of room: also a copy into which a transfer was interrupted lets go of what that needs not."""


def continues(here: Dataset, there: Dataset | None) -> bool:
    """Whether the newest snapshot of the target is one that the source has, or had and has a bookmark of."""
    known = {point.guid for point in (*here.snapshots, *here.bookmarks)}
    return there is not None and bool(there.snapshots) and there.snapshots[-1].guid in known


def own_claim(task: Task, here: Dataset, there: Dataset | None, *, ahead: bool = False) -> Claim:
    """What the task itself needs of a dataset whose target was read just now (None: there is none)."""
    known = {point.guid for point in (*here.snapshots, *here.bookmarks)}
    common = [point.guid for point in there.snapshots if point.guid in known] if there is not None else []
    newest = common[-1] if common else ""
    if ahead and here.snapshots:
        newest = here.snapshots[-1].guid
    needed: set[str] = set()
    if there is not None and there.token:
        try:
            fields = resumetoken.unpack(there.token)
            needed = {str(fields[name]) for name in ("toguid", "fromguid") if name in fields}
        except resumetoken.TokenError:
            pass  # the next run throws that half away
    return Claim(task.name, newest, "", claims.wants_history(task, newest), certain=True, needed=frozenset(needed))


class Retention:
    """The two sides of one task in one run. Both are open."""

    def __init__(self, task: Task, source: Source, target: Target, store: Store, jobs: Path, run_id: str) -> None:
        self._task = task
        self._source = source
        self._target = target
        self._store = store
        self._jobs = jobs
        self._run_id = run_id
        self._here: Side = {}
        self._there: Side | None = None
        self._let_in: Collection[str] | None = None
        """The peers that may come in at the side that is looked at; None: not known."""

    async def apply(self, scope: Scope, *, reached: bool = True) -> Pruning:
        """Do it; `reached` says whether the target can be asked. Raises DPlaneError when a side cannot be read.

        What could not be destroyed is in the result, and in the store.
        """
        options = self._task.options
        self._here = await self._source.read()
        self._there = (await self._target.read(self._task.target, self._task.recursive))[0] if reached else None
        sides: list[SideReport] = []
        if options.keep_source:
            place = "this machine" if isinstance(self._source, LocalSource) else self._source.name
            sides.append(await self._side(scope, SideReport(SOURCE, place, options.keep_source)))
        if options.keep_target and reached:
            sides.append(await self._side(scope, SideReport(TARGET, self._target.name, options.keep_target)))
        return Pruning(self._task.name, scope.dry, tuple(sides))

    async def _side(self, scope: Scope, report: SideReport) -> SideReport:
        """One side; a dataset that cannot be looked at ends it, as the others will not be any better."""
        far = report.side == TARGET
        pruner = (self._target if far else self._source).pruner()
        # At the source, what the dataset's own policy took is that policy's; a copy's history is the task's alone.
        hand = Hand(pruner, scope.dry, sizes=scope.proven is None, of=ALL if far else TASKS, by_hand=scope.by_hand)
        side = (self._there or {}) if far else self._here
        hand.record = partial(self._record, report.side)
        others = await self._claims(side, far=far)
        self._let_in = await pruner.let_in()
        top = self._task.target if far else self._task.source
        judged: list[Judged] = []
        frees: int | None = 0
        problem = unread = ""
        try:  # ours are judged without them
            if scope.as_if is not None and isinstance(pruner, LocalPruner):  # another box judges by itself what may go
                pruner.as_if = (top, scope.as_if)
            hand.others = await pruner.others(top, side) if top in side else {}
        except DPlaneError as error:
            unread = f"Only what D-Plane took could be judged: {error}"
        for name in members(self._task, self._here):
            dataset = side.get(target_of(self._task, name) if far else name)
            if dataset is None or not dataset.snapshots:
                continue
            needs, policy = self._needs(scope, name, dataset, others[dataset.name], far=far)
            backlog = Backlog(needs.after, most=self._task.options.backlog) if needs.after < NONE_WAIT else None
            try:
                found, more = await hand.apply(dataset, policy or parse(report.policy), needs.reasons, backlog)
            except DPlaneError as error:
                problem = str(error)
                break
            problem = problem or clock_stops(dataset, hand.clock(), hand.others.get(dataset.name, NO_OTHERS))
            judged += found
            frees = None if frees is None or more is None else frees + more
        found, said = await self._read_back(judged, hand, far=far)
        told = " ".join(one for one in (said, problem, unread) if one)
        return replace(report, judged=found, frees=frees, problem=told, note=_paused(found))

    async def _claims(self, side: Side, *, far: bool) -> Mapping[str, list[Claim]]:
        """What the tasks of this box need of what lies on either side."""
        box = self._task.peer if far else self._task.source_peer
        return await claims.claims_of(self._store, side, self._jobs, self._task.name, box)

    def _needs(
        self, scope: Scope, name: str, dataset: Dataset, others: list[Claim], *, far: bool
    ) -> tuple[Needs, Policy | None]:
        """What must stay of a dataset, and the policy when it is not that of the side."""
        here, there = self._here[name], (self._there or {}).get(target_of(self._task, name))
        proven = scope.proven is None or name in scope.proven
        if self._there is not None:
            proven = proven and (continues(here, there) or (scope.ahead and there is None))
        if far:
            if dataset.token and scope.for_room:
                others = [*others, replace(own_claim(self._task, here, there), waits=False)]
            elif dataset.token:
                return _all_stay(dataset, _INTERRUPTED), None
            return (needs_of(dataset, others, self._let_in) if proven else _all_stay(dataset, _UNPROVEN)), None
        if self._there is not None:
            marks = [claim.mark for claim in others if claim.task == self._task.name]
            others = [claim for claim in others if claim.task != self._task.name]
            claim = own_claim(self._task, here, there, ahead=scope.ahead)
            others.append(replace(claim, mark=marks[0]) if marks else claim)
        needs = needs_of(dataset, others, self._let_in)
        if proven:
            return needs, None
        return (needs, Policy()) if scope.backlog_only else (_all_stay(dataset, _UNPROVEN), None)

    async def _record(self, side: str, judged: Sequence[Judged]) -> None:
        now = time.time()
        gone = [Pruned(side, one.dataset, one.snapshot, one.guid, now, one.error) for one in judged]
        if gone:
            await claims.record(self._store, self._run_id, self._task.name, gone, dropped=GONE)

    async def _read_back(self, judged: list[Judged], hand: Hand, *, far: bool) -> tuple[tuple[Judged, ...], str]:
        """List once more: what is still there was not destroyed, and what was to stay has to be there."""
        found, said = tuple(judged), ""
        if hand.went or any(one.destroyed or one.unknown for one in judged):
            found, said = await self._settled(found, hand, far=far)
        news = [
            now
            for now, was in zip(found, judged, strict=True)
            if now != was or (not now.keep and (now.dataset, now.guid) in hand.unrecorded)
        ]
        try:
            await self._record(TARGET if far else SOURCE, news)
        except DPlaneError as error:
            said = said or f"What became of {len(news)} snapshot(s) could not be recorded: {error}"
        return found, said

    async def _settled(self, judged: tuple[Judged, ...], hand: Hand, *, far: bool) -> tuple[tuple[Judged, ...], str]:
        """What became of each by what is listed now, and a sentence of what is wrong with that."""
        try:
            read = (await self._target.read(self._task.target, self._task.recursive))[0] if far else None
            side = read if read is not None else await self._source.read()
        except DPlaneError as error:
            return judged, f"What was destroyed could not be read back: {error}"
        left = {name: {point.guid for point in dataset.snapshots} for name, dataset in side.items()}
        found = settled(judged, left)
        if lost := await self._lost(found, left, far=far):
            return found, (
                f"{clean(lost[0].dataset)}@{clean(lost[0].snapshot)} was to stay and is not listed any more"
                f"{f', nor are {len(lost) - 1} others' if len(lost) > 1 else ''}: find out who destroyed it."
            )
        if missing := not_listed(judged, left):
            return found, f"{clean(missing[0])} was not listed when it was looked at once more."
        lies = sum(guid in left.get(name, ()) for name, guid in hand.went)
        return found, f"{lies} snapshot(s) were said to be gone and are still listed: run again." if lies else ""

    async def _lost(
        self, judged: Collection[Judged], left: Mapping[str, Collection[str]], *, far: bool
    ) -> Sequence[Judged]:
        """What is not `left` although nobody but this task lets it go: other tools and people may drop what is theirs,
        at the source the dataset's own policy what it took, and another task what it need not keep."""
        lost = [
            one
            for one in judged
            if one.keep
            and one.dataset in left
            and one.guid not in left[one.dataset]
            and OWN.fullmatch(one.snapshot)
            and (far or not one.snapshot.startswith(POLICY_SNAPSHOT))
        ]
        if not lost:
            return lost
        box = self._task.peer if far else self._task.source_peer
        elsewhere = await claims.pruned_by_others(self._store, self._run_id, box, {one.guid for one in lost})
        return [one for one in lost if (one.dataset, one.guid) not in elsewhere]


def _paused(judged: tuple[Judged, ...]) -> str:
    """What is to be told of those that by their dates alone are old enough; empty when there are none."""
    waits = [one for one in judged if one.keep and one.why.startswith(PAUSED)]
    asked = sum(not (one.keep or one.destroyed) and PAUSED in one.why for one in judged)
    if asked:
        return (
            f"{asked} snapshot(s) are old enough only by a long time of which no snapshot is left, so no run lets "
            "them go yet. A clock that is wrong looks the same: see that it is right before you prune by hand."
        )
    if not waits:
        return ""
    where = f"of {waits[-1].dataset} {waits[-1].why.removeprefix(f'{PAUSED}: ')}"
    return (
        f"{len(waits)} snapshot(s) stay for longer than the policy says, as a long time without any makes none older: "
        f"{where}. If the clock is right, they go by themselves as new ones come, or at once when you prune by "
        "hand; if it is not, set it."
    )


def _all_stay(dataset: Dataset, why: str) -> Needs:
    return Needs({point.guid: why for point in dataset.snapshots}, NONE_WAIT)


def told(pruning: Pruning) -> str:
    """What retention did, in a sentence or two; empty when it did nothing and nothing was wrong."""
    said: list[str] = []
    for side in pruning.sides:
        at = f"at {side.place}" if side.side == TARGET else "at the source"
        gone = [one for one in side.judged if one.destroyed]
        left = [one for one in side.judged if one.error and not one.unknown]
        unknown = [one for one in side.judged if one.unknown]
        if gone:
            said.append(f"{len(gone)} snapshot(s) destroyed {at} by the policy {side.policy}.")
        if left:
            said.append(
                f"{len(left)} snapshot(s) could not be destroyed {at}, the first of them "
                f"{clean(left[0].dataset)}@{clean(left[0].snapshot)}: {clean(left[0].error, 300)}"
            )
        if unknown:
            said.append(
                f"Of {len(unknown)} snapshot(s) {at}, the first of them {clean(unknown[0].dataset)}@"
                f"{clean(unknown[0].snapshot)}, {clean(unknown[0].error, 300)}"
            )
        if side.problem:
            said.append(f"Retention {at} was left undone, or a part of it: {clean(side.problem, 500)}")
        if side.note:
            said.append(f"Retention {at}: {clean(side.note, 700)}")
    return " ".join(said)
