"""The wizard “protect this dataset”: where to, how often, how old it may get, what that would send; then the task."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..actions import ACTIONS, allowed, find
from ..errors import DPlaneError, RefusedError
from ..services.replication.coverage import copies_here, coverage, held, sent_here, taken
from ..services.replication.gaps import doubt
from ..services.replication.model import Options, Peer, Plan, Task
from ..services.zfs.model import Dataset
from ..text import duration, size
from ..widgets.dialogs import MORE, Choose, Confirm, Form, Values, ask
from ..widgets.fields import Choice, Field, TextField
from ..widgets.layout import Cell, Column, Row, row
from .replication_answer import next_words
from .replication_detail import plan_sum
from .replication_more import BELOW, ask_more, more_words
from .replication_pair import pair
from .replication_pull import MARK, ask_pull, pull_rows
from .replication_rows import origin, place

if TYPE_CHECKING:
    from textual.widget import Widget

    from ..app import Console

OFTEN = (
    ("every 1h", "every hour"),
    ("daily 02:30", "every night at 02:30"),
    ("every 15m", "every 15 minutes"),
    ("weekly Sun 03:00", "every Sunday at 03:00"),
    ("", "by hand"),
)
_SUGGESTED = {"every 15m": 3600, "every 1h": 10800, "daily 02:30": 129600, "weekly Sun 03:00": 777600, "": 604800}
"""How old a copy may get: the time between two runs, and room for one that fails."""
_RPO = (3600, 10800, 21600, 86400, 129600, 259200, 604800, 777600, 2592000)
_PAIR = "pair"
_TOLD = 3  # conflicts and notes that a question names
_SOURCES = (Column("DATASET", least=12, most=60, grow=True), Column("HOLDS", right=True), Column("TASK", drop=1))
_PLACES = (Column("WHERE TO", least=8, most=30), Column("WHAT THAT IS", least=20, grow=True))


class HowDialog(Form):
    """How often, how old it may get, and the names. The allowed age follows how often, until it is chosen itself."""

    _offered = ""

    def content(self) -> Iterable[Widget]:
        self._offered = str(_SUGGESTED[self.values["often"]])
        return super().content()

    def _tell(self, error: str = "") -> None:
        often, rpo = self._fields[0], self._fields[1]
        suggested = str(_SUGGESTED[often.value])
        if isinstance(rpo, Choice) and rpo.value == self._offered and rpo.value != suggested:
            rpo.set(suggested)
        self._offered = suggested if rpo.value == suggested else ""
        super()._tell(error)


async def protect(console: Console, source: str | None) -> Task | None:
    """Ask, show what the first run would send, make the task. None when the person left.

    `source` is the dataset, asked for when None. Leaving a step goes back to the one before, with what was typed there.
    Raises DPlaneError.
    """
    services = console.services
    datasets = await services.zfs.datasets()
    tasks = [status.task for status in await services.replication.tasks()]
    peers = await services.replication.peers()
    if source is not None:
        return await _push(console, source, datasets, tasks, peers)
    bare = coverage(held(datasets), tasks).bare
    chosen = bare[0] if bare else ""  # the cursor begins on what has none
    while picked := await _ask_source(console, datasets, tasks, peers, chosen):
        chosen = picked
        if chosen.startswith(MARK):
            task = await _pull(console, next(one for one in peers if one.name == chosen[1:]), datasets, tasks)
        else:
            task = await _push(console, chosen, datasets, tasks, peers)
        if task is not None:
            return task
        peers = await services.replication.peers()  # one may have been paired on the way
    return None


async def _push(
    console: Console, source: str, datasets: Sequence[Dataset], tasks: Sequence[Task], peers: Sequence[Peer]
) -> Task | None:
    """Where to, and on from there; None when the person went back."""
    below = any(one.name.startswith(f"{source}/") for one in datasets)
    while goal := await _ask_place(console, source, peers, datasets):
        if goal == _PAIR:
            made = await pair(console)
            if made is None:
                continue
            goal, peers = f"peer:{made.name}", (*peers, made)
        task = await _finish(console, suggest(source, goal, peers, datasets, tasks), below)
        if task is not None:
            return task
    return None


async def _finish(console: Console, draft: Task, below: bool) -> Task | None:
    """How, a last look, and the task is made; None when the person went back."""
    draft = replace(draft, recursive=below, rpo=_SUGGESTED[OFTEN[0][0]], options=Options(schedule=OFTEN[0][0]))
    while task := await _ask_how(console, draft):
        draft = task
        if await summary(console, task):
            return await console.services.replication.add_task(task)
    return None


async def _pull(console: Console, peer: Peer, datasets: Sequence[Dataset], tasks: Sequence[Task]) -> Task | None:
    """The other direction: what there, to which pool here, how; None when the person went back."""
    asked = peer.may_read or ""
    used = {one.name for one in datasets} | {task.target for task in tasks if task.peer is None}
    while chosen := await ask_pull(console, peer, datasets, asked):
        asked, pool = chosen
        leaf = asked.rpartition("/")[2]
        name = _free(_slug(leaf), {task.name for task in tasks})
        target = _free(f"{pool}/{peer.name}/{leaf}", used)
        draft = Task(name, asked, None, target, snapshot=peer.takes_snapshots(), source_peer=peer.name)
        task = await _finish(console, draft, True)
        if task is not None:
            return task
    return None


async def offer_run(console: Console, task: Task) -> None:
    """Ask whether a new task shall run now, and say what came of it: started is not done, so never green."""
    replication = console.services.replication
    text = f"The task {task.name} is stored. Its first run can start now; it goes on when this console is closed."
    if await ask(console, Confirm(f"Run {task.name} now?", text, "Run now", "Not now")):
        run = await replication.start(task.name)
        console.say(f"{task.name} was made and its run {run} started. Nothing is proven before that has ended.")
        return
    status = next((one for one in await replication.tasks() if one.task.name == task.name), None)
    words = next_words(status, time.time()) if status is not None else "gone"
    if words in {"gone", "unknown"}:
        what = "it is no longer listed" if words == "gone" else "systemd tells no next run of it"
        console.say(f"{task.name} was made, but {what}. `dplane doctor` says what is missing.", "warn")
    else:
        console.say(f"{task.name} was made; its first run is {words}. u runs it now.", "good")


async def _ask_source(
    console: Console, datasets: Sequence[Dataset], tasks: Sequence[Task], peers: Sequence[Peer], first: str
) -> str | None:
    rows = [*source_rows(datasets, tasks), *pull_rows(peers)]
    if not rows:
        raise RefusedError("This box has no dataset to protect.", "Create one in Pools (1).")
    text = "At the end of the list: what can be pulled from other boxes." if pull_rows(peers) else ""
    dialog = Choose("Protect a dataset: which?", _SOURCES, rows, text, pick="This one", first=first)
    return await ask(console, dialog)


def source_rows(datasets: Sequence[Dataset], tasks: Sequence[Task]) -> list[Row]:
    """The datasets of this box that are no copy, each with the tasks that copy it."""
    names = [one.name for one in datasets]
    copies = copies_here(names, tasks, held(datasets).writable)
    users: dict[str, list[str]] = {}
    for task in tasks:
        for name in taken(task, names):
            users.setdefault(name, []).append(task.name if task.peer is not None else f"{task.name} (this box)")
    return [
        row(
            one.name,
            Cell(one.name, "strong"),
            size(one.used),
            Cell(", ".join(users.get(one.name, ("none yet",))), "dim"),
        )
        for one in datasets
        if not sent_here(one) and one.name not in copies
    ]


async def _ask_place(console: Console, source: str, peers: Sequence[Peer], datasets: Sequence[Dataset]) -> str | None:
    may_pair = any(act.id == "peer-pair" and allowed(act, console.role) for act in ACTIONS)
    rows = places(source, peers, datasets, may_pair)
    if not rows:
        raise RefusedError("There is no other box and no other pool to copy to.", "An administrator can pair one: n.")
    return await ask(console, Choose(f"Protect {source}: where to?", _PLACES, rows, pick="There"))


def places(source: str, peers: Sequence[Peer], datasets: Sequence[Dataset], may_pair: bool) -> list[Row]:
    """Where a copy of `source` can go: paired boxes, other pools of this box, a box that is paired first."""
    own = source.partition("/")[0]
    pools = {one.name: one for one in datasets if "/" not in one.name and one.name != own}
    rows = []
    for peer in peers:
        below = f", below {peer.root}" if peer.root else ""
        rows.append(row(f"peer:{peer.name}", Cell(peer.name, "strong"), f"another box, {peer.address}{below}"))
    for pool in pools.values():
        what = f"another pool here, {size(pool.available)} free; lost when this box is"
        rows.append(row(f"pool:{pool.name}", Cell(pool.name, "strong"), what))
    if may_pair:
        rows.append(
            row(
                _PAIR,
                Cell("pair another box" if peers else "pair a box first", "accent"),
                "its address, its fingerprint, its password once",
            )
        )
    return rows


def suggest(source: str, goal: str, peers: Sequence[Peer], datasets: Sequence[Dataset], tasks: Sequence[Task]) -> Task:
    """A task for `source` to `goal` (`peer:NAME`, `pool:NAME`) with a name and a target nothing else has."""
    kind, _, chosen = goal.partition(":")
    leaf = source.rpartition("/")[2]
    name = _free(_slug(leaf), {task.name for task in tasks})
    if kind == "pool":
        taken = {one.name for one in datasets} | {task.target for task in tasks if task.peer is None}
        return Task(name, source, None, _free(f"{chosen}/{leaf}", taken))
    root = next((peer.root for peer in peers if peer.name == chosen), None) or "backup"
    taken = {task.target for task in tasks if task.peer == chosen}
    return Task(name, source, chosen, _free(f"{root}/{leaf}", taken))


def _slug(leaf: str) -> str:
    """A task's name made of a dataset's last part."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", leaf).strip("-._")[:50] or "copy"


