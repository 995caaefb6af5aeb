"""Whole runs between two model boxes over a real SSH server: what is claimed is true, whatever breaks."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import asyncssh
import pytest

from dplane_tui.services.replication import records
from dplane_tui.services.replication.codec import dumps
from dplane_tui.services.replication.model import Match, Run, Step, Task
from dplane_tui.services.replication.service import decode_plan
from dplane_tui.services.store import open_store

from .replication_world.world import MB, World

TARGET = "vault/backup/photos"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path) as made:
        yield made


def assert_equal(world: World, dataset: str = "") -> None:
    """The target has the source's newest snapshot, by GUID."""
    assert world.points("far", TARGET + dataset)[-1] == world.points("near", "tank/photos" + dataset)[-1]


def assert_honest(world: World, run: Run) -> None:
    """A run that is called good has evidence, and the far box really has what the evidence names."""
    if run.state in {"succeeded", "nothing-new"}:
        assert run.evidence
    for proof in run.evidence:
        if proof.proven:
            assert (proof.snapshot, proof.source_guid) in world.points("far", proof.target)
        else:
            assert run.state not in {"succeeded", "nothing-new"}


async def test_first_a_full_then_incrementals_then_nothing_new(world: World) -> None:
    world.write("tank/photos/2026 summer", 10_000)
    first = await world.run()
    assert first.state == "succeeded", first.message
    assert [proof.base for proof in first.evidence] == [None, None]
    assert_equal(world)
    assert_equal(world, "/2026 summer")
    assert first.bytes >= 310_000

    world.write("tank/photos", 5_000)
    second = await world.run()
    assert second.state == "succeeded", second.message
    assert {proof.base for proof in second.evidence} == {f"@{first.evidence[0].snapshot}"}
    assert_equal(world)

    third = await world.run()
    assert third.state == "nothing-new", third.message
    assert third.bytes == 0
    assert third.evidence[0].source_guid == world.points("far", TARGET)[-1][1]
    assert len(world.points("near", "tank/photos")) == 2, "no snapshot is taken for nothing"
    for run in (first, second, third):
        assert_honest(world, run)
        plan = decode_plan(run.plan)
        parts: tuple[Step | Match, ...] = (*plan.steps, *plan.matches)
        for part in parts:
            assert part.dataset_guid == world.datasets("near")[part.dataset]["guid"], "it says of which dataset"


async def test_the_dry_run_shows_the_plan_and_changes_nothing(world: World) -> None:
    before = world.datasets("near"), world.datasets("far")
    dry = await world.run("plan")
    plan = decode_plan(dry.plan)
    assert plan.snapshot
    assert [(step.kind, step.target, step.size) for step in plan.steps] == [("full", TARGET, 300_000)]
    assert before == (world.datasets("near"), world.datasets("far"))
    real = decode_plan((await world.run()).plan)
    assert [(step.kind, step.dataset, step.target, step.base) for step in real.steps] == [
        (step.kind, step.dataset, step.target, step.base) for step in plan.steps
    ]


async def test_a_preview_plans_a_task_that_is_not_stored_and_stores_nothing(world: World) -> None:
    before = world.datasets("far")
    new = Task("album", "tank/photos", "vault-box", "vault/backup/album", recursive=True)
    dry = await world.run("plan", dumps(new))
    assert dry.state == "succeeded", dry.message
    plan = decode_plan(dry.plan)
    assert [(step.kind, step.target, step.size) for step in plan.steps] == [("full", "vault/backup/album", 300_000)]
    assert world.datasets("far") == before
    async with open_store(world.database) as store:
        assert [task.name for task in await records.tasks(store)] == ["photos"]


@pytest.mark.parametrize(
    ("rival", "taken"), [("tank/photos tank/photos/a", 1), ("tank/photos", 2)], ids=["of all", "of one"]
)
async def test_a_snapshot_that_another_task_took_in_the_same_second_is_used_or_another_taken(
    world: World, rival: str, taken: int
) -> None:
    world.write("tank/photos/a", 1000)
    (world.path / "rival").write_text(rival)
    run = await world.run()
    assert run.state == "succeeded", run.message
    assert not (world.path / "rival").exists()
    assert len(world.points("near", "tank/photos")) == taken
    assert len(world.points("near", "tank/photos/a")) == 1
    assert (decode_plan(run.plan).snapshot is None) == (taken == 1)
    assert_equal(world)
    assert_equal(world, "/a")


