"""Where a run meets retention: after it, as the last thing it does; or by hand, when that alone is what a job is for.

Nothing of retention is loaded for a task that has no policy.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from privhelper import let_go

from ... import paths
from ...errors import CommandError, DPlaneError, RefusedError, UnreachableError, UsageError
from . import codec, records
from .model import Options, Peer, Task
from .options import check

if TYPE_CHECKING:
    from ..retention.model import PruneWish, Pruning
    from ..store import Store
    from .execute import Outcome
    from .job import Job
    from .source import Source
    from .targets import Target


async def after_run(task: Task, source: Source, target: Target, store: Store, run_id: str, *, reached: bool) -> str:
    """Retention for what the run proved, on both sides; without `reached`, or for what it did not prove, only as much
    at the source as the cap of the backlog wants. Returns what there is to tell. Never raises DPlaneError: what is
    proven stays so, whether or not something older could be destroyed."""
    if not (task.options.keep_source or task.options.keep_target):
        return ""
    from .source import LocalSource

    if not reached and not isinstance(source, LocalSource):
        return ""
    from ..retention import run
    from ..retention.claims import proven_in

    try:
        work = run.Retention(task, source, target, store, paths.current().jobs, run_id)
        scope = run.Scope(await proven_in(store, run_id), backlog_only=True)
        return run.told(await work.apply(scope, reached=reached))
    except DPlaneError as error:
        return f"Retention was left undone: {error.message}"


async def make_room(task: Task, source: Source, target: Target, store: Store, run_id: str) -> str:
    """Retention at the target before what does not fit there is sent: of copies which, read now, the source's own
    snapshots continue. Returns what there is to tell. Never raises DPlaneError but UnreachableError."""
    if not task.options.keep_target:
        return ""
    from ..retention import run

    there_alone = replace(task, options=replace(task.options, keep_source=""))
    try:
        work = run.Retention(there_alone, source, target, store, paths.current().jobs, run_id)
        return run.told(await work.apply(run.Scope(for_room=True)))
    except UnreachableError:
        raise
    except DPlaneError as error:
        return f"Retention was left undone: {error.message}"


async def by_hand(job: Job) -> Outcome:
    """The job of `dplane replicate prune`: what the target goes on from is read, and then the policy applied.

    Raises DPlaneError when a side cannot be read, or when not all could be done.
    """
    from ..retention import run
    from ..retention.model import PruneWish
    from .execute import Outcome, target_for
    from .job import source_of

    wish = codec.decode(PruneWish, json.loads(job.request))
    task = wished(await records.task(job.store, job.run.task), wish)
    peer = await records.peer(job.store, task.peer) if task.peer is not None else None
    source, target = await source_of(job, task, peer), target_for(peer, job.host, job.where.ssh, job.where.jobs)
    try:
        job.report.update(stage="reading both sides")
        await source.open()
        await target.open()
        work = run.Retention(task, source, target, job.store, job.where.jobs, job.run.id)
        as_if = let_go.beginnings(wish.let_go) if wish.dry and wish.let_go is not None else None
        scope = run.Scope(dry=wish.dry, ahead=wish.ahead, by_hand=not wish.ahead, as_if=as_if)
        done = await work.apply(scope)
    finally:
        await target.close()
        await source.close()
    await records.update_run(job.store, job.run.id, plan=codec.dumps(done))
    return Outcome("succeeded", run.told(done) or "Nothing was destroyed.")


def wished(task: Task, wish: PruneWish) -> Task:
    """The task with the policies that were asked for instead of its own. Raises UsageError for one that is none."""
    options = task.options
    given = {
        name: value for name in ("keep_source", "keep_target", "backlog") if (value := getattr(wish, name)) is not None
    }
    return replace(task, options=check(replace(options, **given)))


def check_wish(task: Task, wish: PruneWish) -> None:
    """Raise UsageError for a policy that is none, RefusedError when there is no policy at all."""
    if wish.let_go is not None and (problem := let_go.problem(wish.let_go)):
        raise UsageError(f"What would go besides our own {problem}.", "Such as: autosnap_,syncoid_attic_")
    options = wished(task, wish).options
    if not (options.keep_source or options.keep_target):
        raise RefusedError(
            f"The task {task.name} has no policy of retention, so it keeps every snapshot on both sides.",
            f"`dplane replicate set {task.name} --keep-source hourly=24,daily=30 --keep-target …` gives it one.",
        )


def refuse_not_granted(options: Options, peer: Peer) -> None:
    """Raise RefusedError when a task is to prune at a peer that has not granted it."""
    if options.keep_target and peer.product and not peer.may_prune:
        from ..retention.pruners import not_granted

        raise not_granted(peer.name, peer.address)


def refuse_no_source_right(options: Options, peer: Peer) -> None:
    """Raise RefusedError when a task that pulls is to prune at a source that has not granted it."""
    if not options.keep_source or (peer.product and peer.may_prune and peer.may_snapshot):
        return
    if not peer.product:
        raise RefusedError(
            f"Snapshots at {peer.name} are not removed from here: without D-Plane nobody can tell whose they are.",
            "Let that box remove its own.",
        )
    raise RefusedError(
        f"{peer.name} has not granted this box to prune the snapshots that its tasks take there.",
        f"An administrator of that box grants it by pairing again: `dplane peer add {peer.name} USER@{peer.address} "
        f"--may-read {peer.may_read or 'DATASET'} --may-snapshot --may-prune`. Or let that box remove its own.",
    )


def decode_pruning(text: str) -> Pruning:
    """What a job of retention left in the store. Raises CommandError."""
    from ..retention.model import Pruning

    try:
        return codec.decode(Pruning, json.loads(text))
    except ValueError as error:
        raise CommandError(f"What retention did cannot be understood: {error}.") from None
