"""`dplane agent`: the far end of a replication, a forced command of sshd; see services/replication/agent.py.

`__main__` calls it directly: a connection should not wait for everything the command line imports.
"""

from __future__ import annotations

import argparse

from ..services.host import Host
from .output import Result


def add(parser: argparse.ArgumentParser) -> None:
    """Its two options."""
    parser.add_argument("--peer", required=True)
    parser.add_argument("--root")
    parser.add_argument("--may-rollback", action="store_true")
    parser.set_defaults(handler=_serve)


async def _serve(_host: Host, args: argparse.Namespace) -> Result:
    from ..services.replication.agent import main

    words = ["--peer", args.peer, *(["--root", args.root] if args.root else [])]
    words += ["--may-rollback"] if args.may_rollback else []
    raise SystemExit(main(words))
