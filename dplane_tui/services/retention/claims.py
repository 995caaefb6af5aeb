"""What the store knows of the tasks of a box: who needs which snapshots of a dataset. And the record of what went."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from ..jobs import files
from ..replication import records
from ..replication.bases import mark_of
from ..replication.model import Task
from ..replication.plan import covers, members, target_of
from ..replication.read import Side
from ..store import Store
from .model import BEGUN, SOURCE, TARGET, Pruned
from .needs import Claim

_STARTING = 60.0  # seconds in which a run that was just started may not have reported yet


async def claims_of(store: Store, side: Side, jobs: Path, own: str, box: str | None = None) -> dict[str, list[Claim]]:
    """For each dataset of `side`, which lies on the peer `box` (None: on this one), the claims of all tasks of this box
    that send it.

    The task called `own` asks; it is not taken to be running.
    """
    peers = {peer.name: peer for peer in await records.peers(store)}
    boxes = {None} if box is None else await records.names_of(store, box)
    proven = await _proven(store, list(side))
    running = await _running(store, jobs) - {own}
    claims: dict[str, list[Claim]] = {name: [] for name in side}
    for task in await records.tasks(store):
        if task.source_peer not in boxes:
            continue
        near = dataclasses.replace(task, source_peer=None)  # as that box sees it
        inside = {name: dataset for name, dataset in side.items() if covers(near, name)}
        # What a task leaves out by now it may have sent before: that base stays, but nothing waits for it.
        sent = set(members(task, inside)) if inside else set()
        # At another box the bookmarks are named by that box; one of no task that is known here keeps its snapshot.
        mark = "" if box is not None else mark_of(peers.get(task.peer) if task.peer is not None else None, task)
        for name in inside:
            newest = proven.get((task.name, name, target_of(task, name)), "")
            waits = name in sent and wants_history(task, newest)
            claims[name].append(Claim(task.name, newest, mark, waits, running=task.name in running))
    return claims


def wants_history(task: Task, newest: str) -> bool:
    """Whether the task sends what lies behind the snapshot with the GUID `newest` (empty: everything) one by one."""
    return task.options.intermediates if newest else task.options.initial == "all"


async def _proven(store: Store, datasets: Sequence[str]) -> Mapping[tuple[str, str, str], str]:
    """GUID of the newest snapshot that was read back, by task, dataset and target."""
    rows = await store.rows(
        "SELECT runs.task AS task, dataset, target, source_guid, max(evidence.id) FROM evidence "
        "JOIN runs ON runs.id = evidence.run WHERE runs.mode = 'run' AND former = 0 AND source_guid = target_guid "
        "AND dataset IN (SELECT value FROM json_each(?)) GROUP BY runs.task, dataset, target",
        (json.dumps(datasets),),
    )
    return {(row["task"], row["dataset"], row["target"]): row["source_guid"] for row in rows}


async def _running(store: Store, jobs: Path) -> set[str]:
    """Tasks of which a run goes on. One that the store calls active may have died."""
    rows = await store.rows(
        "SELECT id, task, started FROM runs WHERE state IN ('queued', 'running') AND mode != 'plan'"
    )
    found: set[str] = set()
    for row in rows:
        progress = files.read(jobs, row["id"])
        if progress.active if progress is not None else time.time() - row["started"] < _STARTING:
            found.add(row["task"])
    return found


async def proven_in(store: Store, run_id: str) -> frozenset[str]:
    """The datasets whose target was read back in a run and has what it is to have: each of its proofs holds."""
    sql = "SELECT dataset, min(source_guid = target_guid) AS good FROM evidence WHERE run = ? GROUP BY dataset"
    rows = await store.rows(sql, (run_id,))
    return frozenset(row["dataset"] for row in rows if row["good"])


async def record(store: Store, run_id: str, task: str, gone: Sequence[Pruned], dropped: str = "") -> None:
    """Store what became of these, or is about to, in the place of what the run had stored of them.

    Nothing is stored of those with the error `dropped`: others destroyed them.
    """
    async with store.transaction() as db:
        await db.executemany(
            "DELETE FROM pruned WHERE run = ? AND side = ? AND dataset = ? AND guid = ?",
            [(run_id, item.side, item.dataset, item.guid) for item in gone],
        )
        await db.executemany(
            "INSERT INTO pruned (run, task, side, dataset, snapshot, guid, at, error) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [(run_id, task, *dataclasses.astuple(item)) for item in gone if not dropped or item.error != dropped],
        )


async def pruned_by_others(
    store: Store, run_id: str, box: str | None, guids: Collection[str]
) -> frozenset[tuple[str, str]]:
    """Datasets and GUIDs of those of these snapshots that another run destroyed on the peer `box` (None: on this one),
    or is about to."""
    boxes = {None} if box is None else await records.names_of(store, box)
    sides = {
        (task.name, side)
        for task in await records.tasks(store)
        for side, place in ((SOURCE, task.source_peer), (TARGET, task.peer))
        if place in boxes
    }
    sql = (
        "SELECT task, side, dataset, guid FROM pruned WHERE run != ? AND guid IN (SELECT value FROM json_each(?)) "
        "AND (error = '' OR error = ? AND run IN (SELECT id FROM runs WHERE state IN ('queued', 'running')))"
    )
    rows = await store.rows(sql, (run_id, json.dumps(sorted(guids)), BEGUN))
    return frozenset((row["dataset"], row["guid"]) for row in rows if (row["task"], row["side"]) in sides)
