"""Waiting until what was written is on the disks, so that ZFS's `written` tells the truth. Needs no rights."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

KSTAT = Path("/proc/spl/kstat/zfs")
PARAMETER = Path("/sys/module/zfs/parameters/zfs_txg_timeout")
_MARGIN = 10.0
_EVERY = 0.2


def open_txg(kstat: str) -> int | None:
    """The transaction group that takes writes now, from the pool's `txgs` statistics; None when they do not tell."""
    found = None
    for line in kstat.splitlines():
        columns = line.split()
        if len(columns) > 2 and columns[2] == "O" and columns[0].isdigit():
            found = int(columns[0])
    return found


def is_committed(kstat: str, txg: int) -> bool:
    """Whether that transaction group is on the disks."""
    for line in kstat.splitlines():
        columns = line.split()
        if len(columns) > 2 and columns[0].isdigit() and int(columns[0]) >= txg and columns[2] == "C":
            return True
    return False


async def settled(pool: str) -> None:
    """Return when everything written to `pool` before this call is on its disks; ZFS lets no group wait for long."""
    try:
        seconds = float(PARAMETER.read_text("ascii"))
    except (OSError, ValueError):
        seconds = 5.0
    path = KSTAT / pool / "txgs"
    try:
        txg = open_txg(path.read_text("ascii"))
    except OSError:
        txg = None
    if txg is None:
        await asyncio.sleep(seconds + 1.0)
        return
    deadline = time.monotonic() + 2 * seconds + _MARGIN
    while time.monotonic() < deadline:
        try:
            if is_committed(path.read_text("ascii"), txg):
                return
        except OSError:
            return  # the pool went away: reading it says so
        await asyncio.sleep(_EVERY)
