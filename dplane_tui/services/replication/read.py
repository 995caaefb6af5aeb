"""What one side has: datasets with their snapshots and bookmarks, from two listings whatever their number. Pure.

The list has only columns that OpenZFS can answer without opening each snapshot (`name,guid,createtxg`); the few
properties of datasets come from one `zfs get`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ...errors import CommandError
from ...lazyclass import dataclass, field

OWNER = "dplane:peer"
_NOTE = "dplane:was-"
UNSET = "unset"  # a note that the original has no such setting any more
NOT_NOTED = "not-noted"
"""A note that the original is shared in a way that no note can hold."""
_PROPERTIES = (
    "type",
    "guid",
    "written",
    "referenced",
    "available",
    "receive_resume_token",
    "encryptionroot",
    "keystatus",
    "keyformat",
    "pbkdf2salt",
    "pbkdf2iters",
)
SHARES = ("sharenfs", "sharesmb")
NOTED_FIRST = (
    *("compression", "recordsize", "volblocksize", "atime", "relatime", "quota", "refquota", "reservation"),
    *("refreservation", "mountpoint", "canmount", "acltype", "xattr", "snapdir", "primarycache", "secondarycache"),
    *("logbias", "sync", "copies", "special_small_blocks", "exec", "setuid", "devices", "readonly", "volmode"),
)
"""Those of PRESERVED that an agent of a release before `all_notes` knows."""
PRESERVED = (
    *NOTED_FIRST,
    *("checksum", "dedup", "dnodesize", "redundant_metadata", "aclinherit", "aclmode", "snapdev"),
    *("snapshot_limit", "filesystem_limit", *SHARES),
)
"""What a person may have set on the original, of what ZFS 2.1 and later have and what can be set on a dataset that is
there: a receive keeps these out, notes at the copy keep them for a restore."""


def note(name: str) -> str:
    """The user property at a copy that says what `name` was on the original."""
    return f"{_NOTE}{name.replace('_', '-')}"


LAST = "createtxg"
ASKED = (*_PROPERTIES, OWNER, *PRESERVED, *map(note, PRESERVED), LAST)
"""The properties that both sides are asked for, in this order: behind all texts of people's a number of ZFS's own, so
that no value can make up a dataset and be the last of its own."""
ASKED_FIRST = (*_PROPERTIES, OWNER, *NOTED_FIRST, *map(note, NOTED_FIRST), LAST)
"""What a peer of a release before `all_notes` takes in: to it a row of anything else is a piece of the value before."""
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""What no value has that anybody needs."""
_NO_LIMIT = str(2**64 - 1)  # what -p makes of `snapshot_limit=none`, which can only be set, not inherited
_SOURCES = frozenset(("-", "none", "local", "default", "received", "temporary"))


@dataclass(frozen=True, slots=True)
class Point:
    """A snapshot or bookmark: a point in time that an incremental can start from."""

    name: str
    """Behind the `@` or `#`."""
    guid: str
    createtxg: int


@dataclass(frozen=True, slots=True)
class Dataset:
    """One dataset of a side; snapshots and bookmarks oldest first."""

    name: str
    properties: dict[str, str] = field(default_factory=dict)
    """What ZFS tells of it, also SHARES as it inherits them, but nothing else of PRESERVED."""
    snapshots: tuple[Point, ...] = ()
    bookmarks: tuple[Point, ...] = ()
    local: dict[str, str] = field(default_factory=dict)
    """The properties of PRESERVED that were set on this very dataset, and SHARES that it received."""

    @property
    def kind(self) -> str:
        """`filesystem` or `volume`."""
        return self.properties.get("type", "filesystem")

    @property
    def token(self) -> str:
        """The resume token of an interrupted receive, or an empty text."""
        token = self.properties.get("receive_resume_token", "-")
        return "" if token == "-" else token  # noqa: S105

    @property
    def originals(self) -> dict[str, str]:
        """What was set on the original of this copy, as its notes say."""
        noted = {name: self.properties.get(note(name), "-") for name in PRESERVED}
        return {name: value for name, value in noted.items() if value not in ("-", UNSET)}

    @property
    def encrypted(self) -> bool:
        """Whether it is encrypted here."""
        return self.properties.get("encryptionroot", "-") not in ("-", "")

    def number(self, name: str) -> int | None:
        """A property in bytes; None is unknown."""
        value = self.properties.get(name, "")
        return int(value) if value.isascii() and value.isdigit() else None


Side = dict[str, Dataset]


def list_argv(dataset: str, recursive: bool) -> list[str]:
    """The listing of snapshots and bookmarks of a dataset, or of its whole tree."""
    depth = ["-r"] if recursive else ["-d", "1"]
    return ["zfs", "list", "-Hp", *depth, "-t", "snapshot,bookmark", "-o", "name,guid,createtxg", dataset]


def times_argv(dataset: str, recursive: bool) -> list[str]:
    """When the snapshots of a dataset, or of its whole tree, were taken."""
    depth = ["-r"] if recursive else ["-d", "1"]
    return ["zfs", "get", "-Hp", *depth, "-t", "snapshot", "-o", "name,value", "creation", dataset]


