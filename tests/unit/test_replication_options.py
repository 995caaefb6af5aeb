"""A task's options: what is typed is what is stored, told to a far box, and followed."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dplane_tui.cli import task_options
from dplane_tui.errors import RefusedError, UsageError
from dplane_tui.services.replication import pace, rates, records
from dplane_tui.services.replication.model import Options, Task
from dplane_tui.services.replication.options import change, check, words
from dplane_tui.services.replication.plan import make_plan, members
from dplane_tui.services.replication.read import Dataset, Point
from dplane_tui.services.replication.source import refuse_too_many
from dplane_tui.services.store import open_store
from privhelper.kinds import DATASETS_LIMIT

from .replication_world.world import MB, World
from .replication_world.zfs_model import new_dataset
from .test_replication_plan import PLAIN, TASK, points, side

M = 1024 * 1024


@pytest.mark.parametrize(
    ("text", "minute", "rate"),
    [
        ("", 0, None),
        ("full", 0, None),
        ("0", 0, 0.0),
        ("2M", 700, 2 * M),
        ("1.5M/s", 700, 1.5 * M),
        ("500KiB", 1, 500 * 1024),
        ("08:00-18:00=1M", 8 * 60, M),
        ("08:00-18:00=1M", 18 * 60, None),
        ("08:00-18:00=1M 4M", 18 * 60, 4 * M),
        ("22:00-06:00=full 1M", 23 * 60, None),
        ("22:00-06:00=full 1M", 5 * 60 + 59, None),
        ("22:00-06:00=full 1M", 6 * 60, M),
        ("00:00-24:00=3M", 0, 3 * M),
    ],
)
def test_a_rate_by_the_time_of_day(text: str, minute: int, rate: float | None) -> None:
    assert rates.parse(text).at(minute) == rate


@pytest.mark.parametrize(
    "text", ["fast", "-1M", "1M 2M", "25:00-26:00=1M", "08:00-18:61=1M", "8-18=1M", "=1M", "3", "1T"]
)
def test_a_rate_that_makes_no_sense_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(UsageError) as told:
        rates.parse(text)
    assert told.value.message.endswith(".")


sound = st.builds(
    Options,
    include=st.lists(st.sampled_from(["a", "*/b", "-x", "c d"]), max_size=2).map(tuple),
    exclude=st.lists(st.sampled_from(["cache", "*", "--yes"]), max_size=2).map(tuple),
    initial=st.sampled_from(["all", "newest"]),
    intermediates=st.booleans(),
    limit=st.sampled_from(["", "2M", "08:00-18:00=1M full"]),
    keep_source=st.sampled_from(["", "hourly=24,daily=30", "1x1h(keep=all) | 24x1h"]),
    keep_target=st.sampled_from(["", "10,1d1w"]),
    backlog=st.sampled_from([1, 500, 100_000]),
    window=st.sampled_from(["", "22:00-06:00"]),
)


@pytest.mark.parametrize(
    ("given_words", "said"),
    [
        (["--keep-source", "hourly=0"], "keeps no snapshot at all"),
        (["--keep-source", "fortnightly=3"], "fortnightly"),
        (["--keep-target", "24x"], "24x"),
        (["--keep-target", "1d,\x1b[2J"], "1d"),
        (["--backlog", "0"], "from 1 to 100000"),
        (["--backlog", "100001"], "from 1 to 100000"),
        (["--backlog", "many"], "“many”"),
        (["--backlog", "-5"], "“-5”"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused_before_it_is_stored(given_words: list[str], said: str) -> None:
    parser = argparse.ArgumentParser()
    task_options.add_flags(parser)
    with pytest.raises(UsageError) as told:
        task_options.options_of(parser.parse_args([given_words[0] + "=" + given_words[1]]))
    assert said in told.value.message
    assert told.value.message.isprintable()
    assert told.value.message.endswith(".")


@given(sound, sound)
def test_what_a_far_box_is_told_makes_the_same_options_there(before: Options, after: Options) -> None:
    parser = argparse.ArgumentParser()
    task_options.add_flags(parser)
    assert task_options.options_of(parser.parse_args(words(after))) == after
    assert change(before, task_options.given(parser.parse_args(words(after, before)))) == after


@pytest.mark.parametrize(
    "options",
    [
        Options(include=("/a",)),
        Options(exclude=("a\x1b[2J",)),
        Options(initial="none"),
        Options(limit="quick"),
        Options(window="night"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: Options) -> None:
    with pytest.raises(UsageError):
        check(options)


def tree(*names: str) -> dict[str, Dataset]:
    return {name: Dataset(name, PLAIN, points(1)) for name in names}


@pytest.mark.parametrize(
    ("include", "exclude", "left"),
    [
        ((), (), ["t", "t/a", "t/a/b", "t/a/b/c", "t/d"]),
        ((), ("a",), ["t", "t/d"]),
        ((), ("a/b",), ["t", "t/a", "t/d"]),
        ((), ("*/b",), ["t", "t/a", "t/d"]),
        (("a/b",), (), ["t", "t/a", "t/a/b", "t/a/b/c"]),
        (("d",), (), ["t", "t/d"]),
        (("a",), ("a/b/c",), ["t", "t/a", "t/a/b"]),
        ((), ("*",), ["t"]),
    ],
)
def test_what_is_included_brings_its_parents_and_what_is_excluded_takes_all_below_it(
    include: tuple[str, ...], exclude: tuple[str, ...], left: list[str]
) -> None:
    task = replace(TASK, source="t", recursive=True, options=Options(include=include, exclude=exclude))
    assert members(task, tree("t", "t/a", "t/a/b", "t/a/b/c", "t/d")) == left
    assert members(replace(task, recursive=False), tree("t")) == ["t"]


def test_only_the_newest_when_the_task_wants_no_more() -> None:
    source = side("tank/photos", points(1, 2, 3))
    newest = replace(TASK, options=Options(initial="newest"))
    assert [(step.snapshot, step.base) for step in make_plan(newest, source, {}, None).steps] == [("s3", None)]
    target = side("vault/photos", points(1))
    lean = replace(TASK, options=Options(intermediates=False))
    (step,) = make_plan(lean, source, target, None).steps
    assert (step.snapshot, step.base, step.intermediates) == ("s3", "@s1", False)
    marked = side("tank/photos", points(2, 3), (Point("m1", "1001", 10),))
    (step,) = make_plan(lean, marked, target, None).steps
    assert (step.snapshot, step.base) == ("s3", "#m1")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path) as made:
        yield made


async def set_options(world: World, options: Options) -> Task:
    async with open_store(world.database, write=True) as store:
        await records.set_options(store, "photos", options)
        return await records.task(store, "photos")


async def test_what_is_left_out_is_neither_snapshotted_nor_sent(world: World) -> None:
    for name in ("albums", "cache", "cache/thumbs"):
        world.write(f"tank/photos/{name}", 1000)
    task = await set_options(world, Options(exclude=("cache",)))
    assert task.options.exclude == ("cache",)
    run = await world.run()
    assert run.state == "succeeded", run.message
    assert {proof.dataset for proof in run.evidence} == {"tank/photos", "tank/photos/albums"}
    assert world.points("near", "tank/photos/cache") == [] == world.points("near", "tank/photos/cache/thumbs")
    assert (
        len({name for name, _ in world.points("near", "tank/photos/albums") + world.points("near", "tank/photos")}) == 1
    )
    world.write("tank/photos/cache", 1000)
    assert (await world.run()).state == "nothing-new", "what is left out starts no run either"


@pytest.mark.parametrize("mode", ["plan", "run"])
async def test_more_than_one_transaction_can_name_is_refused_before_anything_is_taken(world: World, mode: str) -> None:
    with world.edit("near") as state:
        for number in range(DATASETS_LIMIT + 2):
            state["datasets"][f"tank/photos/{number:03}"] = new_dataset()
    await set_options(world, Options(exclude=("000",)))
    run = await world.run(mode)
    assert (run.state, run.error_code) == ("failed", "refused"), run.message
    assert "leaves datasets out" in run.message
    assert f"name the {DATASETS_LIMIT + 2} others" in run.message
    assert "--no-snapshot" in run.message
    assert not any(data["snaps"] for data in world.datasets("near").values())


@pytest.mark.parametrize(("count", "length", "fits"), [(501, 40, True), (502, 40, False), (400, 200, False)])
def test_how_many_names_fit_into_one_transaction(count: int, length: int, fits: bool) -> None:
    names = [f"tank/{number:0{length - 5}}" for number in range(count)]
    with contextlib.nullcontext() if fits else pytest.raises(RefusedError):
        refuse_too_many(TASK, names, DATASETS_LIMIT + 1)


async def test_a_task_made_recursive_copies_what_is_below_and_made_shallow_leaves_those_copies(world: World) -> None:
    world.write("tank/photos/albums", 1000)
    async with open_store(world.database, write=True) as store:
        await records.set_options(store, "photos", Options(), recursive=False)
    assert {proof.dataset for proof in (await world.run()).evidence} == {"tank/photos"}
    async with open_store(world.database, write=True) as store:
        await records.set_options(store, "photos", Options(), recursive=True)
    run = await world.run()
    assert (run.state, {proof.dataset for proof in run.evidence if proof.proven}) == (
        *("succeeded", {"tank/photos", "tank/photos/albums"}),
    )
    copied = world.points("far", "vault/backup/photos/albums")
    assert copied[-1] == world.points("near", "tank/photos/albums")[-1]
    async with open_store(world.database, write=True) as store:
        await records.set_options(store, "photos", Options(), recursive=False)
        assert (await records.task(store, "photos")).recursive is False
        await records.set_options(store, "photos", Options(limit="1G"))
        assert (await records.task(store, "photos")).recursive is False, "not given is not changed"
    world.write("tank/photos", 1000)
    world.write("tank/photos/albums", 1000)
    run = await world.run()
    assert (run.state, {proof.dataset for proof in run.evidence}) == ("succeeded", {"tank/photos"})
    assert world.points("far", "vault/backup/photos/albums") == copied


async def test_a_dataset_that_fails_is_left_behind_with_all_below_it_and_the_others_arrive(world: World) -> None:
    for name in ("a", "a/deep", "b"):
        world.write(f"tank/photos/{name}", 1000)
    assert (await world.run()).state == "succeeded"
    world.foreign_snapshot("far", "vault/backup/photos/a", "mine")
    for name in ("", "/a", "/a/deep", "/b"):
        world.write(f"tank/photos{name}", 1000)
    run = await world.run()
    assert (run.state, run.error_code) == ("failed", "diverged")
    assert "1 of 4 datasets" in run.message
    assert "@mine" in run.message
    assert {proof.dataset for proof in run.evidence if proof.proven} == {"tank/photos", "tank/photos/b"}
    for name in ("", "/b"):
        assert world.points("far", f"vault/backup/photos{name}")[-1] == world.points("near", f"tank/photos{name}")[-1]


async def test_a_pause_holds_a_running_transfer_and_what_follows_lets_it_go_on(
    world: World,
) -> None:
    world.write("tank/photos", 8 * MB)
    await set_options(world, Options(limit="200K"))
    run_id, process = await world.start()
    job = world.path / "run" / "jobs" / f"{run_id}.json"

    async def until(stage: str, count: int) -> int:
        while True:
            progress = json.loads(job.read_text()) if job.exists() else {}
            done = int(progress.get("bytes_done") or 0)
            if progress.get("stage", "").startswith(stage) and done >= count:
                return done
            assert process.returncode is None, await process.communicate()
            await asyncio.sleep(0.05)

    await until("sending", 1)
    await set_options(world, Options(limit="200K", paused=True))
    held = await until(pace.HELD, 1)
    assert held < 8 * MB
    await set_options(world, Options())
    await process.wait()
    run = await world.stored(run_id)
    assert run.state == "succeeded", run.message
    assert run.bytes > 8 * MB