async def test_a_destroyed_base_snapshot_is_replaced_by_its_bookmark(world: World) -> None:
    await world.run()
    world.write("tank/photos", 1000)
    with world.edit("near") as state:
        photos = state["datasets"]["tank/photos"]
        assert len(photos["marks"]) == 1
        photos["snaps"].clear()
    run = await world.run()
    assert run.state == "succeeded", run.message
    assert run.evidence[-1].base
    assert run.evidence[-1].base.startswith("#dplane-")
    assert_equal(world)
    marks = world.datasets("near")["tank/photos"]["marks"]
    assert [mark["guid"] for mark in marks] == [run.evidence[-1].source_guid], "the old base is gone, the new one kept"


async def test_a_far_box_that_loses_its_power_before_the_mark_is_on_its_disk_goes_on(world: World) -> None:
    """ZFS keeps a first receive's resume state one transaction group before its properties: `begun.py`."""
    world.write("tank/photos", 8 * MB)
    run_id, process = await world.start(rate=4 * MB)
    await world.until_sent(run_id, process)
    while TARGET not in world.datasets("far"):
        await asyncio.sleep(0.05)
        assert process.returncode is None, await process.communicate()
    world.accepts = False
    (lock,) = (world.path / "far-state").glob("receiving-*")
    os.kill(int(lock.read_text().split()[0]), signal.SIGKILL)
    world.cut()
    await process.wait()
    while not world.datasets("far")[TARGET]["partial"]["bytes"]:  # its zfs sees the end of the stream a little later
        assert not world.datasets("far")[TARGET]["snaps"]
        await asyncio.sleep(0.05)
    with world.edit("far") as state:
        state["datasets"][TARGET]["props"] = {}
    world.accepts = True
    again = await world.run()
    assert again.state == "succeeded", again.message
    assert decode_plan(again.plan).steps[0].kind == "resume"
    assert_equal(world)
    props = world.datasets("far")[TARGET]["props"]
    assert props["dplane:peer"] == "near-box"
    assert props["readonly"] == "on"


async def test_a_connection_that_breaks_midway_is_told_and_the_next_run_resumes(world: World) -> None:
    world.write("tank/photos", 8 * MB)
    run_id, process = await world.start(rate=4 * MB)
    await world.until_sent(run_id, process)
    world.accepts = False  # it does not come back by itself
    world.cut()
    await process.wait()
    run = await world.stored(run_id)
    assert run.state == "failed"
    assert "lost after" in run.message or "refused our key" in run.message, run.message
    assert not run.evidence
    world.accepts = True
    again = await world.run()
    assert again.state == "succeeded", again.message
    assert decode_plan(again.plan).steps[0].kind == "resume"
    assert again.bytes < 8 * MB, "what had arrived was not sent again"
    assert_equal(world)


async def test_a_half_that_grew_while_it_was_asked_for_goes_on_in_the_same_run(world: World) -> None:
    """The receive of the connection that was lost writes what it still had: ZFS refuses the token of a moment ago."""
    await world.make_plain()
    world.write("tank/photos", 8 * MB)
    run_id, process = await world.start(rate=4 * MB)
    await world.until_sent(run_id, process)
    process.kill()
    await process.wait()
    while not world.datasets("far")[TARGET]["partial"]["bytes"]:
        assert not world.datasets("far")[TARGET]["snaps"]
        await asyncio.sleep(0.05)
    (world.path / "late").touch()
    again = await world.run()
    assert again.state == "succeeded", again.message
    assert not (world.path / "late").exists()
    assert not [command for command in world.commands if "receive -A" in command]
    assert_equal(world)


async def test_what_failed_as_the_far_box_went_down_is_tried_again_when_it_is_back(world: World) -> None:
    """It ends the receive of one dataset before the link breaks in the next."""
    await world.make_plain()
    world.write("tank/photos", 1000)
    for name in ("a", "b"):
        world.write(f"tank/photos/{name}", 8 * MB)
    run_id, process = await world.start(rate=4 * MB)
    await world.until_sent(run_id, process)
    child = world.children[-1]
    assert child.stdin
    child.stdin.close()
    while len(world.datasets("far")) < 5:
        await asyncio.sleep(0.05)
        assert process.returncode is None, await process.communicate()
    world.cut()
    await process.wait()
    run = await world.stored(run_id)
    assert run.state == "succeeded", run.message
    assert_equal(world, "/a")
    assert_equal(world, "/b")


