"""The store: many processes at once, migrations, damage, backups, readers without rights, a full disk."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, cast

import aiosqlite
import pytest

from dplane_tui.errors import CommandError, DPlaneError
from dplane_tui.services.replication import records
from dplane_tui.services.replication.holds import tag_of
from dplane_tui.services.store import Store, open_store, prepare

ADD = "INSERT INTO runs (id, task, state, started) VALUES (?, 'photos', 'running', 1.0)"
AS_NOBODY = os.geteuid() == 0


async def add_run(store: Store, name: str) -> None:
    async with store.transaction() as db:
        await db.execute(ADD, (name,))


async def run_ids(path: Path) -> list[str]:
    async with open_store(path) as store:
        return [row["id"] for row in await store.rows("SELECT id FROM runs ORDER BY id")]


async def run_program(*argv: str) -> int:
    return await (await asyncio.create_subprocess_exec(*argv)).wait()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store" / "dplane.db"


async def test_a_new_store_is_current_wal_and_shared_with_its_group(path: Path) -> None:
    old = os.umask(0o077)
    try:
        async with open_store(path, write=True) as store:
            await add_run(store, "one")
            assert (await store.rows("PRAGMA journal_mode"))[0][0] == "wal"
            assert (await store.rows("PRAGMA user_version"))[0][0] == prepare.migrations()[-1][0]
            for name in ("dplane.db", "dplane.db-wal", "dplane.db-shm"):
                assert path.with_name(name).stat().st_mode & 0o777 == 0o664, name
    finally:
        os.umask(old)
    assert await run_ids(path) == ["one"]


async def test_reading_where_nothing_was_ever_stored_finds_nothing_and_leaves_nothing(path: Path) -> None:
    assert await run_ids(path) == []
    assert not path.parent.exists()


async def test_a_transaction_that_fails_leaves_nothing(path: Path) -> None:
    async with open_store(path, write=True) as store:

        async def stumble() -> None:
            async with store.transaction() as db:
                await db.execute(ADD, ("one",))
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await stumble()
    assert await run_ids(path) == []


WRITER = """
import asyncio, pathlib, sys
from dplane_tui.services.store import open_store
async def main():
    for n in range(10):
        async with open_store(pathlib.Path(sys.argv[1]), write=True) as store:
            for m in range(3):
                async with store.transaction() as db:
                    await db.execute(
                        "INSERT INTO runs (id, task, state, started) VALUES (?, 't', 'running', 1.0)",
                        (f"{sys.argv[2]}-{n}-{m}",),
                    )
            await store.rows("SELECT count(*) FROM runs")
