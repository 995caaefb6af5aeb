"""Files of a snapshot, and of its dataset as it is now: listed, read, counted, brought back; answers are JSON lines.

The same code serves root's helper, which mounts a snapshot for itself alone, and a person's own process (ownfiles.py),
which reads with that person's rights what ZFS shows below `.zfs/snapshot`.
"""

from __future__ import annotations

import os
import stat
from binascii import b2a_base64

from . import attributes, beneath, roots
from .attributes import about, identity
from .beneath import DIRECTORY, FILE, LOOK, shown
from .content import Teller
from .failure import Failure
from .places import ZFS
from .shape import Args

LISTED = 50_000  # names of a folder that are told at most
NEWEST = 200  # snapshots looked at when nothing is said: with own rights each stays mounted for minutes
_CHUNK = 42_000  # bytes of content in a line: with base64 and the rest below the 64 KiB that a line may have
_AWAY = (2, 20)  # ENOENT, ENOTDIR: simply not there


def serve(name: str, args: Args, *, own: bool) -> dict[str, object]:
    """Do one of the verbs `files-…`; returns what the audit log keeps of it. Raises Failure."""
    teller = Teller(1)
    kept: dict[str, object] = {}
    try:
        kept = VERBS[name](args, teller, own)
        teller.end()
    except BrokenPipeError:
        if "restored" not in kept:  # else it is done, and the audit log says so
            raise Failure("failed", "Nobody listens any more.") from None
    return {**kept, "items": teller.items, "bytes": teller.bytes}


def _top(of: str, *, own: bool) -> int:
    """The open top of a snapshot or a mounted dataset. Raises Failure."""
    dataset = of.partition("@")[0]
    roots.readable(dataset)
    return roots.snapshot(of, own=own) if "@" in of else roots.live(dataset)


def _begin(args: Args, field: str, teller: Teller, **more: object) -> None:
    """The first line, once it is open: it can no longer become another one, so its GUID is looked at again."""
    from .checks import guid_of

    name = str(args[field])
    now = guid_of(field, name)
    if now != args["guid"]:
        raise Failure("changed", f"{name} is not what you saw: its GUID is {now} now.")
    teller.begin(begin=name, guid=now, **more)


def _open(args: Args, top: int, flags: int, what: str) -> int:
    path = str(args.get("path", ""))
    try:
        return beneath.open_at(top, beneath.parts(path), flags)
    except OSError as error:
        raise roots.failure(error, f"{what} {path or 'at the top'} cannot be opened") from None


def _list(args: Args, teller: Teller, own: bool) -> dict[str, object]:
    """What is in a folder, by the bytes of the names."""
    top = _top(str(args["of"]), own=own)
    folder = _open(args, top, DIRECTORY, "The folder")
    _begin(args, "of", teller)
    names: list[bytes] = []
    cut = False
    with os.scandir(folder) as entries:
        for entry in entries:
            if len(names) == LISTED:
                cut = True
                break
            names.append(os.fsencode(entry.name))
    device = os.fstat(folder).st_dev
    for name in sorted(names):
        if name == b".zfs" and not args.get("path"):
            continue
        try:
            seen = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except OSError as error:
            teller.item(name=shown(name), type="unread", error=error.strerror)
            continue
        link = None
        if stat.S_ISLNK(seen.st_mode):
            link = shown(os.fsencode(os.readlink(name, dir_fd=folder)))
        teller.item(name=shown(name), **about(seen), link=link, mount=True if seen.st_dev != device else None)
    if cut:
        teller.item(cut=LISTED)
    return {}


def _versions(args: Args, teller: Teller, own: bool) -> dict[str, object]:
    """The thing at a path as it is now and in each snapshot, the newest first; what it is, not what is in it."""
    dataset = str(args["dataset"])
    names = beneath.parts(str(args["path"]))
    newest = args.get("newest")
    limit = newest if isinstance(newest, int) else NEWEST
    roots.readable(dataset)
    there = _snapshots(dataset)
    now: int | None = None
    try:
        now = roots.live(dataset)
    except Failure:
        if own:
            raise  # its snapshots are below it
    _begin(args, "dataset", teller, snapshots=len(there))
    if now is None:
        teller.item(snapshot="", error="the dataset is not mounted")
    else:
        teller.item(snapshot="", **_version(now, names))
    for short, guid, born in there[:limit]:
        full = f"{dataset}@{short}"
        found: dict[str, object]
        try:
            top = roots.snapshot(full, own=False) if now is None or not own else roots.snapshot_in(now, full, short)
            try:
                found = _version(top, names)
            finally:
                os.close(top)
        except Failure as why:
            found = {"error": str(why)}
        teller.item(snapshot=short, guid=guid, created=born, **found)
        teller.read(0)
    return {}


