"""Parse the command line, run the command, tell the result. Each group lives in a module of its own."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import os
import sys
import traceback
from collections.abc import Awaitable, Callable, Sequence

from .. import __version__
from ..errors import CommandError, DPlaneError, NotAllowedError, StoppedError, UsageError
from ..services.host import Host, connect
from ..terminal.profile import KINDS
from . import streams
from .output import Result, say, show, show_error
from .parsing import Parser, add_everywhere, describe, everyone

Handler = Callable[[Host, argparse.Namespace], Awaitable[Result]]

# group: (module below dplane_tui.cli, one line of help). A module has `add(parser)`, which adds its verbs with
# `set_defaults(handler=…)`, and `reads=True` for those that change nothing: `--read-only` lets only them through.
# Only the module of the group that was named is imported; one whose verbs live in modules of their own has
# `add_named(parser, words)` instead, and imports only those that the words may mean.
GROUPS: dict[str, tuple[str, str]] = {
    "pool": ("pool", "pools: list, show, repair, create, change, scrub, import, export, destroy"),
    "dataset": ("dataset", "file systems and volumes"),
    "snapshot": ("snapshot", "snapshots"),
    "files": ("files", "files of snapshots: list, all versions, read, compare, restore"),
    "policy": ("policy", "snapshots that are taken and let go by themselves"),
    "schedule": ("schedule", "scrubs, trims and self-tests of disks by timers"),
    "replicate": ("replicate", "replication tasks and their runs"),
    "peer": ("peer", "paired boxes"),
    "docker": ("docker", "containers"),
    "health": ("health", "how the box is"),
    "notify": ("notify", "who is told when something is late, fails or breaks"),
    "show": ("show", "the console's screens as text: for screen readers and pipes"),
    "job": ("job", "work that runs outside the console"),
    "kiosk": ("kiosk", "the console on the box's own screen or serial line, without login"),
    "audit": ("audit", "the log of everything done as root"),
    "doctor": ("doctor", "what is missing on this machine, and the command that fixes it"),
    "completion": ("completion", "shell completion for bash, zsh or fish"),
    "help": ("help", "what a command does and takes"),
    "scheduled": ("scheduled", ""),
    "agent": ("agent", ""),
    "peer-worker": ("peer_worker", ""),
    "docker-worker": ("docker_worker", ""),
}


def build_parser(argv: Sequence[str], *, every_group: bool = False) -> Parser:
    """The parser; only the group that `argv` names is filled in, unless `every_group`."""
    parser = Parser(
        prog="dplane",
        description="A console for ZFS NAS boxes. Without a command it opens on this terminal.",
        epilog="Exit codes: 0 done, 1 failed, 2 usage, 3 true but bad news (degraded, late), 4 refused or changed, "
        "5 not allowed, 6 something is missing, 7 host or peer not reached, 130 interrupted.",
    )
    parser.add_argument("--version", action="version", version=f"dplane {__version__}")
    parser.add_argument(
        "--profile", choices=KINDS, default="", help="what this terminal is, when the console does not see it by itself"
    )
    parser.add_argument(
        "--lock-after",
        metavar="TIME",
        default="",
        help="lock the console after this time without a key (90s, 5m, 1h; off), until your password is typed",
    )
    parser.add_argument(
        "--size", metavar="80x24", default="", help="how large this terminal is, when neither it nor the system tells"
    )
    add_everywhere(parser)
    groups = parser.add_subparsers(dest="group", metavar="COMMAND")
    for name, (module, help_text) in GROUPS.items():
        if help_text:
            group = groups.add_parser(name, description=help_text, help=help_text)
        else:  # run by our own machinery, not by people: not listed
            group = groups.add_parser(name)
        if every_group or name in argv:
            _fill(group, module, None if every_group else argv)
            describe(group)
            for one in everyone(group) if help_text else ():
                add_everywhere(one, default=argparse.SUPPRESS)
    return parser


def _fill(group: Parser, module: str, words: Sequence[str] | None) -> None:
    """Add to a group's parser what `words` may mean of it; all without words."""
    owner = importlib.import_module(f".{module}", __package__)
    if hasattr(owner, "add_named"):
        owner.add_named(group, words)
    else:
        owner.add(group)


