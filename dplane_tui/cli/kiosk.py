"""`dplane kiosk …`: the console on the box's own screen or serial line, in place of its login prompt."""

from __future__ import annotations

import argparse

from ..errors import BadNewsError, MissingError, RefusedError
from ..line import seconds
from ..services.host import Host
from ..services.kiosk import Kiosk, KioskService, Preview, Setup
from ..text import clean, duration
from .confirm import add as confirmable
from .confirm import require
from .output import Result, table


def add(parser: argparse.ArgumentParser) -> None:
    """Add the verbs."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    on = confirmable(verbs.add_parser("enable", help="put the console on a terminal, now and at every start"))
    on.add_argument("terminal", metavar="TERMINAL", help="tty1 (the box's screen), ttyS0, ttyAMA0, ttyUSB0 …")
    on.add_argument("--speed", type=int, metavar="BITS", help="bits a second of a serial line (as it is)")
    on.add_argument("--view-only", action="store_true", help="nobody can sign in there")
    on.add_argument("--lock-after", metavar="TIME", help="a session ends after this time without a key (5m)")
    on.add_argument("--yes", action="store_true", help="also where it is the last place on the box to log in at")
    on.set_defaults(handler=_enable)
    off = confirmable(verbs.add_parser("disable", help="give the terminal its login prompt back"))
    off.add_argument("terminal", metavar="TERMINAL", help="as `dplane kiosk status` names it")
    off.set_defaults(handler=_disable)
    status = verbs.add_parser("status", help="which terminals have a console, as systemd tells it")
    status.epilog = "Exit code 3: one is not as it was set up."
    status.set_defaults(handler=_status, reads=True)


async def _enable(host: Host, args: argparse.Namespace) -> Result:
    service = KioskService(host)
    lock_after = seconds(args.lock_after) if args.lock_after else None
    if lock_after == 0:
        raise RefusedError("A session on a terminal that everybody can reach always ends; give a time up to 24h.")
    setup = Setup(args.terminal, args.speed, lock_after, args.view_only, args.yes)
    found = await service.preview(setup)
    text = told(found, setup)
    if args.dry_run:
        return Result({"preview": found}, text)
    if not found.stays and not args.yes:
        raise RefusedError(
            f"{args.terminal} is the last place on {host.name} where one can log in without the network, so it stays.",
            "Give --yes if SSH is enough for you.",
        )
    await require(args, args.terminal, text)
    now = await service.enable(setup)
    return Result(now, f"The console is on {now.terminal} of {host.name}: {_words(now)}. Back: {_back(now.terminal)}")


def _back(terminal: str) -> str:
    return f"`dplane kiosk disable {terminal}`."


def told(found: Preview, setup: Setup) -> str:
    """What will be so, as a person should read it before. Pure."""
    terminal = found.terminal
    lines = [f"The console comes to {terminal}, now and at every start."]
    if found.on:
        lines = [f"The console on {terminal} starts again with these settings; who is signed in there is signed out."]
    else:
        lines.append(f"The login prompt there ({clean(found.takes)}) goes away.")
        if found.login_now:
            lines.append("Whoever is logged in there now is logged out.")
    if setup.view_only:
        lines.append("It shows how the box is to everybody who can see it, and nobody can sign in there.")
    else:
        lines.append("It shows how the box is to everybody who can see it; who signs in there acts by their own role.")
    if found.stays:
        lines.append(f"One can still log in at {', '.join(map(clean, found.stays))} (Alt and an F-key on a screen).")
    else:
        lines.append("No other place is left to log in at without the network.")
    lines.append(f"To have the login prompt back: {_back(terminal)}")
    return "\n".join(lines)


async def _disable(host: Host, args: argparse.Namespace) -> Result:
    service = KioskService(host)
    found = next((one for one in await service.list() if one.terminal == args.terminal), None)
    if found is None:
        raise MissingError(
            f"There is no console of ours on {clean(args.terminal)} of {host.name}.", "`dplane kiosk status`"
        )
    text = f"The console leaves {found.terminal} and the login prompt comes back."
    if found.state == "signed-in":
        text += f" {clean(found.user)}, who is signed in there, is signed out."
    if args.dry_run:
        return Result({"now": found}, text)
    await require(args, args.terminal, text)
    getty = await service.disable(args.terminal)
    return Result({"login": getty}, f"{found.terminal} of {host.name} has its login prompt back ({clean(getty)}).")


async def _status(host: Host, _args: argparse.Namespace) -> Result:
    found = await KioskService(host).list()
    if not found:
        return Result(
            (), f"No terminal of {host.name} has a console; `dplane kiosk enable tty1` puts one on its screen."
        )
    rows = [
        (
            one.terminal,
            f"signed in: {one.user}" if one.state == "signed-in" else one.state,
            "yes" if one.enabled else "no",
            "nobody" if one.view_only else f"by password, {duration(one.lock_after)}",
            str(one.speed or "-"),
            str(one.restarts),
        )
        for one in found
    ]
    text = table(("TERMINAL", "STATE", "AT START", "SIGN IN", "SPEED", "RESTARTS"), rows)
    broken = [one for one in found if not one.works]
    if not broken:
        return Result(found, text)
    units = " ".join(one.unit for one in broken)
    said = ", ".join(f"the console on {one.terminal} is {one.state}" for one in broken)
    return Result(found, f"{text}\n`journalctl -u {units}` says more.", BadNewsError(f"{said}."))


def _words(one: Kiosk) -> str:
    way = "it only shows" if one.view_only else f"U signs in, {duration(one.lock_after)} without a key signs out"
    return f"{one.unit} is {one.state}, {way}"