async def test_what_was_busy_is_tried_again_in_the_run_whatever_else_is_left_behind(world: World) -> None:
    for name in ("a", "b"):
        world.write(f"tank/photos/{name}", 1000)
    assert (await world.run()).state == "succeeded"
    world.foreign_snapshot("far", f"{TARGET}/a", "mine")
    world.write("tank/photos/b", 1000)
    # Once with the others on one channel, and once by itself.
    (world.path / "busy").write_text(f"{TARGET}/b\n{TARGET}/b")
    run = await world.run()
    assert (run.state, run.error_code) == ("failed", "diverged")
    assert "1 of 3 datasets" in run.message
    assert (world.path / "busy").read_text() == ""
    assert_equal(world, "/b")
    assert_honest(world, run)


async def test_what_is_refused_for_good_is_not_sent_again_with_what_was_busy(world: World) -> None:
    for name in ("a", "b"):
        world.write(f"tank/photos/{name}", 1000)
    assert (await world.run()).state == "succeeded"
    world.write("tank/photos/b", 1000)
    world.write("tank/photos/a", 1000)
    with world.edit("far") as state:
        state["datasets"][f"{TARGET}/a"]["unknown"] = True
    (world.path / "busy").write_text(f"{TARGET}/b\n{TARGET}/b")
    run = await world.run()
    assert (run.state, run.error_code) == ("failed", "version"), run.message
    assert "1 of 3 datasets" in run.message
    assert_equal(world, "/b")
    alone = [command for command in world.commands if f'"dataset": "{TARGET}/a"' in command and '"receive"' in command]
    assert len(alone) == 1


async def test_a_short_break_is_healed_within_the_run(world: World) -> None:
    world.write("tank/photos", 8 * MB)
    run_id, process = await world.start(rate=4 * MB)
    await world.until_sent(run_id, process)
    world.cut()
    await process.wait()
    run = await world.stored(run_id)
    assert run.state == "succeeded", run.message
    assert_equal(world)
    assert_honest(world, run)


async def test_a_box_that_is_not_reached_at_first_is_tried_again_before_anything_is_sent(world: World) -> None:
    world.deaf = 2
    run = await world.run()
    assert run.state == "succeeded", run.message
    assert world.deaf == 0
    assert [line.text[:11] for line in run.log] == ["again in 0s"] * 2, "a run that heals says so in its log alone"
    assert_equal(world)
    world.write("tank/photos", 1000)
    world.deaf = 3  # more often than it is tried
    assert (await world.run()).error_code == "unreachable"


EVERY = 1 if os.environ.get("CI") or os.environ.get("DPLANE_EVERY_FAULT") else 4


async def test_a_kill_at_any_command_loses_nothing_and_the_next_run_heals(world: World) -> None:
    """kill -9 of the job right before each command that it, its helper or the far side runs; then one more run."""
    assert (await world.run()).state == "succeeded"
    world.write("tank/photos", 50_000)
    saved = world.save()
    survived = 0
    for at in range(0, 200, EVERY):
        world.restore(saved)
        count = len((world.path / "count").read_text().splitlines())
        (world.path / "kill_at").write_text(str(count + at))
        killed = await world.run()
        assert_honest(world, killed)
        if killed.state == "succeeded":
            break
        assert killed.state == "running", "it had no time to say anything"
        survived += 1
        healed = await world.run()
        assert healed.state in {"succeeded", "nothing-new"}, (at, healed.message)
        assert_honest(world, healed)
        assert_equal(world)
        marks = world.datasets("near")["tank/photos"]["marks"]
        assert [mark["guid"] for mark in marks] == [world.points("near", "tank/photos")[-1][1]], "no old base stays"
    assert survived >= 16 // EVERY, "the loop must have met every command of a run"


