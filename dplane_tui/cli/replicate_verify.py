"""`dplane replicate compare|verify`: what both sides have, by GUID and by content."""

from __future__ import annotations

import argparse
import re
import time
from typing import Any

from .. import text
from ..errors import BadNewsError, UsageError
from ..services.host import Host
from ..services.replication import codec
from ..services.replication.compare import GOOD, Compared, Comparison, Seen
from ..services.replication.content import Checked, Wish
from ..services.replication.looks import check_wish, found_by
from ..services.replication.model import Run
from ..services.replication.service import open_replication
from . import foreground
from .output import Result

_LISTED = 20


def add(verbs: Any) -> None:
    """Add the verbs."""
    both = verbs.add_parser("compare", help="which snapshots only the source, only the target, or both have")
    both.add_argument("name")
    both.set_defaults(handler=_compare, reads=True)
    read = verbs.add_parser("verify", help="read the same snapshot on both sides and compare what is in it")
    read.add_argument("name")
    read.add_argument("--content", action="store_true", help="compare the content of files and volumes by SHA-256")
    read.add_argument("--dataset", metavar="NAME", help="one dataset below the source; . is the source itself (all)")
    read.add_argument("--snapshot", default="", metavar="NAME", help="this one (the newest that both sides have)")
    how = read.add_mutually_exclusive_group()
    how.add_argument("--sample", type=_percent, metavar="N%", help="hash only so many of a hundred files")
    how.add_argument("--whole", action="store_true", help="hash everything (the default)")
    read.add_argument("--seed", default="", metavar="WORD", help="choose the same files as an earlier sample")
    foreground.add(read.add_mutually_exclusive_group())
    read.set_defaults(handler=_verify)


def _percent(value: str) -> int:
    found = re.fullmatch(r"(\d{1,3})%?", value)
    if not found or not 1 <= int(found[1]) <= 100:
        raise argparse.ArgumentTypeError("must be 1% to 100%")
    return int(found[1])


async def _compare(host: Host, args: argparse.Namespace) -> Result:
    found = await open_replication(host).compare(args.name)
    return Result(found, describe_comparison(found), _bad(found))


def _bad(found: Comparison) -> BadNewsError | None:
    stopped = [one for one in found.datasets if one.state not in GOOD]
    if not stopped:
        return None
    return BadNewsError(
        f"{len(stopped)} of {len(found.datasets)} target(s) of {found.task} cannot simply be continued: "
        f"{stopped[0].text}",
        "Nothing happens to it by itself; `dplane replicate run NAME --dry-run` shows what a run would do.",
    )


def describe_comparison(found: Comparison) -> str:
    """A comparison as text."""
    now = time.time()
    lines: list[str] = []
    for one in found.datasets:
        lines += [f"{one.state.upper() if one.state not in GOOD else one.state:<9} {one.dataset} -> {one.target}"]
        lines += [f"          {one.text}", *_points(one, now)]
    lines += [f"beside    {name} at the target belongs to no dataset of the task" for name in found.beside[:_LISTED]]
    return "\n".join(text.clean(line) for line in lines) or "The task has no dataset."


def _points(one: Compared, now: float) -> list[str]:
    lines: list[str] = []
    for what, points in (
        ("only here", one.only_here),
        ("only there", one.only_there),
        ("both", one.both),
        ("bookmark", one.bookmarks),
    ):
        left = len(points) - _LISTED
        lines += [f"          ({left} more, older)  {what}"] if left > 0 else []
        lines += [f"          {_point(point, now)}  {what}" for point in points[-_LISTED:]]
    return lines


def _point(point: Seen, now: float) -> str:
    named = f"@{point.name}" + (f" (there @{point.there})" if point.there else "")
    return f"{named:<40} {text.age(point.taken, now) if point.taken is not None else 'time unknown':<14}"


async def _verify(host: Host, args: argparse.Namespace) -> Result:
    from .replicate import ended, followed

    if not args.content:
        raise UsageError(
            "What is to be verified is not said.",
            "`--content` reads both sides; `dplane replicate compare NAME` compares snapshots only.",
        )
    service = open_replication(host)
    task = await service.task(args.name)
    below = args.dataset
    if below is not None:
        below = "" if below in (".", task.source) else below.removeprefix(f"{task.source}/").strip("/")
    wish = Wish(below, args.snapshot, args.sample or 100, args.seed)
    if args.foreground:
        return ended(await foreground.run_here(service, args.name, "verify", codec.dumps(check_wish(wish))))
    return await followed(host, service, await service.verify(args.name, wish), detach=args.detach, quiet=args.json)


def describe(run: Run) -> list[str]:
    """What a verification found, as lines."""
    found = found_by(run)
    if found is None:
        return []
    sample = f"a sample of {found.percent} % (seed {found.seed})" if found.percent < 100 else "everything"
    lines = [f"hashed    {text.clean(sample)}"]
    for one in found.datasets:
        lines.append(f"{_verdict(one):<9} {text.clean(f'{one.dataset}@{one.snapshot} and {one.target}')}")
        lines.append(f"          {one.items} compared, {one.hashed} by content, {text.size(one.bytes)} read")
        lines += [f"          {text.clean(line)}" for line in (one.problem, one.note) if line]
    lines += [f"differs   {text.clean(f'{item.dataset}: {item.path}: {item.what}')}" for item in found.differences]
    return lines


def _verdict(one: Checked) -> str:
    if one.differing:
        return "DIFFERS"
    return "equal" if one.equal else "UNKNOWN"
