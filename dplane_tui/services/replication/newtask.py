"""What is looked at before a task is made or changed: whether it is allowed, and what its first run would do."""

from __future__ import annotations

from ...errors import RefusedError
from ..store import Store
from . import codec, pruning, records
from .model import Run, Task
from .places import check_rights


async def allowed(store: Store, new: Task) -> Task:
    """The task as its peers let it be. Raises RefusedError, MissingError when there is no such peer."""
    source = await records.peer(store, new.source_peer) if new.source_peer is not None else None
    target = await records.peer(store, new.peer) if new.peer is not None else None
    if source is not None:
        pruning.refuse_no_source_right(new.options, source)
    if target is not None:
        pruning.refuse_not_granted(new.options, target)
    return check_rights(new, source, target)


def refuse_idle_patterns(new: Task, before: Task | None = None) -> None:
    """Raise RefusedError for patterns that would do nothing, as the task takes its source alone.

    What `before` had already is let be, so that an older task can still be paused.
    """
    patterns = (*new.options.include, *new.options.exclude)
    same = before is not None and new.scope == before.scope
    if new.recursive or same or not patterns:
        return
    raise RefusedError(
        f"The task {new.name} takes {new.source} alone, so there is nothing below it to include or exclude.",
        "Take the datasets below as well (--recursive), or clear the patterns (--include '' --exclude '').",
    )


async def queue_preview(store: Store, new: Task) -> Run:
    """A queued dry run that brings its task along, as nothing of that name is stored. Raises RefusedError if one is."""
    new = await allowed(store, new)
    if new.name in {other.name for other in await records.tasks(store)}:
        raise RefusedError(f"There is a replication task called {new.name} already.", "Choose another name.")
    return await records.new_run(store, new.name, "plan", codec.dumps(new))