def _free(wanted: str, taken: set[str]) -> str:
    number = 2
    found = wanted
    while found in taken:
        found, number = f"{wanted}-{number}", number + 1
    return found


async def _ask_how(console: Console, draft: Task) -> Task | None:
    """How, and with `+` more, from where a person comes back to the how as it was typed. None when they went back."""
    while values := await ask(console, _how_form(draft)):
        draft = _made(draft, values)
        more = await ask_more(console, draft) if MORE in values else draft
        if more is not None:
            return more
    return None


def _made(draft: Task, values: Values) -> Task:
    return replace(
        draft,
        name=values["name"].strip(),
        target=values["target"].strip(),
        recursive=bool(values["recursive"]),
        rpo=int(values["rpo"]),
        options=replace(draft.options, schedule=values["often"]),
    )


def _how_form(draft: Task) -> Form:
    from ..services.replication.service import check_task

    fields: tuple[Field, ...] = (
        Choice("How often", OFTEN, draft.options.schedule, id="often"),
        Choice("Late after", [(str(one), duration(one)) for one in _RPO], str(draft.rpo), id="rpo"),
        Choice("Below as well", BELOW, "yes" if draft.recursive else "", id="recursive"),
        TextField("Target", draft.target, id="target", hint="dataset there" if draft.peer else "dataset here"),
        TextField("Task's name", draft.name, id="name"),
    )

    return HowDialog(
        f"Protect {draft.source}: how?",
        fields,
        "Next",
        preview=lambda values: [promise(_made(draft, values))],
        check=lambda values: check_task(_made(draft, values)),
        more="More choices",
    )


