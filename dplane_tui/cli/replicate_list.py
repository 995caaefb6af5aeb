"""`dplane replicate list`: how old each task's copy is, and what is in no task."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

from .. import text
from ..aside import aside
from ..errors import BadNewsError, DPlaneError
from ..services.host import Host
from ..services.replication.coverage import coverage, held
from ..services.replication.freshness import AHEAD, ANEW, IN_TIME, LATE, NEVER, proven_since, standing
from ..services.replication.model import TaskStatus
from ..services.replication.places import place_of
from ..services.replication.service import open_replication
from .output import Result, table
from .task_words import next_short

_HEAD = ("TASK", "SOURCE", "TARGET", "LAST RUN", "AGE", "RPO", "IN TIME", "NEXT RUN", "SNAPSHOT")
_WORDS = {
    IN_TIME: "yes",
    LATE: "LATE",
    NEVER: "never proven",
    ANEW: "no: made anew",
    AHEAD: "unknown: a clock is wrong",
}
_WRONG = {
    "LATE": "{} is late",
    "never proven": "{} was never proven",
    "no: made anew": "{} has a dataset that was made anew or brought back since it was proven",
    "unknown": "{} does not tell how old its copy is",
    "unknown: a clock is wrong": "{} is proven up to a time that has not come yet: a clock is wrong",
}


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb."""
    shown = verbs.add_parser("list", help="tasks, how old their targets are, and what is in no task")
    shown.add_argument("--check", action="store_true", help="exit code 3 when a task is late or was never proven")
    shown.set_defaults(handler=_list, reads=True)


async def _list(host: Host, args: argparse.Namespace) -> Result:
    service = open_replication(host)
    tasks = await service.tasks(look=True)
    for notice in await service.notices():
        aside(notice.text)
    lacking = "" if args.json else await _lacking(host, tasks)
    now = time.time()
    shown = (
        table(_HEAD, [_row(item, now) for item in tasks])
        if tasks
        else "There is no replication task yet. `dplane replicate add` makes one."
    )
    return Result(tasks, f"{shown}\n\n{lacking}" if lacking else shown, late(tasks, now) if args.check else None)


def _row(item: TaskStatus, now: float) -> tuple[str, ...]:
    since = proven_since(item)
    return (
        item.task.name,
        place_of(item.task.source_peer, item.task.source),
        place_of(item.task.peer, item.task.target),
        item.last.word if item.last else "never run",
        "?" if since is None or standing(item, now) == AHEAD else text.duration(max(0.0, now - since)),
        text.duration(item.task.rpo),
        in_time(item, now),
        next_short(item, now),
        item.verified_snapshot or "-",
    )


def in_time(item: TaskStatus, now: float) -> str:
    """Whether the copy is as new as the task's RPO wants it."""
    if item.verified_at is not None and proven_since(item) is None:
        return "unknown"
    return _WORDS[standing(item, now)]


def late(tasks: Sequence[TaskStatus], now: float) -> BadNewsError | None:
    """The error for tasks that are late, or of which nobody knows whether they are."""
    said = ((item.task.name, in_time(item, now)) for item in tasks)
    found = [_WRONG[words].format(name) for name, words in said if words in _WRONG]
    return BadNewsError(f"{', '.join(found)}.", "`dplane replicate show NAME` tells more.") if found else None


async def _lacking(host: Host, tasks: Sequence[TaskStatus]) -> str:
    """The datasets that are in no task, or only within this box; empty when there are none."""
    from ..services.zfs.service import ZfsService

    try:
        listed = await ZfsService(host).datasets()
    except DPlaneError as error:
        return f"Which datasets are in no task is unknown: {error.message}"
    return text.clean(coverage(held(listed), [item.task for item in tasks]).words())
