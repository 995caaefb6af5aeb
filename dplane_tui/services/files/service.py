"""Looking at files of snapshots, and bringing them back. Screens and commands call this."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import AsyncIterator, Callable
from hashlib import sha256
from typing import Any

from privhelper import beneath

from ...errors import CommandError, MissingError, RefusedError
from ...text import clean
from ..host import Host
from ..zfs import names
from ..zfs.model import Dataset
from ..zfs.read import ZfsReader
from .ask import ask
from .model import NOW, Content, Entry, Listing, Measured, Place, Restored, Version, Versions, readable
from .versions import group

VIEWED = 1 << 20
"""Bytes of a file that are read to be looked at or compared."""
NEWEST = 200
"""Snapshots looked at for versions, when nothing else is said."""
_KINDS = frozenset({"file", "dir", "link", "fifo", "socket", "char", "block", "unknown", "unread"})


def checked(path: bytes) -> str:
    """A path as a request writes it. Raises RefusedError for one that leads elsewhere."""
    text = beneath.shown(path)
    broken = beneath.path_problem(text)
    if broken:
        raise RefusedError(f"The path “{readable(path)[:80]}” {broken}.", "A path is written from the dataset's top.")
    return text


class FilesService:
    """Every method takes `as_root`: through the privileged door, which needs the role admin, is compared and written
    down; without it, the system decides what this account may read and write. Raises DPlaneError.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._zfs = ZfsReader(host)

    async def place(self, dataset: str, snapshot: str = NOW) -> Place:
        """A dataset as it is now, or at a snapshot. Raises MissingError when there is none."""
        if snapshot:
            found = await self._zfs.snapshot_named(f"{dataset}@{snapshot}")
            return Place(dataset, found.guid, snapshot, found.created)
        return Place(dataset, (await self._zfs.dataset(dataset)).guid)

    async def places(self, dataset: str) -> tuple[Place, ...]:
        """The dataset as it is now and at each snapshot, the newest first."""
        now = await self.place(dataset)
        taken = [one for one in await self._zfs.snapshots(dataset) if not one.bookmark]
        return (now, *(Place(dataset, one.guid, one.short, one.created) for one in reversed(taken)))

    async def datasets(self) -> tuple[Dataset, ...]:
        """Those with files that can be looked at."""
        found = await self._zfs.datasets()
        return tuple(one for one in found if one.kind == "filesystem" and one.mounted is not False)

    async def find(self, absolute: str) -> tuple[str, bytes]:
        """Dataset and path of what an absolute path names. Raises MissingError when no dataset is mounted there."""
        wanted = absolute.rstrip("/") or "/"
        best = ("", "")
        for one in await self.datasets():
            point = (one.mountpoint or "").rstrip("/")
            if point.startswith("/") or (one.mountpoint == "/" and not point):
                inside = wanted == point or wanted.startswith(point + "/")
                if inside and len(point) >= len(best[1]):
                    best = (one.name, point)
        if not best[0]:
            raise MissingError(
                f"No dataset of {self._host.name} is mounted at {clean(absolute, 80)} or above it.",
                "`dplane dataset list` shows where they are mounted.",
            )
        return best[0], wanted[len(best[1]) :].strip("/").encode("utf-8", "surrogateescape")

    async def list(self, place: Place, path: bytes, *, as_root: bool = False) -> Listing:
        """What is in a folder."""
        entries: list[Entry] = []
        cut = False
        request = await ask(
            self._host, "files-list", as_root=as_root, of=place.name, guid=place.guid, path=checked(path) or None
        )
        async with request as asking:
            async for told in asking.items():
                if "cut" in told:
                    cut = True
                else:
                    entries.append(_entry(told))
        return Listing(place, path, tuple(entries), cut)

    async def versions(
        self,
        dataset: str,
        path: bytes,
        *,
        as_root: bool = False,
        newest: int = NEWEST,
        progress: Callable[[int, int], None] = lambda _looked, _of: None,
    ) -> Versions:
        """Every version of what stands at a path, in the `newest` snapshots and now."""
        now = await self.place(names.dataset(dataset))
        found: list[tuple[Place, Entry]] = []
        problems: list[str] = []
        looked = without = 0
        request = await ask(
            self._host,
            "files-versions",
            as_root=as_root,
            dataset=dataset,
            guid=now.guid,
            path=checked(path),
            newest=newest,
        )
        async with request as asking:
            async for told in asking.items():
                short = str(told.get("snapshot", ""))
                looked += bool(short)
                if "error" in told:
                    where = f"{dataset}@{short}" if short else f"{dataset} as it is now"
                    problems.append(clean(f"{where}: {told['error']}", 300))
                elif told.get("type") == "absent":
                    without += bool(short)
                else:
                    place = Place(dataset, str(told.get("guid", "")), short, _number(told, "created")) if short else now
                    found.append((place, _entry({**told, "name": "x"}, path.rpartition(b"/")[2])))
                progress(looked, _number(asking.begun, "snapshots"))
            total = _number(asking.begun, "snapshots")
        return Versions(dataset, path, group(found), looked, total, without, tuple(problems))

    async def read(self, place: Place, path: bytes, *, as_root: bool = False, limit: int = VIEWED) -> Content:
        """The beginning of a file, `limit` bytes at most; compared with the digest the helper made of it."""
        request = await self._reading(place, path, as_root, limit)
        data = bytearray()
        async with request as asking:
            async for told in asking.items():
                if "data" in told:
                    data += _bytes(told)
                    if len(data) > limit:
                        raise CommandError("The helper told more of the file than was asked for, so it is not used.")
                else:
                    _compare(told, sha256(data).hexdigest(), readable(path))
            size = _number(asking.begun, "size")
        return Content(bytes(data), size, sha256(data).hexdigest())

    async def stream(self, place: Place, path: bytes, *, as_root: bool = False) -> AsyncIterator[bytes]:
        """All of a file, piece by piece. Raises at its end when it is not whole."""
        request = await self._reading(place, path, as_root, None)
        digest = sha256()
        async with request as asking:
            async for told in asking.items():
                if "data" in told:
                    piece = _bytes(told)
                    digest.update(piece)
                    yield piece
                else:
                    _compare(told, digest.hexdigest(), readable(path))

    async def _reading(self, place: Place, path: bytes, as_root: bool, limit: int | None) -> Any:
        return await ask(
            self._host,
            "files-read",
            as_root=as_root,
            of=place.name,
            guid=place.guid,
            path=checked(path),
            length=limit,
        )

    async def measure(self, place: Place, path: bytes, *, as_root: bool = False) -> Measured:
        """What a restore of a snapshot's file or folder would bring back, and what stands in its place."""
        told: dict[str, Any] = {}
        request = await ask(
            self._host,
            "files-measure",
            as_root=as_root,
            snapshot=place.name,
            guid=place.guid,
            path=checked(path),
        )
        name = path.rpartition(b"/")[2]
        there: Entry | None = None
        async with request as asking:
            async for item in asking.items():
                if item.get("there"):
                    there = _entry({**item, "name": "x"}, name)
                    told["there"] = item["there"]
                else:
                    told.update(item)
            entry = _entry({**asking.begun, "name": "x"}, name)
        counts = {key: _number(told, key) for key in ("files", "folders", "links", "others", "size", "free")}
        return Measured(place, path, entry, **counts, there=there, state=str(told.get("there", "")))

    async def restore(
        self,
        measured: Measured,
        *,
        over: bool,
        as_root: bool = False,
        progress: Callable[[int], None] = lambda _bytes: None,
    ) -> Restored:
        """Bring back what was measured, beside its old place or in it; what is there must still be what was seen.

        `progress` gets bytes copied and read back together. Cancelling it ends the restore, which is then undone.
        """
        if measured.entry.kind not in ("file", "dir", "link"):
            raise RefusedError(f"{readable(measured.path)} is a device, pipe or socket: there is nothing to restore.")
        if measured.size > measured.free:
            raise RefusedError(
                f"{readable(measured.path)} needs {measured.size} bytes, and {measured.free} are free in the dataset."
            )
        done: dict[str, Any] = {}
        request = await ask(
            self._host,
            "files-restore",
            as_root=as_root,
            progress=progress,
            snapshot=measured.place.name,
            guid=measured.place.guid,
            path=checked(measured.path),
            over=True if over else None,
            replaces=measured.state or None if over else None,
        )
        async with request as asking:
            async for told in asking.items():
                done = told
        if "restored" not in done:
            raise CommandError("The helper ended well but told of nothing restored.", "Look at the folder.")
        return _restored(measured, done)


