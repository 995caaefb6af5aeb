"""The poller: only what is watched is read; a failure keeps the value; our own errors are told, not swallowed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from dplane_tui.errors import UnreachableError
from dplane_tui.services.poller import Poller


class Told:
    """What the poller said."""

    def __init__(self) -> None:
        self.changed: list[str] = []
        self.crashed: list[BaseException] = []

    async def until(self, seen: Callable[[], bool]) -> None:
        """Wait for `seen`."""
        for _ in range(500):
            if seen():
                return
            await asyncio.sleep(0.01)
        pytest.fail("it never came")


@pytest.fixture
async def told() -> Told:
    return Told()


@pytest.fixture
async def poller(told: Told) -> AsyncIterator[Poller]:
    one = Poller(told.changed.append, told.crashed.append)
    yield one
    await one.close()


async def test_reads_at_once_and_tells_only_changes(poller: Poller, told: Told) -> None:
    reads = 0

    async def read() -> str:
        nonlocal reads
        reads += 1
        return "same" if reads < 4 else "other"

    poller.watch("pools", read, 0.01)
    await told.until(lambda: reads >= 4)
    await told.until(lambda: poller.snapshot("pools").value == "other")
    assert told.changed.count("pools") <= 3  # first value, the other one, and at most one of a slow machine's age


async def test_a_failure_keeps_the_value_and_says_why(poller: Poller, told: Told) -> None:
    failing = False

    async def read() -> int:
        if failing:
            raise UnreachableError("nas-b does not answer.", "Look at the cable.")
        return 7

    poller.watch("pools", read, 0.01)
    await told.until(lambda: poller.snapshot("pools").value == 7)
    failing = True
    await told.until(lambda: poller.snapshot("pools").error != "")
    assert poller.snapshot("pools").value == 7
    assert poller.snapshot("pools").error == "nas-b does not answer. Look at the cable."
    failing = False
    await told.until(lambda: poller.snapshot("pools").error == "")


async def test_an_error_of_ours_is_reported_and_polling_goes_on(poller: Poller, told: Told) -> None:
    reads = 0

    async def read() -> int:
        nonlocal reads
        reads += 1
        if reads == 1:
            raise KeyError("x")
        return reads

    poller.watch("pools", read, 0.01)
    await told.until(lambda: poller.snapshot("pools").value is not None)
    assert [type(error) for error in told.crashed] == [KeyError]


async def test_unwatched_is_not_read_and_close_ends_everything(poller: Poller, told: Told) -> None:
    reads = 0

    async def read() -> int:
        nonlocal reads
        reads += 1
        return reads

    poller.watch("pools", read, 0.01)
    await told.until(lambda: reads > 1)
    poller.unwatch("pools")
    await asyncio.sleep(0)
    there = reads
    await asyncio.sleep(0.1)
    assert reads == there
    assert poller.snapshot("pools").value == there
    poller.forget("pools")
    assert poller.snapshot("pools").value is None
    poller.watch("pools", read, 60)
    await told.until(lambda: reads > there)
    poller.refresh()
    await told.until(lambda: reads > there + 1)
    await poller.close()
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("poll ")]


async def test_a_hanging_read_lets_the_age_be_seen(poller: Poller, told: Told) -> None:
    async def read() -> int:
        await asyncio.Event().wait()
        return 1

    poller.watch("pools", read, 0.01)
    await told.until(lambda: told.changed.count("pools") > 3)
    assert poller.snapshot("pools").value is None
