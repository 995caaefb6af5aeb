"""The console on a terminal of the box, in a real pseudo-terminal: it stays, it asks, it locks, it tells systemd."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import termios
from pathlib import Path

import pytest

from dplane_tui.line import set_speed
from dplane_tui.own_terminal import alone
from tests.pty.conftest import Start

pytestmark = pytest.mark.pty
KIOSK = {"DPLANE_LINE": "kiosk", "DPLANE_LOCK_AFTER": "300"}


def test_a_kiosk_cannot_be_left_suspended_or_interrupted(terminal: Start) -> None:
    one = terminal(TERM="linux", **KIOSK)
    one.until_text("vault")
    one.send(b"q\x03\x1a\x1c\x11\x04\x1b[21~")  # q, ^C, ^Z, ^\, ^Q, ^D, F10
    one.quiet()
    for number in (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU):
        if number == signal.SIGTSTP:
            os.kill(one.process.pid, number)
    one.send(b"2")
    one.until_text("backup/home")
    assert one.process.poll() is None
    one.send(b"1n")
    one.until_text("sign in first (U)")


def test_signing_in_on_a_vt220_shows_no_password(terminal: Start) -> None:
    one = terminal(TERM="vt220", LANG="", **KIOSK)
    one.until_text("vault")
    one.send(b"U")
    one.until_text("Sign in on nas-a")
    one.send(b"ann\r")
    one.send(b"wrongwrong\r")
    one.until_text("not right")
    one.send(b"sesame\r")
    one.until_text("your console is open on tty1")
    assert b"sesame" not in one.written
    assert b"wrongwrong" not in one.written
    assert all(byte < 0x80 for byte in one.written)


def test_a_session_ends_when_it_is_left_alone(terminal: Start) -> None:
    one = terminal(DPLANE_LINE="session", DPLANE_LOCK_AFTER="3")
    assert one.ended() == 0
    assert not one.screen.cursor.hidden
    assert termios.tcgetattr(one.slave) == one.before


@pytest.mark.parametrize("how", ["q", "SIGHUP", "SIGTERM", "nobody"])
def test_a_session_ends_although_its_home_hangs(terminal: Start, tmp_path: Path, how: str) -> None:
    """Where the person is is kept in the home; on a suspended pool that write never returns."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(60)
        after = "3" if how == "nobody" else "300"
        session = {"DPLANE_LINE": "session", "DPLANE_LOCK_AFTER": after, "NOTIFY_SOCKET": str(tmp_path / "notify")}
        one = terminal(PLAY_HANGS="keep", **session)
        one.until_text("q signs out")
        if how == "q":
            one.send(b"q")
        elif how != "nobody":
            os.kill(one.process.pid, getattr(signal, how))
        assert one.ended() == 1
        assert not one.screen.cursor.hidden
        assert termios.tcgetattr(one.slave) == one.before
        assert [systemd.recv(100) for _ in range(2)] == [b"READY=1", b"STOPPING=1"]


def test_a_session_left_alone_ends_although_nothing_of_it_answers(terminal: Start) -> None:
    one = terminal(PLAY_HANGS="read", DPLANE_LINE="session", DPLANE_LOCK_AFTER="3")
    one.until_text("q signs out")
    one.send(b"r")
    assert one.ended() == 1
    assert not one.screen.cursor.hidden
    assert termios.tcgetattr(one.slave) == one.before


def test_a_locked_console_gives_nothing_away_and_opens_with_the_password(terminal: Start) -> None:
    one = terminal()
    one.until_text("vault")
    one.send(b"L")
    one.until_text("unlocks this console")
    one.quiet()
    assert "vault" not in one.text
    assert "tank" not in one.text
    one.send(b"\x1b\x03\x1a\x1c2q")
    one.quiet()
    assert one.process.poll() is None
    one.send(b"\x15sesame\r")
    one.until_text("Unlocked.")
    one.until_text("vault")
    one.send(b"q")
    assert one.ended() == 0


