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
    from fcntl import LOCK_EX

    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    lock = os.open(name, flags, 0o600, dir_fd=place)
    try:
        found = os.fstat(lock)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_nlink != 1:
            raise Held(f"the lock {where}/{name} is not a plain file of root's own")
        if found.st_mode & 0o077:
            os.fchmod(lock, 0o600)
        if not _taken(lock, LOCK_EX, limit):
            raise Held(f"another process has held the lock {where}/{name} since {_clock(os.fstat(lock).st_mtime)}")
        os.utime(lock)
    except BaseException:
        os.close(lock)
        raise
    return lock


def beside_older(place: int) -> None:
    """Wait a moment for a helper of the release before, which locks the folder itself; its lock is no condition.

    Others may hold a folder that they can read for as long as they like, so this comes before `alone`: who waits here
    keeps nobody else waiting. Those who come this way share the folder.
    """
    from fcntl import LOCK_SH

    _taken(place, LOCK_SH, _FOLDER_LIMIT)


class _TimeIsUp(Exception):
    pass


def _taken(handle: int, how: int, limit: float) -> bool:
    """Take the lock, at once or in turn: the kernel wakes who waits in the order in which they came.

    Only the main thread can wait, and the helper has no other.
    """
    from _signal import ITIMER_REAL, SIG_DFL, SIGALRM, setitimer, signal  # type: ignore[import-not-found]
    from fcntl import LOCK_NB, flock

    try:
        flock(handle, how | LOCK_NB)
        return True
    except BlockingIOError:
        waits = [handle]

    def stop(*_: object) -> None:
        if waits:  # once, and never when it is over
            waits.clear()
            raise _TimeIsUp

    before = signal(SIGALRM, stop)
    setitimer(ITIMER_REAL, max(limit, 0.001), 0.05)  # again and again: the first may come just before flock waits
    try:
        flock(handle, how)
        waits.clear()
        return True
    except _TimeIsUp:
        return False
    finally:
        waits.clear()
        setitimer(ITIMER_REAL, 0)
        signal(SIGALRM, before or SIG_DFL)


def _clock(seconds: float) -> str:
    from time import gmtime, strftime

    return strftime("%Y-%m-%dT%H:%M:%SZ", gmtime(seconds))
