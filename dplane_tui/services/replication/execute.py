"""A run: read both sides, plan, send, read back what arrived. Success is only what the target was seen to list."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ... import text
from ...aside import aside
from ...errors import (
    AuthenticationError,
    CommandError,
    DivergedError,
    DPlaneError,
    HostKeyError,
    NoSpaceError,
    RefusedError,
    StaleTokenError,
    StalledError,
    UnreachableError,
)
from ...lazyclass import dataclass
from ..door import Door
from ..host import Host
from ..jobs.report import Reporter
from ..store import Store
from . import chains, codec, convoy, failures, holds, originals, pace, pruning, records, space
from .leaving import conflict_way_out, left_behind, left_lines, refuse_conflicts
from .model import Evidence, Match, Peer, Plan, Step, Task
from .planning import Planning
from .pump import Throttle
from .read import Dataset
from .source import LocalSource, Source
from .stream import Command, Transfer, transfer
from .targets import Target

RECONNECTS = failures.PAUSES
FREEING: tuple[float, ...] = (0.5, 4.5, 10.0)
"""Seconds: ZFS counts what was destroyed as free some transaction groups later."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended well."""

    state: str
    message: str


@dataclass(frozen=True, slots=True)
class _Sent:
    """A stream that both programs call good; what the target lists is still to be seen."""

    step: Step
    count: int
    duration: float


