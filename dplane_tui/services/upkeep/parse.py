"""What zpool and smartctl say of the last scrub, trim or self-test. Pure. What is not said is unknown, never good."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable
from typing import Any

from ...text import clean
from ..zfs.model import Pool
from .model import BAD, GOOD, RUNNING, SHORT, UNKNOWN, Outcome

_TRIM = re.compile(
    r"\((?:(\d{1,3})% trimmed, (started|completed|suspended) at ([^)]{1,60})|(untrimmed)|(trim unsupported))\)"
)
_ATA = {True: ("Short", "Conveyance"), False: ("Extended", "Long")}


def scrub(pool: Pool) -> Outcome:
    """The pool's last scrub."""
    scan = pool.scan
    if scan is None:
        return Outcome(UNKNOWN, "the pool tells of no scrub")
    if scan.kind != "scrub":
        return Outcome(UNKNOWN, f"the pool tells only of a {scan.kind} since")
    if scan.state in ("scanning", "paused"):
        done = f", {scan.percent:.0f} % done" if scan.percent is not None else ""
        return Outcome(RUNNING, f"{'goes on' if scan.state == 'scanning' else 'is paused'}{done}")
    when = f" {_day(scan.ended)}" if scan.ended is not None else ""
    if scan.state != "finished":
        return Outcome(BAD, f"was stopped{when} before its end")
    if scan.errors is None:
        return Outcome(UNKNOWN, f"ended{when}; whether it found errors is not told")
    return Outcome(BAD if scan.errors else GOOD, f"ended{when} with {scan.errors} error(s)")


def trim(status: str) -> Outcome:
    """The pool's last trim, from `zpool status -t`."""
    found = [match.groups() for match in _TRIM.finditer(status)]
    disks = [one for one in found if not one[4]]
    if not disks:
        return Outcome(UNKNOWN, "none of its disks can be trimmed" if found else "the pool tells of no trim")
    running = [one for one in disks if one[1] == "started"]
    if running:
        return Outcome(RUNNING, f"goes on, {min(int(one[0]) for one in running)} % done")
    complete = [one for one in disks if one[1] == "completed"]
    told = f"{len(complete)} of {len(disks)} disk(s) trimmed"
    if len(complete) == len(disks):
        return Outcome(GOOD, f"{told}, the first of them {clean(str(complete[0][2]), 40)}")
    suspended = any(one[1] == "suspended" for one in disks)
    return Outcome(BAD if suspended else UNKNOWN, f"{told}{', suspended on another' if suspended else ''}")


def self_test(text: str, kind: str) -> Outcome:
    """A disk's last self-test of `kind`, from `smartctl -j -a`."""
    try:
        told = json.loads(text)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        return Outcome(UNKNOWN, "smartctl's answer cannot be read")
    short = kind == SHORT
    left = _running(told)
    if left is not None:
        return Outcome(RUNNING, f"goes on{left}")
    for entry in _list(told, "ata_smart_self_test_log", "standard", "table"):
        if str(_at(entry, "type", "string") or "").startswith(_ATA[short]):
            return _judged(_at(entry, "status", "passed"), _at(entry, "status", "string"), entry.get("lifetime_hours"))
    for entry in _list(told, "nvme_self_test_log", "table"):
        if _at(entry, "self_test_code", "value") == (1 if short else 2):
            value = _at(entry, "self_test_result", "value")
            passed = None if value is None else value == 0
            return _judged(passed, _at(entry, "self_test_result", "string"), entry.get("power_on_hours"))
    return Outcome(UNKNOWN, "the disk tells of no such test")


def _running(told: dict[str, Any]) -> str | None:
    value = _at(told, "ata_smart_data", "self_test", "status", "value")
    if isinstance(value, int) and value >> 4 == 0xF:
        left = _at(told, "ata_smart_data", "self_test", "status", "remaining_percent")
        return f", {left} % left" if isinstance(left, int) else ""
    operation = _at(told, "nvme_self_test_log", "current_self_test_operation", "value")
    if isinstance(operation, int) and operation:
        done = _at(told, "nvme_self_test_log", "current_self_test_completion_percent")
        return f", {done} % done" if isinstance(done, int) else ""
    return None


def _judged(passed: Any, said: Any, hours: Any) -> Outcome:
    words = clean(str(said), 80) if isinstance(said, str) else "no result"
    when = f" at {hours} hours of its life" if isinstance(hours, int) else ""
    state = GOOD if passed is True else BAD if passed is False else UNKNOWN
    return Outcome(state, f"{words}{when}")


def together(found: Iterable[tuple[str, Outcome]]) -> Outcome:
    """One outcome of several disks: the worst, with how many are of which."""
    order = (BAD, RUNNING, UNKNOWN, GOOD)
    items = list(found)
    if not items:
        return Outcome(UNKNOWN, "no disk was found")
    name, worst = min(items, key=lambda item: order.index(item[1].state))
    good = sum(outcome.state == GOOD for _, outcome in items)
    told = f"{good} of {len(items)} disk(s) passed"
    return (
        worst
        if len(items) == 1
        else Outcome(worst.state, told if worst.state == GOOD else f"{told}; {name}: {worst.text}")
    )


def _at(told: Any, *keys: str) -> Any:
    for key in keys:
        told = told.get(key) if isinstance(told, dict) else None
    return told


def _list(told: Any, *keys: str) -> list[dict[str, Any]]:
    found = _at(told, *keys)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _day(when: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(when))
