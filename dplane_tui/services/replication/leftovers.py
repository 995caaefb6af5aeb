"""What only a task needed, once it is removed or has another target: bookmarks, each of which keeps its snapshot, and
holds that a killed run left. Here they go at once; at a box that it pulled from, with the next run that reaches it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from ...aside import aside
from ...errors import CommandError, DPlaneError, RefusedError
from ...text import clean as clean_text
from ..door import Door
from ..jobs import files
from . import failures, holds, records
from .bases import AT_ONCE, batched, mark_of
from .model import Task
from .read import is_missing, list_argv

if TYPE_CHECKING:
    from ...paths import Paths
    from ..host import Host
    from ..store import Store

_LIST_SECONDS = 300.0


async def drop(host: Host, store: Store, jobs: Path, gone: Task) -> str:
    """Take away what a task left for its target as it was; call it when the store has it no more.

    Returns a sentence about what is left, empty when nothing is. Never raises DPlaneError: the task is gone anyhow.
    """
    try:
        if gone.source_peer is not None:
            return await _later(store, gone, gone.source_peer)
        await holds.sweep(store, Door(host), lambda run: _is_alive(jobs, run))
        return " ".join(part for part in (await _bookmarks(host, store, gone), await _held(store, gone)) if part)
    except DPlaneError as error:
        return f"What it left was not looked at: {error}"


def _is_alive(jobs: Path, run: str) -> bool:
    progress = files.read(jobs, run)
    return progress is not None and progress.active


async def _held(store: Store, gone: Task) -> str:
    sql = "SELECT tag FROM holds JOIN runs ON runs.id = holds.run WHERE task = ?"
    left = [row for row in await store.rows(sql, (gone.name,)) if not row["tag"].startswith("@")]
    return f"{len(left)} snapshot(s) are still held for it; the next run of any task tries again." if left else ""


async def drop_below(host: Host, store: Store, task: Task) -> str:
    """Take away the bookmarks below the source of a task of this box that takes only its source from now on.

    Returns a sentence about what is left, empty when nothing is. At a box that it pulls from they stay as long as it.
    """
    if task.source_peer is not None or not await records.runs(store, task.name, 1, ("run",)):
        return ""  # one that never ran has made none
    return await _bookmarks(host, store, task, below=True)


async def _bookmarks(host: Host, store: Store, gone: Task, *, below: bool = False) -> str:
    """Destroy the bookmarks of a task, or only those `below` its source."""
    peers = {peer.name: peer for peer in await records.peers(store)}
    others = [task for task in await records.tasks(store) if task.name != gone.name]
    marks = {mark_of(peers.get(task.peer) if task.peer is not None else None, task) for task in others}
    mark = mark_of(peers.get(gone.peer) if gone.peer is not None else None, gone)
    if mark in marks:  # another task has that target, and goes on from them
        return ""
    try:
        found = await _listed(host, gone, mark)
        if below:
            found = {name: guid for name, guid in found.items() if name.startswith(f"{gone.source}/")}
        for some in batched(found, AT_ONCE):
            await Door(host).call("bookmarks-destroy", bookmarks={name: found[name] for name in some})
    except DPlaneError as error:
        return (
            f"Its bookmarks {'below' if below else 'in'} {gone.source} may be left, each of which keeps its snapshot: "
            f"{error.message} `zfs list -t bookmark -r {gone.source}` shows them as #{mark}…, and `zfs destroy` "
            "removes them."
        )
    return ""


async def _listed(host: Host, gone: Task, mark: str) -> dict[str, str]:
    """Full names and GUIDs of its bookmarks, also below its source, which it may have taken before; none where its
    source is gone. Raises DPlaneError."""
    listed = await host.run(list_argv(gone.source, True), timeout=_LIST_SECONDS)
    if listed.status != 0:
        pool = await host.run(list_argv(gone.source.split("/")[0], False), timeout=_LIST_SECONDS)
        if pool.status == 0 and is_missing(listed.error):
            return {}
        raise failures.of_zfs(listed.error, f"{gone.source} could not be listed")
    rows = [line.split("\t") for line in listed.text.splitlines()]
    return {row[0]: row[1] for row in rows if len(row) == 3 and row[0].partition("#")[2].startswith(mark)}


async def _later(store: Store, gone: Task, peer: str) -> str:
    """Note what a run is to take away at the peer; only jobs have the key for it."""
    if not (await records.peer(store, peer)).takes_snapshots():
        return ""  # nothing was made there
    tasks = await records.tasks(store)
    if any((task.source_peer, task.target) == (peer, gone.target) for task in tasks):
        return ""
    async with store.transaction() as db:
        sql = "INSERT OR REPLACE INTO left_there (peer, source, target, recursive) VALUES (?, ?, ?, ?)"
        await db.execute(sql, (peer, gone.source, gone.target, 1))  # it may have been recursive once
    left = (
        f"At {peer} its bookmarks, and holds of a run that was killed, are taken away by the next run of a task with it"
    )
    if any(peer in (task.peer, task.source_peer) for task in tasks):
        return f"{left}."
    return f"{left}; there is none now. Until then they keep their snapshots there."


async def clean(store: Store, where: Paths, ran: Task) -> list[str]:
    """Take away what tasks that are gone left at the boxes that `ran` has just reached; returns the datasets there
    whose bookmarks and holds could not be.

    Never raises DPlaneError: the next run tries again what could not be done, unless the box refuses it.
    """
    left: list[str] = []
    peers = json.dumps([name for name in (ran.peer, ran.source_peer) if name is not None])
    rows = await store.rows("SELECT * FROM left_there WHERE peer IN (SELECT value FROM json_each(?))", (peers,))
    used = {(task.source_peer, task.target) for task in await records.tasks(store)} if rows else set()
    for row in rows:
        peer, source, target = row["peer"], row["source"], row["target"]
        gone = Task("", source, None, target, recursive=True, snapshot=False, source_peer=peer)
        try:
            if (peer, target) not in used:  # else a task is there again that goes on from them
                await _clean_there(store, where, gone, peer)
        except DPlaneError as error:
            aside(f"what a task that is gone left at {peer} is still there: {error}")
            left.append(source)
            if not isinstance(error, RefusedError):
                continue
        async with store.transaction() as db:
            sql = "DELETE FROM left_there WHERE peer = ? AND source = ? AND target = ?"
            await db.execute(sql, (peer, source, target))
    return left


async def clean_for_good(store: Store, where: Paths, peer: str) -> str:
    """The same at a box that is about to be forgotten, which no task uses any more.

    Returns a sentence about what is left there, empty when nothing is. Never raises DPlaneError.
    """
    left = await clean(store, where, Task("", "", None, "", source_peer=peer))
    there = f"@{peer}|"
    held = await store.rows("SELECT tag FROM holds WHERE substr(tag, 1, ?) = ?", (len(there), there))
    if not (left or held):
        return ""
    what = [f"bookmarks below {', '.join(clean_text(name, 60) for name in left[:3])}"] if left else []
    what += [f"holds on {len(held)} snapshot(s)"] if held else []
    return (
        f"What removed tasks left there is still there, and keeps its snapshots: {' and '.join(what)}, all named "
        "dplane-…; `zfs list -t bookmark` and `zfs holds` there show them, `zfs destroy` and `zfs release` remove them."
    )


async def _clean_there(store: Store, where: Paths, gone: Task, peer: str) -> None:
    from .far_source import source_at
    from .transport import Link

    source = source_at(Link(await records.peer(store, peer), where.ssh, where.jobs), gone)
    try:
        await source.open()
        await source.forget_all()
        far = None if isinstance(source.door, Door) else source.door
        if far is not None and not await holds.release_left(store, far):
            raise CommandError("not every hold was released.")
    finally:
        await source.close()
