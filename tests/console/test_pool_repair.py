"""The guided repair and the changes of single disks: what is shown, what one key does, what it asks before."""

from __future__ import annotations

import dataclasses

import pytest

from dplane_tui.errors import CommandError
from dplane_tui.screens.pool_whole import request_of
from dplane_tui.services.zfs.model import Disk, Scan, Vdev
from tests.console.conftest import Opener
from tests.console.fakes import FakeServices, disk_vdev, tank, vault

K1, K3 = "ata-WDC_WD40EFRX-68N32N0_WD-WCC7K1", "ata-WDC_WD40EFRX-68N32N0_WD-WCC7K3"


async def test_a_pool_in_trouble_opens_on_what_happened_and_what_to_do(console: Opener) -> None:
    async with console() as seen:
        await seen.until_text("vault")
        await seen.press("down")
        await seen.until_text("y: what helps")
        await seen.press("y")
        await seen.until_text("Repair of vault")
        for words in (
            "What happened", "ZFS stopped using", f"Disk: {K3}", "not found among", "What to do", "y replace it",
        ):  # fmt: skip
            assert words in seen.text, words
        await seen.press("escape")
        assert "Repair of vault" not in seen.text
    assert seen.services.fake_repair.calls == []


async def test_one_key_does_it_after_the_disk_is_chosen_and_said_yes_to(console: Opener) -> None:
    async with console() as seen:
        await seen.until_text("vault")
        await seen.press("down", "y")
        await seen.until_text("Repair of vault")
        await seen.press("y")
        await seen.until_text("Which disk takes the place?")
        await seen.press("enter")
        await seen.until_text("In the pool vault, ata-new")
        await seen.press("enter")  # Cancel has the cursor
        await seen.until_text("Repair of vault")
        assert seen.services.fake_repair.calls == []
        await seen.press("y", "enter", "tab", "enter")
        await seen.until_text("Repair of vault")
        await seen.press("escape")
        await seen.until_text("It was done with ata-new.")
    (call,) = seen.services.fake_repair.calls
    assert (call[0], call[1], call[3]) == ("replace", "1002", "ata-new")


async def test_a_disk_is_taken_out_when_its_name_was_typed(console: Opener) -> None:
    services = FakeServices()
    failed, new = disk_vdev("ata-old", "OFFLINE"), disk_vdev("ata-put-in", "FAULTED")
    inner = Vdev("replacing-0", "replacing", "DEGRADED", guid="8", children=(failed, new))
    top = dataclasses.replace(vault().vdevs[0], kind="mirror", children=(disk_vdev("ata-a"), inner))
    services.fake_zfs.pool_list = [dataclasses.replace(vault(), vdevs=(top,))]
    async with console(services) as seen:
        await seen.until_text("vault")
        await seen.press("y")
        await seen.until_text("y take it out")
        await seen.press("y")
        await seen.until_text("type the name")
        assert "GUID" in seen.text
        await seen.type("ata-old")
        await seen.press("enter")
        assert services.fake_repair.calls == []
        await seen.press("escape", "y")
        await seen.until_text("type the name")
        await seen.type("ata-put-in")
        await seen.press("enter")
        await seen.until(lambda: bool(services.fake_repair.calls))
    assert [call[0] for call in services.fake_repair.calls] == ["detach"]


@pytest.mark.parametrize("mended", [True, False])
async def test_what_mended_nothing_is_said_as_a_warning(
    console: Opener, monkeypatch: pytest.MonkeyPatch, mended: bool
) -> None:
    services = FakeServices()
    services.fake_repair.mended = mended
    services.fake_zfs.pool_list = [tank(data_errors=1)]
    said: dict[str, str] = {}
    async with console(services) as seen:
        tell = seen.app.say
        monkeypatch.setattr(seen.app, "say", lambda text, role="text": (said.update({text: role}), tell(text, role)))
        await seen.until_text("tank has 1 files with permanent errors")
        await seen.press("y", "y", "tab", "enter")
        await seen.until(lambda: "It was done with nothing new." in said)
    assert said["It was done with nothing new."] == ("good" if mended else "warn")