@pytest.mark.parametrize("how", ["a mistake of ours", "SIGTERM"])
def test_no_shell_is_open_behind_a_console_that_ended_locked(terminal: Start, tmp_path: Path, how: str) -> None:
    shell = ("-m", "tests.pty.shell", "-m", "tests.console.play")
    for locked in (False, True):
        one = terminal(*shell, PLAY_CRASH="1", PLAY_ID=str(tmp_path / "id"))
        one.until_text("vault")
        if locked:
            one.send(b"L")
            one.until_text("unlocks this console")
        if how == "SIGTERM":
            os.kill(int((tmp_path / "id").read_text()), signal.SIGTERM)
        else:
            one.send(b"\x12")
        if locked:
            assert one.ended() == -signal.SIGHUP
            assert b"ENDED" not in one.written
        else:
            assert one.ended() == 0
            assert b"ENDED" in one.written, "the shell is there as before"


def test_systemd_is_told_when_it_has_painted(terminal: Start, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(60)
        one = terminal(NOTIFY_SOCKET=str(tmp_path / "notify"), **KIOSK)
        one.until_text("Pools")
        assert systemd.recv(100) == b"READY=1"


def test_the_speed_of_a_line_is_set_without_modem_control(terminal: Start) -> None:
    master, slave = os.openpty()
    try:
        set_speed(slave, 9600)
        settings = termios.tcgetattr(slave)
        assert settings[4] == settings[5] == termios.B9600
        assert settings[2] & termios.CLOCAL
    finally:
        os.close(master)
        os.close(slave)


def opens(path: str) -> str:
    """What the shell of somebody else on the box says who opens that terminal; nothing when it opens."""
    command = ["/bin/sh", "-c", ': <> "$1"', "sh", path]
    if os.geteuid() == 0:  # root is let in always
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr.strip()


def test_nobody_else_opens_the_terminal_whatever_its_mode_becomes() -> None:
    """Who is in dialout would read the password that is typed; `udevadm trigger` gives the group its mode back."""
    master, slave = os.openpty()
    try:
        path = os.ttyname(slave)
        os.fchmod(slave, 0o666)
        assert opens(path) == ""
        with alone(slave):
            assert os.fstat(slave).st_mode & 0o777 == 0o600
            os.fchmod(slave, 0o666)
            assert "busy" in opens(path)
        assert opens(path) == ""
    finally:
        os.close(master)
        os.close(slave)


def test_a_file_is_no_terminal_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "typed"
    file.write_text("")
    file.chmod(0o644)
    with file.open() as given, alone(given.fileno()):
        assert file.stat().st_mode & 0o777 == 0o644


OPENED_TO_ALL = """
import os, runpy, sys
os.fchmod(0, 0o666)
sys.argv[1:] = ["--version"]
runpy.run_module("dplane_tui", run_name="__main__")
"""


def test_a_console_of_a_unit_takes_its_terminal_before_anything_else(terminal: Start) -> None:
    for part, mode in (("", 0o666), ("kiosk", 0o600), ("session", 0o600)):
        one = terminal("-c", OPENED_TO_ALL, DPLANE_LINE=part)
        assert one.ended() == 0
        assert os.fstat(one.slave).st_mode & 0o777 == mode, part
        assert bool(termios.tcgetattr(one.slave)[3] & termios.ECHO) == (part == ""), "a key is not shown from then on"


def test_what_was_typed_at_the_console_before_is_neither_echoed_nor_obeyed() -> None:
    master, slave = os.openpty()
    try:
        os.write(master, b"sesame\n")
        assert os.read(master, 100) == b"sesame\r\n"
        with alone(slave):
            assert not select.select([slave], [], [], 0)[0]
            os.write(master, b"sesame\n")
            assert os.read(slave, 100) == b"sesame\n"
            assert not select.select([master], [], [], 0)[0]
    finally:
        os.close(master)
        os.close(slave)


def test_keys_typed_while_a_session_starts_do_nothing_in_it(terminal: Start) -> None:
    one = terminal(DPLANE_LINE="session", DPLANE_LOCK_AFTER="300")
    one.send(b"2q\r")  # python takes longer to start than this
    one.until_text("q signs out")
    one.quiet()
    assert one.process.poll() is None
    assert "vault" in one.text
    one.send(b"q")
    assert one.ended() == 0
