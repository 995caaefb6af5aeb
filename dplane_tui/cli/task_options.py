"""`dplane replicate set|limit|pause|resume`: what a task does differently, also while it runs."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from .. import text
from ..errors import DPlaneError
from ..services.host import Host
from ..services.replication import depth, own_snapshots
from ..services.replication import options as wording
from ..services.replication.model import Options, Task
from ..services.replication.service import ReplicationService, open_replication
from .output import Result
from .task_words import doubt

_REPEATED = frozenset({"include", "exclude"})


def add_flags(parser: argparse.ArgumentParser, about: str | None = None) -> None:
    """The flags of all options; `about` them all, if there is something to say."""
    group = parser.add_argument_group("options", about)
    for flag in wording.FLAGS:
        more: dict[str, Any] = {"metavar": flag.metavar}
        if flag.field in _REPEATED:
            more["action"] = "append"
        if flag.field == "intermediates":
            more |= {"nargs": "?", "const": "yes"}
        group.add_argument(flag.flag, dest=flag.field, help=flag.help.replace("%", "%%"), **more)


def given(args: argparse.Namespace) -> dict[str, Any]:
    """What was typed of them."""
    return {flag.field: getattr(args, flag.field) for flag in wording.FLAGS}


def add(verbs: Any) -> None:
    """Add the verbs that change a task."""
    change = verbs.add_parser("set", help="change a task's options; a running one follows its limit")
    change.add_argument("name")
    change.add_argument("--rpo", metavar="TIME", help="how old the copy may be: 90m, 24h, 7d")
    depth = change.add_mutually_exclusive_group()
    depth.add_argument("--recursive", action="store_true", default=None, help="take the datasets below as well")
    depth.add_argument(
        *("--no-recursive",), action="store_false", dest="recursive", help="the source alone; copies stay as they are"
    )
    own = change.add_mutually_exclusive_group()
    own.add_argument("--snapshot", action="store_true", default=None, help="take a snapshot of its own before each run")
    own.add_argument(
        *("--no-snapshot",), action="store_false", dest="snapshot", help="send the snapshots that are there, take none"
    )
    add_flags(
        change,
        "What is not given stays. --include and --exclude replace the earlier lists; '' empties one, and takes away a "
        "schedule, window, limit or policy.",
    )
    change.set_defaults(handler=_set)
    limit = verbs.add_parser("limit", help="how fast a task may go, at once: 2M, '08:00-18:00=1M full', full")
    limit.add_argument("name")
    limit.add_argument("rate", metavar="RATE")
    limit.set_defaults(handler=_limit)
    for verb, paused, what in (
        ("pause", True, "hold a task: a running transfer stands still, nothing starts by itself"),
        ("resume", False, "let a paused task go on"),
    ):
        one = verbs.add_parser(verb, help=what)
        one.add_argument("name")
        one.set_defaults(handler=_pause, paused=paused)


async def _change(host: Host, name: str, **fields: Any) -> Task:
    service = open_replication(host)
    task = await service.task(name)
    return await service.set_options(name, wording.change(task.options, fields))


async def _set(host: Host, args: argparse.Namespace) -> Result:
    service = open_replication(host)
    before = await service.task(args.name)
    rpo = None if args.rpo is None else wording.seconds(args.rpo)
    options = wording.change(before.options, given(args))
    timed = args.schedule is not None
    after = await service.set_options(
        args.name, options, rpo, recursive=args.recursive, snapshot=args.snapshot, timed=timed
    )
    if args.json:  # a program asks with `prune --dry-run`
        return _told(after)
    from . import replicate_prune

    own = own_snapshots.change_lines(before, after)
    told = _told(after, [*doubt(after), *own, *await _depth(host, service, before, after)])
    said = await replicate_prune.preview(service, before, after)
    return replace(told, text=f"{told.text}\n{said}") if said else told


async def _limit(host: Host, args: argparse.Namespace) -> Result:
    rate = "" if args.rate in ("full", "none") else args.rate
    return _told(await _change(host, args.name, limit=rate))


async def _pause(host: Host, args: argparse.Namespace) -> Result:
    service = open_replication(host)
    task = await service.task(args.name)
    return _told(await service.set_options(args.name, replace(task.options, paused=args.paused)))


def _told(task: Task, said: Sequence[str] = ()) -> Result:
    lines = wording.describe(task.options, task.name) or ["nothing differs from the default"]
    head = [f"task      {task.name}", f"source    {depth.reach(task)}", f"RPO       {text.duration(task.rpo)}"]
    return Result(task, "\n".join([*head, *(f"          {line}" for line in lines), *said]))


async def _depth(host: Host, service: ReplicationService, before: Task, after: Task) -> list[str]:
    """What becomes of the datasets below the source when what is taken of them was changed."""
    if not depth.differs(before, after):
        return []
    proven: Sequence[str] = ()
    with contextlib.suppress(DPlaneError):  # it is stored: what cannot be read now is not known
        proven = next((item.datasets for item in await service.tasks() if item.task.name == after.name), ())
    return depth.change_lines(before, after, await depth.known(host, after, proven))


def options_of(args: argparse.Namespace) -> Options:
    """The options of a new task. Raises UsageError."""
    return wording.change(Options(), given(args))
