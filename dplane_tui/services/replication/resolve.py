"""The jobs behind `dplane replicate resolve`: look at what is in conflict, and take the way out a person chose."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from privhelper import grammar

from ... import text
from ...errors import ChangedError, MissingError, RefusedError
from ..door import Door
from . import chains, codec, divergence, halves, leftovers, records
from .amends import Amends, LocalAmends, Seen, amends_for, must_have, not_done
from .divergence import BESIDE, KEEP_BOTH, ROLL_BACK, Divergence, Resolution, Way
from .execute import Outcome
from .model import Peer, Task
from .plan import OWN_SNAPSHOT, make_plan, wants_snapshot
from .read import Dataset, Side
from .source import OWN_TIME, LocalSource, Source

if TYPE_CHECKING:
    from .job import Job

_PLANNED = f"{OWN_SNAPSHOT}planned"  # stands for what the next run would take, so that a conflict with it shows


async def look(job: Job) -> Outcome:
    """Find what is in conflict; it is stored where a dry run stores its plan."""
    examination = await Examination.of(job)
    try:
        found = await examination.all()
    finally:
        await examination.close()
    await records.update_run(job.store, job.run.id, plan=divergence.dumps(found))
    return Outcome("succeeded", "Looked at both sides; nothing was changed.")


async def act(job: Job) -> Outcome:
    """Take a way out, if it is still the one that was shown. Raises RefusedError, ChangedError, MissingError …"""
    wish = codec.decode(Resolution, json.loads(job.request))
    if wish.seen:
        return await _act_here(job, wish)
    examination = await Examination.of(job)
    try:
        found, way = chosen(await examination.all(), wish, job.run.task)
        job.report.update(stage=f"{wish.way} {text.clean(found.target)}")
        if wish.way == BESIDE:
            return await _beside(job, examination, wish.to)
        return await _change(job, examination, found, way)
    finally:
        await examination.close()


def chosen(all_found: Sequence[Divergence], wish: Resolution, task: str) -> tuple[Divergence, Way]:
    """The conflict and the way out that a person means, as they were shown. Raises MissingError, RefusedError,
    ChangedError."""
    found = next((one for one in all_found if one.dataset == wish.dataset), None)
    if found is None:
        raise MissingError(f"{wish.dataset} is not in conflict (any more).", "Run the task.")
    way = next((one for one in found.ways if one.way == wish.way), None)
    if way is None or not way.possible:
        raise RefusedError(f"This way out cannot be taken: {way.text if way else 'there is none for it'}")
    if way.plan != wish.plan:
        raise _not_as_shown(found.target, task)
    return found, way


def _not_as_shown(target: str, task: str) -> ChangedError:
    return ChangedError(
        f"What is at {target} is not what was shown, so nothing was done.",
        f"Look again: `dplane replicate resolve {task}`.",
    )


async def _act_here(job: Job, wish: Resolution) -> Outcome:
    """Take a way out at a target of this box for which the source is not needed, with the rights of whoever asks.

    What is there now must still be what the plan was made of.
    """
    found, way = chosen(divergence.loads(wish.seen), wish, job.run.task)
    task = await records.task(job.store, job.run.task)
    if task.peer is not None or way.way not in (KEEP_BOTH, ROLL_BACK):
        raise RefusedError("This way out needs both boxes.", f"`dplane replicate resolve {task.name}` takes it.")
    at = Examination(
        task, None, LocalSource(job.host, Door(job.host), task, None), LocalAmends(job.host, Door(job.host)), {}
    )
    at.there, _ = await at.amends.target.read(task.target, task.recursive)
    there = must_have(at.there.get(found.target), found.target)
    extras = tuple(point.guid for point in there.snapshots[_since(there, found) + 1 :])
    gone = divergence.goes(there, found.since) if way.way == ROLL_BACK and found.since else ()
    now = replace(
        found,
        target_guid=there.properties.get("guid", ""),
        only_target=tuple(divergence.Extra("", guid) for guid in extras),
        written=there.number("written"),
    )
    token = _in_the_way(there, found) if way.way == ROLL_BACK else ""
    if divergence.plan_of(task, now, way.way, gone, token=token) != wish.plan:
        raise _not_as_shown(found.target, task.name)
    job.report.update(stage=f"{wish.way} {text.clean(found.target)}")
    return await _change(job, at, found, way)


def _since(there: Dataset, found: Divergence) -> int:
    """Where among the target's snapshots the newest common one is; -1 for none. Raises ChangedError when it is gone."""
    names = [point.name for point in there.snapshots]
    if found.since is not None and found.since not in names:
        raise _not_as_shown(found.target, found.dataset)
    return names.index(found.since) if found.since is not None else -1


