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
    confirm.add(one).set_defaults(handler=_adopt)


def tell(seen: adopt.Adoption) -> str:
    """What it means, before it is done."""
    below = f" and the {len(seen.below)} dataset(s) below it" if seen.below else ""
    newest = f", newest of its own @{seen.newest}" if seen.newest else ""
    lines = [
        f"{seen.dataset}{below} would be copies of the peer {seen.peer}, with {seen.snapshots} snapshot(s){newest}.",
        "It may then add to them and read them back. They become read-only here, and programs and devices in them are "
        "not run; nothing is destroyed.",
    ]
    if seen.owner == seen.peer:
        lines.append("It is marked for that peer already.")
    elif seen.owner:
        lines.append(
            f"It belongs to the peer {seen.owner}: that is refused. If that box is lost for good, give it away first: "
            f"`dplane dataset set {seen.dataset} dplane:peer={seen.peer}`."
        )
    if not seen.newest:
        lines.append("It has no snapshot, so there is nothing that a copy could go on from.")
    if seen.written:
        lines.append(
            f"{text.size(seen.written)} were written to it since its newest snapshot. A receive refuses that until "
            "it is taken back to the snapshot, which loses what was written."
        )
    if seen.mounted:
        lines.append(f"Mounted now: {', '.join(seen.mounted[:5])}{' …' if len(seen.mounted) > 5 else ''}.")
    return "\n".join(text.clean(line) for line in lines)


async def _adopt(host: Host, args: argparse.Namespace) -> Result:
    seen = await adopt.look(host, args.name, args.dataset)
    if args.dry_run:
        return Result(seen, tell(seen))
    await confirm.require(args, seen.dataset, tell(seen))
    after = await adopt.adopt(host, seen)
    return Result(
        after, text.clean(f"{after.dataset} is the peer {after.owner}'s now; its next run can go on from it.")
    )
