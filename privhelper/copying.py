"""Copies a file or tree with all that belongs to it, reads copies back, removes trees: by descriptor, past all links.

Both sides cannot be changed by others meanwhile: a snapshot never changes, and the copy lies in a folder of our own. So
`..` of a directory that was entered leads back.
"""

from __future__ import annotations

import os
import stat
from hashlib import sha256

from . import attributes
from .attributes import PIECE
from .beneath import DIRECTORY, FILE, shown
from .failure import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Listen = Callable[[int], None]  # called with bytes dealt with; may raise to stop

_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FORGET = 4  # POSIX_FADV_DONTNEED
_ZEROS = bytes(PIECE)


class Copy:
    """One copy as it is made: counts, and the digest of everything that was read."""

    def __init__(self, listen: Listen) -> None:
        self._listen = listen
        self._sum = sha256()
        self._linked: dict[int, tuple[bytes, ...]] = {}  # inode with several names → where its first copy is
        self._top: os.stat_result | None = None
        self._tally = dict.fromkeys(("files", "folders", "links", "left_out", "bytes"), 0)
        self._file_sum = ""

    def make(self, source: int, name: bytes, target: int, new: bytes) -> None:
        """Copy `name` of the directory `source` to `new` of `target`. Raises Failure, OSError."""
        seen = os.stat(name, dir_fd=source, follow_symlinks=False)
        if attributes.kind(seen) not in ("file", "dir", "link"):
            raise Failure("refused", f"{shown(name)} is a device, pipe or socket: there is nothing in it to restore.")
        if stat.S_ISDIR(seen.st_mode):
            self._tree(source, name, target, new)
        else:
            self._one(source, name, target, new, seen, (new,), target)
        handle = os.open(new, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=target)
        self._top = os.fstat(handle)
        os.close(handle)
        _on_disk(target, new, self._top, whole=self._tally["files"] > 1)

    def digest(self) -> bytes:
        """Of everything that was read, as `read_back` makes it of what was written."""
        return self._sum.digest()

    def counts(self) -> dict[str, object]:
        """What was copied; of a single file its SHA-256."""
        found: dict[str, object] = {**self._tally, "evidence": self._sum.hexdigest()}
        return {**found, "sha256": self._file_sum} if self._file_sum and not self._tally["folders"] else found

    def is_it(self, seen: os.stat_result) -> bool:
        """Whether `seen` is the copy as it was read back."""
        top = self._top
        kept = ("st_dev", "st_ino", "st_mode", "st_uid", "st_gid", "st_size", "st_mtime_ns")
        return top is not None and all(getattr(top, field) == getattr(seen, field) for field in kept)

    def _one(
        self,
        source: int,
        name: bytes,
        target: int,
        new: bytes,
        seen: os.stat_result,
        path: tuple[bytes, ...],
        base: int,
    ) -> None:
        """A file or a link; what is neither is counted and left out."""
        if stat.S_ISLNK(seen.st_mode):
            goal = os.readlink(name, dir_fd=source)
            has = attributes.extended((source, name))
            os.symlink(goal, new, dir_fd=target)
            attributes.apply_to_link(target, new, seen, has)
            self._tally["links"] += 1
            self._sum.update(attributes.line(b"/".join(path[1:]), seen, has, os.fsencode(goal)))
        elif stat.S_ISREG(seen.st_mode):
            self._tally["files"] += 1
            first = self._linked.get(seen.st_ino)
            if first is not None:
                self._link(base, first, target, new)
                has, digest = _look_into(target, new, self._listen)
            else:
                has, digest = self._file(source, name, target, new, seen)
                if seen.st_nlink > 1:
                    self._linked[seen.st_ino] = path
            self._file_sum = digest.hex()
            self._sum.update(attributes.line(b"/".join(path[1:]), seen, has, digest))
        else:
            self._tally["left_out"] += 1

    @staticmethod
    def _link(base: int, first: tuple[bytes, ...], target: int, new: bytes) -> None:
        """One more name for a file that is copied already."""
        from .beneath import open_at

        at = open_at(base, list(first[:-1]), DIRECTORY)
        try:
            os.link(first[-1], new, src_dir_fd=at, dst_dir_fd=target, follow_symlinks=False)
        finally:
            os.close(at)

    def _file(
        self, source: int, name: bytes, target: int, new: bytes, seen: os.stat_result
    ) -> tuple[attributes.Attributes, bytes]:
        read = os.open(name, FILE, dir_fd=source)
        try:
            has = attributes.extended(read)
            write = os.open(new, _NEW, 0o600, dir_fd=target)
            try:
                digest = self._content(read, write)
                attributes.apply(write, seen, has)
            finally:
                os.close(write)
        finally:
            os.close(read)
        return has, digest

    def _content(self, read: int, write: int) -> bytes:
        """Copy the bytes; a piece of zeros stays a hole."""
        digest, size = sha256(), 0
        buffer = memoryview(bytearray(PIECE))
        while count := os.readv(read, [buffer]):
            piece = buffer[:count]
            digest.update(piece)
            if piece != _ZEROS[:count]:
                done = 0
                while done < count:
                    done += os.pwrite(write, piece[done:], size + done)
            size += count
            self._tally["bytes"] += count
            self._listen(count)
        os.ftruncate(write, size)
        return digest.digest()

    def _tree(self, source: int, name: bytes, target: int, new: bytes) -> None:
        """A folder with everything below it. A folder gets its attributes once it is filled."""
        at, to = os.open(name, DIRECTORY, dir_fd=source), -1
        try:
            to = _new_folder(target, new)
            device = os.fstat(at).st_dev
            path: list[bytes] = [new]
            levels = [self._enter(at, path)]
            while levels:
                names, seen, has = levels[-1]
                name = next(names, b"")
                if not name:
                    at = _changed(at, b"..")
                    done, to = to, _above(to)  # before its owner, or its mode, may shut us out
                    try:
                        attributes.apply(done, seen, has)
                    finally:
                        os.close(done)
                    levels.pop()
                    path.pop()
                    continue
                below = os.stat(name, dir_fd=at, follow_symlinks=False)
                if below.st_dev != device:
                    raise Failure("refused", f"Another file system is mounted at {shown(name)}.")
                path.append(name)
                if stat.S_ISDIR(below.st_mode):
                    at = _changed(at, name)
                    to = _changed_new(to, name)
                    levels.append(self._enter(at, path))
                    continue
                self._one(at, name, to, name, below, tuple(path), target)
                path.pop()
        finally:
            os.close(at)
            if to >= 0:
                os.close(to)

    def _enter(self, at: int, path: list[bytes]) -> tuple[Iterator[bytes], os.stat_result, attributes.Attributes]:
        seen, has = os.fstat(at), attributes.extended(at)
        self._tally["folders"] += 1
        self._sum.update(attributes.line(b"/".join(path[1:]), seen, has, b""))
        self._listen(0)
        return _names(at), seen, has


