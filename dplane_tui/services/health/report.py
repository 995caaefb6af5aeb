"""Everything about a box in one go: health, pools, replication, disks, and what to make of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from ...errors import DPlaneError, UnreachableError
from ...lazyclass import dataclass
from ..host import Host
from ..replication.model import TaskStatus
from ..zfs.model import Pool
from ..zfs.service import ZfsService
from .key_news import key_news, read_keys
from .model import DiskHealth, Health, News
from .news import LEVELS, news
from .service import HealthService

if TYPE_CHECKING:
    from ..policies.model import Policies

CPU_SAMPLE = 0.5
"""Seconds between the two readings that give the CPU percentage."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Report:
    """A box at one moment. None: could not be read, and `news` says why."""

    health: Health
    pools: tuple[Pool, ...] | None
    tasks: tuple[TaskStatus, ...] | None
    news: tuple[News, ...]
    disks: tuple[DiskHealth, ...] | None = None


async def report(host: Host) -> Report:
    """Read everything. What cannot be read becomes unknown with its reason. Raises UnreachableError and its kinds."""
    from ..policies.service import open_policies
    from ..replication.service import open_replication

    service = HealthService(host)
    first = await service.read()
    await asyncio.sleep(CPU_SAMPLE)
    tasks, policies = partial(open_replication(host).tasks, look=True), open_policies(host).status
    return await look(service, ZfsService(host), tasks, first, policies=policies)


async def look(
    service: HealthService,
    zfs: ZfsService,
    tasks: Callable[[], Awaitable[tuple[TaskStatus, ...]]],
    previous: Health | None = None,
    disks: tuple[DiskHealth, ...] | None = None,
    policies: Callable[[], Awaitable[Policies]] | None = None,
) -> Report:
    """As `report`, through services that are open. `disks` is SMART as it was read before: then it is not read now."""
    reasons: dict[str, str] = {}

    async def known(where: str, reading: Awaitable[T]) -> T | None:
        try:
            return await reading
        except UnreachableError:
            raise
        except DPlaneError as error:
            reasons[where] = error.message
            return None

    async def smart() -> tuple[DiskHealth, ...]:
        return await service.disks(await zfs.disks())

    health = await service.read(previous)
    pools = await known("pools", zfs.pools())
    copies = await known("replication", tasks())
    if disks is None:
        disks = await known("disks", smart())
    keys = await known("datasets", read_keys(zfs)) if pools else None
    told = news(health, pools, copies, disks, reasons=reasons, held=keys.held if keys else None)
    if keys is not None:
        told = tuple(sorted((*told, *key_news(keys)), key=lambda item: LEVELS.index(item.level)))
    elif pools:
        unread = News("unknown", reasons["datasets"], "datasets")
        told = tuple(sorted((*told, unread), key=lambda item: LEVELS.index(item.level)))
    if policies is not None:
        from ..policies import news as policy_news

        found = await known("policies", policies())
        if found is not None or pools:  # without a pool there is nothing a policy could be for
            more = policy_news.news(found, health.taken_at, reasons.get("policies", ""))
            told = tuple(sorted((*told, *more), key=lambda item: LEVELS.index(item.level)))
    return Report(replace(health, disks=disks or ()), pools, copies, told, disks)
