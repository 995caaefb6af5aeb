"""What is kept from one session to the next: where the person was on each host, and when each box was last seen.

The file holds names that boxes gave, so it is the person's own (mode 0600) and is read as if anyone had written it.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from . import crash
from .actions import SECTIONS, WITHOUT_TAB
from .lazyclass import dataclass, field
from .paths import user_state
from .place import FILE, Place, from_data, to_data

_LIMIT = 256 * 1024
_HOSTS = 64
_NAME = 256


@dataclass(slots=True)
class Kept:
    """By host; this machine is the empty name."""

    places: dict[str, dict[str, Place]] = field(default_factory=dict)
    """Host → section → place."""
    last: tuple[str, Place] | None = None
    """The host and the place of the end of the session."""
    seen: dict[str, float] = field(default_factory=dict)
    """When a box last answered, Unix seconds."""


def file() -> Path:
    """Where it is kept."""
    return user_state() / FILE


def read() -> Kept:
    """What was kept; nothing when there is no file, or none that can be used, which the console's log then tells."""
    try:
        with file().open("rb") as opened:
            text = opened.read(_LIMIT + 1)
    except FileNotFoundError:
        return Kept()
    except OSError as error:
        crash.note(f"What was kept of the last session cannot be read ({error.strerror}): {file()}.")
        return Kept()
    try:
        if len(text) > _LIMIT:
            raise ValueError("it is too large")
        return _kept(json.loads(text))
    except (ValueError, RecursionError) as error:
        crash.note(f"What was kept of the last session is not used: {file()} makes no sense ({error}).")
        return Kept()


def _kept(data: Any) -> Kept:
    if not isinstance(data, dict):
        raise ValueError("it is no object")
    places = {
        host: {section: _place(place) for section, place in _table(there).items()}
        for host, there in _table(data.get("places", {})).items()
    }
    last = data.get("last")
    seen = _table(data.get("seen", {}))
    if not all(isinstance(when, (int, float)) and 0 <= when < 2**40 for when in seen.values()):
        raise ValueError("a time is no time")
    if last is not None and not (isinstance(last, list) and len(last) == 2 and isinstance(last[0], str)):
        raise ValueError("the last place is no place")
    return Kept(places, (last[0][:_NAME], _place(last[1])) if last else None, {k: float(v) for k, v in seen.items()})


def _table(data: Any) -> dict[str, Any]:
    if not isinstance(data, dict) or len(data) > _HOSTS or any(len(key) > _NAME for key in data):
        raise ValueError("a table is no table, or too long")
    return data


def _place(data: Any) -> Place:
    place = from_data(data)
    if place.section not in (*SECTIONS, *WITHOUT_TAB):
        raise ValueError("there is no such section")
    return place


def write(kept: Kept) -> None:
    """Keep it. A folder that cannot be written costs the memory of it, nothing else."""
    data = {
        "places": {
            host: {section: to_data(place) for section, place in there.items()}
            for host, there in list(kept.places.items())[-_HOSTS:]
        },
        "last": [kept.last[0], to_data(kept.last[1])] if kept.last else None,
        "seen": dict(list(kept.seen.items())[-_HOSTS:]),
    }
    path = file()
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = path.with_name(f".{path.name}.{os.getpid()}")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as opened:
            json.dump(data, opened, ensure_ascii=True)
        new.replace(path)
