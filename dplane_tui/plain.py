"""Each screen once, as linear text: for screen readers, pipes, and terminals that cannot move their cursor.

The rows are those the screens draw. A line is one thing, its words in the order of the columns; nothing is drawn,
nothing is left out because it would not fit. What cannot be read says so in a sentence.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

from .errors import DPlaneError
from .text import clean
from .widgets.layout import Column, Pieces, Row

if TYPE_CHECKING:
    from .services.bundle import Services

SCREENS = ("start", "pools", "replication", "docker", "health", "datasets", "snapshots", "files", "policies")
_DRAWN = re.compile("[\u2500-\u25ff]+")
T = TypeVar("T")


class Page:
    """The lines of one screen, and the errors met while they were read."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.errors: list[DPlaneError] = []

    def head(self, title: str) -> None:
        """Begin a part."""
        self.lines += [*([""] if self.lines else []), clean(title)]

    def say(self, *sentences: str) -> None:
        """Whole sentences, a line each; empty ones are left out."""
        self.lines += [clean(one) for one in sentences if one]

    def pieces(self, lines: Iterable[Pieces]) -> None:
        """Lines as the screens have them, without what is drawn in them."""
        self.say(*(_words("".join(text for text, _ in line)) for line in lines))

    def table(self, title: str, columns: Sequence[Column], rows: Sequence[Row], empty: str) -> None:
        """A list: how many, then a line for each."""
        self.head(f"{title}: {len(rows)}." if rows else f"{title}: {empty}")
        self.say(*(row_words(columns, row) for row in rows))

    async def read(self, reading: Awaitable[T]) -> T | None:
        """What `reading` gives; None and a sentence on the page when it fails."""
        try:
            return await reading
        except DPlaneError as error:
            self.errors.append(error)
            self.say(str(error))
            return None


def _words(text: str) -> str:
    return " ".join(_DRAWN.sub(" ", text).split())


def row_words(columns: Sequence[Column], row: Row) -> str:
    """One row as a line: its name, then each value behind the title of its column."""
    name, *rest = (_words(clean(cell.text)) for cell in row.cells)
    said = [name]
    for column, text in zip(columns[1:], rest, strict=True):
        if text and text != "-":
            said.append(f"{column.title.capitalize()} {'unknown' if text == '?' else text}")
    return ", ".join(part for part in said if part)


def keys_page() -> Page:
    """Every action by the name that `keys.toml` has for it, with the keys it has now, and what it does."""
    from . import actions, keys

    page = Page()
    remapped, problems = keys.take_over()
    page.head("Keys")
    page.say(remapped, *problems)
    for one in actions.in_use():
        page.say(f"{one.group}/{one.id}, Keys {one.shown_keys}, {one.help or one.label}")
    return page


async def screen(name: str, services: Services) -> Page:
    """The screen called `name` (one of SCREENS), read now. Raises KeyError for another name."""
    page = Page()
    await _writer(name)(page, services)
    return page


def _writer(name: str) -> Callable[[Page, Services], Awaitable[None]]:
    """What writes the page; the other modules are loaded when one of theirs is wanted."""
    if name in ("pools", "replication", "docker"):
        return {"pools": _pools, "replication": _replication, "docker": _docker}[name]
    if name in ("start", "health"):
        from . import plain_box

        return {"start": plain_box.start, "health": plain_box.health}[name]
    from . import plain_storage as storage

    return {
        "datasets": storage.datasets,
        "snapshots": storage.snapshots,
        "files": storage.files,
        "policies": storage.policies,
    }[name]


async def _pools(page: Page, services: Services) -> None:
    from .plain_storage import capacity
    from .screens import pool_rows as rows

    page.head("Pools")
    pools = await page.read(services.zfs.pools())
    if pools is None:
        return
    now = time.time()
    page.lines.clear()
    page.table("Pools", rows.POOLS, rows.pool_rows(pools, now), "this box has none.")
    for pool in pools:
        if pool.status and pool.state != "ONLINE":
            page.say(f"{pool.name}: {pool.status} {pool.action}".strip())
        if pool.trouble():
            page.say(f"{pool.name} {pool.trouble()}. What helps: dplane pool repair {pool.name}")
    for pool in pools:
        page.table(f"Devices of {pool.name}", rows.DEVICES, rows.device_rows(pool), "ZFS tells none.")
        await capacity(page, services, pool.name)
        page.head(f"Datasets of {pool.name}")
        found = await page.read(services.zfs.datasets(pool.name))
        if found is not None:
            page.lines[-2:] = []
            # In full, where the screen has a tree.
            named = [_named(row) for row in rows.dataset_rows(found)]
            page.table(f"Datasets of {pool.name}", rows.DATASETS, named, "none.")
    page.head("Snapshots of a dataset: dplane snapshot list DATASET")


def _named(row: Row) -> Row:
    from dataclasses import replace

    return replace(row, cells=(replace(row.cells[0], text=row.key), *row.cells[1:]))


async def _replication(page: Page, services: Services) -> None:
    from .screens import replication_answer as words
    from .screens import replication_rows as rows

    now = time.time()
    page.head("Replication")
    statuses = await page.read(services.replication.tasks(look=True))
    jobs = await page.read(services.jobs.list()) or ()
    by_id = {job.id: job for job in jobs}
    if statuses is not None:
        page.say(words.verdict(statuses, now)[0], words.happening(statuses, by_id, now))
        page.table("Tasks", rows.TASKS, rows.task_rows(statuses, by_id, now), "nothing is copied anywhere yet.")
    page.head("Peers")
    peers = await page.read(services.replication.peers())
    if peers is not None:
        page.lines[-2:] = []
        page.table("Peers", rows.PEERS, rows.peer_rows(peers), "none.")
    newest = sorted(jobs, key=lambda job: -(job.updated or 0))
    page.table("Jobs", rows.JOBS, rows.job_rows(newest), "none is recorded.")
    for status in statuses or ():
        runs = await page.read(services.replication.runs(status.task.name))
        if runs is not None:
            shown = rows.run_rows(runs, now)
            page.table(f"Runs of {status.task.name}", rows.RUNS, shown, "it has not run yet.")


async def _docker(page: Page, services: Services) -> None:
    from .screens import docker_rows as rows

    page.head("Docker")
    engine = await page.read(services.docker.engine())
    if engine is not None:
        page.lines.clear()
        shown = rows.container_rows(engine.containers)
        page.table(f"Containers of Docker {engine.version}", rows.CONTAINERS, shown, "none.")
