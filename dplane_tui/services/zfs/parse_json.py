"""`zpool status -j --json-int` of OpenZFS 2.3 and later, as the model. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ...errors import CommandError
from ...text import clean
from .model import Pool, Scan, Vdev

_DEPTH = 8  # a tree of vdevs is five deep at most: root, mirror, spare, replacing, disk
_SECTIONS = {"dedup": "dedup", "special": "special", "logs": "log", "l2cache": "cache", "spares": "spare"}
_AUX = {  # in the words of `zpool status` without -j
    "OPEN_FAILED": "cannot open",
    "CORRUPT_DATA": "corrupted data",
    "NO_REPLICAS": "insufficient replicas",
    "BAD_GUID_SUM": "missing device",
    "BAD_LABEL": "invalid label",
    "VERSION_NEWER": "newer version",
    "UNSUP_FEAT": "unsupported feature(s)",
    "SPARED": "currently in use",
    "ERR_EXCEEDED": "too many errors",
    "IO_FAILURE": "experienced I/O failures",
    "BAD_LOG": "bad intent log",
    "EXTERNAL": "external device fault",
    "SPLIT_POOL": "split into new pool",
    "ACTIVE": "currently in use",
    "CHILDREN_OFFLINE": "all children offline",
    "ASHIFT_TOO_BIG": "unsupported minimum blocksize",
}
_REBUILD = {"ACTIVE": "scanning", "COMPLETE": "finished", "CANCELED": "canceled"}


def parse_status(text: str, now: float | None = None) -> tuple[Pool, ...]:
    """The pools in the output of `zpool status -j --json-int`; sizes are not in it and stay unknown.

    `now` is the box's own time in Unix seconds, for the ETA. Raises CommandError for anything that is not that output.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise _not_understood("it is not JSON") from None
    pools = found.get("pools") if isinstance(found, dict) else None
    if not isinstance(pools, dict):
        raise _not_understood("it has no list of pools")
    return tuple(_pool(name, body, now) for name, body in pools.items())


def _not_understood(why: str) -> CommandError:
    return CommandError(
        f"What `zpool status -j` said was not understood: {clean(why, 120)}.",
        "Please report it with the version of ZFS (`zfs version`).",
    )


