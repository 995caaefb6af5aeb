"""Everything about a box in one go: health, pools, replication, disks, and what to make of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from typing import TypeVar

from ...errors import DPlaneError, UnreachableError
from ..host import Host
from ..policies import news as policy_news
from ..policies.service import open_policies
from ..replication.model import TaskStatus
from ..replication.service import open_replication
from ..zfs.model import Pool
from ..zfs.service import ZfsService
from .model import DiskHealth, Health, News
from .news import LEVELS, news
from .service import HealthService

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


async def report(host: Host) -> Report:
    """Read everything. What cannot be read becomes unknown with its reason. Raises UnreachableError and its kinds."""
    service, zfs, reasons = HealthService(host), ZfsService(host), {}

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

    first = await service.read()
    await asyncio.sleep(CPU_SAMPLE)
    health = await service.read(first)
    pools = await known("pools", zfs.pools())
    tasks = await known("replication", open_replication(host).tasks())
    disks = await known("disks", smart())
    told = news(health, pools, tasks, disks, reasons=reasons)
    policies = await known("policies", open_policies(host).status())
    more = policy_news.news(policies, health.taken_at, reasons.get("policies", ""))
    if policies is None and not pools:
        more = ()  # without a pool there is nothing a policy could be for
    told = tuple(sorted((*told, *more), key=lambda item: LEVELS.index(item.level)))
    return Report(replace(health, disks=disks or ()), pools, tasks, told)
