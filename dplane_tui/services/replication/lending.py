"""What the agent lets a peer do with datasets of this box that the peer may read: snapshots, bookmarks, their times.

Part of the agent (`agent.py`): blocking and light. The caller has checked that the peer may read the dataset; what
changes something needs the right to take snapshots as well, and touches only names that are ours.
"""

from __future__ import annotations

import calendar
import hashlib
import re
import time
from collections.abc import Callable, Iterable
from typing import Any

from privhelper import grammar
from privhelper.kinds import SNAPSHOTS

from .read import list_argv
from .rights import within

Ask = Callable[[dict[str, Any]], dict[str, Any]]
Listed = Callable[[list[str]], str]
_OWN = re.compile(r"dplane-[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}-[0-9]{2}-[0-9]{2}Z")
_TAG = re.compile(r"[0-9a-f]{8}")
_MARK = re.compile(r"(dplane-[0-9a-f]{16})[0-9a-f]{8}-[0-9a-f]{16}")
_NAMES_AT_ONCE = 500
_SKEW = 3600.0  # seconds that the clocks of two boxes may differ


def settle(dataset: str, ask: Ask) -> dict[str, Any]:
    """Bring what was written onto the disks, so that ZFS's numbers are true."""
    ask({"verb": "pool-sync", "pool": dataset.split("/")[0]})
    return {"ok": True}


def snapshot(peer: str, dataset: str, fields: dict[str, Any], ask: Ask) -> dict[str, Any]:
    """Take a snapshot with one of our names, in one transaction, marked as taken for that peer. Raises ValueError."""
    name, also = fields.get("name"), fields.get("also")
    if not isinstance(name, str) or not _OWN.fullmatch(name):
        raise ValueError("names a snapshot that is not named dplane- and the time")
    if abs(_said(name) - time.time()) > _SKEW:
        here = time.strftime("%Y-%m-%d %H:%M", time.gmtime())
        raise ValueError(f"names a snapshot of another time than it is here ({here} UTC): set the clocks of both boxes")
    request: dict[str, Any] = {"verb": "snapshot-create", "snapshot": f"{dataset}@{name}", "peer": peer}
    if fields.get("recursive") is True:
        request["recursive"] = True
    elif also is not None:  # the helper's grammar wants them to be sound names below the dataset
        request["also"] = also
    ask(request)
    return {"ok": True}


def _said(name: str) -> float:
    """The time that a name says. By such names retention judges what is old, and whether this box's clock is right:
    one from far away would stop it for good. Raises ValueError."""
    try:
        return float(calendar.timegm(time.strptime(name, "dplane-%Y-%m-%dT%H-%M-%SZ")))
    except ValueError:
        raise ValueError("names a snapshot by a time that there is not") from None


def mark_prefix(peer: str, tag: object) -> str:
    """How the names of one peer's bookmarks for one target begin. Raises ValueError.

    The peer chooses the tag, so what says whose they are stands by itself, long enough that no tag makes it another's,
    and without the dash that ends the number in the names of this box's own.
    """
    if not isinstance(tag, str) or not _TAG.fullmatch(tag):
        raise ValueError("names no target of a bookmark")
    return f"{mark_beginning(peer)}{tag}-"


def mark_beginning(peer: str) -> str:
    """How the names of all of one peer's bookmarks begin, and the tags of its holds."""
    return f"dplane-{hashlib.sha256(peer.encode()).hexdigest()[:16]}"


def maker(mark: str, peers: Iterable[str]) -> str | None:
    """Which of `peers` a bookmark of that name is of; "" for none of them, None when no peer's is named so."""
    found = _MARK.fullmatch(mark)
    return found and next((peer for peer in peers if mark_beginning(peer) == found[1]), "")


def bookmark(peer: str, dataset: str, fields: dict[str, Any], ask: Ask, listed: Listed) -> dict[str, Any]:
    """Bookmark what is about to be sent, unless it is. Raises ValueError."""
    name, guid, prefix = fields.get("snapshot"), fields.get("guid"), mark_prefix(peer, fields.get("tag"))
    if not isinstance(name, str) or grammar.component_problem(name):
        raise ValueError("names no snapshot")
    if problem := grammar.guid_problem(guid):
        raise ValueError(f"has a GUID that {problem}")
    mark = f"{dataset}#{prefix}{int(str(guid)):016x}"
    if not any(line.startswith(f"{mark}\t{guid}\t") for line in listed(list_argv(dataset, False)).splitlines()):
        ask({"verb": "bookmark-create", "snapshot": f"{dataset}@{name}", "guid": guid, "bookmark": mark})
    return {"ok": True}


def hold(peer: str, dataset: str, fields: dict[str, Any], ask: Ask) -> dict[str, Any]:
    """Hold or release (`op`) snapshots at and below the dataset for one run, with a tag of this peer's. Raises
    ValueError."""
    run, prefix, chosen = fields.get("run"), mark_prefix(peer, fields.get("tag")), fields.get("snapshots")
    if problem := grammar.job_problem(run):
        raise ValueError(f"names a run that {problem}")
    if problem := SNAPSHOTS.check(chosen):
        raise ValueError(f"has a list of snapshots that {problem}")
    assert isinstance(chosen, dict)
    if any(not within(name.partition("@")[0], dataset) for name in chosen):
        raise ValueError(f"names a snapshot that is not below {dataset}")
    first, *others = chosen
    verb = "hold-add" if fields["op"] == "hold" else "hold-release"
    also = {"also": {name: chosen[name] for name in others}} if others else {}
    ask({"verb": verb, "snapshot": first, "guid": chosen[first], "tag": f"{prefix}{run}", **also})
    return {"ok": True}


def forget(peer: str, dataset: str, fields: dict[str, Any], ask: Ask, listed: Listed) -> dict[str, Any]:
    """Destroy this peer's bookmarks for a target but the one of GUID `keep`. Raises ValueError."""
    keep, prefix = fields.get("keep"), mark_prefix(peer, fields.get("tag"))
    if problem := grammar.guid_problem(keep):
        raise ValueError(f"has a GUID that {problem}")
    for line in listed(list_argv(dataset, False)).splitlines():
        name, _, rest = line.partition("\t")
        guid = rest.partition("\t")[0]
        if name.startswith(f"{dataset}#{prefix}") and guid != keep:
            ask({"verb": "bookmark-destroy", "bookmark": name, "guid": guid})
    return {"ok": True}


def creations(dataset: str, fields: dict[str, Any], listed: Listed) -> dict[str, Any]:
    """When snapshots of the dataset were taken, in Unix seconds. Raises ValueError."""
    names = fields.get("snapshots")
    if not isinstance(names, list) or len(names) > _NAMES_AT_ONCE:
        raise ValueError("names no snapshots, or too many")
    if any(not isinstance(name, str) or grammar.component_problem(name) for name in names):
        raise ValueError("names a snapshot that cannot be one")
    if not names:
        return {"ok": True, "creations": {}}
    argv = ["zfs", "get", "-Hp", "-o", "name,value", "creation", *(f"{dataset}@{name}" for name in names)]
    pairs = (line.partition("\t")[::2] for line in listed(argv).splitlines())
    found = {name.partition("@")[2]: int(value) for name, value in pairs if re.fullmatch("[0-9]{1,15}", value)}
    return {"ok": True, "creations": found}
