"""What one side has: datasets with their snapshots and bookmarks, from two listings whatever their number. Pure.

The list has only columns that OpenZFS can answer without opening each snapshot (`name,guid,createtxg`); the few
properties of datasets come from one `zfs get`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ...errors import CommandError

_PROPERTIES = "type,guid,written,referenced,available,receive_resume_token,encryptionroot,keystatus"


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
    snapshots: tuple[Point, ...] = ()
    bookmarks: tuple[Point, ...] = ()

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


def get_argv(dataset: str, recursive: bool) -> list[str]:
    """The properties of a dataset, or of its whole tree."""
    depth = ["-r"] if recursive else []
    return ["zfs", "get", "-Hp", *depth, "-t", "filesystem,volume", "-o", "name,property,value", _PROPERTIES, dataset]


def parse(listed: str, got: str) -> Side:
    """The side that the two listings describe. Raises CommandError for a line that ZFS would not write."""
    properties: dict[str, dict[str, str]] = {}
    for line in got.splitlines():
        name, _, rest = line.partition("\t")
        prop, tab, value = rest.partition("\t")
        if not tab:
            raise _strange(line)
        properties.setdefault(name, {})[prop] = value
    points: dict[str, tuple[list[Point], list[Point]]] = {name: ([], []) for name in properties}
    for line in listed.splitlines():
        columns = line.split("\t")
        if len(columns) != 3 or not (_digits(columns[1]) and _digits(columns[2])):
            raise _strange(line)
        mark = "@" if "@" in columns[0] else "#"
        name, _, short = columns[0].partition(mark)
        if name in points and short:  # one made between the two listings is seen by the next run
            points[name][mark == "#"].append(Point(short, columns[1], int(columns[2])))
    return {
        name: Dataset(
            name,
            values,
            *(tuple(sorted(kind, key=lambda point: (point.createtxg, point.name))) for kind in points[name]),
        )
        for name, values in sorted(properties.items())
    }


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 20


def _strange(line: str) -> CommandError:
    shown = line[:80].encode("ascii", "replace").decode()
    return CommandError(f"A listing of ZFS has a line that cannot be understood: {shown!r}.")


def is_missing(stderr: str) -> bool:
    """Whether ZFS said that the dataset does not exist."""
    return "does not exist" in stderr or "no such pool" in stderr