def _snapshots(dataset: str) -> list[tuple[str, str, int]]:
    """Name, GUID and Unix time of each snapshot of a dataset, the newest first."""
    from .programs import ask

    columns = ["-H", "-p", "-d", "1", "-t", "snapshot", "-o", "name,guid,createtxg,creation"]
    rows = [line.split("\t") for line in ask([ZFS, "list", *columns, "--", dataset]).splitlines()]
    rows.sort(key=lambda row: int(row[2]), reverse=True)
    return [(row[0].partition("@")[2], row[1], int(row[3])) for row in rows]


def _version(top: int, names: list[bytes]) -> dict[str, object]:
    try:
        return about(beneath.look(top, names))
    except OSError as error:
        if error.errno in _AWAY:
            return {"type": "absent"}
        return {"error": str(roots.failure(error, shown(b"/".join(names))))}


def _read(args: Args, teller: Teller, own: bool) -> dict[str, object]:
    """The content of a file, or the first `length` bytes of it, and the SHA-256 of what was read."""
    from hashlib import sha256

    top = _top(str(args["of"]), own=own)
    _regular(args, top)
    handle = _open(args, top, FILE, "The file")
    seen = os.fstat(handle)
    if not stat.S_ISREG(seen.st_mode):
        raise Failure("changed", f"{args['path']} is no file any more.")
    _begin(args, "of", teller, **about(seen))
    length = args.get("length")
    left = length if isinstance(length, int) else -1
    digest, buffer = sha256(), memoryview(bytearray(_CHUNK))
    try:
        while left and (count := os.readv(handle, [buffer if left < 0 else buffer[:left]])):
            digest.update(buffer[:count])
            teller.item(data=b2a_base64(buffer[:count], newline=False).decode("ascii"))
            teller.read(count)
            left -= count if left > 0 else 0
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise roots.failure(error, f"{args['path']} cannot be read to its end") from None
    teller.item(sha256=digest.hexdigest())
    return {}


def _regular(args: Args, top: int) -> None:
    """Refuse what is no file before it is opened: to open a device or a pipe can do something."""
    handle = _open(args, top, LOOK, "The file")
    kind = attributes.kind(os.fstat(handle))
    os.close(handle)
    if kind != "file":
        words = {"dir": "a folder", "link": "a symbolic link"}
        raise Failure("refused", f"{args['path']} is {words.get(kind, 'a device, pipe or socket')}, not a file.")


def _measure(args: Args, teller: Teller, own: bool) -> dict[str, object]:
    """What a restore would bring back, what stands in its place now, and how much room there is."""
    from .counting import count

    snapshot = str(args["snapshot"])
    top = _top(snapshot, own=own)
    names = beneath.parts(str(args["path"]))
    path = str(args["path"])
    try:
        seen = beneath.look(top, names)
        parent = beneath.open_at(top, names[:-1], DIRECTORY)
    except OSError as error:
        raise roots.failure(error, f"{path} of {snapshot} cannot be opened") from None
    _begin(args, "snapshot", teller, **about(seen))
    try:
        teller.item(**count(parent, names[-1], lambda: teller.read(0)))
    except OSError as error:
        raise roots.failure(error, f"{path} of {snapshot} cannot be read to its end") from None
    now = roots.live(snapshot.partition("@")[0])
    room = os.fstatvfs(now)
    teller.item(free=str(room.f_bavail * room.f_frsize))
    try:
        there = beneath.look(now, names)
        teller.item(there=identity(there), **about(there))
    except OSError as error:
        if error.errno not in _AWAY:
            raise roots.failure(error, f"{path} in the dataset cannot be looked at") from None
        teller.item(there="")
    return {}


def _restore(args: Args, teller: Teller, own: bool) -> dict[str, object]:
    """Bring it back; see restoring.py."""
    from .receiving import end_well
    from .restoring import Restore

    end_well()
    snapshot = str(args["snapshot"])
    dataset, _, short = snapshot.partition("@")
    source = _top(snapshot, own=own)
    target = roots.live(dataset)
    _begin(args, "snapshot", teller)
    restore = Restore(source, target, beneath.parts(str(args["path"])), short, teller)
    done = restore.run(over=args.get("over") is True, replaces=str(args.get("replaces", "")))
    teller.item(**done)
    return {name: done[name] for name in ("restored", "kept", "evidence") if name in done}


VERBS = {
    "files-list": _list,
    "files-versions": _versions,
    "files-read": _read,
    "files-measure": _measure,
    "files-restore": _restore,
}
