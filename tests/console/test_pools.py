"""The Pools screen: what it shows, and each act with its dialogs."""

from __future__ import annotations

import dataclasses

from dplane_tui.errors import MissingError, UnreachableError
from dplane_tui.services.zfs.requests import CreatePool
from tests.console.conftest import Opener
from tests.console.fakes import FakeServices, tank, vault


async def test_shows_state_capacity_errors_scan_and_advice(console: Opener) -> None:
    async with console() as seen:
        await seen.until_text("vault")
        assert "ONLINE" in seen.text
        assert "34%" in seen.text
        assert "scrub ok 3d ago" in seen.text
        await seen.press("down")
        assert "DEGRADED" in seen.text
        assert "scrub 34% ETA 12m" in seen.text
        assert "138" in seen.text  # 3 + 128 + 7 errors of the faulted disk
        assert "too many errors" in seen.text
        assert "Replace the faulted device" in seen.text


async def test_a_failed_poll_keeps_the_last_data_and_says_why(console: Opener) -> None:
    async with console() as seen:
        await seen.until_text("tank")
        seen.services.fake_zfs.failure = UnreachableError("nas-a does not answer.", "It is tried again.")
        await seen.press("r")
        await seen.until_text("nas-a does not answer")
        assert "tank" in seen.text
        assert "old" in seen.text


async def test_no_zfs_is_a_sentence_and_every_key_still_works(console: Opener) -> None:
    services = FakeServices()
    services.fake_zfs.failure = MissingError("ZFS is not installed on nas-a.", "`dplane doctor` says more.")
    async with console(services) as seen:
        await seen.until_text("ZFS is not installed on nas-a. `dplane doctor` says more.")
        for key in ("enter", "b", "c", "x", "D", "a", "tab", "right_square_bracket", "slash", "escape", "s", "r"):
            await seen.press(key)
        assert seen.app.is_running


async def test_create_pool_marks_disks_reviews_and_creates(console: Opener) -> None:
    async with console() as seen:
        await seen.until_text("vault")
        await seen.press("n")
        await seen.until_text("New pool")
        await seen.press("ctrl+u")
        await seen.type("store")
        await seen.press("down", "down", "space")
        await seen.until_text("cannot be taken: mounted on /")
        await seen.press("down", "space", "down", "space")
        await seen.until_text("Usable about")
        await seen.press("enter", "enter")
        await seen.until_text("zpool create store mirror virtio-data2 virtio-data3")
        await seen.press("enter")  # Cancel has the cursor: Enter at once never confirms
        assert not seen.services.fake_zfs.calls
        await seen.press("n")
        await seen.until_text("New pool")
        await seen.press("ctrl+u")
        await seen.type("store")
        await seen.press("down", "down", "down", "space", "down", "space", "enter", "enter")
        await seen.until_text("Runs: zpool create")
        await seen.press("tab", "enter")
        await seen.until_text("store was created and is ONLINE")
    (call,) = seen.services.fake_zfs.calls
    assert isinstance(call[1], CreatePool)
    assert call[1].words() == ["mirror", "virtio-data2", "virtio-data3"]


async def test_destroy_needs_the_name_and_shows_what_goes(console: Opener) -> None:
    async with console() as seen:
        await seen.until_text("vault")
        await seen.press("D")
        await seen.until_text("tank/home/anna")
        assert "GUID 1001" in seen.text
        await seen.press("enter")
        assert not seen.services.fake_zfs.calls
        await seen.press("D")
        await seen.until_text("type the name")
        await seen.type("tan")
        await seen.press("enter")
        await seen.until_text("The name is not the same")
        await seen.type("k")
        await seen.press("enter")
        await seen.until_text("tank was destroyed; it is no longer listed.")
    assert seen.services.fake_zfs.calls == [("destroy_pool", "1001")]


async def test_scrub_offers_what_makes_sense(console: Opener) -> None:
    async with console() as seen:
        await seen.until_text("vault")
        await seen.press("b")
        await seen.until_text("Scrub of tank")
        assert "pause" not in seen.text
        await seen.press("enter")
        await seen.until_text("The scrub of tank is scanning.")
        await seen.press("down", "b")
        await seen.until_text("Scrub of vault")
        assert "pause" in seen.text
        assert "stop" in seen.text
        await seen.press("down", "enter")
        await seen.until_text("is canceled")
    assert seen.services.fake_zfs.calls == [("scrub", "1001", "start"), ("scrub", "1002", "stop")]


