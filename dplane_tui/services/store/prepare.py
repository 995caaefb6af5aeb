"""What happens to the store's files before they are used: created, checked, migrated, backed up, replaced when damaged.

Plain blocking code: it runs in a thread, and under a lock file where it changes files.
"""

from __future__ import annotations

import contextlib
import errno
import os
import random
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from ...errors import CommandError
from ...lazyclass import dataclass
from ..alone import HeldError, alone
from .faults import is_busy, is_damage

MIGRATIONS = Path(__file__).parents[2] / "migrations"
BUSY_SECONDS = 30.0
BACKUPS_KEPT = 7
T = TypeVar("T")
_HOLDS_LEFT = (
    "A run that was cut off may have left holds which this store does not know, so that those snapshots cannot be "
    "destroyed. When no run is at work, `zfs list -H -o name -t snapshot | xargs -d '\\n' zfs holds -H | grep "
    "dplane-replicate-` shows them; `zfs release TAG SNAPSHOT` ends one."
)
_SIDE_FILES = ("-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a person must hear about the store; `at` in Unix seconds."""

    at: float
    text: str


def patiently(act: Callable[[], T]) -> T:
    """Run `act`, again while other processes keep the database busy, for at most BUSY_SECONDS."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            return act()
        except sqlite3.Error as error:
            if not is_busy(error) or time.monotonic() > deadline:
                raise
        time.sleep(random.uniform(0.01, 0.1))  # noqa: S311 (spreads the processes, hides nothing)


def migrations() -> list[tuple[int, str]]:
    """Version and SQL text of each migration, oldest first."""
    files = sorted(MIGRATIONS.glob("[0-9][0-9][0-9][0-9]_*.sql"))
    return [(int(file.name[:4]), file.read_text("utf-8")) for file in files]


def connect(path: Path) -> sqlite3.Connection:
    """A blocking connection with our settings, for reading and writing."""
    db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    db.execute("PRAGMA foreign_keys=ON")
    return db


def version_of(db: sqlite3.Connection) -> int:
    """The schema version the database has; 0 is an empty one."""
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def refuse_newer(found: int, known: int, path: Path) -> None:
    """Raise when the store was written by a newer release: guessing at its meaning could lose data."""
    if found > known:
        raise CommandError(
            f"The store {path} was written by a newer D-Plane (schema {found}, this one knows {known}).",
            "Use the newer release, or put back a backup from before the upgrade.",
        )


def _statements(sql: str) -> Iterator[str]:
    kept = ""
    for line in sql.splitlines(keepends=True):
        kept += line
        if sqlite3.complete_statement(kept):
            yield kept
            kept = ""


def migrate(db: sqlite3.Connection, path: Path) -> None:
    """Bring the schema up to date in one transaction that excludes every other writer."""
    known = migrations()
    refuse_newer(version_of(db), known[-1][0], path)
    if version_of(db) == known[-1][0]:
        return
    patiently(lambda: db.execute("BEGIN EXCLUSIVE"))
    try:
        done = version_of(db)  # again: another process may have been faster
        for version, sql in known:
            if version > done:
                for statement in _statements(sql):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version={version}")
        db.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        raise


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Only one process at a time changes which files the store is made of."""
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(alone(path.with_suffix(".lock"), BUSY_SECONDS))
        except HeldError as other:
            raise CommandError(
                f"Another D-Plane process is changing the store's files for too long {other}.", "Try again in a moment."
            ) from None
        yield


def _share(path: Path) -> None:
    """Let the group write: the folder is set-group-id, but the umask of who came first must not decide."""
    with contextlib.suppress(OSError):  # not the owner: whoever is has done it
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            _let_group_write(handle)
        finally:
            os.close(handle)


def _let_group_write(handle: int) -> None:
    """By descriptor, and only for a file that has no other name: the group may replace what lies in the folder."""
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        raise OSError(errno.ELOOP, "is a link or no file, so it is not touched")
    with contextlib.suppress(PermissionError):  # not the owner: whoever is has done it
        os.fchmod(handle, 0o664)


def refuse_links(path: Path) -> None:
    """Raise CommandError when the store, or what SQLite keeps beside it, is a link: the group may put one there."""
    for name in (path, *(path.with_name(path.name + suffix) for suffix in _SIDE_FILES)):
        with contextlib.suppress(FileNotFoundError):
            found = name.lstat()
            if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
                raise CommandError(
                    f"{name} is a link, or no plain file, so the store is not opened: somebody put it there.",
                    "Look who (`ls -l`), remove it, and see `dplane audit`.",
                )


def refuse_programs(db: sqlite3.Connection) -> None:
    """Raise CommandError for a database that acts by itself: no release makes triggers or views."""
    found = [str(row[0]) for row in db.execute("SELECT name FROM sqlite_master WHERE type IN ('trigger', 'view')")]
    if found:
        raise CommandError(
            f"The store holds {len(found)} trigger(s) or view(s) that D-Plane did not make, so nothing of it is used.",
            "Somebody with the operate role put them there; a backup from before is in the folder backup beside it.",
        )


def is_ready(path: Path) -> bool:
    """Whether the store is sound, in WAL mode and up to date, found out without writing. Raises what SQLite says."""
    if not path.exists() or path.stat().st_size == 0:
        return False
    refuse_links(path)
    db = connect(path)
    try:
        if not sound(db):
            raise _damage()
        refuse_programs(db)
        mode = db.execute("PRAGMA journal_mode").fetchone()[0]
        found = version_of(db)
    finally:
        db.close()
    refuse_newer(found, migrations()[-1][0], path)
    return bool(mode == "wal" and found == migrations()[-1][0])


def _damage() -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError("the database does not pass its own check")
    error.sqlite_errorname = "SQLITE_CORRUPT"
    return error


def sound(db: sqlite3.Connection) -> bool:
    """Whether the database passes SQLite's own check."""
    return bool(db.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")


def prepare(path: Path) -> None:
    """Leave a sound, current store at `path`, whatever was there. Raises OSError, sqlite3.Error or CommandError."""
    try:
        if patiently(lambda: is_ready(path)):
            return
    except sqlite3.Error as error:
        if not is_damage(error):
            raise
    path.parent.mkdir(parents=True, exist_ok=True)
    with _lock(path):
        refuse_links(path)
        said = _repair(path)
        db = connect(path)
        try:
            _share(path)
            patiently(lambda: db.execute("PRAGMA journal_mode=WAL").fetchone())
            migrate(db, path)
            if said:
                db.execute("INSERT INTO notices (at, text) VALUES (?, ?)", (time.time(), said))
        finally:
            db.close()


def _repair(path: Path) -> str:
    """Set a damaged database aside and bring back its latest sound backup; returns the notice, "" when it was sound."""
    try:
        patiently(lambda: is_ready(path))
        return ""
    except sqlite3.Error as error:
        if not is_damage(error):
            raise
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    number = 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.damaged-{stamp}-{number}")
    path.rename(aside)
    for suffix in _SIDE_FILES:
        side = path.with_name(path.name + suffix)
        if side.exists():
            side.rename(aside.with_name(aside.name + suffix))
    for backup in backups(path):
        if _restore(backup, path):
            return (
                f"The store was damaged. It is kept as {aside.name}, and the backup {backup.name} has taken its place. "
                f"{_HOLDS_LEFT}"
            )
    return (
        f"The store was damaged and there was no backup. It is kept as {aside.name}; "
        f"peers, tasks and runs start afresh, nothing on the pools was touched. {_HOLDS_LEFT}"
    )


def _restore(backup: Path, path: Path) -> bool:
    fresh = path.with_name(path.name + ".restoring")
    fresh.unlink(missing_ok=True)
    try:
        source = sqlite3.connect(f"{backup.as_uri()}?mode=ro&immutable=1", uri=True)
        with contextlib.closing(source), contextlib.closing(sqlite3.connect(fresh)) as target:
            if not sound(source):
                return False
            source.backup(target)
    except sqlite3.Error:
        fresh.unlink(missing_ok=True)
        return False
    fresh.replace(path)
    return True


def backups(path: Path) -> list[Path]:
    """The backups of the store at `path`, newest first."""
    return sorted((path.parent / "backup").glob("dplane-*.db"), reverse=True)


def backup(path: Path, seconds: float = 0.0) -> Path:
    """Copy the store to its backup folder, atomically; keeps the BACKUPS_KEPT newest. Returns the newest file.

    Nothing is copied while that is younger than `seconds`: the whole store goes to a card that wears out.
    """
    for newest in backups(path)[:1]:
        if 0 <= time.time() - newest.stat().st_mtime < seconds:
            return newest
    folder = path.parent / "backup"
    folder.mkdir(exist_ok=True)
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY | os.O_NOFOLLOW)  # a link is not followed
    try:
        with contextlib.suppress(PermissionError):
            os.fchmod(handle, 0o2775)
    finally:
        os.close(handle)
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime()) + f".{time.time_ns() // 1000 % 1000000:06d}Z"
    final = folder / f"dplane-{stamp}.db"
    fresh = folder / f".{final.name}.{os.getpid()}"
    try:
        with contextlib.closing(connect(path)) as source, contextlib.closing(sqlite3.connect(fresh)) as target:
            source.backup(target)
            target.execute("PRAGMA journal_mode=DELETE")
            if not sound(target):  # never let a bad copy push out a good one
                raise _damage()
        with fresh.open("rb") as file:
            os.fsync(file.fileno())
        _share(fresh)
        fresh.replace(final)
    finally:
        fresh.unlink(missing_ok=True)
    for old in backups(path)[BACKUPS_KEPT:]:
        with contextlib.suppress(OSError):
            old.unlink()
    return final
