"""Brings one file or folder of a snapshot back into its dataset.

The copy is made in a folder of our own beside the place, which nobody else may enter, and read back there: only what
is the same as the snapshot's gets its name. What has that name already is never overwritten, it is kept under another.
Whatever happens before that (a signal, a full pool, nobody listening any more), our folder goes; one that a loss of
power left behind goes with the next restore to that place.
"""

from __future__ import annotations

import os
from errno import EEXIST, ENOENT
from time import gmtime, monotonic, strftime

from . import attributes, beneath, roots
from .beneath import DIRECTORY, NAME_LIMIT, shown
from .content import Teller
from .copying import Copy, drop, read_back, remove
from .failure import Failure

OURS = b".dplane-restoring-"
_TRIES = 100  # numbers tried for a name that is free
_LOOK_AGAIN = 1.0  # seconds between looks whether to stop


class Restore:
    """One restore: `names` of the snapshot's top `source` into the dataset's top `target`."""

    def __init__(self, source: int, target: int, names: list[bytes], short: str, teller: Teller) -> None:
        self._source, self._target, self._names = source, target, names
        self._suffix = f".restored-{short}".encode()
        self._teller = teller
        self._what = shown(b"/".join(names))
        self._looked = monotonic()

    def run(self, *, over: bool, replaces: str) -> dict[str, object]:
        """Do it and return what was done, with its evidence. Raises Failure; then nothing is there that was not."""
        try:
            parent = beneath.open_at(self._target, self._names[:-1], DIRECTORY)
        except OSError as error:
            if error.errno == ENOENT:
                folder = shown(b"/".join(self._names[:-1]))
                raise Failure(
                    "refused", f"The folder {folder} is not in the dataset any more; restore that folder instead."
                ) from None
            raise roots.failure(error, f"The folder of {self._what} cannot be opened") from None
        try:
            if over:
                self._same(parent, replaces)
            return self._in(parent, over)
        except OSError as error:
            raise roots.failure(error, f"{self._what} was not restored, nothing was changed") from None
        finally:
            os.close(parent)

    def _same(self, parent: int, replaces: str) -> None:
        """What stands there is what the person saw, or nothing as they saw nothing. Raises Failure `changed`."""
        try:
            seen = os.stat(self._names[-1], dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError:
            if replaces:
                raise Failure("changed", f"{self._what} is gone from the dataset; look again.") from None
            return
        if seen.st_dev != os.fstat(parent).st_dev:
            raise Failure("refused", f"Another file system is mounted at {self._what}.")
        if attributes.identity(seen) != replaces:
            raise Failure("changed", f"{self._what} in the dataset is not what you saw; look again.")

    def _in(self, parent: int, over: bool) -> dict[str, object]:
        sweep(parent)
        name = OURS + os.urandom(8).hex().encode()
        os.mkdir(name, 0o700, dir_fd=parent)
        work = os.open(name, DIRECTORY, dir_fd=parent)
        try:
            self._take(work, parent, name)
            try:
                copy = self._copy(work)
                placed, kept = self._place(copy, work, parent, over)
            finally:
                remove(parent, name, work)
        finally:
            os.close(work)
        os.fsync(parent)
        self._prove(placed, copy)
        result: dict[str, object] = {"restored": self._beside(placed), **copy.counts()}
        return {**result, "kept": self._beside(kept)} if kept else result

    def _take(self, work: int, parent: int, name: bytes) -> None:
        """Make the folder that was opened ours alone, if it is the one we made. Raises Failure `changed`, OSError."""
        if os.fstat(work).st_uid == os.geteuid() and not os.listdir(work):
            try:
                _lock(work)
                attributes.make_private(work)
            except OSError:
                drop(parent, name, work)
                raise
            if not os.listdir(work):  # an inherited ACL may have let somebody in until now
                return
        raise Failure("changed", f"Somebody changed the folder in which {self._what} was to be copied; try again.")

    def _copy(self, work: int) -> Copy:
        """Make the copy `new` and compare what is then read back. Raises Failure, OSError."""
        copy = Copy(self._listen)
        at = beneath.open_at(self._source, self._names[:-1], DIRECTORY)
        try:
            copy.make(at, self._names[-1], work, b"new")
        finally:
            os.close(at)
        found = read_back(work, b"new", self._listen)
        if found != copy.digest():
            raise Failure("failed", f"{self._what} was copied, but reads back differently; nothing was changed.")
        return copy

    def _place(self, copy: Copy, work: int, parent: int, over: bool) -> tuple[bytes, bytes]:
        """Give the copy its name: (that, the name under which what was there is kept, if anything was)."""
        name = self._names[-1]
        if not over:
            return _free(work, parent, name, self._suffix), b""
        try:
            beneath.put(work, b"new", parent, name)
        except OSError as error:
            if error.errno != EEXIST:
                raise
        else:
            return name, b""
        kept = _free(work, parent, name, f".kept-{strftime('%Y%m%dT%H%M%SZ', gmtime())}".encode())
        try:
            beneath.exchange(parent, kept, name)
        except OSError:
            if copy.is_it(os.stat(kept, dir_fd=parent, follow_symlinks=False)):  # never what was there before
                beneath.put(parent, kept, work, b"new")
            raise
        return name, kept

    def _prove(self, placed: bytes, copy: Copy) -> None:
        """What is found by its whole name from the top is the copy that was read back. Raises Failure."""
        try:
            seen = beneath.look(self._target, [*self._names[:-1], placed])
        except OSError as error:
            raise roots.failure(error, f"{self._beside(placed)} was restored, but cannot be found now") from None
        if not copy.is_it(seen):
            raise Failure("failed", f"{self._beside(placed)} was restored, but something else stands there now.")

    def _beside(self, name: bytes) -> str:
        return shown(b"/".join((*self._names[:-1], name)))

    def _listen(self, count: int) -> None:
        """So many bytes more were dealt with: tell, and look whether to stop. Raises Failure, BrokenPipeError."""
        self._teller.read(count)
        if monotonic() - self._looked > _LOOK_AGAIN:
            self._looked = monotonic()
            if _told_to_stop():
                raise Failure("failed", f"The restore of {self._what} was stopped; nothing was changed.")


def _told_to_stop() -> bool:
    """Whether a line `stop` came behind the request."""
    from select import POLLIN, poll

    waiting = poll()
    waiting.register(0, POLLIN)
    return bool(waiting.poll(0)) and os.read(0, 16).startswith(b"stop")


def _lock(work: int) -> None:
    """Hold our folder, so that no other restore takes it for a left-over."""
    from fcntl import LOCK_EX, LOCK_NB, flock

    flock(work, LOCK_EX | LOCK_NB)


def _private(work: int) -> bool:
    """Whether an open directory is ours and nobody else may enter it."""
    seen = os.fstat(work)
    return seen.st_uid == os.geteuid() and seen.st_mode & 0o777 == 0o700


def sweep(parent: int) -> None:
    """Remove what an earlier restore left in this folder when the machine stopped. Raises Failure, OSError.

    A name proves nothing where others may rename: only what holds a copy and nothing else, or nothing, can be ours.
    """
    for name in map(os.fsencode, os.listdir(parent)):
        if not name.startswith(OURS) or len(name) != len(OURS) + 16:
            continue
        try:
            work = os.open(name, DIRECTORY, dir_fd=parent)
        except OSError:
            continue  # not a folder, so not of ours
        try:
            if _private(work):
                _lock(work)
                if os.listdir(work) in ([], ["new"]):
                    remove(parent, name, work)
        except BlockingIOError:
            pass  # another restore is at work there
        finally:
            os.close(work)


def _free(work: int, parent: int, name: bytes, suffix: bytes) -> bytes:
    """Put the copy beside `name`, under a name with `suffix` that is free. Raises Failure, OSError."""
    for number in range(1, _TRIES):
        end = suffix if number == 1 else suffix + f"-{number}".encode()
        wanted = _cut(name, NAME_LIMIT - len(end)) + end
        try:
            beneath.put(work, b"new", parent, wanted)
        except OSError as error:
            if error.errno != EEXIST:
                raise
        else:
            return wanted
    raise Failure("refused", f"There are {_TRIES - 1} restored copies of {shown(name)} already; remove some.")


def _cut(name: bytes, limit: int) -> bytes:
    """`name` in at most `limit` bytes, at the border of a character."""
    while len(name) > limit:
        name = name[:limit]
        while name and name[-1] & 0xC0 == 0x80:
            name = name[:-1]
        name = name[:-1] if name and name[-1] >= 0xC0 else name
    return name
