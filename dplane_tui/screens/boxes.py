"""Several boxes in words: a table on Start, one line on every other screen. Loaded only when there are several."""

from __future__ import annotations

from collections.abc import Sequence

from ..services.fleet import Fleet
from ..services.health.model import News
from ..services.health.news import LEVELS, VERDICT, worst
from ..text import ago
from ..widgets.layout import Cell, Column, Pieces, Row, row
from ..widgets.table import Table

_COLUMNS = (
    Column("BOX", least=8, most=30),
    Column("LEVEL", drop=1, least=7),
    Column("WORST NEWS", least=20, most=300, grow=True),
    Column("SEEN", drop=2, least=6),
)
_ROLE = {"ok": "good", "note": "accent", "warn": "warn", "bad": "bad", "unknown": "unknown"}
_HERE = "/"
"""Key of this machine: no host is called that."""


def boxes_table() -> Table:
    """The table of all boxes, empty."""
    return Table(_COLUMNS, caption="Boxes  Enter or B goes there", id="boxes")


def key_of(name: str | None) -> str:
    """The key of a box's row."""
    return _HERE if name is None else name


def name_of(key: str) -> str | None:
    """The box whose row has `key`."""
    return None if key == _HERE else key


def shown_name(name: str | None) -> str:
    """The box as people call it."""
    return "this machine" if name is None else name


def worst_of(fleet: Fleet, name: str | None, now: float) -> tuple[str, str]:
    """(level, sentence) of a box: its worst news, or that it does not answer and when it last did."""
    said, seen = fleet.said(name), fleet.seen_at(name)
    if said.value is None and not said.error:
        return "unknown", f"Not looked at yet{f', last seen {ago(seen, now)}' if seen is not None else ''}."
    if said.error or said.stale(now) or said.value is None:
        last = f"last seen {ago(seen, now)}" if seen is not None else "never seen from here"
        return "unknown", f"Not reached, {last}. {said.error or 'It does not answer any more.'}"
    return _worst(said.value)


def _worst(found: Sequence[News]) -> tuple[str, str]:
    level = worst(found)
    if level == "ok" or not found:
        return level, VERDICT[level]
    return level, min(found, key=lambda one: LEVELS.index(one.level)).text


def box_rows(fleet: Fleet, shown: str | None, here: Sequence[News], now: float) -> list[Row]:
    """Every box in the order they were named; `here` is the news of the one that is shown."""
    rows = []
    for name in fleet.names:
        if name == shown:
            level, text = _worst(here) if here else ("unknown", "Not everything is read yet.")
            seen = "now shown"
        else:
            level, text = worst_of(fleet, name, now)
            seen = fleet.said(name).age(now)
        rows.append(
            row(key_of(name), Cell(shown_name(name), "strong"), Cell(level, _ROLE[level]), text, Cell(seen, "dim"))
        )
    return rows


def fleet_line(fleet: Fleet, shown: str | None, now: float) -> Pieces:
    """The other boxes in one line, the worst first."""
    others = [name for name in fleet.names if name != shown]
    others.sort(key=lambda name: (LEVELS.index(worst_of(fleet, name, now)[0]), not fleet.said(name).error))
    told = [(*worst_of(fleet, name, now), shown_name(name)) for name in others]
    line: list[tuple[str, str]] = [(" B ", "key")]
    for level, text, name in told:
        line += [(f"{name} {level}: ", _ROLE[level]), (f"{text}  ", "text")]
    return line
