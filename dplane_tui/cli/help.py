"""`dplane help`: what a command does and takes; the same as `--help` behind it."""

from __future__ import annotations

import argparse

from ..errors import UsageError
from ..services.host import Host
from ..text import clean
from .output import Result
from .parsing import below


def add(parser: argparse.ArgumentParser) -> None:
    """It takes the words of a command."""
    parser.add_argument("words", nargs="*", metavar="COMMAND", help="the command, e.g. pool scrub")
    parser.set_defaults(handler=_help, reads=True)


async def _help(_host: Host, args: argparse.Namespace) -> Result:
    from .main import build_parser

    parser = build_parser(args.words)
    meant = below(parser, args.words)
    said = " ".join(["dplane", *args.words])
    if meant.prog != said:
        raise UsageError(f"There is no command `{clean(said, 80)}`.", meant.choices())
    text = meant.format_help().rstrip("\n")
    return Result({"command": said, "help": text}, text)
