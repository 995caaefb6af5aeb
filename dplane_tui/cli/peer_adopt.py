"""`dplane peer adopt`: let a paired box go on with a copy here that another tool made."""

from __future__ import annotations

import argparse
from typing import Any

from .. import text
from ..services.host import Host
from ..services.replication import adopt
from . import confirm
from .output import Result


def add(verbs: Any) -> None:
    """Add the verb."""
    one = verbs.add_parser("adopt", help="let a paired box go on with a copy here that syncoid or another tool made")
    one.add_argument("name", help="the box, as it is let in here (its own name and a mark)")
    one.add_argument("dataset")
    one.add_argument(
        "--from",
        dest="former",
        default="",
        metavar="PEER",
        help="take it, and what is below, from a box that is lost: its name as it is marked here",
    )
    confirm.add(one).set_defaults(handler=_adopt)


def tell(seen: adopt.Adoption) -> str:
    """What it means, before it is done."""
    return "\n".join(text.clean(line) for line in adopt.meaning(seen))


async def _adopt(host: Host, args: argparse.Namespace) -> Result:
    seen = await adopt.look(host, args.name, args.dataset, args.former)
    if args.dry_run:
        return Result(seen, tell(seen))
    await confirm.require(args, seen.dataset, tell(seen))
    after = await adopt.adopt(host, seen)
    return Result(
        after, text.clean(f"{after.dataset} is the peer {after.owner}'s now; its next run can go on from it.")
    )
