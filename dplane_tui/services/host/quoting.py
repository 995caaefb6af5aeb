"""An argv as the one text that SSH carries. In a module of its own: who carries bytes with `ssh` needs no asyncssh."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from ...errors import CommandError
from .base import PROGRAM_PATH


def command_line(argv: Sequence[str]) -> str:
    """`argv` as the one text that SSH carries: the only place where words are quoted for the far shell."""
    if any("\0" in word for word in argv):
        raise CommandError("A command cannot hold a NUL byte.")
    return " ".join(shlex.quote(word) for word in ("env", "LC_ALL=C", f"PATH={PROGRAM_PATH}", *argv))
