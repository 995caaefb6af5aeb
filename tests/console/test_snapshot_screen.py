"""The Snapshots screen: long lists, marks, and each act with its dialogs."""

from __future__ import annotations

import dataclasses
import time

import pytest

from dplane_tui.screens.snapshot_rows import SnapshotRows
from dplane_tui.services.zfs.shelf import Shelf, fill
from dplane_tui.widgets.layout import Row
from dplane_tui.widgets.longtable import LongTable
from tests.console.conftest import Opener
from tests.console.fakes import FakeServices


async def test_of_one_dataset_and_of_all(console: Opener) -> None:
    async with console(section="datasets") as seen:
        await seen.until_text("anna")
        await seen.press("down", "enter")
        await seen.until_text("Snapshots of tank/home ")
        assert seen.text.index("@daily-3") < seen.text.index("@daily-0")
        await seen.press("A")
        await seen.until_text("Snapshots of all datasets")
        await seen.until_text("tank/home/anna@daily-3")
        await seen.press("G", "A")
        await seen.until_text("Snapshots of tank/home/anna")


async def test_a_range_is_marked_previewed_and_destroyed_after_a_snapshot(console: Opener) -> None:
    async with console(section="snapshots") as seen:
        await seen.until_text("tank/home@daily-3")
        await seen.press("down", "m", "down", "D")
        await seen.until_text("Destroy snapshots of tank/home")
        assert "2 of 4: daily-1, daily-2" in seen.text
        await seen.press("enter", "enter")
        await seen.until_text("tank/try is a clone of one of them, so that cannot go.")
        await seen.press("escape", "escape", "up", "m", "up", "D")
        await seen.until_text("2 of 4: daily-2, daily-3")
        await seen.press("enter", "enter")
        await seen.until_text("take a snapshot first")
        assert "This does not bring back what they held." in " ".join(seen.text.replace("│", " ").split())
        await seen.press("down", "enter")
        await seen.until_text("That would free 7.00M.")
        await seen.type("tank/home")
        await seen.press("enter")
        await seen.until_text("2 snapshots of tank/home were destroyed; they are no longer listed, 7.00M")
    calls = seen.services.fake_storage.calls
    assert calls == [("snapshot", "2001", "before", False), ("destroy_many", "tank/home", ("daily-2", "daily-3"))]


async def test_a_snapshot_that_would_keep_nothing_of_what_goes_is_not_chosen_beforehand(console: Opener) -> None:
    async with console(section="snapshots") as seen:
        await seen.until_text("tank/home@daily-3")
        await seen.press("d")
        await seen.until_text("take a snapshot first")
        said = " ".join(seen.text.replace("│", " ").split())
        assert "What only it has is gone for good." in said
        assert "This does not bring back what @daily-3 held." in said
        await seen.press("enter")
        await seen.until_text("type the name")
        await seen.type("tank/home@daily-3")
        await seen.press("enter")
        await seen.until_text("was destroyed")
    assert [call[0] for call in seen.services.fake_storage.calls] == ["destroy_many"]


async def test_a_copy_of_another_box_gets_no_snapshot_of_its_own(console: Opener) -> None:
    services = FakeServices()
    tree = services.fake_storage.tree_list
    services.fake_storage.tree_list = [dataclasses.replace(one, peer="attic") for one in tree if not one.origin]
    async with console(services, section="snapshots") as seen:
        await seen.until_text("tank/home@daily-3")
        await seen.press("d")
        await seen.until_text("is the copy of a dataset of attic")
        assert "take a snapshot first" not in seen.text


