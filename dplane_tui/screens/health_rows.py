"""Health as lines and table rows. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from ..services.health.model import DiskHealth, Health, News, ServiceState, Temperature
from ..services.replication.model import TaskStatus
from ..services.zfs.model import Pool
from ..text import age, duration, size
from ..widgets.gauge import bar, share_role
from ..widgets.layout import Cell, Column, Pieces, Row, row
from ..widgets.paint import state_role
from .pool_rows import coarse, errors, number, percent, scan_words

NEWS = (Column("LEVEL", least=7), Column("WHERE", drop=1, least=8), Column("WHAT", least=20, most=300, grow=True))
DISKS = (
    Column("DEVICE", least=6),
    Column("DISK", drop=2, least=12, most=50, middle=True),
    Column("SMART", least=7),
    Column("TEMP", drop=1, right=True, least=4),
    Column("HOURS", drop=3, right=True, least=5),
    Column("REALLOC", drop=2, right=True, least=4),
    Column("PENDING", drop=3, right=True, least=4),
    Column("NOTE", drop=1, least=12, most=200, grow=True),
)
SERVICES = (Column("SERVICE", least=12), Column("STATE", least=8), Column("SINCE", drop=1, least=8, grow=True))
SENSORS = (
    Column("SENSOR", least=12, grow=True),
    Column("NOW", right=True, least=6),
    Column("LIMIT", right=True, least=6),
)
POOLS = (
    Column("POOL", least=8),
    Column("STATE", least=8),
    Column("USED", right=True, least=4),
    Column("ERR", right=True, least=3),
    Column("SCAN", grow=True, least=12),
)
TASKS = (
    Column("TASK", least=8),
    Column("LAST RUN", least=9),
    Column("ENDED", drop=1, least=8),
    Column("NEWEST PROVEN", least=10),
    Column("IN TIME", least=7, grow=True),
)
_LEVEL = {"ok": "good", "note": "accent", "warn": "warn", "bad": "bad", "unknown": "unknown"}
_BAR = 16


def vitals(health: Health | None, width: int) -> list[Pieces]:
    """Processor, memory, system: four lines."""
    if health is None:
        return [[(" Reading…", "dim")]]
    return [_processor(health), *_memory(health, width), _system(health)]


def _processor(health: Health) -> list[tuple[str, str]]:
    load = " ".join(f"{value:.2f}" for value in health.load) if health.load else "?"
    cpus = f"{health.cpus} core{'s' if health.cpus != 1 else ''}" if health.cpus else "? cores"
    busy = percent(health.cpu_percent) if health.cpu_percent is not None else "  ?"
    return [
        (" CPU     ", "dim"),
        *bar(health.cpu_percent, _BAR),
        (f" {busy:>4}", "strong" if health.cpu_percent is not None else "unknown"),
        (f" of {cpus}   ", "text"),
        ("load ", "dim"),
        (load, "text"),
        ("   up ", "dim"),
        (duration(health.uptime).split(" ")[0] if health.uptime is not None else "?", "text"),
    ]


def _memory(health: Health, width: int) -> list[Pieces]:
    memory = health.memory
    if memory is None:
        return [[(" Memory  ", "dim"), ("unknown", "unknown")], []]
    arc = memory.arc or 0
    held = max(0, memory.total - memory.available - (arc if memory.arc is not None else 0))
    share = 100.0 * held / memory.total if memory.total else None
    first: list[tuple[str, str]] = [
        (" Memory  ", "dim"),
        *bar(share, _BAR),
        (f" {percent(share):>4}", "strong"),
        (f" of {size(memory.total)} held by programs, {size(memory.available)} available", "text"),
    ]
    cache = "no ZFS cache" if memory.arc is None else f"{size(memory.arc)}"
    limit = f" of at most {size(memory.arc_max)}" if memory.arc_max else ""
    swap = (
        "none"
        if not memory.swap_total
        else f"{size(memory.swap_total - memory.swap_free)} of {size(memory.swap_total)}"
    )
    arc_share = 100.0 * arc / memory.arc_max if memory.arc is not None and memory.arc_max else None
    blank = [(piece, "gauge" if role != "gauge-off" else role) for piece, role in bar(arc_share, _BAR)]
    second: list[tuple[str, str]] = [(" ARC     ", "dim"), *blank, (f"      {cache}{limit}", "text")]
    if width >= 70:
        second += [("   swap ", "dim"), (swap, "text")]
    return [first, second]


def _system(health: Health) -> list[tuple[str, str]]:
    zfs = health.zfs_version or "not loaded"
    return [
        (" System  ", "dim"),
        (f"Linux {health.kernel or '?'}", "text"),
        ("   ZFS ", "dim"),
        (zfs, "text" if health.zfs_version else "warn"),
    ]


def news_rows(found: Iterable[News]) -> list[Row]:
    """What a person should know, worst first."""
    return [
        row(
            f"{n}/{one.where}/{one.about}",
            Cell(one.level, _LEVEL.get(one.level, "text")),
            Cell(one.where, "dim"),
            one.text,
        )
        for n, one in enumerate(found)
    ]


def disk_rows(disks: Iterable[DiskHealth]) -> list[Row]:
    """SMART of each disk; what is not known says so."""

    def count(value: int | None) -> Cell:
        return Cell("?", "unknown") if value is None else Cell(str(value), "warn" if value else "dim", value)

    return [
        row(
            disk.id or disk.device,
            Cell(disk.device, "strong"),
            Cell(disk.id or "?", "dim"),
            Cell(disk.verdict, state_role(disk.verdict)),
            Cell(
                "?" if disk.celsius is None else f"{disk.celsius:.0f}°", "unknown" if disk.celsius is None else "text"
            ),
            Cell("?" if disk.power_on_hours is None else str(disk.power_on_hours), "dim", disk.power_on_hours),
            count(disk.reallocated),
            count(disk.pending),
            Cell(disk.note, "bad" if disk.verdict == "failing" else "dim"),
        )
        for disk in disks
    ]


def service_rows(services: Iterable[ServiceState], now: float) -> list[Row]:
    """Units a NAS lives by."""
    return [
        row(
            one.unit,
            Cell(one.unit, "text"),
            Cell(one.state, state_role(one.state) if one.state != "not-installed" else "dim"),
            Cell(one.note or (coarse(age(one.since, now)) if one.since is not None else ""), "dim"),
        )
        for one in services
    ]


def sensor_rows(sensors: Iterable[Temperature]) -> list[Row]:
    """Temperatures."""
    rows = []
    for n, one in enumerate(sensors):
        hot = one.critical is not None and one.celsius >= one.critical - 10
        limit = "?" if one.critical is None else f"{one.critical:.0f}°C"
        rows.append(
            row(
                f"{n}",
                one.label,
                Cell(f"{one.celsius:.0f}°C", "warn" if hot else "text", one.celsius),
                Cell(limit, "dim"),
            )
        )
    return rows


def pool_rows(pools: Iterable[Pool], now: float) -> list[Row]:
    """Pools in short."""
    return [
        row(
            pool.guid,
            Cell(pool.name, "strong"),
            Cell(pool.state, state_role(pool.state)),
            Cell(percent(pool.capacity), share_role(pool.capacity), pool.capacity),
            number(errors(pool)),
            scan_words(pool.scan, now),
        )
        for pool in pools
    ]


def task_rows(tasks: Iterable[TaskStatus], now: float) -> list[Row]:
    """The last run of each replication task."""
    rows = []
    for status in tasks:
        last = status.last
        state = last.word if last else "never run"
        ended = coarse(age(last.ended, now)) if last and last.ended else "running" if last else "-"
        newest = coarse(age(status.snapshot_created, now)) if status.snapshot_created else "nothing proven"
        late = {None: ("unknown", "unknown"), True: ("late", "bad"), False: ("in time", "good")}[status.late]
        rows.append(
            row(
                status.task.name,
                Cell(status.task.name, "strong"),
                Cell(state, state_role(state)),
                Cell(ended, "text"),
                Cell(newest, "text" if status.snapshot_created else "unknown"),
                Cell(*late),
            )
        )
    return rows
