"""`dplane doctor`: what is missing on this machine, and the command that fixes it."""

from __future__ import annotations

import argparse
import os
import shutil
import sys

from ..errors import MissingError
from ..services.health.doctor import Check, Doctor, needed_missing, terminal
from ..services.host import Host
from ..terminal import detect
from ..text import clean
from .output import Result

_WORDS = {"bad": "MISSING", "warn": "warning", "unknown": "unknown", "ok": "ok"}


def add(parser: argparse.ArgumentParser) -> None:
    """It has no verbs."""
    parser.epilog = "Exit code 6: something that D-Plane needs is missing."
    parser.set_defaults(handler=_doctor, reads=True)


async def _doctor(host: Host, _args: argparse.Namespace) -> Result:
    checks = (*await Doctor(host).checks(), here())
    return Result({"checks": checks}, "\n".join(lines(checks)), missing(checks))


def missing(checks: tuple[Check, ...]) -> MissingError | None:
    """The error for what D-Plane cannot do without, if anything."""
    if not needed_missing(checks):
        return None
    names = ", ".join(check.name for check in checks if check.level == "bad")
    return MissingError(
        f"Something that D-Plane needs is missing: {names}.", "An arrow below says what to do, where that is known."
    )


def here() -> Check:
    """The terminal this command was given, whatever machine is looked at."""
    if not sys.stdout.isatty():
        return Check("terminal", "unknown", "The output does not go to a terminal.")
    profile = detect(os.environ, os.ttyname(sys.stdout.fileno()))
    size = shutil.get_terminal_size()
    return terminal(os.environ.get("TERM", ""), profile.kind, profile.symbols, size.columns, size.lines)


def lines(checks: tuple[Check, ...]) -> list[str]:
    """A line a check, and one with the fix where there is something to mend."""
    shown: list[str] = []
    for check in checks:
        shown.append(f"{_WORDS[check.level]:8}{check.name:10}{clean(check.text)}")
        if check.fix and check.level != "ok":
            shown.append(f"{'':18}→ {clean(check.fix)}")
    return shown
