"""`dplane docker-worker`: the child that holds the Docker SDK (started by the console, not by people)."""

from __future__ import annotations

import argparse

from ..services.host import Host
from .output import Result


def add(parser: argparse.ArgumentParser) -> None:
    """Its one option."""
    parser.add_argument("--timeout", type=float, default=20.0, help="seconds the engine has for one answer")
    parser.set_defaults(handler=_serve)


async def _serve(_host: Host, args: argparse.Namespace) -> Result:
    from ..services.docker.worker import main

    main(args.timeout)
    return Result(None)