def parse_times(text: str) -> dict[str, float]:
    """Unix seconds by the full name of the snapshot; what is no time is left out."""
    rows = (line.split("\t") for line in text.splitlines())
    return {row[0]: float(row[1]) for row in rows if len(row) == 2 and _digits(row[1])}


def get_argv(dataset: str, recursive: bool, asked: Sequence[str] = ASKED) -> list[str]:
    """The properties of a dataset, or of its whole tree: one command for all that both sides are asked."""
    depth = ["-r"] if recursive else []
    columns = ["-t", "filesystem,volume", "-o", "name,property,value,source"]
    return ["zfs", "get", "-Hp", *depth, *columns, ",".join(asked), dataset]


def top_values(got: str, dataset: str) -> dict[str, str]:
    """What the first lines of the properties say of the dataset that was asked for; empty when they are not its lines.

    Nothing stands before them but numbers and words of ZFS itself, so no value of another dataset can be among them.
    """
    wanted = (*_PROPERTIES, OWNER)
    rows = [line.split("\t") for line in got.split("\n", len(wanted))[: len(wanted)]]
    if [row[:2] for row in rows] != [[dataset, name] for name in wanted] or any(len(row) != 4 for row in rows):
        return {}
    return {row[1]: row[2] if row[1] != OWNER or row[3] == "local" else "-" for row in rows}


def parse(listed: str, got: str, asked: Sequence[str] = ASKED) -> Side:
    """The side that the two listings describe, the second of the properties `asked` in that order.

    Raises CommandError for a line that ZFS would not write.
    """
    properties: dict[str, dict[str, str]] = {}
    local: dict[str, dict[str, str]] = {}
    same: dict[str, str] = {}
    for name, prop, value, source in settings(got, asked):
        known = properties.setdefault(name, {})
        if prop in SHARES:
            known[prop] = same.setdefault(value, value)  # many may inherit a long one
        if prop in PRESERVED:
            # A share that came with a stream of another tool was its own too.
            own = source == "local" or (source == "received" and prop in SHARES)
            if own and value != _NO_LIMIT:
                local.setdefault(name, {})[prop] = value
        elif source == "local" or not (prop == OWNER or prop.startswith(_NOTE)):
            known[prop] = value  # what is noted at the dataset above, or whose that is, is not this one's
    points: dict[str, tuple[list[Point], list[Point]]] = {name: ([], []) for name in properties}
    for line in _lines(listed):
        columns = line.split("\t")
        if len(columns) != 3 or not (_digits(columns[1]) and _digits(columns[2])):
            raise _strange(line)
        mark = "@" if "@" in columns[0] else "#"
        name, _, short = columns[0].partition(mark)
        if name in points and short:  # one made between the two listings is seen by the next run
            points[name][mark == "#"].append(Point(short, columns[1], int(columns[2])))
    return {
        name: Dataset(name, values, _ordered(points[name][0]), _ordered(points[name][1]), local.get(name, {}))
        for name, values in sorted(properties.items())
    }


def settings(got: str, asked: Sequence[str]) -> Iterator[tuple[str, str, str, str]]:
    """Dataset, property, value and source, row by row. A value may hold tabs and line ends, which -H does not escape.

    Rows come dataset by dataset, in the order asked for, so a line that begins none belongs to the value before. One
    that looks like a row out of that order is somebody's try to speak for another property: then nothing is believed.
    """
    order = {prop: number for number, prop in enumerate(asked)}
    seen: set[str] = set()
    name, at = "", -1
    row, behind = -1, 0  # where the row that is read begins, and where the line that is read ends
    for line in _lines(got):
        begins, behind = behind, behind + len(line) + 1
        head = line.split("\t", 2)
        number = order.get(head[1], -1) if len(head) == 3 else -1
        if number < 0 and row < 0:
            raise _strange(line)
        if number < 0:
            continue
        if row >= 0:
            yield _setting(got[row : begins - 1])
        if head[0] != name:
            name, at = head[0], -1
            if name in seen:
                raise _strange(line)
            seen.add(name)
        if number <= at:
            raise _strange(line)
        at, row = number, begins
    if row >= 0:
        yield _setting(got[row:-1])


def _setting(row: str) -> tuple[str, str, str, str]:
    name, prop, rest = row.split("\t", 2)
    value, mark, source = rest.rpartition("\t")
    if not mark or not (source in _SOURCES or source.startswith("inherited from ")) or "\n" in source:
        raise _strange(row)
    return name, prop, value, source


def _ordered(points: list[Point]) -> tuple[Point, ...]:
    return tuple(sorted(points, key=lambda point: (point.createtxg, point.name)))


def _lines(text: str) -> Iterator[str]:
    """The lines of a listing, of which there may be millions; a last one that is cut off cannot be understood."""
    if text and not text.endswith("\n"):
        raise _strange(text[text.rfind("\n") + 1 :])
    at = 0
    while at < len(text):
        end = text.index("\n", at)
        yield text[at:end]
        at = end + 1


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 20


def _strange(line: str) -> CommandError:
    shown = line[:80].encode("ascii", "replace").decode()
    return CommandError(f"A listing of ZFS has a line that cannot be understood: {shown!r}.")


def is_missing(stderr: str) -> bool:
    """Whether ZFS said that the dataset does not exist."""
    return "does not exist" in stderr or "no such pool" in stderr