class Execution:
    """One run of one task, from any source to any target."""

    def __init__(
        self,
        task: Task,
        source: Source,
        target: Target,
        store: Store,
        run_id: str,
        report: Reporter,
        peer: Peer | None = None,
        *,
        back: chains.Sent | None = None,
    ) -> None:
        """`peer` is the box of the target, None for this one. With `back`, how the copies were sent, it is a restore
        that goes by the task's name: its limit holds for it, its pause does not, and what it does is not noted as the
        task's.
        """
        self._task = task
        self._source = source
        self._target = target
        self._store = store
        self._run_id = run_id
        self._report = report
        self._peer = peer
        self._back = back
        self._planning = Planning(task, source, target, store, report, peer, back)
        self._room: str | None = None  # what there is to tell of room that was made
        self._sent = 0
        self._throttle = Throttle()
        self._together = True  # several streams on one channel, until that broke once
        self._passing = False  # of what the last attempt left behind, something may go in another one
        self._unnoted: dict[str, dict[str, str]] = {}  # by dataset the settings that its copy does not note, and why
        self._for_good: dict[str, DPlaneError] = {}  # what this run sends no more, by dataset

    async def run(self) -> Outcome:
        """Everything, with a few attempts when the connection breaks. Raises DPlaneError."""
        name, pauses = self._task.name, not self._back
        await pace.set_pace(self._store, name, self._throttle, pauses=pauses)
        following = asyncio.create_task(pace.follow(self._store, name, self._throttle, self._report, pauses=pauses))
        try:
            outcome = await self._attempts()
            return Outcome(outcome.state, joined(outcome.message, await self._at_the_end()))
        except DPlaneError as error:
            error.next_step = joined(error.next_step, await self._at_the_end())
            raise
        finally:
            following.cancel()
            await self._close()

    async def _attempts(self) -> Outcome:
        """Until one ends well, or no other is worth while; what the last one had reached stays open."""
        lost: DPlaneError | None = None
        renewals = failures.RENEWALS
        pauses = failures.jittered(RECONNECTS)
        while True:
            before = self._sent
            try:
                return await self._once()
            except DPlaneError as error:
                if isinstance(error, UnreachableError):
                    self._planning.reached = False
                    self._for_good.clear()  # a box that is going down fails what it is at before the link breaks
                if not (self._passing or failures.worth_another_try(error)):
                    raise
                if self._sent > before and renewals:
                    renewals, pauses, lost = renewals - 1, failures.jittered(RECONNECTS), None
                # How far it got says more than that it cannot be reached now.
                lost = lost or error
                if not pauses:
                    aside(f"not again: {error}")
                    raise lost from None
                again = error
            await self._wait(again, pauses.pop(0))

    async def _wait(self, error: DPlaneError, pause: float) -> None:
        """So many seconds until the next attempt. Why there is one is stored before: nothing else may be till the end,
        and a run that heals keeps it to its log and the journal."""
        aside(f"again in {text.duration(pause)}: {error}")
        await self._close()
        stage = failures.meanwhile(error, begun=self._sent > 0)
        self._report.update(stage=stage, rate_bps=None, eta_s=None)
        with contextlib.suppress(DPlaneError):
            await self._keep()
        await asyncio.sleep(pause)

    async def _keep(self, **fields: Any) -> None:
        """Store these fields of the run, and its log."""
        await records.update_run(self._store, self._run_id, log=self._report.log, **fields)

    async def _keep_plan(self, plan: Plan) -> None:
        await self._keep(plan=codec.dumps(replace(plan, own=self._task.snapshot)))

    async def dry(self) -> Plan:
        """The plan that `run` would execute now. Changes nothing."""
        try:
            await self._source.open()
            plan = await self._planning.plan(take=False, connect=True)
            return replace(plan, notes=(*plan.notes, *(error.message for error in self._fitting(plan)[1].values())))
        finally:
            await self._close()

    async def _close(self) -> None:
        self._planning.reached = False
        await self._target.close()
        await self._source.close()

    async def _once(self) -> Outcome:
        self._report.update(stage="connecting")
        self._passing = False
        await self._source.open()
        try:
            return await self._carry_out(connect=True)
        except convoy.BrokenConvoyError as broken:
            aside(str(broken))  # for the journal: what is left is tried dataset by dataset
            self._together = False
            return await self._carry_out()

    async def _carry_out(self, *, connect: bool = False) -> Outcome:
        plan = await self._planning.plan(take=True, connect=connect)
        await self._keep_plan(plan)
        refuse_conflicts(plan)
        going, short = self._fitting(plan)
        if short and self._room is None:
            plan = await self._with_room(plan)
            going, short = self._fitting(plan)
        await self._found_there(plan.matches)
        for abort in plan.aborts:
            await self._target.abort(abort.target, abort.token)
        if any(step.raw for step in going.steps) and not self._back:
            await records.set_raw(self._store, self._task.name, True)
        await holds.sweep_far(self._store, self._source.door, self._task.name, self._run_id, self._planning.here)
        async with holds.held(self._store, self._source.door, self._run_id, going.steps):
            await self._send_all(going, short)
        if not plan.steps and not self._sent:
            return nothing_new(plan)
        # An attempt before this one may have delivered what it could no longer read back.
        message = f"{text.size(self._sent)} sent; the target was read and lists every snapshot."
        return Outcome("succeeded", " ".join([message, *plan.notes]))

    def _fitting(self, plan: Plan) -> tuple[Plan, dict[str, NoSpaceError]]:
        return space.fitting(plan, self._planning.there, self._target.name)

    async def _with_room(self, plan: Plan) -> Plan:
        """The plan anew, once in a run, after the target has let go of what it need not keep."""
        for abort in plan.aborts:
            await self._target.abort(abort.target, abort.token)
        self._room = await pruning.make_room(self._task, self._source, self._target, self._store, self._run_id)
        for pause in FREEING if plan.aborts or self._room else ():
            await asyncio.sleep(pause)
            plan = replace(await self._planning.plan(take=True, again=True), snapshot=plan.snapshot)
            if not self._fitting(plan)[1]:
                break
        await self._keep_plan(plan)
        return plan

    async def _at_the_end(self) -> str:
        """What is told behind the outcome, however the run ends."""
        return joined(originals.told_of(self._unnoted), await self._retain())

    async def _retain(self) -> str:
        """Retention, where the run ends: for what it proved, however it ends. Returns what it did in all of the run."""
        if self._task.options.keep_source or self._task.options.keep_target:
            self._report.update(stage="pruning", rate_bps=None, eta_s=None)
        sides = (self._task, self._source, self._target, self._store, self._run_id)
        told, before = await pruning.after_run(*sides, reached=self._planning.reached), self._room or ""
        return told if before in told else joined(before, told)

    async def _send_all(self, plan: Plan, short: dict[str, NoSpaceError]) -> None:
        """Every step; a dataset that fails is left, with all below it, and the others go on.

        Raises what failed, or was too `short` of room to begin with.
        """
        failed: dict[str, DPlaneError] = {
            item.dataset: DivergedError(item.text, conflict_way_out()) for item in plan.conflicts
        }
        failed |= {step.dataset: self._for_good[step.dataset] for step in plan.steps if step.dataset in self._for_good}
        arrived: list[_Sent] = []
        number = 0
        for group in convoy.groups(plan.steps, self._together):
            steps = [step for step in group if not convoy.is_below(step.dataset, failed)]
            before = sum(one.count for one in arrived)
            if len(steps) > 1 and (sent := await self._convoy(steps, before, plan)) is not None:
                arrived += sent
                steps = []
            for step in steps:
                if convoy.is_below(step.dataset, failed):
                    continue
                self._report.update(stage=f"sending {text.clean(step.dataset)}", stages_done=number)
                try:
                    arrived.append(await self._step(step, sum(one.count for one in arrived), plan))
                except UnreachableError:
                    raise
                except DPlaneError as error:
                    failed[step.dataset] = error
                    self._learn(step, error)
            number += len(group)
        failed.update(await self._prove(arrived))
        if failed or short:
            there = {one.step.dataset for one in arrived}
            for line in left_lines({**failed, **short}, plan, there):
                self._report.log.add(line)
            raise left_behind({**failed, **short}, plan, there)

    def _learn(self, step: Step, error: DPlaneError) -> None:
        """What a failed step means for the next attempt of this run."""
        if not failures.worth_another_try(error):
            self._for_good[step.dataset] = error
            return
        self._passing = True
        if step.token and isinstance(error, StaleTokenError):
            self._planning.stale.add((step.target, step.token))

    async def _convoy(self, steps: Sequence[Step], before: int, plan: Plan) -> list[_Sent] | None:
        """Send all these on one channel; None when source or target cannot. Raises BrokenConvoyError, UnreachableError.

        What both programs call good is still to be read back, as with one.
        """
        source, target = self._source, self._target
        if not (isinstance(source, convoy.ManySource) and isinstance(target, convoy.ManyTarget)):
            return None
        try:
            receive = await target.receive_many(steps)
            if receive is None:
                return None
            self._report.update(stage=f"sending {len(steps)} streams, from {text.clean(steps[0].dataset)} on")
            await source.keep_bases(steps)
            await chains.begin(self._store, self._peer, steps)
            done = await self._transfer(await source.send_many(steps), receive, before, plan)
            together = replace(plan, steps=tuple(steps))
            self._judge(replace(steps[0], size=together.size, at_least=together.at_least), done)
            parts = convoy.parts(steps, done)
        except (UnreachableError, HostKeyError, AuthenticationError):
            raise
        except DPlaneError as error:
            raise convoy.BrokenConvoyError(f"Of {len(steps)} streams together not all arrived: {error}") from None
        return [_Sent(step, part.bytes, part.seconds) for step, part in zip(steps, parts, strict=True)]

    async def _transfer(self, send: Command, receive: Command, before: int, plan: Plan) -> Transfer:
        total = None if plan.unsized else plan.size
        done = await transfer(send, receive, lambda count: self._report.bytes(before + count, total), self._throttle)
        self._sent += done.count
        await self._keep(bytes=self._sent)
        return done

    async def _step(self, step: Step, before: int, plan: Plan) -> _Sent:
        """Send one stream; good is what both sides' programs call so. Raises DPlaneError."""
        await self._source.keep_base(step)
        await chains.begin(self._store, self._peer, [step])
        begun = time.monotonic()
        receive = await self._target.receive(step)
        send = await self._source.send(step)
        done = await self._transfer(send, receive, before, plan)
        self._judge(step, done)
        return _Sent(step, done.count, time.monotonic() - begun)

    def _judge(self, step: Step, done: Transfer) -> None:
        """Raise unless both programs say that all went well."""
        if done.end == "stalled":
            raise StalledError(
                f"The stream of {step.dataset} to {self._target.name} stood still after {text.size(done.count)}.",
                "The next run goes on from there.",
            )
        where = self._target.name
        try:
            if lost := self._source.lost(done):
                where = self._source.name
                raise lost
            if done.send_failed and done.receive_status != 255:
                raise failures.of_zfs(done.send_said, f"{step.dataset}@{step.snapshot} could not be sent")
            self._target.check(step, done)
        except (HostKeyError, AuthenticationError):
            raise
        except UnreachableError as error:
            raise UnreachableError(
                f"The connection to {where} was lost after {text.size(done.count)} of "
                f"{text.about(step.size, at_least=step.at_least)} of {step.dataset}@{step.snapshot}.",
                f"The next run resumes there. ({error.message})",
            ) from None

    async def _prove(self, arrived: Sequence[_Sent]) -> dict[str, DPlaneError]:
        """Read the target again: only a snapshot that it lists with the source's GUID counts. Returns what did not."""
        if not arrived:
            return {}
        self._report.update(stage="reading back what arrived")
        there, _ = await self._target.read(self._task.target, self._task.recursive)
        created = await self._source.creations([f"{one.step.dataset}@{one.step.snapshot}" for one in arrived])
        failed: dict[str, DPlaneError] = {}
        now = time.time()
        last = {one.step.dataset: one.step for one in arrived}
        landed: dict[str, Step] = {}
        proofs: list[tuple[Evidence, float | None]] = []
        for step, count, duration in ((one.step, one.count, one.duration) for one in arrived):
            points = there[step.target].snapshots if step.target in there else ()
            guid = next((point.guid for point in points if point.name == step.snapshot), "")
            proof = Evidence(step.dataset, step.target, step.snapshot, step.guid, guid, count, step.base, duration, now)
            proofs.append((proof, created.get(f"{step.dataset}@{step.snapshot}")))
            if proof.proven:
                landed[step.target] = step
                continue
            failed[step.dataset] = CommandError(
                f"{self._target.name} took the stream, but lists {step.target}@{step.snapshot} "
                f"{'with another GUID' if guid else 'not at all'}: this is not a success.",
                "Run again; if it stays, look at the target's pool.",
            )
        await chains.proven(self._store, self._peer, landed, there)
        await records.add_all_evidence(self._store, self._run_id, proofs)
        good = [step for step in last.values() if (step.dataset, step.snapshot) in proven(proofs)]
        await convoy.drop_old_bases(self._source, good)
        for step in good:
            await self._note(step, there[step.target])
        return failed

    async def _note(self, step: Step | Match, there: Dataset) -> None:
        """Keep what is set on the original with its copy. The data is proven whether or not this works.

        What comes home becomes an original: what its copy had set is noted nowhere.
        """
        if self._back:
            return
        own = self._planning.here[step.dataset].local
        notes, left = originals.to_note(own, there.originals, self._target.older)
        try:
            left |= await self._target.note(step.target, notes) if notes else {}
        except UnreachableError:
            raise
        except DPlaneError as error:
            left |= dict.fromkeys(notes, error.message.rstrip("."))
        self._unnoted[step.dataset] = left

    async def _found_there(self, matches: Sequence[Match]) -> None:
        """The target was read in this run and has these newest snapshots: that is evidence too."""
        now = time.time()
        known = await records.known_creations(self._store, [match.guid for match in matches])
        unknown = [f"{match.dataset}@{match.snapshot}" for match in matches if match.guid not in known]
        created = await self._source.creations(unknown) if unknown else {}
        proofs = [
            (
                Evidence(match.dataset, match.target, match.snapshot, match.guid, match.guid, 0, None, 0.0, now),
                known.get(match.guid, created.get(f"{match.dataset}@{match.snapshot}")),
            )
            for match in matches
        ]
        await records.add_all_evidence(self._store, self._run_id, proofs)
        keys = chains.keys_found(self._planning.chains, matches, self._planning.here, self._planning.there)
        await chains.keep_keys(self._store, self._peer, keys)
        # What brought it may have died before it came to this; nothing is asked where there is nothing to do.
        await convoy.drop_old_bases(self._source, matches)
        for match in matches:
            copy = self._planning.there.get(match.target)
            if copy is not None:
                await self._note(match, copy)


