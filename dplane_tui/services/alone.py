"""One process at a time: locks on files that only those who may take them can open.

Whoever may open a file, even only to read it, may lock it. So a lock's file is for its owner and group, never for all.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import random
import stat
import time
from collections.abc import Iterator
from pathlib import Path

MODE = 0o660


class HeldError(Exception):
    """Another process has the lock; str() says which and since when, as a clause in brackets."""


@contextlib.contextmanager
def alone(path: Path, seconds: float = 0.0) -> Iterator[None]:
    """Hold the lock file `path`, waited for at most that long. It goes with the process, however that ends.

    Raises HeldError; OSError when it is a link, no plain file, or not for this user.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, MODE)
    try:
        _shut(handle)
        deadline = time.monotonic() + seconds
        while not _taken(handle):
            if time.monotonic() >= deadline:
                since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(os.fstat(handle).st_mtime))
                raise HeldError(f"(the lock {path} is held since {since})")
            time.sleep(random.uniform(0.01, 0.1))  # noqa: S311 (spreads the processes, hides nothing)
        os.utime(handle)
        yield
    finally:
        os.close(handle)


def _shut(handle: int) -> None:
    """Close it to all others, by descriptor: the umask of who came first, or an older release, must not decide."""
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        raise OSError(errno.ELOOP, "is a link or no file, so it is not touched")
    if stat.S_IMODE(found.st_mode) != MODE:
        with contextlib.suppress(PermissionError):  # not the owner: the installer closes those
            os.fchmod(handle, MODE)


def _taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
