"""What screens and commands call: peers, tasks, runs of the box they manage, near or far."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Protocol

from privhelper import grammar

from ... import paths
from ...errors import CommandError, DPlaneError, RefusedError
from ...text import clean
from ..door import Door
from ..host import Host
from ..jobs import JobService, Progress, files
from ..retention.model import PruneWish, Pruning
from ..store import Notice, Store, open_store
from . import anew, codec, divergence, freshness, leftovers, own_snapshots, pruning, records, schedule, timer
from .codec import decode
from .divergence import Divergence, Resolution
from .looks import LocalLooks, Looks
from .model import HostIdentity, Options, PairRequest, Peer, Plan, Restore, Run, Task, TaskStatus
from .newtask import allowed, queue_preview, refuse_idle_patterns
from .options import check as check_options
from .pairing import PairingSession
from .probe import probe

PLAN_SECONDS, PRUNE_SECONDS = 300.0, 1800.0


class ReplicationService(Looks, Protocol):
    """The replication of one box. Every method raises only `DPlaneError`s."""

    async def peers(self) -> tuple[Peer, ...]:
        """Paired boxes by name."""
        ...

    async def tasks(self, *, look: bool = False) -> tuple[TaskStatus, ...]:
        """Tasks by name, each with its last run and what was last proven. With `look`, also which of their datasets
        were made anew since: it asks ZFS once, so it is not for what reads often."""
        ...

    async def runs(self, task: str | None = None, limit: int = 50) -> tuple[Run, ...]:
        """Runs with their evidence, newest first."""
        ...

    async def run(self, run_id: str) -> Run:
        """One run. Raises MissingError."""
        ...

    async def probe(self, address: str, port: int) -> HostIdentity:
        """What the box there shows before anyone logs in. Raises UnreachableError."""
        ...

    async def own_key(self, name: str) -> str:
        """The fingerprint of this box's key for the peer `name`, which is made if it is not there."""
        ...

    async def pair(self, request: PairRequest) -> Peer:
        """Pair, and return the peer only after the new key was used for a real login."""
        ...

    async def test_peer(self, name: str) -> str:
        """Log in at a peer with its key now; returns a sentence about what answered."""
        ...

    async def remove_peer(self, name: str) -> str:
        """Forget a peer and its key; returns a sentence about what is left at the far end."""
        ...

    async def add_task(self, task: Task) -> Task:
        """Store a new task. Raises RefusedError, MissingError (no such peer)."""
        ...

    async def task(self, name: str) -> Task:
        """One task. Raises MissingError."""
        ...

    async def set_options(
        self,
        name: str,
        options: Options,
        rpo: int | None = None,
        *,
        recursive: bool | None = None,
        snapshot: bool | None = None,
        timed: bool = False,
    ) -> Task:
        """Change what a task does differently, and its RPO (in seconds), whether it takes what is below and whether it
        takes snapshots of its own if given; a running one follows its limit and pause within seconds. With `timed`,
        systemd is told the schedule also when the store has it already. Raises RefusedError; CommandError when it was
        done and bookmarks below are left."""
        ...

    async def remove_task(self, name: str) -> str:
        """Forget a task, and what only it needed: its bookmarks, and holds that were left. Its runs and all snapshots
        stay.

        Returns a sentence about what could not be taken away, empty when nothing is left.
        """
        ...

    async def plan(self, name: str) -> Plan:
        """What a run would do now, read from both sides. Nothing is changed."""
        ...

    async def preview(self, task: Task) -> Plan:
        """What the first run of a task that is not stored would do. Nothing is changed, and the task is not stored."""
        ...

    async def prune(self, name: str, wish: PruneWish) -> Pruning:
        """Apply a task's retention now, or only show what that would destroy and keep. Raises RefusedError."""
        ...

    async def conflicts(self, name: str) -> tuple[Divergence, ...]:
        """What cannot be continued as it is, and the ways out. Nothing is changed."""
        ...

    async def resolve(self, name: str, wish: Resolution) -> Run:
        """Take a way out that was shown. Raises ChangedError when it is not what is there any more."""
        ...

    async def start(self, name: str) -> str:
        """Start a run under systemd; returns its id, which is also its job's."""
        ...

    async def restore(self, name: str, wish: Restore) -> str:
        """Start bringing a task's copy home; returns the run's id. Raises RefusedError when something is in the way."""
        ...

    async def cancel(self, run_id: str) -> None:
        """Stop a run; what arrived so far is resumed by the next one."""
        ...

    async def notices(self) -> tuple[Notice, ...]:
        """What a person must hear about the store, newest first."""
        ...