asyncio.run(main())
"""


async def test_twenty_processes_at_once_never_see_it_locked_and_lose_nothing(path: Path) -> None:
    """They also race to create it."""
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", WRITER, str(path), str(number), stderr=asyncio.subprocess.PIPE
        )
        for number in range(20)
    ]
    for process in processes:
        _, said = await process.communicate()
        assert process.returncode == 0, said.decode()
    assert len(await run_ids(path)) == 20 * 10 * 3
    assert not list(path.parent.glob("*damaged*"))


async def test_a_store_of_a_newer_release_is_refused_untouched(path: Path) -> None:
    async with open_store(path, write=True):
        pass
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version=9999")
    db.close()
    before = path.read_bytes()
    with pytest.raises(CommandError, match="newer D-Plane"):
        await run_ids(path)
    assert path.read_bytes() == before


async def test_an_older_store_is_migrated_once_by_all_who_come(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_store(path, write=True) as store:
        await add_run(store, "old")
    extra = [*prepare.migrations(), (9000, "CREATE TABLE later (a TEXT);\nINSERT INTO later VALUES ('x;y');")]
    monkeypatch.setattr(prepare, "migrations", lambda: extra)

    async def come() -> int:
        async with open_store(path, write=True) as store:
            return len(await store.rows("SELECT a FROM later"))

    assert await asyncio.gather(*(come() for _ in range(8))) == [1] * 8
    assert await run_ids(path) == ["old"]


async def test_a_migration_that_fails_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_store(path, write=True) as store:
        await add_run(store, "old")
    broken = [*prepare.migrations(), (9000, "CREATE TABLE later (a TEXT);\nINSERT INTO nowhere VALUES (1);")]
    with monkeypatch.context() as patch:
        patch.setattr(prepare, "migrations", lambda: broken)
        with pytest.raises(DPlaneError):
            await run_ids(path)
    assert await run_ids(path) == ["old"]
    with sqlite3.connect(path) as db:
        assert not db.execute("SELECT 1 FROM sqlite_master WHERE name='later'").fetchall()
    db.close()


@pytest.mark.parametrize("how", ["overwritten", "header", "cut"])
async def test_a_damaged_store_is_set_aside_named_and_replaced_by_its_backup(path: Path, how: str) -> None:
    async with open_store(path, write=True) as store:
        for number in range(200):
            await add_run(store, f"kept-{number:03}")
        backup = await store.backup()
    content = path.read_bytes()
    damaged = {
        "overwritten": content[:4096] + os.urandom(len(content) - 4096),
        "header": b"\0" * 512 + content[512:],
        "cut": content[: len(content) // 2 // 4096 * 4096],
    }[how]
    path.write_bytes(damaged)
    assert len(await run_ids(path)) == 200
    aside = list(path.parent.glob("dplane.db.damaged-*"))
    assert len(aside) == 1
    assert aside[0].read_bytes() == damaged
    async with open_store(path) as store:
        notice = (await store.notices())[0].text
    assert aside[0].name in notice
    assert backup.name in notice
    assert "grep dplane-replicate-` shows them" in notice, "holds that only the lost store knew of"
    assert tag_of(records.new_run_id("photos", 0.0)).startswith("dplane-replicate-")


async def test_a_damaged_store_without_backup_says_so_and_a_damaged_backup_is_not_used(path: Path) -> None:
    path.parent.mkdir(parents=True)
    (path.parent / "backup").mkdir()
    (path.parent / "backup" / "dplane-20260101T000000.000000Z.db").write_bytes(b"no database" * 1000)
    path.write_bytes(b"no database either" * 1000)
    assert await run_ids(path) == []
    async with open_store(path) as store:
        notice = (await store.notices())[0].text
    assert "no backup" in notice
    assert next(path.parent.glob("dplane.db.damaged-*")).read_bytes() == b"no database either" * 1000


async def test_backups_are_whole_databases_and_only_the_newest_are_kept(path: Path) -> None:
    async with open_store(path, write=True) as store:
        for number in range(prepare.BACKUPS_KEPT + 3):
            await add_run(store, str(number))
            newest = await store.backup()
    kept = prepare.backups(path)
    assert kept[0] == newest
    assert len(kept) == prepare.BACKUPS_KEPT
    with sqlite3.connect(newest) as db:
        assert db.execute("SELECT count(*) FROM runs").fetchone()[0] == prepare.BACKUPS_KEPT + 3
    db.close()
    assert not list(newest.parent.glob(".*"))


READER = """
import asyncio, concurrent.futures.thread, os, pathlib, sys
from dplane_tui.errors import DPlaneError
from dplane_tui.services.store import open_store
os.setgroups([]); os.setgid(65534); os.setuid(65534)
async def main():
    for write in (False, True):
        try:
            async with open_store(pathlib.Path(sys.argv[1]), write=write) as store:
                print(len(await store.rows("SELECT id FROM runs")))
        except DPlaneError as error:
            print(error.code)
asyncio.run(main())
"""


async def as_nobody(path: Path) -> list[str]:
    code = "import sys; sys.path.insert(0, '.')\n" + READER
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, str(path), stdout=-1, stderr=-1)
    out, said = await process.communicate()
    assert process.returncode == 0, said.decode()
    return out.decode().split()


@pytest.mark.skipif(not AS_NOBODY, reason="changing the user needs root")
async def test_someone_who_may_only_read_reads_and_is_told_when_he_writes() -> None:
    """A WAL database whose side files are gone cannot be opened read-only by SQLite itself."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = Path(folder) / "store" / "dplane.db"
        async with open_store(path, write=True) as store:
            await add_run(store, "one")
            assert await as_nobody(path) == ["1", "not-allowed"]
        assert not path.with_name("dplane.db-wal").exists()
        assert await as_nobody(path) == ["1", "not-allowed"]
        Path(folder).chmod(0o700)
        assert await as_nobody(path) == ["not-allowed", "not-allowed"], "closed is not the same as empty"


@pytest.mark.root
@pytest.mark.skipif(not AS_NOBODY, reason="mounting needs root")
async def test_a_full_disk_is_a_sentence_and_what_was_stored_stays(tmp_path: Path) -> None:
    mount = tmp_path / "small"
    mount.mkdir()
    if await run_program("mount", "-t", "tmpfs", "-o", "size=400k", "none", str(mount)):
        pytest.skip("tmpfs cannot be mounted here")
    try:
        path = mount / "store" / "dplane.db"
        async with open_store(path, write=True) as store:
            await add_run(store, "kept")

            async def fill() -> None:
                for number in range(1000):
                    await add_run(store, f"{number}-" + "x" * 9000)

            with pytest.raises(CommandError, match="disk is full"):
                await fill()
            assert shutil.disk_usage(mount).free < 100_000
        assert "kept" in await run_ids(path)
    finally:
        assert await run_program("umount", str(mount)) == 0


# Members of the group may put anything into the folder: what is not a plain file of ours is never written through.


