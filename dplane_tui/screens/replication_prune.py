"""A task's retention now: what it would destroy on both sides, by name; then that, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..actions import find
from ..errors import CommandError
from ..services.replication.model import Task
from ..services.retention.model import PruneWish, Pruning, SideReport
from ..text import size
from ..widgets.dialogs import Reader, TypedConfirm, ask
from ..widgets.layout import Pieces

if TYPE_CHECKING:
    from ..app import Console

_NAMED = 12


async def prune(console: Console, task: Task) -> str | None:
    """Show all, ask, destroy. Returns what was destroyed. Raises DPlaneError, also when not everything could be."""
    replication = console.services.replication
    console.say(f"Reading both sides for {task.name}…", "dim")
    seen = await replication.prune(task.name, PruneWish(True))
    console.say("")
    going = sum(len(side.goes) for side in seen.sides)
    title = f"What the policies of {task.name} let go"
    if not going:
        await ask(console, Reader(title, prune_lines(seen)))
        return None
    act = find("task-prune", ("replication.tasks",))
    keys = act.keys if act is not None else ()
    below = f"{act.key if act is not None else 'Enter'}  destroy what goes     Esc  everything stays"
    if await ask(console, Reader(title, prune_lines(seen), keys, below)) is None:
        return None
    if not await ask(console, TypedConfirm(f"{title}: destroy it?", going_lines(seen), task.name, "Destroy")):
        return None
    console.say(f"Destroying {going} snapshot{'' if going == 1 else 's'} of {task.name}…", "dim")
    done = await replication.prune(task.name, PruneWish(False))
    gone = sum(one.destroyed for side in done.sides for one in side.judged)
    chosen = sum(not one.keep for side in done.sides for one in side.judged)  # anew: it may be others than were shown
    problem = next((side.problem for side in done.sides if side.problem), "")
    left = next((one for side in done.sides for one in side.judged if one.error), None)
    if left is not None and not problem:
        problem = f"{left.dataset}@{left.snapshot}: {left.error}"
    await ask(console, Reader(f"What was destroyed of {task.name}", prune_lines(done)))
    if problem:
        raise CommandError(
            f"{gone} of {chosen} destroyed: {problem.rstrip('.')}.", "What is left stays; the next run tries again."
        )
    what = (
        f"1 snapshot of {task.name} was destroyed; it is"
        if gone == 1
        else f"{gone} snapshots of {task.name} were destroyed; they are"
    )
    return f"{what} not listed any more."


def going_lines(seen: Pruning) -> list[str]:
    """What would go, side by side, for the question."""
    lines: list[str] = []
    for side in seen.sides:
        going, stay = side.goes, len(side.judged) - len(side.goes)
        lines.append(
            f"{side.place} ({side.side}): {len(going)} of {len(side.judged)} snapshots go, {stay} stay, {_frees(side)}."
        )
        lines += [f"  {one.dataset}@{one.snapshot}" for one in going[:_NAMED]]
        lines += [f"  … and {len(going) - _NAMED} more"] if len(going) > _NAMED else []
        lines += [f"  {told}" for told in (side.problem, side.note) if told]
    return [*lines, "What goes is worked out again at that moment, by the same policies."]


def prune_lines(done: Pruning) -> list[Pieces]:
    """Each snapshot of both sides, what becomes of it and why."""
    lines: list[Pieces] = []
    for side in done.sides:
        lines += [[], [(f"{side.side}: {side.place}, keeping {side.policy or 'all'}; {_frees(side)}", "caption")]]
        lines += [[(f"  {side.problem}", "bad")]] if side.problem else []
        lines += [[(f"  {side.note}", "warn")]] if side.note else []
        for one in sorted(side.judged, key=lambda item: item.keep):
            word = one.fate(dry=done.dry)
            role = {"stays": "dim", "LEFT": "bad", "unclear": "bad"}.get(word, "warn")
            lines.append([(f"  {word:<8}", role), (f"{one.dataset}@{one.snapshot}: {one.error or one.why}", "text")])
    return lines[1:] or [[("Neither side has a policy: every snapshot stays.", "text")]]


def _frees(side: SideReport) -> str:
    return f"about {size(side.frees)} become free" if side.frees is not None else "how much that frees is unknown"
