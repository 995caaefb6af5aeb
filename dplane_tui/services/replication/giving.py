"""What the agent gives back to a peer: streams of the copies that it made here, and notes it keeps with them.

Part of the agent (`agent.py`): blocking, light, and only for datasets that the peer owns whole.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from privhelper import grammar

from .read import PRESERVED, note

_WANTED = ("from", "intermediates", "raw", "compressed", "large_blocks", "embedded", "token")
_VALUE_LIMIT = 255


def stream_request(dataset: str, fields: dict[str, Any], verb: str) -> dict[str, Any]:
    """The helper's request for a stream of a snapshot of `dataset`; what the peer names beyond it is left out.

    Raises ValueError with the clause that says what is wrong.
    """
    snapshot, guid = fields.get("snapshot"), fields.get("guid")
    if not isinstance(snapshot, str) or "@" in snapshot or "/" in snapshot:
        raise ValueError("names no snapshot")
    if problem := grammar.guid_problem(guid):
        raise ValueError(f"has a GUID that {problem}")
    wanted = {name: fields[name] for name in _WANTED if fields.get(name) is not None}
    origin = wanted.get("from")
    if origin is not None and not (isinstance(origin, str) and origin[:1] in ("@", "#")):
        raise ValueError("names no base of the same dataset")  # a full name could be that of somebody else's dataset
    resumed = "token" in wanted
    if resumed:
        wanted = {name: wanted[name] for name in ("token", "raw") if name in wanted}
    name = {"send": "send-resume", "send-estimate": "send-resume-estimate"}[verb] if resumed else verb
    # Only a resumed estimate compares GUIDs; an estimate of another snapshot tells a size and nothing else.
    bound = {"guid": guid} if verb == "send" or resumed else {}
    return {"verb": name, "snapshot": f"{dataset}@{snapshot}", **bound, **wanted}


def content_request(dataset: str, fields: dict[str, Any]) -> dict[str, Any]:
    """The helper's request to tell what is in a snapshot of `dataset`. Raises ValueError with the clause."""
    snapshot, guid = fields.get("snapshot"), fields.get("guid")
    if not isinstance(snapshot, str) or "@" in snapshot or "/" in snapshot:
        raise ValueError("names no snapshot")
    if problem := grammar.guid_problem(guid):
        raise ValueError(f"has a GUID that {problem}")
    wanted = {name: fields[name] for name in ("percent", "seed") if fields.get(name) is not None}
    return {"verb": "content", "snapshot": f"{dataset}@{snapshot}", "guid": guid, **wanted}


def become_sender(helper: tuple[str, ...], request: dict[str, Any], environment: dict[str, str]) -> NoReturn:
    """Turn this process into the helper that writes the stream: no Python stays between ZFS and ssh. Raises OSError."""
    source, sink = os.pipe()
    os.write(sink, json.dumps(request).encode() + b"\n")  # a request is at most 64 KiB, which an empty pipe takes
    os.close(sink)
    os.dup2(source, 0)
    os.close(source)
    sys.stdout.flush()
    os.execvpe(helper[0], list(helper), environment)  # noqa: S606 (no shell is the point)


def size_of(estimate: str) -> int | None:
    """Bytes of the stream that `zfs send -nvP` promises; None is unknown."""
    found = re.search(r"^size\t(\d+)$", estimate, re.MULTILINE)
    return int(found[1]) if found else None


def keep_notes(
    dataset: str, fields: dict[str, Any], guid: str, ask: Callable[[dict[str, Any]], object]
) -> dict[str, Any]:
    """Note with a copy what was set on its original. Returns which the helper would not note. Raises ValueError."""
    given = fields.get("properties")
    if not isinstance(given, dict) or len(given) > len(PRESERVED):
        raise ValueError("has no properties to note")
    for name, value in given.items():
        if name not in PRESERVED or not isinstance(value, str) or len(value) > _VALUE_LIMIT:
            raise ValueError("names a property that is not kept")
    left: list[str] = []
    for name, value in given.items():
        try:
            ask({"verb": "dataset-set", "dataset": dataset, "guid": guid, "property": note(name), "value": value})
        except Exception as refused:
            left.append(f"{name}: {refused}"[:200])
    return {"ok": True, "left": left}