@pytest.mark.parametrize("name", ["dplane.lock", "dplane.db", "dplane.db-wal"])
@pytest.mark.parametrize("hard", [False, True])
async def test_a_link_in_the_folder_is_not_followed(path: Path, name: str, hard: bool) -> None:
    secret = path.parent.parent / "secret"
    secret.write_text("" if name == "dplane.db" else "mine")
    secret.chmod(0o600)
    path.parent.mkdir()
    link = path.with_name(name)
    link.hardlink_to(secret) if hard else link.symlink_to(secret)
    with pytest.raises(DPlaneError):
        async with open_store(path, write=True):
            pass
    assert secret.stat().st_mode & 0o777 == 0o600
    assert secret.read_text() in ("", "mine")
    assert secret.stat().st_size == (0 if name == "dplane.db" else 4)


async def test_a_backup_folder_that_is_a_link_is_not_written_to(path: Path) -> None:
    async with open_store(path, write=True) as store:
        keys = path.parent.parent / "keys"
        keys.mkdir(mode=0o700)
        path.with_name("backup").symlink_to(keys)
        with pytest.raises(DPlaneError):
            await store.backup()
    assert keys.stat().st_mode & 0o777 == 0o700
    assert list(keys.iterdir()) == []


@pytest.mark.parametrize("sql", [
    "CREATE TRIGGER t AFTER INSERT ON runs BEGIN UPDATE runs SET task = 'evil' WHERE id = new.id; END",
    "CREATE VIEW v AS SELECT 1",
])  # fmt: skip
async def test_a_store_that_acts_by_itself_is_not_used(path: Path, sql: str) -> None:
    async with open_store(path, write=True) as store, store.transaction() as db:
        await db.execute(sql)
    with pytest.raises(CommandError, match="did not make"):
        async with open_store(path, write=True):
            pass


@pytest.mark.parametrize("which", [0, 1])
async def test_a_look_that_is_broken_off_while_it_opens_leaves_no_thread(
    path: Path, monkeypatch: pytest.MonkeyPatch, which: int
) -> None:
    async with open_store(path, write=True):
        pass
    kept: list[aiosqlite.Connection] = []
    arrived, real = asyncio.Event(), cast(Any, aiosqlite.Connection._execute)

    async def slow(self: aiosqlite.Connection, *words: Any, **more: Any) -> Any:
        kept.append(self)  # as a traceback in a circle keeps it
        if len(kept) == which + 1:
            arrived.set()
            await asyncio.Event().wait()
        return await real(self, *words, **more)

    monkeypatch.setattr(aiosqlite.Connection, "_execute", slow)

    async def look() -> None:
        async with open_store(path):
            pytest.fail("it was not broken off")

    before = set(threading.enumerate())
    task = asyncio.create_task(look())
    await arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for thread in set(threading.enumerate()) - before:
        if not thread.name.startswith("asyncio_"):
            await asyncio.to_thread(thread.join, 30)
            assert not thread.is_alive(), "the program would wait for it at its end"


# Who may read the store may open what SQLite keeps beside it, and so hold the writers' lock (docs/threats.md says so).

HOLD = """
import fcntl, os, pathlib, struct, sys, time
path, how, told = sys.argv[1:]
db, side = os.open(path, os.O_RDONLY), os.open(path + "-shm", os.O_RDONLY)
fcntl.lockf(db, fcntl.LOCK_SH, 1, 0x40000002)  # as a reader, so that the last writer leaves the -shm there
if how == "ofd":
    fcntl.fcntl(side, fcntl.F_OFD_SETLK, struct.pack("hhqqi", fcntl.F_RDLCK, 0, 120, 1, 0))
else:
    fcntl.lockf(side, fcntl.LOCK_SH, 1, 120)
pathlib.Path(told).touch()
time.sleep(600)
"""


@pytest.mark.parametrize("how", ["posix", "ofd"])
async def test_whoever_holds_the_writers_lock_is_named(
    path: Path, tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_store(path, write=True) as store:
        await add_run(store, "one")
        argv = [sys.executable, "-c", HOLD, str(path), how, str(tmp_path / "held")]
        other = await asyncio.create_subprocess_exec(*argv)
        try:
            while not (tmp_path / "held").exists():
                assert other.returncode is None
                await asyncio.sleep(0.01)
            monkeypatch.setattr(prepare, "BUSY_SECONDS", 0.1)
            with pytest.raises(CommandError, match="busy for too long") as refused:
                async with open_store(path, write=True) as second:
                    await add_run(second, "two")
            if how == "posix":
                assert f"the process {other.pid} (" in refused.value.message
                assert "has its writers' lock" in refused.value.message
                assert f"`sudo kill {other.pid}`" in refused.value.next_step
            else:  # a lock of an open file is nobody's in the kernel's list
                assert "a process that the kernel does not name" in refused.value.message
                assert f"`sudo fuser -v {path}-shm`" in refused.value.next_step
            # Our own locks are still there: asking who has the other one did not give them up.
            assert (await store.rows("SELECT count(*) FROM runs"))[0][0] == 1
        finally:
            other.kill()
            await other.wait()
        await add_run(store, "two")
    assert await run_ids(path) == ["one", "two"]
