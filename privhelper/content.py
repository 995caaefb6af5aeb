"""Tells what is in a snapshot, a JSON line for each thing in a fixed order, so that two copies can be compared.

A file system is mounted where no path leads (linuxcalls.py); of a volume the stream of `zfs send` is read, for its
device may be switched off. Names are untrusted bytes: they are opened relative to their directory, no link is followed,
and `%XX` stands for what is not plain ASCII. A snapshot does not change, so its `..` can be trusted.
"""

from __future__ import annotations

import os
import stat
from time import monotonic

from .beneath import shown
from .failure import Failure
from .places import ZFS
from .shape import Args
from .strictjson import dumps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Chosen = Callable[[bytes], bool]  # whether what lies at a path is hashed, too

PATH_LIMIT = 16384
RANGE = 1 << 20  # bytes of a volume that one line is about
_PIECE = 1 << 20
_FLUSH = 1 << 15
_SILENT_SECONDS = 2.0  # so often a line comes, also while a large file is read
_KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "dir",
    stat.S_IFLNK: "link",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "char",
    stat.S_IFBLK: "block",
}
# Whether these are seen depends on a setting of the dataset (acltype), which a copy need not have.
_NOT_COMPARED = ("system.posix_acl_access", "system.posix_acl_default")


class Teller:
    """Writes lines to `sink`, a few at a time, and counts what they tell."""

    def __init__(self, sink: int) -> None:
        self._sink = sink
        self._held = bytearray()
        self._flushed = monotonic()
        self.items = 0
        self.bytes = 0
        """Bytes of content that were hashed."""

    def item(self, **fields: object) -> None:
        """Tell of one thing; fields that are None are left out."""
        self.items += 1
        self._line({name: value for name, value in fields.items() if value is not None})

    def begin(self, **fields: object) -> None:
        """The first line: what is told of."""
        self._line(fields)
        self._flush()

    def end(self) -> None:
        """The last line, without which it is not whole."""
        self._line({"end": True, "items": self.items, "bytes": self.bytes})
        self._flush()

    def read(self, count: int) -> None:
        """So many bytes more were hashed: says so when nothing was said for a while."""
        self.bytes += count
        if monotonic() - self._flushed > _SILENT_SECONDS:
            self._line({"read": self.bytes})
            self._flush()

    def _line(self, fields: dict[str, object]) -> None:
        self._held += dumps(fields).encode("ascii") + b"\n"
        if len(self._held) > _FLUSH:
            self._flush()

    def _flush(self) -> None:
        """Raises BrokenPipeError when nobody listens any more."""
        left = memoryview(self._held)
        while left:
            left = left[os.write(self._sink, left) :]
        self._held = bytearray()
        self._flushed = monotonic()


def sampled(seed: str, percent: int) -> Chosen:
    """Which paths are in the sample: the same ones on each box, and others with another seed."""
    if percent >= 100:
        return lambda _path: True
    from hashlib import sha256

    start = seed.encode()
    return lambda path: int.from_bytes(sha256(start + b"\0" + path).digest()[:8], "big") % 10000 < percent * 100


def files(root: int, teller: Teller, chosen: Chosen) -> None:
    """Tell of everything below the directory `root`: each before what is in it, names in the order of their bytes."""
    device = os.fstat(root).st_dev
    at = os.dup(root)
    try:
        _tell(teller, at, b".", b"", chosen)
        path: list[bytes] = []
        levels = [_names(at, top=True)]
        while levels:
            name = next(levels[-1], None)
            if name is None:
                levels.pop()
                if path:
                    path.pop()
                    at = _changed(at, b"..")
                continue
            whole = b"/".join((*path, name))
            inside = _tell(teller, at, name, whole, chosen, device)
            if inside is None:
                continue
            os.close(at)
            at, names = inside
            path.append(name)
            levels.append(names)
    finally:
        os.close(at)


def _changed(at: int, name: bytes) -> int:
    """The directory `name` of the directory `at`, which is closed."""
    try:
        return os.open(name, _DIRECTORY, dir_fd=at)
    finally:
        os.close(at)


_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


_NOTHING: Iterator[bytes] = iter(())