def _in_the_way(there: Dataset, found: Divergence) -> str:
    """The token of a half-received stream that has to go before `there` can be rolled back; else empty."""
    blocks = found.since is not None and halves.stands_in_the_way(there, found.since)
    return there.token if blocks else ""


async def _change(job: Job, at: Examination, found: Divergence, way: Way) -> Outcome:
    """Change what is at the target. Raises DPlaneError, also when it happened and could not be read back."""
    # Before the act: it may happen although nothing tells of it any more, and then nothing is proven of that place.
    await records.place_changed(job.store, job.run.task)
    return await (_keep_both if way.way == KEEP_BOTH else _roll_back)(at, found, way)


async def _keep_both(at: Examination, found: Divergence, way: Way) -> Outcome:
    there = must_have(at.there.get(found.target), found.target)
    to = f"{found.target}-kept-{time.strftime(OWN_TIME, time.gmtime())}"
    await at.amends.set_aside(there, to)
    gone, _ = await at.amends.target.read(found.target, False)
    kept, _ = await at.amends.target.read(to, False)
    if gone or to not in kept or kept[to].properties.get("guid") != found.target_guid:
        raise not_done(f"{found.target} was renamed to {to}")
    return Outcome(
        "succeeded",
        f"{found.target} is {to} now, with all it had; the target was read and lists it there with the same GUID. The "
        f"next run sends about {text.size(way.sends)} afresh.",
    )


async def _roll_back(at: Examination, found: Divergence, way: Way) -> Outcome:
    there = must_have(at.there.get(found.target), found.target)
    assert found.since
    guid = next(point.guid for point in there.snapshots if point.name == found.since)
    if token := _in_the_way(there, found):
        await at.amends.target.abort(there.name, token)
    await at.amends.roll_back(there, found.since)
    side, _ = await at.amends.target.read(found.target, False)
    now = side.get(found.target)
    if now is None or not now.snapshots or now.snapshots[-1].guid != guid or now.number("written"):
        raise not_done(f"{found.target} was taken back to @{found.since}")
    return Outcome(
        "succeeded",
        f"{found.target} is back at @{found.since}: the target was read and has nothing newer. "
        f"{len(way.destroys)} snapshot(s) or bookmark(s) were destroyed there. The next run sends about "
        f"{text.size(way.sends)}.",
    )


async def _beside(job: Job, at: Examination, to: str) -> Outcome:
    from .service import check_task

    check_task(replace(at.task, target=to))
    root = at.peer.root if at.peer else None
    if root and to != root and not to.startswith(f"{root}/"):
        raise RefusedError(f"The peer was paired for {root} only, and {to} is not below it.")
    there, _ = await at.amends.target.read(to, False)
    if there:
        raise RefusedError(f"{to} exists at the target already.", "Choose a name that is free.")
    await records.place_changed(job.store, at.task.name)
    await records.set_target(job.store, at.task.name, to)
    stored = (await records.task(job.store, at.task.name)).target
    if stored != to:
        raise not_done(f"The target of {at.task.name} was set to {to}")
    left = await leftovers.drop(job.host, job.store, job.where.jobs, at.task)
    told = f"The task {at.task.name} sends to {to} from now on, everything afresh; {at.task.target} stays as it is."
    return Outcome("succeeded", f"{told} {left}".strip())


