"""What `zpool iostat` measures: lines of a real pool of OpenZFS 2.3.9, and what happens when it ends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dplane_tui.errors import CommandError, MissingError, RefusedError
from dplane_tui.services.host import Host, Output
from dplane_tui.services.zfs.iostat import Measured, Rates, parse_rates, rates

# zpool iostat -Hplqvy tank 1, on a box of the practice pair; the second with figures of its table without -H
IDLE = "tank\t11948032\t491368448\t0\t0\t0\t0" + "\t-" * 11 + "\t0" * 14
BUSY = (
    "tank\t11948032\t491368448\t0\t89\t1232\t335361\t7477569\t8036545\t7433193\t3642588\t24425\t11689"
    "\t68740\t4707938\t-\t-\t-\t0\t0\t1\t2\t0\t0\t30\t4\t0\t0\t0\t0\t0\t0"
)
DISK = "virtio-nas-b-disk1\t0\t0\t0\t0\t0\t0" + "\t-" * 11 + "\t0" * 14
NOTHING = Rates(0, 0, 0, 0, None, None, 0, 0)


def test_a_line_of_a_real_pool() -> None:
    assert parse_rates(IDLE, "tank") == Measured("", NOTHING)
    busy = Rates(0, 89, 1232, 335361, 0.007477569, 0.008036545, waiting=31, working=6)
    assert parse_rates(BUSY, "tank") == Measured("", busy)
    assert parse_rates(DISK, "tank") == Measured("virtio-nas-b-disk1", NOTHING)


def test_a_disk_that_is_called_as_its_pool_is_no_pool() -> None:
    assert parse_rates(DISK.replace("virtio-nas-b-disk1", "tank"), "tank").device == "tank"


def test_queues_that_are_told_in_another_way_are_unknown() -> None:
    for columns, told in ((29, 0), (31, None), (18, None)):  # 29: OpenZFS 2.1, which tells nothing of rebuilds
        words = ["tank", "1", "1", *["0"] * 4, *["-"] * min(10, columns - 7)]
        line = "\t".join([*words, *["0"] * (columns - len(words))])
        assert parse_rates(line, "tank").rates.waiting == told


@given(st.text())
def test_anything_else_is_a_sentence(line: str) -> None:
    with pytest.raises(CommandError) as raised:
        parse_rates(line + "\x1b", "tank")
    assert "\x1b" not in str(raised.value)


@pytest.mark.parametrize("line", ["", "tank", "tank" + "\t1" * 7, "tank\t1\t1\tx" + "\t1" * 6, "tank" + "\t-" * 9])
def test_less_than_it_needs_is_not_understood(line: str) -> None:
    with pytest.raises(CommandError, match="not understood"):
        parse_rates(line, "tank")


class Measuring:
    """A host on which zpool prints some lines and ends."""

    name, local = "nas-a", True

    def __init__(self, lines: Sequence[str], error: str = "") -> None:
        self._lines, self._error = lines, error
        self.asked: list[list[str]] = []
        self.stopped = 0

    async def open(self, argv: Sequence[str]) -> Measuring:
        self.asked.append(list(argv))
        return self

    async def lines(self) -> AsyncIterator[str]:
        for line in self._lines:
            yield line

    async def wait(self) -> Output:
        return Output(1, b"", self._error.encode())

    async def stop(self) -> None:
        self.stopped += 1


async def test_it_is_measured_at_the_pace_asked_for_and_leaves_no_program() -> None:
    host = Measuring([IDLE, DISK, "", BUSY, DISK])
    async with aclosing(rates(cast(Host, host), "tank", 0.5)) as found:
        seen = [await anext(found) for _ in range(3)]
    assert [(one.device, one.rates.write_ops) for one in seen] == [("", 0), ("virtio-nas-b-disk1", 0), ("", 89)]
    assert host.asked == [["zpool", "iostat", "-Hplqvy", "tank", "2"]]
    assert host.stopped == 1


async def test_a_pool_that_goes_away_is_told() -> None:
    host = Measuring([IDLE], "cannot open 'tank': no such pool")
    with pytest.raises(MissingError, match="no pool tank on nas-a any more"):
        [one async for one in rates(cast(Host, host), "tank", 2)]
    said = Measuring([], "Unable to parse pools/vdevs list.\n\n.Unable to parse pools/vdevs list.\n")  # 2.3.9
    with pytest.raises(MissingError):
        [one async for one in rates(cast(Host, said), "tank", 2)]
    with pytest.raises(CommandError, match="ended with status 1: it is \ufffd broken"):
        [one async for one in rates(cast(Host, Measuring([], "it is \x1b broken")), "tank", 2)]
    assert host.stopped == 1


async def test_a_name_that_is_none_is_never_asked_for() -> None:
    host = Measuring([])
    with pytest.raises(RefusedError):
        [one async for one in rates(cast(Host, host), "-f tank", 2)]
    assert host.asked == []
