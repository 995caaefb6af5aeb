"""What a task that is there does not do of what a task for the same two places would do. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ...text import clean
from . import gaps, rates
from .model import Task


def lacks(there: Task, wanted: Task) -> tuple[str, ...]:
    """What `wanted` does and `there` does not, clauses about `there`; what it does beyond that is not asked."""
    return (*_starts(there, wanted), *_takes(there, wanted), *_sends(there, wanted))


def _starts(there: Task, wanted: Task) -> Iterator[str]:
    ours, asked = there.options, wanted.options
    if ours.paused:
        yield f"it is paused (`dplane replicate resume {there.name}`)"
    if asked.schedule and not ours.schedule:
        yield f"it has no schedule, the line {asked.schedule}"
    elif asked.schedule and not gaps.as_often(ours.schedule, asked.schedule):
        yield f"it runs {ours.schedule}, the line {asked.schedule}"
    if ours.window and ours.window != asked.window:
        yield f"it starts only at {ours.window}"


def _takes(there: Task, wanted: Task) -> Iterator[str]:
    ours, asked = there.options, wanted.options
    if not wanted.recursive:
        return
    if not there.recursive:
        yield f"it copies nothing below its source (`dplane replicate set {there.name} --recursive`)"
        return
    if out := [one for one in ours.exclude if one not in asked.exclude]:
        yield f"it leaves out {clean(', '.join(out), 100)}"
    if ours.include and ours.include != asked.include:
        yield f"it takes only {clean(', '.join(ours.include), 100)}"


def _sends(there: Task, wanted: Task) -> Iterator[str]:
    ours, asked = there.options, wanted.options
    if wanted.snapshot and not there.snapshot:
        yield "it takes no snapshot of its own"
    if asked.intermediates and not ours.intermediates:
        yield "it leaves out the snapshots between two runs"
    if asked.initial == "all" and ours.initial != "all":
        yield "its first run brings only the newest snapshot"
    if wanted.raw and there.raw is False:
        yield "it sends what is encrypted decrypted, the line as it is on disk"
    if rates.parse(ours.limit).holds_all():
        yield f"its limit of {ours.limit} holds every stream"
    elif asked.limit and rates.parse(ours.limit) != rates.parse(asked.limit):
        yield f"its limit is {ours.limit or 'none'}, the line's {asked.limit}"
