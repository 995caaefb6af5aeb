"""`dplane agent`: the far end of a replication, a forced command of sshd; see services/replication/agent.py.

`__main__` calls it directly: a connection should not wait for everything the command line imports.
"""

from __future__ import annotations

import argparse

from ..services.host import Host
from .output import Result


def add(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("--peer", required=True)
    parser.add_argument("--root")
    parser.add_argument("--may-read")
    for flag in ("--may-snapshot", "--may-prune", "--may-rollback"):
        parser.add_argument(flag, choices=("yes",))
    parser.set_defaults(handler=_serve)


async def _serve(_host: Host, args: argparse.Namespace) -> Result:
    from ..services.replication.agent import main

    given = {
        "--peer": args.peer,
        "--root": args.root,
        "--may-read": args.may_read,
        "--may-snapshot": args.may_snapshot,
        "--may-prune": args.may_prune,
        "--may-rollback": args.may_rollback,
    }
    words = [word for pair in given.items() if pair[1] for word in pair]
    raise SystemExit(main(words))
