"""One look at the box: tasks, pools, disks and the store, taken over into the alarms."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence

from ... import paths
from ...errors import DPlaneError, MissingError, TimedOutError
from ..capacity.service import note
from ..health.service import HealthService
from ..host import Host
from ..policies import alarms as policy_alarms
from ..policies.service import LocalPolicies
from ..replication.service import LocalReplication
from ..store import Store, open_store
from ..upkeep import news as upkeep_news
from ..upkeep.service import UpkeepService
from ..zfs.service import ZfsService
from . import observe, records
from .model import DISK, Alarm, Observation

SMART_SECONDS = 23 * 3600.0
"""Asking a disk may wake it: about once a day."""
_AGAIN_SECONDS = 20.0
_SMART = "smart"


async def look(host: Host, store: Store) -> None:
    """Bring the alarms up to date with what can be read now. Raises DPlaneError when the tasks cannot be read."""
    seen = time.time()
    tasks = await LocalReplication(host).tasks(look=True)
    known = await records.alarms(store)
    found = [one for status in tasks for one in observe.of_task(status, seen)]
    found += observe.of_notices(await records.notices(store), seen)
    await records.observe(store, found, seen, time.time())
    await records.forget(store, (status.task.name for status in tasks), time.time())
    seen = time.time()
    await records.observe(store, await _pools(host, known, bool(tasks)), seen, time.time())
    await policies(host, store)
    seen = time.time()
    await records.observe(store, await _disks(host, known, seen), seen, time.time())


async def remember(host: Host) -> None:
    """Note how full the pools are, where there is nobody to tell anything: charts need no channel."""
    with contextlib.suppress(DPlaneError):
        pools = await ZfsService(host).pools()
        if pools and not paths.current().database.exists():
            async with open_store(paths.current().database, write=True):
                pass
        await note(host, pools)


async def policies(host: Host, store: Store) -> None:
    """Bring the alarms of policies, and of scheduled scrubs, trims and self-tests, up to date.

    What cannot be read neither raises nor ends one.
    """
    seen = time.time()
    with contextlib.suppress(DPlaneError):
        found = policy_alarms.observations(await LocalPolicies(host).status(), await records.alarms(store), seen)
        await records.observe(store, found, seen, time.time())
    with contextlib.suppress(DPlaneError):
        noted = await UpkeepService(host).noted()
        await records.observe(store, upkeep_news.observations(noted, await records.alarms(store)), seen, time.time())


async def _pools(host: Host, known: Sequence[Alarm], tasks: bool) -> tuple[Observation, ...]:
    zfs = ZfsService(host)
    try:
        try:
            pools = await zfs.pools()
        except TimedOutError:  # a small box that is busy gets a second try
            await asyncio.sleep(_AGAIN_SECONDS)
            pools = await zfs.pools()
        await note(host, pools)
        return observe.of_pools(pools, known)
    except DPlaneError as error:
        had = tasks or any(row.key.startswith("pool:") for row in known)
        return (observe.unreadable(str(error), had or not isinstance(error, MissingError)),)


async def _disks(host: Host, known: Sequence[Alarm], now: float) -> tuple[Observation, ...]:
    read = next((row.seen for row in known if row.key == _SMART), None)
    if read is not None and abs(now - read) < SMART_SECONDS:
        return ()
    with contextlib.suppress(DPlaneError):  # unknown is no alarm
        disks = await HealthService(host).disks(await ZfsService(host).disks())
        await note(host, (), disks)
        return (*observe.of_disks(disks, known), Observation(_SMART, DISK, False, _SMART))
    return ()
