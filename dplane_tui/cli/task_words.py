"""What a task copies and when it runs, in words for the command line."""

from __future__ import annotations

import time

from ..services.host import Host
from ..services.replication import depth, gaps
from ..services.replication.model import Task, TaskStatus
from ..text import clean, duration

_NAMED = 3


def next_run(item: TaskStatus, now: float) -> str:
    """When a task runs by itself next."""
    if not item.task.options.schedule:
        return f"only by hand ({_schedule_command(item.task)} changes that)"
    if item.next_run is None:
        return f"unknown: systemd has no timer for {item.task.options.schedule}; set the schedule again"
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(item.next_run))
    return f"{when}, in {duration(max(0.0, item.next_run - now))} ({item.task.options.schedule})"


def next_short(item: TaskStatus, now: float) -> str:
    """The same in a word or two, for a list."""
    if item.task.options.paused:
        return "paused"
    if not item.task.options.schedule:
        return "by hand"
    return "unknown" if item.next_run is None else f"in {duration(max(0.0, item.next_run - now))}"


def _schedule_command(task: Task) -> str:
    return f"`dplane replicate set {task.name} --schedule 'daily 02:30'`"


def doubt(task: Task) -> list[str]:
    """What speaks against its RPO, and what changes that; nothing when nothing does."""
    said = gaps.doubt(task)
    return [f"{said} `dplane replicate set {task.name} --rpo TIME` changes that."] if said else []


async def stored(host: Host, task: Task) -> str:
    """What is to be known of a task that was just stored: when it runs, and what it does not take."""
    lines = [f"The task {task.name} is stored. Run it with `dplane replicate run {task.name}`."]
    if not task.options.schedule:
        late = f"Its copy is late when it is older than {duration(task.rpo)}."
        lines.append(f"It runs only by hand: {_schedule_command(task)} lets it run by itself. {late}")
    lines += doubt(task)
    if not (task.options.keep_source or task.options.keep_target):
        change = f"`dplane replicate set {task.name} --keep-source daily=30 --keep-target daily=30`"
        lines.append(f"It lets no snapshot go, on either side: {change} changes that.")
    return "\n".join([*lines, *await _left_out(host, task)])


async def _left_out(host: Host, task: Task) -> list[str]:
    """That the datasets below are not taken; nothing where there is none, or where nobody can tell."""
    if task.recursive:
        return []
    change = f"`dplane replicate set {task.name} --recursive` takes those as well."
    if task.source_peer is not None:
        return [f"It copies {clean(task.source)} alone. If there are datasets below it, {change}"]
    below = [name for name in (await depth.known(host, task)).names if name != task.source]
    if not below:  # a source that cannot be read is told of by the first run
        return []
    more = f" and {len(below) - _NAMED} more" if len(below) > _NAMED else ""
    named = ", ".join(clean(name) for name in below[:_NAMED])
    return [f"It copies {clean(task.source)} alone, NOT what is below it ({named}{more}): {change}"]
