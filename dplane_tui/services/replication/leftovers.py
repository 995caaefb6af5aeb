"""What only a task needed, once it is removed or has another target: its bookmarks, each keeping its snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import DPlaneError
from ..door import Door
from . import failures, records
from .bases import AT_ONCE, batched, mark_of
from .model import Task
from .read import is_missing, list_argv

if TYPE_CHECKING:
    from ..host import Host
    from ..store import Store

_LIST_SECONDS = 300.0


async def drop(host: Host, store: Store, gone: Task) -> str:
    """Destroy the bookmarks for the target of a task as it was; call it when the store has it no more.

    Returns a sentence about what is left, empty when nothing is. Never raises DPlaneError: the task is gone anyhow.
    """
    if gone.source_peer is not None:
        return ""
    peers = {peer.name: peer for peer in await records.peers(store)}
    marks = {
        mark_of(peers.get(task.peer) if task.peer is not None else None, task) for task in await records.tasks(store)
    }
    mark = mark_of(peers.get(gone.peer) if gone.peer is not None else None, gone)
    if mark in marks:  # another task has that target, and goes on from them
        return ""
    try:
        found = await _listed(host, gone, mark)
        for some in batched(found, AT_ONCE):
            await Door(host).call("bookmarks-destroy", bookmarks={name: found[name] for name in some})
    except DPlaneError as error:
        return (
            f"Its bookmarks in {gone.source} may be left, each of which keeps its snapshot: {error.message} "
            f"`zfs list -t bookmark -r {gone.source}` shows them as #{mark}…, and `zfs destroy` removes them."
        )
    return ""


async def _listed(host: Host, gone: Task, mark: str) -> dict[str, str]:
    """Full names and GUIDs of its bookmarks; none where its source is gone. Raises DPlaneError."""
    listed = await host.run(list_argv(gone.source, gone.recursive), timeout=_LIST_SECONDS)
    if listed.status != 0:
        pool = await host.run(list_argv(gone.source.split("/")[0], False), timeout=_LIST_SECONDS)
        if pool.status == 0 and is_missing(listed.error):
            return {}
        raise failures.of_zfs(listed.error, f"{gone.source} could not be listed")
    rows = [line.split("\t") for line in listed.text.splitlines()]
    return {row[0]: row[1] for row in rows if len(row) == 3 and row[0].partition("#")[2].startswith(mark)}
