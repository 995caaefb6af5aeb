"""What waits for a key after a boot: named on Start, and unlocked one after the other with one key."""

from __future__ import annotations

import dataclasses
from typing import Any

from dplane_tui.errors import CommandError
from dplane_tui.services.zfs.model import Dataset
from dplane_tui.services.zfs.properties import Setting
from tests.console.conftest import Opener
from tests.console.fake_storage import holding
from tests.console.fakes import FakeServices

LOCKED = {"encryption": "aes-256-gcm", "key_status": "unavailable", "mounted": False, "key_location": "prompt"}


def three() -> FakeServices:
    """A box with three datasets that wait."""
    services = FakeServices()
    names = ("tank/a", "tank/b", "tank/c")
    shut = [holding(name, 2001 + at, encryption_root=name, **LOCKED) for at, name in enumerate(names)]
    services.fake_storage.tree_list = [holding("tank", 2000), *shut]
    return services


async def test_one_key_unlocks_all_that_wait_one_after_the_other(console: Opener) -> None:
    async with console(three(), section="datasets") as seen:
        await seen.until_text("tank/c waits for its passphrase")
        await seen.press("down", "down", "E")
        await seen.until_text("Unlock tank/b (1 of 3)")  # the one under the cursor first
        await seen.type("correct horse")
        await seen.press("enter")
        await seen.until_text("Unlock tank/a (2 of 3)")
        await seen.type("correct horse")
        await seen.press("enter")
        await seen.until_text("Unlock tank/c (3 of 3)")
        await seen.press("escape")
        await seen.until_text("tank/a is unlocked; 2 mounted. 1 still waits for a key: E goes on.")
        await seen.until(lambda: "tank/a waits" not in seen.text)
        await seen.press("E")
        await seen.until_text("Unlock tank/c")
        assert " of " not in seen.text.split("Unlock tank/c")[1].split("─")[0]
        await seen.type("correct horse")
        await seen.press("enter")
        await seen.until_text("tank/c is unlocked")
    assert [call[1] for call in seen.services.fake_storage.calls] == ["2002", "2001", "2003"]


async def test_a_wrong_passphrase_stops_the_round_and_what_was_opened_stays_open(console: Opener) -> None:
    async with console(three(), section="datasets") as seen:
        await seen.until_text("tank/c waits for its passphrase")
        await seen.press("E")
        await seen.until_text("Unlock tank/a (1 of 3)")
        await seen.type("correct horse")
        await seen.press("enter")
        await seen.until_text("Unlock tank/b (2 of 3)")
        await seen.type("nonsense")
        await seen.press("enter")
        await seen.until_text("Incorrect key provided")
        await seen.until(lambda: "tank/a waits" not in seen.text)
        await seen.press("E")
        await seen.until_text("Unlock tank/b (1 of 2)")
        assert "nonsense" not in seen.text
        given = len(seen.services.fake_storage.calls)
        await seen.press("enter")  # nothing typed: nothing is sent, as by an Enter too many in the round before
        await seen.until(lambda: getattr(seen.app.screen.focused, "id", "") == "yes")
        assert "Unlock tank/b (1 of 2)" in seen.text
        assert len(seen.services.fake_storage.calls) == given


async def test_the_key_of_a_copy_is_not_asked_for(console: Opener) -> None:
    services = three()
    shared = {**LOCKED, "key_status": "available", "encryption_root": "tank/a"}
    services.fake_storage.tree_list[1] = holding("tank/a", 2001, **shared)

    async def settings(dataset: str) -> tuple[Setting, ...]:
        return (Setting("dplane:peer", "nas-a", "local"),)

    services.fake_storage.settings = settings  # type: ignore[method-assign]  # a copy
    async with console(services, section="datasets") as seen:
        await seen.until_text("tank/c waits for its passphrase")
        await seen.press("down", "W")
        await seen.until_text("tank/a is a copy that nas-a sends here.")
        assert "New passphrase" not in seen.text
    assert services.fake_storage.calls == []


def locked_box() -> FakeServices:
    """A box on whose own list one dataset waits."""
    services = FakeServices()
    datasets = services.fake_zfs.datasets

    async def some(pool: str | None = None) -> tuple[Dataset, ...]:
        found = await datasets(pool)
        shut: dict[str, Any] = {**LOCKED, "encryption_root": "tank/home"}
        shut.pop("key_location")
        return tuple(dataclasses.replace(one, **shut) if one.name.startswith("tank/home") else one for one in found)

    services.fake_zfs.datasets = some  # type: ignore[method-assign]  # a box after its boot
    return services


async def test_start_names_what_waits_and_leads_to_its_row(console: Opener) -> None:
    async with console(locked_box(), section="start") as seen:
        await seen.until_text("Dataset tank/home and 1 below wait for their key")
        line = next(one for one in seen.text.splitlines() if "tank/home and 1 below" in one)
        assert line.startswith(("  note     datasets", "> note     datasets"))
        assert line.rstrip().endswith("5")
        await seen.press("G", "enter")
        assert seen.app.section == "datasets"
        await seen.until(lambda: any(one.startswith("> ") and " home " in one for one in seen.text.splitlines()))


async def test_keys_that_cannot_be_read_are_told_as_that(console: Opener) -> None:
    services = FakeServices()

    async def fails(_pool: str | None = None) -> tuple[Dataset, ...]:
        raise CommandError("zfs list failed.")

    services.fake_zfs.datasets = fails  # type: ignore[method-assign,assignment]  # it fails
    async with console(services, section="start") as seen:
        await seen.until(lambda: any("datasets" in x and "zfs list failed." in x for x in seen.text.splitlines()))


async def test_health_reads_them_too(console: Opener) -> None:
    async with console(locked_box(), section="health", size=(120, 40)) as seen:
        await seen.until_text("Dataset tank/home and 1 below wait for their key")
        assert "Keys of datasets are not read yet" not in seen.text
