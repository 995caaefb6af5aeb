"""Who is told of alarms, whether it arrived, which alarms stand, and what the store has to say. Only shown here."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import DPlaneError
from ..services.notify.model import ChannelState, Status
from ..text import ago
from ..widgets.dialogs import Reader, ask
from ..widgets.layout import Pieces

if TYPE_CHECKING:
    from ..app import Console

_SETUP = (
    "Channels stand in /etc/dplane/notify.toml, which is root's: `sudo dplane notify list` tells its mistakes, `sudo "
    "dplane notify test` sends a test to each."
)


async def show_notified(console: Console) -> None:
    """Read it and show it. Raises DPlaneError when it cannot be read."""
    console.say("Asking who is told of alarms…", "dim")
    found = await console.services.notified()
    try:
        notices, problem = await console.services.notices_told(), ""
    except DPlaneError as error:
        notices, problem = (), str(error)
    console.say("")
    await ask(console, Reader("Who is told of alarms", notified_lines(found, notices, problem, time.time())))


def notified_lines(found: Status, notices: Sequence[tuple[float, str]], problem: str, now: float) -> list[Pieces]:
    """Mistakes first, then the channels, the alarms, the notices; `problem` says why those are not known."""
    lines: list[Pieces] = [[(text, "bad")] for text in found.problems]
    count = len(found.channels) or ("none" if found.readable else "not known")
    lines += [[], [(f"Channels: {count}", "caption")]]
    for one in found.channels:
        lines += _channel(one, now)
    if not found.channels and found.readable and not found.problems:
        lines.append([("Nobody is told anything: an alarm is seen only by whoever looks here.", "warn")])
    if not found.readable:
        lines.append([("This account may not read which there are, so those never used are left out.", "unknown")])
    lines += [[], [(f"Alarms that stand: {len(found.alarms) or 'none that a check has seen'}", "caption")]]
    for alarm in found.alarms:
        lines.append([(f"  since {ago(alarm.since, now)}: ", "dim"), (alarm.title, "bad")])
    lines += [
        [],
        [(f"What the store has to say: {len(notices) or 'nothing' if not problem else 'unknown'}", "caption")],
    ]
    lines += [[(f"  {problem}", "unknown")]] if problem else []
    lines += [[(f"  {ago(at, now)}: ", "dim"), (text, "warn")] for at, text in notices]
    return [*(lines if found.problems else lines[1:]), [], [(_SETUP, "dim")]]


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
