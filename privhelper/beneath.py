"""Names below the top of a file system: how a request writes them, and how they are opened so that none leads out.

A path comes as text: names joined by `/`, with `%XX` for each byte that is not plain ASCII and for `%` itself, so that
any name of any file fits into JSON and into the audit log. There is one way to write a path, and only that is taken.
"""

from __future__ import annotations

import os
import stat
from errno import EAGAIN, EINVAL, ELOOP, ENOSYS, ENOTDIR, EPERM, EXDEV

from .failure import Failure
from .grammar import HEX, named

NAME_LIMIT = 255  # bytes of one name: what Linux takes
PATH_LIMIT = 4096  # bytes of a path, unescaped
_AT_ONCE = 3000  # bytes of a path that are given to the kernel in one call
_PATIENCE = 20  # times a look-up is tried again that something else disturbed
_UPPER_HEX = HEX - frozenset("abcdef") | frozenset("ABCDEF")

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
LOOK = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


def shown(raw: bytes) -> str:
    """Bytes as plain ASCII, each other one and `%` as `%XX`."""
    return "".join(chr(byte) if 0x20 <= byte < 0x7F and byte != 0x25 else f"%{byte:02X}" for byte in raw)


def raw(text: str) -> bytes:
    """The bytes that `shown` wrote as `text`. Raises ValueError for what it never writes."""
    found = bytearray()
    at = 0
    while at < len(text):
        char = text[at]
        if char == "%":
            digits = text[at + 1 : at + 3]
            if len(digits) != 2 or not _UPPER_HEX.issuperset(digits):
                raise ValueError("has a % without two hexadecimal digits (capitals) behind it")
            found.append(int(digits, 16))
            at += 3
        elif " " <= char <= "~":
            found.append(ord(char))
            at += 1
        else:
            raise ValueError(f"holds {named(char)}, which is written as % and two hexadecimal digits")
    if shown(bytes(found)) != text:
        raise ValueError("writes a character as % that stands for itself")
    return bytes(found)


def parts(text: str) -> list[bytes]:
    """The names of a path, checked; none for the top. Raises ValueError."""
    whole = raw(text)
    if not whole:
        return []
    if len(whole) > PATH_LIMIT:
        raise ValueError(f"must not be longer than {PATH_LIMIT} bytes")
    names = whole.split(b"/")
    for name in names:
        if not name:
            raise ValueError("has an empty name (it starts at the top, without a /)")
        if name in (b".", b".."):
            raise ValueError("holds . or .., which lead elsewhere")
        if len(name) > NAME_LIMIT:
            raise ValueError(f"has a name of more than {NAME_LIMIT} bytes")
        if b"\0" in name:
            raise ValueError("holds a NUL")
    if names[0] == b".zfs":
        raise ValueError("is in .zfs, where ZFS shows snapshots; name the snapshot instead")
    return names


def path_problem(value: object) -> str:
    """Why `value` cannot be a path, the top (an empty text) included."""
    if not isinstance(value, str):
        return "must be a text"
    try:
        parts(value)
    except ValueError as why:
        return str(why)
    return ""


def item_problem(value: object) -> str:
    """Why `value` cannot be the path of something below the top."""
    return "must not be empty: the top itself is not a file or folder" if value == "" else path_problem(value)


def open_at(top: int, names: list[bytes], flags: int) -> int:
    """Open what `names` lead to beneath the directory `top`; the top itself for none.

    No link is followed and no other mount entered, also when names are changed at that moment. Raises OSError: ELOOP
    for a link on the way, EXDEV for another file system, ENOENT, ENOTDIR, EACCES.
    """
    at = os.open(".", DIRECTORY, dir_fd=top)
    left = list(names)
    while left:
        chunk = [left.pop(0)]
        while left and sum(map(len, chunk)) + len(chunk) + len(left[0]) < _AT_ONCE:
            chunk.append(left.pop(0))
        try:
            below = _open(at, chunk, LOOK if left else flags)
        finally:
            os.close(at)
        at = below
    return at


