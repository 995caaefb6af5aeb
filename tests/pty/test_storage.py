"""Datasets and snapshots on a real line: keys alone, no passphrase among the bytes, hostile names made harmless."""

from __future__ import annotations

import pytest

from tests.pty.conftest import Start

pytestmark = pytest.mark.pty
SECRET = b"correct horse"


@pytest.mark.parametrize("term", ["xterm-256color", "vt220"])
def test_unlock_mark_compare_and_no_byte_of_the_passphrase(terminal: Start, term: str) -> None:
    one = terminal(TERM=term)
    one.until_text("vault")
    one.send(b"5")
    one.until_text("E unlocks")
    one.send(b"E")
    one.until_text("Unlock tank/safe")
    one.send(SECRET + b"\r")
    one.until_text("tank/safe is unlocked; 2 mounted.")
    assert SECRET not in one.written
    assert SECRET.split()[1] not in one.written
    one.send(b"6")
    one.until_text("tank/home@daily-3")
    one.send(b"m")
    one.until_text("Marked tank/home@daily-3")
    one.send(b"jf")
    one.until_text("that is all")
    assert b"evil\x1b[2J" not in one.written
    one.send(b"q")
    one.until_text("Snapshots of all datasets")
    one.send(b"q")
    assert one.ended() == 0
