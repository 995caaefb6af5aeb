"""`dplane files` and its service against the real helper on real mounts (files_world.py)."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dplane_tui.cli import run
from dplane_tui.errors import ChangedError, CommandError, RefusedError
from dplane_tui.services.files.service import FilesService

from .files_box import FilesBox
from .files_world import DATASET, World, left_over

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.getuid() != 0, reason="mounts file systems")]


@pytest.fixture
def world() -> Iterator[World]:
    with tempfile.TemporaryDirectory(prefix="dplane-files-") as folder:
        made = World(Path(folder))
        for name, text in (("s1", "one\ntwo\n"), ("s2", "one\nzwei\n")):
            top = made.snapshot(name)
            (top / "docs").mkdir()
            (top / "docs" / "a.txt").write_text(text)
            os.chown(top / "docs" / "a.txt", 1000, 1000)
            os.utime(top / "docs" / "a.txt", ns=(0, (10 + len(text)) * 10**9))
        try:
            yield made
        finally:
            made.close()


class Cli:
    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *words: str) -> tuple[int, str, str]:
        status = run(["files", *words])
        out, err = self._capsys.readouterr()
        return status, out, err

    def json(self, *words: str) -> tuple[int, Any]:
        status, out, _ = self(*words, "--json")
        return status, json.loads(out)


@pytest.fixture
def cli(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    monkeypatch.setattr("dplane_tui.cli.main.connect", lambda _name: FilesBox(world))
    return Cli(capsys)


def test_a_folder_by_snapshot_by_whole_path_and_now(cli: Cli, world: World) -> None:
    status, out, _ = cli("ls", "tank/a@s1", "docs")
    assert status == 0
    assert "a.txt" in out
    assert cli("ls", f"{world.live}/docs", "--at", "s1")[1] == out
    status, told = cli.json("ls", "tank/a")
    assert (status, told["data"]["entries"]) == (0, [])
    status, out, err = cli("ls", "tank/a@s1", "../..")
    assert (status, out) == (4, "")
    assert "lead elsewhere" in err
    assert cli("ls", "/nowhere/at/all")[0] == 6


def test_versions(cli: Cli, world: World) -> None:
    status, told = cli.json("versions", "tank/a", "docs/a.txt")
    assert status == 0
    assert [one["holders"] for one in told["data"]["versions"]] == [["tank/a@s2"], ["tank/a@s1"]]
    assert (told["data"]["looked"], told["data"]["snapshots"], told["data"]["problems"]) == (2, 2, [])
    status, out, _ = cli("versions", "tank/a", "docs/a.txt", "--newest", "1")
    assert status == 0
    assert "1 older ones were not looked at" in out
    assert cli("versions", "tank/a", "none")[0] == 6


def test_cat_is_the_very_bytes_and_on_a_terminal_only_safe_text(
    cli: Cli, world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    raw = b"\x1b[2Jplain \xff\n" + os.urandom(200_000)
    (world.live / ".zfs/snapshot/s1/raw").write_bytes(raw)

    (world.live / ".zfs/snapshot/s1/text").write_bytes(b"\x1b[2Jred\xe2\x80\xae\n")
    with (tmp_path / "out").open("w", encoding="utf-8") as out:
        monkeypatch.setattr(sys, "stdout", out)
        assert run(["files", "cat", "tank/a@s1", "raw"]) == 0
    assert (tmp_path / "out").read_bytes() == raw
    monkeypatch.setenv("TERM", "xterm-256color")
    master, slave = pty.openpty()
    with open(slave, "w", encoding="utf-8") as terminal:
        monkeypatch.setattr(sys, "stdout", terminal)
        assert run(["files", "cat", "tank/a@s1", "raw"]) == 4
        assert run(["files", "cat", "tank/a@s1", "text"]) == 0
        shown = os.read(master, 65536)
    os.close(master)
    assert b"red" in shown
    assert b"\x1b" not in shown
    assert "\u202e".encode() not in shown


def test_diff_with_now_and_with_another_snapshot(cli: Cli, world: World) -> None:
    status, out, _ = cli("diff", "tank/a@s1", "docs/a.txt", "--with", "s2")
    assert status == 0
    assert out.splitlines()[2:] == ["@@ -1,3 +1,3 @@", " one", "-two", "+zwei", " "]
    assert cli("diff", "tank/a@s1", "docs/a.txt")[0] == 4, "it is not there now"
    (world.live / "docs").mkdir()
    (world.live / "docs/a.txt").write_text("one\ntwo\n")
    assert "They are the same." in cli("diff", "tank/a@s1", "docs/a.txt")[1]
    assert cli("diff", "tank/a", "docs/a.txt")[0] == 2


def test_a_restore_beside_and_over_with_a_confirmation(cli: Cli, world: World) -> None:
    (world.live / "docs").mkdir()
    (world.live / "docs/a.txt").write_text("mine")
    status, out, _ = cli("restore", "tank/a@s1", "docs/a.txt", "--dry-run")
    assert status == 0
    assert "a.txt.restored-s1" in out
    assert os.listdir(world.live / "docs") == ["a.txt"]
    status, told = cli.json("restore", "tank/a@s1", "docs/a.txt")
    assert (status, told["data"]["path"], told["data"]["kept"]) == (0, "docs/a.txt.restored-s1", None)
    assert (world.live / "docs/a.txt.restored-s1").stat().st_uid == 1000
    status, told = cli.json("restore", "tank/a@s1", "docs/a.txt", "--over")
    assert (status, told["error"]["code"]) == (2, "usage")
    assert cli("restore", "tank/a@s1", "docs/a.txt", "--over", "--confirm", "b.txt")[0] == 4
    assert (world.live / "docs/a.txt").read_text() == "mine"
    status, out, _ = cli("restore", "tank/a@s1", "docs/a.txt", "--over", "--confirm", "a.txt")
    assert status == 0
    assert "reads back as in the snapshot" in out
    assert (world.live / "docs/a.txt").read_text() == "one\ntwo\n"
    kept = next((world.live / "docs").glob("a.txt.kept-*"))
    assert kept.read_text() == "mine"
    assert kept.name in out
    assert cli("restore", "tank/a", "docs/a.txt")[0] == 2
    status, _, err = cli("restore", "tank/a@s1", "docs/a.txt", "--read-only")
    assert status == 5
    assert "read-only" in err


def test_its_folder_is_gone_as_well(cli: Cli, world: World) -> None:
    status, _, err = cli("restore", "tank/a@s1", "docs/a.txt")
    assert status == 4
    assert "restore that folder" in err
    status, _, _ = cli("restore", "tank/a@s1", "docs", "--over")
    assert status == 0, "nothing is replaced, so nothing is asked"
    assert (world.live / "docs/a.txt").read_text() == "one\ntwo\n"


async def test_what_changed_since_it_was_seen_is_not_replaced(world: World) -> None:
    service = FilesService(FilesBox(world))
    (world.live / "docs").mkdir()
    (world.live / "docs/a.txt").write_text("mine")
    place = await service.place(DATASET, "s1")
    measured = await service.measure(place, b"docs/a.txt")
    (world.live / "docs/a.txt").write_text("mine, and newer")
    with pytest.raises(ChangedError, match="not what you saw"):
        await service.restore(measured, over=True)
    assert (world.live / "docs/a.txt").read_text() == "mine, and newer"
    world.guids["s1"] = "4711"
    world.answer()
    with pytest.raises(ChangedError, match="GUID"):
        await service.restore(measured, over=False)
    assert os.listdir(world.live / "docs") == ["a.txt"]


async def test_a_restore_that_is_cancelled_leaves_nothing(world: World) -> None:
    top = world.live / ".zfs/snapshot/s1"
    (top / "big").touch()
    os.truncate(top / "big", 60 << 30)
    service = FilesService(FilesBox(world))
    measured = await service.measure(await service.place(DATASET, "s1"), b"big")
    with pytest.raises(RefusedError, match="free"):
        await service.restore(measured, over=False)
    object.__setattr__(measured, "size", 1)
    work = asyncio.create_task(service.restore(measured, over=False))
    while not left_over(world.live):
        assert not work.done()
        await asyncio.sleep(0.01)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert os.listdir(world.live) == [".zfs"]


@pytest.mark.parametrize(
    "line",
    ["no json", "[]", '{"item": 1}', '{"begin": "x", "guid": "1"}\n{"name": "%zz", "type": "file"}',
     '{"begin": "x"}\n{"name": "a", "type": "strange"}', '{"begin": "x"}\n{"name": "a", "type": "file", "size": "x"}',
     '{"begin": "x"}\n{"end": true}\n{"name": "a"}', '{"begin": "x"}\n{"name": "a", "type": "file"}', ""]
)  # fmt: skip
async def test_a_helper_that_tells_nonsense_or_breaks_off_is_not_believed(world: World, line: str) -> None:
    world.door.file.write_text(f"#!/bin/sh\ncat <<'X'\n{line}\nX\n")
    service = FilesService(FilesBox(world))
    with pytest.raises(CommandError):
        await service.list(await service.place(DATASET, "s1"), b"")