class Examination:
    """Both sides, read once."""

    def __init__(self, task: Task, peer: Peer | None, source: Source, amends: Amends, known: chains.Chains) -> None:
        self.task = task
        self.peer = peer
        self.amends = amends
        self.there: Side = {}
        self._here: Side = {}
        self._source = source
        self._known = known

    @classmethod
    async def of(cls, job: Job) -> Examination:
        """The one of a job's task, with both sides opened and read."""
        from .job import source_of

        task = await records.task(job.store, job.run.task)
        peer = await records.peer(job.store, task.peer) if task.peer is not None else None
        amends = amends_for(peer, job.host, job.where.ssh, job.where.jobs)
        made = cls(task, peer, await source_of(job, task, peer), amends, await chains.known(job.store, peer))
        try:
            await made.read()
        except BaseException:
            await made.close()
            raise
        return made

    async def read(self) -> None:
        """Open and read both sides."""
        await self._source.open()
        await self.amends.target.open()
        self._here = await self._source.read()
        self.there, _ = await self.amends.target.read(self.task.target, self.task.recursive)

    async def close(self) -> None:
        """Let go of both."""
        await self.amends.target.close()
        await self._source.close()

    async def all(self) -> list[Divergence]:
        """Every dataset that cannot be continued, each with its ways out."""
        snapshot = _PLANNED if self.task.snapshot else None
        plan = make_plan(self.task, self._here, self.there, snapshot, None, self._known)
        found: list[Divergence] = []
        for conflict in plan.conflicts:
            there = self.there.get(conflict.target)
            seen = await self.amends.look(conflict.target) if there else Seen({}, False)
            one = divergence.differs(conflict, self._here[conflict.dataset], there, seen.snapshots)
            ahead = tuple(extra for extra in one.only_source if extra.name != _PLANNED)
            one = replace(one, only_source=await self._dated(one.dataset, ahead))
            found.append(replace(one, ways=tuple(await self._ways(one, seen))))
        return found

    async def _dated(self, dataset: str, ahead: tuple[divergence.Extra, ...]) -> tuple[divergence.Extra, ...]:
        created = await self._source.creations([f"{dataset}@{extra.name}" for extra in ahead[: divergence.SHOWN]])
        return tuple(replace(extra, created=created.get(f"{dataset}@{extra.name}")) for extra in ahead)

    async def _ways(self, found: Divergence, seen: Seen) -> list[Way]:
        if found.kind == "key-not-loaded" or not found.target_guid:
            return []
        whole = await self._cost(divergence.without(self.there, self.task.target), self.task.source, below=True)
        beside = Way(
            BESIDE,
            True,
            f"start afresh beside it: the task gets a new target, everything is sent there, {self.task.target} stays"
            f"{self._with_half(found)}",
            whole[0],
            plan=divergence.plan_of(self.task, found, BESIDE),
        )
        return [await self._keeping(found), await self._back(found, seen), beside]

    async def _keeping(self, found: Divergence) -> Way:
        to = f"{found.target}-kept-{time.strftime(OWN_TIME, time.gmtime())}"
        below = sorted(name for name in self.there if name.startswith(f"{found.target}/"))
        also = f" with the {len(below)} dataset(s) below it" if below else ""
        what = f"keep both: {found.target} is renamed to {to}{also}{self._with_half(found)}, and everything is sent "
        what += "afresh in its place"
        sends, _ = await self._cost(divergence.without(self.there, found.target), found.dataset, below=True)
        if problem := grammar.dataset_problem(to):
            return Way(KEEP_BOTH, False, f"its name would be {to}, which {problem}")
        if self.peer and self.peer.root == found.target:
            return Way(KEEP_BOTH, False, f"our key there is confined to {found.target}, and its new name is beside it")
        return Way(KEEP_BOTH, True, what, sends, plan=divergence.plan_of(self.task, found, KEEP_BOTH))

    async def _back(self, found: Divergence, seen: Seen) -> Way:
        if found.since is None or found.kind not in {"target-newer", "target-written"}:
            return Way(ROLL_BACK, False, "there is nothing it could be rolled back to that the source can continue")
        there = self.there[found.target]
        gone = divergence.goes(there, found.since)
        names = tuple(name for name, _ in gone)
        counts = [found.written, *(extra.written for extra in found.only_target)]
        loses = None if None in counts else sum(count or 0 for count in counts)
        side = divergence.rolled_back(self.there, found.target, found.since)
        sends, fits = await self._cost(side, found.dataset, below=False)
        held = next((extra.name for extra in found.only_target if extra.held), None)
        why = ""
        if not fits:
            why = f"the source could not continue from @{found.since} either"
        elif held is not None:
            why = f"somebody holds {found.target}@{held}, so it cannot be destroyed (`zfs holds` there tells who)"
        elif not seen.may_roll_back:
            why = seen.why_not.replace("SNAPSHOT", found.since)
            why += f"; there `zfs receive -A {found.target}` comes first" if _in_the_way(there, found) else ""
        if why:
            return Way(ROLL_BACK, False, why, sends, names, loses)
        what = f"roll back: {found.target} is taken back to @{found.since}; what came after it there is destroyed"
        if token := _in_the_way(there, found):
            what += f", and so is {halves.named(self._here[found.dataset], there)}"
        plan = divergence.plan_of(self.task, found, ROLL_BACK, gone, token=token)
        return Way(ROLL_BACK, True, what, sends, names, loses, plan)

    def _with_half(self, found: Divergence) -> str:
        """A clause about a half-received stream that stays with the copy; empty when there is none."""
        half = halves.named(self._here[found.dataset], self.there[found.target])
        return f" with {half}" if half else ""

    async def _cost(self, there: Side, dataset: str, *, below: bool) -> tuple[int | None, bool]:
        """About how many bytes the next run would send of a dataset if the target were so, and whether it could."""
        snapshot = _PLANNED if wants_snapshot(self.task, self._here) else None
        plan = make_plan(self.task, self._here, there, snapshot, None, self._known)
        inside = f"{dataset}/"
        steps = [step for step in plan.steps if step.dataset == dataset or (below and step.dataset.startswith(inside))]
        fits = not any(conflict.dataset == dataset for conflict in plan.conflicts)
        sized = await self._source.estimated(replace(plan, steps=tuple(steps)))
        return None if sized.unsized else sized.size, fits
