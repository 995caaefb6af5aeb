"""Retention in whole runs between two model boxes: what goes was proven and not needed, and all of it is told."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dplane_tui.services.replication import codec, records
from dplane_tui.services.replication.bases import mark_of
from dplane_tui.services.replication.lending import mark_prefix
from dplane_tui.services.replication.model import Evidence, Run, Task
from dplane_tui.services.replication.options import change
from dplane_tui.services.replication.pruning import decode_pruning
from dplane_tui.services.retention.model import PruneWish, Pruning
from dplane_tui.services.store import open_store

from .replication_world.world import World
from .replication_world.zfs_model import new_dataset, new_guid

SOURCE, TARGET = "tank/photos", "vault/backup/photos"
DAY = 86400


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path) as made:
        made.may_prune = True
        yield made


def named(ago: float) -> str:
    return time.strftime("dplane-%Y-%m-%dT%H-%M-%SZ", time.gmtime(time.time() - ago))


def history(world: World, days: int, waiting: int = 0) -> list[str]:
    """So many daily snapshots on both sides, and `waiting` later ones only here; returns the names, oldest first."""
    names = [named((days + waiting - index) * DAY) for index in range(days + waiting)]
    snaps = [{"name": name, "guid": new_guid(), "size": 1000, "created": 1} for name in names]
    for side, dataset, count in (("near", SOURCE, days + waiting), ("far", TARGET, days)):
        with world.edit(side) as state:
            for depth in (2, 3) if side == "far" else ():
                state["datasets"].setdefault("/".join(dataset.split("/")[:depth]), new_dataset())
            data = state["datasets"][dataset]
            data["props"] |= {"dplane:peer": "near-box"} if side == "far" else {}
            for snap in snaps[:count]:
                state["txg"] += 1
                data["snaps"].append({**snap, "txg": state["txg"]})
    return names


async def policies(world: World, **given: Any) -> None:
    async with open_store(world.database, write=True) as store:
        task = await records.task(store, "photos")
        await records.set_options(store, "photos", change(task.options, given))


async def by_hand(world: World, *, dry: bool = False, **wish: Any) -> tuple[Run, Pruning]:
    run = await world.run("prune", codec.dumps(PruneWish(dry, **wish)))
    assert run.state == "succeeded", run.message
    return run, decode_pruning(run.plan)


def names(world: World, side: str) -> list[str]:
    return [name for name, _ in world.points(side, SOURCE if side == "near" else TARGET)]


def edited(world: World, side: str, name: str, **fields: Any) -> None:
    with world.edit(side) as state:
        dataset = state["datasets"][SOURCE if side == "near" else TARGET]
        next(snap for snap in dataset["snaps"] if snap["name"] == name).update(fields)


async def test_a_proven_run_prunes_both_sides_and_its_record_says_what(world: World) -> None:
    old = history(world, 12)
    await policies(world, keep_source="3", keep_target="6")
    run = await world.run()
    assert run.state == "succeeded", run.message
    new = run.evidence[-1].snapshot
    assert names(world, "near") == [*old[-2:], new]
    assert names(world, "far") == [*old[-5:], new]
    assert "10 snapshot(s) destroyed at the source by the policy 3." in run.message
    assert "7 snapshot(s) destroyed at vault-box by the policy 6." in run.message
    assert [one.snapshot for one in run.pruned if one.side == "source"] == old[:10]
    assert [one.snapshot for one in run.pruned if one.side == "target"] == old[:7]
    assert not any(one.error for one in run.pruned)
    again = await world.run()
    assert (again.state, again.pruned) == ("nothing-new", ())
    assert again.message.endswith(f"has @{new}.")


async def test_a_name_from_the_future_stays_stops_no_other_and_the_run_says_so(world: World) -> None:
    old = history(world, 6)
    world.foreign_snapshot("near", SOURCE, "dplane-2099-01-01T00-00-00Z")
    world.write(SOURCE, 1000)
    await policies(world, keep_source="3")
    run = await world.run()
    assert run.state == "succeeded", "what was copied is copied"
    ahead = "dplane-2099-01-01T00-00-00Z"
    assert names(world, "near") == [*old[-2:], ahead, run.evidence[-1].snapshot]
    assert "Retention at the source was left undone, or a part of it: the clock says" in run.message
    assert f"{ahead} says that it was taken 2099-01-01" in run.message


async def test_a_run_with_the_clock_years_ahead_takes_no_history_and_a_person_can(world: World) -> None:
    """On neither side; the run says between which two none is left, and by hand they go."""
    old = history(world, 12)
    with world.edit("near") as near, world.edit("far") as far:
        for state, dataset in ((near, SOURCE), (far, TARGET)):
            for snap in state["datasets"][dataset]["snaps"]:  # years ago, by the clock that this run has
                day = old.index(snap["name"])
                snap["name"] = named(1800 * DAY - day * DAY)
    old = names(world, "far")
    await policies(world, keep_source="1d1m", keep_target="24x1h | 30x1d")
    run = await world.run()
    assert run.state == "succeeded", run.message
    assert names(world, "near")[:-1] == names(world, "far")[:-1] == old
    told = f" none is left between {old[-1]} and {run.evidence[-1].snapshot}"
    for place in ("at the source", "at vault-box"):
        assert f"Retention {place}: 1" in run.message
    assert run.message.count(told) == 2
    assert "at once when you prune by hand" in run.message
    _, shown = await by_hand(world, dry=True, ahead=True)
    assert [side.goes for side in shown.sides] == [(), ()]
    assert all(told in side.note for side in shown.sides)
    _, asked = await by_hand(world, dry=True)
    assert all(f"{len(side.goes)} snapshot(s) are" in side.note for side in asked.sides)
    assert all("see that it is right before you prune by hand" in side.note for side in asked.sides)
    _, done = await by_hand(world)
    assert [sum(one.destroyed for one in side.judged) for side in done.sides] == [len(old), len(old)]
    assert all(told in one.why for side in done.sides for one in side.goes)
    assert [side.note for side in done.sides] == ["", ""]


async def test_what_a_peer_had_taken_at_the_source_takes_no_place_of_the_owners(world: World) -> None:
    old = history(world, 6)
    theirs = [named((6 - index) * DAY + 3600) for index in range(6)]
    with world.edit("near") as state:  # a peer that may take snapshots took one an hour before each of the owner's
        snaps = state["datasets"][SOURCE]["snaps"]
        for index, snap in enumerate(snaps):
            snap["txg"] = 1000 + 2 * index
        snaps += [
            {"name": name, "guid": new_guid(), "size": 9, "created": 1, "txg": 999 + 2 * index, "peer": "box-a"}
            for index, name in enumerate(theirs)
        ]
        snaps.sort(key=lambda snap: snap["txg"])
        state["txg"] = 2000
    _, shown = await by_hand(world, dry=True, keep_source="1x1h | 10x1d")
    assert not {one.snapshot for one in shown.sides[0].goes} & set(old)
    _, shown = await by_hand(world, dry=True, keep_source="2")
    assert [one.snapshot for one in shown.sides[0].goes] == sorted([*old[:4], *theirs[:4]])


async def test_what_a_peer_marked_at_the_source_keeps_nothing_once_it_is_let_in_no_more(world: World) -> None:
    old = history(world, 6)
    with world.edit("near") as state:
        data = state["datasets"][SOURCE]
        for peer, snap in zip(("box-a", "box-b"), data["snaps"], strict=False):
            mark = f"{mark_prefix(peer, '01234567')}{int(snap['guid']):016x}"
            data["marks"].append({**snap, "name": mark})
    keys = world.path / "state/ssh-accept/authorized_keys"
    keys.parent.mkdir()
    keys.write_text('restrict,command="/x agent --peer box-b --may-read tank --may-snapshot yes" k dplane:box-b\n')
    await policies(world, keep_source="2")
    assert (await world.run()).state == "succeeded"
    assert names(world, "near")[:-2] == [old[1]]


async def test_what_only_a_peers_snapshot_has_the_task_takes_itself(world: World) -> None:
    keys = world.path / "state/ssh-accept/authorized_keys"
    keys.parent.mkdir()
    keys.write_text('restrict,command="/x agent --peer box-a --may-read tank --may-snapshot yes" k dplane:box-a\n')
    assert (await world.run()).state == "succeeded"
    assert (await world.run()).state == "nothing-new", "its own newest stands for itself"
    world.write(SOURCE, 500)
    with world.edit("near") as state:  # a moment before the task's next run a peer takes what is new
        data = state["datasets"][SOURCE]
        state["txg"] += 1
        theirs = {"name": named(0), "guid": new_guid(), "size": 500, "created": 1, "txg": state["txg"], "peer": "box-a"}
        data["snaps"].append(theirs)
        data["written"] = 0
    run = await world.run()
    assert run.state == "succeeded", run.message
    assert names(world, "near")[-1] != theirs["name"], "the peer may destroy that one"
    assert names(world, "far")[-2:] == names(world, "near")[-2:]
    keys.write_text('restrict,command="/x agent --peer box-a --may-read tank" k dplane:box-a\n')
    assert (await world.run()).state == "nothing-new"


async def test_a_preview_changes_nothing_and_says_what_the_next_run_does(world: World) -> None:
    old = history(world, 6, waiting=2)
    edited(world, "near", old[1], holds=["by hand"])
    edited(world, "far", old[2], clones="vault/x")
    world.foreign_snapshot("near", SOURCE, "by hand")
    before = [(world.path / side / "state").read_bytes() for side in ("near", "far")]
    run, done = await by_hand(world, dry=True, keep_source="1", keep_target="2", ahead=True)
    assert [(world.path / side / "state").read_bytes() for side in ("near", "far")] == before
    assert (run.pruned, done.dry, [side.side for side in done.sides]) == ((), True, ["source", "target"])
    here, there = done.sides
    assert (here.problem, there.problem) == ("", "")
    why = {one.snapshot: one.why for one in here.judged}
    assert [one.snapshot for one in here.goes] == [old[0], *old[2:7]], why
    assert here.frees == 6000
    why = {one.snapshot: one.why for one in here.judged}
    assert why[old[1]] == "it is held"
    assert why["by hand"].startswith("somebody else")
    assert [one.snapshot for one in there.goes] == [old[0], old[1], old[3]]
    assert {one.snapshot: one.why for one in there.judged}[old[2]] == "vault/x is a clone of it"
    _, now = await by_hand(world, dry=True, keep_source="1")
    assert [one.snapshot for one in now.sides[0].goes] == [old[0], *old[2:5]], "what waits for the target stays"


async def test_by_hand_it_does_what_its_dry_run_said_and_what_is_not_proven_stays(world: World) -> None:
    old = history(world, 6, waiting=2)
    await policies(world, keep_source="1", keep_target="2")
    _, shown = await by_hand(world, dry=True)
    run, done = await by_hand(world)
    assert [one.snapshot for side in shown.sides for one in side.goes] == [
        one.snapshot for side in done.sides for one in side.judged if one.destroyed
    ]
    assert names(world, "near") == old[5:]
    assert names(world, "far") == old[4:6]
    assert [one.snapshot for one in run.pruned] == [*old[:5], *old[:4]]
    world.foreign_snapshot("far", TARGET, "its own way")
    kept = names(world, "near")
    _, done = await by_hand(world)
    assert names(world, "near") == kept
    for side, name in zip(done.sides, (old[5], old[4]), strict=True):
        assert "nothing of it is proven" in {one.snapshot: one.why for one in side.judged}[name]


async def test_without_the_right_nothing_goes_there_and_the_run_says_how_to_get_it(world: World) -> None:
    old = history(world, 6)
    world.may_prune = False
    await policies(world, keep_source="2", keep_target="2")
    run = await world.run()
    assert run.state == "succeeded", run.message
    assert names(world, "far")[:-1] == old
    assert len(names(world, "near")) == 2
    assert "vault-box has not granted this box to prune" in run.message
    assert "dplane peer add vault-box" in run.message
    assert "--may-prune" in run.message


async def test_a_peer_with_only_zfs_is_pruned_with_the_same_care(world: World) -> None:
    old = history(world, 8)
    await world.make_plain()
    edited(world, "far", old[1], holds=["by hand"])
    await policies(world, keep_target="2")
    run = await world.run()
    assert run.state == "succeeded", run.message
    assert names(world, "far") == [old[1], old[7], run.evidence[-1].snapshot]
    assert [one.snapshot for one in run.pruned] == [old[0], *old[2:7]]
    destroys = [command for command in world.commands if " destroy " in command and " -n " not in command]
    assert len(destroys) == 1
    assert not any(" destroy -n " in command for command in world.commands), "nobody looks at sizes after a run"


async def test_one_that_became_busy_stays_is_told_and_keeps_no_other(world: World) -> None:
    old = history(world, 9)
    edited(world, "far", old[3], busy=True)  # ZFS says nothing of it before, only when it is to be destroyed
    await policies(world, keep_target="2")
    run = await world.run()
    assert run.state == "succeeded", run.message
    assert names(world, "far") == [old[3], old[8], run.evidence[-1].snapshot]
    assert [one.snapshot for one in run.pruned if one.error] == [old[3]]
    assert "1 snapshot(s) could not be destroyed at vault-box" in run.message
    assert "busy" in run.message


async def test_what_another_task_still_needs_stays(world: World) -> None:
    old = history(world, 8)
    base = dict(world.points("near", SOURCE))[old[4]]
    away = Task("away", "tank", None, "attic/all", recursive=True)
    async with open_store(world.database, write=True) as store:
        await records.add_task(store, away)
        run = await records.new_run(store, "away")
        await records.update_run(store, run.id, state="succeeded")
        proof = Evidence(SOURCE, "attic/all/photos", old[4], base, base, 1, None, 0.0, time.time())
        await records.add_evidence(store, run.id, proof, None)
    await policies(world, keep_source="1")
    done = await world.run()
    assert done.state == "succeeded", done.message
    assert names(world, "near") == [*old[4:], done.evidence[-1].snapshot]
    with world.edit("near") as state:  # its last run broke off while it sent the second but last
        mark = {"name": f"{mark_of(None, away)}x", "guid": world.points("near", SOURCE)[-2][1], "txg": 9}
        mark["txg"] = next(s["txg"] for s in state["datasets"][SOURCE]["snaps"] if s["guid"] == mark["guid"])
        state["datasets"][SOURCE]["marks"].append(mark)
    await policies(world, backlog="1")
    await world.run()
    assert names(world, "near") == [*old[4:], done.evidence[-1].snapshot], "any of them may be its newest by now"


async def test_a_task_that_pulls_a_dataset_of_the_same_name_needs_nothing_here(world: World) -> None:
    old = history(world, 6)
    async with open_store(world.database, write=True) as store:
        await records.add_task(store, Task("pull", SOURCE, None, "tank/pulled", source_peer="vault-box"))
        run = await records.new_run(store, "pull")  # one that goes on would keep everything
        base = dict(world.points("near", SOURCE))[old[1]]
        proof = Evidence(SOURCE, "tank/pulled", old[1], base, base, 1, None, 0.0, time.time())
        await records.add_evidence(store, run.id, proof, None)
    await policies(world, keep_source="1", backlog="500")
    done = await world.run()
    assert done.state == "succeeded", done.message
    assert names(world, "near") == [done.evidence[-1].snapshot]


async def test_while_the_target_is_away_the_backlog_is_capped_and_the_base_stays(world: World) -> None:
    old = history(world, 3)
    await policies(world, keep_source="1", keep_target="1")
    first = await world.run()
    base = first.evidence[-1].snapshot
    assert names(world, "near") == [base]
    with world.edit("near") as state:
        for age in range(30, 0, -1):
            state["txg"] += 1
            snap = {"name": named(-age), "guid": new_guid(), "size": 10, "created": 1, "txg": state["txg"]}
            state["datasets"][SOURCE]["snaps"].append(snap)
    await policies(world, backlog="5")
    world.accepts = False
    world.cut()
    failed = await world.run()
    assert (failed.state, failed.error_code) == ("failed", "authentication")
    left = names(world, "near")
    assert left[0] == base
    assert len(left) == 6
    assert "25 snapshot(s) destroyed at the source" in failed.message
    assert names(world, "far") == [base], "nothing goes there that was not reached"
    world.accepts = True
    again = await world.run()
    assert again.state == "succeeded", again.message
    assert names(world, "far")[-1] == names(world, "near")[-1]
    assert old[0] not in names(world, "far")


async def test_one_that_is_refused_for_good_keeps_none_of_the_others_from_being_pruned(world: World) -> None:
    world.write(f"{SOURCE}/b", 1000)
    old = history(world, 6)
    assert (await world.run()).state == "succeeded"
    with world.edit("far") as state:  # not seen by the planner, refused by the far agent
        state["datasets"][f"{TARGET}/b"]["props"]["dplane:peer"] = "somebody"
    await policies(world, keep_source="2", keep_target="3")
    for name in (SOURCE, f"{SOURCE}/b"):
        world.write(name, 1000)
    run = await world.run()
    assert (run.state, run.error_code) == ("failed", "refused")
    assert (len(names(world, "near")), len(names(world, "far"))) == (2, 3)
    assert old[0] not in names(world, "near") + names(world, "far")
    assert "destroyed at the source by the policy 2." in run.message
    assert "destroyed at vault-box by the policy 3." in run.message
    assert len(world.points("near", f"{SOURCE}/b")) == 2, "what is not proven stays"


async def test_a_convoy_that_breaks_and_heals_prunes_as_any_other_run(world: World) -> None:
    world.write(f"{SOURCE}/b", 1000)
    history(world, 6)
    await policies(world, keep_source="2", keep_target="3")
    world.lies['"receive-several"'] = b'{"ok": true, "bytes": 5}\n'
    run = await world.run()
    assert run.state == "succeeded", run.message
    assert (len(names(world, "near")), len(names(world, "far"))) == (2, 3)
    assert run.message.count("destroyed at the source") == 1


async def test_a_far_box_that_lies_about_it_is_found_out(world: World) -> None:
    old = history(world, 6)
    await policies(world, keep_target="2")
    world.lies['"dry_run": false'] = json.dumps({"ok": True, "destroyed": old}).encode() + b"\n"
    run = await world.run()
    assert run.state == "succeeded", run.message
    assert names(world, "far")[:-1] == old
    assert {one.error for one in run.pruned if one.error} == {"it is still listed"}
    assert "could not be destroyed at vault-box" in run.message


@pytest.mark.parametrize(
    "lie",
    [
        b'{"ok": true, "kept": [], "frees": 1}', b'{"ok": true, "kept": {"x": 1}, "frees": 1}', b"nonsense",
        b'{"ok": true, "kept": {}, "frees": -5}', b'{"ok": false, "error": {"code": "x", "message": "\\u001b[2J"}}',
    ],
)  # fmt: skip
async def test_a_far_box_that_answers_nonsense_fails_no_proven_run(world: World, lie: bytes) -> None:
    old = history(world, 4)
    await policies(world, keep_target="2")
    world.lies['"op": "prune"'] = lie + b"\n"
    run = await world.run()
    assert run.state == "succeeded", run.message
    assert "Retention at vault-box was left undone" in run.message
    assert run.message.isprintable()
    assert names(world, "far")[:-1] == old


async def test_a_kill_around_a_destroy_loses_nothing_and_the_next_run_finishes(world: World) -> None:
    history(world, 5)
    await policies(world, keep_source="2", keep_target="3")
    saved = world.save()
    (world.path / "count").unlink(missing_ok=True)
    good = await world.run()
    assert good.state == "succeeded", good.message
    commands = (world.path / "count").read_text().splitlines()
    destroys = [at for at, line in enumerate(commands) if line.startswith("destroy") and "-n" not in line]
    wanted = len(names(world, "near")), len(names(world, "far"))
    for at in sorted({spot for destroy in destroys[-2:] for spot in (destroy, destroy + 1)}):
        world.restore(saved)
        (world.path / "count").unlink(missing_ok=True)
        (world.path / "kill_at").write_text(str(at))
        await world.run()
        (world.path / "kill_at").unlink(missing_ok=True)
        healed = await world.run()
        assert healed.state in {"succeeded", "nothing-new"}, (at, healed.message)
        assert world.points("far", TARGET)[-1] == world.points("near", SOURCE)[-1], at
        assert (len(names(world, "near")), len(names(world, "far"))) == wanted, at


async def test_a_task_without_a_policy_loads_and_asks_nothing_more(world: World) -> None:
    history(world, 3)
    run = await world.run()
    assert run.state == "succeeded", run.message
    assert not any('"prune"' in command for command in world.commands)
    listings = [line for line in (world.path / "count").read_text().splitlines() if line.startswith("list")]
    await policies(world, keep_source="500")
    (world.path / "count").unlink()
    await world.run()
    more = [line for line in (world.path / "count").read_text().splitlines() if line.startswith("list")]
    assert len(more) <= len(listings) + 2


def sanoids(world: World, mark: str, *sides: str) -> list[str]:
    """Snapshots that sanoid took, older than everything on both sides, and the mark at `sides`; returns their names."""
    found = [f"autosnap_2026-01-0{day}_00:00:00_daily" for day in range(1, 5)]
    for side, dataset in (("near", SOURCE), ("far", TARGET)):
        with world.edit(side) as state:
            state["txg"] += 100
            for snap in state["datasets"][dataset]["snaps"]:
                snap["txg"] += 100
    for index, name in enumerate(found):
        snap = {"name": name, "guid": new_guid(), "txg": 1 + index, "size": 1000}
        snap["created"] = int(time.time()) - (40 - index) * DAY
        for side, dataset in (("near", SOURCE), ("far", TARGET)):
            with world.edit(side) as state:
                state["datasets"][dataset]["snaps"].insert(index, dict(snap))
                if side in sides:
                    state["datasets"][dataset]["props"]["dplane:may-prune"] = mark
    return found


async def test_what_an_administrator_lets_go_is_judged_with_ours_at_the_box_where_he_did(world: World) -> None:
    old = history(world, 6)
    autosnaps = sanoids(world, "autosnap_", "far")
    await policies(world, keep_source="2", keep_target="2")
    run = await world.run()
    assert run.state == "succeeded", run.message
    newest = run.evidence[-1].snapshot
    assert names(world, "near") == [*autosnaps, old[5], newest], "nothing was said at the source"
    assert names(world, "far") == [autosnaps[3], old[5], newest], "the newest of sanoid stays, which may go on from it"
    gone = {one.snapshot for one in run.pruned if one.side == "target"}
    assert gone == {*autosnaps[:3], *old[:5]}


async def test_a_preview_shows_what_would_go_if_it_were_told(world: World) -> None:
    old = history(world, 6)
    autosnaps = sanoids(world, "autosnap_")
    await policies(world, keep_source="2", keep_target="2")
    _, done = await by_hand(world, dry=True, let_go="autosnap_")
    source, target = done.sides
    assert [one.snapshot for one in source.goes] == [*autosnaps[:3], *old[:4]]
    assert [one.snapshot for one in target.goes] == old[:4], "what may go there its own administrator says"
    with world.edit("near") as state:
        state["datasets"][SOURCE]["props"]["dplane:may-prune"] = "autosnap_"
    _, done = await by_hand(world, dry=True, let_go="none")
    assert not any(one.snapshot.startswith("autosnap_") for one in done.sides[0].goes), "as if, not besides"
    with world.edit("near") as state:
        del state["datasets"][SOURCE]["props"]["dplane:may-prune"]
    _, done = await by_hand(world, dry=True)
    assert not any(one.snapshot.startswith("autosnap_") for side in done.sides for one in side.goes)
    assert names(world, "near") == [*autosnaps, *old]


@pytest.mark.parametrize("mark", ["received autosnap_", "none", "dplane-"])
async def test_what_came_with_a_stream_or_says_nothing_lets_nothing_go(world: World, mark: str) -> None:
    history(world, 4)
    autosnaps = sanoids(world, mark, "near", "far")
    await policies(world, keep_source="2", keep_target="2")
    run = await world.run()
    assert run.state == "succeeded", run.message
    for side in ("near", "far"):
        assert names(world, side)[:4] == autosnaps


async def test_a_plain_peer_is_asked_for_the_mark_as_well(world: World) -> None:
    history(world, 4)
    autosnaps = sanoids(world, "autosnap_", "far")
    await world.make_plain()
    await policies(world, keep_target="2")
    run = await world.run()
    assert run.state == "succeeded", run.message
    assert names(world, "far")[:1] == autosnaps[3:]


@pytest.mark.parametrize(
    "lie", [b'{"ok": true, "let_go": 5}', b'{"ok": true, "let_go": "%s\\tdplane-\\n"}' % TARGET.encode()]
)
async def test_a_far_box_that_lies_about_what_may_go_loses_nothing_of_ours(world: World, lie: bytes) -> None:
    old = history(world, 4)
    autosnaps = sanoids(world, "autosnap_")
    await policies(world, keep_target="2")
    world.lies['"let_go": true'] = lie + b"\n"
    run = await world.run()
    assert run.state == "succeeded", run.message
    assert names(world, "far")[:4] == autosnaps
    assert ("Only what D-Plane took could be judged" in run.message) == (b"5" in lie)
    assert names(world, "far")[4:] == [old[3], run.evidence[-1].snapshot], "ours are judged all the same"


def test_the_wish_goes_there_and_back() -> None:
    wish = PruneWish(False, "1", "", 7, "autosnap_", True)
    assert codec.decode(PruneWish, json.loads(codec.dumps(wish))) == wish
    assert replace(wish, keep_source=None) == codec.decode(
        PruneWish, json.loads(codec.dumps(replace(wish, keep_source=None)))
    )


async def test_a_copy_on_this_box_that_another_task_sends_on_keeps_what_that_one_needs(world: World) -> None:
    """From a pool to a second one, and from there to a box that is away: the second pool is a target and a source."""
    old = history(world, 6)
    with world.edit("near") as state:
        state["pools"]["cellar"] = 10**9
        state["datasets"]["cellar"] = new_dataset()
        state["datasets"]["cellar/photos"] = json.loads(json.dumps(state["datasets"][SOURCE]))
        guid = state["datasets"][SOURCE]["snaps"][2]["guid"]
        state["datasets"]["cellar/photos"]["written"] = 0
    async with open_store(world.database, write=True) as store:
        await records.delete_task(store, "photos")
        await records.add_task(store, Task("photos", SOURCE, None, "cellar/photos"))
        await records.add_task(store, Task("away", "cellar/photos", "vault-box", "vault/far", snapshot=False))
        run = await records.new_run(store, "away")
        await records.update_run(store, run.id, state="succeeded")
        proof = Evidence("cellar/photos", "vault/far", old[2], guid, guid, 1, None, 0.0, time.time())
        await records.add_evidence(store, run.id, proof, None)
    await policies(world, keep_source="1", keep_target="1", backlog="2")
    done = await world.run()
    assert done.state == "succeeded", done.message
    new = done.evidence[-1].snapshot
    assert names(world, "near") == [new]
    copies = [name for name, _ in world.points("near", "cellar/photos")]
    assert copies[0] == old[2], "the box that is away goes on from there"
    assert copies[-1] == new
    assert len(copies) == 3, "and what waits for it is capped"
