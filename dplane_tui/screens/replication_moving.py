"""Coming from syncoid: one command, pasted or a crontab's, and the task that takes its place."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import RefusedError, UsageError
from ..services.replication import crontab, moving, syncoid
from ..services.replication.model import Peer, Task
from ..services.replication.syncoid import Proposal
from ..widgets.dialogs import Form, Reader, ask
from ..widgets.fields import TextField
from ..widgets.layout import Pieces
from .replication_protect import promise, summary

if TYPE_CHECKING:
    from ..app import Console

_GO_ON = "p"
_ROLES = {"kept": "text", "not needed": "dim", "not supported": "warn"}
_NAMES = ("syncoid", "sudo")
_TIMES = tuple("0123456789*@")


async def paste(console: Console, said: str = "") -> Task | None:
    """Ask for a line, show what becomes of it, make the task. None when the person left. Raises DPlaneError."""
    services = console.services
    fields = (TextField("Line", id="line", hint="syncoid -r tank/a root@nas:backup/a, or a crontab's"),)
    text = f"{said} A syncoid command, or the line of a crontab that runs it. It is read, and never run.".strip()
    check = lambda values: words_of(values["line"])  # noqa: E731
    values = await ask(console, Form("Coming from syncoid", fields, "Read it", text=text, check=check))
    if values is None:
        return None
    pools = [pool.name for pool in await services.zfs.pools()]
    peers = await services.replication.peers()
    tasks = [status.task for status in await services.replication.tasks()]
    found = proposed(values["line"], pools, peers, {task.name for task in tasks})
    return await take(console, moving.settled(found, tasks))


async def take(console: Console, found: Proposal) -> Task | None:
    """Show what becomes of a line and what its task's first run would do; make it. None when the person left.

    Raises DPlaneError.
    """
    ready = found.task is not None and not found.peer_missing
    below = f"{_GO_ON}  see what its first run would do" if ready else ""
    reader = Reader("What takes its place", proposal_lines(found), (_GO_ON,) if ready else (), below)
    if await ask(console, reader) is None or found.task is None:
        return None
    if not await summary(console, found.task):
        return None
    return await console.services.replication.add_task(found.task)


def words_of(line: str) -> tuple[tuple[str, ...], str, str]:
    """A line's arguments behind `syncoid`, its schedule, and why that is not known. Raises RefusedError, UsageError."""
    of_crontab = line.strip()[:1] in _TIMES  # no pool's name begins so, nor does a command's
    if of_crontab and (found := crontab.programs(line.strip(), "syncoid")):
        return found[0].words, found[0].schedule, found[0].problem
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise RefusedError(f"The line cannot be taken apart: {error}.", "Is it whole, with all its quotes?") from None
    while words and words[0].rpartition("/")[2] in _NAMES:
        words.pop(0)
    if not words:
        raise UsageError("There is no syncoid command in it.", "Paste it as it stands in the shell or the crontab.")
    return tuple(words), "", ""


def proposed(line: str, pools: Collection[str], peers: Sequence[Peer], taken: Collection[str]) -> Proposal:
    """What takes the place of the line."""
    words, schedule, problem = words_of(line)
    found = syncoid.propose(words, schedule=schedule, pools=pools, peers=peers, taken=taken)
    if problem and not found.problem:
        return replace(found, problem=f"{problem}.", task=None, commands=(), peer_missing="")
    return found


def proposal_lines(found: Proposal, run: Sequence[str] = ()) -> list[Pieces]:
    """The task in words, what is missing for it, what its first `run` comes to, what becomes of each option."""
    lines: list[Pieces] = [[(found.origin, "dim")], []]
    if found.problem:
        lines.append([(f"No task: {found.problem}", "bad")])
    if found.there:
        lines.append([(moving.there_words(found), "good")])
    if found.task is not None:
        lines.append([(promise(found.task), "strong")])
        lines.append([(f"The task is called {found.task.name}.", "text")])
    lines += [[(said, "text")] for said in run]
    if found.task is not None and found.peer_missing:
        lines.append(
            [(f"The box has to be paired first: n, with the name {found.peer_missing}. Then again I.", "warn")]
        )
        lines.append([(f"By command: {found.commands[0]}", "dim")])
    elif found.task is not None and len(found.commands) > 1:
        lines.append(
            [(f"The box does not let that be read yet; pair again (n, + Rights): {found.commands[0]}", "warn")]
        )
    if found.task is not None and found.task.peer is not None:
        told = "If the copy exists and that box has D-Plane, an administrator lets this box go on with it: there A."
        lines.append([(told, "text")])
    if found.task is not None and found.file:
        told = f"The line stays in {found.file}, and syncoid goes on, until somebody takes it out."
        lines.append([(told, "text")])
    if found.notes:
        lines.append([])
    width = max((len(note.option) for note in found.notes), default=0)
    for note in found.notes:
        head = [(f"  {note.option:<{width}}  ", "dim"), (f"{note.fate}: ", _ROLES.get(note.fate, "text"))]
        lines.append([*head, (note.text, "text")])
    return lines