async def _call(handler: Handler, args: argparse.Namespace) -> Result:
    host = connect(args.host)
    try:
        return await handler(host, args)
    finally:
        await host.close()


def run(argv: Sequence[str]) -> int:
    """Do what `argv` asks; returns the exit code. Errors are told, never raised."""
    as_json = "--json" in argv
    try:
        try:
            streams.prepare()
            return show(_result(argv), as_json)
        except DPlaneError as error:
            return show_error(error, as_json)
        except SystemExit as done:  # --help and --version print by themselves, the console ends with its own code
            sys.stdout.flush()
            return done.code if isinstance(done.code, int) else 0
    except BrokenPipeError:  # whoever read has had enough
        streams.give_up_output()
        return 1
    except OSError as error:
        streams.give_up_output()
        why = f"The answer could not be written: {error.strerror or error}."
        return show_error(CommandError(why, "Whatever the command was to change is changed all the same."), False)


def _result(argv: Sequence[str]) -> Result:
    """What the command of `argv` found. Raises DPlaneError, BrokenPipeError, and SystemExit where nothing is left."""
    args = build_parser(argv).parse_args(argv)
    reads = getattr(args, "reads", False) or getattr(args, "dry_run", False)
    if args.group is None:
        args = _opened(args)
        reads = True
    if len(getattr(args, "hosts", ())) > 1:
        raise UsageError("A command works on one box.", "Give --host once; the console takes it several times.")
    if args.read_only and not reads:
        raise NotAllowedError(
            f"`dplane {args.group}{f' {args.verb}' if hasattr(args, 'verb') else ''}` may change something, and "
            "--read-only forbids that.",
            "Leave out --read-only if it is meant.",
        )
    try:
        return asyncio.run(_call(args.handler, args))
    except (DPlaneError, BrokenPipeError):
        raise
    except KeyboardInterrupt:
        raise StoppedError("Interrupted.", "" if reads else "Look whether it was done before you repeat it.") from None
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise CommandError(
            f"The system refused: {where}{error.strerror or error}.", "`dplane doctor` looks what is missing."
        ) from error
    except Exception as error:
        raise _mistake(error) from error


def _opened(args: argparse.Namespace) -> argparse.Namespace:
    """Open the console, and end with its exit code; where it cannot be drawn, what to do instead."""
    from ..line import seconds
    from ..terminal.line import drawable
    from ..terminal.size import parse

    if args.json:
        raise UsageError("--json needs a command: the console is for people.", "`dplane health --json`, for instance.")
    lock_after = seconds(args.lock_after) if args.lock_after else None
    size = parse(args.size) if args.size else None
    if not drawable(args.profile):
        from .show import everything

        return argparse.Namespace(**{**vars(args), "handler": everything})
    from ..app import open_console

    try:
        hosts = getattr(args, "hosts", ())
        code = open_console(hosts, read_only=args.read_only, kind=args.profile, lock_after=lock_after, size=size)
        raise SystemExit(code)
    except KeyboardInterrupt:
        raise StoppedError("Interrupted.") from None


def _mistake(error: Exception) -> DPlaneError:
    """A mistake of ours as a sentence that can be reported; it names places in the code and no data."""
    if os.environ.get("DPLANE_DEBUG"):
        say("".join(traceback.format_exception(error)), beside=True)
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "dplane_tui" in frame.filename]
    place = frames[-1] if frames else None
    where = f" at {place.filename.rpartition('dplane_tui/')[2]}:{place.lineno}" if place else ""
    return CommandError(
        f"D-Plane made a mistake ({type(error).__name__}{where}), and what was asked for may be half done.",
        f"Please report this line, with `dplane {__version__}`; with DPLANE_DEBUG=1 it shows more.",
    )
