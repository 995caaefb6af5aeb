"""Storage against a box that is played: what it asks, where a passphrase goes, and what it believes afterwards."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from dplane_tui.errors import ChangedError, CommandError, MissingError, RefusedError
from dplane_tui.services.host.base import Output
from dplane_tui.services.zfs.model import Dataset, Snapshot
from dplane_tui.services.zfs.requests import CreateDataset

from .storage_box import StorageBox, line, row, service

DATA = Dataset("tank/a", "filesystem", "77", mounted=True)
SAFE = Dataset("tank/safe", "filesystem", "77", encryption="aes", key_status="unavailable", encryption_root="tank/safe")
SNAPS = [Snapshot(f"tank/a@s{at}", str(100 + at), at) for at in range(3)]
SECRET = "correct horse"
KEY = {"encryption": "aes-256-gcm", "keystatus": "unavailable", "encryptionroot": "tank/safe", "mounted": "no"}


@pytest.fixture
def box() -> StorageBox:
    """A box with one dataset of GUID 77."""
    found = StorageBox()
    found.datasets = [row("tank/a", 77)]
    return found


async def test_a_key_is_given_behind_the_request_and_what_waited_is_mounted(box: StorageBox) -> None:
    box.tree = [line("tank/safe", guid="77", **KEY), line("tank/safe/deep", guid="78", **KEY),
                line("tank/safe/off", guid="79", **{**KEY, "canmount": "noauto"})]  # fmt: skip

    def does(request: dict[str, Any]) -> None:
        if request["verb"] == "dataset-mount":
            box.datasets = [row(request["dataset"], int(request["guid"]))]

    box.does = does
    done = await service(box).load_key(SAFE, SECRET)
    assert done.mounted == ("tank/safe", "tank/safe/deep")
    assert done.not_mounted == ()
    assert box.secrets == [f"{SECRET}\n".encode()]
    assert SECRET not in str(box.requests) + str(box.ran)
    with pytest.raises(RefusedError, match="Its key is that of tank/safe"):
        await service(box).load_key(Dataset("tank/safe/x", "filesystem", "5", encryption_root="tank/safe"), SECRET)


async def test_what_cannot_be_mounted_is_told_and_the_rest_goes_on(box: StorageBox) -> None:
    box.tree = [line("tank/safe", guid="77", **KEY)]
    box.datasets = [row("tank/safe", 77).replace("\tyes\t", "\tno\t")]
    done = await service(box).load_key(SAFE, None)
    assert done.mounted == ()
    assert "is not mounted" in done.not_mounted[0]
    assert box.secrets == []
    assert box.requests[0]["from_file"] is True


async def test_a_new_key_is_tried_before_it_counts(box: StorageBox) -> None:
    box.datasets = [row("tank/safe", 77)]
    await service(box).change_key(SAFE, SECRET)
    assert [request["verb"] for request in box.requests] == ["key-change", "key-check"]
    assert box.secrets == [f"{SECRET}\n".encode()] * 2
    for bad in ("short", "x" * 513, "two\nlines of it"):
        with pytest.raises(RefusedError) as refused:
            await service(box).change_key(SAFE, bad)
        assert bad not in str(refused.value)


async def test_locking_unmounts_the_deepest_first(box: StorageBox) -> None:
    open_key = {**KEY, "keystatus": "available", "mounted": "yes"}
    box.tree = [line("tank/safe", guid="77", **open_key), line("tank/safe/deep", guid="78", **open_key)]

    def does(request: dict[str, Any]) -> None:
        one = row(request["dataset"], int(request["guid"])).replace("\tyes\t", "\tno\t")
        box.datasets = [one.replace("\toff\t-\t-\t", "\taes\tunavailable\ttank/safe\t", 1)]

    box.does = does
    await service(box).unload_key(SAFE)
    asked = [(request["verb"], request["dataset"]) for request in box.requests]
    assert asked == [
        ("dataset-unmount", "tank/safe/deep"), ("dataset-unmount", "tank/safe"), ("key-unload", "tank/safe"),
    ]  # fmt: skip


async def test_an_encrypted_dataset_that_reads_back_plain_is_no_success(box: StorageBox) -> None:
    box.answer = {"guid": "77"}
    with pytest.raises(CommandError, match="is not listed as encrypted"):
        await service(box).create_encrypted(CreateDataset("tank/a"), SECRET)
    assert box.requests[0]["encrypted"] is True
    with pytest.raises(RefusedError):
        await service(box).create_encrypted(CreateDataset("tank/b"), "short")
    assert len(box.requests) == 1


async def test_a_rename_that_gave_the_name_to_another_is_no_success(box: StorageBox) -> None:
    box.datasets = [row("tank/b", 78)]
    with pytest.raises(CommandError, match="is another dataset now"):
        await service(box).rename(DATA, "tank/b")
    with pytest.raises(RefusedError):
        await service(box).rename(DATA, "tank/b\t")


async def test_setting_aside_unmounts_and_renames_and_destroys_nothing(box: StorageBox) -> None:
    box.values = {"canmount": "noauto"}

    def does(request: dict[str, Any]) -> None:
        name = request.get("to", request["dataset"])
        box.datasets = [row(name, 77).replace("\tyes\t", "\tno\t" if request["verb"] != "dataset-set" else "\tyes\t")]

    box.does = does
    kept = await service(box).set_aside(DATA, now=1_800_000_000)
    assert kept.name == "tank/a-kept-20270115-080000"
    assert [request["verb"] for request in box.requests] == ["dataset-set", "dataset-unmount", "dataset-rename"]


async def test_what_cannot_be_set_aside_stays_as_it_was(box: StorageBox) -> None:
    box.values = {"canmount": "on"}

    def does(request: dict[str, Any]) -> None:
        if request["verb"] == "dataset-set":
            box.values = {"canmount": request["value"]}

    box.does = does
    with pytest.raises(CommandError, match="is mounted"):  # the box takes the order to unmount and does not follow
        await service(box).set_aside(DATA)
    told = [(request["verb"], request.get("value")) for request in box.requests]
    assert told == [("dataset-set", "noauto"), ("dataset-unmount", None), ("dataset-set", "on")]


async def test_a_clone_says_what_it_came_from_or_is_no_success(box: StorageBox) -> None:
    box.answer = {"guid": "77"}
    box.values = {"exec": "on"}
    with pytest.raises(CommandError, match="not listed as a clone"):
        await service(box).clone(SNAPS[0], "tank/a")
    assert "properties" not in box.requests[0]
    box.values = {"exec": "off"}  # as on what was received
    with pytest.raises(CommandError, match="not listed as a clone"):
        await service(box).clone(SNAPS[0], "tank/a")
    assert (box.requests[1]["kind"], box.requests[1]["properties"]) == ("filesystem", {"exec": "off"})
    with pytest.raises(RefusedError, match="is no clone"):
        await service(box).promote(DATA)


@pytest.mark.parametrize(
    ("here", "there", "goes"),
    [("-", "hourly:24", True), ("none", "hourly:24", True), ("hourly:24", "hourly:24", True),
     ("daily:2", "hourly:24", False), ("daily:2", "-", False), ("daily:2", "none", False)],
)  # fmt: skip
async def test_a_clone_with_another_policy_is_not_given_the_snapshots_of_its_original(
    box: StorageBox, monkeypatch: pytest.MonkeyPatch, here: str, there: str, goes: bool
) -> None:
    clone = replace(DATA, origin="tank/home@s1")
    storage = service(box)

    async def value(name: str, prop: str) -> str:
        assert prop == "dplane:policy"
        return {"tank/a": here, "tank/home": there}[name]

    monkeypatch.setattr(storage, "property_value", value)
    if goes:
        assert (await storage.promote(clone)).name == "tank/a"
        assert [request["verb"] for request in box.requests] == ["dataset-promote"]
        return
    with pytest.raises(RefusedError, match="whose snapshot policy is another") as refused:
        await storage.promote(clone)
    assert "dplane policy set tank/a none" in refused.value.next_step
    assert box.requests == []


async def test_many_go_only_when_none_is_listed_afterwards(box: StorageBox) -> None:
    box.snapshots = [f"tank/a@s{at}\t{100 + at}\t{at}\t1\t1\t1" for at in range(3)]
    box.answer = {"stdout": "destroy\ttank/a@s0\ndestroy\ttank/a@s1\nreclaim\t4096\n"}
    preview = await service(box).destroy_many_preview(DATA, SNAPS[:2])
    assert (preview.objects, preview.reclaim) == (("tank/a@s0", "tank/a@s1"), 4096)
    assert box.requests[0]["snapshots"] == {"s0": "100", "s1": "101"}
    with pytest.raises(CommandError, match="is still listed"):
        await service(box).destroy_many(DATA, SNAPS[:2])
    box.snapshots = box.snapshots[2:]
    assert await service(box).destroy_many(DATA, SNAPS[:2]) == ("tank/a@s0", "tank/a@s1")


async def test_what_is_held_or_cloned_is_refused_before_anything_is_asked(box: StorageBox) -> None:
    box.values = {"holds": "tank/a@s1\tdplane-run-1\t1700000000\n"}
    with pytest.raises(RefusedError, match=r"tank/a@s1 is held \(dplane-run-1\)"):
        await service(box).destroy_many_preview(DATA, SNAPS)
    box.values = {}
    box.datasets.append(row("tank/try", 78).replace("\t-\ton\toff\t", "\ttank/a@s2\ton\toff\t"))
    with pytest.raises(RefusedError, match="tank/try is a clone of tank/a@s2"):
        await service(box).destroy_many_preview(DATA, SNAPS)
    assert box.requests == []


async def test_only_the_holds_of_a_person_are_released(box: StorageBox) -> None:
    box.values = {"holds": "tank/a@s0\tdplane-run-1\t1700000000\n"}
    assert await service(box).holds(SNAPS[0]) == ("dplane-run-1",)
    with pytest.raises(RefusedError, match="was not set by a person"):
        await service(box).release(SNAPS[0], "dplane-run-1")
    with pytest.raises(CommandError, match="has no hold dplane-keep"):
        await service(box).hold(SNAPS[0])
    assert [request["verb"] for request in box.requests] == ["hold-add"]


async def test_many_snapshots_come_line_by_line_from_one_listing(box: StorageBox) -> None:
    box.shelf = [f"tank/a@s{at}\t{at + 1}\t{at + 1}\t{1_700_000_000 + at}\t5\t6\t0" for at in range(5000)]
    shelf = await service(box).shelf()
    assert len(shelf) == 5000
    assert len(box.opened) == 1
    assert box.opened[0][1].stopped
    assert (await service(box).newest())["tank/a"] == ("s4999", 1_700_004_999.0)
    box.fails = {"zfs": "cannot open 'tank/x': dataset does not exist"}
    with pytest.raises(MissingError, match="There is no dataset tank/x"):
        await service(box).shelf("tank/x")
    box.fails = {"zfs": "internal error: \x1b[2J"}
    with pytest.raises(CommandError) as told:
        await service(box).shelf()
    assert "\x1b" not in str(told.value)


@pytest.mark.parametrize("order", [1, -1])
async def test_the_newest_is_what_was_made_last_whatever_a_clock_said(box: StorageBox, order: int) -> None:
    ahead, now = "tank/a@wrong\t1\t10\t1900000000\t5\t6\t0", "tank/a@right\t2\t20\t1700000000\t5\t6\t0"
    box.shelf = [ahead, now][::order]
    found = {"tank/a": ("right", 1_700_000_000.0)}
    assert await service(box).newest() == (await service(box).shelf()).newest() == found


async def test_a_difference_is_read_only_as_far_as_it_is_asked_for(box: StorageBox) -> None:
    box.changes = Output(0, b"+\tF\t/tank/a/x\n" * 1000, b"")
    async with aclosing(service(box).diff(SNAPS[0], SNAPS[1])) as changes:
        first = await anext(changes)
    process = box.opened[0][1]
    assert (first.kind, process.read, process.stopped) == ("added", 1, True)
    assert b'"to":"tank/a@s1"' in process.given


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [(4, "tank/a@s0 is not what you saw.", ChangedError), (1, "Unable to mount snapshot", CommandError)],
)
async def test_a_difference_that_fails_says_why(
    box: StorageBox, status: int, said: str, kind: type[CommandError]
) -> None:
    box.changes = Output(status, b"", said.encode())
    with pytest.raises(kind, match=said[:10]):
        async for _ in service(box).diff(SNAPS[0]):
            pass
