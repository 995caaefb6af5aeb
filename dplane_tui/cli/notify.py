"""`dplane notify …`: who is told of what, whether it arrives, and the check that a timer runs."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from .. import paths
from ..errors import BadNewsError, CommandError, DPlaneError, UsageError
from ..services.host import Host
from ..services.notify.model import MAIL, PING, Channel, Delivery, Status
from ..services.notify.service import NotifyService
from ..text import age, clean, duration
from .output import Result, table

_DOCS = "docs/notifications.md explains it, with samples."


def add(parser: argparse.ArgumentParser) -> None:
    """Add the verbs."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    verbs.add_parser("list", help="the channels and what each is told").set_defaults(handler=_list, reads=True)
    shown = verbs.add_parser("status", help="the last delivery on each channel, and the alarms that stand")
    shown.epilog = "Exit code 3: the last delivery on a channel failed, or the configuration has a mistake."
    shown.set_defaults(handler=_status, reads=True)
    test = verbs.add_parser("test", help="send a test and show what the server answered")
    test.add_argument("channel", nargs="?", metavar="CHANNEL", help="this channel alone (default: all)")
    test.set_defaults(handler=_test)
    check = verbs.add_parser("check", help="look at tasks, pools and disks, and tell what began or ended")
    check.set_defaults(handler=_check)
    run = verbs.add_parser("run")  # what a job does at its begin and end
    run.add_argument("run")
    run.add_argument("--started", action="store_true")
    run.set_defaults(handler=_run)


def _service(host: Host) -> NotifyService:
    if not host.local:
        raise UsageError(
            "Of another box only `dplane notify status` can be asked: its configuration is for its own user dplane.",
            f"Log in on {host.name} and use `sudo dplane notify` there.",
        )
    return NotifyService(host)


async def _read_status(host: Host) -> Status:
    if host.local:
        return await NotifyService(host).status()
    from ..services.replication.codec import decode
    from ..services.replication.remote import RemoteReplication

    data = await RemoteReplication(host)._ask("notify", "status", despite=True)
    try:
        return decode(Status, data)
    except ValueError as error:
        raise CommandError(f"{host.name} answered what this release does not understand: {error}.") from None


async def _list(host: Host, _args: argparse.Namespace) -> Result:
    config = _service(host).config()
    lines = []
    if config.channels:
        rows = [
            (channel.name, channel.kind, where(channel), ", ".join(channel.tasks) or "all", told(channel))
            for channel in config.channels
        ]
        lines.append(table(("CHANNEL", "KIND", "WHERE", "TASKS", "TOLD OF"), rows))
        lines.append(f"An alarm that goes on is told again after {duration(config.remind)}." if config.remind else "")
    elif not config.problems:
        lines.append(f"Nobody is told anything: no channel is set up in {paths.notify_config()}. {_DOCS}")
    lines += config.problems
    data = {"channels": [public(channel) for channel in config.channels], "problems": config.problems}
    return Result(data, "\n".join(filter(None, lines)), mistakes(config.problems))


def where(channel: Channel) -> str:
    """Where a channel leads, without what is secret in its address."""
    if channel.kind == MAIL:
        return f"{', '.join(channel.to)} by {channel.server}:{channel.port}"
    parts = urlsplit(channel.url)
    return f"{parts.scheme}://{parts.netloc}/…"


def told(channel: Channel) -> str:
    """What a channel is told of."""
    if channel.kind != PING:
        return ", ".join(channel.events)
    return "start, success and failure of its task" if channel.tasks else "each check of the box"


def public(channel: Channel) -> dict[str, Any]:
    """A channel as `--json` tells it: paths and queries of addresses are secrets."""
    return {
        "name": channel.name,
        "kind": channel.kind,
        "where": where(channel),
        "events": channel.events,
        "tasks": channel.tasks,
        "made": channel.made,
    }


def mistakes(problems: Sequence[str]) -> DPlaneError | None:
    """The error for a configuration that is only partly understood."""
    return BadNewsError(" ".join(problems), f"Mend {paths.notify_config()}. {_DOCS}") if problems else None


async def _status(host: Host, _args: argparse.Namespace) -> Result:
    found = await _read_status(host)
    failed = [state.channel for state in found.channels if state.accepted is False]
    bad: DPlaneError | None = mistakes(found.problems)
    if failed:
        bad = BadNewsError(
            f"The last delivery on {', '.join(failed)} failed.", "`dplane notify test` tries them again."
        )
    return Result(found, describe(found, time.time()), bad)


def describe(found: Status, now: float) -> str:
    """The status as text."""
    parts = []
    if found.channels:
        rows = [
            (
                state.channel,
                age(state.tried, now),
                {True: "accepted", False: "NOT ACCEPTED", None: "-"}[state.accepted],
                age(state.last_accepted, now),
                state.title or "-",
                state.answer or "-",
            )
            for state in found.channels
        ]
        parts.append(table(("CHANNEL", "LAST TRY", "RESULT", "LAST ACCEPTED", "MESSAGE", "ANSWER"), rows))
    elif found.readable:
        parts.append(f"No channel is set up in {paths.notify_config()}. {_DOCS}")
    else:
        parts.append("Nothing was ever sent.")
    if found.alarms:
        head = ("SINCE", "ALARM")
        parts.append(table(head, [(age(alarm.since, now), alarm.title) for alarm in found.alarms]))
    else:
        parts.append("No alarm stands, as far as the last check could see.")
    if not found.readable:
        parts.append(
            f"{paths.notify_config()} may not be read by this user, so channels that were never used are left out."
        )
    return "\n\n".join([*parts, *(clean(problem) for problem in found.problems)])


async def _test(host: Host, args: argparse.Namespace) -> Result:
    service = _service(host)
    done = await service.test(args.channel)
    for problem in service.config().problems:
        _complain(problem)
    return Result(done, outcome(done), undelivered(done))


async def _check(host: Host, _args: argparse.Namespace) -> Result:
    service = _service(host)
    config = service.config()
    for problem in config.problems:
        _complain(problem)
    done = await service.check()
    if not config.channels:
        shown = f"Nobody is told anything: no channel is set up in {paths.notify_config()}."
    else:
        shown = outcome(done) or "Looked at everything; there was nothing to tell."
    return Result(done, shown, undelivered(done) or mistakes(config.problems))


async def _run(host: Host, args: argparse.Namespace) -> Result:
    done = await _service(host).run(args.run, started=args.started)
    for one in done:
        if not one.accepted:
            _complain(f"{one.channel}: not delivered: {one.answer}")
    return Result(done, outcome(done))


def outcome(done: Sequence[Delivery]) -> str:
    """What became of each message, a line each."""
    return "\n".join(
        clean(f"{one.channel}: {'accepted' if one.accepted else 'NOT ACCEPTED'}: {one.title}: {one.answer}")
        for one in done
    )


def undelivered(done: Sequence[Delivery]) -> DPlaneError | None:
    """The error for messages that a server did not take over."""
    failed = [one for one in done if not one.accepted or one.part]
    if not failed:
        return None
    return CommandError(
        f"{len(failed)} of {len(done)} messages were not accepted: "
        + "; ".join(f"{one.channel}: {one.answer.rstrip('.')}" for one in failed)
        + ".",
        "What is an alarm is tried again by the next check.",
    )


def _complain(text: str) -> None:
    print(f"dplane: {clean(text)}", file=sys.stderr, flush=True)
