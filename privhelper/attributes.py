"""What is kept of a file besides its content: told, copied onto another, and put into one line for comparing."""

from __future__ import annotations

import os
import stat
from errno import ENODATA, EOPNOTSUPP

KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "dir",
    stat.S_IFLNK: "link",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "char",
    stat.S_IFBLK: "block",
}
PIECE = 1 << 20
Attributes = list[tuple[bytes, bytes]]


def kind(seen: os.stat_result) -> str:
    """file, dir, link, fifo, socket, char, block, or unknown."""
    return KINDS.get(stat.S_IFMT(seen.st_mode), "unknown")


def about(seen: os.stat_result) -> dict[str, object]:
    """What is told of a thing; 64-bit numbers as texts."""
    return {
        "type": kind(seen),
        "mode": stat.S_IMODE(seen.st_mode),
        "uid": seen.st_uid,
        "gid": seen.st_gid,
        "size": str(seen.st_size),
        "mtime": str(seen.st_mtime_ns),
        "inode": str(seen.st_ino),
    }


def identity(seen: os.stat_result) -> str:
    """Which thing this is and in which state: what a person saw is compared by this before it is replaced."""
    return f"{seen.st_ino}:{seen.st_size}:{seen.st_mtime_ns}"


def _place(at: int, name: bytes) -> bytes:
    """A path to `name` of the open directory `at`, for calls that take no descriptor; its last part is not followed."""
    return b"/proc/self/fd/%d/%s" % (at, name)


def extended(target: int | tuple[int, bytes]) -> Attributes:
    """The extended attributes (ACLs are among them) of an open file, or of a name in a directory, in order.

    Empty where the file system has none. Raises OSError.
    """
    path, follow = (target, True) if isinstance(target, int) else (_place(*target), False)
    try:
        names = sorted(map(os.fsencode, os.listxattr(path, follow_symlinks=follow)))
    except OSError as error:
        if error.errno == EOPNOTSUPP:
            return []
        raise
    found = []
    for name in names:
        try:
            found.append((name, os.getxattr(path, name, follow_symlinks=follow)))
        except OSError as error:
            if error.errno != ENODATA:  # listed, and gone before it was read
                raise
    return found


def _set_extended(target: int | tuple[int, bytes], wanted: Attributes) -> None:
    """Give a file just these attributes: a new one may have got others from its folder. Raises OSError."""
    path, follow = (target, True) if isinstance(target, int) else (_place(*target), False)
    has = dict(extended(target))
    for name in has.keys() - dict(wanted).keys():
        os.removexattr(path, name, follow_symlinks=follow)
    for name, value in wanted:
        if has.get(name) != value:
            os.setxattr(path, name, value, follow_symlinks=follow)


def make_private(handle: int) -> None:
    """Let nobody else into an open directory, nor what is made in it inherit an ACL. Raises OSError."""
    _set_extended(handle, [])
    os.fchmod(handle, 0o700)


def apply(handle: int, seen: os.stat_result, attributes: Attributes) -> None:
    """Give an open file or directory the owner, attributes, mode and times of another. Raises OSError."""
    now = os.fstat(handle)
    if (now.st_uid, now.st_gid) != (seen.st_uid, seen.st_gid):
        os.fchown(handle, seen.st_uid, seen.st_gid)
    _set_extended(handle, attributes)
    os.fchmod(handle, stat.S_IMODE(seen.st_mode))  # behind the owner and the ACL: both change it
    os.utime(handle, ns=(seen.st_atime_ns, seen.st_mtime_ns))


def apply_to_link(at: int, name: bytes, seen: os.stat_result, attributes: Attributes) -> None:
    """The same for a symbolic link, which has no mode."""
    now = os.stat(name, dir_fd=at, follow_symlinks=False)
    if (now.st_uid, now.st_gid) != (seen.st_uid, seen.st_gid):
        os.chown(name, seen.st_uid, seen.st_gid, dir_fd=at, follow_symlinks=False)
    _set_extended((at, name), attributes)
    os.utime(name, ns=(seen.st_atime_ns, seen.st_mtime_ns), dir_fd=at, follow_symlinks=False)


def line(path: bytes, seen: os.stat_result, attributes: Attributes, content: bytes) -> bytes:
    """Everything that has to be the same of a restored thing and the snapshot's, as bytes to hash.

    `content` is the digest of a file or the target of a link. The size of a directory is the file system's own matter.
    """
    size = seen.st_size if stat.S_ISREG(seen.st_mode) else 0
    mode = 0 if stat.S_ISLNK(seen.st_mode) else stat.S_IMODE(seen.st_mode)
    numbers = (stat.S_IFMT(seen.st_mode), mode, seen.st_uid, seen.st_gid, size, seen.st_mtime_ns)
    fields = [path, b" ".join(str(number).encode() for number in numbers), content]
    for name, value in attributes:
        fields += [name, value]
    return b"".join(len(field).to_bytes(8, "big") + field for field in fields)
