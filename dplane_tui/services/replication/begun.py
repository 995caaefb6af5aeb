"""What this box writes down before a peer's first receive, so that a power loss makes no stranger of the peer.

OpenZFS (zfs_ioctl.c, zfs_ioc_recv_impl) makes a new dataset with its resume state in one transaction group
(dmu_recv_begin), sets the properties of `-o` in a later one (zfs_set_prop_nvlist), and takes the stream only then
(dmu_recv_stream). Power that fails between the first two leaves a half-received dataset that carries nobody's mark.
What has a snapshot went through all three, so nothing whole is ever claimed by a note.
"""

from __future__ import annotations

import contextlib
import json
import os

from privhelper import strictjson

from ...lazyclass import dataclass

_LIMIT = 4096
_PREFIX = "begun-"


@dataclass(frozen=True, slots=True)
class Begun:
    """A first receive that was about to start."""

    peer: str
    dataset: str
    guid: str
    """Of the snapshot that was to come: a half-received dataset tells it too, in its resume token."""


def write(folder: str, begun: Begun) -> None:
    """Note it; on the disk when this returns. The latest note of a dataset is the one there is. Raises OSError."""
    from pathlib import Path

    from .keys import write_private  # only a first receive pays for loading it

    fields = {"peer": begun.peer, "dataset": begun.dataset, "guid": begun.guid}
    write_private(Path(_file(folder, begun.dataset)), json.dumps(fields).encode())


def every(folder: str, peer: str) -> list[Begun]:
    """All notes about what that peer began."""
    found: list[Begun] = []
    with contextlib.suppress(OSError):
        for entry in os.listdir(folder):
            noted = _read(f"{folder}/{entry}") if entry.startswith(_PREFIX) else None
            if noted is not None and noted.peer == peer and _file(folder, noted.dataset) == f"{folder}/{entry}":
                found.append(noted)
    return found


def read(folder: str, dataset: str) -> Begun | None:
    """The note about `dataset`; None when there is none that can be understood."""
    noted = _read(_file(folder, dataset))
    return noted if noted is not None and noted.dataset == dataset else None


def _read(path: str) -> Begun | None:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with os.fdopen(handle, "rb") as file:
        raw = file.read(_LIMIT)
    try:
        fields = strictjson.loads(raw)
    except strictjson.JsonError:
        return None
    if not isinstance(fields, dict):
        return None
    return Begun(str(fields.get("peer")), str(fields.get("dataset")), str(fields.get("guid")))


def remove(folder: str, dataset: str, peer: str) -> None:
    """Forget the note about `dataset` if it is that peer's."""
    noted = read(folder, dataset)
    if noted is not None and noted.peer == peer:
        with contextlib.suppress(OSError):
            os.unlink(_file(folder, dataset))


def _file(folder: str, dataset: str) -> str:
    import hashlib  # not every request pays for loading it

    return f"{folder}/{_PREFIX}{hashlib.sha256(dataset.encode()).hexdigest()[:32]}"
