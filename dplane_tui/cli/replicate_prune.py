"""`dplane replicate prune`: a task's retention now, or what it would destroy and keep, each with the reason."""

from __future__ import annotations

import argparse
from typing import Any

from privhelper import let_go

from .. import text
from ..errors import CommandError, DPlaneError, UsageError
from ..services.host import Host
from ..services.replication import options as wording
from ..services.replication.model import Task
from ..services.replication.service import ReplicationService, open_replication
from ..services.retention.model import Judged, PruneWish, Pruning, SideReport
from .output import Result


def add(verbs: Any) -> None:
    """Add the verb."""
    prune = verbs.add_parser("prune", help="destroy what a task's policies do not keep, on both sides; or show it")
    prune.add_argument("name")
    prune.add_argument("--dry-run", action="store_true", help="show what goes and what stays, change nothing")
    group = prune.add_argument_group("with --dry-run: other policies than the task's own")
    for flag in wording.FLAGS:
        if flag.field in ("keep_source", "keep_target", "backlog"):
            group.add_argument(flag.flag, dest=flag.field, metavar=flag.metavar, help=flag.help)
    group.add_argument(
        "--let-go",
        metavar="NAMES",
        help=f"as if {let_go.MARK} of the datasets of this box were that: how the names begin of what may go besides "
        "ours, such as autosnap_,syncoid_",
    )
    group.add_argument("--ahead", action="store_true", help="as it will be when a run has sent everything")
    prune.set_defaults(handler=_prune)


async def _prune(host: Host, args: argparse.Namespace) -> Result:
    given = {name: getattr(args, name) for name in ("keep_source", "keep_target", "backlog")}
    if args.let_go is not None and not args.dry_run:
        raise UsageError(
            "What may go besides our own can only be tried with --dry-run.",
            f"An administrator sets it: `dplane dataset set DATASET {let_go.MARK}=…`.",
        )
    if not args.dry_run and (args.ahead or any(value is not None for value in given.values())):
        raise UsageError(
            "Other policies than the task's own can only be tried with --dry-run.",
            f"`dplane replicate set {text.clean(args.name, 60)} …` makes them its own.",
        )
    if given["backlog"] is not None:
        given["backlog"] = wording.number(given["backlog"])
    wish = PruneWish(args.dry_run, ahead=args.ahead, let_go=args.let_go, **given)
    done = await open_replication(host).prune(args.name, wish)
    return Result(done, describe(done), trouble(done))


async def preview(service: ReplicationService, before: Task, after: Task) -> str:
    """What the next run of a task whose policies were changed would destroy; empty when they were not."""
    old, new = before.options, after.options
    if (old.keep_source, old.keep_target, old.backlog) == (new.keep_source, new.keep_target, new.backlog):
        return ""
    if not (new.keep_source or new.keep_target):
        return "Nothing is destroyed any more: every snapshot is kept on both sides."
    try:
        done = await service.prune(after.name, PruneWish(ahead=True))
    except DPlaneError as error:
        return f"What the next run would destroy cannot be shown now: {text.clean(str(error))}"
    again = f"`dplane replicate set {after.name} --keep-source '' --keep-target ''` keeps everything again."
    return f"The next run would do this, once it has proven its work:\n{describe(done, only_going=True)}\n{again}"


def describe(done: Pruning, *, only_going: bool = False) -> str:
    """What retention did, or would do."""
    return "\n".join(text.clean(line) for side in done.sides for line in _lines(side, done.dry, only_going=only_going))


def _lines(side: SideReport, dry: bool, *, only_going: bool) -> list[str]:
    lines = [f"{side.side:<9} {side.place}, keeping {side.policy}"]
    lines += [_line(one, dry) for one in side.judged if not (one.keep and only_going)]
    going, stays = side.goes, len(side.judged) - len(side.goes)
    gone = sum(one.destroyed for one in going)
    what = f"{len(going)} would go" if dry else f"{gone} destroyed"
    unclear = sum(one.unknown for one in going)
    still = len(going) - gone - unclear
    left = f", {still} of those to go are still there" if not dry and still else ""
    left += f", of {unclear} it is not known" if unclear else ""
    size = f", about {text.size(side.frees)} free by it" if side.frees is not None and going else ""
    lines.append(f"in all    {what}{left}, {stays} kept by the policy{size}")
    told = (("PROBLEM", side.problem), ("NOTE", side.note))
    return [*lines, *(f"{word:<9} {what}" for word, what in told if what)]


def _line(one: Judged, dry: bool) -> str:
    return f"{one.fate(dry=dry):<9} {one.dataset}@{one.snapshot}  {one.error or one.why}"


def trouble(done: Pruning) -> DPlaneError | None:
    """The error when not everything could be looked at or destroyed."""
    for side in done.sides:
        if side.problem:
            return CommandError(f"Retention at {side.place} could not be done, or not all of it: {side.problem}")
    left = [one for side in done.sides for one in side.judged if one.error]
    if not left:
        return None
    unclear = "" if not any(one.unknown for one in left) else ", or it is not known whether they were"
    return CommandError(
        f"{len(left)} snapshot(s) could not be destroyed{unclear}, the first of them "
        f"{left[0].dataset}@{left[0].snapshot}: {left[0].error}",
        "What is left stays; the next run tries again.",
    )