def open_replication(host: Host) -> ReplicationService:
    """The replication of `host`: on the store here, or through `dplane … --json` there."""
    if host.local:
        return LocalReplication(host)
    from .remote import RemoteReplication

    return RemoteReplication(host)


class LocalReplication(LocalLooks):
    """The replication of this machine."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._paths = paths.current()
        self._jobs = JobService(host)

    @contextlib.asynccontextmanager
    async def _store(self, *, write: bool = False) -> AsyncIterator[Store]:
        async with open_store(self._paths.database, write=write) as store:
            yield store

    async def peers(self) -> tuple[Peer, ...]:
        async with self._store() as store:
            return await records.peers(store)

    async def tasks(self, *, look: bool = False) -> tuple[TaskStatus, ...]:
        async with self._store() as store:
            tasks = await records.tasks(store)
            starts = await schedule.starts(self._host) if any(task.options.schedule for task in tasks) else {}
            found = tuple([await self._status(store, task, starts) for task in tasks])
        return await anew.looked(self._host, found) if look else found

    async def _status(self, store: Store, task: Task, starts: schedule.Starts) -> TaskStatus:
        last, restore = await records.last_run(store, task.name)
        proof = await records.newest_proof(store, task.name)
        last = self._true(last) if last else None
        before, begun = None, proof.run.started if proof is not None else None
        if last is not None and last.state in records.ACTIVE:
            before, begun = await records.run_before(store, last), last.started
        status = TaskStatus(
            task,
            last,
            next_run=schedule.next_run(starts, task.name, begun),
            restore=self._true(restore) if restore else None,
            before=self._true(before) if before else None,
        )
        return status if proof is None else freshness.with_proof(status, proof, time.time())

    def _true(self, run: Run) -> Run:
        """`run`, but `died` when the store says active and its process is gone: the store cannot know."""
        if run.state not in records.ACTIVE:
            return run
        progress = files.read(self._paths.jobs, run.id)
        if progress is None or not progress.active:
            gone = files.died(progress or Progress(run.id, "replicate", "running"))
            return replace(run, state="died", message=gone.error, error_code="failed")
        return run

    async def is_missed(self, name: str) -> bool:
        """Whether no run that began since the task's timer last went off has proven what is at its place now, as its
        next start is told. Raises DPlaneError."""
        async with self._store() as store:
            proof = await records.newest_proof(store, name)
        begun = proof.run.started if proof is not None else None
        return schedule.is_missed(await schedule.starts(self._host), name, begun)

    async def runs(self, task: str | None = None, limit: int = 50) -> tuple[Run, ...]:
        async with self._store() as store:
            return tuple(self._true(run) for run in await records.runs(store, task, limit))

    async def run(self, run_id: str) -> Run:
        async with self._store() as store:
            return self._true(await records.run(store, run_id))

    async def probe(self, address: str, port: int) -> HostIdentity:
        return await probe(self._host, address, port)

    async def own_key(self, name: str) -> str:
        async with PairingSession(self._host, name) as session:
            return await session.own_key(name)

    async def pair(self, request: PairRequest) -> Peer:
        async with PairingSession(self._host, request.name) as session:
            return await session.pair(request)

    async def test_peer(self, name: str) -> str:
        async with PairingSession(self._host, name) as session:
            return await session.test(name)

    async def remove_peer(self, name: str) -> str:
        async with PairingSession(self._host, name) as session:
            return await session.remove(name)

    async def add_task(self, task: Task) -> Task:
        new = replace(check_task(task), created=time.time())
        refuse_idle_patterns(new)
        async with self._store(write=True) as store:
            new = await allowed(store, new)
            await records.add_task(store, new)
            await store.backup()
        if new.options.schedule:
            try:
                told = ("so the task was not made", "Then make it again.")
                await timer.follow(Door(self._host), new.name, new.options, *told)
            except DPlaneError:
                await self._unmake(new.name)
                raise
        return new

    async def _unmake(self, name: str) -> None:
        """Take away a task that was just made, and what may be there of its timer."""
        with contextlib.suppress(DPlaneError):
            await timer.forget(Door(self._host), name)
        async with self._store(write=True) as store:
            await records.delete_task(store, name)
            await store.backup()

    async def task(self, name: str) -> Task:
        async with self._store() as store:
            return await records.task(store, name)

    async def set_options(
        self,
        name: str,
        options: Options,
        rpo: int | None = None,
        *,
        recursive: bool | None = None,
        snapshot: bool | None = None,
        timed: bool = False,
    ) -> Task:
        async with self._store(write=True) as store:
            task = await records.task(store, name)
            before = task.options
            new = replace(task, options=check_options(options), rpo=task.rpo if rpo is None else rpo)
            new = replace(new, recursive=task.recursive if recursive is None else recursive)
            new = check_task(replace(new, snapshot=task.snapshot if snapshot is None else snapshot))
            refuse_idle_patterns(new, task)
            if (new.recursive, new.snapshot) != (task.recursive, task.snapshot):
                await self._refuse_running(store, name)
            if new.snapshot and not task.snapshot and task.source_peer is not None:
                own_snapshots.refuse_not_granted(await records.peer(store, task.source_peer))
            if options.keep_target != before.keep_target and task.peer is not None:
                pruning.refuse_not_granted(options, await records.peer(store, task.peer))
            if options.keep_source != before.keep_source and task.source_peer is not None:
                pruning.refuse_no_source_right(options, await records.peer(store, task.source_peer))
            if timed or timer.is_meant(before, options, rpo):
                again = "Then set the schedule again."
                await timer.follow(Door(self._host), name, options, "so nothing was changed", again)
            await records.set_options(store, name, options, rpo, recursive, new.snapshot)
            left = await leftovers.drop_below(self._host, store, task) if task.recursive and not new.recursive else ""
            await store.backup()
            if left:
                raise CommandError(f"{name} takes only {task.source} from now on. {left}")
            return await records.task(store, name)

    async def remove_task(self, name: str) -> str:
        async with self._store(write=True) as store:
            await self._refuse_running(store, name)
            task = await records.task(store, name)
            if task.options.schedule:
                await timer.forget(Door(self._host), name)
            await records.delete_task(store, name)
            left = await leftovers.drop(self._host, store, self._paths.jobs, task)
            await store.backup()
        return left

    async def _refuse_running(self, store: Store, name: str, kinds: tuple[str, ...] = records.SHOWN) -> None:
        for run in await records.active_runs(store, name, kinds):
            true = self._true(run)
            if true.state in records.ACTIVE:
                raise RefusedError(
                    f"The task {name} is running (run {run.id}).",
                    "Wait for its end, or stop it with `dplane replicate cancel`.",
                )
            await records.update_run(store, run.id, state="died", ended=time.time(), message=true.message)

    async def queue(self, name: str, mode: str = "run", request: str = "") -> Run:
        """A queued run of a task, not yet started. Raises MissingError, RefusedError when the task runs already."""
        async with self._store(write=True) as store:
            await records.task(store, name)
            if mode != "compare":
                await self._refuse_running(store, name, ("verify",) if mode == "verify" else records.MOVING)
            return await records.new_run(store, name, mode, request)

    async def start(self, name: str) -> str:
        run = await self.queue(name)
        await self._launch(run)
        return run.id

    async def restore(self, name: str, wish: Restore) -> str:
        run = await self.queue(name, "restore", codec.dumps(check_restore(wish)))
        await self._launch(run)
        return run.id

    async def _launch(self, run: Run) -> None:
        """Report it as queued and start its unit; a run that cannot be started is recorded as failed, not forgotten."""
        progress = Progress(run.id, "replicate", "queued", f"replicate {run.task}", started=run.started)
        try:
            self._paths.jobs.mkdir(parents=True, exist_ok=True)
            files.write(self._paths.jobs, replace(progress, updated=time.time()))
            await self._jobs.start(run.id)
        except (OSError, DPlaneError) as error:
            problem = error if isinstance(error, DPlaneError) else CommandError(f"The run cannot report: {error}.")
            with contextlib.suppress(OSError):
                files.write(self._paths.jobs, replace(progress, state="failed", error=str(problem)))
            async with self._store(write=True) as store:
                told = {"message": str(problem), "error_code": problem.code}
                await records.update_run(store, run.id, log=None, state="failed", ended=time.time(), **told)
            raise problem from None

    async def plan(self, name: str) -> Plan:
        return decode_plan((await self._asked(name, "plan")).plan)

    async def preview(self, task: Task) -> Plan:
        refuse_idle_patterns(check_task(task))
        async with self._store(write=True) as store:
            run = await queue_preview(store, task)
        return decode_plan((await self._looked(run)).plan)

    async def prune(self, name: str, wish: PruneWish) -> Pruning:
        pruning.check_wish(await self.task(name), wish)
        return pruning.decode_pruning((await self._asked(name, "prune", codec.dumps(wish), PRUNE_SECONDS)).plan)

    async def conflicts(self, name: str) -> tuple[Divergence, ...]:
        return divergence.loads((await self._asked(name, "conflicts")).plan)

    async def resolve(self, name: str, wish: Resolution) -> Run:
        # At this box's own pools it is done with the rights of whoever asks: a job has fewer than an administrator.
        task = await self.task(name)
        here = task.peer is None
        if here and task.source_peer is not None:
            here = wish.way != divergence.BESIDE  # which touches no pool
            if here:  # the source is looked at by a job, which alone has the key for it
                wish = replace(wish, seen=divergence.dumps(await self.conflicts(name)))
        request = codec.dumps(wish)
        run = await self.queue(name, "resolve", request)
        return await self._looked(run, here=(name, "resolve", request) if here else None)

    async def _asked(self, name: str, mode: str, request: str = "", patience: float = PLAN_SECONDS) -> Run:
        return await self._looked(await self.queue(name, mode, request), patience)

    async def _looked(
        self, run: Run, patience: float = PLAN_SECONDS, *, here: tuple[str, str, str] | None = None
    ) -> Run:
        """A run that answers at once, in this process where that may do it. Raises what it ended with.

        `here` has it done in this process, and says what was asked for: task, mode and request.
        """
        if here is not None or readable_keys(self._paths):
            from .job import Asked, run_replication

            await run_replication(run.id, None if here is None else Asked(*here))
        else:
            await self._launch(run)
            await asyncio.wait_for(self._ended(run.id), patience)
        async with self._store() as store:
            done = await records.run(store, run.id)
        if done.state != "succeeded":
            raise error_of(done)
        return done

    async def _ended(self, run_id: str) -> None:
        async for _ in self._jobs.watch(run_id):
            pass

    async def cancel(self, run_id: str) -> None:
        run = await self.run(run_id)
        if run.state not in records.ACTIVE:
            raise RefusedError(
                f"The run {run_id} is not running: it is {run.state}.", "`dplane job list` shows what goes on."
            )
        await self._jobs.stop(run_id)

    async def notices(self) -> tuple[Notice, ...]:
        async with self._store() as store:
            return tuple(await store.notices())


def readable_keys(where: paths.Paths) -> bool:
    """Whether this process may use the peers' keys: they belong to the user dplane alone (or to a checkout's user).

    Root could, but must not do in its own process what others wrote into the store.
    """
    import os

    if where.installed and os.geteuid() == 0:
        return False
    return os.access(where.ssh, os.R_OK | os.X_OK) if where.ssh.exists() else not where.installed


def decode_plan(text: str) -> Plan:
    """A plan as it was stored. Raises CommandError."""
    import json

    try:
        return decode(Plan, json.loads(text))
    except ValueError as error:
        raise CommandError(f"The stored plan cannot be understood: {error}.") from None


def error_of(run: Run) -> DPlaneError:
    """The error a run ended with, as the exception it was."""
    kinds: list[type[DPlaneError]] = [DPlaneError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    chosen = next((kind for kind in kinds if kind.code == run.error_code), CommandError)
    return chosen(run.message or f"The run ended as {run.state}.")


def check_restore(wish: Restore) -> Restore:
    """`wish` if its names are sound. Raises RefusedError."""
    for what, problem in (
        (f"the place “{clean(wish.to, 60)}”", grammar.dataset_problem(wish.to)),
        (f"the snapshot “{clean(wish.snapshot, 60)}”", wish.snapshot and grammar.component_problem(wish.snapshot)),
        (f"the dataset “{clean(wish.below, 60)}”", wish.below and grammar.dataset_problem(f"pool/{wish.below}")),
    ):
        if problem:
            raise RefusedError(f"{what[0].upper()}{what[1:]} {problem}.")
    if "/" not in wish.to:
        raise RefusedError(
            f"{wish.to} is a pool's own dataset, which cannot be received into.", f"Choose {wish.to}/restored."
        )
    return wish


def check_task(task: Task) -> Task:
    """`task` if its names are sound. Raises RefusedError."""
    for what, problem in (
        (f"the task's name “{clean(task.name, 60)}”", grammar.peer_problem(task.name)),
        (f"the source “{clean(task.source, 60)}”", grammar.dataset_problem(task.source)),
        (f"the target “{clean(task.target, 60)}”", grammar.dataset_problem(task.target)),
    ):
        if problem:
            raise RefusedError(f"{what[0].upper()}{what[1:]} {problem}.")
    if "/" not in task.target:
        raise RefusedError(
            f"The target {task.target} is a pool's own dataset, which cannot be received into.",
            f"Choose a name below it, such as {task.target}/{task.source.rpartition('/')[2]}.",
        )
    if task.rpo < 60:
        raise RefusedError("The RPO must be at least one minute.")
    if task.peer is not None and task.source_peer is not None:
        raise RefusedError(
            f"Source and target of the task {task.name} are both on other boxes.",
            "One of them must be here: make the task on one of those boxes.",
        )
    if task.peer is None and task.source_peer is None and f"{task.target}/".startswith(f"{task.source}/"):
        raise RefusedError(f"The target {task.target} lies inside the source {task.source}.")
    check_options(task.options)
    return task
