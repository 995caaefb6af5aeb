"""Both sides at once: results of both, or the first failure and nothing left running."""

from __future__ import annotations

import asyncio

import pytest

from dplane_tui.services.replication.atonce import both


async def test_both_go_on_at_the_same_time_and_both_answers_come() -> None:
    met = asyncio.Event()

    async def waits() -> int:
        await met.wait()
        return 1

    async def lets_go() -> str:
        met.set()
        return "x"

    assert await both(waits(), lets_go()) == (1, "x")


@pytest.mark.parametrize("fails_first", [True, False])
async def test_when_one_fails_the_other_is_ended_before_the_failure_is_told(fails_first: bool) -> None:
    ended: list[str] = []

    async def stays() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("it")

    async def fails() -> None:
        await asyncio.sleep(0)
        raise ValueError("why")

    with pytest.raises(ValueError, match="why"):
        await (both(fails(), stays()) if fails_first else both(stays(), fails()))
    assert ended == ["it"]


async def test_who_is_cancelled_leaves_nothing_behind() -> None:
    ended: list[str] = []

    async def stays(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(name)

    work = asyncio.ensure_future(both(stays("a"), stays("b")))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert sorted(ended) == ["a", "b"]
