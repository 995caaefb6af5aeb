"""What is looked at before a task is made: whether its target is allowed, and what its first run would do."""

from __future__ import annotations

from ...errors import RefusedError
from ..store import Store
from . import codec, records
from .model import Run, Task


async def refuse_outside(store: Store, new: Task) -> None:
    """Raise RefusedError for a target that the peer's key is not meant for, MissingError when there is no such peer."""
    if new.peer is None:
        return
    peer = await records.peer(store, new.peer)
    if peer.root and new.target != peer.root and not new.target.startswith(f"{peer.root}/"):
        raise RefusedError(
            f"The peer {peer.name} was paired for {peer.root} only, and {new.target} is not below it.",
            f"Choose a target below {peer.root}, or pair again with another root.",
        )


async def queue_preview(store: Store, new: Task) -> Run:
    """A queued dry run that brings its task along, as nothing of that name is stored. Raises RefusedError if one is."""
    await refuse_outside(store, new)
    if new.name in {other.name for other in await records.tasks(store)}:
        raise RefusedError(f"There is a replication task called {new.name} already.", "Choose another name.")
    return await records.new_run(store, new.name, "plan", codec.dumps(new))
