"""A run pings where its task is followed: that it began, and how it ended.

A real store and server; what a child would do is done in this process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from dplane_tui import paths
from dplane_tui.cli import main
from dplane_tui.errors import CommandError
from dplane_tui.services.host import LocalHost
from dplane_tui.services.notify import hook
from dplane_tui.services.replication import holds, job, records
from dplane_tui.services.replication.execute import Outcome
from dplane_tui.services.replication.job import Job, run_replication
from dplane_tui.services.replication.model import Task
from dplane_tui.services.store import open_store

from .notify_servers import web

TASK = Task("photos", "tank/photos", None, "vault/photos")
CHANNELS = """
[channel.photos]
kind = "ping"
url = "{url}/photos"
task = "photos"

[channel.others]
kind = "ping"
url = "{url}/others"
task = "others"

[channel.box]
kind = "ping"
url = "{url}/box"

[channel.home]
kind = "webhook"
url = "{url}/home"
events = ["failed"]
"""


async def good(_job: Job) -> Outcome:
    return Outcome("succeeded", "All of it arrived.")


async def nothing_new(_job: Job) -> Outcome:
    return Outcome("nothing-new", "There is nothing new.")


async def bad(_job: Job) -> Outcome:
    raise CommandError("The attic refused.")


async def stopped(_job: Job) -> Outcome:
    raise asyncio.CancelledError


class Ended:
    """A child that did its work."""

    returncode = 0

    async def wait(self) -> int:
        return 0


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a child would tell is told in this process, before the job goes on."""
    for name in ("STATE", "RUN", "CONFIG"):
        monkeypatch.setenv(f"DPLANE_{name}_DIR", str(tmp_path / name))
        (tmp_path / name).mkdir()

    execute = asyncio.create_subprocess_exec

    async def child(*argv: str, **more: Any) -> Any:
        if "dplane_tui" not in argv:
            return await execute(*argv, **more)
        args = main.build_parser(["notify"]).parse_args(argv[argv.index("dplane_tui") + 1 :])
        await args.handler(LocalHost(), args)
        return Ended()

    async def nothing(*_: object) -> None:
        pass

    monkeypatch.setattr(asyncio, "create_subprocess_exec", child)
    monkeypatch.setattr(holds, "sweep", nothing)


@pytest.mark.parametrize(
    ("work", "mode", "told"),
    [
        (good, "run", ["/photos/start", "/photos"]),
        (nothing_new, "run", ["/photos/start", "/photos"]),
        (bad, "run", ["/home", "/photos/fail", "/photos/start"]),
        (stopped, "run", ["/photos/start", "/photos/log"]),
        (stopped, "verify", []),
        (good, "verify", []),
        (bad, "verify", ["/home"]),
        (bad, "plan", []),
    ],
)
async def test_who_follows_a_task_is_told_that_a_run_began_and_how_it_ended(
    inside: None,
    monkeypatch: pytest.MonkeyPatch,
    work: Callable[[Job], Awaitable[Outcome]],
    mode: str,
    told: list[str],
) -> None:
    monkeypatch.setattr(job, "_work", lambda _mode: work)
    async with open_store(paths.current().database, write=True) as store:
        await records.add_task(store, TASK)
        run = await records.new_run(store, "photos", mode)
    with web() as server:
        paths.notify_config().write_text(CHANNELS.format(url=server.url))
        await run_replication(run.id)
        heard = [one.path for one in server.requests]
    assert (heard[:1] == ["/photos/start"]) is (mode == "run"), "first of all that it began"
    assert heard[-1:] != ["/photos/start"]
    assert sorted(heard) == sorted(told)
    if told and mode == "run":
        ended = next(one for one in server.requests if one.path.startswith("/photos") and "start" not in one.path)
        assert run.id.encode() in ended.body


@pytest.mark.parametrize(("state", "seconds"), [("cancelled", [10.0, 10.0]), ("succeeded", [90.0, 90.0])])
async def test_who_stops_a_run_does_not_wait_long(
    monkeypatch: pytest.MonkeyPatch, state: str, seconds: list[float]
) -> None:
    waited: list[float] = []

    async def wait(_child: object, limit: float = hook._SECONDS) -> None:
        waited.append(limit)

    async def child(*_: str) -> Ended:
        return Ended()

    telling = hook.Telling("r", wanted=True, pinged=True)
    monkeypatch.setattr(telling, "_wait", wait)
    monkeypatch.setattr(telling, "_child", child)
    await telling.end(state)
    assert waited == seconds