def proven(proofs: Sequence[tuple[Evidence, float | None]]) -> set[tuple[str, str]]:
    """Dataset and snapshot of what the target really has."""
    return {(proof.dataset, proof.snapshot) for proof, _ in proofs if proof.proven}


def joined(*said: str) -> str:
    """Sentences behind one another, without those that are empty."""
    return " ".join(filter(None, said))


def nothing_new(plan: Plan) -> Outcome:
    """The outcome of a plan without streams."""
    if not plan.matches:
        raise RefusedError(
            "There is nothing that could be sent: no dataset of the task has a snapshot.",
            "Let the task take its own snapshots, or take one.",
        )
    newest: Sequence[str] = sorted({match.snapshot for match in plan.matches})
    return Outcome("nothing-new", " ".join([f"Nothing new: the target was read and has @{newest[-1]}.", *plan.notes]))


def source_for(task: Task, peer: Peer | None, host: Host) -> LocalSource:
    """The near side of a task."""
    return LocalSource(host, Door(host), task, peer)


def target_for(peer: Peer | None, host: Host, ssh_folder: Path, run_folder: Path) -> Target:
    """The kind of target that a task's peer is."""
    from .targets import AgentTarget, LocalTarget, PlainTarget
    from .transport import Link

    if peer is None:
        return LocalTarget(host, Door(host))
    link = Link(peer, ssh_folder, run_folder)
    return AgentTarget(link) if peer.product else PlainTarget(link)
