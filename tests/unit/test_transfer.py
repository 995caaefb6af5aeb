"""One stream between two real programs, whichever of them ends first."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from dplane_tui import paths
from dplane_tui.services.replication import holds, job, records, stream
from dplane_tui.services.replication.execute import Execution, Outcome
from dplane_tui.services.replication.model import Plan, Step, Task
from dplane_tui.services.replication.stream import Command, Transfer, transfer
from dplane_tui.services.store import open_store


def shell(script: str, first: bytes = b"") -> Command:
    return Command(("sh", "-c", script), first)


async def test_what_is_sent_stands_behind_the_request() -> None:
    done = await transfer(shell("printf stream"), shell("cat", b"request\n"), lambda _count: None)
    assert done.receive_out == b"request\nstream"
    assert (done.count, done.send_status, done.receive_status) == (6, 0, 0)


async def test_a_receiver_that_has_ended_before_its_request_is_told_by_its_status(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start = stream._start

    async def ended(argv: Sequence[str], stdin: int, stdout: int) -> asyncio.subprocess.Process:
        process = await start(argv, stdin, stdout)
        if "refused" in argv[-1]:
            await process.wait()
        return process

    monkeypatch.setattr(stream, "_start", ended)
    done = await transfer(
        shell("printf stream"), shell("echo refused >&2; exit 255", b"request\n"), lambda _count: None
    )
    assert done.receive_status == 255
    assert done.receive_said == "refused\n"
    assert not done.send_failed, "the receiver is the one at fault"


class Deaf:
    """Source and target of a step: one sends without end, the other takes nothing, and calls nothing wrong."""

    name = "nas-b"

    async def keep_base(self, _step: Step) -> None: ...

    async def send(self, _step: Step) -> Command:
        return Command(("yes",))

    async def receive(self, _step: Step) -> Command:
        return Command(("sleep", "600"))

    def lost(self, _done: Transfer) -> None: ...

    def check(self, _step: Step, _done: Transfer) -> None: ...

    async def read(self, *_: object) -> tuple[dict[str, Any], None]:
        return {}, None

    async def creations(self, _snapshots: Sequence[str]) -> dict[str, float]:
        return {}


async def test_a_run_whose_stream_stands_still_ends_as_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a far box does whose pool hangs: the connection holds, and no program says why."""
    monkeypatch.setenv("DPLANE_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("DPLANE_RUN_DIR", str(tmp_path))
    monkeypatch.setattr(stream, "STALL_SECONDS", 0.2)
    monkeypatch.setattr(stream, "_SETTLE_SECONDS", 0.1)
    task = Task("photos", "tank/photos", None, "vault/photos")
    step = Step("full", "tank/photos", "vault/photos", "filesystem", "s1", "77")

    async def work(given: job.Job) -> Outcome:
        deaf: Any = Deaf()
        await Execution(task, deaf, deaf, given.store, given.run.id, given.report)._send_all(
            Plan("photos", steps=(step,)), {}
        )
        return Outcome("succeeded", "It all arrived.")

    async def nothing(*_: object) -> None: ...

    monkeypatch.setattr(job, "_work", lambda _mode: work)
    monkeypatch.setattr(holds, "sweep", nothing)
    async with open_store(paths.current().database, write=True) as store:
        await records.add_task(store, task)
        run = await records.new_run(store, "photos")
    assert await job.run_replication(run.id) == "failed"
    async with open_store(paths.current().database) as store:
        ended = await records.run(store, run.id)
    assert ended.error_code == "stalled"
    assert ended.message.startswith("The stream of tank/photos to nas-b stood still after ")
    assert ended.evidence == ()
