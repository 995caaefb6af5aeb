"""A passphrase for a command: typed without being shown, or the first line of standard input. Never an argument."""

from __future__ import annotations

import argparse

from ..errors import RefusedError, UsageError
from .ask import ask_line, can_ask, read_line


def add(verb: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Let a verb take `--stdin`."""
    verb.add_argument("--stdin", action="store_true", help="the passphrase is the first line of standard input")
    return verb


async def passphrase(args: argparse.Namespace, what: str, *, twice: bool = False) -> str:
    """The passphrase. Raises UsageError where nobody can be asked, RefusedError when two differ or there is none."""
    if args.stdin:
        found = (await read_line()).rstrip("\r\n")
    elif args.json or not can_ask():
        raise UsageError(
            f"{what} needs a passphrase, and there is no terminal to ask on.",
            "Give it as the first line of standard input, with `--stdin`.",
        )
    else:
        found = await ask_line(f"{what}: ", secret=True)
        if twice and found != await ask_line("Once more: ", secret=True):
            raise RefusedError("The two passphrases are not the same, so nothing was done.")
    if not found:
        raise RefusedError("No passphrase was given, so nothing was done.")
    return found