async def test_what_zfs_refuses_is_told_and_the_page_stays(console: Opener) -> None:
    services = FakeServices()
    services.fake_repair.failure = CommandError("zpool replace failed: the disk vanished\x1b[2J.")
    async with console(services) as seen:
        await seen.until_text("vault")
        await seen.press("down", "y", "y", "enter", "tab", "enter")
        await seen.until_text("the disk vanished")
        assert "\x1b" not in seen.text
        await seen.press("escape")
        await seen.until_text("Repair of vault")


async def test_a_resilver_shows_its_time_and_offers_nothing(console: Opener) -> None:
    services = FakeServices()
    running = Scan("resilver", "scanning", percent=41.0, eta=3700.0)
    services.fake_zfs.pool_list = [dataclasses.replace(vault(), scan=running)]
    async with console(services) as seen:
        await seen.until_text("vault")
        await seen.press("y")
        await seen.until_text("it takes 1h 1m more")
        assert "r looks again" in seen.text
        await seen.press("y")
        assert "Repair of vault" in seen.text  # y does nothing here
        services.fake_zfs.pool_list = [dataclasses.replace(vault(), scan=dataclasses.replace(running, percent=99.0))]
        await seen.press("r")
        await seen.until_text("99 % is done")
    assert services.fake_repair.calls == []


async def test_damaged_files_are_listed_with_what_may_be_good(console: Opener) -> None:
    services = FakeServices()
    services.fake_zfs.pool_list = [tank(data_errors=1)]
    async with console(services) as seen:
        await seen.until_text("tank has 1 files with permanent errors")
        await seen.press("y")
        await seen.until_text("Damaged for good")
        await seen.press("G")
        assert "/tank/evil\ufffd[2J\ufffdname" in seen.text
        assert "@daily-3" in seen.text
        assert "\x1b" not in seen.text
        await seen.press("y", "tab", "enter")
        await seen.until(lambda: bool(services.fake_repair.calls))
    assert services.fake_repair.calls[0][:2] == ("scrub", "1001")


async def test_a_healthy_pool_says_so(console: Opener) -> None:
    async with console() as seen:
        await seen.until_text("vault")
        await seen.press("y")
        await seen.until_text("Nothing is wrong with tank.")


async def test_from_start_it_opens_for_the_row_under_the_cursor(console: Opener) -> None:
    async with console(section="start") as seen:
        await seen.until_text("Pool vault is DEGRADED")
        await seen.press("y")
        await seen.until_text("Repair of vault")
        await seen.press("escape")
        seen.app.screen.needs.select(seen.app.screen.needs.rows[-1].key)  # type: ignore[attr-defined]  # the Start screen
        await seen.press("y")
        assert len(seen.app.screen_stack) == 1, "that row is about no pool"


async def test_who_may_only_look_sees_the_advice_and_which_role_it_needs(console: Opener) -> None:
    services = FakeServices()
    services.host.groups = "anna dplane-view"  # type: ignore[attr-defined]  # the fake's own field
    async with console(services) as seen:
        await seen.until_text("vault")
        await seen.press("down", "y")
        await seen.until_text("To replace it needs the role admin")
        await seen.press("y")
        assert "Which disk" not in seen.text
    assert services.fake_repair.calls == []


async def test_disks_are_changed_where_the_cursor_is(console: Opener) -> None:
    async with console() as seen:
        await seen.until_text("vault")
        await seen.press("enter", "down", "m")
        await seen.until_text("virtio-data0 of tank")
        for way in ("replace", "offline", "attach", "detach"):
            assert way in seen.text
        assert "online" not in seen.text.replace("ONLINE", "")
        await seen.press("down", "enter")
        await seen.until_text("Take virtio-data0 offline?")
        await seen.press("enter")
        assert seen.services.fake_repair.calls == []
        await seen.press("m", "down", "enter", "tab", "enter")
        await seen.until_text("virtio-data0 is OFFLINE in tank.")
        await seen.press("m", "enter")
        await seen.until_text("Which disk takes the place of virtio-data0?")
        await seen.press("enter", "tab", "enter")
        await seen.until_text("now (ONLINE")
        await seen.press("m", "down", "down", "down", "enter")
        await seen.until_text("type the name")
        await seen.type("virtio-data0")
        await seen.press("enter")
        await seen.until_text("virtio-data0 was taken out of tank")
    assert [call[:3] for call in seen.services.fake_repair.calls] == [
        ("offline", "1001", "virtio-data0"),
        ("replace", "1001", "virtio-data0"),
        ("detach", "1001", "virtio-data0"),
    ]


