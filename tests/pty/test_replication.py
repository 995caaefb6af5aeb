"""The answers of the Replication screen on a real line: keys alone, in ASCII, without a colour, on a slow terminal."""

from __future__ import annotations

import re

import pytest

from tests.pty.conftest import Start

pytestmark = pytest.mark.pty
_LOOK = re.compile(rb"\x1b\[([0-9;]*)m")


@pytest.mark.parametrize("term", ["xterm-256color", "vt220"])
def test_a_diverged_copy_and_who_may_come_in(terminal: Start, term: str) -> None:
    one = terminal(TERM=term, LANG="C", NO_COLOR="1")
    one.until_text("vault")
    one.send(b"2")
    one.until_text("Nothing new")
    one.send(b"m")
    one.until_text("Why nas-b:backup/home cannot go on")
    one.until_text("@mine")
    one.send(b"m")
    one.until_text("which way out?")
    one.send(b"j\r")
    one.until_text("This cannot be undone. To go on, type the name: nas-b:backup/home")
    one.send(b"nas-b:backup/home\r")
    one.until_text("roll-back was read back.")
    one.send(b"A")
    one.until_text("receive into backup and below")
    one.send(b"\x1b")
    one.quiet(0.7)
    one.send(b"v")
    one.until_text("Verify home")
    one.send(b"\x1b")
    one.quiet(0.7)
    assert one.written.isascii()
    looks = {int(code or b"0") for found in _LOOK.findall(one.written) for code in found.split(b";")}
    assert looks
    assert all(code < 30 for code in looks), "no colour"
    one.send(b"q")
    assert one.ended() == 0