def _names(at: int, *, top: bool = False) -> Iterator[bytes]:
    names = sorted(map(os.fsencode, os.listdir(at)))
    return iter([name for name in names if not (top and name == b".zfs")])  # ZFS's own, when snapdir=visible


def _tell(
    teller: Teller, at: int, name: bytes, path: bytes, chosen: Chosen, device: int | None = None
) -> tuple[int, Iterator[bytes]] | None:
    """Tell of one thing. Returns a directory that is to be gone into, with its names; None for everything else."""
    found: dict[str, object] = {"path": shown(path[:PATH_LIMIT]), "type": "unread"}
    inside, names = -1, _NOTHING
    try:
        if len(path) > PATH_LIMIT:
            raise OSError(36, "")  # ENAMETOOLONG
        seen = os.stat(name, dir_fd=at, follow_symlinks=False)
        kind = stat.S_IFMT(seen.st_mode)
        about = {
            "type": _KINDS.get(kind, "unknown"),
            "mode": stat.S_IMODE(seen.st_mode),
            "uid": seen.st_uid,
            "gid": seen.st_gid,
            "mtime": str(seen.st_mtime_ns),
        }
        if device is not None and seen.st_dev != device:
            raise OSError(18, "")  # EXDEV
        if kind == stat.S_IFREG:
            about |= _file(teller, at, name, seen.st_size, chosen(path))
        elif kind == stat.S_IFLNK:
            about["link"] = shown(os.readlink(name, dir_fd=at))
        elif kind in (stat.S_IFCHR, stat.S_IFBLK):
            about["size"] = seen.st_rdev
        elif kind == stat.S_IFDIR and device is not None:
            inside = os.open(name, _DIRECTORY, dir_fd=at)
            about["xattr"] = _xattr(inside)
            names = _names(inside)
        found |= about
    except OSError as error:
        from errno import errorcode

        found["error"] = errorcode.get(error.errno or 0, "unknown")
        if inside >= 0:
            os.close(inside)
            inside = -1
    teller.item(**found)
    return (inside, names) if inside >= 0 else None


def _file(teller: Teller, at: int, name: bytes, size: int, hashed: bool) -> dict[str, object]:
    """Size, extended attributes and, if wanted, the SHA-256 of a file."""
    handle = os.open(name, _FILE, dir_fd=at)
    try:
        found: dict[str, object] = {"size": size, "xattr": _xattr(handle)}
        if hashed:
            from hashlib import sha256

            digest, buffer = sha256(), memoryview(bytearray(_PIECE))
            while count := os.readv(handle, [buffer]):
                digest.update(buffer[:count])
                teller.read(count)
            found["sha256"] = digest.hexdigest()
        return found
    finally:
        os.close(handle)


def _xattr(handle: int) -> str | None:
    """A digest of the extended attributes; "" for none, None where the file system shows none at all."""
    from errno import EOPNOTSUPP

    try:
        names = sorted(set(os.listxattr(handle)).difference(_NOT_COMPARED))
        if not names:
            return ""
        from hashlib import sha256

        digest = sha256()
        for name in names:
            for part in (os.fsencode(name), os.getxattr(handle, name)):
                digest.update(len(part).to_bytes(8, "big") + part)
        return digest.hexdigest()
    except OSError as error:
        if error.errno == EOPNOTSUPP:
            return None
        raise


def blocks(read: Callable[[int], bytes], teller: Teller, chosen: Chosen) -> None:
    """Tell of a volume from its stream, a range of RANGE bytes a line; what holds only zeros is left out.

    Layout of the records: dmu_replay_record in OpenZFS's zfs_ioctl.h. Raises Failure for a stream of another kind.
    """
    from sys import byteorder

    held, start = bytearray(RANGE), 0
    empty = bytes(RANGE)

    def told() -> None:
        path = b"%020d" % start
        if held != empty:
            from hashlib import sha256

            digest = sha256(held).hexdigest() if chosen(path) else None
            teller.item(path=path.decode(), type="range", size=RANGE, sha256=digest)
        if chosen(path):
            teller.read(RANGE)

    while True:
        record = read(312)
        kind = int.from_bytes(record[:4], byteorder)

        def number(place: int, size: int = 8, record: bytes = record) -> int:
            return int.from_bytes(record[place : place + size], byteorder)

        if kind == _END:
            told()
            return
        payload = read(_payload(kind, number, record))
        if kind != _WRITE or number(8) != _VOLUME_OBJECT:
            continue
        offset = number(24)
        while payload:
            if offset < start:
                raise Failure("failed", "The stream of the volume is not in the order of its blocks.")
            if offset >= start + RANGE:
                told()
                held, start = bytearray(RANGE), offset // RANGE * RANGE
            count = min(len(payload), start + RANGE - offset)
            held[offset - start : offset - start + count] = payload[:count]
            payload, offset = payload[count:], offset + count


