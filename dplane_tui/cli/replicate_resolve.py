"""`dplane replicate resolve`: what a target that went its own way has, and the ways out."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import Any

from .. import text
from ..errors import MissingError, RefusedError, UsageError
from ..services.host import Host
from ..services.replication.divergence import BESIDE, KEEP_BOTH, ROLL_BACK, Divergence, Extra, Resolution, Way
from ..services.replication.service import open_replication
from .ask import ask_line, can_ask
from .output import Result, say

_NAMED = 10


def add(verbs: Any) -> None:
    """Add the verb."""
    out = verbs.add_parser("resolve", help="why a target cannot be continued, and the ways out")
    out.add_argument("name", help="the task")
    out.add_argument("--dataset", metavar="DATASET", help="which one, when several are in conflict")
    how = out.add_mutually_exclusive_group()
    how.add_argument("--keep-both", action="store_true", help="rename the target's side aside and send afresh")
    how.add_argument(
        "--roll-back", action="store_true", help="destroy at the target what came after the common snapshot"
    )
    how.add_argument("--beside", metavar="TARGET", help="give the task a new target and send everything there")
    how.add_argument("--dry-run", action="store_true", help="only show them")
    out.add_argument("--plan", metavar="HASH", help="the way out's plan, as it was shown: for scripts, with --yes")
    out.add_argument("--yes", action="store_true", help="do not ask; needs --plan")
    out.set_defaults(handler=_resolve)


async def _resolve(host: Host, args: argparse.Namespace) -> Result:
    service = open_replication(host)
    found = await service.conflicts(args.name)
    way = KEEP_BOTH if args.keep_both else ROLL_BACK if args.roll_back else BESIDE if args.beside else ""
    if not way:
        chosen = [one for one in found if args.dataset in (None, one.dataset)]
        shown = "\n\n".join(describe(one) for one in chosen) or f"Nothing of {args.name} is in conflict."
        return Result(chosen, shown)
    one = _chosen(found, args.dataset, args.name)
    taken = next((each for each in one.ways if each.way == way), None)
    if taken is None or not taken.possible:
        why = taken.text if taken is not None else "it does not help here"
        raise RefusedError(f"--{way} cannot be taken for {text.clean(one.dataset)}: {why}.", "The other ways may be.")
    plan = await _agreed(args, one, taken)
    run = await service.resolve(args.name, Resolution(way, one.dataset, plan, args.beside or ""))
    return Result(run, text.clean(run.message))


def _chosen(found: Sequence[Divergence], dataset: str | None, name: str) -> Divergence:
    matching = [one for one in found if dataset in (None, one.dataset)]
    if not matching:
        what = text.clean(dataset) if dataset else f"Nothing of {text.clean(name)}"
        raise MissingError(f"{what} is {'not ' if dataset else ''}in conflict.", "`dplane replicate run` goes on.")
    if len(matching) > 1:
        raise UsageError(
            f"{len(matching)} datasets are in conflict: {', '.join(text.clean(one.dataset) for one in matching[:5])}.",
            "Name one with --dataset.",
        )
    return matching[0]


async def _agreed(args: argparse.Namespace, one: Divergence, way: Way) -> str:
    """The plan that the person, or their script, has agreed to."""
    if args.yes:
        if args.plan is None:
            raise UsageError("--yes needs the plan that was shown.", f"Look first; then give --plan {way.plan} --yes.")
        return str(args.plan)
    if args.plan is not None and args.plan != way.plan:
        raise RefusedError("That is not the plan of this way out (any more), so nothing was done.", "Look again.")
    if args.json or not can_ask():
        raise UsageError(
            "This needs a confirmation, and there is no terminal to ask on.",
            f"Look at it first with --dry-run; then give --plan {way.plan} --yes.",
        )
    say(f"{describe(one)}\n\nChosen: {_way(way)}", beside=True)
    if await ask_line(f"Type {text.clean(one.target)} to go on: ") != one.target:
        raise RefusedError("That is not the target's name, so nothing was done.")
    return way.plan


def describe(one: Divergence) -> str:
    """One conflict as text."""
    now = time.time()
    lines = [
        f"dataset   {text.clean(one.dataset)} -> {text.clean(one.target)}",
        f"conflict  {text.clean(one.text)}",
    ]
    if one.since:
        lines.append(f"common    @{text.clean(one.since)}, taken {text.age(one.since_created, now)}")
    elif one.target_guid:
        lines.append("common    no snapshot that both sides have")
    if one.target_guid:
        lines.append(f"target    {_side(one.only_target, now)}; {_size(one.written)} written since its newest snapshot")
        lines.append(f"source    {_side(one.only_source, now)}")
    for way in one.ways:
        lines += [f"way out   {_way(way)}", *([f"          plan {way.plan}"] if way.possible else [])]
    return "\n".join(lines)


def _way(way: Way) -> str:
    if not way.possible:
        return f"--{way.way}: not now: {text.clean(way.text)}"
    parts = [text.clean(way.text), f"the next run then sends about {_size(way.sends)}"]
    if way.destroys:
        more = f" and {len(way.destroys) - _NAMED} more" if len(way.destroys) > _NAMED else ""
        parts.append(f"destroys {', '.join(text.clean(name) for name in way.destroys[:_NAMED])}{more}")
    if way.loses != 0:
        parts.append(f"{_size(way.loses)} that were written there are lost")
    return f"--{way.way}: {'; '.join(parts)}"


def _side(extras: Sequence[Extra], now: float) -> str:
    if not extras:
        return "no snapshot that only it has"
    shown = ", ".join(
        f"@{text.clean(one.name)} ({text.age(one.created, now)}"
        + (f", {_size(one.written)} written" if one.written is not None else "")
        + (", held)" if one.held else ")")
        for one in extras[:_NAMED]
    )
    more = f" and {len(extras) - _NAMED} more" if len(extras) > _NAMED else ""
    return f"{len(extras)} snapshot(s) that only it has: {shown}{more}"


def _size(count: int | None) -> str:
    return "an unknown number of bytes" if count is None else text.size(count)
