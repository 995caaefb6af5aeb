"""What a run tells of the datasets that it has to leave behind, and when there is nothing else. Pure."""

from __future__ import annotations

from collections.abc import Collection

from ... import text
from ...errors import DivergedError, DPlaneError
from .convoy import is_below
from .model import Conflict, Match, Plan, Step


def conflict_way_out() -> str:
    """What a person can do about a conflict."""
    return (
        "Nothing of it was sent or destroyed. `dplane replicate resolve NAME` shows what differs and the ways out: "
        "keep both, roll the target back, or start afresh beside it."
    )


def refuse_conflicts(plan: Plan) -> None:
    """Raise DivergedError when conflicts are all there is: nothing can be sent."""
    if plan.conflicts and not plan.steps and not plan.matches:
        more = f" And {len(plan.conflicts) - 1} more dataset(s) conflict." if len(plan.conflicts) > 1 else ""
        raise DivergedError(plan.conflicts[0].text + more, conflict_way_out())


def left_lines(failed: dict[str, DPlaneError], plan: Plan, arrived: Collection[str] = ()) -> list[str]:
    """What a run left behind and why, dataset by dataset, for its log; of a dataset alone its sentence says it.

    Below one that has no room another can have arrived.
    """
    parts: tuple[Step | Match | Conflict, ...] = (*plan.steps, *plan.matches, *plan.conflicts)
    if len({part.dataset for part in parts} | failed.keys()) == 1:
        return []
    return [
        *(f"{name} was left behind: {error.message}" for name, error in failed.items()),
        *(f"{name} was left behind: it is below {above}" for name, above in _below(failed, plan, arrived).items()),
    ]


def _below(failed: Collection[str], plan: Plan, arrived: Collection[str]) -> dict[str, str]:
    """What was not sent as it lies below what failed, each with that."""
    return {
        step.dataset: next(name for name in failed if is_below(step.dataset, [name]))
        for step in plan.steps
        if step.dataset not in failed and step.dataset not in arrived and is_below(step.dataset, failed)
    }


def left_behind(failed: dict[str, DPlaneError], plan: Plan, arrived: Collection[str]) -> DPlaneError:
    """The error of a run that left these datasets of its plan behind: of the first one's kind, saying what arrived."""
    parts: tuple[Step | Match | Conflict, ...] = (*plan.steps, *plan.matches, *plan.conflicts)
    datasets = {part.dataset for part in parts} | failed.keys()
    first = next(iter(failed.values()))
    if len(datasets) == 1:
        return first
    others = [text.clean(name) for name in failed][1:]
    also = f" Also left behind: {', '.join(others[:5])}{' …' if len(others) > 5 else ''}." if others else ""
    below = "" if any(is_below(name, failed) for name in arrived) else " (with all below them)"
    counted = f"{len(failed)} of {len(datasets)} datasets{below} were left behind"
    rest = datasets - failed.keys() - _below(failed, plan, arrived).keys()
    told = f"{counted}, the others arrived. " if rest else f"{counted}. "
    return type(first)(f"{told}{first.message}{also}", first.next_step)
