"""Who is told of alarms, whether it arrived, which alarms stand, what the store has to say; channels are changed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import DPlaneError
from ..services.notify.listed import Listed, Listing
from ..services.notify.model import ChannelState, Status
from ..text import ago, clean
from ..widgets.dialogs import Reader, ask
from ..widgets.layout import Pieces

if TYPE_CHECKING:
    from ..app import Console

_KEYS = "n new channel   e test   d remove   Esc close"
_SETUP = (
    "An administrator makes, tries and removes channels here, or with `dplane notify`. What the owner wrote in "
    "/etc/dplane/notify.toml is changed in that file; `sudo dplane notify list` tells its mistakes."
)


async def show_notified(console: Console) -> None:
    """Read it and show it, again after each act. Raises DPlaneError when it cannot be read."""
    from .notified_acts import ACTS

    done: Pieces = ()
    while True:
        console.say("Asking who is told of alarms…", "dim")
        found = await console.services.notified()
        listing, why = await _listing(console, found)
        try:
            notices, problem = await console.services.notices_told(), ""
        except DPlaneError as error:
            notices, problem = (), str(error)
        console.say("")
        lines = notified_lines(found, notices, problem, time.time(), listing)
        lines = [*([done, []] if done else []), *([[(why, "unknown")], []] if why else []), *lines]
        below = _KEYS if console.role == "admin" and not console.read_only else ""
        key = await ask(console, Reader("Who is told of alarms", lines, tuple(ACTS), below))
        if key is None:
            return
        try:
            said, role = await ACTS[key](console, listing)
        except DPlaneError as error:
            said, role = str(error), "bad"
        done = [(said, role)] if said else ()
        if said:
            console.log_book.said(console.host_name, said, role)


async def _listing(console: Console, found: Status) -> tuple[Listing | None, str]:
    """The channels as the door tells an administrator whose own account may not read them; and why not."""
    if found.readable or console.role != "admin":
        return None, ""
    try:
        return await console.services.channels.list(), ""
    except DPlaneError as error:
        return None, str(error)


def notified_lines(
    found: Status, notices: Sequence[tuple[float, str]], problem: str, now: float, listing: Listing | None = None
) -> list[Pieces]:
    """Mistakes first, then the channels, the alarms, the notices; `problem` says why those are not known."""
    problems = found.problems if listing is None else listing.problems
    lines: list[Pieces] = [[(clean(text), "bad")] for text in problems]
    lines += [[], *_channels(found, now, listing, told=bool(problems))]
    lines += [[], [(f"Alarms that stand: {len(found.alarms) or 'none that a check has seen'}", "caption")]]
    for alarm in found.alarms:
        lines.append([(f"  since {ago(alarm.since, now)}: ", "dim"), (alarm.title, "bad")])
    lines += [
        [],
        [(f"What the store has to say: {len(notices) or 'nothing' if not problem else 'unknown'}", "caption")],
    ]
    lines += [[(f"  {problem}", "unknown")]] if problem else []
    lines += [[(f"  {ago(at, now)}: ", "dim"), (text, "warn")] for at, text in notices]
    return [*(lines if problems else lines[1:]), [], [(_SETUP, "dim")]]


def _channels(found: Status, now: float, listing: Listing | None, *, told: bool) -> list[Pieces]:
    states = {one.channel: one for one in found.channels}
    shown: list[tuple[ChannelState, Listed | None]] = [(one, None) for one in found.channels]
    if listing is not None:
        shown = [
            (states.get(one.name, ChannelState(one.name)).of_one_made(one.since, now), one) for one in listing.channels
        ]
    known = found.readable or listing is not None
    lines: list[Pieces] = [[(f"Channels: {len(shown) or ('none' if known else 'not known')}", "caption")]]
    for state, one in shown:
        lines += _channel(state, now)
        if one is not None:
            where = "made here" if one.made else "in notify.toml"
            lines.append([("    ", "text"), (f"{one.kind}, {clean(one.where)}; {where}", "dim")])
    if not shown and known and not told:
        lines.append([("Nobody is told anything: an alarm is seen only by whoever looks here.", "warn")])
    if not known:
        lines.append([("This account may not read which there are, so those never used are left out.", "unknown")])
    return lines


def _channel(one: ChannelState, now: float) -> list[Pieces]:
    if one.accepted is None:
        return [[(f"  {one.channel}: ", "strong"), ("nothing was sent on it yet", "unknown")]]
    word, role = ("accepted", "good") if one.accepted else ("NOT ACCEPTED", "bad")
    told = f", {ago(one.tried, now)}: {one.title}" if one.title else f", {ago(one.tried, now)}"
    lines: list[Pieces] = [[(f"  {one.channel}: ", "strong"), (word, role), (told, "text")]]
    if not one.accepted:
        before = f"the last one that was taken: {ago(one.last_accepted, now)}; {one.failures} failed since"
        lines += [[("    ", "text"), (one.answer, "text")], [("    ", "text"), (before, "dim")]]
    return lines