async def test_what_a_killed_run_did_not_come_to_is_made_up_for_when_nothing_is_new(world: World) -> None:
    """Its data was all there: the old base goes, and the original's settings are noted with the copy."""
    with world.edit("near") as state:
        state["datasets"]["tank/photos"]["props"].update({"compression": "zstd", "mountpoint": "/srv/für\x1bmich"})
    run = await world.run()
    assert run.state == "succeeded"
    why = "tank/photos: mountpoint (holds the character U+00FC, which is not allowed)."
    assert run.message.endswith(f"Not noted with the copy, so that a restore cannot put it back: {why}")
    noted = world.datasets("far")[TARGET]["props"]
    assert noted["dplane:was-compression"] == "zstd"
    assert "dplane:was-mountpoint" not in noted
    with world.edit("far") as state:
        del state["datasets"][TARGET]["props"]["dplane:was-compression"]
    with world.edit("near") as state:
        marks = state["datasets"]["tank/photos"]["marks"]
        marks.append({**marks[0], "name": marks[0]["name"][:-16] + "0" * 16, "guid": "1"})
    assert (await world.run()).state == "nothing-new"
    assert world.datasets("far")[TARGET]["props"] == noted
    assert len(world.datasets("near")["tank/photos"]["marks"]) == 1


async def test_a_target_without_room_is_refused_with_figures_before_the_first_byte(world: World) -> None:
    with world.edit("far") as state:
        state["pools"]["vault"] = 100_000
    run = await world.run()
    assert (run.state, run.error_code) == ("failed", "no-space")
    assert "97.7K free" in run.message
    assert "293K" in run.message
    assert world.points("far", TARGET) == []
    assert not any('"receive"' in command for command in world.commands)


async def test_a_target_that_went_its_own_way_is_refused_and_left_alone(world: World) -> None:
    await world.run()
    world.foreign_snapshot("far", TARGET, "mine")
    world.write("tank/photos", 1000)
    before = world.points("far", TARGET), world.points("near", "tank/photos")
    run = await world.run()
    assert (run.state, run.error_code) == ("failed", "diverged")
    assert "@mine" in run.message
    assert (world.points("far", TARGET), world.points("near", "tank/photos")) == before, "not even a snapshot is taken"


async def test_a_dataset_that_the_peer_did_not_make_is_not_touched(world: World) -> None:
    with world.edit("far") as state:
        state["datasets"]["vault/backup"] = {**state["datasets"]["vault"], "snaps": []}
        state["datasets"][TARGET] = {**state["datasets"]["vault"], "snaps": []}
    run = await world.run()
    assert (run.state, run.error_code) == ("failed", "refused")
    assert "not made by this peer" in run.message


async def test_a_peer_that_is_confined_cannot_leave_its_root(world: World) -> None:
    world.root = "vault/elsewhere"
    run = await world.run()
    assert (run.state, run.error_code) == ("failed", "refused")
    assert "vault/elsewhere" in run.message


@pytest.mark.parametrize(("lie", "code"), [
    ({'"receive"': b'{"ok": true}\n'}, "failed"),
    ({'"read"': b'{"ok": true, "list": "", "get": "", "available": 9}\n'}, "no-space"),
    ({'"read"': b'{"ok": true, "list": "\\u001b[2J", "get": 7}\n'}, "failed"),
    ({'"read"': b"\x1b]0;owned\x07 hello"}, "failed"),
    ({'"read"': b'{"ok": false, "error": {"code": "\\u001b", "message": "\\u001b[31mred", "next": 7}}\n'}, "failed"),
    ({'"hello"': b"Welcome to Linux\n"}, "failed"),
    ({'"receive"': b'{"ok": true, "by'}, "failed"),
    ({'"receive"': b"[" * 60_000}, "failed"),
    ({'"read"': b'{"ok": true, "list": "", "get": "", "available": -1}\n'}, "failed"),
    ({'"read"': b'{"ok": true, "list": "", "get": "", "available": NaN}\n'}, "failed"),
    ({'"read"': b'{"ok": true, "list": "vault/x@\\u001b[2J\\t7\\t5\\n", "get": "", "available": null}\n'}, "failed"),
    ({'"read"': b"x" * 70_000_000}, "failed"),
])  # fmt: skip
async def test_a_peer_that_lies_is_never_believed(world: World, lie: dict[str, bytes], code: str) -> None:
    world.lies = lie
    run = await world.run()
    assert (run.state, run.error_code) == ("failed", code), run.message
    assert run.message.isprintable()
    assert not any(proof.proven for proof in run.evidence)


