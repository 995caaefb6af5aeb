"""`dplane replicate …`: tasks, runs and their evidence."""

from __future__ import annotations

import argparse
import importlib
import time
from collections.abc import Sequence

from .. import text
from ..errors import DivergedError, DPlaneError, MissingError, StoppedError, UsageError
from ..services.host import Host
from ..services.replication import own_snapshots
from ..services.replication.depth import reach
from ..services.replication.freshness import anew_words
from ..services.replication.gaps import usual_rpo
from ..services.replication.model import Plan, Run, Task, TaskStatus
from ..services.replication.options import describe, seconds, stream_words
from ..services.replication.places import place_of
from ..services.replication.service import ReplicationService, error_of, open_replication
from ..services.retention.model import BEGUN, UNKNOWN, Pruned
from . import foreground, replicate_places, task_options
from .output import Result, table
from .task_words import next_run, stored

_KINDS = {"run": "copy", "restore": "restore", "verify": "verification", "resolve": "way out"}
"""What a run did, by its `kind`."""

_OWN = {"add", "run", "show", "runs", "run-show", "cancel", "remove", "notices", "set", "limit", "pause", "resume"}
"""Verbs that are added here and by `task_options`."""
_ELSEWHERE = {
    "restore": ("restore",),
    "verify": ("compare", "verify"),
    "import": ("import-syncoid",),
    "prune": ("prune",),
    "resolve": ("resolve",),
    "list": ("list",),
    "check": ("check",),
}
"""Verbs by the module `replicate_…` that adds them."""


def add_named(parser: argparse.ArgumentParser, words: Sequence[str] | None) -> None:
    """Add the verbs; those of other modules (a Pi takes seconds to load all) only where `words` have one of them.

    All are added without words, and where the first word behind the group is no verb: help and errors name them all.
    """
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    behind = list(words or ())
    behind = [word for word in behind[behind.index("replicate") + 1 :] if not word.startswith("-")] if words else []
    known = _OWN.union(*_ELSEWHERE.values())

    def elsewhere(*modules: str) -> None:
        for module in modules:
            if not behind or behind[0] not in known or {*_ELSEWHERE[module]} & {*behind}:
                importlib.import_module(f".replicate_{module}", __package__).add(verbs)

    _add_make(verbs)
    task_options.add(verbs)
    elsewhere("restore", "verify", "import", "prune", "resolve")
    _add_run(verbs)
    elsewhere("list", "check")
    _add_looks(verbs)