def promise(task: Task) -> str:
    """What a task will do, in words."""
    often = dict(OFTEN).get(task.options.schedule, task.options.schedule)
    goes = "and all below it go" if task.recursive else "goes"
    late = f"The copy is late when it is older than {duration(task.rpo)}."
    return f"{origin(task)} {goes} to {place(task) or '?'}, {often}. {late} {doubt(task)}".rstrip()


async def summary(console: Console, task: Task) -> bool:
    """Whether to go on: everything once more, with what the first run comes to."""
    said = await first_run(console, task)
    act = find("task-keep", ("replication.tasks",))
    stays = f"It lets no snapshot go, on either side, until {act.key if act else 'a policy'} says what to keep."
    lines = [promise(task), *more_words(task), stays, "", *said]
    lines.append("Nothing at the target is ever replaced or rolled back.")
    return await ask(console, Confirm(f"Protect {task.source}?", "\n".join(lines), "Protect")) is True


async def first_run(console: Console, task: Task) -> list[str]:
    """What the first run of a task that is not made yet comes to, as planned from both sides; or that it is unknown."""
    console.say(f"Reading both sides for {task.source}…", "dim")
    try:
        said = planned(await console.services.replication.preview(task))
    except DPlaneError as error:
        said = [f"What the first run would do is unknown: {error}"]
    console.say("")
    return said


def planned(plan: Plan) -> list[str]:
    """What the first run comes to, and what stands in its way."""
    total = plan_sum(plan)
    lines = [f"The first run: {total[0].lower()}{total[1:]}"]
    if plan.available is not None and plan.size is not None and plan.size > plan.available:
        lines.append("Not all of that fits: a dataset that does not is not sent until there is room.")
    lines += [f"It cannot be sent as it is: {item.text}" for item in plan.conflicts[:_TOLD]]
    lines += plan.notes[:_TOLD]
    more = len(plan.notes[_TOLD:])
    return [*lines, *([f"And {more} more to know: y on the task shows them."] if more else [])]
