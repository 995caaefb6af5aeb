"""How old a task's copy may get, which snapshots stay on both sides, what it copies; what goes is shown first."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import DPlaneError
from ..services.replication import options as wording
from ..services.replication.model import Options, Task
from ..services.retention.model import PruneWish, SideReport
from ..text import clean, duration, size
from ..widgets.dialogs import MORE, Confirm, Form, Values, ask
from ..widgets.fields import TextField
from .replication_more import ask_more, more_words

if TYPE_CHECKING:
    from ..app import Console

_SHOWN = 5
_POLICIES = ("keep_source", "keep_target", "backlog")


async def keep(console: Console, task: Task) -> str | None:
    """Ask, show what the next run would destroy, change the task. Returns what is stored. Raises DPlaneError."""
    there = task.peer or "this machine"
    fields = (
        TextField("Late after", wording.as_typed(task.rpo), id="rpo", hint="e.g. 90m, 24h, 7d"),
        TextField("Keep at source", task.options.keep_source, id="keep_source", hint="all; e.g. hourly=24,daily=30"),
        TextField("Keep at target", task.options.keep_target, id="keep_target", hint="all; e.g. daily=30,monthly=12"),
        TextField("May wait", str(task.options.backlog), id="backlog", hint="snapshots, at most; 500"),
    )
    text = (
        f"The copy at {there} is late when it is older than that. Empty keeps every snapshot; only what our tasks took "
        "is ever destroyed, never the newest. The last: so many snapshots wait for a target that is away."
    )
    dialog = Form(
        f"What {task.name} keeps",
        fields,
        "Next",
        text=text,
        check=lambda values: _made(task.options, values),
        more="What it copies",
    )
    values = await ask(console, dialog)
    if values is None:
        return None
    replication = console.services.replication
    before = (await replication.task(task.name)).options
    options, rpo = _made(before, values)
    more = await ask_more(console, replace(task, options=options), new=False) if MORE in values else None
    if MORE in values and more is None:
        return None
    options = more.options if more is not None else options
    if any(getattr(options, name) != getattr(before, name) for name in _POLICIES):
        console.say(f"Reading both sides for {task.name}…", "dim")
        said = await _preview(console, task.name, options)
        console.say("")
        if not await ask(console, Confirm(f"Let {task.name} keep that?", said, "Switch on")):
            return None
    changed = await replication.set_options(task.name, options, rpo)
    kept = f"{changed.options.keep_source or 'all'} at the source, {changed.options.keep_target or 'all'} at the target"
    said = " ".join(more_words(changed)) if more is not None else ""
    return f"{changed.name} is late after {duration(changed.rpo)} and keeps {kept}. {said}".strip()


def _made(options: Options, values: Values) -> tuple[Options, int]:
    typed = {name: values[name].strip() for name in (*_POLICIES, "rpo")}
    rpo = wording.seconds(typed.pop("rpo"))
    return wording.change(options, {**typed, "backlog": typed["backlog"] or Options().backlog}), rpo


async def _preview(console: Console, name: str, options: Options) -> str:
    """What the next run would destroy; that it is unknown when it is."""
    if not (options.keep_source or options.keep_target):
        return "Nothing is destroyed any more: every snapshot is kept on both sides."
    wish = PruneWish(True, options.keep_source, options.keep_target, options.backlog, ahead=True)
    try:
        done = await console.services.replication.prune(name, wish)
    except DPlaneError as error:
        return f"What the next run would destroy is unknown: {error}"
    return "\n".join(
        ["The next run, once it has proven its work:", *(line for side in done.sides for line in _lines(side))]
    )


def _lines(side: SideReport) -> list[str]:
    going, stay = side.goes, len(side.judged) - len(side.goes)
    size_told = f", about {size(side.frees)} free by it" if side.frees is not None and going else ""
    lines = [f"{clean(side.place)}: {len(going)} would be destroyed, {stay} stay{size_told}."]
    lines += [f"  {clean(f'{one.dataset}@{one.snapshot}')}: {clean(one.why)}" for one in going[:_SHOWN]]
    lines += [f"  and {len(going) - _SHOWN} more"] if len(going) > _SHOWN else []
    return [*lines, *([f"  {clean(side.problem)}"] if side.problem else [])]