def _add_make(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    make = verbs.add_parser("add", help="make a task")
    make.add_argument("name")
    where = "[[USER@]PEER:]DATASET"
    make.add_argument("--source", required=True, metavar=where, help="with PEER, its name or address: pull from there")
    make.add_argument("--to", required=True, metavar=where, help="without PEER: another pool of this box")
    make.add_argument("--recursive", action="store_true", help="the datasets below as well")
    how = make.add_mutually_exclusive_group()
    how.add_argument("--raw", action="store_true", default=None, help="send encrypted datasets as they are on disk")
    how.add_argument("--plain", action="store_false", dest="raw", help="send decrypted")
    make.add_argument(
        "--rpo", metavar="TIME", help="how old the copy may be: 90m, 24h, 7d (what fits its schedule, or 24h)"
    )
    make.add_argument("--no-snapshot", action="store_true", help="send the snapshots that are there, take none")
    make.add_argument("--dry-run", action="store_true", help="show what its first run would do, store nothing")
    task_options.add_flags(make)
    make.set_defaults(handler=_add)


def _add_run(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    run = verbs.add_parser("run", help="run a task now and follow it")
    run.add_argument("name")
    how = run.add_mutually_exclusive_group()
    how.add_argument("--dry-run", action="store_true", help="show the plan, change nothing")
    foreground.add(how)
    run.set_defaults(handler=_run)


def _add_looks(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    show = verbs.add_parser("show", help="one task, its last run and the evidence")
    show.add_argument("name")
    show.set_defaults(handler=_show, reads=True)
    runs = verbs.add_parser("runs", help="runs, newest first")
    runs.add_argument("name", nargs="?")
    runs.add_argument("--limit", type=_limit, default=20, metavar="N", help="how many (default 20)")
    runs.set_defaults(handler=_runs, reads=True)
    for verb, handler, reads, what in (
        ("run-show", _run_show, True, "one run with its evidence, plan and log"),
        ("cancel", _cancel, False, "stop a run; the next one resumes"),
    ):
        one = verbs.add_parser(verb, help=what)
        one.add_argument("run")
        one.set_defaults(handler=handler, reads=reads)
    remove = verbs.add_parser("remove", help="forget a task; all snapshots stay, here and there")
    remove.add_argument("name")
    remove.set_defaults(handler=_remove)
    verbs.add_parser("notices", help="what the store has to say").set_defaults(handler=_notices, reads=True)


def _limit(value: str) -> int:
    if not value.isdecimal() or not 0 < int(value[:6]) <= 1000:
        raise argparse.ArgumentTypeError("must be a number from 1 to 1000")
    return int(value)


async def _add(host: Host, args: argparse.Namespace) -> Result:
    if ":" not in args.to and "/" not in args.to:
        raise UsageError(
            f"“{text.clean(args.to, 60)}” does not say where the copy goes.",
            f"Write --to {text.clean(args.to, 60)}:POOL/DATASET if that is a paired box, else --to POOL/DATASET.",
        )
    service = open_replication(host)
    source_peer, source = await replicate_places.resolved(host, service, args.source)
    peer, target = await replicate_places.resolved(host, service, args.to)
    options = task_options.options_of(args)
    rpo = usual_rpo(options.schedule, options.window) if args.rpo is None else seconds(args.rpo)
    new = Task(
        *(args.name, source, peer, target, args.recursive, args.raw, rpo, not args.no_snapshot),
        options=options,
        source_peer=source_peer,
    )
    if args.dry_run:
        plan = await service.preview(new)
        return Result(plan, describe_plan(plan), conflict(plan))
    task = await service.add_task(new)
    note = f"\nIt sends the snapshots that are there: {source_peer} lets this box take none."
    return Result(task, await stored(host, task) + (note if new.snapshot and not task.snapshot else ""))


def place(task: Task) -> str:
    """Where a task's copy lives."""
    return place_of(task.peer, task.target)


async def _show(host: Host, args: argparse.Namespace) -> Result:
    tasks = await open_replication(host).tasks(look=True)
    item = next((item for item in tasks if item.task.name == args.name), None)
    if item is None:
        raise no_task(args.name)
    return Result(item, _describe(item))


def no_task(name: str) -> MissingError:
    """The error for a name that no task has."""
    return MissingError(
        f"There is no replication task called {text.clean(name, 60)}.",
        "`dplane replicate list` shows them, `dplane replicate add` makes one.",
    )


def _describe(item: TaskStatus) -> str:
    task, now = item.task, time.time()
    lines = [
        f"task      {task.name}",
        f"source    {reach(task)}",
        f"target    {place(task)}",
        f"stream    {stream_words(task)}",
        f"snapshots {own_snapshots.words(task)}",
        f"RPO       {text.duration(task.rpo)}",
        *(f"option    {line}" for line in describe(task.options, task.name)),
        f"next run  {next_run(item, now)}",
        f"proven    {text.age(item.verified_at, now)}"
        + (f" (the target listed {item.verified_snapshot})" if item.verified_at else ""),
        *(f"NOT       {words}" for words in (anew_words(item),) if words),
        *(f"left out  {text.clean(note)}" for note in item.notes),
    ]
    lines += ["", describe_run(item.last)] if item.last is not None else ["last run  never"]
    return "\n".join([*lines, "", describe_run(item.restore)] if item.restore is not None else lines)


def describe_run(run: Run) -> str:
    """One run and its evidence as text."""
    now = time.time()
    took = f" in {text.duration(run.ended - run.started)}" if run.ended else ""
    moved = "read" if run.kind == "verify" else "sent"
    lines = [
        f"run       {run.id}",
        f"kind      {_KINDS.get(run.kind, text.clean(run.kind, 20))}",
        f"state     {run.word}",
        f"started   {text.age(run.started, now)}{took}, {text.size(run.bytes)} {moved}",
    ]
    if run.message:
        lines.append(f"result    {text.clean(run.message)}")
    if run.kind == "verify":
        from . import replicate_verify

        return "\n".join([*lines, *replicate_verify.describe(run)])
    for proof in run.evidence:
        how = f"incremental from {proof.base}" if proof.base else "full" if proof.bytes else "found there"
        lines += [
            f"evidence  {text.clean(f'{proof.target}@{proof.snapshot}')}  {'proven' if proof.proven else 'NOT PROVEN'}",
            f"          GUID at the source {proof.source_guid}, read back at the target {proof.target_guid}",
            f"          {how}, {text.size(proof.bytes)} in {text.duration(proof.duration)}",
        ]
    lines += [_pruned(gone, at_work=run.state == "running") for gone in run.pruned]
    return "\n".join(lines)


def _pruned(gone: Pruned, *, at_work: bool) -> str:
    what = f"{text.clean(f'{gone.dataset}@{gone.snapshot}')} ({gone.side})"
    if not gone.error:
        return f"pruned    {what}"
    if at_work and gone.error == BEGUN:
        return f"goes now  {what}"
    return f"{'unclear ' if gone.error.startswith(UNKNOWN) else 'NOT gone'}  {what}: {text.clean(gone.error)}"


def describe_kept(run: Run) -> list[str]:
    """The plan that a run carried out, in the words of a dry run, and its log; nothing where it kept none."""
    from ..services.replication.kept import moment, plan_of

    lines: list[str] = []
    plan = plan_of(run)
    if plan is not None:
        told = plan if isinstance(plan, str) else "as it was made last"
        lines += ["", f"plan      {told}"]
        lines += [] if isinstance(plan, str) else [f"          {line}" for line in describe_plan(plan).split("\n")]
    if run.log:
        lines.append("")
        for label, line in zip(("log", *[""] * len(run.log)), run.log, strict=False):
            lines.append(f"{label:<9} {moment(line)}  {text.clean(line.text)}")
    return lines


async def _runs(host: Host, args: argparse.Namespace) -> Result:
    service = open_replication(host)
    runs = await service.runs(args.name, args.limit)
    # A task that was removed leaves its runs; a name with neither is a mistake.
    if not runs and args.name is not None and args.name not in {item.task.name for item in await service.tasks()}:
        raise no_task(args.name)
    now = time.time()
    rows = [
        (
            run.id,
            run.task,
            _KINDS.get(run.kind, run.kind),
            run.word,
            text.age(run.started, now),
            text.size(run.bytes),
            str(sum(proof.proven for proof in run.evidence)),
            run.message,
        )
        for run in runs
    ]
    shown = (
        table(("RUN", "TASK", "KIND", "STATE", "STARTED", "BYTES", "PROOFS", "RESULT"), rows) if rows else "No run yet."
    )
    return Result(runs, shown)


async def _run_show(host: Host, args: argparse.Namespace) -> Result:
    run = await open_replication(host).run(args.run)
    return Result(run, "\n".join([describe_run(run), *describe_kept(run)]))


async def _cancel(host: Host, args: argparse.Namespace) -> Result:
    service = open_replication(host)
    await service.cancel(args.run)
    run = await service.run(args.run)
    return Result(run, f"The run {run.id} is {run.state}.")


async def _remove(host: Host, args: argparse.Namespace) -> Result:
    left = await open_replication(host).remove_task(args.name)
    told = f"The task {args.name} is forgotten; its runs and the target's data stay. {left}".strip()
    return Result({"removed": args.name, "message": left}, told)


async def _notices(host: Host, _args: argparse.Namespace) -> Result:
    notices = await open_replication(host).notices()
    return Result(notices, "\n".join(text.clean(notice.text) for notice in notices) or "Nothing to tell.")


async def _run(host: Host, args: argparse.Namespace) -> Result:
    service = open_replication(host)
    if args.dry_run:
        plan = await service.plan(args.name)
        return Result(plan, describe_plan(plan), conflict(plan))
    if args.foreground:
        return ended(await foreground.run_here(service, args.name))
    return await followed(host, service, await service.start(args.name), detach=args.detach, quiet=args.json)


async def followed(host: Host, service: ReplicationService, run_id: str, *, detach: bool, quiet: bool) -> Result:
    """What to tell of a run that was started: at once, or when it has ended."""
    run = await service.run(run_id)
    if detach:
        return Result(run, f"Started as {run.id}. `dplane job watch {run.id}` follows it.")
    from .job import follow

    await follow(host, run.id, quiet=quiet)
    return ended(await service.run(run.id))


def ended(run: Run) -> Result:
    """What to tell of a run that has ended."""
    return Result(run, describe_run(run), failure(run))


def failure(run: Run) -> DPlaneError | None:
    """The error for a run that ended otherwise than well."""
    if run.state in {"succeeded", "nothing-new"}:
        return None
    return StoppedError(f"The run {run.id} was stopped.", run.message) if run.state == "cancelled" else error_of(run)


def conflict(plan: Plan) -> DivergedError | None:
    """The error for a plan in which not everything can be sent."""
    if not plan.conflicts:
        return None
    from ..services.replication.leaving import conflict_way_out

    return DivergedError(
        f"{len(plan.conflicts)} of the datasets of {plan.task} cannot be sent as they are: {plan.conflicts[0].text}",
        conflict_way_out(),
    )


def describe_plan(plan: Plan) -> str:
    """A plan as text."""
    lines: list[str] = []
    if plan.snapshot:
        lines.append(f"take      @{plan.snapshot}{' of the whole tree' if plan.recursive else ''}")
    lines += [f"abort     the half-received data in {item.target}: {item.why}" for item in plan.aborts]
    for step in plan.steps:
        base = f" from {step.base}{' with those between' if step.intermediates else ''}" if step.base else ""
        lines.append(
            f"{step.kind:<9} {step.dataset}@{step.snapshot}{base} -> {step.target}"
            f"  {'raw, ' if step.raw else ''}{text.about(step.size, at_least=step.at_least)}"
        )
    lines += [f"has       {item.target}@{item.snapshot} already" for item in plan.matches]
    lines += [f"CONFLICT  {item.text}" for item in plan.conflicts]
    lines += [f"note      {note}" for note in plan.notes]
    if plan.steps:
        total = text.about(plan.size, at_least=plan.at_least, unknown=plan.unsized)
        lines.append(f"in all    {total}; {text.size(plan.available)} free at the target")
    else:
        lines.append("nothing to send" if not plan.conflicts else "nothing will be sent")
    return "\n".join(text.clean(line) for line in lines)
