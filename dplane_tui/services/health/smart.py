"""What smartctl's JSON says about a disk. Pure. What it does not say clearly is unknown, never passed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ...text import clean
from .model import DiskHealth

_REALLOCATED, _PENDING, _UNCORRECTABLE = 5, 197, 198  # ATA attribute numbers
_NVME_WARNINGS = (
    "spare blocks run out",
    "temperature out of range",
    "reliability degraded by errors",
    "media is read-only",
    "backup of its memory failed",
    "persistent memory is read-only",
)


def unknown(disk: str, device: str, why: str) -> DiskHealth:
    """A disk that cannot be judged, and why."""
    return DiskHealth(disk, device, "unknown", clean(why, 200).rstrip(". "))


def parse(disk: str, device: str, text: str) -> DiskHealth:
    """The health of `disk` from `smartctl -j -a`."""
    try:
        told = json.loads(text)
    except ValueError:
        return unknown(disk, device, "smartctl's answer cannot be read")
    if not isinstance(told, dict):
        return unknown(disk, device, "smartctl's answer cannot be read")
    passed = _at(told, "smart_status", "passed")
    notes: list[str] = []
    reallocated, pending = _ata(told, notes)
    if reallocated is None:
        reallocated = _whole(told.get("scsi_grown_defect_list"))
    _nvme(told, notes)
    _scsi(told, notes)
    if passed is True:
        verdict = "passed"
    elif passed is False:
        verdict = "failing"
        notes.insert(0, "the disk itself says that it fails")
    else:
        verdict = "unknown"
        notes.insert(0, _why_unknown(told))
    return DiskHealth(
        disk,
        device,
        verdict,
        clean("; ".join(notes), 200),
        celsius=_number(_at(told, "temperature", "current")),
        power_on_hours=_whole(_at(told, "power_on_time", "hours")),
        reallocated=reallocated,
        pending=pending,
    )


def _at(told: Any, *keys: str) -> Any:
    for key in keys:
        told = told.get(key) if isinstance(told, dict) else None
    return told


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _number(value: Any) -> float | None:
    return None if _whole(value) is None else float(value)


def _why_unknown(told: Mapping[str, Any]) -> str:
    if _at(told, "smart_support", "available") is False:
        return "the disk has no SMART"
    if _at(told, "smart_support", "enabled") is False:
        return "SMART is switched off on this disk (`smartctl -s on` switches it on)"
    messages = _at(told, "smartctl", "messages")
    for message in messages if isinstance(messages, list) else []:
        if isinstance(message, dict) and message.get("string"):
            words = str(message["string"])
            if "Unable to detect device type" in words:
                return "smartctl does not know this kind of disk (a virtual disk, or behind a controller)"
            return f"smartctl says: {words}"
    return "the disk tells no SMART state"


def _ata(told: Mapping[str, Any], notes: list[str]) -> tuple[int | None, int | None]:
    """Reallocated and pending sectors; adds what is below its threshold and what is lost to `notes`."""
    table = _at(told, "ata_smart_attributes", "table")
    raw: dict[int, int | None] = {}
    for row in table if isinstance(table, list) else []:
        if not isinstance(row, dict):
            continue
        number = _whole(row.get("id"))
        if number is not None:
            raw[number] = _whole(_at(row, "raw", "value"))
        if row.get("when_failed") == "now":
            notes.append(f"{row.get('name', number)} is below its threshold")
    for number, words in ((_PENDING, "sectors wait to be rewritten"), (_UNCORRECTABLE, "sectors cannot be read")):
        if raw.get(number):
            notes.append(f"{raw[number]} {words}")
    return raw.get(_REALLOCATED), raw.get(_PENDING)


def _nvme(told: Mapping[str, Any], notes: list[str]) -> None:
    log = told.get("nvme_smart_health_information_log")
    warning = _whole(_at(log, "critical_warning")) or 0
    notes.extend(words for bit, words in enumerate(_NVME_WARNINGS) if warning >> bit & 1)
    if errors := _whole(_at(log, "media_errors")):
        notes.append(f"{errors} media errors")
    used = _whole(_at(log, "percentage_used"))
    if used is not None and used >= 90:
        notes.append(f"{used} % of its rated life is used")


def _scsi(told: Mapping[str, Any], notes: list[str]) -> None:
    for kind in ("read", "write", "verify"):
        if errors := _whole(_at(told, "scsi_error_counter_log", kind, "total_uncorrected_errors")):
            notes.append(f"{errors} uncorrected {kind} errors")
