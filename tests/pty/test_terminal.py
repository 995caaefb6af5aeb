"""Bytes, signals, junk: the console on a real line."""

from __future__ import annotations

import base64
import re
import termios
import time
from pathlib import Path

import pytest

from tests.pty.conftest import Start, Terminal

pytestmark = pytest.mark.pty
_QUERY = re.compile(rb"\x1b\[[?>=]?[0-9;]*(?:\$p|c|n|u|x|q)|\x1bZ|\x1b\][0-9]+;\?")


def restored(one: Terminal) -> None:
    """The line is as it was, the cursor shows, the first screen is back, or clear where there is no second one."""
    assert termios.tcgetattr(one.slave) == one.before
    tail = one.written[-300:]
    assert b"\x1b[?25h" in tail
    assert b"\x1b[?7h" in tail
    second = b"\x1b[?1049h" in one.written
    assert tail.count(b"\x1b[?1049l") == second
    assert second or tail.endswith(b"\x1b[2J\x1b[H")
    assert not one.screen.cursor.hidden


@pytest.mark.parametrize("term", ["xterm-256color", "linux", "tmux-256color"])
def test_starts_takes_keys_and_leaves_the_terminal_as_it_was(terminal: Start, term: str) -> None:
    one = terminal(TERM=term)
    one.until_text("vault")
    one.send(b"2")
    one.until_text("backup/home")
    one.send(b"\x1b[B\x1bOB1?")
    one.until_text("Keys that work here")
    one.send(b"\x1b")
    one.until(lambda: "Keys that work here" not in one.text)
    one.send(b"q")
    assert one.ended() == 0
    restored(one)
    assert not _QUERY.search(one.written), "it asked the terminal something"


def test_resize_is_followed(terminal: Start) -> None:
    one = terminal()
    one.until_text("vault")
    for size, text in (((132, 43), "vault"), ((40, 10), "too small"), ((20, 4), "small"), ((60, 18), "vault")):
        one.resize(*size)
        one.until_text(text)
    one.send(b"q")
    assert one.ended() == 0


def test_without_a_cursor_the_screens_are_printed_as_text(terminal: Start) -> None:
    one = terminal("-m", "dplane_tui", TERM="dumb", size=(200, 100))
    assert one.ended() in {0, 6}  # whatever this machine has
    assert b"\nHealth\r\n" in one.written
    assert b"\x1b" not in one.written
    assert b"Traceback" not in one.written


def test_nothing_is_written_when_nothing_changes(terminal: Start) -> None:
    one = terminal()
    one.until_text("vault")
    one.quiet()
    # Three polls later.
    assert one.read(16.0) == b""


def test_idle_sleeps(terminal: Start) -> None:
    one = terminal()
    one.until_text("vault")
    one.quiet()

    def switches() -> dict[str, int]:
        """Voluntary context switches by thread."""
        found = {}
        for task in Path(f"/proc/{one.process.pid}/task").iterdir():
            status = (task / "status").read_text()
            name = status.split("Name:\t")[1].split("\n")[0]
            found[f"{name} {task.name}"] = int(status.split("\nvoluntary_ctxt_switches:\t")[1].split("\n")[0])
        return found

    before = switches()
    one.read(11.0)
    after = switches()
    main, *others = sorted(after, key=lambda name: int(name.split()[-1]))
    assert all(after[name] == before.get(name) for name in others), "a thread of the terminal woke up"
    # Two polls of made-up data; each may take a few turns of the loop.
    assert after[main] - before[main] < 60


def test_a_stalled_line_stops_nothing_and_is_painted_afresh(terminal: Start, tmp_path: Path) -> None:
    reads = tmp_path / "reads"
    one = terminal(PLAY_EVERY="0.2", PLAY_MOVES="1", PLAY_READS=str(reads))
    one.until_text("vault")
    termios.tcflow(one.slave, termios.TCOOFF)  # XOFF
    before = reads.stat().st_size
    goes_on(one, reads, before)
    one.send(b"4")
    goes_on(one, reads, reads.stat().st_size, other=True)
    # The terminal was switched off meanwhile.
    one.screen.reset()
    termios.tcflow(one.slave, termios.TCOON)
    one.until_text("What to know")
    one.quiet()
    assert one.text.split("\n")[0].startswith(" nas-a  0")
    assert "quit" in one.text.split("\n")[23]
    assert one.screen.cursor.hidden
    one.send(b"q")
    assert one.ended() == 0
    restored(one)


def goes_on(one: Terminal, reads: Path, before: int, other: bool = False) -> None:
    """The pools are read and read again, for longer than a stall takes to be noticed."""
    end = time.monotonic() + 60
    least = time.monotonic() + 4
    while reads.stat().st_size < before + (1 if other else 8) or time.monotonic() < least:
        assert time.monotonic() < end, "the polling stands still"
        time.sleep(0.1)
    assert one.process.poll() is None


def test_a_terminal_that_reads_nothing_stops_nothing(terminal: Start, tmp_path: Path) -> None:
    """No XOFF, nobody reads the other end: the kernel's buffer fills up."""
    reads = tmp_path / "reads"
    one = terminal(PLAY_EVERY="0.2", PLAY_MOVES="1", PLAY_READS=str(reads))
    one.until_text("vault")
    for _ in range(200):
        one.send(b"21")
    before = reads.stat().st_size
    goes_on(one, reads, before)
    one.until_text("> tank")
    one.quiet(0.1)
    one.send(b"4")
    one.until_text("What to know")
    assert one.text.split("\n")[0].startswith(" nas-a  0")
    one.send(b"q")
    assert one.ended() == 0
    restored(one)


