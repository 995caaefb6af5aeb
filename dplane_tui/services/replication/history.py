"""What the store keeps of a task's past.

Every run adds to it, and the store is read, checked and copied as a whole, on a card that wears out: without an end,
hourly runs of twenty datasets would make it grow by some 85 megabytes a year.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from . import records

if TYPE_CHECKING:
    from ..store import Store

RUNS_KEPT = 1000
"""So many of the newest runs of a task stay whole."""
PROOFS_KEPT = 20_000
"""Of older runs so many proofs stay at most, the newest one of each snapshot that is still at the target."""
_AT_ONCE = 50  # older runs that are waited for, so that not every run looks through them all

_OLD = (
    "task = :task AND (started, id) < (:started, :id) AND state NOT IN ('queued', 'running') "
    "AND mode IN (SELECT value FROM json_each(:kinds)) AND id NOT IN (SELECT value FROM json_each(:whole))"
)
_TRIMMED = "plan = '' AND request = '' AND log = '' AND EXISTS (SELECT 1 FROM evidence WHERE run = runs.id)"
_PROOFS = (
    "SELECT max(evidence.id) AS id, dataset, target, source_guid FROM evidence JOIN runs ON runs.id = evidence.run "
    "WHERE task = :task AND mode = 'run' AND source_guid = target_guid GROUP BY dataset, target"
)
_GONE = "SELECT guid FROM pruned WHERE task = :task AND side = 'target' AND error = ''"
_ACTS = (
    f"DELETE FROM evidence WHERE run IN (SELECT id FROM runs WHERE {_OLD}) "  # noqa: S608 (fixed texts)
    # What the next increment of a copy starts from is known by the newest proof of it, however old that is.
    f"AND id NOT IN (SELECT id FROM ({_PROOFS})) "
    f"AND id NOT IN (SELECT id FROM ({_PROOFS}, source_guid) WHERE source_guid NOT IN ({_GONE}) "
    f"AND id IN (SELECT evidence.id FROM evidence WHERE run IN (SELECT id FROM runs WHERE {_OLD})) "
    "ORDER BY id DESC LIMIT :proofs)",
    "DELETE FROM pruned WHERE task = :task AND at < :started",
    f"DELETE FROM runs WHERE {_OLD} AND NOT EXISTS (SELECT 1 FROM evidence WHERE run = runs.id) "  # noqa: S608
    "AND id NOT IN (SELECT run FROM holds)",
    f"UPDATE runs SET plan = '', request = '', log = '' WHERE {_OLD} "  # noqa: S608
    "AND (plan != '' OR request != '' OR log != '')",
)


async def trim(store: Store, task: str) -> None:
    """Forget what is old of a task: its last success stays whole, and of what its target still has, the proof.

    Call it after a run. Raises DPlaneError.
    """
    kinds = json.dumps(records.SHOWN)
    oldest = await store.rows(
        "SELECT started, id FROM runs WHERE task = ? AND mode IN (SELECT value FROM json_each(?)) "
        "ORDER BY started DESC, id DESC LIMIT 1 OFFSET ?",
        (task, kinds, RUNS_KEPT - 1),
    )
    if not oldest:
        return
    good = await store.rows(
        "SELECT id, max(rowid) FROM runs WHERE task = ? AND state IN ('succeeded', 'nothing-new') "
        "AND (mode != 'run' OR EXISTS (SELECT 1 FROM evidence WHERE run = runs.id AND source_guid = target_guid)) "
        "GROUP BY mode",
        (task,),
    )
    values = {
        "task": task,
        "kinds": kinds,
        "started": oldest[0]["started"],
        "id": oldest[0]["id"],
        "whole": json.dumps([row["id"] for row in good]),
        "proofs": PROOFS_KEPT,
    }
    async with store.transaction() as db:
        sql = f"SELECT count(*) AS waiting FROM runs WHERE {_OLD} AND NOT ({_TRIMMED})"  # noqa: S608
        if next(iter(await db.execute_fetchall(sql, values)))["waiting"] >= _AT_ONCE:
            for act in _ACTS:
                await db.execute(act, values)
