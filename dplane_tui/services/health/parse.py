"""Readers of `/proc`, `/sys` and `systemctl show`. Pure: text in, model out, None for what the text does not tell."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ...text import clean
from .model import Counters, Memory, ServiceState, Temperature

HWMON = "/sys/class/hwmon"
THERMAL = "/sys/class/thermal"
PROPERTIES = (
    "Id,LoadState,ActiveState,UnitFileState,ConditionResult,Type,StateChangeTimestampMonotonic"  # of systemctl show
)
_ABSENT = {"not-found": "not-installed", "masked": "masked"}
_SANE = (-40.0, 150.0)  # degrees; a sensor that says otherwise is not connected


def cpu(stat: str) -> tuple[Counters | None, int | None]:
    """CPU time and the number of cores from `/proc/stat`."""
    total: Counters | None = None
    cores = 0
    for line in stat.splitlines():
        name, *values = line.split()[:9] or [""]
        if name == "cpu" and len(values) >= 4 and all(value.isdecimal() for value in values):
            ticks = [int(value) for value in values]
            idle = ticks[3] + (ticks[4] if len(ticks) > 4 else 0)  # waiting for disks is idle
            total = Counters(sum(ticks) - idle, sum(ticks))
        elif re.fullmatch(r"cpu\d+", name):
            cores += 1
    return total, cores or None


def percent(before: Counters | None, now: Counters | None) -> float | None:
    """Percent of all cores busy between two readings; None when they are not of the same boot or are the same."""
    if before is None or now is None or now.total <= before.total or now.busy < before.busy:
        return None
    return min(100.0, 100.0 * (now.busy - before.busy) / (now.total - before.total))


def load(loadavg: str) -> tuple[float, float, float] | None:
    """The three averages of `/proc/loadavg`."""
    try:
        one, five, fifteen = (float(word) for word in loadavg.split()[:3])
    except ValueError:
        return None
    return one, five, fifteen


def uptime(text: str) -> float | None:
    """Seconds since boot from `/proc/uptime`."""
    try:
        return float(text.split()[0])
    except (ValueError, IndexError):
        return None


def memory(meminfo: str, arcstats: str = "") -> Memory | None:
    """Memory from `/proc/meminfo`, with the ARC from ZFS's `arcstats` where there is one."""
    kib = {name: int(value) for name, value in re.findall(r"^(\w+):\s+(\d+) kB$", meminfo, re.MULTILINE)}
    if "MemTotal" not in kib or "MemAvailable" not in kib:
        return None
    arc = {name: int(value) for name, value in re.findall(r"^(\w+)\s+\d+\s+(\d+)$", arcstats, re.MULTILINE)}
    return Memory(
        total=kib["MemTotal"] * 1024,
        available=kib["MemAvailable"] * 1024,
        arc=arc.get("size"),
        arc_max=arc.get("c_max"),
        swap_total=kib.get("SwapTotal", 0) * 1024,
        swap_free=kib.get("SwapFree", 0) * 1024,
    )


def _celsius(text: str | None) -> float | None:
    try:
        value = int(text or "") / 1000
    except ValueError:
        return None
    return value if _SANE[0] < value < _SANE[1] else None


def temperatures(files: Mapping[str, str]) -> tuple[Temperature, ...]:
    """Sensors from the files of hwmon and of the thermal zones; a zone that hwmon tells as well is told once."""
    found: list[Temperature] = []
    chips: set[str] = set()
    for path in sorted(files):
        matched = re.fullmatch(rf"{HWMON}/(hwmon\d+)/temp(\d+)_input", path)
        value = _celsius(files[path]) if matched else None
        if matched is None or value is None:
            continue
        stem = path.removesuffix("_input")
        chip = clean(files.get(f"{HWMON}/{matched[1]}/name", matched[1]).strip(), 40)
        label = clean(files.get(f"{stem}_label", "").strip(), 40)
        chips.add(chip.replace("-", "_"))
        limit = _celsius(files.get(f"{stem}_crit"))
        found.append(Temperature(f"{chip} {label}".strip(), value, limit if limit and limit > 0 else None))
    for path in sorted(files):
        matched = re.fullmatch(rf"({THERMAL}/thermal_zone\d+)/temp", path)
        value = _celsius(files[path]) if matched else None
        if matched is None or value is None:
            continue
        kind = clean(files.get(f"{matched[1]}/type", "").strip(), 40) or matched[1].rpartition("/")[2]
        if kind.replace("-", "_") not in chips:
            found.append(Temperature(kind, value, _critical(files, matched[1])))
    return tuple(found)


def _critical(files: Mapping[str, str], zone: str) -> float | None:
    for path, text in files.items():
        matched = re.fullmatch(rf"{re.escape(zone)}/trip_point_(\d+)_type", path)
        if matched and text.strip() == "critical":
            limit = _celsius(files.get(f"{zone}/trip_point_{matched[1]}_temp"))
            return limit if limit and limit > 0 else None
    return None


def services(shown: str, boot: float | None) -> tuple[ServiceState, ...]:
    """Units from `systemctl show -p PROPERTIES UNIT…`; `boot` (Unix seconds) turns its clock into times."""
    found: list[ServiceState] = []
    for block in shown.strip().split("\n\n"):
        told = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if "Id" in told and "ActiveState" in told:
            found.append(_service(told, boot))
    return tuple(found)


def _service(told: Mapping[str, str], boot: float | None) -> ServiceState:
    unit = clean(told["Id"], 64).removesuffix(".service")
    loaded = told.get("LoadState", "")
    if loaded in _ABSENT:
        return ServiceState(unit, _ABSENT[loaded])
    if loaded != "loaded":
        return ServiceState(unit, "unknown", note=f"systemd says {clean(loaded, 20) or 'nothing'}")
    changed = told.get("StateChangeTimestampMonotonic", "")
    since = boot + int(changed) / 1e6 if boot is not None and changed.isdecimal() and int(changed) else None
    state = clean(told["ActiveState"], 20)
    missed = (
        state == "inactive"
        and told.get("UnitFileState") == "enabled"
        and told.get("ConditionResult") == "yes"
        and told.get("Type") != "oneshot"
    )
    return ServiceState(unit, state, since, "enabled, but does not run" if missed else "")
