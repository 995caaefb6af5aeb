"""`dplane replicate restore`: bring a task's copy home."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import Any

from .. import text
from ..errors import UsageError
from ..services.host import Host
from ..services.replication import codec
from ..services.replication.model import Copy, Restore, Task
from ..services.replication.service import check_restore, open_replication
from . import foreground
from .output import Result, table


def add(verbs: Any) -> None:
    """Add the verb."""
    back = verbs.add_parser("restore", help="bring a copy home: to its old place when that is gone, or to a new name")
    back.add_argument("name", help="the task whose target holds the copy")
    back.add_argument("--to", metavar="DATASET", help="where to; without it: the task's own source, if that is gone")
    back.add_argument("--dataset", default="", metavar="NAME", help="one dataset below the source, such as albums/2026")
    back.add_argument("--snapshot", default="", metavar="NAME", help="as it was at that snapshot (the newest)")
    back.add_argument("--newest-only", action="store_true", help="leave the older snapshots there")
    how = back.add_mutually_exclusive_group()
    how.add_argument("--recursive", action="store_true", default=None, help="with all below it (as the task does)")
    how.add_argument("--alone", action="store_false", dest="recursive", help="without what is below it")
    back.add_argument("--list", action="store_true", dest="listed", help="show what is there to bring back, do nothing")
    foreground.add(back.add_mutually_exclusive_group())
    back.set_defaults(handler=_restore)


async def _restore(host: Host, args: argparse.Namespace) -> Result:
    from .replicate import ended, followed

    service = open_replication(host)
    if args.listed:
        found = await service.copies(args.name)
        return Result(found, describe(await service.task(args.name), found))
    task = await service.task(args.name)
    below = args.dataset.removeprefix(f"{task.source}/").strip("/")
    own = f"{task.source}/{below}" if below else task.source
    if task.source_peer is not None and not args.to:
        raise UsageError(
            f"The original of {task.name} is on {task.source_peer}, where nothing is written from here.",
            "Name a place here with --to, or make a task that sends it there.",
        )
    recursive = task.recursive if args.recursive is None else args.recursive
    wish = Restore(args.to or own, below, recursive, args.snapshot, not args.newest_only)
    if args.foreground:
        return ended(await foreground.run_here(service, args.name, "restore", codec.dumps(check_restore(wish))))
    return await followed(host, service, await service.restore(args.name, wish), detach=args.detach, quiet=args.json)


def describe(task: Task, found: Sequence[Copy]) -> str:
    """What is at the target, as a table."""
    if not found:
        return "The copy has no snapshot yet."
    now = time.time()
    rows = [
        (
            f"{task.source}/{one.dataset}" if one.dataset else task.source,
            one.snapshot,
            text.age(one.taken, now),
            "not proven" if one.proven is None else text.age(one.proven, now),
        )
        for one in found
    ]
    return table(("DATASET", "SNAPSHOT", "TAKEN", "PROVEN THERE"), rows)
