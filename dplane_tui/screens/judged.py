"""What the sources that were read say about the box, in the words of `dplane health`, and what is not known. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..services.health.key_news import Keys, key_news
from ..services.health.model import Health, News
from ..services.health.news import LEVELS, news
from ..state import Snapshot
from ..text import duration

SOURCES = {
    "health": "memory", "pools": "pools", "tasks": "replication", "policies": "policies", "smart": "disks",
    "keys": "datasets",
}  # fmt: skip
"""Source → the area its news is about."""
_WHAT = {
    "health": ("Memory, temperatures and services", "are"),
    "pools": ("The pools", "are"),
    "tasks": ("The replication", "is"),
    "policies": ("The snapshot policies", "are"),
    "smart": ("SMART of the disks", "is"),
    "keys": ("The datasets", "are"),
}
_OF_HEALTH = {"memory", "temperature", "services"}


def judged(snapshot: Callable[[str], Snapshot[Any]], now: float) -> tuple[News, ...]:
    """The news of everything that was read, worst first; what was not read, or not lately, is told as unknown."""
    found = {name: snapshot(name) for name in SOURCES}
    reasons = {area: _unread(name, found[name]) for name, area in SOURCES.items() if found[name].value is None}
    health: Health | None = found["health"].value
    keys: Keys | None = found["keys"].value
    told = news(
        health or Health(now, zfs_version="?"),
        found["pools"].value,
        found["tasks"].value,
        found["smart"].value,
        reasons=reasons,
        held=keys.held if keys is not None else None,
    )
    if health is None:
        told = (*(one for one in told if one.where not in _OF_HEALTH), News("unknown", reasons["memory"], "memory"))
    told = (*told, *_policies(found, reasons, now))
    if keys is not None:
        told = (*told, *key_news(keys))
    elif found["pools"].value:  # without pools the reason is theirs
        told = (*told, News("unknown", reasons["datasets"], "datasets"))
    old = [item for name in SOURCES if (item := _old(name, found[name], now)) is not None]
    return tuple(sorted((*old, *told), key=lambda item: LEVELS.index(item.level)))


def _policies(found: dict[str, Snapshot[Any]], reasons: dict[str, str], now: float) -> tuple[News, ...]:
    """What the policies say; nothing where there is no pool that a policy could be for."""
    value = found["policies"].value
    if value is not None:
        from ..services.policies.news import news as policy_news

        return policy_news(value, now)
    if found["pools"].value == ():
        return ()
    return (News("unknown", reasons["policies"], "policies"),)


def _unread(name: str, found: Snapshot[Any]) -> str:
    what, verb = _WHAT[name]
    return found.error or f"{what} {verb} not read yet."


def _old(name: str, found: Snapshot[Any], now: float) -> News | None:
    """That what is said is not of now; None when it is."""
    if found.value is None or found.taken_at is None or not (found.error or found.stale(now)):
        return None
    past = now - found.taken_at
    age = duration(past - past % 60) if past >= 60 else "less than a minute"
    why = found.error or "since then there was no answer"
    return News("unknown", f"{_WHAT[name][0]}: what is said here is {age} old; {why}", SOURCES[name])
