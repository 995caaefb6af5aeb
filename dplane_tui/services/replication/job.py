"""A queued run from start to end, in the process of its job: lock, states, evidence, progress, how it ended."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from ... import paths
from ...aside import kept_in
from ...errors import ChangedError, DPlaneError, RefusedError, UnreachableError, UsageError
from ...lazyclass import dataclass
from ..alone import HeldError, alone
from ..door import Door
from ..host import Host, LocalHost
from ..jobs import files
from ..jobs.report import Reporter
from ..notify import hook
from ..store import Store, open_store
from . import codec, history, holds, leftovers, records
from .execute import Execution, Outcome, joined, source_for, target_for
from .model import Peer, Run, Task
from .source import Source

BACKUP_SECONDS = 3600.0
"""How old the newest backup of the store may get before a run makes another."""


@dataclass(frozen=True, slots=True)
class Job:
    """What a queued run has at hand."""

    store: Store
    run: Run
    request: str
    report: Reporter
    where: paths.Paths
    host: Host


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person asked for, in the process that does it: the store may be written by others, too."""

    task: str
    mode: str
    request: str


async def run_replication(run_id: str, asked: Asked | None = None) -> str:
    """Run the queued run `run_id`; returns its final state, which is in the store as well.

    Raises MissingError for an unknown run, UsageError for one that is not queued, ChangedError when it is not what was
    `asked`. All else is recorded, not raised.
    """
    where = paths.current()
    async with open_store(where.database, write=True) as store:
        run = await records.run(store, run_id)
        if run.state != "queued":
            raise UsageError(f"The run {run_id} is not queued: it is {run.state}.")
        mode, request = await records.mode_of(store, run_id)
        if asked is not None and asked != Asked(run.task, mode, request):
            raise ChangedError(
                f"The run {run_id} stands in the store as something else than was asked for, so nothing was done.",
                "Somebody with the operate role changed it there: see `dplane audit`.",
            )
        kind = "replicate" if mode == "run" else f"replicate-{mode}"
        report = Reporter(where.jobs, run_id, kind, f"{'replicate' if mode == 'run' else mode} {run.task}")
        await records.update_run(store, run_id, state="running", started=time.time())
        with kept_in(report.log):
            telling = await hook.begin(run_id, run.task, request if request == records.COPIES else mode)
            state, message, code = await _guarded(Job(store, run, request, report, where, LocalHost()), mode)
        ended = {"state": state, "ended": time.time(), "message": message, "error_code": code}
        await records.update_run(store, run_id, log=report.log, **ended)
        good = state in records.GOOD
        report.end("succeeded" if good else state, message if good else "", "" if good else message)
        with contextlib.suppress(DPlaneError):  # the run is stored; what fails here is the next one's
            await history.trim(store, run.task)
            await store.backup(seconds=BACKUP_SECONDS)
    await telling.end(state)
    return state


async def _guarded(job: Job, mode: str) -> tuple[str, str, str]:
    """State, sentence and error code of the run, whatever happens in it."""
    try:
        with _alone(job.where.jobs, job.run.task, mode):
            if mode == "run":
                await holds.sweep(job.store, Door(job.host), lambda run_id: _is_alive(job, run_id))
            outcome = await _work(mode)(job)
        return outcome.state, outcome.message, ""
    except asyncio.CancelledError:
        current = asyncio.current_task()
        if current is not None:
            current.uncancel()  # it is recorded; nothing outside has to end for it
        return "cancelled", "It was stopped; the next run goes on from what arrived.", "cancelled"
    except DPlaneError as error:
        return "failed", str(error), error.code
    except Exception as error:
        traceback.print_exc(file=sys.stderr)  # to the journal; people read the sentence
        return (
            "failed",
            f"D-Plane made a mistake ({type(error).__name__}) and stopped; the journal has the details.",
            "failed",
        )


def _is_alive(job: Job, run_id: str) -> bool:
    progress = files.read(job.where.jobs, run_id)
    return run_id != job.run.id and progress is not None and progress.active


def _work(mode: str) -> Callable[[Job], Awaitable[Outcome]]:
    """What a kind of run does."""
    if mode == "plan":
        return _plan
    if mode == "prune":
        from .pruning import by_hand

        return by_hand
    if mode == "restore":
        from .restore import bring_home

        return bring_home
    if mode == "verify":
        from .verify import verify

        return verify
    if mode == "compare":
        from .sides import look

        return look
    if mode in ("conflicts", "resolve"):
        from . import resolve

        return resolve.look if mode == "conflicts" else resolve.act
    return _run


async def _execution(job: Job, given: Task | None = None) -> Execution:
    task = given or await records.task(job.store, job.run.task)
    peer = await records.peer(job.store, task.peer) if task.peer is not None else None
    target = target_for(peer, job.host, job.where.ssh, job.where.jobs)
    return Execution(task, await source_of(job, task, peer), target, job.store, job.run.id, job.report, peer)


async def source_of(job: Job, task: Task, peer: Peer | None) -> Source:
    """Where a task's snapshots come from."""
    if task.source_peer is None:
        return source_for(task, peer, job.host)
    from .far_source import source_at
    from .transport import Link

    return source_at(Link(await records.peer(job.store, task.source_peer), job.where.ssh, job.where.jobs), task)


async def _run(job: Job) -> Outcome:
    task = await records.task(job.store, job.run.task)
    try:
        outcome = await (await _execution(job, task)).run()
    except DPlaneError as error:
        if not isinstance(error, UnreachableError):  # else what is left there is not reached either
            error.next_step = joined(error.next_step, await _tidied(job, task))
        raise
    return Outcome(outcome.state, joined(outcome.message, await _tidied(job, task)))


async def _tidied(job: Job, task: Task) -> str:
    """Take away what tasks that are gone left at the boxes of this one. A sentence about what stays for good."""
    return leftovers.told(await leftovers.clean(job.store, job.where, task))


async def _plan(job: Job) -> Outcome:
    # A preview brings its task along: it is not stored yet.
    given = codec.decode(Task, json.loads(job.request)) if job.request else None
    plan = await (await _execution(job, given)).dry()
    await records.update_run(job.store, job.run.id, plan=codec.dumps(plan))
    return Outcome("succeeded", "Planned; nothing was changed.")


@contextlib.contextmanager
def _alone(folder: Path, task: str, mode: str) -> Iterator[None]:
    """One run of a task at a time. The lock goes with the process, however it ends.

    A verification may last for days and only reads: it has a lock of its own. A look at what is there needs none.
    """
    if mode == "compare":
        yield
        return
    name = re.sub(r"[^A-Za-z0-9._-]", "_", task)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f".{'verify' if mode == 'verify' else 'task'}-{name}.lock"
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(alone(path))
        except HeldError as other:
            raise RefusedError(
                f"The task {task} is being run by another process {other}.", "Wait for its end."
            ) from None
        except OSError as error:
            raise RefusedError(
                f"The task {task} cannot be run: its lock {path} cannot be used ({error.strerror}).",
                "`dplane doctor` checks the rights; running takes the group dplane-operate.",
            ) from None
        yield
