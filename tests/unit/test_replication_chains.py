"""What GUIDs cannot show: the kind of a copy's streams, its key, and that it was written to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dplane_tui.services.replication import divergence
from dplane_tui.services.replication.chains import Chain, key_of, keys_found
from dplane_tui.services.replication.holds import held_by
from dplane_tui.services.replication.model import Conflict, Match, Plan, Step, Task
from dplane_tui.services.replication.plan import make_plan
from dplane_tui.services.replication.read import Dataset, Point, Side
from dplane_tui.services.store import open_store

from .replication_world.world import MB, World
from .replication_world.zfs_model import new_dataset

TASK = Task("photos", "tank/photos", "nas-b", "vault/photos", snapshot=False)
TARGET = "vault/photos"
PLAIN = {"type": "filesystem", "written": "0", "referenced": "1000", "receive_resume_token": "-", "encryptionroot": "-"}


def points(*numbers: int) -> tuple[Point, ...]:
    return tuple(Point(f"s{number}", str(1000 + number), 10 * number) for number in numbers)


def one(name: str, snapshots: tuple[Point, ...], **properties: str) -> Side:
    return {name: Dataset(name, {**PLAIN, "guid": "7", **properties}, snapshots)}


def locked(root: str, salt: str = "1", iters: str = "350000", form: str = "passphrase") -> dict[str, str]:
    return {"encryptionroot": root, "keyformat": form, "pbkdf2salt": salt, "pbkdf2iters": iters}


def planned(source: Side, target: Side, chain: Chain | None = None, task: Task = TASK) -> Plan:
    return make_plan(task, source, target, None, None, {TARGET: chain} if chain else {})


def kinds(plan: Plan) -> list[str]:
    return [conflict.kind for conflict in plan.conflicts]


SECRET = one("tank/photos", points(1, 2), **locked("tank/photos"))


@pytest.mark.parametrize(
    ("source", "target", "chain", "raw", "expected"),
    [
        # The first full was raw, and so is this.
        (SECRET, locked(TARGET), Chain(True), None, []),
        # Plain copies below an encrypted parent look encrypted, and are plain all the same.
        (SECRET, locked("vault", "9"), Chain(False), False, []),
        (SECRET, locked("vault", "9"), Chain(False), None, ["raw-mismatch"]),
        # Plain into raw.
        (SECRET, locked(TARGET), Chain(True), False, ["raw-mismatch"]),
        (one("tank/photos", points(1, 2)), locked(TARGET), Chain(True), None, ["raw-mismatch"]),
        # Raw into plain.
        (SECRET, {}, Chain(False), None, ["raw-mismatch"]),
        # Nothing was recorded: what it looks like counts.
        (SECRET, locked(TARGET), None, None, []),
        (SECRET, {}, None, None, ["raw-mismatch"]),
        (SECRET, locked(TARGET), None, False, ["raw-mismatch"]),
        # Recorded as raw, and not even encrypted: somebody put other copies there.
        (one("tank/photos", points(1, 2)), {}, Chain(True), None, []),
    ],
)
def test_a_stream_of_the_other_kind_is_never_planned(
    source: Side, target: dict[str, str], chain: Chain | None, raw: bool | None, expected: list[str]
) -> None:
    plan = planned(source, one(TARGET, points(1), **target), chain, replace(TASK, raw=raw))
    assert kinds(plan) == expected
    assert bool(plan.steps) is not bool(expected)


def test_a_key_that_was_changed_at_the_target_stops_raw_increments_and_the_sources_own_change_does_not() -> None:
    there = one(TARGET, points(1), **locked(TARGET))
    chain = Chain(True, key_of(there[TARGET]))
    assert kinds(planned(SECRET, there, chain)) == []
    changed = one(TARGET, points(1), **locked(TARGET, "2"))
    assert kinds(planned(SECRET, changed, chain)) == ["key-changed"]
    inherits = one(TARGET, points(1), **locked("vault", "5"))
    assert kinds(planned(SECRET, inherits, chain)) == ["key-changed"]
    newer = one("tank/photos", points(1, 2), **locked("tank/photos", "2"))
    assert kinds(planned(newer, there, chain)) == [], "the source's key changed: the increment brings it"
    assert kinds(planned(newer, changed, chain)) == [], "it was brought by a run that was killed before its proof"
    assert kinds(planned(SECRET, changed, Chain(True))) == [], "nothing was recorded: nobody can tell"


def test_the_key_of_a_copy_that_was_found_there_is_recorded_where_it_can_be_known() -> None:
    there = one(TARGET, points(1, 2), **locked(TARGET))
    changed = one(TARGET, points(1, 2), **locked(TARGET, "2"))
    newer = one("tank/photos", points(1, 2), **locked("tank/photos", "2"))
    recorded, now = key_of(there[TARGET]), key_of(changed[TARGET])
    match = [Match("tank/photos", TARGET, "s2", "1002")]
    for source, copy, chain, keys in (
        (SECRET, there, Chain(True), {TARGET: recorded}),
        (newer, there, Chain(True), {TARGET: recorded}),
        (newer, changed, Chain(True, recorded), {TARGET: now}),
        (SECRET, there, Chain(True, recorded), {}),
        (SECRET, changed, Chain(True, recorded), {}),  # the source has not that key
        (SECRET, there, Chain(False), {}),
        (SECRET, there, None, {}),
        (SECRET, {}, Chain(True), {}),
    ):
        known = {TARGET: chain} if chain else {}
        assert keys_found(known, match, source, copy) == keys


def test_a_raw_dataset_without_its_root_is_sent_with_a_warning_once() -> None:
    source = one("tank/photos", points(1, 2), **locked("tank"))
    plan = planned(source, {})
    assert [note for note in plan.notes if "has its key from tank, which this task does not send" in note]
    assert planned(source, one(TARGET, points(1), **locked(TARGET))).notes == ()
    assert planned(SECRET, {}).notes == ()
    tree = {**SECRET, **one("tank/photos/a", points(1), **locked("tank/photos"))}
    whole = planned(tree, {}, task=replace(TASK, recursive=True))
    assert [step.target for step in whole.steps if step.kind == "full"] == [TARGET, f"{TARGET}/a"], "the root first"
    assert whole.notes == ()


def test_a_copy_that_was_written_to_is_a_conflict_only_when_something_would_be_sent() -> None:
    source = one("tank/photos", points(1, 2))
    dirty = planned(source, one(TARGET, points(1), written="4096"))
    assert kinds(dirty) == ["target-written"]
    assert dirty.conflicts[0].since == "s1"
    assert "4.00K" in dirty.conflicts[0].text
    current = planned(source, one(TARGET, points(1, 2), written="4096"))
    assert (len(current.matches), kinds(current), len(current.notes)) == (1, [], 1)


def test_a_snapshot_taken_of_raw_copies_is_named_as_such() -> None:
    foreign = (*points(1), Point("mine", "77", 15))
    raw = planned(SECRET, one(TARGET, foreign, **locked(TARGET)), Chain(True))
    plain = planned(one("tank/photos", points(1, 2)), one(TARGET, foreign))
    for plan, told in ((raw, True), (plain, False)):
        assert kinds(plan) == ["target-newer"]
        assert ("Raw copies cannot go on" in plan.conflicts[0].text) is told


numbers = st.lists(st.integers(1, 30), max_size=8, unique=True).map(sorted)


@given(numbers, numbers, numbers)
def test_what_differs_is_what_only_one_side_has_after_the_common_snapshot(
    both: list[int], here: list[int], there: list[int]
) -> None:
    ours = sorted({*both, *here})
    theirs = sorted({*both, *(number + 100 for number in there)})
    source = one("tank/photos", points(*ours))["tank/photos"]
    target = one(TARGET, points(*theirs))[TARGET]
    conflict = Conflict("tank/photos", TARGET, "target-newer", "x")
    seen = {point.guid: divergence.Extra(point.name, point.guid, 1.0, 2, 3) for point in target.snapshots}
    found = divergence.differs(conflict, source, target, seen)
    assert found.since == (f"s{both[-1]}" if both else None)
    assert [extra.name for extra in found.only_target] == [f"s{n}" for n in theirs if not both or n > both[-1]]
    assert [extra.name for extra in found.only_source] == [
        f"s{n}" for n in ours if n not in both and (not both or n > both[-1])
    ]
    if found.since:
        back = divergence.rolled_back({TARGET: target}, TARGET, found.since)[TARGET]
        gone = [name for name, _ in divergence.goes(target, found.since)]
        assert [f"{TARGET}@{p.name}" for p in (*back.snapshots,)] + gone == [
            f"{TARGET}@{p.name}" for p in target.snapshots
        ]
        plan = divergence.plan_of(TASK, found, "roll-back", divergence.goes(target, found.since))
        again = divergence.plan_of(TASK, replace(found, written=1), "roll-back", ())
        assert plan != again


def test_what_a_step_needs_is_held() -> None:
    full = Step("full", "tank/a", "vault/a", "filesystem", "s1", "11")
    small = Step("incremental", "tank/a", "vault/a", "filesystem", "s2", "12", "@s1", "11")
    marked = replace(small, snapshot="s3", guid="13", base="#mark", base_guid="12")
    assert held_by([full, small, marked]) == {"tank/a@s1": "11", "tank/a@s2": "12", "tank/a@s3": "13"}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path) as made:
        yield made


async def recorded(world: World) -> dict[str, bool]:
    """What the store has of the copies below the task's target, by the name below it: true is raw."""
    async with open_store(world.database) as store:
        rows = await store.rows("SELECT target, raw FROM chains")
    return {row["target"].removeprefix("vault/backup/photos"): bool(row["raw"]) for row in rows}


