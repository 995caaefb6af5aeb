"""Which datasets were made anew, or brought back, since they were proven: what is there now nobody has read back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ...errors import DPlaneError
from .coverage import taken

if TYPE_CHECKING:
    from ..host import Host
    from .model import TaskStatus

_SECONDS = 5.0
"""A check has an answer without it: a pool that hangs is told of elsewhere."""


async def looked(host: Host, statuses: Sequence[TaskStatus]) -> tuple[TaskStatus, ...]:
    """`statuses` with their `anew` and `unproven`, by one `zfs get` for all, and none where it would change nothing.

    Never raises for what ZFS does not tell: then `anew` is None.
    """
    asked = [one.task for one in statuses if _matters(one)]
    if not asked:
        return tuple(statuses)
    deep = ["-r"] if any(task.recursive for task in asked) else []
    sources = dict.fromkeys(task.source for task in asked)
    argv = ["zfs", "get", "-Hp", *deep, "-t", "filesystem,volume", "-o", "name,value", "guid", *sources]
    try:
        said = (await host.run(argv, timeout=_SECONDS)).text
    except DPlaneError:
        said = ""
    return marked(statuses, dict(line.split("\t") for line in said.splitlines() if line.count("\t") == 1))


def marked(statuses: Iterable[TaskStatus], guids: Mapping[str, str], at: float | None = None) -> tuple[TaskStatus, ...]:
    """`statuses` with their `anew` and `unproven` by the GUIDs that datasets of this box have, or had at `at`. Pure.

    `at` is a Unix time.
    """
    return tuple(_marked(one, guids, at) if _matters(one) else one for one in statuses)


def _matters(status: TaskStatus) -> bool:
    """Whether it is of datasets here, in time, and known by GUID: else nothing is said of it that could be untrue."""
    return status.task.source_peer is None and status.late is False and any(status.guids)


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
