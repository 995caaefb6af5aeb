"""The thread that writes: the newest first, nothing old, and everything again after a line that stood still."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator

import pytest

from dplane_tui.terminal import output as module
from dplane_tui.terminal.grid import Grid
from dplane_tui.terminal.output import Output

NOWHERE = os.open(os.devnull, os.O_WRONLY)
"""A device without terminal modes; what is written goes to a `Line`."""


class Line:
    """A line that carries what `let` lets through."""

    def __init__(self) -> None:
        self.sent = b""
        self.at_work = threading.Event()
        self._free = threading.Semaphore(0)
        self._open = False
        self.gone = False

    def write(self, _fileno: int, data: bytes) -> int:
        """In place of os.write."""
        self.at_work.set()
        if not self._open:
            self._free.acquire()
        if self.gone:
            raise OSError(5, "Input/output error")
        self.sent += bytes(data)
        return len(data)

    def let(self) -> None:
        """Everything, from now on."""
        self._open = True
        self._free.release()


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    one = Line()
    monkeypatch.setattr(os, "write", one.write)
    yield one
    one.let()


def frame(row: int, text: str) -> str:
    return f"\x1b[{row};1H{text}\x1b[1;1H"


def opened(grid: Grid, pace: int = 0) -> Output:
    return Output(NOWHERE, grid, b"<modes>", lambda: None, first=b"<first>", pace=pace)


def test_what_happens_now_overtakes_what_was_to_be_shown_before(line: Line) -> None:
    output = opened(Grid(80, 24), pace=64)
    assert line.at_work.wait(30)
    output.frame("".join(f"\x1b[{row};1Hold line {row}{'.' * 60}" for row in range(1, 11)) + "\x1b[1;1H")
    output.frame(frame(10, f"new line 10{'.' * 60}"))
    line.let()
    end = time.monotonic() + 30
    while b"old line 9" not in line.sent and time.monotonic() < end:
        time.sleep(0.01)
    assert line.sent.startswith(b"<first><modes>\x1b[m\x1b[2J")
    assert 0 < line.sent.find(b"new line 10") < line.sent.find(b"old line 1.")
    assert b"old line 10" not in line.sent
    output.finish(b"<last>")
    assert line.sent.endswith(b"<last>")


def test_a_thousand_frames_for_a_line_that_stands_still_cost_one(line: Line) -> None:
    grid = Grid(80, 24)
    output = opened(grid)
    assert line.at_work.wait(30)
    for number in range(1000):
        output.frame(frame(1 + number % 24, f"state {number}"))
    line.let()
    output.finish(b"<last>")
    assert len(line.sent) < 24 * 40
    assert b"state 3\x1b" not in line.sent


def test_after_standing_still_the_modes_and_the_whole_screen_go_out_again(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STALLED", 0.01)
    output = opened(Grid(80, 24))
    output.frame(frame(1, "kept"))
    assert line.at_work.wait(30)
    time.sleep(0.05)
    line.let()
    end = time.monotonic() + 30
    while line.sent.count(b"<modes>") < 2 and time.monotonic() < end:
        time.sleep(0.01)
    monkeypatch.setattr(module, "STALLED", 60.0)
    while not line.sent.rpartition(b"<modes>")[2].endswith(b"kept") and time.monotonic() < end:
        time.sleep(0.01)
    assert line.sent.rpartition(b"<modes>")[2].startswith(b"\x1b[m\x1b[2J")
    assert line.sent.endswith(b"kept")
    assert line.sent.count(b"<first>") == 1
    output.finish(b"")


def test_a_line_that_is_gone_is_told_once(line: Line) -> None:
    told: list[int] = []
    output = Output(NOWHERE, Grid(80, 24), b"", lambda: told.append(1))
    assert line.at_work.wait(30)
    line.gone = True
    line.let()
    output.frame(frame(1, "nobody reads this"))
    output.finish(b"<last>")
    assert told == [1]
    assert line.sent == b""
