"""The Files screen on the real helper and real mounts (tests/unit/files_world.py): every way by keys."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dplane_tui.screens.files import browse
from dplane_tui.services.files.service import FilesService
from tests.console.conftest import Opener, Seen
from tests.console.fakes import FakeServices
from tests.unit.files_box import FilesBox
from tests.unit.files_world import World

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.getuid() != 0, reason="mounts file systems")]


@pytest.fixture
def world() -> Iterator[World]:
    with tempfile.TemporaryDirectory(prefix="dplane-files-") as folder:
        made = World(Path(folder))
        for name, text in (("s1", "one\ntwo\n"), ("s2", "one\nzwei\n")):
            top = made.snapshot(name)
            (top / "docs").mkdir()
            (top / "docs" / "a.txt").write_text(text)
            (top / "docs" / "bad\x1b[2J\udcff").write_text("\x1b]0;evil\x07red")
            os.utime(top / "docs" / "a.txt", ns=(0, (10 + len(text)) * 10**9))
        try:
            yield made
        finally:
            made.close()


@pytest.fixture
def services(world: World) -> FakeServices:
    made = FakeServices()
    made.__dict__["files"] = FilesService(FilesBox(world))
    return made


async def into(seen: Seen, snapshot: str = "") -> None:
    """Open the files of the dataset and go into its folder."""
    app: Any = seen.app
    browse(app, "tank/a", snapshot)
    await seen.until_text("docs/" if snapshot else "This folder is empty.")
    if snapshot:
        await seen.press("enter")
        await seen.until_text("a.txt")


async def test_two_keys_from_a_snapshot_and_the_numbers_lead_away(console: Opener, services: FakeServices) -> None:
    async with console(services) as seen:
        await seen.until_text("vault")
        await seen.press("t", "tab")
        await seen.until_text("tank/home")
        await seen.press("f")
        await seen.until(lambda: seen.app.section == "files")
        await seen.press("1")
        assert seen.app.section == "pools"
        await seen.press("F")
        assert seen.app.section == "files"


async def test_through_folders_and_time(console: Opener, services: FakeServices) -> None:
    async with console(services) as seen:
        await into(seen, "s2")
        assert "tank/a@s2:/docs" in seen.text
        assert "\x1b" not in seen.text
        await seen.press("left_square_bracket")
        await seen.until_text("─ tank/a@s1:/docs")
        await seen.press("left_square_bracket")
        await seen.until_text("There is no older snapshot.")
        await seen.press("backspace")
        await seen.until_text("─ tank/a@s1:/ ")
        await seen.press("a")
        await seen.until_text("tank/a as it was")
        await seen.press("g", "enter")
        await seen.until_text("─ tank/a:/ (now)")
        await seen.until_text("This folder is empty.")
        await seen.press("d")
        await seen.until_text("Whose files?")
        await seen.press("enter")
        await seen.until_text("─ tank/a:/ (now)")


async def test_a_file_is_shown_and_what_is_not_there_is_a_sentence(console: Opener, services: FakeServices) -> None:
    async with console(services) as seen:
        await into(seen, "s1")
        await seen.press("enter")
        await seen.until_text("two")
        await seen.press("escape")
        await seen.press("down", "enter")
        await seen.until_text("red")
        assert "\x1b" not in seen.text
        await seen.press("escape", "p")
        await seen.until_text("Folder of tank/a@s1")
        await seen.press("ctrl+u")
        await seen.type("none")
        await seen.press("enter", "enter")
        await seen.until_text("not there")
        assert "tank/a@s1:/docs" in seen.text, "it stays where it was"


async def test_versions_compared_and_one_brought_back_to_its_place(
    console: Opener, services: FakeServices, world: World
) -> None:
    (world.live / "docs").mkdir()
    (world.live / "docs" / "a.txt").write_text("mine\n")
    async with console(services) as seen:
        await into(seen, "s2")
        await seen.press("v")
        await seen.until_text("Versions of docs/a.txt")
        assert "2 snapshots looked at" in seen.text
        for word in ("now", "@s2", "@s1"):
            assert word in seen.text
        await seen.press("G", "c")
        await seen.until_text("+mine")
        assert "-two" in seen.text
        await seen.press("escape", "b")
        await seen.until_text("Bring back a.txt")
        assert "docs/a.txt of " in seen.app.log_book.entries[-1].text
        assert "a.txt.restored-s1" in seen.text
        await seen.press("down", "enter")
        await seen.until_text("Replace a.txt")
        assert "kept-TIME" in seen.text
        await seen.press("enter")  # Cancel has the cursor
        await seen.settle()
        assert (world.live / "docs" / "a.txt").read_text() == "mine\n"
        await seen.press("b")
        await seen.until_text("Bring back a.txt")
        await seen.press("down", "enter")
        await seen.until_text("Replace a.txt")
        await seen.type("a.txt")
        await seen.press("enter")
        await seen.until_text("reads back as in the")
        assert (world.live / "docs" / "a.txt").read_text() == "one\ntwo\n"
        kept = next((world.live / "docs").glob("a.txt.kept-*"))
        assert kept.read_text() == "mine\n"
        await seen.press("escape", "escape")
        await seen.until(lambda: "Versions of" not in seen.text)


async def test_a_folder_brought_back_beside_and_no_more_while_read_only(
    console: Opener, services: FakeServices, world: World
) -> None:
    (world.live / "docs").mkdir()
    async with console(services) as seen:
        await into(seen, "s1")
        await seen.press("backspace")
        await seen.until_text("─ tank/a@s1:/ ")
        await seen.press("b")
        await seen.until_text("Bring back docs")
        await seen.press("enter")
        await seen.until_text("Bring back docs?")
        assert "2 files in 1 folder," in seen.text
        await seen.press("tab", "enter")
        await seen.until_text("docs.restored-s1 was restored")
        assert sorted(os.listdir(world.live / "docs.restored-s1")) == sorted(
            os.listdir(world.live / ".zfs/snapshot/s1/docs")
        )
    async with console(services, read_only=True) as seen:
        await into(seen, "s1")
        await seen.press("b")
        await seen.until_text("read-only")


@pytest.mark.parametrize("size", [(40, 10), (60, 15), (80, 24), (132, 43)], ids=str)
async def test_every_key_at_every_size(console: Opener, services: FakeServices, size: tuple[int, int]) -> None:
    async with console(services, size=size) as seen:
        app: Any = seen.app
        browse(app, "tank/a", "s1")
        await seen.settle()
        for key in (
            "v",
            "c",
            "escape",
            "a",
            "escape",
            "d",
            "escape",
            "p",
            "escape",
            "x",
            "r",
            "question_mark",
            "escape",
            "slash",
            "escape",
            "tab",
            "s",
        ):
            await seen.press(key)
        assert seen.app.is_running
        if size == (40, 10):
            assert "too small" in seen.text
        else:
            assert "tank/a@s1" in seen.text
            assert all(len(line) <= size[0] for line in seen.text.split("\n"))


async def test_without_a_dataset_it_says_how_to_choose_one(console: Opener, services: FakeServices) -> None:
    async with console(services) as seen:
        await seen.press("F")
        await seen.until_text("No dataset is chosen.")
        for key in ("enter", "b", "v", "c", "backspace", "a", "p", "A", "left_square_bracket"):
            await seen.press(key)
        assert seen.app.is_running
