"""From the crontabs of a box to tasks: what takes the place of each line that runs syncoid, and the making of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ...errors import DPlaneError
from . import crontab, syncoid
from .model import Peer, Task
from .syncoid import Note, Proposal
from .syncoid_options import NOT_SUPPORTED

if TYPE_CHECKING:
    from .service import ReplicationService


@dataclass(frozen=True, slots=True)
class Stored:
    """What came of making the tasks of some proposals."""

    made: tuple[Task, ...] = ()
    """As they were listed afterwards."""
    there: tuple[str, ...] = ()
    """Tasks that did the same already."""
    left: tuple[str, ...] = ()
    """What was not made, and why."""


def of_crontabs(
    files: Mapping[str, str], pools: Collection[str], peers: Sequence[Peer], tasks: Sequence[Task]
) -> tuple[Proposal, ...]:
    """What takes the place of each syncoid of these crontabs (texts by their names), in their order.

    A line that does what a task does, one of `tasks` or that of an earlier line, has no task of its own: `there`.
    Raises UsageError for a crontab of too many lines.
    """
    found: list[Proposal] = []
    known = list(tasks)
    for file, content in files.items():
        for run in crontab.programs(content, "syncoid"):
            one = _of_run(run, pools, peers, known)
            found.append(replace(one, file=file))
            known += [one.task] if one.task is not None else []
    return tuple(found)


def _of_run(run: crontab.Found, pools: Collection[str], peers: Sequence[Peer], known: Sequence[Task]) -> Proposal:
    taken = {task.name for task in known}
    one = syncoid.propose(run.words, schedule=run.schedule, pools=pools, peers=peers, taken=taken)
    if run.zone:
        told = Note("CRON_TZ", NOT_SUPPORTED, f"times are the machine's own, not {run.zone}")
        one = replace(one, notes=(*one.notes, told))
    one = replace(one, line=run.line, schedule=run.schedule)
    if run.problem or one.problem:
        problem = f"Line {run.line}: {run.problem}." if run.problem else one.problem
        return replace(one, problem=problem, task=None, commands=(), peer_missing="")
    return settled(one, known)


def settled(one: Proposal, tasks: Sequence[Task]) -> Proposal:
    """`one`, without a task where one of `tasks` copies the same to the same place."""
    wanted = one.task
    same = [task for task in tasks if wanted is not None and _ends(task) == _ends(wanted)]
    if wanted is None or not same:
        return one
    there = next((task for task in same if task.recursive), same[0])
    notes = one.notes
    if wanted.recursive and not there.recursive:
        told = f"{there.name} copies nothing below it; `dplane replicate set {there.name} --recursive` changes that"
        notes = (*notes, Note("--recursive", NOT_SUPPORTED, told))
    return replace(one, task=None, commands=(), peer_missing="", there=there.name, notes=notes)


def _ends(task: Task) -> tuple[str | None, str, str | None, str]:
    return task.source_peer, task.source, task.peer, task.target


def there_words(one: Proposal) -> str:
    """That a proposal needs no task of its own, a sentence; empty when it does."""
    return f"The task {one.there} copies it to the same place: nothing is to be made." if one.there else ""


async def store(service: ReplicationService, found: Sequence[Proposal]) -> Stored:
    """Make what can be made, and read back what is there then; what fails stops none of the others.

    Raises DPlaneError only before anything was made.
    """
    known = {peer.name for peer in await service.peers()}
    made: list[str] = []
    left: list[str] = []
    for one in found:
        if one.there:
            continue
        if one.task is None:
            left.append(f"{one.origin}: {one.problem}")
        elif (other := one.task.peer or one.task.source_peer) is not None and other not in known:
            left.append(f"{one.task.name}: pair first with `{one.commands[0]}`")
        else:
            try:
                await service.add_task(one.task)
                made.append(one.task.name)
            except DPlaneError as error:
                left.append(f"{one.task.name}: {error.message}")
    there = tuple(dict.fromkeys(one.there for one in found if one.there))
    return await _read_back(service, made, there, left)


async def _read_back(service: ReplicationService, made: list[str], there: tuple[str, ...], left: list[str]) -> Stored:
    """What of `made` is listed."""
    why = "it was stored, but is not listed"
    listed: dict[str, Task] = {}
    if made:
        try:
            listed = {status.task.name: status.task for status in await service.tasks()}
        except DPlaneError as error:
            why = f"it was stored, but nobody knows whether it is there: {error.message}"
    left += [f"{name}: {why}" for name in made if name not in listed]
    return Stored(tuple(listed[name] for name in made if name in listed), there, tuple(left))
