"""The Start screen on a real line: it is silent while nothing changes, and keys alone lead to a row and back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.pty.conftest import Start

pytestmark = pytest.mark.pty


@pytest.mark.parametrize("term", ["xterm-256color", "linux", "vt220"])
def test_leads_to_the_row_and_back_and_keeps_it(terminal: Start, tmp_path: Path, term: str) -> None:
    one = terminal(PLAY="start", TERM=term)
    one.until_text("Something is wrong. 4 of 6 things need you.")
    one.until_text("SMART of 1 disk is unknown")
    one.send(b"jj\r")
    one.until_text("> docker.service")
    one.send(b"-")
    one.until_text("> bad      services")
    one.send(b"3")
    one.until_text("> web")
    one.send(b"j")
    one.until_text("> job")
    one.send(b"q")
    assert one.ended() == 0
    assert json.loads((tmp_path / "dplane" / "places.json").read_text())["last"][1]["section"] == "docker"
    again = terminal(PLAY="start", TERM=term)
    again.until_text("- goes back to Docker")
    again.send(b"-")
    again.until_text("> job")


def test_nothing_is_written_when_nothing_changes(terminal: Start) -> None:
    one = terminal(PLAY="start")
    one.until_text("SMART of 1 disk is unknown")
    one.quiet()
    assert one.read(16.0) == b""
