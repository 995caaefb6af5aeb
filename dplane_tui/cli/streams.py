"""The three standard streams of a command: there, never an error for a character, and honest when nobody can read."""

from __future__ import annotations

import codecs
import os
import sys
from typing import TextIO

from ..errors import CommandError

_PLAIN = str.maketrans(
    {"“": '"', "”": '"', "‘": "'", "’": "'", "…": "...", "→": "->", "×": "x", "°": "", "–": "-", "—": "-", "·": "-"}
)
_ERRORS = "dplane-plain"


def _as_ascii(error: UnicodeError) -> tuple[str, int]:
    """Stand-ins for what a stream's character set lacks: our own signs as ASCII writes them, `?` for the rest."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(_PLAIN)
    return text.encode("ascii", "replace").decode("ascii"), error.end


def prepare() -> None:
    """Make the streams safe to use. Raises CommandError when standard output is closed: nobody would hear of it."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:  # else a file opened later takes the number, and what is printed or logged lands in it
            os.open(os.devnull, os.O_RDWR)
    if sys.stdin is None:
        sys.stdin = open(os.devnull)  # noqa: SIM115 - for the whole process
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    codecs.register_error(_ERRORS, _as_ascii)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=_ERRORS, **({"encoding": "ascii"} if _shows_ascii_only(stream) else {}))
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
        raise CommandError("Standard output is closed, so nothing was done.", "Give it a place to go, or `>/dev/null`.")


def _shows_ascii_only(stream: TextIO) -> bool:
    if not stream.isatty():
        return False
    from ..terminal import detect

    profile = detect(os.environ, os.ttyname(stream.fileno()))
    return profile.symbols == "ascii" and profile.kind != "plain"


def give_up_output() -> None:
    """Throw away what is still to be written on standard output, so that the end of the process does not complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
