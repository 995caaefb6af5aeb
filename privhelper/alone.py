"""One at a time: locks that only root can hold, waited for within a limit.

Whoever may open a file, even only to read it, may lock it. So a lock is a file of root's own that nobody else can open,
never a folder or a file that others look into.
"""

from __future__ import annotations

import os
import stat

LIMIT = 20.0  # seconds; who holds one of these writes a line or a small file
_FOLDER_LIMIT = 0.2


class Held(Exception):
    """The lock was not to be had in time, or is not ours; str() says which and since when, as a clause."""


def alone(place: int, name: str, where: str, limit: float = LIMIT) -> int:
    """Hold the lock `name` in the open folder `place` (at `where`) until the returned descriptor is closed.

    Waits for at most `limit` seconds. Raises Held, OSError.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    lock = os.open(name, flags, 0o600, dir_fd=place)
    try:
        found = os.fstat(lock)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_nlink != 1:
            raise Held(f"the lock {where}/{name} is not a plain file of root's own")
        if found.st_mode & 0o077:
            os.fchmod(lock, 0o600)
        if not _taken(lock, limit):
            raise Held(f"another process has held the lock {where}/{name} since {_clock(os.fstat(lock).st_mtime)}")
        os.utime(lock)
    except BaseException:
        os.close(lock)
        raise
    return lock


def beside_older(place: int) -> None:
    """Wait a moment for a helper of the release before, which locks the folder itself; its lock is no condition.

    Others may hold a folder that they can read for as long as they like.
    """
    _taken(place, _FOLDER_LIMIT)


def _taken(handle: int, limit: float) -> bool:
    from fcntl import LOCK_EX, LOCK_NB, flock
    from time import monotonic, sleep

    deadline, pause = monotonic() + limit, 0.001
    while True:
        try:
            flock(handle, LOCK_EX | LOCK_NB)
            return True
        except BlockingIOError:
            if monotonic() >= deadline:
                return False
        sleep(pause)
        pause = min(2 * pause, 0.05)


def _clock(seconds: float) -> str:
    from time import gmtime, strftime

    return strftime("%Y-%m-%dT%H:%M:%SZ", gmtime(seconds))