_BEGIN, _OBJECT, _FREED, _WRITE, _FREE, _END, _SPILL = 0, 1, 2, 3, 4, 5, 7
_VOLUME_OBJECT = 1
_LARGEST = 32 << 20


def _payload(kind: int, number: Callable[..., int], record: bytes) -> int:
    """How many bytes follow a record of the stream. Raises Failure for what a plain stream of a volume has not."""
    if kind == _BEGIN:
        size = number(4, 4)
    elif kind == _OBJECT:
        size = number(36, 4) or (number(28, 4) + 7) // 8 * 8
    elif kind == _WRITE and record[50] == 0:  # not compressed
        size = number(32)
    elif kind == _SPILL and record[33] == 0:
        size = number(16)
    elif kind in (_FREED, _FREE):
        size = 0
    else:
        size = -1
    if not 0 <= size <= _LARGEST:
        raise Failure("failed", f"The stream of the volume has a record (kind {kind}) that cannot be understood.")
    return size


def tell(args: Args) -> dict[str, object]:
    """Do the verb `content`; returns what the audit log keeps of it. Raises Failure."""
    from .checks import zfs_get

    snapshot = str(args["snapshot"])
    dataset = snapshot.partition("@")[0]
    kind = zfs_get(dataset, "type")
    if zfs_get(dataset, "keystatus") == "unavailable":
        raise Failure("failed", f"{dataset} is encrypted and its key is not loaded, so nobody can read what is in it.")
    os.nice(10)
    teller = Teller(1)
    percent = args.get("percent")
    chosen = sampled(str(args.get("seed", "")), percent if isinstance(percent, int) else 100)
    try:
        (_volume if kind == "volume" else _filesystem)(args, teller, chosen)
        teller.end()
    except BrokenPipeError:
        raise Failure("failed", f"Nobody listens any more to what is in {snapshot}.") from None
    return {"items": teller.items, "bytes": teller.bytes}


def _filesystem(args: Args, teller: Teller, chosen: Chosen) -> None:
    from .linuxcalls import mount_for_oneself

    snapshot = str(args["snapshot"])
    try:
        root = mount_for_oneself("zfs", snapshot)
    except OSError as error:
        raise Failure("failed", f"{snapshot} cannot be opened for reading: {error.strerror}.") from None
    _begin(args, teller, "filesystem")
    files(root, teller, chosen)


def _begin(args: Args, teller: Teller, kind: str) -> None:
    """The first line, once the snapshot is open: it can no longer become another one, so it is looked at again."""
    from .checks import guid_of

    snapshot = str(args["snapshot"])
    now = guid_of("snapshot", snapshot)
    if now != args["guid"]:
        raise Failure("changed", f"{snapshot} is not what you saw: its GUID is {now} now.")
    teller.begin(begin=kind, guid=now)


def _volume(args: Args, teller: Teller, chosen: Chosen) -> None:
    from . import programs

    argv = [ZFS, "send", "--", str(args["snapshot"])]
    child, stream, errors = programs.tap(argv)

    def read(size: int) -> bytes:
        parts: list[bytes] = []
        while size:
            piece = os.read(stream, min(size, _PIECE))
            if not piece:
                raise EOFError
            parts.append(piece)
            size -= len(piece)
        return b"".join(parts)

    whole = True
    try:
        _begin(args, teller, "volume")
        blocks(read, teller, chosen)
    except EOFError:
        whole = False
    finally:
        os.close(stream)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status != 0 or not whole:
        raise programs.failure(argv, programs.Output(status, b"", os.pread(errors, 65536, 0)))
