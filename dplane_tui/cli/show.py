"""`dplane show`: the console's screens as text, once, for screen readers and pipes."""

from __future__ import annotations

import argparse

from ..errors import UsageError
from ..plain import SCREENS, keys_page, screen
from ..services.bundle import Services
from ..services.host import Host
from ..text import clean
from .output import Result

_NAMES = (*SCREENS, "keys")


def add(parser: argparse.ArgumentParser) -> None:
    """It has no verbs; without a name it shows all it has."""
    parser.add_argument("screen", nargs="*", metavar="SCREEN", help=", ".join(_NAMES))
    parser.epilog = (
        "A line is one thing: no drawing, no colour, nothing left out. A screen that cannot be read says why."
    )
    parser.set_defaults(handler=_show, reads=True)


async def everything(host: Host, _args: argparse.Namespace) -> Result:
    """Every screen: what `dplane` alone comes to where no console can be drawn."""
    return await shown(host, SCREENS)


async def _show(host: Host, args: argparse.Namespace) -> Result:
    for name in args.screen:
        if name not in _NAMES:
            raise UsageError(f"There is no screen “{clean(name, 40)}”. There are: {', '.join(_NAMES)}.")
    return await shown(host, tuple(args.screen) or SCREENS)


async def shown(host: Host, names: tuple[str, ...]) -> Result:
    """The screens called `names`; the first error met is the result's, after what could be read."""
    services = Services(host)
    pages = {name: keys_page() if name == "keys" else await screen(name, services) for name in names}
    errors = [error for page in pages.values() for error in page.errors]
    text = "\n\n".join("\n".join(page.lines) for page in pages.values())
    return Result({name: page.lines for name, page in pages.items()}, text, errors[0] if errors else None)
