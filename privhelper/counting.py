"""Counts what is in a folder, without opening any file."""

from __future__ import annotations

import os
import stat

from .beneath import DIRECTORY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def count(parent: int, name: bytes, listen: Callable[[], None]) -> dict[str, object]:
    """Files, folders, links, other things and the bytes of all files below `name` of a directory, itself included.

    The directory must be one that nobody changes: that of a snapshot. Raises OSError.
    """
    found = dict.fromkeys(("files", "folders", "links", "others"), 0)
    size = 0
    names = [[name]]
    at = os.dup(parent)
    try:
        while names:
            if not names[-1]:
                names.pop()
                if names:
                    at = _changed(at, b"..")
                continue
            one = names[-1].pop()
            seen = os.stat(one, dir_fd=at, follow_symlinks=False)
            if stat.S_ISDIR(seen.st_mode):
                found["folders"] += 1
                at = _changed(at, one)
                names.append(list(map(os.fsencode, os.listdir(at))))
                listen()
            elif stat.S_ISREG(seen.st_mode):
                found["files"] += 1
                size += seen.st_size
            else:
                found["links" if stat.S_ISLNK(seen.st_mode) else "others"] += 1
    finally:
        os.close(at)
    return {**found, "size": str(size)}


def _changed(at: int, name: bytes) -> int:
    below = os.open(name, DIRECTORY, dir_fd=at)
    os.close(at)
    return below