def _open(top: int, names: list[bytes], flags: int) -> int:
    from .linuxcalls import open_beneath

    for _ in range(_PATIENCE):
        try:
            return open_beneath(top, b"/".join(names), flags)
        except OSError as error:
            if error.errno == EAGAIN:
                continue  # something was renamed meanwhile
            if error.errno in (ENOSYS, EPERM, EINVAL):
                return _step_by_step(top, names, flags)  # where the kernel, or a sandbox, has not that call
            if error.errno == ENOTDIR and flags & os.O_DIRECTORY and _is_link(top, names):
                raise OSError(ELOOP, os.strerror(ELOOP)) from None
            raise
    raise OSError(EAGAIN, os.strerror(EAGAIN))


def _is_link(top: int, names: list[bytes]) -> bool:
    """Whether a link stands at the end of a path; for words only."""
    try:
        handle = _open(top, names, LOOK)
    except OSError:
        return False
    seen = os.fstat(handle)
    os.close(handle)
    return stat.S_ISLNK(seen.st_mode)


def _step_by_step(top: int, names: list[bytes], flags: int) -> int:
    device = os.fstat(top).st_dev
    at = os.dup(top)
    try:
        for name in names[:-1]:
            try:
                below = os.open(name, LOOK | os.O_DIRECTORY, dir_fd=at)
            except NotADirectoryError:
                seen = os.stat(name, dir_fd=at, follow_symlinks=False)
                code = ELOOP if stat.S_ISLNK(seen.st_mode) else ENOTDIR
                raise OSError(code, os.strerror(code)) from None
            os.close(at)
            at = below
            if os.fstat(at).st_dev != device:
                raise OSError(EXDEV, os.strerror(EXDEV))
        if os.stat(names[-1], dir_fd=at, follow_symlinks=False).st_dev != device:
            raise OSError(EXDEV, os.strerror(EXDEV))
        found = os.open(names[-1], flags, dir_fd=at)
        if os.fstat(found).st_dev != device:
            os.close(found)
            raise OSError(EXDEV, os.strerror(EXDEV))
        return found
    finally:
        os.close(at)


def look(top: int, names: list[bytes]) -> os.stat_result:
    """What stands at the end of `names`, a link itself and not what it points to. Raises OSError."""
    handle = open_at(top, names, LOOK)
    try:
        return os.fstat(handle)
    finally:
        os.close(handle)


def put(source: int, old: bytes, target: int, new: bytes) -> None:
    """Rename without ever overwriting: FileExistsError when `new` is there. Raises OSError."""
    from .linuxcalls import rename

    try:
        rename(source, old, target, new)
        return
    except OSError as error:
        if error.errno != EINVAL:
            raise
    seen = os.stat(old, dir_fd=source, follow_symlinks=False)
    if stat.S_ISDIR(seen.st_mode):
        os.mkdir(new, 0o700, dir_fd=target)  # refuses when it is there; an empty one may be renamed over
        try:
            os.rename(old, new, src_dir_fd=source, dst_dir_fd=target)
        except OSError:
            os.rmdir(new, dir_fd=target)
            raise
    else:
        os.link(old, new, src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)
        os.unlink(old, dir_fd=source)


def exchange(at: int, one: bytes, other: bytes) -> None:
    """Let two names of a directory change places: at once where the file system can, else by a third. Raises OSError.

    Nothing is overwritten either way. Where it cannot, `other` is not there for a moment; then, Failure tells of one
    that somebody else made in that moment.
    """
    from .linuxcalls import rename

    try:
        rename(at, one, at, other, exchange=True)
        return
    except OSError as error:
        if error.errno != EINVAL:
            raise
    third = one[: NAME_LIMIT - 4] + b".new"
    put(at, one, at, third)
    put(at, other, at, one)
    try:
        put(at, third, at, other)
    except FileExistsError:
        raise Failure(
            "changed",
            f"Somebody made {shown(other)} anew at that moment, and that one stays. What was there before is "
            f"{shown(one)} now, and the snapshot's is {shown(third)}.",
        ) from None
    except OSError:
        put(at, one, at, other)
        put(at, third, at, one)
        raise
