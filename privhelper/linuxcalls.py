"""Calls of Linux that Python has not: tee(2), prctl(2), those that mount where no path leads (fsopen(2) …), and those
that look names up beneath a directory (openat2(2)) and rename without overwriting (renameat2(2))."""

from __future__ import annotations

import ctypes
import os
from sys import byteorder

_libc = ctypes.CDLL(None, use_errno=True)
_NOT_WAITING = 2  # SPLICE_F_NONBLOCK
_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG


def look(source: int, size: int) -> bytes:
    """The first `size` bytes of the pipe `source`, which stay in it; fewer when it holds fewer."""
    inlet, outlet = os.pipe()
    try:
        count = _libc.tee(source, outlet, ctypes.c_size_t(size), _NOT_WAITING)
        return os.read(inlet, size) if count > 0 else b""
    finally:
        os.close(inlet)
        os.close(outlet)


def die_with(parent: int, signal: int) -> None:
    """Let the kernel send this process `signal` when `parent` ends. Raises ProcessLookupError when it has ended."""
    zero = ctypes.c_ulong(0)
    if _libc.prctl(_DEATH_SIGNAL, ctypes.c_ulong(signal), zero, zero, zero) != 0 or os.getppid() != parent:
        raise ProcessLookupError


def mount_for_oneself(kind: str, source: str) -> int:
    """Mount `source` (a file system of that kind) read-only where no path leads; returns a descriptor of its root.

    It is in no namespace: nobody else sees it, and it goes with the descriptor, however this process ends. Raises
    OSError.
    """
    context = _call(_FSOPEN, kind.encode(), ctypes.c_uint(_CLOEXEC))
    try:
        for command, key, value in ((_STRING, b"source", source.encode()), (_FLAG, b"ro", None), (_CREATE, None, None)):
            _call(_FSCONFIG, ctypes.c_int(context), ctypes.c_uint(command), key, value, ctypes.c_int(0))
        mounted = _call(_FSMOUNT, ctypes.c_int(context), ctypes.c_uint(_CLOEXEC), ctypes.c_uint(_HARMLESS))
    finally:
        os.close(context)
    try:
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=mounted)
    finally:
        os.close(mounted)


def open_beneath(top: int, path: bytes, flags: int) -> int:
    """Open `path` beneath the directory `top`: through no link, no other mount, and never out of it. Raises OSError."""
    how = b"".join(number.to_bytes(8, byteorder) for number in (flags, 0, _BENEATH))
    return _call(_OPENAT2, ctypes.c_int(top), path, how, ctypes.c_size_t(len(how)))


def rename(source: int, old: bytes, target: int, new: bytes, *, exchange: bool = False) -> None:
    """Rename within directories, never over something; with `exchange`, let two names change places. Raises OSError.

    A file system that cannot (ZFS before 2.2) says EINVAL.
    """
    flags = ctypes.c_uint(_EXCHANGE if exchange else _NO_REPLACE)
    if _libc.renameat2(ctypes.c_int(source), old, ctypes.c_int(target), new, flags) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def write_out(handle: int) -> None:
    """Have everything of the file system of `handle` on the disk (syncfs(2)). Raises OSError."""
    if _libc.syncfs(ctypes.c_int(handle)) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


_OPENAT2 = 437
_BENEATH = 0x01 | 0x02 | 0x04 | 0x08  # RESOLVE_NO_XDEV, NO_MAGICLINKS, NO_SYMLINKS, BENEATH
_NO_REPLACE, _EXCHANGE = 1, 2
_FSOPEN, _FSCONFIG, _FSMOUNT = 430, 431, 432  # the same numbers on every architecture
_CLOEXEC = 1
_FLAG, _STRING, _CREATE = 0, 1, 6  # FSCONFIG_SET_FLAG, FSCONFIG_SET_STRING, FSCONFIG_CMD_CREATE
_HARMLESS = 1 | 2 | 4 | 8  # MOUNT_ATTR_RDONLY, NOSUID, NODEV, NOEXEC


def _call(number: int, *args: object) -> int:
    found: int = _libc.syscall(ctypes.c_long(number), *args)
    if found < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return found