def test_leaving_a_stalled_line_does_not_hang(terminal: Start) -> None:
    one = terminal()
    one.until_text("vault")
    one.quiet()
    termios.tcflow(one.slave, termios.TCOOFF)
    for _ in range(20):
        one.send(b"21")
    one.send(b"q")
    assert one.process.wait(30) == 0
    termios.tcflow(one.slave, termios.TCOON)
    assert termios.tcgetattr(one.slave) == one.before


def test_latin_locale_gets_ascii_only(terminal: Start) -> None:
    one = terminal(LANG="C")
    one.until_text("vault")
    one.send(b"n")
    one.until_text("New pool")
    one.send(b"\x1b")
    one.until(lambda: "New pool" not in one.text)
    one.send(b"4")
    one.until_text("What to know")
    assert all(byte < 0x80 for byte in one.written)


def test_linux_console_gets_only_glyphs_its_fonts_have(terminal: Start) -> None:
    from dplane_tui.terminal.symbols import CONSOLE_SAFE

    one = terminal(TERM="linux")
    one.until_text("vault")
    one.send(b"n")
    one.until_text("New pool")
    odd = {char for char in one.written.decode() if ord(char) > 0x7E} - CONSOLE_SAFE
    assert not {char for char in odd if not 0xA0 <= ord(char) < 0x180}
    # Bright backgrounds turn into other colours there.
    assert not re.search(rb"\x1b\[[0-9;]*\b10[0-7][;m]", one.written)


def test_no_color_has_no_colour_and_a_visible_cursor(terminal: Start) -> None:
    one = terminal(NO_COLOR="1")
    one.until_text("vault")
    one.quiet()
    colours = [int(n) for code in re.findall(rb"\x1b\[([0-9;]+)m", one.written) for n in code.split(b";")]
    assert not [n for n in colours if 30 <= n <= 38 or 40 <= n <= 48 or n >= 90]
    line = next(n for n, text in enumerate(one.screen.display) if text.startswith("> tank"))
    assert one.screen.buffer[line][4].reverse


def test_serial_line_is_clean_without_a_second_screen(terminal: Start) -> None:
    one = terminal(TERM="vt220", LANG="")
    one.until_text("vault")
    assert b"?1049" not in one.written
    assert b"?2004" not in one.written
    assert all(byte < 0x80 for byte in one.written)
    one.send(b"q")
    assert one.ended() == 0
    assert termios.tcgetattr(one.slave) == one.before
    assert not one.screen.cursor.hidden


def test_one_changed_row_is_few_bytes(terminal: Start) -> None:
    one = terminal()
    one.until_text("vault")
    one.until_text("> mirror-0")
    line = next(n for n, text in enumerate(one.screen.display) if text.startswith("> mirror-0"))
    ground = one.screen.buffer[line][4].bg
    one.send(b"\t")
    one.until(lambda: one.screen.buffer[line][4].bg != ground)
    one.quiet()
    one.send(b"\x1b[B")
    got = one.read(2.0)
    assert 0 < len(got) < 700  # the row the cursor left and the one it came to


def test_a_name_is_sent_to_the_clipboard_and_no_more_is_claimed(terminal: Start) -> None:
    one = terminal()
    one.until_text("vault")
    one.send(b"Y")
    one.until_text("Sent to the terminal's clipboard, if it has one: tank")
    assert one.written.count(b"\x1b]52;c;" + base64.b64encode(b"tank") + b"\x1b\\") == 1
    assert "opied" not in one.text


@pytest.mark.parametrize("term", ["linux", "vt220"])
def test_where_there_is_no_clipboard_nothing_is_sent(terminal: Start, term: str) -> None:
    one = terminal(TERM=term)
    one.until_text("vault")
    one.send(b"Y")
    one.until_text("It is tank")
    assert b"]52" not in one.written


def test_own_keys_work_and_what_is_wrong_is_told(terminal: Start, tmp_path: Path) -> None:
    file = tmp_path / ".config" / "dplane" / "keys.toml"
    file.parent.mkdir(parents=True)
    file.write_text('[keys]\nsection-health = "z"\nrefresh = "q"\n')
    one = terminal(size=(132, 30))
    one.until_text("q is the key of “quit” already")
    one.send(b"z")
    one.until_text("What to know")
    one.send(b"q")
    assert one.ended() == 0


@pytest.mark.parametrize("keys", [b"l", b"\x1b[C", b"]", b"t"])
def test_tabs_change_with_letters_and_arrows(terminal: Start, keys: bytes) -> None:
    one = terminal()
    one.until_text("[devices]")
    one.send(keys)
    one.until_text("[datasets]")
    one.send(b"h" if keys == b"l" else b"\x1b[D")
    one.until_text("[devices]")


def test_keys_that_come_together_go_where_they_were_meant(terminal: Start) -> None:
    one = terminal()
    one.until_text("vault")
    one.send(b"4")
    one.until_text("What to know")
    one.send(b"1n")
    one.until_text("New pool")
    one.send(b"\x1b2")
    one.until_text("backup/home")
    one.send(b"1/vau")
    one.until_text("/vau_")
    assert "New dataset" not in one.text
    one.send(b"\rtj")
    one.until_text("[datasets]")
