"""Two calls of Linux that Python has not: tee(2) and prctl(2)."""

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
