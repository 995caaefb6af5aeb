"""The device the console speaks through: its name, its speed, its modes, and whether a shell waits behind it."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import termios

from .profile import detect

_SPEEDS = {
    getattr(termios, f"B{bits}"): bits
    for bits in (300, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600, 1500000)
    if hasattr(termios, f"B{bits}")
}


def terminal_line() -> str:
    """The device this process reads from (`/dev/ttyS0`), or empty."""
    try:
        return os.ttyname(sys.__stdin__.fileno()) if sys.__stdin__ else ""
    except (OSError, ValueError):
        return ""


def line_speed() -> int:
    """Bits a second the device this process reads from is set to; 0 for unknown. A pseudo-terminal's means nothing."""
    try:
        return _SPEEDS.get(termios.tcgetattr(sys.__stdin__.fileno())[5], 0) if sys.__stdin__ else 0
    except (OSError, ValueError, termios.error):
        return 0


def drawable(kind: str = "") -> bool:
    """Whether a console can be drawn here: both ends are a terminal, and it can move its cursor.

    `kind` is what the person says the terminal is; empty goes by what can be seen.
    """
    if kind == "plain" or not all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout)):
        return False
    return detect(os.environ, terminal_line(), kind).kind != "plain"


def window(fileno: int) -> tuple[int, int] | None:
    """(columns, lines) as the kernel knows them; None where it knows none."""
    try:
        width, height = os.get_terminal_size(fileno)
    except OSError:
        return None
    return (width, height) if width and height else None


def shell_behind() -> bool:
    """Whether something with job control started us, to which ^Z can go back: else nobody would start us again."""
    parent = os.getppid()
    try:
        return os.getsid(parent) == os.getsid(0) and os.getpgid(parent) != os.getpgrp()
    except OSError:
        return False


def hang_up() -> None:
    """End the shell that leads this session, as when the terminal is closed. One of another account stays."""
    leader = os.getsid(0)
    if leader not in {0, os.getpid()}:  # 0: it is outside of the container that we are in
        with contextlib.suppress(OSError):
            os.kill(leader, signal.SIGHUP)


def make_raw(fileno: int, before: list[object], keep_flow: bool) -> None:
    """Keys one by one, no echo. `keep_flow` leaves XON/XOFF as it was set in `before`. Raises termios.error."""
    raw = termios.tcgetattr(fileno)
    flow = termios.IXON | termios.IXOFF
    raw[0] &= ~(flow | termios.ICRNL | termios.INLCR | termios.IGNCR | termios.ISTRIP)
    if keep_flow:
        assert isinstance(before[0], int)
        raw[0] |= before[0] & flow
    raw[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN | termios.ISIG)
    raw[6][termios.VMIN] = 1
    raw[6][termios.VTIME] = 0
    termios.tcsetattr(fileno, termios.TCSANOW, raw)
