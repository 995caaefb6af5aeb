"""The top of a snapshot, or of a mounted dataset, as an open directory that was proven to be just that."""

from __future__ import annotations

import os
from errno import EACCES, EDQUOT, ELOOP, ENOENT, ENOSPC, ENOTDIR, EPERM, EROFS, EXDEV

from .beneath import shown
from .failure import Failure
from .places import FILE_SYSTEM, ZFS

_TOP = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def failure(error: OSError, what: str) -> Failure:
    """What went wrong with `what`, as a sentence."""
    code, number = "failed", error.errno
    if number in (EACCES, EPERM):
        code, why = "role", "this user may not do that with its own rights"
    elif number in (ENOENT, ENOTDIR):
        code, why = "changed", "it is not there (any more)"
    elif number == ELOOP:
        code, why = "refused", "a symbolic link is in the way, and links are not followed"
    elif number == EXDEV:
        code, why = "refused", "another file system is mounted there"
    elif number in (ENOSPC, EDQUOT):
        why = "there is no room left (the pool is full, or a quota is reached)"
    elif number == EROFS:
        code, why = "refused", "the dataset is read-only"
    else:
        why = (error.strerror or "the system does not say why").lower()
    return Failure(code, f"{what}: {why}.")


def readable(dataset: str) -> None:
    """Refuse what has no files, or none that can be read. Raises Failure."""
    from .programs import ask

    rows = ask([ZFS, "get", "-H", "-p", "-o", "property,value", "type,keystatus", dataset]).splitlines()
    told = {row.partition("\t")[0]: row.partition("\t")[2] for row in rows}
    if told.get("type") != "filesystem":
        raise Failure("refused", f"{dataset} is a {told.get('type', '?')}: it holds blocks, not files.")
    if told.get("keystatus") == "unavailable":
        raise Failure("failed", f"{dataset} is encrypted and its key is not loaded, so nobody can read what is in it.")


def live(dataset: str) -> int:
    """The top of a mounted dataset. Raises Failure when it is not mounted as a whole, or may not be entered."""
    for number, point in _mounts(dataset):
        try:
            top = os.open(point, _TOP)
        except OSError as error:
            raise failure(error, f"{shown(point)}, where {dataset} is mounted, cannot be opened") from None
        if _mount_of(top) == number and os.readlink(f"/proc/self/fd/{top}".encode()) == point:
            return top
        os.close(top)  # a link led elsewhere, or something else is mounted over it
    raise Failure("failed", f"{dataset} is not mounted where its files could be reached.")


def snapshot(name: str, *, own: bool) -> int:
    """The top of a snapshot: with one's `own` rights where ZFS shows it, else mounted for this process alone."""
    if not own:
        from .linuxcalls import mount_for_oneself

        try:
            return mount_for_oneself(FILE_SYSTEM, name)
        except OSError as error:
            raise failure(error, f"{name} cannot be opened for reading") from None
    dataset, _, short = name.partition("@")
    above = live(dataset)
    try:
        return snapshot_in(above, name, short)
    finally:
        os.close(above)


def snapshot_in(above: int, name: str, short: str) -> int:
    """The top of the snapshot `name`, which ZFS shows below the top of its dataset. Raises Failure."""
    try:
        top = os.open(f".zfs/snapshot/{short}/.", _TOP, dir_fd=above)
    except OSError as error:
        raise failure(error, f"{name} cannot be opened for reading") from None
    number = _mount_of(top)
    if any(entry[0] == number for entry in _mounts(name)):
        return top
    os.close(top)
    raise Failure("failed", f"{name} cannot be opened for reading: what ZFS shows in its place is something else.")


def _mount_of(handle: int) -> str:
    """The number of the mount that an open file is on."""
    with open(f"/proc/self/fdinfo/{handle}") as about:
        for line in about:
            if line.startswith("mnt_id:"):
                return line.partition(":")[2].strip()
    return ""


def _mounts(source: str) -> list[tuple[str, bytes]]:
    """Number and mount point of each mount of the whole of `source`."""
    found = []
    with open("/proc/self/mountinfo", "rb") as table:
        for line in table:
            fields, _, rest = line.rstrip(b"\n").partition(b" - ")
            about, what = fields.split(b" "), rest.split(b" ")
            if len(about) < 6 or len(what) < 2 or about[3] != b"/":
                continue
            if what[0] == FILE_SYSTEM.encode() and _plain(what[1]) == source.encode():
                found.append((about[0].decode(), _plain(about[4])))
    return found


def _plain(field: bytes) -> bytes:
    """A field of mountinfo, where a space, a tab, a line end and a backslash are three octal digits."""
    for escape, char in ((b"\\040", b" "), (b"\\011", b"\t"), (b"\\012", b"\n"), (b"\\134", b"\\")):
        field = field.replace(escape, char)
    return field
