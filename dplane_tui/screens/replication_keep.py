"""How old a task's copy may get, which snapshots stay on both sides, what it copies; what goes is shown first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..actions import find
from ..errors import DPlaneError
from ..services.replication import options as wording
from ..services.replication import own_snapshots
from ..services.replication.depth import change_lines, differs, known, reach
from ..services.replication.gaps import doubt
from ..services.replication.model import Options, Task
from ..services.retention.model import PruneWish, SideReport
from ..text import clean, duration, size
from ..widgets.dialogs import MORE, Confirm, Form, Reader, Values, ask
from ..widgets.fields import TextField
from ..widgets.layout import Pieces
from .replication_more import ask_more, more_words

if TYPE_CHECKING:
    from ..app import Console

_SHOWN = 5
"""Snapshots a side that the last question names; before it all of them were there to read."""
_POLICIES = ("keep_source", "keep_target", "backlog")


async def keep(console: Console, task: Task) -> str | None:
    """Ask, show what the next run would destroy, change the task. Returns what is stored. Raises DPlaneError.

    Leaving a step goes back to the one before, with what was typed there.
    """
    typed: Values = {name: str(getattr(task.options, name)) for name in _POLICIES}
    typed["rpo"] = wording.as_typed(task.rpo)
    while values := await ask(console, _form(task, typed)):
        typed = values
        before = await console.services.replication.task(task.name)
        options, rpo = _made(before.options, values)
        draft = replace(before, options=options, rpo=rpo)
        if MORE not in values:
            if await _agreed_to(console, before, draft):
                return await _stored(console, before, draft, whole=False)
            continue
        while more := await ask_more(console, draft, new=False):
            draft = more
            if await _agreed_to(console, before, draft):
                return await _stored(console, before, draft, whole=True)
    return None


def _form(task: Task, typed: Values) -> Form:
    there = task.peer or "this machine"
    fields = (
        TextField("Late after", typed["rpo"], id="rpo", hint="e.g. 90m, 24h, 7d"),
        TextField("Keep at source", typed["keep_source"], id="keep_source", hint="all; e.g. hourly=24,daily=30"),
        TextField("Keep at target", typed["keep_target"], id="keep_target", hint="all; e.g. daily=30,monthly=12"),
        TextField("May wait", typed["backlog"], id="backlog", hint="snapshots, at most; 500"),
    )
    text = (
        f"The copy at {there} is late when it is older than that. Empty keeps every snapshot; only what our tasks took "
        "or dplane:may-prune names is ever destroyed, never the newest. May wait counts with Keep at source: so "
        "many snapshots of a dataset stay for a target that is away; beyond that they are thinned evenly, never the "
        "last one both have."
    )
    return Form(
        f"What {task.name} keeps",
        fields,
        "Next",
        text=text,
        check=lambda values: _made(task.options, values),
        more="What it copies",
    )


async def _agreed_to(console: Console, before: Task, after: Task) -> bool:
    return await _agreed_to_move(console, before, after) and await _agreed_to_prune(console, before, after)


async def _stored(console: Console, before: Task, after: Task, *, whole: bool) -> str:
    depth = after.recursive if after.recursive != before.recursive else None
    own = after.snapshot if after.snapshot != before.snapshot else None
    changed = await console.services.replication.set_options(
        before.name, after.options, after.rpo, recursive=depth, snapshot=own
    )
    return _told(changed, whole=whole)


def _told(changed: Task, *, whole: bool) -> str:
    """What is stored now; `whole`: also what it copies."""
    kept = f"{changed.options.keep_source or 'all'} at the source, {changed.options.keep_target or 'all'} at the target"
    said = [doubt(changed), f"{changed.name} counts as late after {duration(changed.rpo)}, and keeps {kept}."]
    said += [f"It copies {reach(changed)}.", *more_words(changed)] if whole else []
    return " ".join(filter(None, said))


async def _agreed_to_move(console: Console, before: Task, after: Task) -> bool:
    """Whether to go on, once it was shown which datasets come in or leave, and what becomes of snapshots of its own;
    asked only where that can change."""
    said = own_snapshots.change_lines(before, after)
    if differs(before, after):
        said = [*await _moved(console, before, after), *said]
    return (
        not said or await ask(console, Confirm(f"Let {before.name} copy that?", "\n".join(said), "Change it")) is True
    )


async def _moved(console: Console, before: Task, after: Task) -> list[str]:
    """Which datasets come in or leave, in words."""
    services = console.services
    console.say(f"Reading the source of {before.name}…", "dim")
    status = next((one for one in await services.replication.tasks() if one.task.name == before.name), None)
    tree = await known(services.host, before, status.datasets if status is not None else ())
    console.say("")
    return change_lines(before, after, tree)


async def _agreed_to_prune(console: Console, before: Task, after: Task) -> bool:
    """Whether to go on, once it was shown what the next run would destroy; asked only where a policy changes."""
    if all(getattr(after.options, name) == getattr(before.options, name) for name in _POLICIES):
        return True
    console.say(f"Reading both sides for {before.name}…", "dim")
    lines = await _preview(console, before.name, after.options)
    console.say("")
    lines += ["This was worked out for the datasets that it copies so far."] if differs(before, after) else []
    return await _agreed(console, before.name, after.options, lines)


def _made(options: Options, values: Values) -> tuple[Options, int]:
    typed = {name: values[name].strip() for name in (*_POLICIES, "rpo")}
    rpo = wording.seconds(typed.pop("rpo"))
    return wording.change(options, {**typed, "backlog": typed["backlog"] or Options().backlog}), rpo


async def _agreed(console: Console, name: str, options: Options, said: Sequence[str]) -> bool:
    """Whether the person wants that, after all of it was there to read."""
    if not (options.keep_source or options.keep_target):
        return await ask(console, Confirm(f"Let {name} keep everything?", "\n".join(said), "Keep everything")) is True
    title = f"Let {name} keep that?"
    short = _short(said)
    if len(short) < len(said):
        act = find("task-keep", ("replication.tasks",))
        keys, key = (act.keys, act.key) if act is not None else ((), "")
        lines: list[Pieces] = [[(line, "text")] for line in said]
        if await ask(console, Reader(title, lines, keys, f"{key}  go on     Esc  nothing changes")) is None:
            return False
    return await ask(console, Confirm(title, "\n".join(short), "Switch on")) is True


def _short(said: Sequence[str]) -> list[str]:
    """The lines of each side, without the snapshots beyond a few."""
    lines: list[str] = []
    named = 0
    for line in [*said, ""]:
        if not line.startswith("  "):
            lines += [f"  and {named - _SHOWN} more, as read before"] if named > _SHOWN else []
            named = 0
        named += line.startswith("  ")
        lines += [line] if line and named <= _SHOWN else []
    return lines


async def _preview(console: Console, name: str, options: Options) -> list[str]:
    """What the next run would destroy, a line each; that it is unknown when it is."""
    if not (options.keep_source or options.keep_target):
        return ["Nothing is destroyed any more: every snapshot is kept on both sides."]
    wish = PruneWish(True, options.keep_source, options.keep_target, options.backlog, ahead=True)
    try:
        done = await console.services.replication.prune(name, wish)
    except DPlaneError as error:
        return [f"What the next run would destroy is unknown: {error}"]
    return ["The next run, once it has proven its work:", *(line for side in done.sides for line in _lines(side))]


def _lines(side: SideReport) -> list[str]:
    going, stay = side.goes, len(side.judged) - len(side.goes)
    size_told = f", about {size(side.frees)} become free" if side.frees is not None and going else ""
    lines = [f"{clean(side.place)}: {len(going)} would be destroyed, {stay} stay{size_told}."]
    lines += [f"  {clean(f'{one.dataset}@{one.snapshot}')}: {clean(one.why)}" for one in going]
    return [*lines, *(clean(told) for told in (side.problem, side.note) if told)]
