"""`dplane peer-worker`: the pairing dialogue, run as the user who owns the keys; started by our own machinery."""

from __future__ import annotations

import argparse

from ..services.host import Host
from .output import Result


def add(parser: argparse.ArgumentParser) -> None:
    """No verb of its own."""
    parser.set_defaults(handler=_work)


async def _work(_host: Host, _args: argparse.Namespace) -> Result:
    from ..services.replication.worker import serve

    await serve()
    return Result(None)
