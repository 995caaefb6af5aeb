"""Coming from syncoid: one command, pasted or a crontab's, and the task that takes its place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..services.replication import crontab, moving
from ..services.replication.model import Task
from ..services.replication.syncoid import Proposal
from ..widgets.dialogs import Form, Reader, ask
from ..widgets.fields import TextField
from ..widgets.layout import Pieces
from .replication_protect import promise, summary

if TYPE_CHECKING:
    from ..app import Console

_GO_ON = "p"
_ROLES = {"kept": "text", "not needed": "dim", "not supported": "warn"}


async def paste(console: Console, said: str = "") -> Task | None:
    """Ask for a line, show what becomes of it, make the task. None when the person left. Raises DPlaneError."""
    services = console.services
    fields = (TextField("Line", id="line", hint="syncoid -r tank/a root@nas:backup/a, or a crontab's"),)
    text = f"{said} A syncoid command, or the line of a crontab that runs it. It is read, and never run.".strip()
    check = lambda values: crontab.pasted(values["line"], "syncoid")  # noqa: E731
    values = await ask(console, Form("Coming from syncoid", fields, "Read it", text=text, check=check))
    if values is None:
        return None
    pools = [pool.name for pool in await services.zfs.pools()]
    peers = await services.replication.peers()
    tasks = await services.replication.tasks(look=True)
    return await take(console, moving.of_line(values["line"], pools, peers, tasks))


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


def proposal_lines(found: Proposal, run: Sequence[str] = ()) -> list[Pieces]:
    """The task in words, what is missing for it, what its first `run` comes to, what becomes of each option."""
    lines: list[Pieces] = [[(found.origin, "dim")], []]
    if found.problem:
        lines.append([(f"No task: {found.problem}", "bad")])
    if found.there:
        sure = not (found.lacks or found.doubt or found.compare)
        lines.append([(moving.there_words(found), "good" if sure else "warn")])
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
