"""Using the store from async code: reads, and transactions that no other process can turn into an error."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite

from ...errors import CommandError
from . import prepare
from .faults import explain, is_busy, is_damage

_READ_TRIES = 20
T = TypeVar("T")


class Store:
    """An open store. Made by `open_store`."""

    def __init__(self, path: Path, db: aiosqlite.Connection, *, writable: bool) -> None:
        self.path = path
        self.writable = writable
        self._db = db

    async def rows(self, sql: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """All rows of a query. Raises CommandError with a sentence."""
        return await self._patiently(lambda: self._fetch(sql, values))

    async def _fetch(self, sql: str, values: Sequence[Any]) -> list[sqlite3.Row]:
        return list(await self._db.execute_fetchall(sql, values))

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[aiosqlite.Connection]:
        """Everything in it happens, or nothing. Other writers wait, then see it all.

        Raises NotAllowedError for a reader or a read-only disk, CommandError when the disk is full.
        """
        try:
            await self._patiently(lambda: self._db.execute("BEGIN IMMEDIATE"))
            try:
                yield self._db
                await self._patiently(lambda: self._db.execute("COMMIT"))
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    await self._db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise explain(error, self.path) from None

    async def _patiently(self, act: Callable[[], Awaitable[T]]) -> T:
        deadline = time.monotonic() + prepare.BUSY_SECONDS
        while True:
            try:
                return await act()
            except sqlite3.Error as error:
                if not is_busy(error) or time.monotonic() > deadline:
                    raise explain(error, self.path) from None
            await asyncio.sleep(random.uniform(0.01, 0.1))  # noqa: S311

    async def notices(self, limit: int = 5) -> list[prepare.Notice]:
        """What a person must hear about the store, newest first."""
        found = await self.rows("SELECT at, text FROM notices ORDER BY id DESC LIMIT ?", (limit,))
        return [prepare.Notice(row["at"], row["text"]) for row in found]

    async def backup(self, *, seconds: float = 0.0) -> Path:
        """Copy it to its backup folder, unless the newest backup is younger than that; returns the newest one.

        Raises CommandError, NotAllowedError.
        """
        try:
            return await asyncio.to_thread(prepare.backup, self.path, seconds)
        except (OSError, sqlite3.Error) as error:
            raise explain(error, self.path) from None


def _exists(path: Path) -> bool:
    """Whether the store is there. A folder that is closed to this user is an error, not an empty store."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise explain(error, path) from None
    return True


def _may_write(path: Path) -> bool:
    there = path.parent
    while not _exists(there) and there != there.parent:
        there = there.parent
    return os.access(there, os.W_OK) and (not _exists(path) or os.access(path, os.W_OK))


@contextlib.asynccontextmanager
async def open_store(path: Path, *, write: bool = False) -> AsyncIterator[Store]:
    """The store at `path`, created and brought up to date when this user may.

    Without `write`, a user who may only read gets a store that reads; a box without a store reads as an empty one.
    Raises NotAllowedError, or CommandError (damaged and not ours to repair, from a newer release, disk full).
    """
    if _may_write(path) and (write or _exists(path)):
        db = await _open_writer(path)
        store = Store(path, db, writable=True)
    elif write:
        raise explain(PermissionError(13, "Permission denied"), path)
    else:
        db = await _open_reader(path)
        store = Store(path, db, writable=False)
    try:
        yield store
    finally:
        await db.close()


async def _open_writer(path: Path) -> aiosqlite.Connection:
    try:
        await asyncio.to_thread(prepare.prepare, path)
        db = await aiosqlite.connect(path, timeout=prepare.BUSY_SECONDS, isolation_level=None)
        try:
            db.row_factory = sqlite3.Row
            await db.execute("PRAGMA foreign_keys=ON")
            await db.execute("PRAGMA synchronous=FULL")  # a run's evidence survives the power cut that follows it
        except BaseException:
            await db.close()  # its thread would wait for the next order, and the end of the program for its thread
            raise
        return db
    except (OSError, sqlite3.Error) as error:
        raise explain(error, path) from None


async def _open_reader(path: Path) -> aiosqlite.Connection:
    """A connection that only reads, for whom the folder is closed to writing.

    SQLite cannot read a WAL database without its side files, which exist only while someone writes. Without them nobody
    is writing, so the file is taken as it is (`immutable`), copied to memory at once and checked.
    """
    try:
        if not _exists(path):
            return await _in_memory(None, path)
        for _ in range(_READ_TRIES):
            try:
                return await _in_memory(await asyncio.to_thread(_snapshot, path), path)
            except sqlite3.Error as error:
                last = error
                if not (is_busy(error) or is_damage(error)):
                    raise
            await asyncio.sleep(random.uniform(0.05, 0.15))  # noqa: S311
        raise last
    except (OSError, sqlite3.Error) as error:
        raise explain(error, path) from None


def _snapshot(path: Path) -> bytes:
    """A consistent copy of the database, as bytes."""
    uri = f"{path.absolute().as_uri()}?mode=ro"
    before = path.stat().st_mtime_ns
    for form in (uri, f"{uri}&immutable=1"):
        source = sqlite3.connect(form, uri=True, timeout=5)
        with contextlib.closing(source), contextlib.closing(sqlite3.connect(":memory:")) as copy:
            try:
                source.backup(copy)
            except sqlite3.OperationalError:
                if form is uri and not path.with_name(path.name + "-wal").exists():
                    continue
                raise
            if form is not uri and (path.stat().st_mtime_ns != before or not prepare.sound(copy)):
                raise _moved()
            return copy.serialize()
    raise _moved()


def _moved() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("the database changed while it was copied")
    error.sqlite_errorname = "SQLITE_BUSY"
    return error


async def _in_memory(content: bytes | None, path: Path) -> aiosqlite.Connection:
    def load() -> sqlite3.Connection:
        db = sqlite3.connect(":memory:", isolation_level=None)
        if content is None:
            prepare.migrate(db, path)
        else:
            # A copy of a WAL database says WAL in its header, which memory cannot do: 1 is the rollback journal.
            db.deserialize(content[:18] + b"\1\1" + content[20:])
            _refuse_other_schema(prepare.version_of(db), path)
        db.row_factory = sqlite3.Row
        db.execute("PRAGMA query_only=ON")
        return db

    return await aiosqlite.Connection(load, 64)


def _refuse_other_schema(found: int, path: Path) -> None:
    known = prepare.migrations()[-1][0]
    prepare.refuse_newer(found, known, path)
    if found != known:
        raise CommandError(
            f"The store {path} is of an older release and this user may not bring it up to date.",
            "Any `dplane replicate` command of someone in dplane-operate does.",
        )
