"""What only a task needed, once it is removed or has another target: bookmarks, each of which keeps its snapshot, and
holds that a killed run left. Here they go at once; at a box that it pulled from, with the next run that reaches it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ...aside import aside
from ...errors import CommandError, DPlaneError, RefusedError
from ...text import clean as clean_text
from ..door import Door
from ..jobs import files
from . import failures, holds, records
from .bases import AT_ONCE, batched, mark_of
from .model import Peer, Task
from .read import is_missing, list_argv
from .rights import within

if TYPE_CHECKING:
    import sqlite3

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
    tasks, names = await records.tasks(store), await _stand_ins(store, peer, gone.source)
    if _going_on(tasks, names, gone):
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


async def _stand_ins(store: Store, name: str, dataset: str) -> set[str]:
    """The names of the same box by which what was made in that dataset by the name `name`, one of them, can be taken
    away."""
    alike = await records.alike(store, name)
    return {name, *(peer.name for peer in await records.peers(store) if peer.name in alike and _may(peer, dataset))}


def _may(peer: Peer, dataset: str) -> bool:
    if not peer.product:
        return True
    return peer.may_snapshot and peer.may_read is not None and within(dataset, peer.may_read)


def _going_on(tasks: Sequence[Task], names: set[str], gone: Task) -> list[Task]:
    """The tasks that go on from the bookmarks that `gone` made at the box of these names: they send what that sent, or
    a part of it, to the same place."""
    return [
        task
        for task in tasks
        if task.source_peer in names
        and task.target == gone.target
        and (within(task.source, gone.source) or within(gone.source, task.source))
    ]


def _names_alike(gone: Peer, other: Peer) -> bool | None:
    """Whether bookmarks that are made at one box by one of its names are those of the other; None: not known."""
    if gone.product != other.product or not other.takes_snapshots():
        return False
    if gone.name == other.name or not gone.product:
        return True
    return gone.own_name == other.own_name if gone.own_name and other.own_name else None


async def _is_used(store: Store, gone: Task, box: str) -> bool:
    """Whether a task has the bookmarks that `gone` made at the box for its own.

    Raises CommandError while another may still need them: one by another kind of pairing, or by a name that this box
    had at another time, until it has run; and while it is not known whether it is such a name.
    """
    tasks, names = await records.tasks(store), await records.names_of(store, box)
    peers = {peer.name: peer for peer in await records.peers(store)}
    others = _going_on(tasks, names, gone)
    shares = {task.name: _names_alike(peers[box], peers[task.source_peer or box]) for task in others}
    if True in shares.values():
        return True
    for task in others:
        if shares[task.name] is None:
            raise CommandError(
                f"Whether the task {task.name} goes on from these bookmarks is not known.",
                f"`dplane peer test` of {box} and of {task.source_peer} finds it out.",
            )
        if await records.newest_proof(store, task.name) is None:
            raise CommandError(f"The task {task.name} has not run yet, and may start from these bookmarks.")
    return False


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
        left += await _clean_at(store, where, box, await store.rows(_NOTED))
    return left


_NOTED = "SELECT peer, source, target FROM left_there"


async def _clean_at(store: Store, where: Paths, box: str, noted: Iterable[sqlite3.Row]) -> list[Left]:
    left: list[Left] = []
    for row in noted:
        if box not in await _stand_ins(store, row["peer"], row["source"]):
            continue
        gone = Task("", row["source"], None, row["target"], recursive=True, snapshot=False, source_peer=box)
        try:
            await _clean_there(store, where, gone, box)
        except DPlaneError as error:
            aside(f"what a task that is gone left at {row['peer']} is still there: {error}")
            found = Left(row["peer"], gone.source, error)
            # What that box refuses to one of its names it may let another do: the one that made it, if that runs.
            if found.for_good and box != row["peer"] and await _runs(store, row["peer"]):
                continue
            left.append(found)
            if not found.for_good:
                continue
        async with store.transaction() as db:
            await db.execute("DELETE FROM left_there WHERE peer = ? AND source = ? AND target = ?", tuple(row))
    return left


async def _runs(store: Store, peer: str) -> bool:
    """Whether a task goes by that name of a box, and is not paused: what never runs takes nothing away."""
    tasks = await records.tasks(store)
    return any(peer in (task.peer, task.source_peer) and not task.options.paused for task in tasks)


async def _hand_over(store: Store, box: str, name: str) -> None:
    """Put what is left at a box under another name of it: the one `box` is about to be forgotten."""
    there, to = f"@{box}|", f"@{name}|"
    async with store.transaction() as db:
        await db.execute("UPDATE OR REPLACE left_there SET peer = ? WHERE peer = ?", (name, box))
        sql = "UPDATE OR REPLACE holds SET tag = ? || substr(tag, ?) WHERE substr(tag, 1, ?) = ?"
        await db.execute(sql, (to, len(there) + 1, len(there), there))


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
    noted = await store.rows("SELECT source FROM left_there WHERE peer = ?", (peer,))
    places = {row["source"] for row in noted} | {name.partition("@")[0] for name in await _held_at(store, peer)}
    if not places:
        return ""
    if others := set.intersection(*[await _stand_ins(store, peer, place) for place in places]) - {peer}:
        await _hand_over(store, peer, min(others))
        return f"What removed tasks left there goes with the next run of a task with {min(others)}, the same box."
    # Its own alone: what it may not do of another name's is no reason to forget that.
    left = await _clean_at(store, where, peer, await store.rows(f"{_NOTED} WHERE peer = ?", (peer,)))
    held = await _held_at(store, peer)
    if not (left or held):
        return ""
    what = [f"bookmarks below {', '.join(clean_text(one.source, 60) for one in left[:3])}"] if left else []
    what += [f"holds on {len(held)} snapshot(s)"] if held else []
    why = "".join(f"{reason} " for reason in sorted({one.why.message for one in left})[:3])
    told = f"What removed tasks left there is still there, and keeps its snapshots: {' and '.join(what)}."
    return f"{told} {why}{_BY_HAND}"


async def _held_at(store: Store, peer: str) -> list[str]:
    """The snapshots at a box that are held under that name of it."""
    there = f"@{peer}|"
    rows = await store.rows("SELECT snapshot FROM holds WHERE substr(tag, 1, ?) = ?", (len(there), there))
    return [row["snapshot"] for row in rows]


async def _clean_there(store: Store, where: Paths, gone: Task, peer: str) -> None:
    """Release what is held for a task that is gone, and remove its bookmarks where none goes on from them."""
    from .far_source import source_at
    from .transport import Link

    used = await _is_used(store, gone, peer)
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
            raise CommandError("Not every hold was released.")
    finally:
        await source.close()
