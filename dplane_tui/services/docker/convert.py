"""From the engine's JSON to our model. Pure: no SDK, no clock."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from typing import Any

PORTS_SHOWN = 32
_FRACTION = re.compile(r"\.(\d{1,6})\d*")


def timestamp(text: object) -> float | None:
    """Unix seconds of the engine's RFC 3339 times; None for its zero time and for anything else."""
    if not isinstance(text, str) or text.startswith("0001-"):
        return None
    try:  # the engine writes nanoseconds, Python 3.11 reads microseconds
        return datetime.datetime.fromisoformat(_FRACTION.sub(r".\1", text).replace("Z", "+00:00")).timestamp()
    except ValueError:
        return None


def ports(listed: object) -> list[str]:
    """The `Ports` of a list entry as `0.0.0.0:8080->80/tcp`, published ones first, at most PORTS_SHOWN and a count."""
    published: list[str] = []
    exposed: list[str] = []
    for port in listed if isinstance(listed, list) else []:
        inner = f"{port.get('PrivatePort', '?')}/{port.get('Type', '?')}"
        if port.get("PublicPort"):
            address = str(port.get("IP") or "")
            address = f"[{address}]" if ":" in address else address
            published.append(f"{address}:{port['PublicPort']}->{inner}".lstrip(":"))
        else:
            exposed.append(inner)
    found = sorted(published) + sorted(exposed)
    return found if len(found) <= PORTS_SHOWN else [*found[:PORTS_SHOWN], f"and {len(found) - PORTS_SHOWN} more"]


def container(listed: Mapping[str, Any], inspected: Mapping[str, Any] | None) -> dict[str, Any]:
    """Fields of `model.Container` but CPU and memory, from a list entry and (when it still exists) its inspection."""
    names = listed.get("Names") or []
    found: dict[str, Any] = {
        "id": listed.get("Id", ""),
        "name": names[0].lstrip("/") if names else str(listed.get("Id", ""))[:12],
        "image": listed.get("Image", ""),
        "state": listed.get("State", ""),
        "status": listed.get("Status", ""),
        "ports": ports(listed.get("Ports")),
        "created": float(listed["Created"]) if isinstance(listed.get("Created"), (int, float)) else None,
    }
    if inspected is not None:
        state = inspected.get("State") or {}
        health = (state.get("Health") or {}).get("Status", "")
        found["state"] = state.get("Status") or found["state"]  # newer than the list's
        found["health"] = "" if health == "none" else health
        found["started"] = timestamp(state.get("StartedAt"))
        found["restarts"] = inspected.get("RestartCount")
        running = state.get("Running") and not state.get("Restarting")
        found["exit_code"] = None if running or found["started"] is None else state.get("ExitCode")
    return found


def cpu_counters(stats: Mapping[str, Any], which: str = "cpu_stats") -> tuple[int, int] | None:
    """CPU time of the container and of the whole machine, in nanoseconds; None when the engine does not tell."""
    cpu = stats.get(which) or {}
    used = (cpu.get("cpu_usage") or {}).get("total_usage")
    system = cpu.get("system_cpu_usage")
    return (used, system) if isinstance(used, int) and isinstance(system, int) and system > 0 else None


def cpu_percent(before: tuple[int, int] | None, after: tuple[int, int] | None, cpus: int) -> float | None:
    """Percent of one core between two readings, as `docker stats` counts it; None when it cannot be known."""
    if before is None or after is None or after[1] <= before[1] or after[0] < before[0]:
        return None  # the first reading, or the container was started anew in between
    return 100.0 * (after[0] - before[0]) / (after[1] - before[1]) * max(cpus, 1)


def cpus(stats: Mapping[str, Any]) -> int:
    """How many cores the container's engine sees."""
    cpu = stats.get("cpu_stats") or {}
    return cpu.get("online_cpus") or len((cpu.get("cpu_usage") or {}).get("percpu_usage") or ()) or 1


def memory(stats: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Bytes in use (without the file cache that can be dropped, as `docker stats`) and the limit; None where unknown.

    A kernel without the memory cgroup (Raspberry Pi OS by default) tells neither.
    """
    told = stats.get("memory_stats") or {}
    usage, limit = told.get("usage"), told.get("limit")
    if not isinstance(usage, int):
        return None, None
    detail = told.get("stats") or {}
    cache = detail.get("total_inactive_file", detail.get("inactive_file", 0))  # cgroup v1, v2
    return usage - cache if 0 <= cache < usage else usage, limit if isinstance(limit, int) and limit > 0 else None
