"""One stream between two real programs, whichever of them ends first."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from dplane_tui.services.replication import stream
from dplane_tui.services.replication.stream import Command, transfer


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