async def test_rollback_shows_what_is_lost_and_offers_a_clone(console: Opener) -> None:
    async with console(section="snapshots") as seen:
        await seen.until_text("tank/home@daily-3")
        await seen.press("down", "o")
        await seen.until_text("1 newer")
        assert "could bring nothing back" in seen.text
        await seen.press("enter")
        await seen.until_text("Clone tank/home@daily-2")
        await seen.press("enter", "enter")
        await seen.until_text("tank/home-daily-2 is there as tank/home@daily-2 was")
        await seen.press("o")
        await seen.until_text("Back to tank/home@daily-2")
        await seen.press("down", "enter")
        await seen.until_text("Everything written to tank/home since daily-2 is lost.")
        await seen.type("tank/home@daily-2")
        await seen.press("enter")
        await seen.until_text("tank/home is back at daily-2, which is its newest snapshot now.")


async def test_hold_release_and_rename(console: Opener) -> None:
    async with console(section="snapshots") as seen:
        await seen.until_text("tank/home@daily-3")
        await seen.press("h", "tab", "enter")
        await seen.until_text("is held: nothing destroys it")
        await seen.until_text("1 hold")
        await seen.press("h")
        await seen.until_text("Release tank/home@daily-3?")
        await seen.press("tab", "enter")
        await seen.until_text("The hold dplane-keep of tank/home@daily-3 is released; 0 left.")
        before = seen.services.fake_storage.listings
        await seen.press("enter")
        await seen.until_text("GUID 3003")
        await seen.press("escape", "f", "escape", "enter")
        await seen.until_text("GUID 3003")
        assert seen.services.fake_storage.listings == before  # nothing is listed again for a look
        await seen.press("escape", "e")
        await seen.until_text("Rename tank/home@daily-3")
        await seen.press("ctrl+u")
        await seen.type("friday")
        await seen.press("enter", "enter")
        await seen.until_text("is called @friday now")


async def test_differences_come_in_pages_and_hostile_names_are_shown_safely(console: Opener) -> None:
    services = FakeServices()
    services.fake_storage.changes = 700
    async with console(services, section="snapshots") as seen:
        await seen.until_text("tank/home@daily-3")
        await seen.press("f")
        await seen.until_text("Changes 1 to 500")
        assert "\x1b" not in seen.text
        assert "\u202e" not in seen.text
        await seen.press("n")
        await seen.until_text("Changes 501 to 700")
        assert "that is all" in seen.text
        await seen.press("escape")
        await seen.until_text("Snapshots of all datasets")


def many(count: int) -> Shelf:
    """So many snapshots of a hundred datasets."""
    now = int(time.time())
    return fill(
        f"tank/d{at // (count // 100):03d}@auto-{at:06d}\t{at + 1}\t{at + 1}\t{now - at}\t{at * 1000}\t1\t0"
        for at in range(count)
    )


async def test_scrolling_sorting_and_filtering_read_nothing_and_make_only_rows_that_are_seen(
    console: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = FakeServices()
    made, row = 0, SnapshotRows.row

    def counted(self: SnapshotRows, place: int) -> Row:
        nonlocal made
        made += 1
        return row(self, place)

    monkeypatch.setattr(SnapshotRows, "row", counted)
    shelf = many(20_000)

    async def listed(_dataset: str | None = None) -> Shelf:
        services.fake_storage.listings += 1
        return shelf

    services.fake_storage.__dict__["shelf"] = listed
    async with console(services, section="snapshots") as seen:
        await seen.until_text("20000")
        await seen.press("G")
        await seen.until_text("tank/d099@auto-019800")
        await seen.press("pageup", "k", "home", "s", "s")
        await seen.until_text("TAKEN▲")
        assert "tank/d000@" not in seen.text.splitlines()[3]
        await seen.press("s")
        await seen.until_text("USED▲")
        await seen.press("R", "slash")
        await seen.type("d042 auto")
        await seen.until_text("200/20000 /d042 auto")
        await seen.press("enter")
        assert "tank/d042@auto" in seen.text
        assert services.fake_storage.listings == 1
        at = seen.app.screen.query_one("#snapshots", LongTable).key
        await seen.press("escape", "1", "6")
        await seen.until(lambda: services.fake_storage.listings == 2)
        await seen.until_text(f"> {at}")  # very many were given back, and the cursor is where it was
        assert made < 4000  # what was seen, and samples for the widths; never all of them
