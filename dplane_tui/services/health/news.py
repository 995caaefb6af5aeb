"""What a person should know about the box, worst first. Pure: the console and `dplane health` say the same.

Every area says something: what was looked at and is well is `ok`, what could not be looked at is `unknown`, never `ok`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...text import ago, size
from ..replication.coverage import Held, coverage
from ..replication.freshness import AHEAD, ANEW, LATE, NEVER, SKEW, anew_words, standing
from ..zfs.model import HEALTHY, Pool, Vdev
from .model import DiskHealth, Health, News, Temperature

if TYPE_CHECKING:
    from ..replication.model import TaskStatus

LEVELS = ("bad", "warn", "unknown", "note", "ok")
"""Worst first."""
VERDICT = {
    "bad": "Something is wrong.",
    "warn": "It works, but something needs attention.",
    "unknown": "Nothing bad is known, but not everything is known.",
    "note": "Nothing is wrong, but there is something to know.",
    "ok": "All is well.",
}
"""The answer to “is everything all right?” by the level of the worst news."""
FULL, NEARLY_FULL = 90, 80  # percent; ZFS slows down and fragments beyond
SCRUB_AGE = 45 * 86400.0
_HOT = 85.0  # degrees, where a sensor names no limit of its own
_MARGIN = 10.0
_LITTLE_MEMORY = 0.05
_MUST_KNOW = {"pools", "replication"}


def news(
    health: Health,
    pools: Sequence[Pool] | None,
    tasks: Sequence[TaskStatus] | None,
    disks: Sequence[DiskHealth] | None,
    *,
    reasons: dict[str, str] | None = None,
    held: Held | None = None,
) -> tuple[News, ...]:
    """Everything worth telling, worst first. None is what could not be read; `reasons` says why, a sentence by area.

    `held` is what the box holds: with it, the datasets are named that no task brings to another box.
    """
    why = reasons or {}

    def unread(where: str) -> list[News]:
        return [News("unknown", why.get(where, f"The {where} could not be read."), where)]

    found = [
        *(unread("pools") if pools is None else _pools(pools, health)),
        *(unread("replication") if tasks is None else _tasks(tasks, health.taken_at, held)),
        *(unread("disks") if disks is None else _disks(disks)),
        *_temperatures(health),
        *_memory(health),
        *_services(health),
    ]
    return tuple(sorted(found, key=lambda item: LEVELS.index(item.level)))


def worst(found: Sequence[News]) -> str:
    """The level of the worst; `unknown` when nothing is known."""
    return min((item.level for item in found), key=LEVELS.index, default="unknown")


def is_bad_news(found: Sequence[News]) -> bool:
    """Whether a script should hear of it: anything bad or a warning, or pools or replication that are unknown.

    What a box cannot tell by its nature (SMART of a virtual disk, no sensor) is shown as unknown but is no alarm.
    """
    return any(
        item.level in {"bad", "warn"} or (item.level == "unknown" and item.where in _MUST_KNOW) for item in found
    )


def _pools(pools: Sequence[Pool], health: Health) -> list[News]:
    if not pools:
        if not health.zfs_version:
            return [News("warn", "ZFS is not loaded on this box, so it has no pools.", "pools")]
        return [News("ok", "There are no pools yet.", "pools")]
    judged = {pool.guid: _pool(pool, health.taken_at) for pool in pools}
    found = [item for items in judged.values() for item in items]
    well = [pool.name for pool in pools if not judged[pool.guid]]
    if well:
        found.append(News("ok", f"{_count(len(well), 'pool')} online without errors: {', '.join(well)}.", "pools"))
    return found


def _pool(pool: Pool, now: float) -> list[News]:
    name = f"Pool {pool.name}"
    found: list[News] = []

    def tell(level: str, text: str) -> None:
        found.append(News(level, f"{name} {text}", "pools", pool.guid))

    if pool.state != HEALTHY:
        tell("bad", f"is {pool.state}{'. ' + pool.status if pool.status else '.'}")
    elif pool.status:
        tell("warn", f"is online, but ZFS says: {pool.status}")
    if pool.data_errors:
        tell("bad", f"has {_count(pool.data_errors, 'file')} with permanent errors.")
    elif pool.data_errors is None and pool.state != HEALTHY:
        tell("unknown", "does not tell whether files are damaged.")
    errors = [vdev.name for top in pool.vdevs for _, vdev in top.walk() if _errors(vdev) and not vdev.children]
    if errors:
        tell("warn", f"counts errors on {', '.join(errors)}.")
    if pool.capacity is not None and pool.capacity >= NEARLY_FULL:
        tell("bad" if pool.capacity >= FULL else "warn", f"is {pool.capacity} % full ({size(pool.free)} free).")
    scan = pool.scan
    if scan is not None and scan.errors:
        tell("warn", f"had {_count(scan.errors, 'error')} in its last {scan.kind}.")
    if scan is not None and scan.kind == "scrub" and scan.ended is not None:
        if scan.ended > now + SKEW:
            tell("unknown", "was scrubbed at a time that has not come yet: a clock is or was wrong.")
        elif now - scan.ended > SCRUB_AGE:
            tell("warn", f"was scrubbed last {ago(scan.ended, now)}.")
    return found


def _errors(vdev: Vdev) -> int:
    return sum(count or 0 for count in (vdev.read_errors, vdev.write_errors, vdev.checksum_errors))


def _tasks(tasks: Sequence[TaskStatus], now: float, held: Held | None) -> list[News]:
    if not tasks:
        return [News("note", "Nothing is copied to another box yet: no replication task is set up.", "replication")]
    found = [_task(status, now) for status in tasks]
    if held is not None:
        alone = coverage(held, [status.task for status in tasks]).words()
        told = f"{alone} What takes this box takes these too."
        found += [News("note", told, "replication")] if alone else []
    elif all(status.task.peer is None and status.task.source_peer is None for status in tasks):
        found.append(News("note", "All copies are within this box: what takes the box takes them too.", "replication"))
    return found


def _task(status: TaskStatus, now: float) -> News:
    """One thing is told of a task, the worst: its age comes before how the last run ended, which is told with it."""
    name, run = f"Replication {status.task.name}", _ended(status)
    paused = status.task.options.paused

    def told(level: str, text: str, then: str = "") -> News:
        return News(level, f"{text}{f'; {then}' if then else ''}.", "replication", status.task.name)

    proven = f"the newest proven snapshot is from {ago(status.snapshot_created, now)}"
    stands = standing(status, now)
    broken = status.ended is not None and status.ended.state in {"failed", "died"}
    if stands == LATE:
        return told("bad", f"{name} is late{', and it is paused' if paused else ''}: {proven}", run)
    if stands == AHEAD:
        return told("bad", f"{name} is proven up to a time that has not come yet: a clock is wrong", run)
    if stands == NEVER or status.snapshot_created is None:
        return told("bad" if broken else "unknown", f"{name} has never been proven at its target", run)
    if status.ended is not None and broken and status.ended.error_code == "diverged":
        return told("bad", f"{name} has diverged, and its copy cannot go on by itself: {_said(status)}", proven)
    if broken:
        return told("bad", f"The last run of replication {status.task.name} {run.removeprefix('its last run ')}")
    if stands == ANEW:
        return told("warn", f"{name} is not proven: {anew_words(status)}", run)
    if run:
        return told("warn", f"The last run of replication {status.task.name} was cancelled", proven)
    if paused:
        return told("note", f"{name} is paused, so nothing is copied: {proven}")
    if status.notes:
        return told("warn", f"{name} is in time, but left something out: {status.notes[0].rstrip('.')}")
    return told("ok", f"{name} is in time: {proven}")


def _ended(status: TaskStatus) -> str:
    """How its last run ended, in a clause; empty when it ended well or has not ended."""
    if status.ended is None or status.ended.state not in {"failed", "died", "cancelled"}:
        return ""
    if status.ended.state == "cancelled":
        return "its last run was cancelled"
    said = _said(status)
    return f"its last run {status.ended.state}{f': {said}' if said else ''}"


def _said(status: TaskStatus) -> str:
    return status.ended.message.rstrip(".") if status.ended is not None else ""


def _disks(disks: Sequence[DiskHealth]) -> list[News]:
    found: list[News] = []
    for disk in disks:
        name = f"Disk {disk.device} ({disk.id or 'no stable name'})"
        if disk.verdict == "failing":
            found.append(News("bad", f"{name} is failing: {disk.note}.", "disks", disk.id or disk.device))
        elif disk.verdict == "passed" and (disk.note or disk.reallocated):
            counted = f"{disk.reallocated} sectors were reallocated" if disk.reallocated else ""
            told = "; ".join(filter(None, (disk.note, counted)))
            found.append(News("warn", f"{name}: {told}.", "disks", disk.id or disk.device))
    unknown = [disk for disk in disks if disk.verdict not in {"passed", "failing"}]
    if unknown:
        notes = "; ".join(sorted({disk.note for disk in unknown if disk.note}))
        told = f"SMART of {_count(len(unknown), 'disk')} is unknown"
        found.append(News("unknown", f"{told}: {notes}." if notes else f"{told}.", "disks"))
    passed = [disk for disk in disks if disk.verdict == "passed"]
    if passed and len(passed) + len(unknown) == len(disks):
        found.append(News("ok", f"{_count(len(passed), 'disk')} passed SMART.", "disks"))
    if not disks:
        found.append(News("unknown", "No disks were found.", "disks"))
    return found


def _temperatures(health: Health) -> list[News]:
    if not health.temperatures:
        return [News("unknown", "No temperature sensor was found.", "temperature")]
    found = [item for sensor in health.temperatures if (item := _temperature(sensor)) is not None]
    hottest = max(health.temperatures, key=lambda sensor: sensor.celsius)
    return found or [News("ok", f"The hottest sensor ({hottest.label}) is at {hottest.celsius:.0f} °C.", "temperature")]


def _temperature(sensor: Temperature) -> News | None:
    limit = sensor.critical if sensor.critical is not None else _HOT + _MARGIN
    if sensor.celsius >= limit:
        return News("bad", f"{sensor.label} is at {sensor.celsius:.0f} °C, its limit is {limit:.0f}.", "temperature")
    if sensor.celsius >= limit - _MARGIN:
        return News("warn", f"{sensor.label} is hot: {sensor.celsius:.0f} °C.", "temperature")
    return None


def _memory(health: Health) -> list[News]:
    memory = health.memory
    if memory is None or memory.total <= 0:
        return [News("unknown", "Memory could not be read.", "memory")]
    if memory.available < memory.total * _LITTLE_MEMORY:
        return [News("warn", f"Only {size(memory.available)} of {size(memory.total)} memory is available.", "memory")]
    return [News("ok", f"{size(memory.available)} of {size(memory.total)} memory is available.", "memory")]


def _services(health: Health) -> list[News]:
    if not health.services:
        return [News("unknown", "systemd could not be asked about services.", "services")]
    found: list[News] = []
    for service in health.services:
        if service.state == "failed":
            found.append(News("bad", f"Service {service.unit} has failed.", "services", service.unit))
        elif service.state == "unknown":
            told = f"The state of service {service.unit} is unknown: {service.note}."
            found.append(News("unknown", told, "services", service.unit))
        elif service.note:
            found.append(News("warn", f"Service {service.unit} is {service.note}.", "services", service.unit))
    active = sum(service.state == "active" for service in health.services)
    return found or [News("ok", f"{_count(active, 'service')} active, none failed.", "services")]


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