def _names(at: int) -> Iterator[bytes]:
    return iter(sorted(map(os.fsencode, os.listdir(at))))


def _above(at: int) -> int:
    return os.open("..", DIRECTORY, dir_fd=at)


def _changed(at: int, name: bytes) -> int:
    """The directory `name` of `at`, which is closed."""
    below = os.open(name, DIRECTORY, dir_fd=at)
    os.close(at)
    return below


def _new_folder(at: int, name: bytes) -> int:
    os.mkdir(name, 0o700, dir_fd=at)
    return os.open(name, DIRECTORY, dir_fd=at)


def _changed_new(at: int, name: bytes) -> int:
    below = _new_folder(at, name)
    os.close(at)
    return below


def _on_disk(at: int, name: bytes, seen: os.stat_result, *, whole: bool) -> None:
    """What was copied is on the disk before it gets its name."""
    if whole or not stat.S_ISREG(seen.st_mode):
        from .linuxcalls import write_out

        write_out(at)
        return
    handle = os.open(name, FILE, dir_fd=at)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _look_into(at: int, name: bytes, listen: Listen) -> tuple[attributes.Attributes, bytes]:
    """Attributes and digest of a file."""
    handle = os.open(name, FILE, dir_fd=at)
    try:
        os.posix_fadvise(handle, 0, 0, _FORGET)  # what was written is to be read, not what is remembered of it
        digest, buffer = sha256(), memoryview(bytearray(PIECE))
        while count := os.readv(handle, [buffer]):
            digest.update(buffer[:count])
            listen(count)
        return attributes.extended(handle), digest.digest()
    finally:
        os.close(handle)


