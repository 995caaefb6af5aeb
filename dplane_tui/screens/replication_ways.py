"""A copy that went its own way: what differs since when, the ways out with their costs, the one that is taken."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..actions import ROLES, find
from ..errors import RefusedError
from ..services.replication.divergence import BESIDE, KEEP_BOTH, ROLL_BACK, Divergence, Extra, Resolution, Way
from ..services.replication.model import Task
from ..services.replication.places import place_of
from ..text import age, size
from ..widgets.dialogs import Choose, Confirm, Form, Reader, TypedConfirm, ask
from ..widgets.fields import TextField
from ..widgets.layout import Cell, Column, Pieces, row
from .sure import choose_way

if TYPE_CHECKING:
    from ..app import Console

NAMES = {KEEP_BOTH: "keep both", ROLL_BACK: "roll back", BESIDE: "afresh beside"}
_NEEDS = {ROLL_BACK: "admin"}
"""The role a way needs where it is more than that of the key: it destroys."""
_SHOWN = 20
_LABEL = 11
_CONFLICTS = (
    Column("DATASET", least=12, most=60, grow=True),
    Column("BOTH HAVE", drop=1, least=10, most=40),
    Column("KIND", least=12),
)


async def ways_out(console: Console, task: Task) -> str | None:
    """Show what is in conflict, ask for the way out, take it. Returns what was read back. Raises DPlaneError."""
    console.say(f"Reading both sides for {task.name}…", "dim")
    found = await console.services.replication.conflicts(task.name)
    console.say("")
    if not found:
        console.say(f"Nothing of {task.name} is in conflict: a run can simply go on (u).")
        return None
    one = await _which(console, task, found)
    if one is None:
        return None
    act = find("task-ways", ("replication.tasks",))
    keys: Sequence[str] = ()
    below = ""
    if act is not None and any(way.possible for way in one.ways):
        keys, below = act.keys, f"{act.key}  choose a way out     Esc  everything stays as it is"
    there = place_of(task.peer, one.target)
    lines = conflict_lines(one, time.time(), task)
    if await ask(console, Reader(f"Why {there} cannot go on", lines, keys, below)) is None:
        return None
    way = await _which_way(console, one, there)
    if way is None:
        return None
    to = await _new_target(console, one, task) if way.way == BESIDE else ""
    if to is None or not await _agreed(console, task, one, way, to):
        return None
    console.say(f"{NAMES[way.way].capitalize()}: {there}…", "dim")
    run = await console.services.replication.resolve(task.name, Resolution(way.way, one.dataset, way.plan, to))
    return run.message


async def _which(console: Console, task: Task, found: Sequence[Divergence]) -> Divergence | None:
    """The dataset that is meant: asked when several are in conflict."""
    if len(found) == 1:
        return found[0]
    rows = [
        row(
            one.dataset,
            Cell(one.dataset, "strong"),
            Cell(f"@{one.since}" if one.since else "nothing", "text"),
            one.kind,
        )
        for one in found
    ]
    text = f"{len(found)} datasets of {task.name} cannot go on as they are. Each has its own way out; the others go on."
    chosen = await ask(console, Choose("Which one?", _CONFLICTS, rows, text, pick="This one"))
    return next((one for one in found if one.dataset == chosen), None)


async def _which_way(console: Console, one: Divergence, there: str) -> Way | None:
    """The way that is taken. Raises RefusedError for one that cannot be, or not by this account."""
    ways = [(way.way, NAMES.get(way.way, way.way), cost(way)) for way in one.ways]
    chosen = await choose_way(console, f"{there}: which way out?", ways, "None of them happens by itself.")
    way = next((way for way in one.ways if way.way == chosen), None)
    if way is None:
        return None
    if not way.possible:
        raise RefusedError(f"“{NAMES[way.way]}” cannot be taken for {there}: {way.text}.", "The others may be.")
    needed = _NEEDS.get(way.way, "")
    role = console.role if console.role in ROLES else ""
    if ROLES.index(role) < ROLES.index(needed):
        raise RefusedError(
            f"“{NAMES[way.way]}” destroys snapshots and needs the role {needed}; this account has {role or 'none'}.",
            "Keep both, or start afresh beside it.",
        )
    return way


async def _new_target(console: Console, one: Divergence, task: Task) -> str | None:
    """Where the task sends from now on; None when the person left."""
    from dataclasses import replace

    from ..services.replication.service import check_task

    def check(values: dict[str, str]) -> object:
        if values["to"].strip() == task.target:
            raise RefusedError("That is where the copy is now.", "Choose a name beside it that is free.")
        return check_task(replace(task, target=values["to"].strip()))

    there = place_of(task.peer, task.target)
    text = f"The whole task {task.name} gets a new target. {there} stays there as it is, with all it has."
    fields = (TextField("New target", f"{task.target}-2", id="to", hint="a dataset that is not there yet"),)
    values = await ask(
        console, Form(f"Beside {place_of(task.peer, one.target)}", fields, "Next", text=text, check=check)
    )
    return values["to"].strip() if values is not None else None


async def _agreed(console: Console, task: Task, one: Divergence, way: Way, to: str) -> bool:
    there = place_of(task.peer, one.target)
    title = f"{NAMES[way.way].capitalize()}: {there}?"
    lines = what_happens(way, there)
    if way.way == BESIDE:
        told = (
            f"{task.name} sends to {place_of(task.peer, to)} from now on, everything afresh: {cost(way)}. "
            f"{place_of(task.peer, task.target)} stays as it is."
        )
        return await ask(console, Confirm(title, told, "Afresh beside")) is True
    note = "" if way.way == ROLL_BACK else "Nothing is destroyed. To go on, type the name: "
    word = NAMES[way.way].capitalize()
    return await ask(console, TypedConfirm(title, lines, there, word, note)) is True


def what_happens(way: Way, there: str) -> list[str]:
    """What a way out does at `there`, before it is taken: what goes by name, what is lost, what is sent then."""
    lines = [f"{way.text[:1].upper()}{way.text[1:]}."]
    if way.destroys:
        lines.append(f"Destroyed there ({len(way.destroys)}):")
        lines += [f"  {name}" for name in way.destroys[:_SHOWN]]
        lines += [f"  … and {len(way.destroys) - _SHOWN} more"] if len(way.destroys) > _SHOWN else []
    if way.way == ROLL_BACK:
        lines.append(f"{_bytes(way.loses)} that were written there are lost." if way.loses != 0 else "No data is lost.")
    lines.append(f"The next run then sends about {_bytes(way.sends)}.")
    return [*lines, f"If anything at {there} changed since it was read, it is refused."]


def cost(way: Way) -> str:
    """What a way out costs, short enough for a row of a list."""
    if not way.possible:
        return f"not now: {way.text}"
    loses = "nothing is lost" if not way.destroys and way.loses == 0 else f"destroys {_snapshots(len(way.destroys))}"
    if way.loses is None or way.loses:
        loses += f", {_bytes(way.loses)} are lost"
    return f"{loses}; then sends about {_bytes(way.sends)}"


def conflict_lines(one: Divergence, now: float, task: Task) -> list[Pieces]:
    """One conflict to read: what it is, the ways out, and then all that only one side has."""
    lines = [
        _fact("copies", f"{place_of(task.source_peer, one.dataset)} → {place_of(task.peer, one.target)}"),
        _fact("conflict", one.text, "bad"),
        _fact("both have", _common(one, now)),
    ]
    if one.target_guid:
        lines.append(_fact("written", f"{_bytes(one.written)} at the target since its newest snapshot"))
    lines.append([])
    for way in one.ways:
        name = NAMES.get(way.way, way.way)
        told = (
            []
            if not way.possible
            else [
                way.text.partition(": ")[2] or way.text,
                *([f"destroys {_snapshots(len(way.destroys))}"] if way.destroys else []),
            ]
        )
        told += [f"{_bytes(way.loses)} that were written there are lost"] if way.possible and way.loses != 0 else []
        told += [f"then sends about {_bytes(way.sends)}"] if way.possible else [f"not now: {way.text}"]
        lines.append([(f"{name:<15}", "strong"), ("; ".join(told), "text" if way.possible else "dim")])
    if not one.ways:
        lines.append([("No way out can be offered: what stands in the way has to be mended first.", "warn")])
    for title, extras in (("only at the target", one.only_target), ("only at the source", one.only_source)):
        lines += [[], [(f"{title}: {len(extras) or 'nothing'}", "caption")]]
        lines += [_extra(extra, now) for extra in reversed(extras[-_SHOWN:])]
        lines += [[(f"  … and {len(extras) - _SHOWN} older", "dim")]] if len(extras) > _SHOWN else []
    return lines


def _fact(label: str, text: str, role: str = "text") -> Pieces:
    return [(f"{label:<{_LABEL}}", "dim"), (text, role)]


def _common(one: Divergence, now: float) -> str:
    if not one.since:
        return "no snapshot in common" if one.target_guid else "nothing: there is no copy"
    taken = f", taken {age(one.since_created, now)}" if one.since_created is not None else ""
    return f"@{one.since}{taken}; what came after it differs"


def _extra(one: Extra, now: float) -> Pieces:
    parts = [age(one.created, now) if one.created is not None else "time unknown"]
    parts += [f"{size(one.written)} written"] if one.written is not None else []
    parts += ["held"] if one.held else []
    return [(f"  @{one.name}  ", "text"), (", ".join(parts), "dim")]


def _snapshots(count: int) -> str:
    return "1 snapshot" if count == 1 else f"{count} snapshots"


def _bytes(count: int | None) -> str:
    return "an unknown number of bytes" if count is None else size(count)
