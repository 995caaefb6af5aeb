"""Noting samples when something was read anyway, and reading them back. Raises only `DPlaneError`s.

They are kept on the box they are of: of a far one its own `dplane` is asked.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable

from ... import paths
from ...errors import DPlaneError, MissingError
from ...text import clean
from ..health.model import DiskHealth
from ..host import Host
from ..store import open_store
from ..zfs.model import Pool
from ..zfs.service import ZfsService
from . import records
from .forecast import forecast
from .glance import all_told, history_told
from .model import History, Warmth


async def note(host: Host, pools: Iterable[Pool], disks: Iterable[DiskHealth] = ()) -> None:
    """Store what was just read of this machine. Who may not write, or has no store yet, notes nothing."""
    database = paths.current().database
    if not host.local or not database.parent.is_dir():
        return
    with contextlib.suppress(DPlaneError, OSError):
        if database.exists():
            async with open_store(database, write=True) as store:
                await records.note(store, pools, disks, time.time())


async def history(host: Host, name: str) -> History:
    """A pool over time and when it will be full; it is read, and noted, now. Raises MissingError."""
    if not host.local:
        return await history_told(host, name)
    pool = await ZfsService(host).pool(name)
    await note(host, (pool,))
    async with open_store(paths.current().database) as store:
        samples = await records.of_pool(store, pool.guid)
    return History(pool.name, pool.guid, samples, forecast(samples, time.time()))


async def warmth(host: Host, disk: str = "") -> tuple[Warmth, ...]:
    """The disks that were noted, over time; only the one called `disk` when given. Raises MissingError for that."""
    if host.local:
        async with open_store(paths.current().database) as store:
            known = tuple(Warmth(one, samples) for one, samples in (await records.of_disks(store)).items())
    else:
        known = await all_told(host)
    found = tuple(one for one in known if disk in ("", one.disk))
    if disk and not found:
        raise MissingError(
            f"No temperature of a disk {clean(disk, 80)} was noted on {host.name} yet.",
            "They are noted when SMART is read: by the regular look about once a day, and by `dplane health`.",
        )
    return found
