"""Start and Health as text: everything about the box is read once, and judged as the screens do."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from typing import Any

from .plain import Page
from .screens.judged import judged
from .services.bundle import Services
from .services.health.key_news import read_keys
from .services.health.model import DiskHealth, News
from .state import Snapshot

_WIDE = 200


async def start(page: Page, services: Services) -> None:
    """Is everything all right? The verdict, the copies, what needs a person, what is well, what is at work, space."""
    from .screens import health_rows, replication_rows
    from .screens.start_words import needing, verdict_line, well_line

    known = await _read(page, services)
    jobs = await page.read(services.jobs.list()) or ()
    page.lines.clear()  # what could not be read stands among the news
    now = time.time()
    found = _judged(known, now)
    page.head("Start")
    page.say(verdict_line(services.host.name, found, False)[0])
    statuses = known["tasks"].value
    if statuses:
        from .screens.replication_answer import happening, verdict

        going = happening(statuses, {job.id: job for job in jobs}, now)
        page.say(f"Copies: {verdict(statuses, now)[0]} {going}".rstrip())
    needs = needing(found)
    page.head(f"What to know: {len(needs)}." if needs else "Nothing needs you.")
    page.say(*(f"{one.level}: {one.text}" for one in needs))
    page.say(well_line(found))
    active = [job for job in jobs if job.active]
    page.table("At work", replication_rows.JOBS, replication_rows.job_rows(active), "nothing.")
    pools = known["pools"].value
    empty = "this box has none." if pools is not None else "unknown."
    page.table("Pools", health_rows.POOLS, health_rows.pool_rows(pools or (), now), empty)


async def health(page: Page, services: Services) -> None:
    """Processor and memory, the news, and each list of particulars."""
    from .screens import health_rows as rows

    known = await _read(page, services)
    page.lines.clear()
    now = time.time()
    page.head("Health")
    box = known["health"].value
    if box is not None:
        page.pieces(rows.vitals(box, _WIDE))
    else:
        page.say(known["health"].error)
    page.head("What to know")
    page.say(*(f"{one.level}: {one.text}" for one in _judged(known, now)))
    disks, pools, tasks = (known[name].value for name in ("smart", "pools", "tasks"))
    page.table("Disks", rows.DISKS, rows.disk_rows(disks or ()), _none(disks, "none were found."))
    page.table("Pools", rows.POOLS, rows.pool_rows(pools or (), now), _none(pools, "none."))
    page.table("Tasks", rows.TASKS, rows.task_rows(tasks or (), now), _none(tasks, "none."))
    units = box.services if box is not None else ()
    page.table("Services", rows.SERVICES, rows.service_rows(units, now), "systemd could not be asked.")
    sensors = box.temperatures if box is not None else ()
    page.table("Sensors", rows.SENSORS, rows.sensor_rows(sensors), _none(box, "none was found."))


def _none(value: object, empty: str) -> str:
    return "unknown." if value is None else empty


async def _read(page: Page, services: Services) -> dict[str, Snapshot[Any]]:
    """Every source of the verdict, by the names that the screens have for them; errors are noted on the page."""

    async def one(reading: Awaitable[Any]) -> Snapshot[Any]:
        before = len(page.errors)
        value = await page.read(reading)
        if len(page.errors) > before:
            return Snapshot(error=str(page.errors[-1]))
        return Snapshot(value, time.time(), every=3600.0)

    async def smart() -> tuple[DiskHealth, ...]:
        return await services.health.disks(await services.zfs.disks())

    return {
        "health": await one(services.health.read(None)),
        "pools": await one(services.zfs.pools()),
        "tasks": await one(services.replication.tasks(look=True)),
        "policies": await one(services.policies.status()),
        "smart": await one(smart()),
        "keys": await one(read_keys(services.zfs)),
    }


def _judged(known: dict[str, Snapshot[Any]], now: float) -> tuple[News, ...]:
    return judged(lambda name: known[name], now)
