"""Terminals of the box that a console can be put on: their names, and the units that belong to each. Pure."""

from __future__ import annotations

from .grammar import DIGITS, LOWER, Kind, text

KINDS = ("ttyS", "ttyAMA", "ttyUSB", "tty")  # the longest first: tty begins them all
SPEEDS = (9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600, 1500000)
MIN_IDLE, MAX_IDLE = 30, 86400


def terminal_problem(value: object) -> str:
    """Why `value` cannot be a terminal to put a console on."""
    rule = "must be tty1 to tty63, or ttyS, ttyAMA or ttyUSB and a number"
    if not isinstance(value, str):
        return "must be a text"
    kind = next((kind for kind in KINDS if value.startswith(kind)), "")
    number = value[len(kind) :]
    if not kind or text(number, 3, DIGITS, DIGITS) or number != str(int(number)):
        return rule
    return rule if kind == "tty" and not 1 <= int(number) <= 63 else ""


def is_serial(terminal: str) -> bool:
    """Whether that terminal is a line, not one of the box's own screens."""
    return terminal[3:4] not in DIGITS


def console_unit(terminal: str) -> str:
    """The unit of the console on that terminal."""
    return f"dplane-{'serial' if is_serial(terminal) else 'console'}@{terminal}.service"


def getty_unit(terminal: str) -> str:
    """The unit of the login prompt on that terminal."""
    return f"{'serial-' if is_serial(terminal) else ''}getty@{terminal}.service"


def session_unit(terminal: str) -> str:
    """The unit of whoever signed in on that terminal."""
    return f"dplane-session-{terminal}.service"


def _speed_problem(value: object) -> str:
    sound = isinstance(value, int) and not isinstance(value, bool) and value in SPEEDS
    return "" if sound else f"must be one of {', '.join(map(str, SPEEDS))}"


def _idle_problem(value: object) -> str:
    sound = isinstance(value, int) and not isinstance(value, bool) and MIN_IDLE <= value <= MAX_IDLE
    return "" if sound else f"must be a number of seconds from {MIN_IDLE} to {MAX_IDLE}"


def _login_problem(value: object) -> str:
    return text(value, 32, LOWER | DIGITS | frozenset("_.-"), LOWER | {"_"})


TERMINAL = Kind(
    "terminal",
    "tty1 to tty63, or ttyS, ttyAMA or ttyUSB and a number; when it runs: one that this box has",
    "tty1",
    terminal_problem,
)
SPEED = Kind("speed", f"bits a second of a serial line: {', '.join(map(str, SPEEDS))}", 115200, _speed_problem)
IDLE = Kind("idle", f"seconds without a key, {MIN_IDLE} to {MAX_IDLE}", 300, _idle_problem)
LOGIN = Kind(
    "login", "the name of an account: lower-case letters, digits and _ . -; starts with a letter or _; at most 32",
    "ann", _login_problem,
)  # fmt: skip
