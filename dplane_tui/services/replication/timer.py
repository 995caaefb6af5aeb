"""The timer of a task follows what the store says of its schedule, also when the two have come apart."""

from __future__ import annotations

from dataclasses import fields

from ...errors import DPlaneError
from ..door import Door
from . import schedule
from .model import Options


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
            await door.call("timer-remove", timer=name)
    except DPlaneError as error:
        next_step = f"{error.next_step} {then}".strip()
        raise type(error)(f"systemd could not be told when {task} runs, {kept}: {error.message}", next_step) from None
