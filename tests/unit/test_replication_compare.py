"""Comparing what both sides have: by GUID, with what the planner says of it, at any time, at a constant cost."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from dplane_tui.cli.replicate_verify import _bad, describe_comparison
from dplane_tui.services.replication import codec
from dplane_tui.services.replication.chains import Chain, key_of
from dplane_tui.services.replication.compare import Compared, Comparison, compare_sides
from dplane_tui.services.replication.model import Options, Task
from dplane_tui.services.replication.plan import make_plan
from dplane_tui.services.replication.read import Point, Side
from dplane_tui.services.store import open_store

from .replication_world.world import MB, World
from .replication_world.zfs_model import new_dataset
from .test_replication_options import set_options
from .test_replication_plan import TASK, points, side

QUIET = replace(TASK, snapshot=False)


def compared(here: Side, there: Side, task: Task = QUIET) -> Compared:
    [one] = compare_sides(task, here, there).datasets
    return one


def names(seen: Sequence[object]) -> list[str]:
    return [str(getattr(one, "name", "")) for one in seen]


def test_each_state_and_which_of_them_are_good() -> None:
    both = side("tank/photos", points(1, 2))
    for there, state, good in (
        (side("vault/photos", points(1, 2)), "equal", True),
        (side("vault/photos", points(1)), "behind", True),
        ({}, "absent", True),
        (side("vault/photos", (*points(1, 2), Point("mine", "7", 99))), "ahead", False),
        (side("vault/photos", (Point("s1", "7", 9),)), "diverged", False),
        (side("vault/photos"), "diverged", False),
    ):
        found = compare_sides(QUIET, both, there)
        assert found.datasets[0].state == state
        assert found.good is good
        assert (_bad(found) is None) is good
        conflicts = make_plan(QUIET, both, there, None).conflicts
        assert bool(conflicts) is not good, "it says what a run would say"
        assert describe_comparison(found)


def test_who_has_what_by_guid_and_not_by_name() -> None:
    here = side("tank/photos", points(2, 3, 4), points(1))
    there = side("vault/photos", (Point("old", "7", 1), *points(1), Point("renamed", "1002", 30), *points(3)))
    one = compared(here, there)
    assert names(one.only_here) == ["s4"]
    assert names(one.only_there) == ["old", "s1"]
    assert names(one.both) == ["s2", "s3"]
    assert [seen.there for seen in one.both] == ["renamed", ""]
    assert names(one.bookmarks) == ["s1"]
    assert one.state == "behind", "what the target keeps longer stops nobody"


def test_a_bookmark_is_enough_to_go_on_when_the_task_will_take_a_snapshot() -> None:
    here, there = side("tank/photos", (), points(1)), side("vault/photos", points(1))
    assert compared(here, there, TASK).state == "behind"
    assert compared(here, there, QUIET).state in ("diverged", "behind")


def test_what_was_recorded_of_the_copies_counts_as_it_does_in_a_run() -> None:
    """Their kind and their key: neither can be seen in GUIDs."""
    here = side("tank/photos", points(1, 2), encryptionroot="tank/photos", pbkdf2salt="1")
    copy = side("vault/photos", points(1), encryptionroot="vault/photos", pbkdf2salt="1")
    changed = side("vault/photos", points(1), encryptionroot="vault/photos", pbkdf2salt="2")
    below = side("vault/photos", points(1), encryptionroot="vault", pbkdf2salt="9")
    raw = Chain(True, key_of(copy["vault/photos"]))
    for there, chain, task, good in (
        (copy, raw, QUIET, True),
        (changed, raw, QUIET, False),
        (below, Chain(False), replace(QUIET, raw=False), True),
        (below, Chain(False), QUIET, False),
    ):
        known = {"vault/photos": chain}
        found = compare_sides(task, here, there, chains=known)
        assert found.good is good
        assert bool(make_plan(task, here, there, None, None, known).conflicts) is not good, "as a run would say"


def test_times_are_those_of_either_side_and_unknown_is_unknown() -> None:
    here, there = side("tank/photos", points(1, 2)), side("vault/photos", (*points(1), Point("x", "7", 12)))
    found = compare_sides(QUIET, here, there, ({"tank/photos@s2": 5.0}, {"vault/photos@s1": 3.0}))
    [one] = found.datasets
    assert [seen.taken for seen in (*one.both, *one.only_here, *one.only_there)] == [3.0, 5.0, None]
    assert "time unknown" in describe_comparison(found)
    assert codec.decode(Comparison, json.loads(codec.dumps(found))) == found


def test_what_a_peer_answers_is_shown_harmless() -> None:
    there = side("vault/photos", (Point("\x1b[2J", "7", 9),)) | side("vault/photos/\u202egpj")
    found = compare_sides(replace(QUIET, recursive=True), side("tank/photos", points(1)), there)
    shown = describe_comparison(found)
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert found.beside


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path) as made:
        assert (await made.run()).state == "succeeded"
        yield made


async def comparison(world: World) -> Comparison:
    run = await world.run("compare")
    assert run.state == "succeeded", run.message
    return codec.decode(Comparison, json.loads(run.plan))


async def commands(world: World) -> int:
    before = len((world.path / "count").read_text().splitlines())
    await comparison(world)
    return len((world.path / "count").read_text().splitlines()) - before


async def test_over_ssh_with_times_at_a_cost_that_does_not_grow(world: World) -> None:
    few = await commands(world)
    with world.edit("near") as state:
        for number in range(30):
            state["datasets"][f"tank/photos/d{number}"] = new_dataset()
    world.foreign_snapshot("far", "vault/backup/photos", "mine")
    assert await commands(world) == few <= 10
    found = await comparison(world)
    assert len(found.datasets) == 31
    first = found.datasets[0]
    assert (first.state, names(first.only_there)) == ("ahead", ["mine"])
    assert first.both[0].taken
    assert first.only_there[0].taken == 1.0
    await world.make_plain()
    assert (await comparison(world)).datasets[0].state == "ahead"


async def test_the_store_tells_it_what_was_recorded(world: World) -> None:
    assert (await comparison(world)).good
    async with open_store(world.database, write=True) as store, store.transaction() as db:
        await db.execute("UPDATE chains SET raw = 1")
    with world.edit("far") as state:  # as if it were encrypted there
        state["datasets"]["vault/backup/photos"]["props"]["encryptionroot"] = "vault/backup/photos"
    found = await comparison(world)
    assert not found.good
    assert "holds raw copies" in found.datasets[0].text
    world.write("tank/photos", 10)
    assert (await world.run()).error_code == "diverged"


async def test_a_transfer_that_is_at_work_is_not_disturbed(world: World) -> None:
    world.write("tank/photos", 4 * MB)
    await set_options(world, Options(limit="1M"))
    run_id, process = await world.start()
    await world.until_sent(run_id, process)
    assert (await comparison(world)).good
    await set_options(world, Options())
    await process.communicate()
    run = await world.stored(run_id)
    assert run.state == "succeeded", run.message
    assert '"kind":"resume"' not in run.plan
    assert sum("receive" in command for command in world.commands) == 2, "each stream was sent once"
