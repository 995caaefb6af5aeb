"""A serial line: only what a vt220 knows, few bytes, its size asked, and what a bad cable sends does nothing."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.pty.conftest import Start, Terminal
from tests.pty.vt220 import unknown

pytestmark = pytest.mark.pty
SEED = 20261126
SESSION = (
    (b"\tjkt", "tank/home"),
    (b"2", "backup/home"),
    (b"\r", "home"),
    (b"\x1b", "tasks"),
    (b"3", "web"),
    (b"4", "What to know"),
    (b"?", "Keys that work here"),
    (b"\x1b", "-Keys that work here"),
    (b":", "What to do, where to go?"),
    (b"\x1b", "-What to do, where to go?"),
    (b"1n", "New pool"),
    (b"\x1b", "-New pool"),
    (b"/va", "/va"),
    (b"\x1b", "-/va"),
    (b"\x0c", "vault"),
)


def opened(terminal: Start, **env: str) -> Terminal:
    """The console on a vt220."""
    one = terminal(TERM="vt220", LANG="C", **env)
    one.until_text("vault")
    one.quiet(0.7)
    return one


def cost(one: Terminal, keys: bytes) -> int:
    """Bytes that follow `keys`."""
    one.send(keys)
    got = len(one.read(3.0))
    while more := len(one.read(0.7)):
        got += more
    return got


def test_the_reader_of_vt220_knows_junk() -> None:
    assert unknown(b"\x1b[1;7mok\x1b[m\x1b[2J\x1b[K\x1b[3;4H\x1b[?25l\r\n") == []
    for junk in (
        b"\x1b[38;5;1m",
        b"\x1b[?1049h",
        b"\x1b[>0q",
        b"\x1b]0;x\x07",
        b"\x9b1m",
        b"\xe2\x94\x80",
        b"\x1b[2 q",
    ):
        assert unknown(b"a" + junk), junk


def test_a_whole_session_has_nothing_a_vt220_does_not_know(terminal: Start) -> None:
    one = opened(terminal)
    for keys, seen in SESSION:
        one.send(keys)
        one.until(lambda seen=seen: (seen.lstrip("-") in one.text) != seen.startswith("-"), seen)  # type: ignore[misc]
    one.quiet(0.7)
    one.send(b"q")
    assert one.ended() == 0
    assert unknown(one.written) == []


def test_few_bytes(terminal: Start) -> None:
    one = opened(terminal)
    assert len(one.written) <= 3000, "the first paint"
    assert cost(one, b"\t") <= 100, "to the other list"
    assert 0 < cost(one, b"j") <= 60, "the cursor"
    assert 0 < cost(one, b"2") <= 5760, "half a second of 115200"
    assert 0 < cost(one, b"4") <= 5760


def test_one_changed_row_is_few_bytes(terminal: Start) -> None:
    one = opened(terminal, PLAY_MOVES="1")
    assert 0 < cost(one, b"r") <= 150
    one.send(b"q")
    assert one.ended() == 0


def test_the_size_is_asked_where_the_kernel_knows_none(terminal: Start) -> None:
    one = terminal(TERM="vt220", size=(100, 30), answers=True)
    one.until_text("vault")
    one.quiet(0.7)
    assert one.asked == 1
    assert one.screen.display[29].startswith(" Enter")
    assert "vault" in one.text
    assert len(one.screen.display[1].rstrip()) == 100
    assert unknown(one.written) == []


def test_a_terminal_that_does_not_answer_is_24_lines_of_80(terminal: Start) -> None:
    one = terminal(TERM="vt220", answers=True)
    one.answers = False
    one.until_text("vault")
    one.quiet(0.7)
    assert one.written.count(b"\x1b[6n") == 1
    assert one.screen.display[23].startswith(" Enter")


def test_a_size_that_was_given_is_not_asked(terminal: Start) -> None:
    one = terminal(TERM="vt220", size=(132, 30), answers=True, PLAY_SIZE="90x20")
    one.until_text("vault")
    one.quiet(0.7)
    assert one.asked == 0
    assert one.screen.display[19].startswith(" Enter")


def test_an_answer_nobody_asked_for_is_noise(terminal: Start) -> None:
    one = opened(terminal)
    one.send(b"\x1b[10;40R\x1b[48;5;20;50;100t\x1b[<0;3;3M\x1b[M !!\x1b[I\x1b[O\x1b[?2026;1$y")
    one.quiet(0.7)
    assert one.screen.display[23].startswith(" Enter")
    assert one.written.count(b"\x1b[2J") == 1


def test_redraw_mends_what_noise_drew(terminal: Start) -> None:
    one = opened(terminal)
    before = one.text
    one.stream.feed(b"\x1b[5;5H#### noise ####\x1b[7m\x1b[?25h\r\n\n\n")
    assert one.text != before
    one.send(b"\x0c")
    one.until(lambda: one.text == before, "the screen as it was")
    assert one.screen.cursor.hidden


def test_random_bytes_neither_end_it_nor_act(terminal: Start, tmp_path: Path) -> None:
    noise = random.Random(SEED)  # noqa: S311 - the same noise each time
    one = opened(terminal, PLAY_CALLS=str(tmp_path / "calls"))
    for _ in range(60):
        # As a burst comes from a line at another speed: letters in it, but never letters alone.
        burst = bytearray(noise.randbytes(noise.randrange(40, 400)))
        burst[0] = 0xFF
        one.send(bytes(burst))
        one.read(0.05)
    one.quiet(1.0)
    one.send(b"\x11")
    one.quiet(0.7)
    one.send(b"2")
    one.until_text("backup/home")
    one.send(b"q")
    assert one.ended() == 0
    assert (tmp_path / "calls").read_text() == ""


def test_an_xoff_that_was_noise_does_not_stop_whoever_types(terminal: Start) -> None:
    one = opened(terminal)
    one.send(b"\x13")
    one.send(b"2")
    assert one.read(5.0) == b""
    one.send(b"4")
    one.until_text("What to know")


HALVES = (b"\x1b[", b"\x1b[200~D\rvault\r", b"\x1b", b"\x1b[1;", b"\x1b]52;c;", b"\x1bO", b"\xe2\x94", b"\x1b[M",
          b"\x1bP", b"\x1b[999999999999999999999999999999999")  # fmt: skip


@pytest.mark.parametrize("half", [*HALVES[:2], *(pytest.param(half, marks=pytest.mark.long) for half in HALVES[2:])])
def test_half_a_sequence_is_over_after_a_moment(terminal: Start, tmp_path: Path, half: bytes) -> None:
    one = opened(terminal, PLAY_CALLS=str(tmp_path / "calls"), PLAY_PROFILE="full" if b"200" in half else "")
    one.send(half)
    one.quiet(2.5)
    one.send(b"\x1b\x1b")
    one.quiet(0.7)
    one.send(b"2")
    one.until_text("backup/home")
    one.send(b"q")
    assert one.ended() == 0
    assert (tmp_path / "calls").read_text() == ""