def read_back(target: int, name: bytes, listen: Listen) -> bytes:
    """The digest of a file, link or tree as it is there, comparable with `Copy.digest`. Raises OSError."""
    found = sha256()
    seen = os.stat(name, dir_fd=target, follow_symlinks=False)
    if not stat.S_ISDIR(seen.st_mode):
        found.update(_told(target, name, b"", seen, listen))
        return found.digest()
    at = os.open(name, DIRECTORY, dir_fd=target)
    try:
        path: list[bytes] = []
        found.update(attributes.line(b"", seen, attributes.extended(at), b""))
        levels = [_names(at)]
        while levels:
            name = next(levels[-1], b"")
            if not name:
                levels.pop()
                if path:
                    path.pop()
                    at = _changed(at, b"..")
                continue
            seen, whole = os.stat(name, dir_fd=at, follow_symlinks=False), b"/".join((*path, name))
            if stat.S_ISDIR(seen.st_mode):
                at = _changed(at, name)
                path.append(name)
                levels.append(_names(at))
                found.update(attributes.line(whole, seen, attributes.extended(at), b""))
            else:
                found.update(_told(at, name, whole, seen, listen))
        return found.digest()
    finally:
        os.close(at)


def _told(at: int, name: bytes, path: bytes, seen: os.stat_result, listen: Listen) -> bytes:
    if stat.S_ISLNK(seen.st_mode):
        goal = os.fsencode(os.readlink(name, dir_fd=at))
        return attributes.line(path, seen, attributes.extended((at, name)), goal)
    has, digest = _look_into(at, name, listen)
    return attributes.line(path, seen, has, digest)


def remove(parent: int, name: bytes, work: int) -> None:
    """Remove the open directory `work`, which we made as `name` of `parent`, with all that is in it.

    No link is followed, no other mount entered, and what somebody else has put under that name stays. Raises Failure,
    OSError.
    """
    _clear(work)
    drop(parent, name, work)


def drop(parent: int, name: bytes, work: int) -> None:
    """Remove the empty open directory `work`, if it still is `name` of `parent`. Raises OSError."""
    mine = os.fstat(work)
    try:
        there = os.stat(name, dir_fd=parent, follow_symlinks=False)
        if (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino):
            os.rmdir(name, dir_fd=parent)  # and if it was swapped since that look, only an empty one can go
    except (FileNotFoundError, NotADirectoryError):
        pass


def _clear(work: int) -> None:
    """Remove everything in an open directory."""
    at = os.open(".", DIRECTORY, dir_fd=work)
    try:
        device = os.fstat(at).st_dev
        entered: list[tuple[bytes, int]] = []  # the name, and the inode of the directory it was found in
        while True:
            below = _empty(at, device)
            if below:
                entered.append((below, os.fstat(at).st_ino))
                at = _changed(at, below)
                os.fchmod(at, 0o700)  # a folder of the copy may be closed to its own owner
                continue
            if not entered:
                return
            gone, above = entered.pop()
            at = _changed(at, b"..")
            if os.fstat(at).st_ino != above:
                raise Failure("changed", f"Somebody moved {shown(gone)} while it was being removed, so the rest stays.")
            os.rmdir(gone, dir_fd=at)
    finally:
        os.close(at)


def _empty(at: int, device: int) -> bytes:
    """Remove everything but folders from a directory; the first folder that is in it, if any."""
    for name in os.listdir(at):
        raw = os.fsencode(name)
        seen = os.stat(raw, dir_fd=at, follow_symlinks=False)
        if not stat.S_ISDIR(seen.st_mode):
            os.unlink(raw, dir_fd=at)
        elif seen.st_dev != device:
            raise Failure("failed", f"{shown(raw)} is on another file system, so it was not removed.")
        else:
            return raw
    return b""