def encrypt(world: World, side: str, top: str) -> None:
    with world.edit(side) as state:
        for name, data in state["datasets"].items():
            if f"{name}/".startswith(f"{top}/"):
                data["props"] |= {"encryptionroot": top, "keystatus": "available"}


async def test_a_tree_that_is_made_anew_encrypted_is_recorded_as_raw_and_goes_on(world: World) -> None:
    world.write("tank/photos/a", 1000)
    assert (await world.run()).state == "succeeded"
    assert await recorded(world) == {"": False, "/a": False}
    with world.edit("near") as state:  # made anew
        for name in ("tank/photos", "tank/photos/a"):
            state["datasets"][name] = {**new_dataset(), "written": 1000}
    encrypt(world, "near", "tank/photos")
    with world.edit("far") as state:  # what `resolve --keep-both` does there
        for name in ("vault/backup/photos", "vault/backup/photos/a"):
            state["datasets"][name.replace("photos", "photos-old", 1)] = state["datasets"].pop(name)
    afresh = await world.run()
    assert afresh.state == "succeeded", afresh.message
    assert await recorded(world) == {"": True, "/a": True}
    encrypt(world, "far", "vault/backup/photos")
    world.write("tank/photos/a", 1000)
    again = await world.run()
    assert again.state == "succeeded", again.message


