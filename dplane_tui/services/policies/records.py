"""Runs of policies in the store, and since when a dataset is known to have one."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace

from ...errors import CommandError, MissingError
from ...text import clean
from ..replication import codec
from ..store import Store
from .model import PolicyRun

KEPT = 1000
"""Runs: six weeks of hourly ones."""


async def begin(store: Store, run: PolicyRun) -> None:
    """Store a run that begins. One that still says it is running had its process ended: the lock is ours now."""
    async with store.transaction() as db:
        await db.execute(
            "UPDATE policy_runs SET state = 'died', ended = ?, message = ? WHERE state = 'running'",
            (run.started, "Its process ended without a word: killed, out of memory, or the power failed."),
        )
        await db.execute(
            "INSERT INTO policy_runs (id, state, started) VALUES (?, ?, ?)", (run.id, run.state, run.started)
        )
        await db.execute(
            "DELETE FROM policy_runs WHERE id NOT IN (SELECT id FROM policy_runs ORDER BY rowid DESC LIMIT ?)", (KEPT,)
        )


async def keep(store: Store, run: PolicyRun) -> None:
    """Store how far a run is, or how it ended. Of what was judged, what stays is left out."""
    short = replace(
        run,
        datasets=tuple(
            replace(one, judged=tuple(item for item in one.judged if not item.keep))
            for one in run.datasets
            if one.taken or one.problem or any(not item.keep for item in one.judged)
        ),
    )
    async with store.transaction() as db:
        await db.execute(
            "UPDATE policy_runs SET state = ?, ended = ?, message = ?, report = ? WHERE id = ?",
            (run.state, run.ended, run.message, codec.dumps(short), run.id),
        )


async def runs(store: Store, limit: int = 20) -> tuple[PolicyRun, ...]:
    """The newest runs with what they did."""
    rows = await store.rows("SELECT * FROM policy_runs ORDER BY rowid DESC LIMIT ?", (limit,))
    return tuple(_run(row) for row in rows)


async def run(store: Store, run_id: str) -> PolicyRun:
    """One run. Raises MissingError."""
    rows = await store.rows("SELECT * FROM policy_runs WHERE id = ?", (run_id,))
    if not rows:
        raise MissingError(f"There is no run {clean(run_id, 60)} of policies.", "`dplane policy runs` shows them.")
    return _run(rows[0])


def _run(row: object) -> PolicyRun:
    fields = dict(row)  # type: ignore[call-overload]  # sqlite3.Row is a mapping
    try:
        told = codec.decode(PolicyRun, json.loads(fields["report"])) if fields["report"] else None
    except ValueError as error:
        raise CommandError(f"The stored run {fields['id']} cannot be understood: {error}.") from None
    base = told or PolicyRun(fields["id"], "", fields["started"])
    return replace(base, state=fields["state"], ended=fields["ended"], message=fields["message"])


async def saw(store: Store, guids: Iterable[str], now: float) -> None:
    """Remember that these datasets have a policy `now`, if not since before; forget those that have none any more."""
    wanted = set(guids)
    async with store.transaction() as db:
        known = {row["guid"] for row in list(await db.execute_fetchall("SELECT guid FROM policy_seen"))}
        await db.executemany("DELETE FROM policy_seen WHERE guid = ?", [(guid,) for guid in known - wanted])
        await db.executemany("INSERT INTO policy_seen VALUES (?, ?)", [(guid, now) for guid in wanted - known])


async def since(store: Store) -> dict[str, float]:
    """Since when each dataset, by its GUID, is known to have a policy."""
    return {row["guid"]: row["since"] for row in await store.rows("SELECT guid, since FROM policy_seen")}
