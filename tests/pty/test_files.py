"""The Files screen in a real terminal: a deleted file found by keys, looked at, and brought back."""

from __future__ import annotations

import os

import pytest

from tests.pty.conftest import Start

pytestmark = [pytest.mark.pty, pytest.mark.root, pytest.mark.skipif(os.getuid() != 0, reason="mounts file systems")]
PLAY = ("-m", "tests.console.play_files")


def test_a_deleted_file_is_found_and_brought_back(terminal: Start) -> None:
    one = terminal(*PLAY)
    one.until_text("vault")
    one.send(b"F")
    one.until_text("No dataset is chosen")
    one.send(b"d")
    one.until_text("Whose files?")
    one.send(b"\r")
    one.until_text("─ tank/a:/ (now)")
    one.send(b"[")
    one.until_text("─ tank/a@hourly-2:/")
    one.send(b"\r")
    one.until_text("letter")
    one.send(b"v")
    one.until_text("Versions of docs/letter")
    one.send(b"G\r")
    one.until_text("two")
    one.send(b"q")
    one.until(lambda: "Close" not in one.text, "the end of the text")
    one.send(b"b")
    one.until_text("nothing is there now")
    one.send(b"\r")
    one.until_text("Bring back letter?")
    one.send(b"\t")
    one.until_text(">[ Restore ]")
    one.send(b"\r")
    one.until_text("docs/letter was restored")
    assert b"evil" not in one.written
    one.send(b"q")
    assert one.ended() == 0
    assert "['letter']" in one.text


def test_it_survives_a_small_window_and_one_that_grows_again(terminal: Start) -> None:
    one = terminal(*PLAY, size=(40, 10))
    one.until_text("too small")
    one.send(b"F")
    one.quiet()
    one.resize(80, 24)
    one.until_text("vault")
    assert "No dataset is chosen" not in one.text, "a window too small takes no such key"
    one.send(b"F")
    one.until_text("No dataset is chosen")
    one.send(b"q")
    assert one.ended() == 0
