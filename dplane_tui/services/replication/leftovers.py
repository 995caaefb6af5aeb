"""What only a task needed, once it is removed or has another target: bookmarks, each of which keeps its snapshot, and
holds that a killed run left. Here they go at once; at a box that it pulled from, with the next run that reaches it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ...aside import aside
from ...errors import CommandError, DPlaneError, RefusedError
from ...text import clean as clean_text
from ..door import Door
from ..jobs import files
from . import failures, holds, records
from .bases import AT_ONCE, batched, mark_of
from .model import Task
from .read import is_missing, list_argv
from .rights import within

if TYPE_CHECKING:
    from ...paths import Paths
    from ..host import Host
    from ..store import Store

_LIST_SECONDS = 300.0
_BY_HAND = (
    "All of it is named dplane-…; `zfs list -t bookmark` and `zfs holds` there show it, `zfs destroy` and "
    "`zfs release` remove it."
)


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
    tasks, names = await records.tasks(store), await records.names_of(store, peer)
    if _goes_on(tasks, names, gone):
        return ""
    async with store.transaction() as db:
        sql = "INSERT OR REPLACE INTO left_there (peer, source, target, recursive) VALUES (?, ?, ?, ?)"
        await db.execute(sql, (peer, gone.source, gone.target, 1))  # it may have been recursive once
    left = (
        f"At {peer} its bookmarks, and holds of a run that was killed, are taken away by the next run of a task with it"
    )
    if any(not names.isdisjoint({task.peer, task.source_peer}) for task in tasks):
        return f"{left}."
    return f"{left}; there is none now. Until then they keep their snapshots there."


def _goes_on(tasks: Sequence[Task], names: set[str], gone: Task) -> bool:
    """Whether a task goes on from the bookmarks that `gone` made at the box of these names: it sends what that sent, or
    a part of it, to the same place."""
    return any(
        task.source_peer in names
        and task.target == gone.target
        and (within(task.source, gone.source) or within(gone.source, task.source))
        for task in tasks
    )


class Left(NamedTuple):
    """What could not be taken away at a box, and why."""

    peer: str
    source: str
    why: DPlaneError

    @property
    def for_good(self) -> bool:
        """Whether no run tries again."""
        return isinstance(self.why, RefusedError)


async def clean(store: Store, where: Paths, ran: Task) -> list[Left]:
    """Take away what tasks that are gone left at the boxes that `ran` has just reached; returns what could not be.

    Never raises DPlaneError: the next run tries again what could not be done, unless the box refuses it.
    """
    left: list[Left] = []
    for box in sorted({name for name in (ran.peer, ran.source_peer) if name is not None}):
        names = await records.names_of(store, box)
        for other in names - {box}:
            await _hand_over(store, other, box)
        tasks = await records.tasks(store)
        for row in await store.rows("SELECT source, target FROM left_there WHERE peer = ?", (box,)):
            gone = Task("", row["source"], None, row["target"], recursive=True, snapshot=False, source_peer=box)
            try:
                await _clean_there(store, where, gone, box, used=_goes_on(tasks, names, gone))
            except DPlaneError as error:
                aside(f"what a task that is gone left at {box} is still there: {error}")
                left.append(Left(box, gone.source, error))
                if not left[-1].for_good:
                    continue
            async with store.transaction() as db:
                sql = "DELETE FROM left_there WHERE peer = ? AND source = ? AND target = ?"
                await db.execute(sql, (box, gone.source, gone.target))
    return left


async def _hand_over(store: Store, box: str, name: str) -> bool:
    """Put what is left at a box that is paired under two names under the other one. Whether there was anything."""
    there, to = f"@{box}|", f"@{name}|"
    async with store.transaction() as db:
        noted = await db.execute("UPDATE OR REPLACE left_there SET peer = ? WHERE peer = ?", (name, box))
        sql = "UPDATE OR REPLACE holds SET tag = ? || substr(tag, ?) WHERE substr(tag, 1, ?) = ?"
        held = await db.execute(sql, (to, len(there) + 1, len(there), there))
        return noted.rowcount + held.rowcount > 0


def told(left: Sequence[Left]) -> str:
    """A sentence about what no run tries to take away again; empty when there is none."""
    sentences = [
        f"What a removed task left at {one.peer} in {clean_text(one.source, 60)} is still there, and no run tries "
        f"again: {one.why} {_BY_HAND}"
        for one in left
        if one.for_good
    ]
    return " ".join(sentences)


async def clean_for_good(store: Store, where: Paths, peer: str) -> str:
    """The same at a box that is about to be forgotten, which no task uses any more under that name.

    Returns a sentence about what is left there, empty when nothing is. Never raises DPlaneError.
    """
    if others := sorted(await records.names_of(store, peer) - {peer}):
        if not await _hand_over(store, peer, others[0]):
            return ""
        return f"What removed tasks left there goes with the next run of a task with {others[0]}, the same box."
    left = await clean(store, where, Task("", "", None, "", source_peer=peer))
    there = f"@{peer}|"
    held = await store.rows("SELECT tag FROM holds WHERE substr(tag, 1, ?) = ?", (len(there), there))
    if not (left or held):
        return ""
    what = [f"bookmarks below {', '.join(clean_text(one.source, 60) for one in left[:3])}"] if left else []
    what += [f"holds on {len(held)} snapshot(s)"] if held else []
    return f"What removed tasks left there is still there, and keeps its snapshots: {' and '.join(what)}. {_BY_HAND}"


async def _clean_there(store: Store, where: Paths, gone: Task, peer: str, *, used: bool) -> None:
    """Release what is held for a task that is gone, and remove its bookmarks where none goes on from them (`used`)."""
    from .far_source import source_at
    from .transport import Link

    source = source_at(Link(await records.peer(store, peer), where.ssh, where.jobs), gone)
    far = None if isinstance(source.door, Door) else source.door
    if used and (far is None or not await holds.left_of(store, far, {})):
        return
    if far is None:
        raise RefusedError(f"{peer} does not let this box remove its bookmarks any more.")
    try:
        await source.open()
        side = await source.left()
        if not used:
            await source.forget_all(side)
        if not side and await holds.left_of(store, far, side):
            raise RefusedError(f"{gone.source} is gone there, but what was held of it may be under another name.")
        if not await holds.release_left(store, far, side):
            raise CommandError("not every hold was released.")
    finally:
        await source.close()