async def test_another_host_key_a_refused_key_and_no_answer_are_told_apart(world: World) -> None:
    world.accepts = False
    run = await world.run()
    assert (run.state, run.error_code) == ("failed", "authentication")
    world.accepts = True
    old = world._server
    old.close()
    await old.wait_closed()
    run = await world.run()
    assert (run.state, run.error_code) == ("failed", "unreachable")
    imposter = asyncssh.generate_private_key("ssh-ed25519")
    world._server = await asyncssh.create_server(
        asyncssh.SSHServer, "127.0.0.1", world.port, server_host_keys=[imposter]
    )
    run = await world.run()
    assert (run.state, run.error_code) == ("failed", "host-key"), run.message
    assert "another host key" in run.message


async def test_stopping_a_run_is_recorded_and_leaves_nothing_behind(world: World) -> None:
    world.write("tank/photos", 8 * MB)
    run_id, process = await world.start(rate=2 * MB)
    await world.until_sent(run_id, process)
    process.terminate()
    await process.wait()
    run = await world.stored(run_id)
    assert run.state == "cancelled"
    assert json.loads((world.path / "run" / "jobs" / f"{run_id}.json").read_text())["state"] == "cancelled"
    assert not list((world.path / "run" / "jobs").glob(".ssh-*"))
    assert (await world.run()).state == "succeeded"
    assert_equal(world)


async def test_a_run_with_nothing_new_costs_the_same_whatever_the_number_of_datasets(world: World) -> None:
    """At most four `zfs` and two logins for 3 datasets as for 30; a further dataset adds nothing to a run."""
    costs = []
    for datasets in (3, 30):
        for number in range(datasets - 1):
            world.write(f"tank/photos/{number}", 100)
        assert (await world.run()).state == "succeeded"
        counter = world.path / "count"
        before, logins, commands = len(counter.read_text().splitlines()), len(world.connections), len(world.commands)
        run = await world.run()
        assert (run.state, len(run.evidence)) == ("nothing-new", datasets)
        ran = counter.read_text().splitlines()[before:]
        costs.append((len(ran), len(world.connections) - logins, len(world.commands) - commands))
    assert costs[0] == costs[1]
    zfs, logins, commands = costs[1]
    assert zfs <= 4, ran
    assert logins == 1
    assert commands == 2, "hello and one read"


@pytest.mark.parametrize("side", ["near", "far", "plain"])
async def test_a_hostile_property_in_the_tree_stops_no_run(world: World, side: str) -> None:
    """Whoever may set a property of one dataset of a tree does not decide about the others."""
    if side == "plain":
        await world.make_plain()
    for dataset in ("tank/photos/ann", "tank/photos/bob"):
        world.write(dataset, 100)
    assert (await world.run()).state == "succeeded"
    ann, bob = (f"{'tank/photos' if side == 'near' else TARGET}/{name}" for name in ("ann", "bob"))
    with world.edit("near" if side == "near" else "far") as state:
        name = "dplane:was-atime" if side == "far" else "dplane:peer"  # without our mark nothing is received there
        state["datasets"][ann]["props"][name] = f"x\tlocal\n{bob}\ttype\tvolume\t-\n{ann}\ttype\tvolume\t-"
    world.write("tank/photos/ann", 100)
    world.write("tank/photos/bob", 100)
    run = await world.run()
    assert run.state == "succeeded", run.message
    assert_equal(world, "/ann")
    assert_equal(world, "/bob")


async def test_a_tree_with_a_new_snapshot_travels_on_one_channel(world: World) -> None:
    """What a further dataset adds to a run that sends: looks and streams, and no channel, helper or login."""
    for number in range(4):
        world.write(f"tank/photos/{number}", 1000 + number)
    (world.path / "count").touch()
    for kind in ("full", "incremental"):
        before, commands = len((world.path / "count").read_text().splitlines()), len(world.commands)
        run = await world.run()
        assert (run.state, len(run.evidence)) == ("succeeded", 5), run.message
        assert_honest(world, run)
        assert {step.kind for step in decode_plan(run.plan).steps} == {kind}
        assert sum(proof.bytes for proof in run.evidence) == run.bytes
        assert all(proof.bytes > 1000 for proof in run.evidence)
        ops = [json.loads(command)["op"] for command in world.commands[commands:]]
        assert ops == ["hello", "read", "receive-several", "read"]
        ran = (world.path / "count").read_text().splitlines()[before:]
        assert sum(line.startswith("receive") for line in ran) == 5
        assert sum(line.startswith("program") for line in ran) == 1, "all bookmarks at once"
        for number in range(4):
            assert_equal(world, f"/{number}")
            assert len(world.datasets("near")[f"tank/photos/{number}"]["marks"]) == 1
            assert world.datasets("far")[f"{TARGET}/{number}"]["props"]["readonly"] == "on"
            world.write(f"tank/photos/{number}", 1000 + number)
        world.write("tank/photos", 2000)