async def test_a_disk_of_a_raidz_is_brought_online_and_never_attached_to(console: Opener) -> None:
    services = FakeServices()
    services.fake_zfs.pool_list = [vault()]
    async with console(services) as seen:
        await seen.until_text("vault")
        await seen.press("enter", "down", "down", "m")
        await seen.until_text(f"{K3} of vault")
        assert "mirror of it" not in seen.text
        assert "detach" not in seen.text
        await seen.press("down", "enter", "tab", "enter")
        await seen.until_text("is ONLINE in vault")
    assert services.fake_repair.calls == [("online", "1002", K3)]


async def test_hostile_names_do_nothing_to_the_page(console: Opener) -> None:
    services = FakeServices()
    evil = "[red]x[/red]\x1b[2J\u202e"
    bad = dataclasses.replace(disk_vdev("ata-b", "FAULTED", 1, 2, 3), name=evil, path=None, note=evil)
    top = dataclasses.replace(vault().vdevs[0], name=evil, children=(disk_vdev("ata-a"), bad))
    services.fake_zfs.pool_list = [dataclasses.replace(vault(), status=evil, vdevs=(top,))]
    async with console(services, size=(60, 18)) as seen:
        await seen.until_text("vault")
        for key in ("y", "y", "escape", "escape", "enter", "down", "m", "escape"):
            await seen.press(key)
            assert "\x1b" not in seen.text
            assert "\u202e" not in seen.text
        assert seen.app.is_running


async def test_the_pool_itself_is_changed_where_no_disk_is_under_the_cursor(console: Opener) -> None:
    async with console(size=(80, 30)) as seen:
        await seen.until_text("vault")
        for steps, title in (
            (0, "Add disks to tank"),
            (1, "Split tank"),
            (7, "Rename tank"),
        ):
            await seen.press("m")
            await seen.until_text("The pool tank")
            await seen.press(*["down"] * steps, "enter")
            await seen.until_text(title)
            await seen.press("escape")
        await seen.press("m", *["down"] * 6, "enter")
        await seen.until_text("Older versions of ZFS cannot import it any more")
        assert "draid" in seen.text
        await seen.press("enter")
        assert seen.services.fake_repair.calls == []
        await seen.press("m", *["down"] * 6, "enter")
        await seen.until_text("type the name")
        await seen.type("tank")
        await seen.press("enter")
        await seen.until_text("has all features of this ZFS now")
        await seen.press("m", *["down"] * 4, "enter", "tab", "enter")
        await seen.until_text("tank has a checkpoint that holds 4.00K.")
        await seen.press("m", *["down"] * 3, "enter", "tab", "enter")
        await seen.until_text("Trim of tank: 0% trimmed, started.")
    assert seen.services.fake_repair.calls == [
        ("upgrade", "1001"), ("checkpoint", "1001", False), ("trim", "1001", "start"),
    ]  # fmt: skip


async def test_disks_are_added_like_those_there_or_with_a_separate_yes(console: Opener) -> None:
    async with console() as seen:
        await seen.until_text("vault")
        await seen.press("m", "enter")
        await seen.until_text("Add disks to tank")
        await seen.press("tab", "tab", "space")
        await seen.until_text("cannot be taken: mounted on /")
        await seen.press("down", "space")
        await seen.until_text("at least 2")
        await seen.press("down", "space", "down", "space")
        await seen.until_text("another redundancy")
        await seen.press("enter", "enter")
        await seen.until_text("Add disks to tank")  # refused: it stays
        await seen.press("shift+tab", "shift+tab", "space")
        await seen.press("escape")
        await seen.press("m", "enter", "tab", "tab", "down", "space", "down", "space")
        await seen.until_text("This can be added.")
        await seen.press("enter", "enter")
        await seen.until_text("would update 'tank'")
        await seen.type("tank")
        await seen.press("enter")
        await seen.until_text("tank has the new disks and is ONLINE.")
    (call,) = seen.services.fake_repair.calls
    assert call == ("add", "1001", ["mirror", "virtio-data2", "virtio-data3"])


