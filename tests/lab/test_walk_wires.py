"""The foundation's walk where a person stands before the box: on its serial line at vt220, and on its own screen.

With DPLANE_PICTURES naming a folder, what is seen on the way is kept there as pictures (docs/images is made so).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import walk
from tests.lab.conftest import PracticePair
from tests.lab.wires import OwnScreen, SerialWire, Wire

pytestmark = [pytest.mark.lab, pytest.mark.long]


class AtTheBox(walk.Keys):
    """A console that runs in the box, started from the shell that a login gave."""

    terminal: Wire

    def __init__(self, wire: Wire, name: str) -> None:
        self.terminal, self._name = wire, name
        wire.log_in("owner", "practice")
        self.open()

    def open(self) -> None:
        self.terminal.send(b"clear; dplane; echo ended $?\r")

    def leave(self) -> None:
        self.press("q")
        self.terminal.until(lambda: "ended " in self.terminal.text and self.terminal.at_prompt(), "the end")
        assert "ended 0" in self.terminal.text

    def keep(self, what: str) -> None:
        """Keep the screen as a picture, where pictures are wanted."""
        if folder := os.environ.get("DPLANE_PICTURES"):
            self.terminal.picture(Path(folder) / f"{self._name}-{what}")


@pytest.fixture
def serial(fresh_pair: PracticePair) -> Iterator[AtTheBox]:
    """The serial line of nas-a."""
    wire = SerialWire(fresh_pair.nas_a)
    yield AtTheBox(wire, "serial")
    wire.close()


@pytest.fixture
def screen(fresh_pair: PracticePair) -> AtTheBox:
    """The screen of nas-a."""
    return AtTheBox(OwnScreen(fresh_pair.nas_a), "screen")


def look_around(keys: AtTheBox) -> None:
    """Health and the containers, after the walk; each says what it read."""
    keys.open()
    keys.see("nas-a: ")
    keys.keep("start")
    keys.press("4")
    keys.see("[disks]")
    keys.keep("health")
    keys.press("3")
    keys.see("Containers of Docker")
    keys.keep("docker")
    keys.press("2")
    keys.see("data is in time")
    keys.keep("replication")
    keys.press("1")
    keys.see("> tank")
    keys.keep("pools")
    keys.leave()


def test_over_the_serial_line(serial: AtTheBox, fresh_pair: PracticePair) -> None:
    walk.whole(serial, fresh_pair)
    look_around(serial)
    written = serial.terminal.written  # type: ignore[attr-defined]
    for sent in (rb"\x1b\[\?1049", rb"\x1b\[\?100", rb"\x1b\]", rb"\x1bP", rb"\x1b\[[0-9;]*[34]8;[25];[0-9;]*m"):
        found = re.search(sent, written)
        assert not found, f"a vt220 knows no alternate screen, mouse, titles or palette: {found}"
    assert max(written) < 0x80, "nothing but ASCII on a line whose locale nobody knows"


def test_on_the_screen_of_the_box(screen: AtTheBox, fresh_pair: PracticePair) -> None:
    walk.whole(screen, fresh_pair)
    look_around(screen)
