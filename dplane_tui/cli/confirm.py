"""Asking before something is destroyed: the preview is shown, and the object's name has to be given."""

from __future__ import annotations

import argparse

from ..errors import RefusedError, UsageError
from ..text import clean
from .ask import ask_line, can_ask
from .output import say


def add(verb: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Let a destructive verb take `--confirm NAME` and `--dry-run`."""
    verb.add_argument("--confirm", metavar="NAME", help="the object's name once more, instead of being asked for it")
    verb.add_argument("--dry-run", action="store_true", help="show what would happen and do nothing")
    return verb


async def require(args: argparse.Namespace, name: str, preview: str) -> None:
    """Go on only if the person gives the object's name.

    Raises RefusedError, StoppedError (Ctrl-C), or UsageError if nobody can be asked.
    """
    if args.confirm is not None:
        _check(args.confirm, name)
    elif args.json or not can_ask():
        raise UsageError(
            f"{preview} This needs a confirmation, and there is no terminal to ask on.",
            f"Give `--confirm {clean(name)}`, or look first with `--dry-run`.",
        )
    else:
        say(preview, beside=True)
        _check(await ask_line(f"Type {clean(name)} to go on: "), name)


def _check(given: str, name: str) -> None:
    if not given:
        raise RefusedError("The question was not answered, so nothing was done.")
    if given != name:
        raise RefusedError(f"“{clean(given, 80)}” is not {clean(name)}, so nothing was done.")
