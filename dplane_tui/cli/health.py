"""`dplane health`: how the box is, as one page or as JSON."""

from __future__ import annotations

import argparse
import time

from ..errors import BadNewsError
from ..services.health.model import DiskHealth, Health, ServiceState
from ..services.health.news import VERDICT, is_bad_news, worst
from ..services.health.report import Report, report
from ..services.host import Host
from ..text import clean, duration, size
from .output import Result, table

_WORDS = {"bad": "BAD", "warn": "WARNING", "unknown": "unknown", "note": "note", "ok": "ok"}


def add(parser: argparse.ArgumentParser) -> None:
    """It has no verbs."""
    parser.epilog = "Exit code 3: something is bad or needs attention, or pools or replication cannot be read."
    parser.set_defaults(handler=_health, reads=True)


async def _health(host: Host, _args: argparse.Namespace) -> Result:
    from ..services.capacity.service import note

    found = await report(host)
    await note(host, found.pools or (), found.disks or ())
    data = {
        "verdict": worst(found.news),
        "news": found.news,
        "health": found.health,
        "pools": found.pools,
        "tasks": found.tasks,
    }
    return Result(data, page(found), bad_news(found))


def bad_news(found: Report) -> BadNewsError | None:
    """The error for a box that needs someone; None for one that does not."""
    if not is_bad_news(found.news):
        return None
    told = " ".join(item.text for item in found.news if item.level == worst(found.news))
    return BadNewsError(f"{VERDICT[worst(found.news)]} {told}", "`dplane health` shows everything.")


def page(found: Report) -> str:
    """The report for a person: the verdict, the news, the figures, disks and services."""
    health = found.health
    parts = [
        f"{health.hostname or 'This box'}: {VERDICT[worst(found.news)]}",
        "\n".join(f"  {_WORDS[item.level]:8}{clean(item.text)}" for item in found.news),
        "\n".join(f"  {name:12}{value}" for name, value in figures(health)),
    ]
    if health.disks:
        parts.append(table(("DISK", "SMART", "TEMP", "ID", "NOTE"), [disk_row(disk) for disk in health.disks]))
    known = [service for service in health.services if service.state != "not-installed"]
    if known:
        now = time.time()
        parts.append(table(("SERVICE", "STATE", "FOR", "NOTE"), [service_row(service, now) for service in known]))
    return "\n\n".join(parts)


def disk_row(disk: DiskHealth) -> tuple[str, ...]:
    """One line of the disks."""
    warmth = f"{disk.celsius:.0f} °C" if disk.celsius is not None else "?"
    return disk.device, disk.verdict, warmth, disk.id or "-", disk.note


def service_row(service: ServiceState, now: float) -> tuple[str, ...]:
    """One line of the services."""
    since = duration(now - service.since) if service.since is not None else "?"
    return service.unit, service.state, since, service.note


def figures(health: Health) -> list[tuple[str, str]]:
    """CPU, load, memory, temperatures and versions as name and text; `?` for unknown."""
    cpu = f"{health.cpu_percent:.0f} %" if health.cpu_percent is not None else "?"
    memory = health.memory
    lines = [
        ("CPU", f"{cpu} of {health.cpus or '?'} cores"),
        ("Load", " ".join(f"{value:.2f}" for value in health.load) if health.load else "?"),
        ("Memory", f"{size(memory.available)} available of {size(memory.total)}" if memory else "?"),
    ]
    if memory and memory.arc is not None:
        lines.append(("ARC", f"{size(memory.arc)}, at most {size(memory.arc_max)} (given back under pressure)"))
    if memory and memory.swap_total:
        lines.append(("Swap", f"{size(memory.swap_total - memory.swap_free)} used of {size(memory.swap_total)}"))
    warm = ", ".join(f"{sensor.label} {sensor.celsius:.0f} °C" for sensor in health.temperatures)
    lines.append(("Temperature", warm or "unknown: no sensor"))
    lines.append(("Up", duration(health.uptime)))
    lines.append(("Linux", health.kernel or "?"))
    lines.append(("OpenZFS", health.zfs_version or "not loaded"))
    return lines
