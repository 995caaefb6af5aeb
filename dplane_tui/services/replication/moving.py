"""From the crontabs of a box to tasks: what takes the place of each line that runs syncoid, and the making of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ...errors import DPlaneError
from ...lazyclass import dataclass
from ...text import clean
from . import crontab, crontabs, syncoid
from .alike import lacks
from .freshness import doubt
from .model import Peer, Task, TaskStatus
from .syncoid import Note, Proposal
from .syncoid_options import KEPT, NOT_SUPPORTED

if TYPE_CHECKING:
    from .service import ReplicationService


@dataclass(frozen=True, slots=True)
class Stored:
    """What came of making the tasks of some proposals."""

    made: tuple[Task, ...] = ()
    """As they were listed afterwards."""
    there: tuple[str, ...] = ()
    """Tasks that did the same already, as is proven."""
    doubtful: tuple[str, ...] = ()
    """Tasks that are set to do the same, each with why it cannot be relied on yet."""
    compare: tuple[str, ...] = ()
    """Tasks that did the same already, as far as is known of the line, each with what is not."""
    left: tuple[str, ...] = ()
    """What was not made, and why."""


def of_crontabs(
    files: Mapping[str, str], pools: Collection[str], peers: Sequence[Peer], tasks: Sequence[TaskStatus]
) -> tuple[Proposal, ...]:
    """What takes the place of each syncoid of these crontabs (texts by their names), in their order.

    A line for whose two places there is a task, one of `tasks` or that of an earlier line, has none of its own:
    `there`, and `lacks` says what that one does not do. `tasks` are those that were read with `look`.
    Raises UsageError for a crontab of too many lines.
    """
    found: list[Proposal] = []
    known = list(tasks)
    made = {status.task.name for status in tasks}
    for file, content in files.items():
        for run in crontab.programs(content, "syncoid", crontabs.has_users(file)):
            one = _of_run(run, pools, peers, known)
            found.append(replace(one, file=file, planned=bool(one.there) and one.there not in made))
            known += [TaskStatus(one.task)] if one.task is not None else []
    return tuple(found)


def of_line(line: str, pools: Collection[str], peers: Sequence[Peer], tasks: Sequence[TaskStatus]) -> Proposal:
    """The same for one line that a person gives: of a shell or a crontab. Raises UsageError for what is none."""
    return _of_run(crontab.pasted(line, "syncoid"), pools, peers, tasks)


def _of_run(run: crontab.Found, pools: Collection[str], peers: Sequence[Peer], known: Sequence[TaskStatus]) -> Proposal:
    place = f"Line {run.line}: " if run.line else ""
    if run.problem and not run.words:
        return Proposal(
            clean(run.command, 2000), problem=f"{place}{run.problem}.", line=run.line, schedule=run.schedule
        )
    taken = {status.task.name for status in known}
    one = syncoid.propose(run.words, schedule=run.schedule, pools=pools, peers=peers, taken=taken)
    one = replace(one, line=run.line, schedule=run.schedule)
    if run.problem or one.problem:
        problem = f"{place}{run.problem}." if run.problem else one.problem
        return replace(one, problem=problem, task=None, commands=(), peer_missing="")
    return settled(one, known, tuple(_beyond(run)))


def _beyond(run: crontab.Found) -> Iterator[Note]:
    """What a line says besides its syncoid, which no task does."""
    if run.zone:
        yield Note("CRON_TZ", NOT_SUPPORTED, f"times are the machine's own, not {run.zone}")
    if run.beside:
        names = ", ".join(run.beside[:5]) + (" …" if len(run.beside) > 5 else "")
        yield Note("(beside it)", NOT_SUPPORTED, f"the line also has {names}, which no task does")


def settled(one: Proposal, tasks: Sequence[TaskStatus], beyond: tuple[Note, ...] = ()) -> Proposal:
    """`one`, without a task where one of `tasks` copies the same to the same place, and with what that one lacks.

    `beyond` is what the line does and no task can.
    """
    wanted = one.task
    same = [status for status in tasks if wanted is not None and _ends(status.task) == _ends(wanted)]
    if wanted is None or not same:
        return replace(one, notes=(*beyond, *one.notes))
    there = min(same, key=lambda one: _falls_short(one, wanted))
    missing = (*lacks(there.task, wanted), *(note.text for note in beyond))
    notes = tuple(note for note in one.notes if note.fate != KEPT)
    one = replace(one, task=None, commands=(), peer_missing="", there=there.task.name, lacks=missing, notes=notes)
    return replace(one, doubt=doubt(there), compare=_not_given(there.task, wanted))


def _falls_short(status: TaskStatus, wanted: Task) -> tuple[int, bool, bool, bool]:
    """How far a task is from doing what `wanted` would, the least first."""
    task = status.task
    return len(lacks(task, wanted)), bool(doubt(status)), not task.options.schedule, not task.recursive


def _not_given(there: Task, wanted: Task) -> str:
    """What is not known of a line that was given without its times: whether the task runs as often."""
    ours = there.options.schedule
    runs = f"runs {ours}" if ours else "starts only by hand"
    return "" if wanted.options.schedule else f"when the line runs was not given, and the task {runs}"


def _ends(task: Task) -> tuple[str | None, str, str | None, str]:
    return task.source_peer, task.source, task.peer, task.target


def there_words(one: Proposal) -> str:
    """That a task is for the same two places, and what it lacks, a sentence; empty when there is none."""
    if not one.there:
        return ""
    task = f"The task {one.there}{', which an earlier line becomes,' if one.planned else ''}"
    if one.lacks:
        return f"{task} copies it to the same place, but not as the line does: {'; '.join(one.lacks)}."
    but = f" But {one.compare}: compare that before you take the line out." if one.compare else ""
    but = f" But {one.doubt}: leave the line in until that has changed." if one.doubt else but
    return f"{task} copies it to the same place: nothing is to be made.{but}"


def why_none(one: Proposal) -> str:
    """Why nothing does what the line does, nor will, a sentence; empty where something does or can."""
    return one.problem or (there_words(one) if one.lacks else "")


async def store(service: ReplicationService, found: Sequence[Proposal]) -> Stored:
    """Make what can be made, and read back what is there then; what fails stops none of the others.

    Raises DPlaneError only before anything was made.
    """
    known = {peer.name for peer in await service.peers()}
    made: list[str] = []
    left: list[str] = []
    for one in found:
        if one.there and not one.lacks:
            continue
        if one.task is None:
            left.append(f"{one.origin}: {why_none(one)}")
        elif (other := one.task.peer or one.task.source_peer) is not None and other not in known:
            left.append(f"{one.task.name}: pair first with `{one.commands[0]}`")
        else:
            try:
                await service.add_task(one.task)
                made.append(one.task.name)
            except DPlaneError as error:
                left.append(f"{one.task.name}: {error.message}")
    return await _read_back(service, made, [one for one in found if one.there and not one.lacks], left)


async def _read_back(
    service: ReplicationService, made: list[str], others: Sequence[Proposal], left: list[str]
) -> Stored:
    """What of `made` is listed, and which of the tasks that `others` need are there, in doubt or to be compared."""
    why = "it was stored, but is not listed"
    listed: dict[str, Task] = {}
    if made:
        try:
            listed = {status.task.name: status.task for status in await service.tasks()}
        except DPlaneError as error:
            why = f"it was stored, but nobody knows whether it is there: {error.message}"
    left += [f"{name}: {why}" for name in made if name not in listed]
    away = [one for one in others if one.planned and one.there not in listed]
    left += [f"{one.origin}: the task {one.there}, which an earlier line becomes, was not made" for one in away]
    stays = [one for one in others if one not in away]
    there = tuple(dict.fromkeys(one.there for one in stays if not one.doubt and not one.compare))
    compare = tuple(dict.fromkeys(f"{one.there}: {one.compare}" for one in stays if one.compare and not one.doubt))
    known = [one for one in stays if one.there not in made]  # of what was made a moment ago nothing is proven
    doubtful = tuple(dict.fromkeys(f"{one.there}: {one.doubt}" for one in known if one.doubt))
    return Stored(tuple(listed[name] for name in made if name in listed), there, doubtful, compare, tuple(left))
