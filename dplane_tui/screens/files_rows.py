"""Files and their versions as table rows. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from ..services.files.model import Entry, Place, Version, readable
from ..services.files.words import held, when
from ..text import age, size
from ..widgets.layout import Cell, Column, Row, row

ENTRIES = (
    Column("NAME", least=16, most=200, grow=True),
    Column("SIZE", right=True, least=5),
    Column("CHANGED", drop=1, least=16),
    Column("MODE", drop=2, least=4),
    Column("OWNER", drop=3, right=True, least=5),
)
VERSIONS = (
    Column("CHANGED", least=19),
    Column("SIZE", right=True, least=5),
    Column("TYPE", drop=2, least=4),
    Column("HELD", drop=1, right=True, least=4),
    Column("BY", least=12, grow=True),
)
PLACES = (Column("SNAPSHOT", least=16, grow=True), Column("TAKEN", least=10))
DATASETS = (Column("DATASET", least=18, grow=True), Column("MOUNTED AT", drop=1, least=8))
_MARKS = {"dir": "/", "link": "@", "fifo": "|", "socket": "=", "char": "%", "block": "%"}


def key(entry: Entry) -> str:
    """What a row is known by."""
    return entry.name.hex()


def entry_rows(entries: Iterable[Entry]) -> list[Row]:
    """One row a thing, folders first; a mark behind the name says what it is."""
    rows = []
    for one in sorted(entries, key=lambda one: (one.kind != "dir", one.name)):
        name = readable(one.name) + _MARKS.get(one.kind, "")
        if one.link:
            name += f" -> {readable(one.link)}"
        if one.mount:
            name += " (another dataset)"
        if one.kind == "unread":
            rows.append(row(key(one), Cell(name, "bad"), "?", f"unread: {one.error}", "?", "?"))
            continue
        rows.append(
            row(
                key(one),
                Cell(name, "strong" if one.kind == "dir" else "text"),
                Cell(size(one.size) if one.kind == "file" else "-", "text", one.size),
                Cell(when(one)[:16], "dim", one.mtime),
                Cell(f"{one.mode:04o}", "dim"),
                Cell(f"{one.uid}:{one.gid}", "dim"),
            )
        )
    return rows


def version_rows(versions: Iterable[Version]) -> list[Row]:
    """One row a version, the newest first."""
    rows = []
    for place, one in enumerate(versions):
        now = any(not holder.snapshot for holder in one.holders)
        rows.append(
            row(
                str(place),
                Cell(when(one.entry), "strong" if now else "text", one.entry.mtime),
                Cell(size(one.entry.size), "text", one.entry.size),
                one.entry.kind,
                Cell(str(len(one.holders)), "text", len(one.holders)),
                Cell(held(one.holders), "good" if now else "text"),
            )
        )
    return rows


def place_rows(places: Iterable[Place], now: float) -> list[Row]:
    """The dataset as it is now, and its snapshots."""
    return [
        row(
            one.snapshot or "/",
            f"@{one.snapshot}" if one.snapshot else "now",
            age(one.taken, now) if one.taken else "-",
        )
        for one in places
    ]
