"""Whether what a run would send fits: each dataset by what its place at the target may still take. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from ... import text
from ...errors import NoSpaceError
from .model import Plan, Step
from .read import Side

_PLACE = ""  # stands for the nearest level that is there, when the task's target is not


def fitting(plan: Plan, there: Side, where: str) -> tuple[Plan, dict[str, NoSpaceError]]:
    """The plan without the datasets that do not fit, and why, by their names; those that come first are served first.

    What lies below one that does not fit is judged for itself where its place is there. An unknown size counts nothing.
    """
    room = {name: dataset.number("available") for name, dataset in there.items()} or {_PLACE: plan.available}
    chosen: list[Step] = []
    short: dict[str, NoSpaceError] = {}
    for dataset, group in groupby(plan.steps, key=lambda step: step.dataset):
        steps = tuple(group)
        need, levels = sum(step.size or 0 for step in steps), _levels(steps[0].target, there)
        free = min((left for name in levels if (left := room[name]) is not None), default=None)
        if above := next((name for name in short if _waits_for(name, steps[0], there)), ""):
            short[dataset] = _below(dataset, above)
        elif free is not None and need > free:
            short[dataset] = _no_space(steps, need, free, where)
        else:
            chosen += steps
            room |= {name: left - need for name in levels if (left := room[name]) is not None}
    return replace(plan, steps=tuple(chosen)), short


def _levels(target: str, there: Side) -> list[str]:
    """What counts the bytes that go into `target`: itself and what is above it, as far as the task's target."""
    parts = target.split("/")
    path = ["/".join(parts[:depth]) for depth in range(len(parts), 0, -1)]
    found = [name for name in path if name in there]
    # What a dataset with a `refquota` has left is told for itself, not for what is below it.
    return [name for name in found if name == target or not _own_limit(there, name)] if there else [_PLACE]


def _own_limit(there: Side, name: str) -> bool:
    return there[name].local.get("refquota", "0") not in ("0", "-", "none")


def _waits_for(above: str, step: Step, there: Side) -> bool:
    """Whether the step's dataset lies below `above`, whose own place is not there yet."""
    below = step.dataset[len(above) :]
    return step.dataset.startswith(f"{above}/") and step.target.removesuffix(below) not in there


def _below(dataset: str, above: str) -> NoSpaceError:
    return NoSpaceError(
        f"{text.clean(dataset)} lies below {text.clean(above)}, which does not fit: nothing of it was sent.",
        "Free some space there, or choose another target.",
    )


def _no_space(steps: Sequence[Step], need: int, free: int, where: str) -> NoSpaceError:
    much = text.about(need, at_least=any(step.at_least for step in steps))
    return NoSpaceError(
        f"{where} has {text.size(free)} free for {text.clean(steps[0].target)}, and this run would send {much} of "
        f"{text.clean(steps[0].dataset)}: nothing of it was sent.",
        "Free some space there, raise its quota, or choose another target.",
    )