async def test_a_copy_that_no_run_came_to_read_back_has_its_key_known_once_it_was_found(world: World) -> None:
    encrypt(world, "near", "tank/photos")
    assert (await world.run()).state == "succeeded"
    encrypt(world, "far", "vault/backup/photos")
    for side, name in (("near", "tank/photos"), ("far", "vault/backup/photos")):
        with world.edit(side) as state:
            state["datasets"][name]["props"] |= {"keyformat": "passphrase", "pbkdf2salt": "1", "pbkdf2iters": "9"}
    async with open_store(world.database, write=True) as store, store.transaction() as db:
        await db.execute("UPDATE chains SET key = ''")  # as if the run had ended right before
    assert (await world.run()).state == "nothing-new"
    async with open_store(world.database) as store:
        (row,) = await store.rows("SELECT key FROM chains")
    assert row["key"] == "vault/backup/photos|passphrase|1|9"
    with world.edit("far") as state:
        state["datasets"]["vault/backup/photos"]["props"]["pbkdf2salt"] = "2"
    world.write("tank/photos", 10)
    run = await world.run()
    assert (run.state, run.error_code, run.bytes) == ("failed", "diverged", 0)
    assert "was changed at the target itself" in run.message


async def test_a_run_that_is_killed_in_a_convoy_has_recorded_what_it_began(world: World) -> None:
    world.write("tank/photos/a", 8 * MB)
    run_id, process = await world.start(rate=4 * MB)
    await world.until_sent(run_id, process)
    process.kill()
    await process.wait()
    assert any('"receive-several"' in command for command in world.commands)
    assert await recorded(world) == {"": False, "/a": False}
