"""`dplane schedule …`: scrubs, trims and self-tests by systemd timers, and what came of the last ones."""

from __future__ import annotations

import argparse
import time

from ..errors import BadNewsError
from ..services.host import Host
from ..services.upkeep.model import BAD, FAILED, KINDS, Schedule
from ..services.upkeep.service import UpkeepService
from ..text import age, clean, duration
from .output import Result, table


def add(parser: argparse.ArgumentParser) -> None:
    """Its verbs."""
    parser.epilog = "Exit code 3: the last one found errors, or could not be started."
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    listing = verbs.add_parser("list", help="timers with next and last start, and what pool and disks tell of the last")
    listing.set_defaults(handler=_list, reads=True)
    give = verbs.add_parser(
        "set", help="start it at these times: scrub tank 'monthly 1 03:00', smart-short 'daily 02:00'"
    )
    give.add_argument("kind", choices=KINDS)
    give.add_argument("words", nargs="+", metavar="[POOL] WHEN")
    give.set_defaults(handler=_set)
    unset = verbs.add_parser("unset", help="start it no more")
    unset.add_argument("kind", choices=KINDS)
    unset.add_argument("pool", nargs="?", default="")
    unset.set_defaults(handler=_unset)


async def _list(host: Host, _args: argparse.Namespace) -> Result:
    found = await UpkeepService(host).list()
    if not found:
        return Result(found, "Nothing is planned; `dplane schedule set scrub tank 'monthly 1 03:00'` does.")
    now = time.time()
    text = table(("WHAT", "WHEN", "NEXT", "LAST", "RESULT"), [row(one, now) for one in found])
    notes = [
        f"{one.timer}: {one.start.message}" for one in found if one.start is not None and one.start.state != "started"
    ]
    return Result(found, "\n".join([text, *map(clean, notes)]), bad_news(found))


def row(one: Schedule, now: float) -> tuple[str, ...]:
    """One line of the list."""
    due = f"in {duration(max(0.0, one.next_run - now))}" if one.next_run is not None else "unknown"
    result = f"{one.outcome.state.upper() if one.outcome.state == BAD else one.outcome.state}: {one.outcome.text}"
    return f"{one.kind} {one.pool}".strip(), one.when, due, age(one.last_run, now), result


def bad_news(found: tuple[Schedule, ...]) -> BadNewsError | None:
    """The error when one ended badly or could not start."""
    for one in found:
        if one.outcome.state == BAD:
            return BadNewsError(f"{one.timer}: {one.outcome.text}.")
        if one.start is not None and one.start.state == FAILED:
            return BadNewsError(f"{one.timer} could not be started: {clean(one.start.message)}")
    return None


async def _set(host: Host, args: argparse.Namespace) -> Result:
    *pool, when = args.words
    done = await UpkeepService(host).set(args.kind, " ".join(pool), when)
    at = time.strftime("%Y-%m-%d %H:%M", time.localtime(done.next_run))
    return Result(
        done, clean(f"{done.timer} starts next at {at} ({done.when}); what the box sleeps through is caught up.")
    )


async def _unset(host: Host, args: argparse.Namespace) -> Result:
    timer = await UpkeepService(host).unset(args.kind, args.pool)
    return Result({"removed": timer}, clean(f"{timer} is not started any more."))
