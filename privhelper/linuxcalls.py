"""Calls of Linux that Python has not: tee(2), prctl(2), and those that mount where no path leads (fsopen(2) …)."""

from __future__ import annotations

import ctypes
import os

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
