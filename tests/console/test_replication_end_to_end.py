"""From keys to two model boxes and back: real processes do the work, and what the far box has is looked at there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dplane_tui.services.host import LocalHost
from dplane_tui.services.replication import codec, divergence
from dplane_tui.services.replication.divergence import Divergence, Resolution
from dplane_tui.services.replication.model import Run
from dplane_tui.services.replication.service import LocalReplication, error_of
from tests.console.conftest import Opener, Seen
from tests.console.fakes import FakeServices
from tests.unit.replication_world.world import World

TARGET = "vault/backup/photos"


class OnWorld(LocalReplication):
    """The store of the model's near box; jobs are its processes."""

    def __init__(self, world: World) -> None:
        super().__init__(LocalHost())
        self.world = world

    async def conflicts(self, name: str) -> tuple[Divergence, ...]:
        return divergence.loads((await self._done("conflicts")).plan)

    async def resolve(self, name: str, wish: Resolution) -> Run:
        return await self._done("resolve", codec.dumps(wish))

    async def _asked(self, name: str, mode: str, request: str = "", patience: float = 300.0) -> Run:
        return await self._done(mode, request)

    async def _done(self, mode: str, request: str = "") -> Run:
        run = await self.world.run(mode, request)
        if run.state != "succeeded":
            raise error_of(run)
        return run


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """A copy that got a snapshot of its own while the source went on."""
    place = tmp_path / "boxes"
    place.mkdir()
    monkeypatch.setenv("DPLANE_STATE_DIR", str(place / "state"))
    monkeypatch.setenv("DPLANE_RUN_DIR", str(place / "run"))
    async with World(place) as made:
        assert (await made.run()).state == "succeeded"
        made.foreign_snapshot("far", TARGET, "mine")
        made.write("tank/photos", 1000)
        assert (await made.run()).error_code == "diverged"
        yield made


def box(world: World) -> FakeServices:
    """Everything made up but the replication."""
    services = FakeServices()
    services.__dict__["replication"] = OnWorld(world)
    return services


async def patiently(seen: Seen, text: str) -> None:
    """Wait for what processes have to do first."""
    for _ in range(20):
        if text in seen.said:
            return
        await seen.pilot.pause(1.0)
    pytest.fail(f"never came:\n{seen.text}")


async def to_the_ways(seen: Seen) -> None:
    """From a diverged task to the list of its ways out, by the keys that its last run names."""
    await seen.until_text("photos")
    await seen.press("enter")
    await patiently(seen, "helps m ways out y dry run")
    await seen.press("m")
    await patiently(seen, f"Why vault-box:{TARGET} cannot go on")
    assert "@mine" in seen.text
    await seen.press("m")
    await seen.until_text("which way out?")


async def test_a_diverged_copy_is_kept_and_sent_afresh(console: Opener, world: World) -> None:
    before = world.datasets("far")[TARGET]["guid"]
    async with console(box(world), section="replication") as seen:
        await to_the_ways(seen)
        await seen.press("enter")
        await seen.until_text("Nothing is destroyed.")
        await seen.type(f"vault-box:{TARGET}")
        await seen.press("enter")
        await patiently(seen, "the target was read and lists it there with the same GUID")
    (kept,) = [name for name in world.datasets("far") if name.startswith(f"{TARGET}-kept-")]
    assert world.datasets("far")[kept]["guid"] == before
    assert TARGET not in world.datasets("far")
    assert (await world.run()).state == "succeeded"


async def test_what_changed_after_it_was_shown_is_refused(console: Opener, world: World) -> None:
    world.rights = ["--may-rollback", "yes"]
    async with console(box(world), section="replication") as seen:
        await to_the_ways(seen)
        await seen.press("down", "enter")
        await seen.until_text("This cannot be undone.")
        assert f"  {TARGET}@mine" in seen.text
        world.foreign_snapshot("far", TARGET, "mine too")
        await seen.type(f"vault-box:{TARGET}")
        await seen.press("enter")
        await patiently(seen, "is not what was shown, so nothing was done.")
    assert [name for name, _ in world.points("far", TARGET)][-2:] == ["mine", "mine too"]


async def test_both_sides_are_compared(console: Opener, world: World) -> None:
    async with console(box(world), section="replication") as seen:
        await seen.until_text("photos")
        await seen.press("c")
        await patiently(seen, "1 dataset: 1 AHEAD.")
        assert "only at the target @mine" in seen.said
