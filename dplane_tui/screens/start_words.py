"""The Start screen in words and rows: is everything all right, what needs a person, where that is. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..place import Place
from ..services.health.model import News
from ..services.health.news import VERDICT, worst
from ..services.zfs.model import Pool
from ..text import size
from ..widgets.gauge import bar, share_role
from ..widgets.layout import Cell, Pieces, Row, cut, row
from ..widgets.paint import state_role

_ROLE = {"ok": "good", "note": "accent", "warn": "warn", "bad": "bad", "unknown": "unknown"}
POLICIES = "policies"
"""A list that opens over every section, and is none: what its key does leads there."""
_LEADS = {
    "pools": ("pools", "", "pools"),
    "replication": ("replication", "tasks", "list"),
    "policies": (POLICIES, "", "policies"),
    "datasets": ("datasets", "", "datasets"),
    "disks": ("health", "disks", "detail"),
    "services": ("health", "services", "detail"),
    "temperature": ("health", "sensors", "detail"),
    "memory": ("health", "", "news"),
}
"""Area → section, tab and table where its things are."""
KEYS = {"pools": "1", "replication": "2", "docker": "3", "health": "4", "datasets": "5", POLICIES: "O"}
_BAR = 16


def leads_to(one: News) -> Place:
    """The place where a person sees, and can do, more about it."""
    section, tab, table = _LEADS.get(one.where, ("health", "", "news"))
    return Place(section, tab, ((table, one.about),) if one.about else (), table)


def needing(found: Iterable[News]) -> list[News]:
    """What is to be listed: everything that is not simply well."""
    return [one for one in found if one.level != "ok"]


def keyed(found: Iterable[News]) -> list[tuple[str, News]]:
    """Each with a key for its row, the same as long as it is about the same thing."""
    count: dict[str, int] = {}
    keys = []
    for one in found:
        about = f"{one.where}/{one.about}/{one.level}"
        count[about] = count.get(about, 0) + 1
        keys.append((f"{about}/{count[about]}", one))
    return keys


def need_rows(found: Iterable[News]) -> list[Row]:
    """One row for each thing that needs a person, worst first."""
    return [
        row(
            key,
            Cell(one.level, _ROLE[one.level]),
            Cell(one.where, "dim"),
            one.text,
            Cell(KEYS[leads_to(one).section], "key"),
        )
        for key, one in keyed(found)
    ]


def verdict_line(host: str, found: Sequence[News], reading: bool) -> tuple[str, str]:
    """The answer in a sentence, and its role. While the first reading is at work, it is never that all is well."""
    level = worst(found)
    if reading and level not in {"bad", "warn"}:
        return f"{host}: not everything is read yet.", "unknown"
    urgent = sum(one.level in {"bad", "warn"} for one in found)
    listed, need = len(needing(found)), "needs" if urgent == 1 else "need"
    of = f" of {listed} things" if urgent < listed else f" thing{'s' if urgent > 1 else ''}"
    count = f" {urgent}{of} {need} you." if urgent else ""
    return f"{host}: {VERDICT[level]}{count}", _ROLE[level] if level != "note" else "good"


def well_line(found: Iterable[News]) -> str:
    """What was looked at and is well, in a line that holds still; empty when there is nothing of that kind."""
    told, steady, areas = list(found), [], []
    unwell = {one.where for one in told if one.level != "ok"} - {"pools"}
    for one in told:
        if one.level == "ok" and one.where not in unwell:
            if one.where == "pools":
                steady.append(one.text.rstrip("."))
            elif one.where not in areas:
                areas.append(one.where)
    return f"Well: {'; '.join([*steady, *([', '.join(areas)] if areas else [])])}." if steady or areas else ""


def space_lines(pools: Sequence[Pool], most: int) -> list[Pieces]:
    """How full each pool is; at most so many lines, the fullest first when there are more pools."""
    shown = list(pools)
    if len(shown) > most:
        shown = sorted(shown, key=lambda pool: -(pool.capacity or 0))[: max(0, most - 1)]
    name = min(24, max((len(pool.name) for pool in shown), default=0))
    lines: list[Pieces] = []
    for pool in shown:
        full = "  ? full" if pool.capacity is None else f"{pool.capacity:>3.0f}% full"
        lines.append(
            [
                (f" {cut(pool.name, name)}  ", "strong"),
                *bar(pool.capacity, _BAR),
                (f" {full}", share_role(pool.capacity)),
                (f"  {size(pool.free)} free  ", "dim"),
                (pool.state, state_role(pool.state)),
            ]
        )
    if len(pools) > len(shown) and most > 0:
        lines.append([(f" and {len(pools) - len(shown)} more pools, less full", "dim")])
    return lines
