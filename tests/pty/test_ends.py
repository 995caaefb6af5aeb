"""Whatever ends or stops the console, in each profile: the terminal is as it was, and nothing goes on running."""

from __future__ import annotations

import os
import re
import signal
import termios
from pathlib import Path

import pytest

from tests.pty.conftest import Start, Terminal

pytestmark = pytest.mark.pty
PROFILES = {"full": "xterm-256color", "console": "linux", "serial": "vt220"}
_TAKES = re.compile(rb"\x1b\[\?([0-9]+)h")
_CPU_OF_A_START = 60.0
"""Seconds of processor time no start and end ever come to; a process that spins passes it."""

# What is between the two others waits for `make test-all`: these take long.
LATER = {"console": pytest.mark.long}
profiles = pytest.mark.parametrize("profile", [pytest.param(name, marks=LATER.get(name, ())) for name in PROFILES])


def opened(terminal: Start, profile: str, **env: str) -> Terminal:
    """The console at its first screen."""
    one = terminal(TERM=PROFILES[profile], **env)
    one.until_text("vault")
    one.quiet(0.7)
    return one


def restored(one: Terminal) -> None:
    """The line's modes are as before, every mode that was set is set back, the cursor shows."""
    assert termios.tcgetattr(one.slave) == one.before
    left = set(_TAKES.findall(one.written)) - {b"7", b"25"}
    for number in left:
        assert one.written.rfind(b"\x1b[?" + number + b"l") > one.written.rfind(b"\x1b[?" + number + b"h"), number
    for number in (b"7", b"25"):  # wrap and cursor, which were taken
        assert one.written.rfind(b"\x1b[?" + number + b"h") > one.written.rfind(b"\x1b[?" + number + b"l"), number
    assert not re.search(rb"\x1b\[\?100[0-6]h", one.written), "the mouse was taken"
    assert not one.screen.cursor.hidden
    assert not one.screen.cursor.attrs.reverse
    assert not one.screen.cursor.attrs.bold


def ends_by_itself(one: Terminal) -> None:
    """It ends, and did not burn the processor meanwhile."""
    _, status, used = os.wait4(one.process.pid, 0)
    one.process.returncode = os.waitstatus_to_exitcode(status)
    assert used.ru_utime + used.ru_stime < _CPU_OF_A_START


@profiles
def test_quit(terminal: Start, profile: str) -> None:
    one = opened(terminal, profile)
    one.send(b"q")
    assert one.ended() == 0
    restored(one)


@profiles
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGQUIT", "SIGINT"])
def test_signals(terminal: Start, profile: str, name: str) -> None:
    one = opened(terminal, profile)
    os.kill(one.process.pid, getattr(signal, name))
    assert one.ended() == 0
    restored(one)


@profiles
def test_a_mistake_of_ours(terminal: Start, profile: str, tmp_path: Path) -> None:
    one = opened(terminal, profile, PLAY_CRASH="1")
    one.send(b"r")
    assert one.ended() == 1
    restored(one)
    assert "had to close because of an error of its own" in " ".join(one.text.split())
    assert b"Traceback" not in one.written
    log = (tmp_path / "dplane" / "console.log").read_text()
    assert "a mistake of ours" in log
    assert "hunter2" not in one.written.decode("utf-8", "replace") + log.replace('secret = "hunter2"', "")


@profiles
def test_a_child_that_is_killed_is_no_reason(terminal: Start, profile: str, tmp_path: Path) -> None:
    one = opened(terminal, profile, PLAY_CHILD=str(tmp_path / "child"))
    os.kill(int((tmp_path / "child").read_text()), signal.SIGKILL)
    one.send(b"2")
    one.until_text("backup/home")
    one.send(b"q")
    assert one.ended() == 0
    restored(one)


@profiles
def test_stop_and_go_on(terminal: Start, profile: str) -> None:
    one = terminal("-m", "tests.pty.shell", "-m", "tests.console.play", TERM=PROFILES[profile])
    one.until_text("vault")
    one.quiet(0.7)
    for _ in range(2):
        one.send(b"\x1a")
        one.until(lambda: b"STOPPED" in one.written, "the stop")
        assert b"STOPPED same=True" in one.written
        assert not one.screen.cursor.hidden
        one.written = b""
        one.send(b"\n")
        one.until(lambda: "> tank" in one.text and "quit" in one.text, "the screen")
        one.quiet(0.7)
        assert "STOPPED" not in one.text
        assert one.screen.cursor.hidden
    one.send(b"2")
    one.until_text("backup/home")
    one.send(b"q")
    one.until(lambda: b"ENDED" in one.written, "the end")
    assert b"ENDED 0 same=True" in one.written


def test_stopped_from_outside_it_comes_back_right(terminal: Start) -> None:
    one = opened(terminal, "full")
    os.kill(one.process.pid, signal.SIGSTOP)
    attrs = list(one.before)
    termios.tcsetattr(one.slave, termios.TCSANOW, attrs)  # what a shell does
    one.screen.reset()
    one.screen.set_mode(25 << 5)
    os.kill(one.process.pid, signal.SIGCONT)
    one.until_text("vault")
    one.quiet(0.7)
    assert not termios.tcgetattr(one.slave)[3] & termios.ECHO
    assert one.screen.cursor.hidden
    one.send(b"q")
    assert one.ended() == 0
    restored(one)


def test_where_no_shell_waits_it_does_not_stop(terminal: Start) -> None:
    one = opened(terminal, "full")
    one.send(b"\x1a")
    one.until_text("no shell to go back to")
    os.kill(one.process.pid, signal.SIGTSTP)
    one.send(b"q")
    assert one.ended() == 0
    restored(one)


@profiles
def test_a_line_that_hangs_up_ends_it(terminal: Start, profile: str) -> None:
    one = opened(terminal, profile)
    os.close(one.master)
    os.close(one.slave)
    one.master = one.slave = os.open(os.devnull, os.O_RDWR)
    ends_by_itself(one)


def test_a_line_that_hangs_up_without_a_signal_ends_it_too(terminal: Start) -> None:
    """As under `setsid` or `nohup`: nobody sends SIGHUP, reading fails."""
    code = "import os, signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP]);"
    code += "import tests.console.play as play; play.main()"
    one = terminal("-c", code)
    one.until_text("vault")
    os.close(one.master)
    os.close(one.slave)
    one.master = one.slave = os.open(os.devnull, os.O_RDWR)
    ends_by_itself(one)
