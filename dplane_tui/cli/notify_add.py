"""`dplane notify add`: a channel from words of the command line, and what is secret in it from a person or a pipe."""

from __future__ import annotations

import argparse
from typing import Any

from ..errors import RefusedError, UsageError
from ..services.host import Host
from ..services.notify.channels import ChannelService
from ..services.notify.model import MAIL
from ..services.notify.wanted import KINDS, Wanted, check
from ..text import clean
from .ask import ask_line, can_ask, read_lines
from .output import Result

_OF_MAIL = ("server", "security", "port", "from", "to", "user")


def add(verbs: Any) -> None:
    """Add the verb."""
    new = verbs.add_parser("add", help="make a channel: mail, ntfy, a webhook or a ping")
    new.description = "Make a channel. An address, a password and a token are asked for, never an argument."
    new.epilog = "The role admin is needed. What the owner wrote in notify.toml stays as it is."
    new.add_argument("what", metavar="KIND", choices=KINDS, help=", ".join(KINDS))
    new.add_argument("name", metavar="NAME", help="how you call it: letters, digits and _ . -")
    mail = new.add_argument_group("mail")
    mail.add_argument("--server", metavar="HOST", help="the mail server")
    mail.add_argument("--security", choices=("starttls", "tls", "none"), help="starttls, if nothing is given")
    mail.add_argument("--port", type=int, metavar="NUMBER", help="if not the usual one")
    mail.add_argument("--from", dest="sender", metavar="ADDRESS", help="the sender")
    mail.add_argument("--to", action="append", metavar="ADDRESS", help="who gets it; can be given several times")
    mail.add_argument("--user", metavar="USER", help="who logs in at the server; the password is asked for")
    new.add_argument("--token", action="store_true", help="ntfy, webhook: a token is asked for as well")
    new.add_argument("--event", action="append", metavar="EVENT", help="told of this only; can be given several times")
    new.add_argument("--task", action="append", metavar="TASK", help="of this task only; can be given several times")
    new.add_argument("--replace", action="store_true", help="in place of the channel of that name that was made before")
    new.add_argument(
        *("--secret-stdin", "--stdin"),
        dest="stdin",
        action="store_true",
        help="the address and the token, or the password, are lines of standard input",
    )
    new.set_defaults(handler=_add)


async def _add(host: Host, args: argparse.Namespace) -> Result:
    wanted = await _with_secrets(args, _from_words(args))
    found = await ChannelService(host).add(wanted)
    lines = [
        f"The channel {found.name} of {host.name} is set up: {clean(found.kind)}, {clean(found.where)}.",
        f"It is told of: {clean(found.told)}. `dplane notify test {found.name}` shows whether it arrives.",
    ]
    return Result(found, "\n".join(lines))


def _from_words(args: argparse.Namespace) -> dict[str, Any]:
    """What the command line says of the channel. Raises UsageError for what its kind does not take, or lacks."""
    given = {key: getattr(args, "sender" if key == "from" else key) for key in _OF_MAIL}
    if args.what != MAIL:
        wrong = next((key for key in _OF_MAIL if given[key] is not None), None)
        if wrong:
            raise UsageError(f"--{wrong} belongs to mail, and this is a channel of the kind {args.what}.")
    else:
        lacks = [f"--{key}" for key in ("server", "from", "to") if not given[key]]
        if lacks:
            raise UsageError(
                f"A mail channel needs {' and '.join(lacks)}.", "`dplane notify add --help` explains them."
            )
        if args.token:
            raise UsageError("--token is for ntfy and webhook; a mail server wants --user and its password.")
    return {
        "kind": args.what,
        "name": args.name,
        "server": args.server or "",
        "security": args.security or "",
        "port": args.port,
        "sender": args.sender or "",
        "to": tuple(args.to or ()),
        "user": args.user or "",
        "events": tuple(args.event or ()),
        "tasks": tuple(args.task or ()),
        "replace": args.replace,
    }


async def _with_secrets(args: argparse.Namespace, words: dict[str, Any]) -> Wanted:
    """The channel with what is no argument. Raises UsageError where nobody can be asked, RefusedError."""
    mail = args.what == MAIL
    asked = [("The address", False)] if not mail else []
    asked += [("The token", True)] if args.token else []
    asked += [(f"The password of {clean(args.user)}", True)] if mail and args.user else []
    if args.stdin:
        answers = [line.rstrip("\r\n") for line in await read_lines(len(asked))] if asked else []
    elif asked and (args.json or not can_ask()):
        raise UsageError(
            f"{asked[0][0]} has to be typed, and there is no terminal to ask on.",
            "Give it as a line of standard input, with `--secret-stdin`.",
        )
    else:
        answers = [await ask_line(f"{what}: ", secret=secret) for what, secret in asked]
    for (what, _), answer in zip(asked, answers, strict=True):
        if not answer:
            raise RefusedError(f"{what} was not given, so nothing was done.")
    url = "" if mail else answers.pop(0)
    wanted = Wanted(**words, url=url, secret=answers[0] if answers else "")
    check(wanted)
    return wanted
