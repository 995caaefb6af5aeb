"""Parse the command line, run the command, tell the result. Each group lives in a module of its own."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import sys
from collections.abc import Awaitable, Callable, Sequence

from .. import __version__
from ..errors import CommandError, DPlaneError, RefusedError
from ..services.host import Host, connect
from .output import Result, show, show_error

Handler = Callable[[Host, argparse.Namespace], Awaitable[Result]]

# group: (module below dplane_tui.cli, one line of help). A module has `add(parser)`, which adds its verbs
# with `set_defaults(handler=…)`; only the module of the group that was named is imported.
GROUPS: dict[str, tuple[str, str]] = {
    "pool": ("pool", "pools: list, show, create, scrub, clear, import, export, destroy"),
    "dataset": ("dataset", "file systems and volumes"),
    "snapshot": ("snapshot", "snapshots"),
    "replicate": ("replicate", "replication tasks and their runs"),
    "peer": ("peer", "paired boxes"),
    "docker": ("docker", "containers"),
    "health": ("health", "how the box is"),
    "job": ("job", "work that runs outside the console"),
    "audit": ("audit", "the log of everything done as root"),
    "doctor": ("doctor", "what is missing on this machine, and the command that fixes it"),
    "completion": ("completion", "shell completion for bash, zsh or fish"),
    "agent": ("agent", ""),
    "peer-worker": ("peer_worker", ""),
    "docker-worker": ("docker_worker", ""),
}


def build_parser(argv: Sequence[str], *, every_group: bool = False) -> argparse.ArgumentParser:
    """The parser; only the group that `argv` names is filled in, unless `every_group`."""
    parser = argparse.ArgumentParser(
        prog="dplane",
        description="A console for ZFS NAS boxes. Without a command it opens on this terminal.",
        epilog="Exit codes: 0 done, 1 failed, 2 usage, 3 true but bad news (degraded, late), 4 refused or changed, "
        "5 not allowed, 6 something is missing, 7 host or peer not reached, 130 interrupted.",
    )
    parser.add_argument("--version", action="version", version=f"dplane {__version__}")
    parser.add_argument("--host", metavar="NAME", help="manage this box over SSH instead of this machine")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    groups = parser.add_subparsers(dest="group", metavar="COMMAND")
    for name, (module, help_text) in GROUPS.items():
        if help_text:
            group = groups.add_parser(name, description=help_text, help=help_text)
        else:  # run by our own machinery, not by people: not listed
            group = groups.add_parser(name)
        if every_group or name in argv:
            importlib.import_module(f".{module}", __package__).add(group)
    return parser


def with_json(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Let a verb take `--json` behind it as well as before the command."""
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print one JSON object")
    return parser


async def _call(handler: Handler, args: argparse.Namespace) -> Result:
    host = connect(args.host)
    try:
        return await handler(host, args)
    finally:
        await host.close()


def run(argv: Sequence[str]) -> int:
    """Do what `argv` asks; returns the exit code. Errors are told, never raised."""
    parser = build_parser(argv)
    args = parser.parse_args(argv)
    handler: Handler | None = getattr(args, "handler", None)
    try:
        if args.group is None:
            from ..app import open_console

            return open_console(args.host)
        if handler is None:
            parser.parse_args([args.group, "--help"])
            return 2
        return show(asyncio.run(_call(handler, args)), args.json)
    except DPlaneError as error:
        return show_error(error, args.json)
    except KeyboardInterrupt:
        return 130
    except EOFError:
        return show_error(RefusedError("The question was not answered, so nothing was changed."), args.json)
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except OSError as error:
        return show_error(CommandError(f"The answer could not be written: {error.strerror or error}."), False)
