"""The Datasets screen: what it shows, and each act with its dialogs."""

from __future__ import annotations

import dataclasses

from dplane_tui.errors import UnreachableError
from dplane_tui.services.zfs.model import Dataset, Preview, Snapshot
from tests.console.conftest import Opener
from tests.console.fake_storage import holding
from tests.console.fakes import FakeServices


async def test_the_tree_says_what_is_full_locked_and_protected(console: Opener) -> None:
    async with console(section="datasets") as seen:
        await seen.until_text("tank/safe and 1 below wait for their passphrase: E unlocks them.")
        await seen.until_text("partly")
        home = next(line for line in seen.text.splitlines() if " home " in line)
        assert "50%" in home
        assert home.rstrip().endswith("partly")  # a copy that is proven, and a snapshot that is a day old
        await seen.press("down")
        await seen.until_text("space: itself 1.00G, snapshots 200M, below 800M  quota")
        assert "protected: partly" in seen.text


async def test_it_opens_with_one_listing_and_reads_the_rest_afterwards(console: Opener) -> None:
    async with console() as seen:
        await seen.until_text("vault")
        await seen.press("5")
        await seen.until(lambda: seen.app.poller.snapshot("tree").value is not None)
        assert seen.services.fake_storage.listings == 0  # no sizes of snapshots are asked for here
        await seen.until(lambda: {"tree", "newest", "tasks", "pools"} <= seen.app.poller.watched)
        await seen.press("1")
        assert seen.app.poller.watched == {"pools"}


async def test_unlock_with_a_wrong_and_with_the_right_passphrase(console: Opener) -> None:
    async with console(section="datasets") as seen:
        await seen.until_text("wait for their passphrase")
        await seen.press("E")
        await seen.until_text("Unlock tank/safe")
        await seen.type("nonsense")
        assert "nonsense" not in seen.text
        await seen.press("enter")
        await seen.until_text("Incorrect key provided")
        await seen.press("E")
        await seen.until_text("Unlock tank/safe")
        await seen.type("correct horse")
        await seen.press("enter")
        await seen.until_text("tank/safe is unlocked; 2 mounted.")
        await seen.until(lambda: "wait for their passphrase" not in seen.text)
        assert not any("horse" in text for text in (entry.text for entry in seen.app.log_book.entries))


async def test_an_encrypted_dataset_needs_the_same_passphrase_twice(console: Opener) -> None:
    async with console(section="datasets", size=(100, 30)) as seen:
        await seen.until_text("anna")
        await seen.press("a")
        await seen.until_text("New dataset")
        await seen.type("vault")
        await seen.press("tab", "tab", "tab", "tab", "tab", "space", "tab")
        await seen.type("longenough")
        await seen.press("tab")
        await seen.type("longenoug")
        await seen.press("enter", "enter")
        await seen.until_text("The two passphrases are not the same.")
        await seen.press("shift+tab", "shift+tab")
        await seen.type("h")
        await seen.press("enter", "enter")
        await seen.until_text("tank/vault was created with a key of its own.")
    assert ("create_encrypted", "tank/vault", "longenough") in seen.services.fake_storage.calls


async def test_destroy_shows_what_goes_and_offers_to_set_aside(console: Opener) -> None:
    async with console(section="datasets") as seen:
        await seen.until_text("anna")
        await seen.press("down", "d")
        await seen.until_text("tank/try is a clone of a snapshot of tank/home, so that cannot go.")
        await seen.press("escape", "down", "d")
        await seen.until_text("tank/home/anna: what shall become of it?")
        await seen.press("enter")
        await seen.until_text("is now tank/home/anna-kept-20261126-101500, not mounted.")
        await seen.press("down", "down", "down", "down", "d")
        await seen.until_text("tank/vm: what shall become of it?")
        await seen.press("down", "enter")
        await seen.until_text("That would free 5.00M.")
        await seen.press("enter")
        assert ("destroy", "2006") not in seen.services.fake_storage.calls
        await seen.press("d")
        await seen.until_text("what shall become of it?")
        await seen.press("down", "enter")
        await seen.until_text("type the name")
        await seen.type("tank/vm")
        await seen.press("enter")
        await seen.until_text("tank/vm was destroyed; it is no longer listed.")


async def test_a_destroy_of_which_zfs_tells_no_figure_frees_what_the_dataset_uses(console: Opener) -> None:
    services = FakeServices()
    preview = services.fake_storage.destroy_preview

    async def without(target: Dataset | Snapshot, recursive: bool = False) -> Preview:
        return dataclasses.replace(await preview(target, recursive), reclaim=None)

    services.fake_storage.destroy_preview = without  # type: ignore[method-assign]  # as ZFS does
    async with console(services, section="datasets") as seen:
        await seen.until_text("anna")
        await seen.press("G", "d")
        await seen.until_text("tank/vm: what shall become of it?")
        assert "frees 2.00G" in " ".join(seen.text.replace("│", " ").split())


