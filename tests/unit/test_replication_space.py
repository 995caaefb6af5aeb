"""A target without room: what fits goes, what does not is told with the figures, and old copies make room first."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dplane_tui.services.replication import records
from dplane_tui.services.replication.model import Options, Plan, Step
from dplane_tui.services.replication.read import Dataset, Side
from dplane_tui.services.replication.service import decode_plan
from dplane_tui.services.replication.space import fitting
from dplane_tui.services.store import open_store

from .replication_world.world import MB, World
from .replication_world.zfs_model import new_dataset, new_guid

SOURCE, TARGET = "tank/photos", "vault/backup/photos"


def step(below: str, size: int | None) -> Step:
    return Step("incremental", f"s{below}", f"t{below}", "filesystem", "new", "1", base="@old", size=size)


def there(**free: int) -> Side:
    """`t` and what is below it, by what each has left."""
    names = {"t" + ("/" + name.replace("_", "/") if name != "t" else ""): left for name, left in free.items()}
    return {name: Dataset(name, {"available": str(left)}) for name, left in names.items()}


def fits(steps: list[Step], side: Side, available: int | None = None) -> tuple[list[str], dict[str, str]]:
    plan, short = fitting(Plan("t", steps=tuple(steps), available=available), side, "nas")
    return [one.dataset for one in plan.steps], {name: error.message for name, error in short.items()}


def test_only_what_does_not_fit_is_left_and_later_ones_take_what_is_left() -> None:
    steps = [step("", 10), step("/a", 2000), step("/a/deep", 5), step("/b", 80), step("/c", 15), step("/d", None)]
    sent, short = fits(steps, there(t=100, a=100, a_deep=100, b=100, c=100))
    assert sent == ["s", "s/a/deep", "s/b", "s/d"]
    assert short["s/a"] == (
        "nas has 90B free for t/a, and this run would send about 1.95K of s/a: nothing of it was sent."
    )
    assert "nas has 5B free for t/c" in short["s/c"]


def test_a_quota_of_a_dataset_there_counts_for_it_and_what_is_below_it() -> None:
    steps = [step("/a", 10), step("/a/x", 10), step("/b", 60)]
    assert fits(steps, there(t=100, a=15, a_x=15, b=100))[0] == ["s/a", "s/b"]


def test_what_a_dataset_may_refer_to_is_no_limit_for_those_below_it() -> None:
    side = {"t": Dataset("t", {"available": "1"}, local={"refquota": "5"}), "t/a": Dataset("t/a", {"available": "99"})}
    assert fits([step("", 2), step("/a", 50)], side, 1)[0] == ["s/a"]


def test_below_a_place_that_is_not_made_nothing_can_go() -> None:
    sent, short = fits([step("", 200), step("/a", 1), step("/a/x", 1)], {}, 100)
    assert sent == []
    assert short["s/a/x"] == "s/a/x lies below s, which does not fit: nothing of it was sent."


@given(st.lists(st.integers(0, 60), max_size=12), st.integers(0, 200))
def test_what_goes_never_exceeds_what_is_free(sizes: list[int], free: int) -> None:
    steps = [step(f"/{number}", size) for number, size in enumerate(sizes)]
    plan, short = fitting(Plan("t", steps=tuple(steps), available=free), {}, "nas")
    left, wanted = free, []
    for one in steps:
        if (one.size or 0) <= left:
            left -= one.size or 0
            wanted.append(one)
    assert list(plan.steps) == wanted
    assert set(short) == {one.dataset for one in steps} - {one.dataset for one in wanted}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path) as made:
        yield made


def history(world: World, days: int, size: int) -> list[str]:
    """So many daily snapshots on both sides; returns their names, oldest first."""
    names = [
        time.strftime("dplane-%Y-%m-%dT%H-%M-%SZ", time.gmtime(time.time() - (days - index) * 86400))
        for index in range(days)
    ]
    guids = [new_guid() for _ in names]
    for side, dataset in (("near", SOURCE), ("far", TARGET)):
        with world.edit(side) as state:
            if side == "far":
                state["datasets"] |= {"vault/backup": new_dataset(), TARGET: new_dataset()}
                state["datasets"][TARGET]["props"]["dplane:peer"] = "near-box"
            for name, guid in zip(names, guids, strict=True):
                state["txg"] += 1
                snap = {"name": name, "guid": guid, "size": size, "created": 1, "txg": state["txg"]}
                state["datasets"][dataset]["snaps"].append(snap)
    return names


async def room(world: World, size: int, **options: Any) -> None:
    """The far pool is so large, and the task has these options."""
    with world.edit("far") as state:
        state["pools"]["vault"] = size
    async with open_store(world.database, write=True) as store:
        await records.set_options(store, "photos", Options(**options))


async def test_a_full_target_lets_go_of_what_its_policy_does_not_keep_and_takes_what_is_new(world: World) -> None:
    world.may_prune = True
    old = history(world, 10, 100_000)
    await room(world, 1_050_000, keep_target="2")
    run = await world.run()  # 300,000 bytes are new
    assert run.state == "succeeded", run.message
    left = [name for name, _ in world.points("far", TARGET)]
    assert left == [old[-1], run.evidence[-1].snapshot]
    assert "8 snapshot(s) destroyed at vault-box by the policy 2." in run.message
    assert decode_plan(run.plan).snapshot == run.evidence[-1].snapshot
    assert len(world.points("near", SOURCE)) == 11, "the room needs no second snapshot"


async def test_a_full_target_in_which_a_transfer_was_interrupted_makes_room_and_it_goes_on(world: World) -> None:
    world.may_prune = True
    old = history(world, 10, 100_000)
    world.foreign_snapshot("near", SOURCE, "waiting")  # of the 300 kB that the world begins with
    world.write(SOURCE, 300_000)
    with world.edit("near") as state:
        base, waiting = (snap["guid"] for snap in state["datasets"][SOURCE]["snaps"][-2:])
    with world.edit("far") as state:
        half = {"toguid": waiting, "toname": f"{SOURCE}@waiting", "fromguid": base, "bytes": 50_000}
        state["datasets"][TARGET]["partial"] = half
    await room(world, 1_150_000, keep_target="1")
    run = await world.run()
    assert run.state == "succeeded", run.message
    assert decode_plan(run.plan).steps[0].kind == "resume"
    left = [name for name, _ in world.points("far", TARGET)]
    assert left[-2:] == ["waiting", run.evidence[-1].snapshot]
    assert not set(left) & set(old[:-1])
    assert "9 snapshot(s) destroyed at vault-box" in run.message


async def test_a_first_copy_that_was_cut_is_judged_by_what_is_left_of_it(world: World) -> None:
    """The oldest snapshot goes first, and is small; what the dataset holds now would not fit twice."""
    world.foreign_snapshot("near", SOURCE, "old")
    world.write(SOURCE, 900_000)
    with world.edit("near") as state:
        state["datasets"][SOURCE]["snaps"][0]["size"] = 100_000
    oldest = world.points("near", SOURCE)[0][1]
    with world.edit("far") as state:
        state["datasets"]["vault/backup"] = new_dataset()
        half = {"toguid": oldest, "toname": f"{SOURCE}@old", "fromguid": "", "bytes": 50_000}
        mark = {"dplane:peer": world.called}
        state["datasets"][TARGET] = {**new_dataset(), "partial": half, "props": mark}
    await room(world, 1_500_000)
    run = await world.run()
    assert run.state == "succeeded", run.message
    steps = decode_plan(run.plan).steps
    assert [(step.kind, step.size) for step in steps] == [("resume", 50_000), ("incremental", 900_000)]
    assert world.points("far", TARGET) == world.points("near", SOURCE)


async def test_a_full_target_without_the_right_to_make_room_says_so_and_nothing_is_destroyed(world: World) -> None:
    old = history(world, 5, 100_000)
    await room(world, 550_000, keep_target="2")
    run = await world.run()
    assert (run.state, run.error_code) == ("failed", "no-space")
    assert "48.8K free" in run.message
    assert run.message.count("Retention at vault-box was left undone") == 1
    assert [name for name, _ in world.points("far", TARGET)] == old


async def test_only_the_newest_is_judged_by_all_that_was_written_since_its_base(world: World) -> None:
    """Another's snapshot stands between the base and the one to be taken: what was written before it counts as well."""
    assert (await world.run()).state == "succeeded"
    world.write(SOURCE, 20 * MB)
    world.foreign_snapshot("near", SOURCE, "sanoid")
    world.write(SOURCE, 1000)
    await room(world, 5 * MB, intermediates=False)
    dry = decode_plan((await world.run("plan")).plan)
    assert dry.size == 20 * MB + 1000
    assert "would send about 20.0M of tank/photos" in dry.notes[-1]
    run = await world.run()
    assert (run.state, run.error_code, run.bytes) == ("failed", "no-space", 0)
    assert decode_plan(run.plan).size == 20 * MB + 1000
    assert len(world.points("far", TARGET)) == 1


async def test_one_that_is_too_large_is_left_behind_and_the_others_arrive(world: World) -> None:
    for name in ("big", "small"):
        world.write(f"{SOURCE}/{name}", 1000)
    assert (await world.run()).state == "succeeded"
    for name, size in (("", 1000), ("/big", 5_000_000), ("/small", 1000)):
        world.write(f"{SOURCE}{name}", size)
    await room(world, 1_000_000)
    dry = decode_plan((await world.run("plan")).plan)
    assert "would send about 4.77M of tank/photos/big" in dry.notes[-1]
    run = await world.run()
    assert (run.state, run.error_code) == ("failed", "no-space")
    assert "1 of 3 datasets" in run.message
    assert f"free for {TARGET}/big" in run.message
    assert {proof.dataset for proof in run.evidence} == {SOURCE, f"{SOURCE}/small"}
    for name in ("", "/small"):
        assert world.points("far", TARGET + name)[-1] == world.points("near", SOURCE + name)[-1]
    assert len(world.points("far", f"{TARGET}/big")) == 1