def _number(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    # Without --json-int, and for some fields with it, numbers come as text.
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 21 else None


def _word(body: Mapping[str, Any], key: str) -> str:
    value = body.get(key)
    return value if isinstance(value, str) else ""


def _guid(value: object) -> str | None:
    number = _number(value)
    return str(number) if number else None


def _pool(name: str, body: object, now: float | None) -> Pool:
    if not isinstance(body, dict):
        raise _not_understood(f"the pool {name} is not an object")
    state, guid = _word(body, "state"), _guid(body.get("pool_guid"))
    if not state or guid is None:
        raise _not_understood(f"the pool {name} has no state or no GUID")
    scan = _scan(body.get("scan_stats"), now)
    running = scan.kind if scan and scan.state == "scanning" else ""
    vdevs: list[Vdev] = []
    for root in _children(body.get("vdevs"), "data", running, 0):
        vdevs += root.children
    for section, role in _SECTIONS.items():
        vdevs += _children(body.get(section), role, running, 0)
    return Pool(
        name=name,
        guid=guid,
        state=state,
        scan=scan,
        vdevs=tuple(vdevs),
        data_errors=_number(body.get("error_count")),
        status=_one_line(_word(body, "status")),
        action=_one_line(_word(body, "action")),
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _children(found: object, role: str, running: str, depth: int) -> tuple[Vdev, ...]:
    if found is None:
        return ()
    if not isinstance(found, dict) or depth > _DEPTH:
        raise _not_understood("the tree of vdevs is not one")
    return tuple(_vdev(name, body, role, running, depth) for name, body in found.items())


def _vdev(name: str, body: object, role: str, running: str, depth: int) -> Vdev:
    if not isinstance(body, dict):
        raise _not_understood(f"the vdev {name} is not an object")
    children = _children(body.get("vdevs"), role, running, depth + 1)
    return Vdev(
        name=name,
        kind=_kind(name, _word(body, "vdev_type"), bool(children)),
        state=_state(_word(body, "state"), _word(body, "aux")),
        role=role,
        guid=_guid(body.get("guid")),
        path=_word(body, "path") or None,
        read_errors=_number(body.get("read_errors")),
        write_errors=_number(body.get("write_errors")),
        checksum_errors=_number(body.get("checksum_errors")),
        slow_ios=_number(body.get("slow_ios")),
        note=_note(body, running, bool(children)),
        children=children,
        size=_number(body.get("phys_space")),
        least=_number(body.get("rep_dev_size")),
    )


def _kind(name: str, kind: str, inner: bool) -> str:
    if kind in ("raidz", "draid") or (not kind and inner):
        return name.rpartition("-")[0] or name  # parity and layout are in the name only: raidz2-0, draid1:4d:6c:1s-0
    return kind or "missing"


def _state(state: str, aux: str) -> str:
    """The state as `zpool status` without -j words it."""
    if state == "CANT_OPEN":
        return {"CORRUPT_DATA": "FAULTED", "BAD_LOG": "FAULTED", "SPLIT_POOL": "SPLIT"}.get(aux, "UNAVAIL")
    if state == "CLOSED":
        return "OFFLINE"
    return state or "UNKNOWN"


def _note(body: Mapping[str, Any], running: str, inner: bool) -> str:
    notes: list[str] = []
    aux, was, user = _word(body, "aux"), _word(body, "was"), _word(body, "used_by")
    if was:
        notes.append(f"was {was}")
    elif user:
        notes.append(f"in use by pool {user}")
    elif aux and aux != "NONE":
        notes.append(_AUX.get(aux, aux.lower().replace("_", " ")))
    elif "configured_ashift" in body and "physical_ashift" in body:
        ours, native = _number(body["configured_ashift"]), _number(body["physical_ashift"])
        if ours is not None and native is not None and ours < 64 and native < 64:
            notes.append(f"block size: {1 << ours}B configured, {1 << native}B native")
    if running and not inner and _word(body, "state") == "ONLINE":
        if _number(body.get("scan_processed")):
            notes.append("resilvering" if running == "resilver" else "repairing")
        elif _number(body.get("resilver_deferred")):
            notes.append("awaiting resilver")
    if _number(body.get("removing")):
        notes.append("removing")
    return ", ".join(notes)


def _scan(found: object, now: float | None) -> Scan | None:
    """The scan a person wants to see: the one that runs, else the one that ended last."""
    if not isinstance(found, dict):
        return None
    scans = [scan for scan in (_scrub_or_resilver(found, now), *_rebuilds(found.get("rebuild_stats"))) if scan]
    return max(scans, key=lambda scan: (scan.state in ("scanning", "paused"), scan.ended or 0), default=None)


def _scrub_or_resilver(found: Mapping[str, Any], now: float | None) -> Scan | None:
    kind, state = _word(found, "function").lower(), _word(found, "state").lower()
    if kind not in ("scrub", "resilver") or state not in ("scanning", "finished", "canceled"):
        return None
    if state == "scanning" and _number(found.get("scrub_pause")):
        state = "paused"
    examine, done = _number(found.get("to_examine")), _number(found.get("issued"))
    total = None if examine is None else examine - (_number(found.get("skipped")) or 0)
    running = state in ("scanning", "paused")
    return Scan(
        kind=kind,
        state=state,
        started=_number(found.get("start_time")),
        ended=None if running else _number(found.get("end_time")),
        done=done,
        total=total,
        errors=_number(found.get("errors")),
        percent=min(100.0, 100 * done / total) if running and total and done is not None else None,
        eta=_eta(found, done, total, now) if state == "scanning" else None,
    )


def _eta(found: Mapping[str, Any], done: int | None, total: int | None, now: float | None) -> float | None:
    """Seconds left at the rate of this pass, as `zpool status` without -j works it out."""
    begun, issued = _number(found.get("pass_start")), _number(found.get("issued_bytes_per_scan"))
    if now is None or not begun or not issued or done is None or total is None or done > total:
        return None
    elapsed = max(1.0, now - begun - (_number(found.get("scrub_spent_paused")) or 0))
    return (total - done) / (issued / elapsed)


def _rebuilds(found: object) -> list[Scan]:
    """Sequential resilvers (draid, `zpool attach -s`) are counted a top-level vdev."""
    scans = []
    for body in found.values() if isinstance(found, dict) else ():
        state = _REBUILD.get(_word(body, "state")) if isinstance(body, dict) else None
        if state is None:
            continue
        done, total = _number(body.get("scanned")), _number(body.get("to_scan"))
        scans.append(
            Scan(
                kind="resilver",
                state=state,
                started=_number(body.get("start_time")),
                ended=None if state == "scanning" else _number(body.get("end_time")),
                done=done,
                total=total,
                errors=_number(body.get("errors")),
                percent=min(100.0, 100 * done / total) if state == "scanning" and total and done is not None else None,
            )
        )
    return scans
