"""Runs in every direction: pulled from a peer with the product, from a plain one, and between pools of one box."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dplane_tui.errors import MissingError, RefusedError
from dplane_tui.services.replication import codec, divergence
from dplane_tui.services.replication.address import parse
from dplane_tui.services.replication.compare import Comparison
from dplane_tui.services.replication.content import Wish
from dplane_tui.services.replication.model import Options, Peer, Restore, Run, Task
from dplane_tui.services.replication.places import check_rights, peer_at
from dplane_tui.services.replication.pruning import decode_pruning
from dplane_tui.services.replication.service import check_task, decode_plan
from dplane_tui.services.retention.model import PruneWish
from dplane_tui.services.store import open_store

from .replication_world.world import MB, World
from .replication_world.zfs_model import new_dataset

SOURCE, TARGET = "vault/home", "tank/pulled/home"
READ = ["--may-read", SOURCE]
PULL = Task("pull", SOURCE, None, TARGET, recursive=True, source_peer="vault-box")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path) as made:
        with made.edit("far") as state:
            for name, written in ((SOURCE, 200_000), (f"{SOURCE}/a b", 5_000), ("vault/other", 1_000)):
                state["datasets"][name] = {**new_dataset(), "written": written}
        yield made


def far_write(world: World, count: int, dataset: str = SOURCE) -> None:
    with world.edit("far") as state:
        state["datasets"][dataset]["written"] += count


def assert_pulled(world: World, run: Run, state: str = "succeeded") -> None:
    """The run is what it claims: both boxes have the GUID that the evidence names."""
    assert run.state == state, run.message
    assert run.evidence
    for proof in run.evidence:
        assert proof.proven
        assert (proof.snapshot, proof.source_guid) in world.points("far", proof.dataset)
        assert (proof.snapshot, proof.target_guid) in world.points("near", proof.target)


def marks(world: World, side: str, dataset: str) -> list[str]:
    return [mark["guid"] for mark in world.datasets(side)[dataset]["marks"]]


@pytest.mark.parametrize("plain", [False, True])
async def test_a_pull_takes_its_snapshot_there_and_is_proven_here(world: World, plain: bool) -> None:
    world.rights = [*READ, "--may-snapshot", "yes"]
    if plain:
        await world.make_plain()
    await world.add(PULL, may_read=SOURCE, may_snapshot=not plain)
    first = await world.run()
    assert_pulled(world, first)
    assert {proof.target for proof in first.evidence} == {TARGET, f"{TARGET}/a b"}
    assert first.bytes >= 205_000
    assert first.evidence[0].snapshot.startswith("dplane-")
    assert world.datasets("near")[TARGET]["props"]["readonly"] == "on"

    far_write(world, 3_000)
    with world.edit("far") as state:  # the snapshot it would start from is gone; its bookmark is not
        state["datasets"][SOURCE]["snaps"].clear()
    second = await world.run()
    assert_pulled(world, second)
    top = next(proof for proof in second.evidence if proof.dataset == SOURCE)
    assert (top.base or "").startswith("#dplane-")
    assert marks(world, "far", SOURCE) == [top.source_guid], "the base that is of no use any more is gone"

    third = await world.run()
    assert_pulled(world, third, "nothing-new")
    assert (third.bytes, len(world.points("far", SOURCE))) == (0, 1)

    with world.edit("far") as state:  # what a run leaves that is killed when all had arrived
        kept = state["datasets"][SOURCE]["marks"]
        kept.append({**kept[0], "name": kept[0]["name"].rpartition("-")[0] + f"-{77:016x}", "guid": "77"})
    assert_pulled(world, await world.run(), "nothing-new")
    assert marks(world, "far", SOURCE) == [top.source_guid]


async def test_a_pull_without_the_right_uses_the_snapshots_that_are_there(world: World) -> None:
    world.rights = READ
    world.foreign_snapshot("far", SOURCE, "hourly-1")
    await world.add(Task(**{**_fields(PULL), "snapshot": False, "recursive": False}), may_read=SOURCE)
    before = world.datasets("far")
    run = await world.run()
    assert_pulled(world, run)
    assert run.evidence[0].snapshot == "hourly-1"
    assert world.datasets("far") == before, "nothing was changed there"
    stored = await _created(world, run.id)
    assert stored == [1.0], "the age of what is there is known"


async def test_a_pulled_task_is_compared_and_verified_like_any_other(world: World) -> None:
    world.rights = [*READ, "--may-snapshot", "yes"]
    await world.add(PULL, may_read=SOURCE, may_snapshot=True)
    run = await world.run()
    assert_pulled(world, run)
    found = codec.decode(Comparison, json.loads((await world.run("compare")).plan))
    assert {one.dataset: len(one.both) for one in found.datasets} == {SOURCE: 1, f"{SOURCE}/a b": 1}
    places = [
        world.path / side / "content" / f"{dataset}@{run.evidence[0].snapshot}".replace("/", "_")
        for side, dataset in (("far", SOURCE), ("near", TARGET))
    ]
    for place in places:
        place.mkdir(parents=True)
        (place / "letter").write_text("dear")
        for one in (place / "letter", place):
            os.utime(one, (5, 5))
    good = await world.run("verify", codec.dumps(Wish(below="")))
    assert good.state == "succeeded", good.message
    (places[0] / "letter").write_text("deer")
    os.utime(places[0] / "letter", (5, 5))
    bad = await world.run("verify", codec.dumps(Wish(below="")))
    assert (bad.state, bad.error_code) == ("failed", "bad-news"), bad.message
    assert "the first of them in vault/home." in bad.message
    assert '"path":"letter"' in bad.plan, "what differs is listed, not said"


async def test_what_diverged_of_a_pulled_task_is_told_by_its_real_source(world: World) -> None:
    """Not by a dataset of the same name that happens to be here."""
    world.rights = [*READ, "--may-snapshot", "yes"]
    await world.add(PULL, may_read=SOURCE, may_snapshot=True)
    run = await world.run()
    assert_pulled(world, run)
    with world.edit("near") as state:
        state["datasets"][SOURCE] = new_dataset()
    world.foreign_snapshot("near", TARGET, "mine")
    looked = await world.run("conflicts")
    assert looked.state == "succeeded", looked.message
    (found,) = divergence.loads(looked.plan)
    assert (found.dataset, found.since) == (SOURCE, run.evidence[0].snapshot)


@pytest.mark.parametrize("name", [divergence.KEEP_BOTH, divergence.ROLL_BACK])
async def test_a_pulled_copy_that_diverged_is_brought_back_with_the_askers_own_role(world: World, name: str) -> None:
    """The key of the source belongs to the job, the role to the person: what was seen by one is done by the other."""
    world.rights = [*READ, "--may-snapshot", "yes"]
    await world.add(PULL, may_read=SOURCE, may_snapshot=True)
    assert_pulled(world, await world.run())
    world.foreign_snapshot("near", TARGET, "mine")
    looked = await world.run("conflicts")
    (found,) = divergence.loads(looked.plan)
    way = next(one for one in found.ways if one.way == name)
    wish = divergence.Resolution(name, found.dataset, way.plan, seen=looked.plan)
    before = len(world.commands)
    refused = await world.run("resolve", codec.dumps(replace(wish, plan="0" * 64)))
    assert refused.error_code == "changed"
    world.foreign_snapshot("near", TARGET, "later")
    changed = await world.run("resolve", codec.dumps(wish))
    assert (changed.state, changed.error_code) == ("failed", "changed"), changed.message
    with world.edit("near") as state:
        state["datasets"][TARGET]["snaps"].pop()
    done = await world.run("resolve", codec.dumps(wish))
    assert done.state == "succeeded", done.message
    assert len(world.commands) == before, "the far box was not asked"
    far_write(world, 1000)
    assert_pulled(world, await world.run())


def far_holds(world: World) -> dict[str, list[str]]:
    return {
        f"{name}@{snap['name']}": snap["holds"]
        for name, data in world.datasets("far").items()
        for snap in data["snaps"]
        if snap.get("holds")
    }


@pytest.mark.parametrize("plain", [False, True])
async def test_what_is_pulled_is_held_there_meanwhile_and_a_killed_run_leaves_no_hold_for_ever(
    world: World, plain: bool
) -> None:
    world.rights = [*READ, "--may-snapshot", "yes"]
    if plain:
        await world.make_plain()
    await world.add(PULL, may_read=SOURCE, may_snapshot=not plain)
    assert_pulled(world, await world.run())
    assert far_holds(world) == {}, "each run releases its own"
    base = world.points("far", SOURCE)[-1][0]
    far_write(world, 8 * MB)
    run_id, process = await world.start(rate=4 * MB)
    await world.until_sent(run_id, process)
    now = far_holds(world)
    assert {f"{SOURCE}@{base}", f"{SOURCE}@{world.points('far', SOURCE)[-1][0]}"} <= set(now)
    assert all(tag.endswith(run_id) for tags in now.values() for tag in tags)
    process.kill()
    await process.wait()
    assert far_holds(world) == now, "nobody was there to release them"
    assert_pulled(world, await world.run())
    assert far_holds(world) == {}
    async with open_store(world.database) as store:
        assert list(await store.rows("SELECT * FROM holds")) == []


async def test_what_a_pull_took_at_its_source_is_pruned_there_with_the_right_and_never_without(world: World) -> None:
    world.rights = [*READ, "--may-snapshot", "yes"]
    await world.add(replace(PULL, options=Options(keep_source="1")), may_read=SOURCE, may_snapshot=True, may_prune=True)
    old = [f"dplane-2026-01-0{day}T02-30-00Z" for day in (1, 2, 3)]
    for name in old:
        world.foreign_snapshot("far", SOURCE, name)
    with world.edit("far") as state:
        for snap, peer in zip(state["datasets"][SOURCE]["snaps"], ("near-box", "another-box", "near-box"), strict=True):
            snap["peer"] = peer
    run = await world.run()
    assert_pulled(world, run)
    assert "has not granted" in run.message, "our store is wrong; the far box decides"
    assert [name for name, _ in world.points("far", SOURCE)][:3] == old

    world.may_prune = True
    shown = await world.run("prune", codec.dumps(PruneWish(True)))
    (side,) = decode_pruning(shown.plan).sides
    assert (side.place, side.problem) == ("vault-box", "")
    assert [one.snapshot for one in side.goes] == [old[0], old[2]]
    assert len(world.points("far", SOURCE)) == 4, "a preview destroys nothing"
    far_write(world, 1000)
    run = await world.run()
    assert_pulled(world, run)
    assert "destroyed at the source" in run.message
    left = [name for name, _ in world.points("far", SOURCE)]
    assert left[0] == old[1], "what another box took stays"
    assert old[0] not in left
    assert old[2] not in left
    assert left[-1] == run.evidence[0].snapshot


async def test_the_policy_of_one_pull_leaves_at_the_source_what_waits_for_another(world: World) -> None:
    world.rights, world.may_prune = [*READ, "--may-snapshot", "yes"], True
    prunes = replace(PULL, name="prunes", target="tank/prunes", options=Options(keep_source="1"))
    await world.add(prunes, may_read=SOURCE, may_snapshot=True, may_prune=True)
    await world.add(replace(PULL, name="waits", target="tank/waits"))
    assert_pulled(world, await world.run(task="waits"))
    taken = []
    for _ in range(2):
        far_write(world, 1000)
        run = await world.run(task="prunes")
        assert_pulled(world, run)
        taken.append(run.evidence[-1].snapshot)
    assert [name for name, _ in world.points("far", SOURCE)][-2:] == taken
    assert_pulled(world, await world.run(task="waits"))
    assert [name for name, _ in world.points("near", "tank/waits")][-2:] == taken, "it has all that was taken"


async def test_a_snapshot_without_the_right_is_refused_there(world: World) -> None:
    world.rights = READ
    await world.add(PULL, may_read=SOURCE, may_snapshot=True)  # our store is wrong; the far box decides
    run = await world.run()
    assert (run.state, run.error_code) == ("failed", "refused"), run.message
    assert "may only read vault/home and below" in run.message
    assert not world.points("far", SOURCE)
    assert TARGET not in world.datasets("near")


async def test_what_may_not_be_read_is_refused_and_nothing_arrives(world: World) -> None:
    world.rights = ["--may-read", f"{SOURCE}/a b"]
    await world.add(PULL, may_read=SOURCE, may_snapshot=True)
    run = await world.run()
    assert (run.state, run.error_code) == ("failed", "refused"), run.message
    assert TARGET not in world.datasets("near")


@pytest.mark.parametrize("plain", [False, True])
async def test_a_pull_that_breaks_off_is_told_and_resumes(world: World, plain: bool) -> None:
    world.rights = [*READ, "--may-snapshot", "yes"]
    if plain:
        await world.make_plain()
    far_write(world, 8 * MB)
    slow = Options(limit="2M")
    await world.add(Task(**{**_fields(PULL), "options": slow}), may_read=SOURCE, may_snapshot=not plain)
    run_id, process = await world.start()
    await world.until_sent(run_id, process)
    world.accepts = False
    world.cut()
    await process.wait()
    run = await world.stored(run_id)
    assert run.state == "failed"
    assert "connection to vault-box was lost after" in run.message or "refused our key" in run.message, run.message
    assert not run.evidence
    world.accepts = True
    again = await world.run()
    assert_pulled(world, again)
    assert decode_plan(again.plan).steps[0].kind == "resume"
    assert again.bytes < 8 * MB


async def test_between_two_pools_of_one_box(world: World) -> None:
    with world.edit("near") as state:
        state["pools"]["second"] = 1000 * MB
        state["datasets"]["second"] = new_dataset()
    await world.add(Task("local", "tank/photos", None, "second/copies/photos"))
    for expected, write in (("succeeded", 0), ("succeeded", 1000), ("nothing-new", 0)):
        if write:
            world.write("tank/photos", write)
        run = await world.run()
        assert run.state == expected, run.message
        assert world.points("near", "second/copies/photos") == world.points("near", "tank/photos")
        assert all(proof.proven for proof in run.evidence)
    assert not world.connections


async def test_a_pulled_copy_comes_back_to_a_place_here(world: World) -> None:
    world.rights = [*READ, "--may-snapshot", "yes"]
    await world.add(PULL, may_read=SOURCE, may_snapshot=True)
    assert_pulled(world, await world.run())
    wish = codec.dumps(Restore("tank/again", recursive=True))
    run = await world.run("restore", wish)
    assert run.state == "succeeded", run.message
    assert world.points("near", "tank/again") == world.points("far", SOURCE)


def _fields(task: Task) -> dict[str, Any]:
    return {name: getattr(task, name) for name in task.__dataclass_fields__}


async def _created(world: World, run: str) -> list[float]:
    from dplane_tui.services.store import open_store

    async with open_store(world.database) as store:
        rows = await store.rows("SELECT snapshot_created FROM evidence WHERE run = ?", (run,))
    return [row["snapshot_created"] for row in rows]


def peer(name: str, address: str = "10.0.0.2", user: str = "dplane", **more: Any) -> Peer:
    return Peer(name, user, address, 22, "k", "f", "g", **{"product": True, **more})


PEERS = [
    peer("attic"), peer("shed", "nas.example"), peer("old", "10.0.0.9", "root", product=False),
    peer("old-2", "10.0.0.9", "backup", product=False), peer("six", "fe80::1"),
]  # fmt: skip


@pytest.mark.parametrize(("typed", "name"), [
    ("tank/a", None), ("tank/a:b", None), ("attic:tank/a", "attic"), ("root@attic:tank/a", "attic"),
    ("root@10.0.0.2:tank/a", "attic"), ("NAS.example:tank/a:b", "shed"), ("root@10.0.0.9:tank/a", "old"),
    ("backup@10.0.0.9:tank/a", "old-2"), ("old-2:tank/a", "old-2"), ("[fe80::1]:tank/a", "six"),
])  # fmt: skip
def test_a_place_is_at_the_peer_that_is_meant(typed: str, name: str | None) -> None:
    assert peer_at(parse(typed), PEERS) == name


@pytest.mark.parametrize(("typed", "kind", "said"), [
    ("root@nowhere:tank/a", MissingError, "dplane peer add NAME root@nowhere"),
    ("nowhere:tank/a", MissingError, "Pair it first"),
    ("10.0.0.9:tank/a", RefusedError, "Several peers are at 10.0.0.9: old, old-2"),
    ("eve@10.0.0.9:tank/a", RefusedError, "paired for the account root, not eve"),
])  # fmt: skip
def test_a_place_nobody_is_at_is_told(typed: str, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind) as raised:
        peer_at(parse(typed), PEERS)
    assert said in str(raised.value)


def test_a_task_is_what_its_peers_let_it_be() -> None:
    reader = peer("attic", may_read="vault/home")
    assert not check_rights(PULL, reader, None).snapshot
    assert check_rights(PULL, peer("attic", may_read="vault", may_snapshot=True), None).snapshot
    assert check_rights(PULL, peer("old", product=False), None) == PULL
    for wrong in (peer("attic"), peer("attic", may_read="vault/home/a"), peer("attic", may_read="vault/ho")):
        with pytest.raises(RefusedError, match="read"):
            check_rights(PULL, wrong, None)
    push = Task("push", "tank/a", "attic", "vault/a")
    with pytest.raises(RefusedError, match="receives nothing"):
        check_rights(push, None, reader)
    with pytest.raises(RefusedError, match="vault/in only"):
        check_rights(push, None, peer("attic", root="vault/in"))
    assert check_rights(push, None, peer("attic", root="vault/a", may_read="vault/home")) == push


def test_one_end_of_a_task_is_here() -> None:
    with pytest.raises(RefusedError, match="both on other boxes"):
        check_task(Task("far", "a/b", "attic", "c/d", source_peer="shed"))
    assert check_task(Task("far", "a/b", None, "a/b/c", source_peer="shed"))
