"""The crontabs of a box: the system's, and root's own where this account may read it. Bounded, and only read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ...errors import DPlaneError
from ...lazyclass import dataclass
from ...text import clean
from ..host.base import FILE_LIMIT
from .crontab import LINES_LIMIT

if TYPE_CHECKING:
    from ..host import Host

SYSTEM, FOLDER, ROOTS = "/etc/crontab", "/etc/cron.d", "/var/spool/cron/crontabs/root"
_PLACES = (SYSTEM, FOLDER, ROOTS)
_MOST_FILES = 100
_MOST_BYTES = 4 * FILE_LIMIT
_FIND = ("-maxdepth", "1", "-type", "f", "-printf", r"%s\t%p\0")
_RUN = re.compile(r"[A-Za-z0-9_-]+")
_CLOSED = "this account may not read it"


@dataclass(frozen=True, slots=True)
class Crontabs:
    """What was read, and what was not."""

    texts: dict[str, str]
    """The text of each crontab by its path; those that are not there or are empty are left out."""
    unseen: tuple[tuple[str, str], ...] = ()
    """Paths that could not be looked at, each with the clause that says why."""


def has_users(path: str) -> bool | None:
    """Whether a user's name stands before each command of the crontab there; None where that is not known."""
    if path == SYSTEM or path.startswith(f"{FOLDER}/"):
        return True
    return False if path == ROOTS else None


async def look(host: Host) -> Crontabs:
    """Read the crontabs of `host`. Never raises DPlaneError: what could not be looked at is in `unseen`."""
    try:
        listed = await host.run(["find", "-L", *_PLACES, *_FIND])
        sizes = _sizes(listed.text)
        paths, unseen = _chosen(sizes)
        texts = await host.read_files(paths) if paths else {}
    except DPlaneError as error:
        return Crontabs({}, ((", ".join(_PLACES), error.message.rstrip(".")),))
    unseen += [(path, _CLOSED) for path in paths if path not in texts]
    unseen += [(path, f"it has more than {LINES_LIMIT} lines") for path in texts if _long(texts[path])]
    unseen += _closed(sizes, listed.error, listed.status)
    return Crontabs({path: texts[path] for path in paths if path in texts and not _long(texts[path])}, tuple(unseen))


def _long(text: str) -> bool:
    return text.count("\n") >= LINES_LIMIT


def _sizes(listed: str) -> dict[str, int]:
    """Files by path, with their sizes in bytes."""
    found: dict[str, int] = {}
    for entry in listed.split("\0"):
        size, tab, path = entry.partition("\t")
        if tab and size.isascii() and size.isdigit():
            found[path] = int(size)
    return dict(sorted(found.items()))


def _chosen(sizes: dict[str, int]) -> tuple[list[str], list[tuple[str, str]]]:
    """Which files to read, and why not the others."""
    paths: list[str] = []
    unseen: list[tuple[str, str]] = []
    left = _MOST_BYTES
    for path, size in sizes.items():
        name = path.rpartition("/")[2]
        if size == 0 or name.startswith("."):
            continue
        if not _RUN.fullmatch(name):
            unseen.append((path, "Debian's cron runs no file of such a name"))
        elif size > FILE_LIMIT:
            unseen.append((path, "it is too large to be a crontab"))
        elif size > left or len(paths) >= _MOST_FILES:
            unseen.append((path, "there is too much to read all of it"))
        else:
            paths.append(path)
            left -= size
    return paths, unseen


def _closed(sizes: dict[str, int], errors: str, status: int) -> list[tuple[str, str]]:
    """The places that `find` could not look at, other than that they are not there."""
    if status != 0 and not any(place in errors for place in _PLACES):
        return [(", ".join(_PLACES), f"they could not be listed: {clean(errors.strip(), 100) or f'status {status}'}")]
    told: list[tuple[str, str]] = []
    for place in _PLACES:
        said = [line for line in errors.splitlines() if place in line and "No such file or directory" not in line]
        if said and place == FOLDER:
            told.append((place, "this account may not read all of it"))
        elif said and place not in sizes:
            told.append((place, _CLOSED if "Permission denied" in said[0] else clean(said[0], 100)))
        elif place not in sizes and place not in errors and place != FOLDER:
            told.append((place, "it is no file"))
    return told
