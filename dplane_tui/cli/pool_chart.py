"""`dplane pool chart|temperatures`: how full a pool was and when it will be full; how warm its disks were."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from ..services.host import Host
from ..text import duration
from .output import Result

if TYPE_CHECKING:
    from ..services.capacity.model import History

_WIDTH, _HEIGHT = 60, 8


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """These verbs."""
    shown = verbs.add_parser("chart", help="how full a pool was over time, and when it will be full")
    shown.add_argument("pool")
    shown.set_defaults(handler=_chart, reads=True)
    warm = verbs.add_parser("temperatures", help="how warm the disks were over time")
    warm.add_argument("disk", nargs="?", default="", help="only this one, by its name under /dev/disk/by-id")
    warm.set_defaults(handler=_temperatures, reads=True)


async def _chart(host: Host, args: argparse.Namespace) -> Result:
    from ..services.capacity.service import history
    from ..services.capacity.words import sentences

    found = await history(host, args.pool)
    now = time.time()
    return Result(found, "\n".join([*sentences(found, now), *drawn(found, now)]))


def drawn(found: History, now: float) -> list[str]:
    """The pool as a chart in ASCII, from empty to full; nothing before two samples."""
    from ..services.capacity.series import spread
    from ..widgets.chart import ASCII, chart, widened

    past = [one for one in found.samples if one.at <= now]
    if len(past) < 2:
        return []
    values, span = spread([(one.at, one.allocated) for one in past], now, _WIDTH)
    shown = widened(values, _WIDTH)
    lines = chart(shown, _WIDTH, _HEIGHT, ASCII, top=float(past[-1].size))
    marks = ["100 %", *[""] * (_HEIGHT - 2), "  0 %"]
    left = f"{duration(span).split(' ')[0]} ago"
    below = f"{left}{'now'.rjust(max(4, len(shown) - len(left)))}"
    return ["", *(f"{mark:>5} |{line}".rstrip() for mark, line in zip(marks, lines, strict=True)), f"{'':>6} {below}"]


async def _temperatures(host: Host, args: argparse.Namespace) -> Result:
    from ..services.capacity.service import warmth
    from ..services.capacity.words import warm_words

    found = await warmth(host, args.disk)
    now = time.time()
    text = "\n".join(warm_words(one, now) for one in found)
    return Result(found, text or "No temperature of a disk was noted yet: that happens when SMART is read.")
