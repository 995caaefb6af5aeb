"""Which datasets were made anew, or brought back, since they were proven: what is there now nobody has read back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ...errors import DPlaneError
from ..zfs.states import suspended_of
from .coverage import taken
from .freshness import can_look

if TYPE_CHECKING:
    from ..host import Host
    from .model import Task, TaskStatus

_SECONDS = 5.0
"""A check has an answer without it: a pool that hangs is told of elsewhere."""


async def looked(host: Host, statuses: Sequence[TaskStatus]) -> tuple[TaskStatus, ...]:
    """`statuses` with their `anew` and `unproven`, by one `zfs get` for all, and none where it would change nothing.

    Sources on suspended pools are left out of it: it would wait for them, and tell nothing of the others. Never raises
    for what ZFS does not tell: then `anew` is None.
    """
    asked = [one.task for one in statuses if can_look(one)]
    if not asked:
        return tuple(statuses)
    try:
        suspended = await suspended_of(host)
        said = await _guids(host, [task for task in asked if not suspended.get(task.source.split("/")[0])])
    except DPlaneError:
        said = ""
    return marked(statuses, dict(line.split("\t") for line in said.splitlines() if line.count("\t") == 1))


async def _guids(host: Host, tasks: Sequence[Task]) -> str:
    if not tasks:
        return ""
    deep = ["-r"] if any(task.recursive for task in tasks) else []
    sources = dict.fromkeys(task.source for task in tasks)
    argv = ["zfs", "get", "-Hp", *deep, "-t", "filesystem,volume", "-o", "name,value", "guid", *sources]
    return (await host.run(argv, timeout=_SECONDS)).text


def marked(statuses: Iterable[TaskStatus], guids: Mapping[str, str], at: float | None = None) -> tuple[TaskStatus, ...]:
    """`statuses` with their `anew` and `unproven` by the GUIDs that datasets of this box have, or had at `at`. Pure.

    `at` is a Unix time.
    """
    return tuple(_marked(one, guids, at) if can_look(one) else one for one in statuses)


def _marked(status: TaskStatus, guids: Mapping[str, str], at: float | None) -> TaskStatus:
    older = at is not None and status.verified_at is not None and at < status.verified_at
    if older or status.task.source not in guids:
        return replace(status, anew=None)
    names = taken(status.task, status.datasets)
    return replace(
        status,
        anew=tuple(name for name in names if status.was_another(name, guids.get(name, ""))),
        unproven=tuple(name for name in taken(status.task, guids) if name not in names),
    )
