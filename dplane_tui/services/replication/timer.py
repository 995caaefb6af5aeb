"""The timer of a task follows what the store says of its schedule, also when the two have come apart.

A start that systemd makes outside of the task's hours does not run, and systemd does not make it again: the box may
be off whenever the next one is due. So a timer of its own makes it up when the hours begin, and is taken away then.
"""

from __future__ import annotations

from dataclasses import fields

from ...errors import DPlaneError
from ..door import Door
from . import gaps, rates, schedule
from .model import Options

_SOON = 3600  # a task that starts as often as this starts in its hours, if they are not shorter


def is_meant(before: Options, after: Options, rpo: int | None) -> bool:
    """Whether a change of options is about when the task runs.

    One that changes nothing is: who sets the same schedule again has seen that systemd knows no next run.
    """
    differs = {field.name for field in fields(Options) if getattr(before, field.name) != getattr(after, field.name)}
    return "schedule" in differs or (bool(after.schedule) and rpo is None and differs <= {"window"})


async def follow(door: Door, task: str, options: Options, kept: str, then: str) -> None:
    """Let systemd start the task when its options say so, or not at all. Raises DPlaneError, with the clause `kept`
    about what that means, and what to do `then`, once it is mended."""
    name = schedule.timer(task)
    try:
        if options.schedule:
            await door.call("timer-set", timer=name, when=schedule.parse(options.schedule))
        else:
            await forget(door, task)
    except DPlaneError as error:
        next_step = f"{error.next_step} {then}".strip()
        raise type(error)(f"systemd could not be told when {task} runs, {kept}: {error.message}", next_step) from None


async def forget(door: Door, task: str) -> None:
    """Let systemd start the task no more. Raises DPlaneError."""
    for name in (schedule.timer(task), schedule.catch_up(task)):
        await door.call("timer-remove", timer=name)


def made_up_at(options: Options) -> list[str]:
    """When a start outside of the hours is made up, as the door has it; nothing where another one comes soon anyway."""
    if not options.window:
        return []
    span, gap = rates.parse_span(options.window), gaps.longest_gap(options.schedule)
    length = (span.end - span.start) % rates.DAY * 60
    if not length or (gap is not None and gap <= _SOON and gap < length):
        return []
    return [f"calendar:*-*-* {span.start // 60:02d}:{span.start % 60:02d}:00"]


async def make_up(door: Door, task: str, options: Options) -> bool:
    """Have a start that was outside of the hours made up; returns whether that is needed. Raises DPlaneError."""
    when = made_up_at(options)
    if when:
        await door.call("timer-set", timer=schedule.catch_up(task), when=when)
    return bool(when)


async def forget_missed(door: Door, task: str) -> None:
    """Nothing is to be made up any more. Raises DPlaneError."""
    await door.call("timer-remove", timer=schedule.catch_up(task))
