"""Samples in the store."""

from __future__ import annotations

from collections.abc import Iterable

from ...lazyclass import dataclass
from ..health.model import DiskHealth
from ..store import Store
from ..zfs.model import Pool
from .model import Heat, Sample
from .thin import DAYS_FOR, is_due, to_drop


@dataclass(frozen=True, slots=True)
class _Table:
    """The statements of one table of samples."""

    add: str
    times: str
    drop: str
    forget: str


_POOL = _Table(
    "INSERT OR REPLACE INTO pool_samples (pool, at, allocated, size) VALUES (?, ?, ?, ?)",
    "SELECT at FROM pool_samples WHERE pool = ?",
    "DELETE FROM pool_samples WHERE pool = ? AND at = ?",
    "DELETE FROM pool_samples WHERE at < ?",
)
_DISK = _Table(
    "INSERT OR REPLACE INTO disk_samples (disk, at, celsius) VALUES (?, ?, ?)",
    "SELECT at FROM disk_samples WHERE disk = ?",
    "DELETE FROM disk_samples WHERE disk = ? AND at = ?",
    "DELETE FROM disk_samples WHERE at < ?",
)
_NEWEST = """
SELECT 'pool' AS kind, pool AS id, max(at) AS at FROM pool_samples WHERE at <= ? GROUP BY pool
UNION ALL SELECT 'disk', disk, max(at) FROM disk_samples WHERE at <= ? GROUP BY disk
"""


async def note(store: Store, pools: Iterable[Pool], disks: Iterable[DiskHealth], now: float) -> int:
    """Store what was just read, of each thing at most once an hour, and thin what there is. Returns how many."""
    newest = {(row["kind"], row["id"]): row["at"] for row in await store.rows(_NEWEST, (now, now))}
    due: list[tuple[_Table, tuple[str, int, *tuple[float, ...]]]] = []
    for pool in pools:
        if pool.allocated is not None and pool.size is not None and is_due(newest.get(("pool", pool.guid)), now):
            due.append((_POOL, (pool.guid, int(now), pool.allocated, pool.size)))
    for disk in disks:
        if disk.id and disk.celsius is not None and is_due(newest.get(("disk", disk.id)), now):
            due.append((_DISK, (disk.id, int(now), disk.celsius)))
    if not due:
        return 0
    async with store.transaction() as db:
        for table, values in due:
            await db.execute(table.add, values)
            times = [row["at"] for row in await db.execute_fetchall(table.times, values[:1])]
            await db.executemany(table.drop, [(values[0], at) for at in to_drop(times, now)])
        for table in (_POOL, _DISK):  # also of what is gone
            await db.execute(table.forget, (int(now) - DAYS_FOR,))
    return len(due)


async def of_pool(store: Store, guid: str) -> tuple[Sample, ...]:
    """A pool over time, oldest first."""
    rows = await store.rows("SELECT at, allocated, size FROM pool_samples WHERE pool = ? ORDER BY at", (guid,))
    return tuple(Sample(row["at"], row["allocated"], row["size"]) for row in rows)


async def of_disks(store: Store) -> dict[str, tuple[Heat, ...]]:
    """Every disk over time, oldest first."""
    found: dict[str, list[Heat]] = {}
    for row in await store.rows("SELECT disk, at, celsius FROM disk_samples ORDER BY disk, at"):
        found.setdefault(row["disk"], []).append(Heat(row["at"], row["celsius"]))
    return {disk: tuple(samples) for disk, samples in found.items()}
