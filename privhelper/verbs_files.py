"""The verbs for files in snapshots. All of them need the role admin: see docs/threats.md, 46."""

from __future__ import annotations

from . import grammar as g
from .beneath import NAME_LIMIT, PATH_LIMIT, item_problem, path_problem
from .grammar import DIGITS, Kind, text
from .shape import ADMIN, Arg, Value, Verb, When
from .verbargs import DATASET, GUID, SNAPSHOT

OURS = "privhelper"
_NEWEST_LIMIT = 100_000
_LENGTH_LIMIT = 1 << 40


def _place_problem(value: object) -> str:
    return g.snapshot_problem(value) if isinstance(value, str) and "@" in value else g.dataset_problem(value)


def _state_problem(value: object) -> str:
    if not isinstance(value, str):
        return "must be a text"
    inode, size, changed = [*value.split(":"), "", "", ""][:3]  # a time before 1970 has a - before it
    sound = value.count(":") == 2 and not any(
        text(number, 20, DIGITS, DIGITS) for number in (inode, size, changed.removeprefix("-"))
    )
    return "" if sound else "must be three numbers joined by :"


def _whole(value: object, limit: int) -> str:
    sound = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= limit
    return "" if sound else f"must be a whole number from 1 to {limit}"


_PATH_RULE = (
    f"names joined by /, below the top of the dataset: no ., .. or empty name, none longer than {NAME_LIMIT} bytes, "
    f"{PATH_LIMIT} in all, not .zfs; %XX (capitals) for each byte that is not plain ASCII, and for %"
)
PLACE = Kind("place", "a snapshot, or a dataset as it is now", "tank/data@dplane-2026-01-02", _place_problem)
FOLDER = Kind("folder-path", f"{_PATH_RULE}; empty for the top", "photos/2026", path_problem)
ITEM = Kind("item-path", f"{_PATH_RULE}; not empty", "photos/caf%C3%A9.jpg", item_problem)
STATE = Kind(
    "file-state",
    "inode, size and time of change (ns) joined by :, as files-measure told it",
    "34:1200:17",
    _state_problem,
)
NEWEST = Kind("newest", f"a whole number from 1 to {_NEWEST_LIMIT}", 100, lambda value: _whole(value, _NEWEST_LIMIT))
LENGTH = Kind(
    "length", f"a number of bytes from 1 to {_LENGTH_LIMIT}", 4096, lambda value: _whole(value, _LENGTH_LIMIT)
)

_OF = Arg("of", PLACE)
_PATH = Arg("path", ITEM)

FILES = (
    Verb(
        "files-list",
        ADMIN,
        "Lists a folder of a snapshot, or of a dataset as it is now, as JSON lines.",
        (_OF, GUID, Arg("path", FOLDER, optional=True)),
        (OURS, "files-list", Value("of"), Value("path")),
        guard="of",
        acts=False,
        stream="out",
        limit=0,
    ),
    Verb(
        "files-versions",
        ADMIN,
        "Tells what stands at a path of a dataset now and in each of its `newest` snapshots (200), as JSON lines.",
        (DATASET, GUID, _PATH, Arg("newest", NEWEST, optional=True)),
        (OURS, "files-versions", Value("dataset"), Value("path")),
        guard="dataset",
        acts=False,
        stream="out",
        limit=0,
    ),
    Verb(
        "files-read",
        ADMIN,
        "Reads a file, or its first `length` bytes, as JSON lines with base64, and its SHA-256. Files only.",
        (_OF, GUID, _PATH, Arg("length", LENGTH, optional=True)),
        (OURS, "files-read", Value("of"), Value("path")),
        guard="of",
        acts=False,
        stream="out",
        limit=0,
    ),
    Verb(
        "files-measure",
        ADMIN,
        "Tells what a restore would bring back (files, bytes), what stands in its place, and how much room there is.",
        (SNAPSHOT, GUID, _PATH),
        (OURS, "files-measure", Value("snapshot"), Value("path")),
        guard="snapshot",
        acts=False,
        stream="out",
        limit=0,
    ),
    Verb(
        "files-restore",
        ADMIN,
        "Brings a file or folder of a snapshot back into its mounted dataset, with owner, mode, ACLs and attributes: "
        "beside its old place as NAME.restored-SNAPSHOT, or with `over` in it. What is there must be what `replaces` "
        "says and is kept as NAME.kept-TIME. The copy is read back and compared before it gets its name. A line `stop` "
        "behind the request ends it.",
        (SNAPSHOT, GUID, _PATH, Arg("over", g.FLAG, optional=True), Arg("replaces", STATE, optional=True)),
        (OURS, "files-restore", Value("snapshot"), Value("path"), When("over", "--over"), Value("replaces")),
        guard="snapshot",
        stream="both",
        limit=0,
    ),
)
