"""The first box is lost with all that it knew: another one in its place brings the copies home and goes on with them.

What docs/replication.md says to do, step by step, on the models of both boxes.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dplane_tui.cli.peer_adopt import tell
from dplane_tui.services.replication import codec, records
from dplane_tui.services.replication.adopt import Adoption
from dplane_tui.services.replication.model import Copies, Restore

from .replication_world.world import World

HOME, CHILD = "tank/photos", "tank/photos/2026"
COPY = "vault/backup/photos"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A new box of another name, with an empty pool and an empty store; the far box has the copies of the old one."""
    async with World(tmp_path) as made:
        made.write(CHILD, 10_000)
        with made.edit("near") as state:
            state["datasets"][HOME]["props"].update({"compression": "zstd", "mountpoint": "/srv/photos"})
            state["datasets"][CHILD]["props"].update({"mountpoint": "/srv/2026"})
        assert (await made.run()).state == "succeeded"
        with made.edit("near") as state:
            for name in (HOME, CHILD):
                del state["datasets"][name]
        shutil.rmtree(made.path / "state")
        (made.path / "state").mkdir()
        made.called, made.root, made.rights = "new-box", "vault/backup", ["--may-read", "vault/backup"]
        await made._pair()  # with a key of its own, and a task as the old box had one
        yield made


async def test_a_new_box_that_may_read_there_brings_the_copies_home(world: World) -> None:
    listed = codec.decode(Copies, json.loads((await world.run("compare", records.COPIES)).plan)).copies
    assert {one.dataset for one in listed} == {"", "2026"}
    assert {one.proven for one in listed} == {None}, "no run of this box has seen them"
    with world.edit("near") as state:
        state["datasets"]["tank"]["props"].update({"sharesmb": "on", "mounted": "yes"})
    run = await world.run("restore", codec.dumps(Restore(HOME, recursive=True)))
    assert run.state == "succeeded", run.message
    for name, copy in ((HOME, COPY), (CHILD, f"{COPY}/2026")):
        assert world.points("near", name) == world.points("far", copy)
        assert world.points("near", name)
    props = world.datasets("near")[HOME]["props"]
    assert (props["compression"], props["mountpoint"], props["readonly"]) == ("zstd", "/srv/photos", "off")
    assert "mounted" not in props, "a share of the new box is no share that it had"
    assert f"{HOME} would be in “sharesmb=on”, no such share is noted: " in run.message
    assert "with all that is mounted in it" not in run.message, "its own place is back, and is outside of that folder"
    assert f"{CHILD}: mountpoint=/srv/2026 (this box never sent it; set it by hand)" in run.message


async def test_without_the_right_to_read_the_new_box_gets_nothing_of_the_old_one_s(world: World) -> None:
    world.rights = []
    run = await world.run("restore", codec.dumps(Restore(HOME, recursive=True)))
    assert run.state == "failed"
    assert HOME not in world.datasets("near")


async def test_the_copies_are_gone_on_with_once_they_are_marked_as_the_new_box_s(world: World) -> None:
    assert (await world.run("restore", codec.dumps(Restore(HOME, recursive=True)))).state == "succeeded"
    world.write(HOME, 1000)
    world.write(CHILD, 1000)
    before = world.points("far", COPY)
    assert (await world.run()).state == "failed", "they are the old box's until an administrator there says otherwise"
    assert world.points("far", COPY) == before
    with world.edit("far") as state:
        for name in (COPY, f"{COPY}/2026"):
            state["datasets"][name]["props"]["dplane:peer"] = "new-box"
    run = await world.run()
    assert run.state == "succeeded", run.message
    assert {proof.dataset for proof in run.evidence if proof.base and proof.proven} == {HOME, CHILD}
    assert world.points("far", COPY)[: len(before)] == before, "nothing of the old copy was sent again"


def test_who_would_adopt_another_box_s_copy_is_told_how_it_is_given_away() -> None:
    said = tell(Adoption("new-box", COPY, "7", snapshots=3, newest="dplane-1", owner="near-box"))
    assert f"{COPY} belongs to the peer near-box: that is refused." in said
    assert f"`dplane peer adopt new-box {COPY} --from near-box`" in said
    assert "that is refused" not in tell(Adoption("new-box", COPY, "7", owner="new-box"))
