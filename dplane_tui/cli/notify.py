"""`dplane notify …`: who is told of what, whether it arrives, and the check that a timer runs."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

from .. import paths
from ..aside import aside
from ..errors import BadNewsError, CommandError, DPlaneError, UsageError
from ..services.host import Host
from ..services.notify.model import Delivery, Status
from ..services.notify.service import NotifyService
from ..text import age, clean
from . import notify_add
from . import notify_channels as channels
from .output import Result, table


def add(parser: argparse.ArgumentParser) -> None:
    """Add the verbs."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    verbs.add_parser("list", help="the channels and what each is told").set_defaults(
        handler=channels.show_list, reads=True
    )
    shown = verbs.add_parser("status", help="the last delivery on each channel, and the alarms that stand")
    shown.epilog = "Exit code 3: the last delivery on a channel failed, or the configuration has a mistake."
    shown.set_defaults(handler=_status, reads=True)
    notify_add.add(verbs)
    channels.add(verbs)
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
            f"{host.name} does that by itself, by its own timer and jobs.",
            "From afar its channels can be listed, made, tried and removed, and `dplane notify status` be asked.",
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


async def _status(host: Host, _args: argparse.Namespace) -> Result:
    found = await _read_status(host)
    failed = [state.channel for state in found.channels if state.accepted is False]
    bad: DPlaneError | None = channels.mistakes(found.problems)
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
        parts.append("There is no channel, so nobody is told anything; `dplane notify add` makes one.")
    else:
        parts.append("Nothing was ever sent.")
    if found.alarms:
        head = ("SINCE", "ALARM")
        parts.append(table(head, [(age(alarm.since, now), alarm.title) for alarm in found.alarms]))
    else:
        parts.append("No alarm stands, as far as the last check could see.")
    if not found.readable:
        parts.append(
            f"{paths.notify_config()} may not be read by this user, so channels that were never used are left out; "
            "`dplane notify list` shows them to an administrator."
        )
    return "\n\n".join([*parts, *(clean(problem) for problem in found.problems)])


async def _test(host: Host, args: argparse.Namespace) -> Result:
    done, problems = await channels.send_test(host, args.channel)
    for problem in problems:
        aside(problem)
    return Result(done, outcome(done), undelivered(done))


async def _check(host: Host, _args: argparse.Namespace) -> Result:
    service = _service(host)
    config = service.config()
    for problem in config.problems:
        aside(problem)
    done = await service.check()
    if not config.channels:
        shown = "Nobody is told anything: there is no channel."
    else:
        shown = outcome(done) or "Looked at everything; there was nothing to tell."
    return Result(done, shown, undelivered(done) or channels.mistakes(config.problems))


async def _run(host: Host, args: argparse.Namespace) -> Result:
    done = await _service(host).run(args.run, started=args.started)
    for one in done:
        if not one.accepted:
            aside(f"{one.channel}: not delivered: {one.answer}")
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