async def test_why_leads_to_the_fix(console: Opener) -> None:
    async with console(section="datasets") as seen:
        await seen.until_text("partly")
        await seen.press("down", "down", "y")
        await seen.until_text("No task copies it anywhere.")
        assert "P  copy it to another box or pool" in seen.text
        assert "The disks can read it" not in seen.text
        await seen.press("escape", "up", "up", "y")
        await seen.until_text("It has no snapshot.")
        await seen.press("p")
        await seen.until_text("Snapshot of tank")


async def test_properties_are_edited_by_their_kind_and_inherited(console: Opener) -> None:
    async with console(section="datasets") as seen:
        await seen.until_text("anna")
        await seen.press("down", "o")
        await seen.until_text("lz4 costs next to nothing")
        assert "\x1b" not in seen.text
        await seen.press("enter")
        await seen.until_text("compression of tank/home")
        await seen.press("ctrl+u")
        await seen.type("zstd")
        await seen.press("enter", "enter", "enter")
        await seen.until(lambda: ("set", "tank/home", "compression", "zstd") in seen.services.fake_storage.calls)
        await seen.until_text("Properties of tank/home")
        await seen.press("enter")
        await seen.until_text("compression of tank/home")
        await seen.press("tab", "space", "enter", "enter")
        await seen.until(lambda: ("inherit", "tank/home", "compression") in seen.services.fake_storage.calls)
        await seen.until_text("Properties of tank/home")
        await seen.press("escape")
        await seen.until_text("is lz4 again")


async def test_quota_refuses_what_zfs_would_refuse(console: Opener) -> None:
    async with console(section="datasets") as seen:
        await seen.until_text("anna")
        await seen.press("down", "u")
        await seen.until_text("Quotas of tank/home")
        await seen.press("ctrl+u")
        await seen.type("1G")
        await seen.press("tab", "tab", "tab", "tab", "tab", "enter")
        await seen.until_text("It uses 2.00G already, which is more than that quota.")
        await seen.press("escape")
    assert not seen.services.fake_storage.calls


async def test_rename_names_the_tasks_that_would_fail(console: Opener) -> None:
    async with console(section="datasets") as seen:
        await seen.until_text("partly")
        await seen.press("down", "e")
        await seen.until_text("The task home copies tank/home by that name and would fail.")
        await seen.press("ctrl+u")
        await seen.type("tank/house")
        await seen.press("enter", "enter")
        await seen.until_text("tank/home is called tank/house now.")


async def test_space_says_where_it_went(console: Opener) -> None:
    async with console(section="datasets") as seen:
        await seen.until_text("anna")
        await seen.press("down", "x")
        await seen.until_text("tank/home uses 2.00G: 1.00G what is in it now, 800M in the datasets below")
        words = " ".join(seen.text.replace("│", " ").split())
        assert "would free is not known: tank/try is a clone of one of them, so that cannot go." in words
        assert "Destroying it with all below takes 10 objects and frees 5.00M." in words
        assert "3.00M @daily-3" in words
        await seen.press("escape", "up", "x")
        await seen.until_text("It is the root of its pool, so it goes only with the pool.")
        await seen.press("escape", "down", "down", "x")
        await seen.until_text("Destroying all its 4 snapshots would free 7.00M.")


async def test_a_failed_reading_keeps_the_tree_and_hostile_names_do_nothing(console: Opener) -> None:
    services = FakeServices()
    services.fake_storage.tree_list = [holding("tank", 1), holding("tank/\x1b[2J[red]x\u202e", 2)]
    async with console(services, section="datasets") as seen:
        await seen.until_text("[red]x")
        services.fake_storage.failure = UnreachableError("nas-a does not answer.")
        await seen.press("r")
        await seen.until_text("The last reading failed: nas-a does not answer.")
        assert "[red]x" in seen.text
        for key in ("down", "x", "escape", "y", "escape", "o", "escape", "d", "escape", "m", "escape"):
            await seen.press(key)
            assert "\x1b" not in seen.text
            assert "\u202e" not in seen.text


async def test_a_viewer_may_look_and_nothing_else(console: Opener) -> None:
    services = FakeServices()
    services.host.groups = "anna dplane-view"  # type: ignore[attr-defined]  # the fake's own field
    async with console(services, section="datasets") as seen:
        await seen.until_text("anna")
        await seen.press("d")
        await seen.until_text("needs the role admin; this account has view")
        await seen.press("y")
        await seen.until_text("Is tank protected?")