@pytest.mark.parametrize(
    "answer",
    [
        b'{"ok": true, "bytes": 5}\n',
        b'{"ok": true, "parts": [{"bytes": 1e99, "seconds": 1}]}\n',
        b'{"ok": false, "error": {"code": "refused", "message": "no", "next": ""}}\n',
        b"",
    ],
)
async def test_what_a_convoy_did_not_bring_goes_dataset_by_dataset(world: World, answer: bytes) -> None:
    world.write("tank/photos/a", 1000)
    world.lies = {'"receive-several"': answer}
    run = await world.run()
    assert run.state == "succeeded", run.message
    assert sum('"receive"' in command for command in world.commands) == 2
    assert_equal(world)
    assert_equal(world, "/a")
    assert_honest(world, run)


async def test_a_dataset_that_fails_in_a_convoy_is_left_behind_and_the_others_arrive(world: World) -> None:
    for name in ("a", "b", "c"):
        world.write(f"tank/photos/{name}", 1000)
    assert (await world.run()).state == "succeeded"
    for name in ("a", "b", "c"):
        world.write(f"tank/photos/{name}", 1000)
    with world.edit("far") as state:  # not seen by the planner, refused by the far agent
        state["datasets"][f"{TARGET}/b"]["props"]["dplane:peer"] = "somebody"
    run = await world.run()
    assert (run.state, run.error_code) == ("failed", "refused")
    assert "not made by this peer" in run.message
    assert_honest(world, run)
    for name in ("", "/a", "/c"):
        assert_equal(world, name)
    assert world.points("far", f"{TARGET}/b")[-1] != world.points("near", "tank/photos/b")[-1]


async def test_an_agent_that_knows_no_convoy_gets_one_stream_after_the_other(world: World) -> None:
    world.write("tank/photos/a", 1000)
    world.lies = {'"hello"': b'{"ok": true}\n'}
    run = await world.run()
    assert run.state == "succeeded", run.message
    assert not any("several" in command for command in world.commands)
    assert_equal(world, "/a")


async def test_a_cut_in_a_convoy_is_healed_and_what_had_arrived_is_not_sent_again(world: World) -> None:
    for name in ("a", "b"):
        world.write(f"tank/photos/{name}", 4 * MB)
    run_id, process = await world.start(rate=4 * MB)
    await world.until_sent(run_id, process, 5 * MB)
    world.cut()
    await process.wait()
    run = await world.stored(run_id)
    assert run.state == "succeeded", run.message
    assert run.bytes < 12 * MB
    assert_equal(world, "/a")
    assert_equal(world, "/b")
    assert_honest(world, run)
    assert not list((world.path / "far-state").glob("begun-*"))


async def test_a_peer_with_only_zfs_and_sshd_works_and_names_reach_it_literally(world: World) -> None:
    await world.make_plain()
    world.write("tank/photos/a b", 2_000)
    first = await world.run()
    assert first.state == "succeeded", first.message
    assert_equal(world, "/a b")
    world.write("tank/photos/a b", 3_000)
    second = await world.run()
    assert second.state == "succeeded", second.message
    assert (await world.run()).state == "nothing-new"
    for run in (first, second):
        assert_honest(world, run)
    assert not any("agent" in command or "'op'" in command for command in world.commands)
    world.foreign_snapshot("far", TARGET, "mine")
    world.write("tank/photos", 1)
    assert (await world.run()).error_code == "diverged"


async def test_a_peer_with_only_zfs_and_sshd_resumes(world: World) -> None:
    await world.make_plain()
    world.write("tank/photos", 8 * MB)
    run_id, process = await world.start(rate=4 * MB)
    await world.until_sent(run_id, process)
    process.kill()
    await process.wait()
    for _ in range(100):  # the far zfs ends when its input does
        if any(data["partial"] for data in world.datasets("far").values()):
            break
        await asyncio.sleep(0.1)
    again = await world.run()
    assert again.state == "succeeded", again.message
    assert_equal(world)
