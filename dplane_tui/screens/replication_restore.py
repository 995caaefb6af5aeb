"""The way back: which snapshot of which dataset of a copy comes home, and to where. Replaces nothing."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from ..errors import RefusedError
from ..services.replication.model import Restore, Task, TaskStatus
from ..text import age
from ..widgets.dialogs import Choose, Confirm, Form, Values, ask
from ..widgets.fields import Choice, TextField
from ..widgets.layout import Cell, Column, Row, row
from .pool_rows import coarse
from .replication_rows import place

if TYPE_CHECKING:
    from ..app import Console
    from ..services.replication.model import Copy

_COPIES = (
    Column("DATASET", least=12, most=50, grow=True),
    Column("SNAPSHOT", least=20, most=60),
    Column("TAKEN", drop=1, least=8),
    Column("PROVEN THERE", least=10),
)
_SHOWN = 2000


async def restore(console: Console, status: TaskStatus) -> str | None:
    """Ask what, to where; say what will happen; start it. Returns what was started. Raises DPlaneError."""
    task, replication = status.task, console.services.replication
    console.say(f"Reading what is at {place(task)}…", "dim")
    found = await replication.copies(task.name)
    console.say("")
    text = (
        f"All snapshots that {place(task)} has now, read there. Proven: a run of this task read there that it is the "
        "original's very snapshot. Others came by other means; a restore proves them against the copy alone."
    )
    if len(found) > _SHOWN:
        text += f" These are the first {_SHOWN} of {len(found)}; the others are named in the next step."
    rows = copy_rows(task, found, time.time())
    chosen = await ask(console, Choose(f"Bring back from {task.name}: what?", _COPIES, rows, text, pick="This one"))
    if chosen is None:
        return None
    below, _, snapshot = chosen.partition("@")
    here = {one.name for one in await console.services.zfs.datasets()}
    seen = {(one.dataset, one.snapshot): one.guid for one in found}
    wish = await _ask_where(console, task, below, snapshot, here, seen)
    if wish is None:
        return None
    if not await ask(console, Confirm(f"Bring back to {wish.to}?", what_happens(task, wish, here), "Bring back")):
        return None
    run = await replication.restore(task.name, wish)
    return f"The restore {run} was started and goes on when this console is closed. It is not back before it has ended."


def copy_rows(task: Task, found: Sequence[Copy], now: float) -> list[Row]:
    """What can come home: the newest of all, then every snapshot that is there. Keys `below@snapshot`.

    An empty `below` is the task's source itself, an empty snapshot the newest there is.
    """
    rows = [row("@", Cell(task.source, "strong"), "the newest there is", "", "")]
    for one in found[:_SHOWN]:
        name = f"{task.source}/{one.dataset}" if one.dataset else task.source
        taken = Cell(coarse(age(one.taken, now)), "dim")
        proof = Cell("not proven", "unknown") if one.proven is None else Cell(coarse(age(one.proven, now)), "good")
        rows.append(row(f"{one.dataset}@{one.snapshot}", Cell(name, "text"), one.snapshot, taken, proof))
    return rows


async def _ask_where(
    console: Console, task: Task, below: str, snapshot: str, here: set[str], seen: Mapping[tuple[str, str], str]
) -> Restore | None:
    """`seen` are the GUIDs that were listed, by dataset below the source and snapshot."""
    from ..services.replication.service import check_restore

    own = f"{task.source}/{below}" if below else task.source
    fields = (
        TextField("To", free_place(own, here), id="to", hint="a dataset that is not there yet"),
        TextField("As of snapshot", snapshot, id="snapshot", hint="the newest there is"),
        Choice("Below as well", (("yes", "yes, every dataset below"), ("", "no, only this one")),
               "yes" if task.recursive else "", id="recursive"),
        Choice("History", (("yes", "with the older snapshots"), ("", "only this snapshot")), "yes", id="history"),
    )  # fmt: skip

    def made(values: Values) -> Restore:
        named = values["snapshot"].strip().removeprefix("@")
        whole, history, guid = bool(values["recursive"]), bool(values["history"]), seen.get((below, named), "")
        return Restore(values["to"].strip(), below, whole, named, history, guid)

    def check(values: Values) -> None:
        wish = check_restore(made(values))
        if wish.to in here:
            raise RefusedError(f"{wish.to} exists, and a restore never replaces anything.", "Choose another name.")

    text = f"The original place {own} {'is there: another name is needed.' if own in here else 'is free.'}"
    if task.source_peer is not None:
        text = f"The original is {task.source_peer}:{own}, where nothing is written from here. It comes to this box."
    values = await ask(console, Form(f"Bring back {own}: to where?", fields, "Next", text=text, check=check))
    return made(values) if values is not None else None


def free_place(own: str, here: Iterable[str]) -> str:
    """The original place when nothing is there, else a name beside it that nothing has."""
    taken, number = set(here), 2
    if own not in taken:
        return own
    beside = f"{own}-restored" if "/" in own else f"{own}/restored"
    found = beside
    while found in taken:
        found, number = f"{beside}-{number}", number + 1
    return found


def what_happens(task: Task, wish: Restore, here: Iterable[str]) -> str:
    """What a restore will do, before it does."""
    own = f"{task.source}/{wish.below}" if wish.below else task.source
    far = f"{place(task)}/{wish.below}" if wish.below else place(task)
    below = " and all below it" if wish.recursive else ""
    older = "with its older snapshots" if wish.history else "that snapshot only"
    home = wish.to == own and task.source_peer is None
    mounted = "mounted where the original was" if home else "mounted under its own new name"
    standing = f"{own} stays as it is." if own in set(here) else f"{own} is not here now."
    if task.source_peer is not None:
        standing = f"The original {task.source_peer}:{own} stays as it is."
    pace = f" The task's limit ({task.options.limit}) holds for it, also when it is changed meanwhile." * bool(
        task.options.limit
    )
    pace += " The task is paused; that does not hold a restore." * task.options.paused
    return (
        f"{far}@{wish.snapshot or '(the newest)'}{below} comes to {wish.to}, {older}.\n\n"
        f"{standing} If {wish.to} appears before it starts, the restore is refused: nothing is ever replaced. "
        "Each snapshot that arrives is read back and compared by GUID. "
        f"Then the settings of the original are put back, and where those allow it, it is {mounted}. The copy "
        f"stays.{pace}"
    )
