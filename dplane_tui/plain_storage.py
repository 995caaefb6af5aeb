"""Datasets, Snapshots, Files and Policies as text."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING

from .errors import DPlaneError
from .plain import Page
from .services.bundle import Services
from .widgets.layout import Column, Row, row

if TYPE_CHECKING:
    from .services.zfs.tree import Holding

_WIDE = 1000


async def capacity(page: Page, services: Services, pool: str) -> None:
    """How full a pool was over time, and when it will be full, in sentences."""
    from .services.capacity.words import sentences

    page.head(f"Capacity of {pool} over time")
    try:
        page.say(*sentences(await services.history(pool), time.time()))
    except DPlaneError as error:  # a box with ZFS alone keeps none: no reason to call what was read a failure
        page.say(f"Not known: {error.message}")


async def datasets(page: Page, services: Services) -> None:
    """What waits for a key, every dataset by its full name, and what its protection lacks."""
    from .screens import dataset_rows as rows
    from .services.protection.gather import verdicts
    from .services.zfs.tree import waiting

    page.head("Datasets")
    tree = await page.read(services.storage.tree())
    if tree is None:
        return
    newest = await page.read(services.storage.newest())
    pools = await page.read(services.zfs.pools())
    tasks = await page.read(services.replication.tasks())
    policies = await page.read(services.policies.status())
    found = verdicts(tree, pools, tasks, newest, policies, time.time())
    locked = waiting(tree)
    page.pieces(rows.waiting_lines(locked, _WIDE, len(tree)))
    page.say("As a command: dplane dataset load-key DATASET" if locked else "")
    shown = rows.tree_rows(tree, found)
    page.table("Datasets", rows.COLUMNS, [_in_full(one, it) for one, it in zip(tree, shown, strict=True)], "none.")
    page.head("What their protection lacks")
    for name, verdict in found.items():
        why = " ".join(one.text for one in verdict.reasons if one.state in ("lacking", "unknown"))
        page.say(f"{name}: {why or 'nothing.'}")


def _in_full(one: Holding, shown: Row) -> Row:
    """With its whole name, where the screen has a tree; without what is drawn."""
    first, *rest = shown.cells
    clone = f" (clone of {one.origin})" if one.origin else ""
    return dataclasses.replace(shown, cells=(dataclasses.replace(first, text=one.name + clone), *rest))


async def snapshots(page: Page, services: Services) -> None:
    """Every snapshot of the box."""
    from .screens import snapshot_rows as rows

    page.head("Snapshots")
    shelf = await page.read(services.storage.shelf())
    if shelf is None:
        return
    page.lines.clear()
    listing = rows.SnapshotRows(shelf, time.time())
    page.table("Snapshots", rows.COLUMNS, [listing.row(n) for n in range(len(listing))], "this box has none.")


_FILES = (Column("DATASET"), Column("MOUNTED AT"), Column("NEWEST SNAPSHOT"))


async def files(page: Page, services: Services) -> None:
    """Whose files can be looked at, and the commands that look."""
    page.head("Files")
    tree = await page.read(services.storage.tree())
    newest = await page.read(services.storage.newest())
    if tree is None:
        return
    if newest is not None:
        page.lines.clear()
    rows = [row(one.name, one.name, one.mountpoint or "?", _newest(one.name, newest)) for one in tree if one.mounted]
    page.table("Datasets with files", _FILES, rows, "no file system of ZFS is mounted.")
    page.head("Their folders: dplane files ls DATASET PATH, and at a snapshot dplane files ls DATASET@SNAPSHOT PATH")


def _newest(name: str, newest: dict[str, tuple[str, float]] | None) -> str:
    if newest is None:
        return "?"
    return f"@{newest[name][0]}" if name in newest else "none"


async def policies(page: Page, services: Services) -> None:
    """Whether all is in time, every dataset with its policy, and why one has none."""
    from .screens import policies_rows as rows

    page.head("Policies")
    found = await page.read(services.policies.status())
    if found is None:
        return
    now = time.time()
    page.pieces(rows.head(found, now, _WIDE))
    page.table("Datasets", rows.COLUMNS, rows.policy_rows(found, now), "none.")
    page.say(*(f"{one.dataset}: {one.why}." for one in found.datasets if one.why))
