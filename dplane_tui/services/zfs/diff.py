"""What `zfs diff -F -H` says, as data. Names come escaped by zfs and stay hostile until they are shown. Pure."""

from __future__ import annotations

import re

from ...errors import CommandError
from ...lazyclass import dataclass
from ...text import clean

KINDS = {"+": "added", "-": "removed", "M": "changed", "R": "renamed"}
TYPES = {
    "B": "block device",
    "C": "character device",
    "/": "folder",
    ">": "door",
    "|": "pipe",
    "@": "link",
    "P": "port",
    "=": "socket",
    "F": "file",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a difference."""

    kind: str
    """`added`, `removed`, `changed` or `renamed`."""
    what: str
    """`file`, `folder`, `link` …"""
    path: str
    to: str = ""
    """Where it is now, when it was renamed."""


def parse_change(line: str) -> Change:
    """One line. Raises CommandError."""
    cells = line.split("\t")
    if len(cells) < 3 or cells[0] not in KINDS:
        raise CommandError(f"What `zfs diff` said was not understood: “{clean(line, 100)}”.")
    moved = cells[3] if cells[0] == "R" and len(cells) > 3 else ""
    return Change(KINDS[cells[0]], TYPES.get(cells[1], "?"), unescape(cells[2]), unescape(moved))


def unescape(name: str) -> str:
    r"""`name` with zfs's `\0ooo` turned back into the bytes they stand for, read as UTF-8."""
    if "\\" not in name:
        return name
    raw = name.encode("utf-8", "surrogateescape")
    done = re.sub(rb"\\(0[0-7]{3})", lambda found: bytes([int(found[1], 8) & 255]), raw)
    return done.decode("utf-8", "replace")