async def test_import_export_clear(console: Opener) -> None:
    async with console() as seen:
        await seen.until_text("vault")
        await seen.press("i")
        await seen.until_text("4711")
        await seen.press("enter")
        await seen.until_text("old was imported; it is ONLINE.")
        await seen.press("c", "tab", "enter")
        await seen.until_text("error counts of tank were cleared")
        await seen.press("x", "right", "enter")
        await seen.until_text("tank was exported")
    assert [call[0] for call in seen.services.fake_zfs.calls] == ["import", "clear", "export"]


async def test_an_import_tells_what_is_not_mounted(console: Opener) -> None:
    async with console() as seen:
        seen.services.fake_zfs.not_mounted = ("old/evil: the mountpoint /etc is refused. It has canmount=noauto now.",)
        await seen.until_text("vault")
        await seen.press("i")
        await seen.until_text("4711")
        await seen.press("enter")
        await seen.until_text("Not mounted: old/evil: the mountpoint /etc is refused.")
        await seen.press("escape")
        await seen.until_text("Not all of it is as it was")


async def test_datasets_and_snapshots(console: Opener) -> None:
    async with console() as seen:
        await seen.until_text("vault")
        await seen.press("right_square_bracket", "tab")
        await seen.until_text("anna")
        await seen.press("down", "a")
        await seen.until_text("New dataset")
        await seen.type("docs")
        assert "zfs create tank/home/docs" in seen.text
        await seen.press("tab", "tab", "tab", "tab", "enter", "enter")
        await seen.until_text("tank/home/docs was created (GUID 2999).")
        await seen.press("p")
        await seen.until_text("Snapshot of tank/home")
        await seen.press("enter", "enter", "enter")
        await seen.until_text("was taken (GUID 3999).")
        await seen.press("enter")  # the dataset's snapshots
        await seen.until_text("@daily-3")
        await seen.press("o")
        await seen.until_text("Everything written to tank/home since daily-3 is lost.")
        await seen.press("escape", "d")
        await seen.until_text("Destroy tank/home@daily-3")
        await seen.type("tank/home@daily-3")
        await seen.press("enter")
        await seen.until_text("was destroyed; it is no longer listed.")


async def test_viewer_is_told_which_role_it_needs(console: Opener) -> None:
    services = FakeServices()
    services.host.groups = "anna dplane-view"  # type: ignore[attr-defined]  # the fake's own field
    async with console(services) as seen:
        await seen.until_text("vault")
        assert " RO" in seen.text.splitlines()[0]
        await seen.press("D")
        await seen.until_text("needs the role admin; this account has view")
        assert "destroy" not in seen.text.splitlines()[-1]


async def test_hostile_names_do_nothing_to_the_screen(console: Opener) -> None:
    services = FakeServices()
    evil = "[red]x[/red]\x1b[2J\x1b]0;owned\x07\u202etxt"
    bad = dataclasses.replace(vault().vdevs[0], name=evil)
    services.fake_zfs.pool_list = [tank(name=evil, vdevs=(bad,), status=evil, state="DEGRADED")]
    async with console(services) as seen:
        await seen.until_text("[red]x[/red]")
        assert "\x1b" not in seen.text
        assert "\x07" not in seen.text
        assert "\u202e" not in seen.text
        for key in ("x", "escape", "D", "escape", "b", "escape", "question_mark", "escape", "enter"):
            await seen.press(key)
            assert "\x1b" not in seen.text
        assert seen.app.is_running


async def test_filter_sort_and_counts(console: Opener) -> None:
    async with console() as seen:
        await seen.until_text("vault")
        await seen.press("slash")
        await seen.type("vau")
        assert "1/2 /vau" in seen.text
        assert "> tank" not in seen.text
        await seen.press("enter")
        assert "1/2" in seen.text
        await seen.press("escape")
        assert "tank" in seen.text
        await seen.press("slash")
        await seen.type("!vau")
        await seen.press("enter")
        assert "> tank" in seen.text
        await seen.press("escape", "s")
        assert "POOL▲" in seen.text
        await seen.press("R")
        assert seen.text.index("vault") < seen.text.index("tank ")


async def test_create_pool_with_a_log_and_a_spare_says_how_many_may_die(console: Opener) -> None:
    async with console(size=(100, 30)) as seen:
        await seen.until_text("vault")
        await seen.press("n")
        await seen.until_text("New pool")
        await seen.press("down", "down", "down", "space", "down", "space", "down", "s")
        await seen.until_text("any 1 of 2 disks may fail")
        assert "[S]" in seen.text
        await seen.press("l")  # the same disk for something else
        await seen.until_text("[L]")
        assert "[S]" not in seen.text
        await seen.press("s", "enter", "enter")
        await seen.until_text("zpool create tank mirror virtio-data2 virtio-data3 spare")
        assert "any 1 of 2 disks may fail" in seen.text
