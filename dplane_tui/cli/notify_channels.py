"""`dplane notify list`, `remove` and `test`: the channels of a box, through the privileged door where need be."""

from __future__ import annotations

import argparse
from typing import Any

from .. import paths
from ..errors import BadNewsError, MissingError, NotAllowedError, RefusedError
from ..services.host import Host
from ..services.notify.channels import ChannelService
from ..services.notify.listed import Listed, Listing, listed
from ..services.notify.model import Delivery
from ..services.notify.service import NotifyService
from ..text import clean, duration
from .confirm import add as confirmable
from .confirm import require
from .output import Result, table

_DOCS = "docs/notifications.md explains it, with samples."


def add(verbs: Any) -> None:
    """Add the verb that removes a channel."""
    gone = confirmable(verbs.add_parser("remove", help="remove a channel that was made here, with its secrets"))
    gone.add_argument("name", metavar="NAME", help="as `dplane notify list` names it")
    gone.set_defaults(handler=_remove)


async def _remove(host: Host, args: argparse.Namespace) -> Result:
    service = ChannelService(host)
    found = next((one for one in (await service.list()).channels if one.name == args.name), None)
    if found is None:
        raise MissingError(f"There is no channel called {clean(args.name, 63)} on {host.name}.", "`dplane notify list`")
    if not found.made:
        raise RefusedError(
            f"{found.name} stands in /etc/dplane/notify.toml, which is its owner's, so it is not removed from here.",
            "Take its section out of that file.",
        )
    text = what_goes(found)
    if args.dry_run:
        return Result({"now": found}, text)
    await require(args, found.name, text)
    await service.remove(found.name)
    return Result(
        {"removed": found}, f"The channel {found.name} of {host.name} is gone; nothing is sent there any more."
    )


def what_goes(found: Listed) -> str:
    """What removing a channel takes away."""
    return (
        f"{found.name} ({found.kind}, {clean(found.where)}) is told nothing any more; its address, password and token "
        "are deleted from the box."
    )


async def show_list(host: Host, _args: argparse.Namespace) -> Result:
    """The channels and what each is told."""
    remind: float | None = None
    try:
        if not host.local:
            raise NotAllowedError("Only that box itself reads its file.")
        config = NotifyService(host).config()
        found, remind = Listing(tuple(map(listed, config.channels)), config.problems), config.remind
    except NotAllowedError:  # the helper has the service read it
        found = await ChannelService(host).list()
    lines = []
    if found.channels:
        rows = [
            (one.name, one.kind, one.where, ", ".join(one.tasks) or "all", one.told, "D-Plane" if one.made else "file")
            for one in found.channels
        ]
        lines.append(table(("CHANNEL", "KIND", "WHERE", "TASKS", "TOLD OF", "MADE IN"), rows))
        lines.append(f"An alarm that goes on is told again after {duration(remind)}." if remind else "")
    elif not found.problems:
        lines.append(f"Nobody is told anything: there is no channel. `dplane notify add` makes one. {_DOCS}")
    lines += [clean(problem) for problem in found.problems]
    return Result(found, "\n".join(filter(None, lines)), mistakes(found.problems))


def mistakes(problems: tuple[str, ...]) -> BadNewsError | None:
    """The error for a configuration that is only partly understood."""
    if not problems:
        return None
    return BadNewsError(" ".join(map(clean, problems)), f"Mend {paths.notify_config()}. {_DOCS}")


async def send_test(host: Host, name: str | None) -> tuple[tuple[Delivery, ...], tuple[str, ...]]:
    """Send a test; what became of it, and mistakes of the configuration where this account may read it."""
    if host.local:
        service = NotifyService(host)
        try:
            return await service.test(name), service.config().problems
        except NotAllowedError:  # the helper has the service send it
            pass
    return await ChannelService(host).test(name), ()
