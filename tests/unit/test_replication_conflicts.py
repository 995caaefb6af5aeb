"""A target that went its own way: what differs is shown, nothing happens by itself, and each way out is proven."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dplane_tui.cli import main
from dplane_tui.cli.replicate_resolve import describe
from dplane_tui.services.door import Door
from dplane_tui.services.host import LocalHost, Output
from dplane_tui.services.replication import codec, divergence, records
from dplane_tui.services.replication.divergence import BESIDE, KEEP_BOTH, ROLL_BACK, Divergence, Resolution, Way
from dplane_tui.services.replication.model import Run, Task
from dplane_tui.services.replication.remote import RemoteReplication
from dplane_tui.services.store import open_store

from .replication_world import helper_command
from .replication_world.world import MB, World

TARGET = "vault/backup/photos"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path) as made:
        yield made


async def conflicts(world: World, task: str = "photos") -> tuple[Divergence, ...]:
    looked = await world.run("conflicts", task=task)
    assert looked.state == "succeeded", looked.message
    return divergence.loads(looked.plan)


def way_of(one: Divergence, name: str) -> Way:
    return next(way for way in one.ways if way.way == name)


async def take(world: World, one: Divergence, name: str, to: str = "", task: str = "photos") -> Run:
    wish = Resolution(name, one.dataset, way_of(one, name).plan, to)
    return await world.run("resolve", codec.dumps(wish), task)


async def is_proven(world: World) -> bool:
    """Whether anything counts as proven of where the task sends."""
    async with open_store(world.database) as store:
        return await records.newest_proof(store, "photos") is not None


async def diverged(world: World) -> Divergence:
    """A copy that got a snapshot of its own while the source went on."""
    assert (await world.run()).state == "succeeded"
    world.foreign_snapshot("far", TARGET, "mine")
    with world.edit("far") as state:
        state["datasets"][TARGET]["snaps"][-1]["size"] = 4096
    world.write("tank/photos", 1000)
    assert (await world.run()).error_code == "diverged"
    (one,) = await conflicts(world)
    return one


async def test_what_differs_since_when_and_what_each_way_costs_is_shown(world: World) -> None:
    one = await diverged(world)
    common = world.points("near", "tank/photos")[0]
    assert (one.dataset, one.target, one.kind, one.since) == ("tank/photos", TARGET, "target-newer", common[0])
    assert one.target_guid == world.datasets("far")[TARGET]["guid"]
    assert one.since_created
    assert [(extra.name, extra.written, extra.held) for extra in one.only_target] == [("mine", 4096, False)]
    assert one.written == 0
    keep, back, beside = (way_of(one, name) for name in (KEEP_BOTH, ROLL_BACK, BESIDE))
    assert keep.possible
    assert keep.sends == beside.sends == 301_000
    assert (back.possible, back.destroys, back.loses, back.sends) == (False, (f"{TARGET}@mine",), 4096, 1000)
    assert f"dplane snapshot rollback '{TARGET}@{common[0]}' --destroy-newer" in back.text
    shown = describe(one)
    for part in ("@mine", "4.00K written", common[0], "--keep-both", "--roll-back", "--beside", keep.plan):
        assert part in shown
    assert shown.replace("\n", "").isprintable()


async def test_keeping_both_renames_the_targets_side_and_the_next_run_starts_afresh(world: World) -> None:
    world.write("tank/photos/below", 10)
    one = await diverged(world)
    before = {name: data["guid"] for name, data in world.datasets("far").items() if f"{name}/".startswith(TARGET)}
    assert await is_proven(world)
    world.lies['"op": "aside"'] = b'{"ok": true}\n'  # what it says is not what can be read there
    failed = await take(world, one, KEEP_BOTH)
    assert "this is not a success" in failed.message
    assert not await is_proven(world), "what is there now nobody knows"
    world.lies.clear()
    done = await take(world, one, KEEP_BOTH)
    assert done.state == "succeeded", done.message
    after = world.datasets("far")
    kept = [name for name in after if name.startswith(f"{TARGET}-kept-")]
    assert sorted(after[name]["guid"] for name in kept) == sorted(before.values())
    assert TARGET not in after
    assert kept[0] in done.message
    run = await world.run()
    assert run.state == "succeeded", run.message
    assert world.points("far", TARGET)[-1] == world.points("near", "tank/photos")[-1]
    assert world.points("far", kept[0])[-1][0] == "mine", "what the target had is still there"


async def test_rolling_back_needs_the_keys_right_and_destroys_only_what_was_shown(world: World) -> None:
    world.rights = ["--may-rollback", "yes"]
    one = await diverged(world)
    assert way_of(one, ROLL_BACK).possible
    world.foreign_snapshot("far", TARGET, "mine too")
    refused = await take(world, one, ROLL_BACK)
    assert (refused.state, refused.error_code) == ("failed", "changed")
    assert [name for name, _ in world.points("far", TARGET)][-2:] == ["mine", "mine too"]
    (again,) = await conflicts(world)
    assert way_of(again, ROLL_BACK).destroys == (f"{TARGET}@mine", f"{TARGET}@mine too")
    done = await take(world, again, ROLL_BACK)
    assert done.state == "succeeded", done.message
    assert [name for name, _ in world.points("far", TARGET)] == [one.since]
    run = await world.run()
    assert run.state == "succeeded", run.message
    assert run.evidence[0].base == f"@{one.since}"
    assert await conflicts(world) == ()


async def test_without_the_right_the_far_box_itself_refuses(world: World) -> None:
    world.rights = ["--may-rollback", "yes"]
    one = await diverged(world)
    world.rights = []
    refused = await take(world, one, ROLL_BACK)
    assert (refused.state, refused.error_code) == ("failed", "refused")
    assert world.points("far", TARGET)[-1][0] == "mine"
    assert "--destroy-newer" in refused.message


async def test_a_target_that_was_written_to_is_a_conflict_before_a_byte_is_sent(world: World) -> None:
    world.rights = ["--may-rollback", "yes"]
    assert (await world.run()).state == "succeeded"
    with world.edit("far") as state:
        state["datasets"][TARGET]["written"] = 5000
    still = await world.run()
    assert still.state == "nothing-new", "what was proven is proven"
    assert "was written to at the target" in json.loads(still.plan)["notes"][0]
    world.write("tank/photos", 1000)
    run = await world.run()
    assert (run.state, run.error_code, run.bytes) == ("failed", "diverged", 0)
    assert "4.88K" in run.message
    (one,) = await conflicts(world)
    back = way_of(one, ROLL_BACK)
    assert (one.kind, back.possible, back.destroys, back.loses) == ("target-written", True, (), 5000)
    with world.edit("far") as state:
        state["datasets"][TARGET]["written"] = 6000
    assert (await take(world, one, ROLL_BACK)).error_code == "changed", "more was written than was shown"
    (one,) = await conflicts(world)
    assert (await take(world, one, ROLL_BACK)).state == "succeeded"
    assert (await world.run()).state == "succeeded"


async def test_a_held_snapshot_is_named_and_stops_a_rollback(world: World) -> None:
    world.rights = ["--may-rollback", "yes"]
    one = await diverged(world)
    with world.edit("far") as state:
        state["datasets"][TARGET]["snaps"][-1]["holds"] = ["keep"]
    (held,) = await conflicts(world)
    assert not way_of(held, ROLL_BACK).possible
    assert f"{TARGET}@mine" in way_of(held, ROLL_BACK).text
    refused = await take(world, replace(one, ways=held.ways), ROLL_BACK)
    assert refused.error_code == "refused"
    assert world.points("far", TARGET)[-1][0] == "mine"


async def test_beside_gives_the_task_a_new_target_and_leaves_the_old_one(world: World) -> None:
    one = await diverged(world)
    taken = await take(world, one, BESIDE, "vault/backup")
    assert taken.error_code == "refused", "that is somebody's already"
    done = await take(world, one, BESIDE, "vault/backup/photos2")
    assert done.state == "succeeded", done.message
    old = world.points("far", TARGET)
    run = await world.run()
    assert run.state == "succeeded", run.message
    assert run.evidence[0].target == "vault/backup/photos2"
    assert world.points("far", TARGET) == old


@pytest.mark.parametrize("name", [KEEP_BOTH, ROLL_BACK])
async def test_a_peer_with_only_zfs_and_sshd_is_brought_back_too(world: World, name: str) -> None:
    await world.make_plain()
    one = await diverged(world)
    done = await take(world, one, name)
    assert done.state == "succeeded", done.message
    run = await world.run()
    assert run.state == "succeeded", run.message
    assert world.points("far", TARGET)[-1] == world.points("near", "tank/photos")[-1]
    kept = [key for key in world.datasets("far") if "-kept-" in key]
    assert len(kept) == (name == KEEP_BOTH)


@pytest.mark.parametrize("name", [KEEP_BOTH, ROLL_BACK])
async def test_another_pool_of_this_box_is_brought_back_too(world: World, name: str) -> None:
    async with open_store(world.database, write=True) as store:
        await records.add_task(store, Task("near", "tank/photos", None, "tank/copies/photos"))
    assert (await world.run(task="near")).state == "succeeded"
    world.foreign_snapshot("near", "tank/copies/photos", "mine")
    world.write("tank/photos", 1000)
    assert (await world.run(task="near")).error_code == "diverged"
    (one,) = await conflicts(world, "near")
    done = await take(world, one, name, task="near")
    assert done.state == "succeeded", done.message
    assert (await world.run(task="near")).state == "succeeded"
    assert world.points("near", "tank/copies/photos")[-1] == world.points("near", "tank/photos")[-1]


def holds(world: World) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, data in world.datasets("near").items():
        for snap in data["snaps"]:
            if snap.get("holds"):
                found[f"{name}@{snap['name']}"] = snap["holds"]
    return found


async def test_what_is_sent_is_held_meanwhile_and_a_killed_run_leaves_no_hold_for_ever(world: World) -> None:
    assert (await world.run()).state == "succeeded"
    assert holds(world) == {}
    base = world.points("near", "tank/photos")[-1][0]
    world.write("tank/photos", 8 * MB)
    run_id, process = await world.start(rate=4 * MB)
    await world.until_sent(run_id, process)
    now = holds(world)
    newest = world.points("near", "tank/photos")[-1][0]
    assert now == {f"tank/photos@{name}": [f"dplane-{run_id}"] for name in (base, newest)}
    process.kill()
    await process.wait()
    assert holds(world) == now, "nobody was there to release them"
    healed = await world.run()
    assert healed.state == "succeeded", healed.message
    assert holds(world) == {}
    async with open_store(world.database) as store:
        assert list(await store.rows("SELECT * FROM holds")) == []


async def test_a_hold_of_a_dead_run_on_a_snapshot_that_is_gone_is_forgotten(world: World) -> None:
    async with open_store(world.database, write=True) as store, store.transaction() as db:
        await db.execute(
            "INSERT INTO holds (run, tag, snapshot, guid) "
            "VALUES ('replicate-x-1', 'dplane-x', 'tank/photos@gone', '77')"
        )
    assert (await world.run()).state == "succeeded"
    async with open_store(world.database) as store:
        assert list(await store.rows("SELECT * FROM holds")) == []


async def cut(world: World) -> tuple[str, dict[str, Any]]:
    """An increment of which a part arrived: the snapshot both have, and the half."""
    assert (await world.run()).state == "succeeded"
    world.foreign_snapshot("near", "tank/photos", "waiting")
    with world.edit("near") as state:
        state["datasets"]["tank/photos"]["snaps"][-1]["size"] = 300_000
    (common, base), (_, waiting) = world.points("near", "tank/photos")
    half = {"toguid": waiting, "toname": "tank/photos@waiting", "fromguid": base, "bytes": 50_000}
    with world.edit("far") as state:
        state["datasets"][TARGET]["partial"] = half
    return common, half


@pytest.mark.parametrize("mine", ["snapshot", "bytes"])
async def test_a_copy_that_went_its_own_way_while_an_increment_was_cut_is_in_conflict_and_comes_back(
    world: World, mine: str
) -> None:
    world.rights = ["--may-rollback", "yes"]
    common, half = await cut(world)
    if mine == "snapshot":
        world.foreign_snapshot("far", TARGET, "mine")
    with world.edit("far") as state:
        state["datasets"][TARGET]["written"] = 0 if mine == "snapshot" else 4096
    run = await world.run()
    assert (run.state, run.error_code, run.bytes) == ("failed", "diverged", 0)
    assert "the part of @waiting that had arrived stays there as it is" in run.message
    assert world.datasets("far")[TARGET]["partial"] == half
    (one,) = await conflicts(world)
    assert (one.kind, one.since) == ("target-newer" if mine == "snapshot" else "target-written", common)
    back = way_of(one, ROLL_BACK)
    assert back.possible
    assert back.sends == 250_000, "what had arrived need not be sent again"
    assert "had arrived" not in back.text
    assert "with the part of @waiting that had arrived" in way_of(one, KEEP_BOTH).text
    done = await take(world, one, ROLL_BACK)
    assert done.state == "succeeded", done.message
    assert world.datasets("far")[TARGET]["partial"] == half
    healed = await world.run()
    assert healed.state == "succeeded", healed.message
    assert '"kind":"resume"' in healed.plan
    assert world.points("far", TARGET)[-1] == world.points("near", "tank/photos")[-1]
    assert world.datasets("far")[TARGET]["partial"] is None


async def test_a_half_stays_with_the_copy_that_is_kept(world: World) -> None:
    _, half = await cut(world)
    world.foreign_snapshot("far", TARGET, "mine")
    (one,) = await conflicts(world)
    done = await take(world, one, KEEP_BOTH)
    assert done.state == "succeeded", done.message
    (kept,) = [name for name in world.datasets("far") if name.startswith(f"{TARGET}-kept-")]
    assert world.datasets("far")[kept]["partial"] == half
    run = await world.run()
    assert run.state == "succeeded", run.message
    assert run.evidence[0].base is None
    assert world.points("far", TARGET)[-1] == world.points("near", "tank/photos")[-1]


@pytest.mark.parametrize("plain", [False, True])
async def test_a_half_whose_base_a_rollback_destroys_is_shown_and_given_up_first(world: World, plain: bool) -> None:
    if plain:
        await world.make_plain()
    common, half = await cut(world)
    world.foreign_snapshot("far", TARGET, "mine")
    with world.edit("far") as state:
        state["datasets"][TARGET]["partial"]["fromguid"] = world.points("far", TARGET)[-1][1]
    if not plain:
        (one,) = await conflicts(world)
        assert way_of(one, ROLL_BACK).text.endswith(f"; there `zfs receive -A {TARGET}` comes first")
    world.rights = ["--may-rollback", "yes"]
    (one,) = await conflicts(world)
    back = way_of(one, ROLL_BACK)
    assert back.possible
    assert "and so is the part of @waiting that had arrived" in back.text
    assert back.sends == 300_000
    with world.edit("far") as state:
        state["datasets"][TARGET]["partial"]["bytes"] += 1
    assert (await take(world, one, ROLL_BACK)).error_code == "changed", "it is another half than was shown"
    (one,) = await conflicts(world)
    done = await take(world, one, ROLL_BACK)
    assert done.state == "succeeded", done.message
    assert [name for name, _ in world.points("far", TARGET)] == [common]
    assert (await world.run()).state == "succeeded"
    assert world.points("far", TARGET)[-1] == world.points("near", "tank/photos")[-1]
    assert half["toguid"] in {guid for _, guid in world.points("far", TARGET)}


async def test_a_half_that_zfs_will_not_go_on_with_is_cleared_and_sent_anew_by_the_same_run(world: World) -> None:
    await cut(world)
    with world.edit("far") as state:
        state["datasets"][TARGET]["spoilt"] = True
    run = await world.run()
    assert run.state == "succeeded", run.message
    plan = json.loads(run.plan)
    assert [abort["why"] for abort in plan["aborts"]] == ["ZFS refused to go on with it"]
    assert plan["steps"][0]["kind"] == "incremental"
    assert world.points("far", TARGET)[-1] == world.points("near", "tank/photos")[-1]
    assert "spoilt" not in world.datasets("far")[TARGET]


async def test_the_kind_of_a_copy_is_recorded_with_its_first_full(world: World) -> None:
    world.write("tank/photos/below", 10)
    assert (await world.run()).state == "succeeded"

    async def chains() -> list[tuple[Any, ...]]:
        async with open_store(world.database) as store:
            return [tuple(row) for row in await store.rows("SELECT target, dataset, raw FROM chains ORDER BY target")]

    first = [(TARGET, "tank/photos", 0), (f"{TARGET}/below", "tank/photos/below", 0)]
    assert await chains() == first
    async with open_store(world.database, write=True) as store, store.transaction() as db:
        await db.execute("UPDATE chains SET raw = 1 WHERE target = ?", (f"{TARGET}/below",))
    with world.edit("far") as state:  # as if it were encrypted there
        state["datasets"][f"{TARGET}/below"]["props"]["encryptionroot"] = f"{TARGET}/below"
    world.write("tank/photos/below", 10)
    world.write("tank/photos", 10)
    run = await world.run()
    assert (run.state, run.error_code) == ("failed", "diverged")
    assert f"{TARGET}/below holds raw copies" in run.message
    assert world.points("far", TARGET)[-1] == world.points("near", "tank/photos")[-1], "the other one went on"


async def test_the_command_shows_the_ways_out_and_a_script_needs_the_plan_it_saw(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    await diverged(world)
    for name in ("DPLANE_STATE_DIR", "DPLANE_RUN_DIR", "PATH"):
        monkeypatch.setenv(name, world.environment[name])

    async def helper(_self: Door) -> tuple[str, ...]:
        return helper_command(world.path / "near")

    monkeypatch.setattr(Door, "argv", helper)

    async def resolve(*words: str) -> tuple[int, Any]:
        status = await asyncio.to_thread(main.run, ["replicate", "resolve", "photos", *words, "--json"])
        answer = json.loads(capsys.readouterr().out)
        return status, answer["data"] if status == 0 else answer["error"]["message"]

    status, shown = await resolve("--dry-run", "--read-only")
    assert status == 0
    plans = {way["way"]: way["plan"] for way in shown[0]["ways"]}
    before = world.datasets("far")
    assert (await resolve("--keep-both", "--yes"))[0] == 2
    assert (await resolve("--keep-both", "--plan", plans[KEEP_BOTH]))[0] == 2, "nobody can be asked"
    assert (await resolve("--keep-both", "--plan", plans[BESIDE], "--yes"))[0] == 4
    status, said = await resolve("--roll-back", "--plan", plans[KEEP_BOTH], "--yes")
    assert (status, "--destroy-newer" in said) == (4, True)
    assert (await resolve("--keep-both", "--dataset", "tank/other", "--plan", plans[KEEP_BOTH], "--yes"))[0] == 6
    assert world.datasets("far") == before

    class Far(LocalHost):
        """This machine's command, asked as that of another box is."""

        async def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = 30.0) -> Output:
            status = await asyncio.to_thread(main.run, list(argv[1:]))
            return Output(status, capsys.readouterr().out.encode(), b"")

    remote = RemoteReplication(Far())
    (one,) = await remote.conflicts("photos")
    assert way_of(one, KEEP_BOTH).plan == plans[KEEP_BOTH]
    run = await remote.resolve("photos", Resolution(KEEP_BOTH, one.dataset, plans[KEEP_BOTH]))
    assert run.state == "succeeded"
    assert TARGET not in world.datasets("far")
    assert await resolve() == (0, [])
