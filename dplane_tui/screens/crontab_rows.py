"""The lines of crontabs that run syncoid, and what becomes of them, as rows and words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..errors import CommandError
from ..services.replication import crontabs, moving
from ..services.replication.crontabs import Crontabs
from ..services.replication.moving import Stored
from ..services.replication.syncoid import Proposal
from ..widgets.layout import Cell, Column, Pieces, Row, row
from .replication_rows import origin, place

ALL, PASTE = "all", "paste"
"""Keys of the rows that are no line."""
_MOST = 300
COLUMNS = (
    Column("LINE", least=10, most=24, middle=True),
    Column("COPIES", least=20, most=120, grow=True),
    Column("WHEN", drop=1, least=8, most=16),
    Column("BECOMES", least=16, most=34),
)


def ready(found: Iterable[Proposal]) -> list[Proposal]:
    """Those that can be made as things are."""
    return [one for one in found if one.task is not None and not one.peer_missing and len(one.commands) == 1]


def looked(read: Crontabs, found: Sequence[Proposal]) -> str:
    """How many lines run syncoid, and what could not be looked at."""
    count = len(found)
    if not read.texts and read.unseen:
        return f"No crontab could be looked at: {'; '.join(f'{path} ({why})' for path, why in read.unseen[:3])}."
    of = "the crontabs that could be read" if read.unseen else "the system's crontabs and root's own"
    said = f"{count} lines of {of} run or name syncoid." if count > 1 else f"1 line of {of} runs or names syncoid."
    said = said if count else f"No line of {of} runs syncoid. A script that one starts is not looked into."
    more = f" Only the first {_MOST} are listed." if count > _MOST else ""
    left = "; ".join(f"{path} ({why})" for path, why in read.unseen[:3])
    left += f"; and {len(read.unseen) - 3} more" if len(read.unseen) > 3 else ""
    hint = " `sudo crontab -l` shows root's own." if any(path == crontabs.ROOTS for path, _ in read.unseen) else ""
    return f"{said}{more}{f' Not looked at: {left}.{hint}' if left else ''}"


def line_rows(found: Sequence[Proposal]) -> list[Row]:
    """A row for each line, by its place; then all of them, where that is more than one, and another one pasted."""
    rows = [
        row(str(at), where(one), Cell(copies(one), "strong"), Cell(one.schedule or "unknown", "text"), becomes(one))
        for at, one in enumerate(found[:_MOST])
    ]
    count = len(ready(found))
    if count > 1:
        rows.append(row(ALL, Cell(f"all {count} tasks", "accent"), "one after the other", "", ""))
    return [*rows, row(PASTE, Cell("paste…", "accent"), "another line", "", "")]


def where(one: Proposal) -> str:
    """Where a line stands, short."""
    file = "root's own" if one.file == crontabs.ROOTS else one.file.removeprefix("/etc/")
    return f"{file}:{one.line}"


def copies(one: Proposal) -> str:
    """What a line copies and to where; its words where that is not known."""
    if one.task is None:
        return one.origin.removeprefix("syncoid ")
    return f"{origin(one.task)}{'/…' if one.task.recursive else ''} to {place(one.task)}"


def becomes(one: Proposal) -> Cell:
    """What takes a line's place, in a few words."""
    if one.there:
        return _there(one)
    if one.task is None:
        return Cell(f"no task: {_why_not(one)}", "bad")
    if one.peer_missing:
        return Cell(f"pair {one.peer_missing} first", "warn")
    if len(one.commands) > 1:
        return Cell(f"pair {one.task.source_peer} again first", "warn")
    return Cell(f"task {one.task.name}", "accent")


def _there(one: Proposal) -> Cell:
    """Green only for a task that does the same at known times, and of which that is proven."""
    if one.lacks:
        return Cell(f"not the same: {one.there}", "warn")
    if one.planned:
        return Cell(f"in task {one.there}", "accent")
    if one.doubt:
        return Cell(f"doubtful: {one.there}", "warn")
    return Cell(f"compare: {one.there}", "warn") if one.compare else Cell(f"is there: {one.there}", "good")


def _why_not(one: Proposal) -> str:
    """Why there can be no task; the line's number stands beside it."""
    return one.problem.removeprefix(f"Line {one.line}: ")


def all_words(can: Sequence[Proposal]) -> str:
    """The question before all are made."""
    names = [one.task.name for one in can if one.task is not None]
    shown = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
    return (
        f"{shown}. They run by themselves at the times of their lines. The lines stay in the crontabs, and syncoid "
        "goes on, until somebody takes them out. What fails does not stop the others."
    )


def stored_lines(done: Stored, others: Sequence[Proposal]) -> list[Pieces]:
    """What was made as it was read back, what was not and why, and what there was no task for."""
    lines: list[Pieces] = [
        [("  made  ", "good"), (f"{one.name}: {origin(one)} to {place(one)}", "text")] for one in done.made
    ]
    lines += [[("  NOT   ", "bad"), (why, "text")] for why in done.left]
    for one in others:
        said = moving.there_words(one) or _why_not(one) or f"{becomes(one).text}; `{one.commands[0]}`"
        lines.append([("  none  ", "dim"), (f"{where(one)}: {said}", "text")])
    told = (
        "y shows what a run of each would do. Leave their lines in the crontabs until a run has proven each copy: "
        "I then says `is there`. Take them out then, for syncoid goes on beside the tasks."
    )
    return [*lines, [], [(told, "text")]]


def told(done: Stored) -> str:
    """What was made, a sentence. Raises CommandError when not all of it was."""
    names = ", ".join(one.name for one in done.made[:5]) + (" …" if len(done.made) > 5 else "")
    count = f"{len(done.made)} task{' was' if len(done.made) == 1 else 's were'} made ({names})"
    if not done.made:
        raise CommandError(f"No task was made: {done.left[0] if done.left else 'none was to be made'}.")
    if done.left:
        raise CommandError(f"{count}, not all: {done.left[0]}.", "I shows what is left.")
    return f"{count}. Their lines still stand in the crontab."