def _restored(measured: Measured, done: dict[str, Any]) -> Restored:
    counts = {key: _number(done, key) for key in ("files", "folders", "links", "left_out")}
    return Restored(
        measured.place.name,
        _path(done, "restored"),
        _path(done, "kept"),
        **counts,
        size=_number(done, "bytes"),
        sha256=str(done.get("sha256", "")),
        evidence=str(done.get("evidence", "")),
    )


def newest_holder(version: Version) -> Place:
    """The snapshot to bring a version back from: the newest that holds it. Raises RefusedError for the one of now."""
    held = next((place for place in version.holders if place.snapshot), None)
    if held is None:
        raise RefusedError("This version is the one that is there now; no snapshot looked at holds it.")
    return held


def _entry(told: dict[str, Any], name: bytes | None = None) -> Entry:
    kind = told.get("type")
    if kind not in _KINDS:
        raise CommandError("What the helper told of a file cannot be understood, so it is not used.")
    numbers = {key: _number(told, key) for key in ("size", "mode", "uid", "gid", "mtime", "inode")}
    link, mount = _path(told, "link"), told.get("mount") is True
    own = _path(told, "name") if name is None else name
    return Entry(own, str(kind), **numbers, link=link, mount=mount, error=clean(str(told.get("error", "")), 200))


def _path(told: dict[str, Any], key: str) -> bytes:
    try:
        return beneath.raw(str(told.get(key, "")))
    except ValueError:
        raise CommandError("What the helper told as a name is none, so it is not used.") from None


def _number(told: dict[str, Any], key: str) -> int:
    value = told.get(key, 0)
    try:
        return int(value)
    except (TypeError, ValueError):
        raise CommandError("What the helper told as a number is none, so it is not used.") from None


def _bytes(told: dict[str, Any]) -> bytes:
    try:
        return b64decode(str(told["data"]), validate=True)
    except ValueError:
        raise CommandError("What the helper told of the content cannot be understood, so it is not used.") from None


def _compare(told: dict[str, Any], digest: str, name: str) -> None:
    if told.get("sha256", digest) != digest:
        raise CommandError(f"{name} did not arrive as it was read; nothing of it is to be trusted.", "Try again.")