async def test_a_log_is_removed_and_a_raidz_is_widened(console: Opener) -> None:
    services = FakeServices()
    services.fake_zfs.pool_list = [vault()]
    async with console(services) as seen:
        await seen.until_text("vault")
        await seen.press("enter", "m")
        await seen.until_text("raidz1-0 of vault")
        assert "remove" not in seen.text
        await seen.press("enter")
        await seen.until_text("becomes one more disk of raidz1-0")
        await seen.press("enter")
        await seen.until_text("This cannot be undone.")
        await seen.press("tab", "enter")
        await seen.until_text("now (ONLINE")
        await seen.press("G", "m")
        await seen.until_text("nvme-log of vault")
        await seen.press("enter")
        await seen.until_text("type the name")
        await seen.type("nvme-log")
        await seen.press("enter")
        await seen.until_text("nvme-log is leaving vault")
    assert [call[:3] for call in services.fake_repair.calls] == [
        ("attach", "1002", "raidz1-0"), ("remove", "1002", "nvme-log"),
    ]  # fmt: skip


def test_what_the_choices_come_to() -> None:
    assert request_of("raidz1", ["a", "b", "c"]).words() == ["raidz1", "a", "b", "c"]
    assert request_of("", ["a", "b"]).words() == ["a", "b"]
    assert request_of("log", ["a"]).words() == ["log", "a"]
    assert request_of("special", ["a", "b"]).words() == ["special", "mirror", "a", "b"]
    assert request_of("spare", ["a", "b"]).words() == ["spare", "a", "spare", "b"]


async def test_imports_of_other_kinds(console: Opener) -> None:
    async with console() as seen:
        await seen.until_text("vault")
        await seen.press("I")
        await seen.until_text("Import a pool in another way")
        await seen.press("enter", "enter", "enter")
        await seen.until_text("Which pool?")
        await seen.press("enter")
        await seen.until_text("without its last moments")
        await seen.press("down", "down", "down", "enter")
        await seen.until_text("Would be able to return old")
        await seen.press("enter")  # Cancel has the cursor
        await seen.press("I", "enter", "enter", "enter", "enter", "down", "down", "down", "enter")
        await seen.until_text("type the name")
        await seen.type("old")
        await seen.press("enter")
        await seen.until_text("old was imported; it is ONLINE.")
        await seen.press("I", "enter", "enter", "enter", "enter", "down", "down", "enter")
        await seen.until(lambda: any(call[0] == "import" for call in seen.services.fake_repair.calls))
    calls = [call for call in seen.services.fake_repair.calls if call[0] != "look"]
    assert calls == [
        ("rewind", "4711", None, False),
        ("import", "4711", None, {"readonly": True, "folder": None, "destroyed": False}),
    ]


async def test_the_light_of_a_disk_is_offered_only_where_there_is_one(console: Opener) -> None:
    services = FakeServices()
    connected = Disk(K3, "sdq", 4 << 40, in_use="member of pool vault")
    services.fake_repair.more_disks = (*services.fake_repair.more_disks, connected)
    async with console(services) as seen:
        await seen.until_text("vault")
        await seen.press("down", "y")
        await seen.until_text("Repair of vault")
        assert "its light" not in seen.text
        services.fake_repair.slots = {"sdq": "slot 5 (Slot 05)"}
        await seen.press("r")
        await seen.until_text("In slot 5 (Slot 05)")
        await seen.press("l")
        await seen.until(lambda: services.fake_repair.calls == [("locate", K3, True)])
        await seen.until_text("l its light")
        await seen.press("l")
        await seen.until(lambda: services.fake_repair.calls[-1] == ("locate", K3, False))
