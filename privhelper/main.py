"""The door itself: what the helper does from start to end."""

from __future__ import annotations

import os
import sys

from . import places

USAGE = (
    "usage: privhelper [help [--json] | check | files | docs | build FILE]; without a word it reads a request as root\n"
)


def main(words: list[str]) -> int:
    """Run the helper and return its exit code; `words` is the command line without the program."""
    try:
        return _dispatch(words)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1


def _dispatch(words: list[str]) -> int:
    if not words:
        from .session import serve

        return serve()
    if words in (["help"], ["help", "--json"], ["--help"], ["-h"], ["docs"]):
        return _help(words)
    if words == ["check"]:
        return _check()
    if words == ["files"]:
        from .ownfiles import serve as serve_own

        return serve_own()
    if len(words) == 2 and words[0] == "build" and not places.INSTALLED:
        from .build import build

        sys.stdout.write(f"{build(words[1])}\n")
        return 0
    sys.stderr.write(USAGE)
    return 2


def _help(words: list[str]) -> int:
    from . import helptext

    if words == ["docs"]:
        sys.stdout.write(helptext.as_page())
    elif words == ["help", "--json"]:
        from .strictjson import dumps

        sys.stdout.write(dumps(helptext.as_data()) + "\n")
    else:
        sys.stdout.write(helptext.as_text())
    sys.stdout.flush()
    return 0


def _check() -> int:
    """Print the argv of the request on standard input, or refuse it. Needs neither root nor ZFS."""
    from .request import MAX_REQUEST, Refused, argv, parse
    from .strictjson import dumps

    raw = sys.stdin.buffer.read(MAX_REQUEST + 2)
    try:
        verb, args = parse(raw.removesuffix(b"\n"))
    except Refused as refusal:
        sys.stderr.write(f"{refusal}\n")
        return 2
    sys.stdout.write(dumps({"argv": argv(verb, args)}) + "\n")
    sys.stdout.flush()
    return 0
