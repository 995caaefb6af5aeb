"""Peers, tasks, runs and evidence in the store: rows to data classes and back."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...aside import Log
from ...errors import CommandError, MissingError, RefusedError
from ..retention.model import Pruned
from ..store import Store
from . import codec
from .model import Evidence, LogLine, Options, Peer, Run, Scope, Task
from .rights import FLAGS

ACTIVE = frozenset({"queued", "running"})
PLANS_KEPT_SECONDS = 3600.0
AT_WORK_SECONDS = 7 * 86400.0
"""An answer that is still being worked on then belongs to a job that died."""
MOVING = ("run", "restore")
"""Kinds of run that move data: one at a time for each task."""
SHOWN = (*MOVING, "verify", "resolve")
ANSWERS = ("plan", "compare", "prune", "conflicts")
"""Kinds that are of interest to who asked, not to history."""
COPIES = "copies"
"""The request of a `compare` that looks at the target alone."""
_RECENT = 20_000  # rows of evidence, so that a long history costs nothing
GOOD = frozenset({"succeeded", "nothing-new"})


def _insert(table: str, fields: dict[str, Any]) -> tuple[str, list[Any]]:
    marks = ", ".join("?" * len(fields))
    return f"INSERT INTO {table} ({', '.join(fields)}) VALUES ({marks})", list(fields.values())  # noqa: S608


def _peer(row: Any) -> Peer:
    fields = dict(row)
    return Peer(**{**fields, **{name: bool(fields[name]) for name in ("product", *FLAGS)}})


def _task(row: Any) -> Task:
    fields = dict(row)
    raw = fields["raw"]
    return Task(
        **{
            **fields,
            "raw": None if raw is None else bool(raw),
            "recursive": bool(fields["recursive"]),
            "snapshot": bool(fields["snapshot"]),
            "options": _options(fields["options"]),
        }
    )


def _options(stored: str) -> Options:
    try:
        return codec.decode(Options, json.loads(stored))
    except ValueError as error:
        raise CommandError(f"The stored options of a task cannot be understood: {error}.") from None


async def peers(store: Store) -> tuple[Peer, ...]:
    """All paired boxes by name."""
    return tuple(_peer(row) for row in await store.rows("SELECT * FROM peers ORDER BY name"))


async def peer(store: Store, name: str) -> Peer:
    """One peer. Raises MissingError."""
    found = await store.rows("SELECT * FROM peers WHERE name = ?", (name,))
    if not found:
        raise MissingError(
            f"There is no peer called {name}.", "`dplane peer list` shows them, `dplane peer add` pairs one."
        )
    return _peer(found[0])


async def names_of(store: Store, box: str) -> set[str]:
    """All the names under which the same box is paired."""
    sql = "SELECT name FROM peers WHERE mark = (SELECT mark FROM peers WHERE name = ?)"
    return {box, *(row["name"] for row in await store.rows(sql, (box,)))}


async def alike(store: Store, name: str) -> set[str]:
    """The names, this one among them, under which the same box is paired in the same way: what is made there by one of
    them has the names that the others give. D-Plane there names bookmarks and holds by the name that this box had when
    it was paired, and otherwise than an account does; an account may only do what was allowed to it."""
    sql = (
        "SELECT other.name FROM peers AS own JOIN peers AS other ON other.mark = own.mark "
        "AND other.product = own.product AND CASE WHEN own.product "
        "THEN other.own_name = own.own_name AND own.own_name != '' ELSE other.user = own.user END WHERE own.name = ?"
    )
    return {name, *(row["name"] for row in await store.rows(sql, (name,)))}


async def put_peer(store: Store, new: Peer) -> None:
    """Store a peer; one of the same name is replaced, its tasks stay.

    What was proven with one that showed another host key counts no more: it may be another box, or a new disk.
    """
    fields = {**dataclasses.asdict(new), "mark": new.known_by}
    sql, values = _insert("peers", fields)
    changes = ", ".join(f"{name} = excluded.{name}" for name in fields if name != "name")
    async with store.transaction() as db:
        await db.execute(
            "UPDATE runs SET former = 1 WHERE former = 0 "
            "AND task IN (SELECT name FROM tasks WHERE :name IN (peer, source_peer)) "
            "AND EXISTS (SELECT 1 FROM peers WHERE name = :name AND host_key != :host_key)",
            {"name": new.name, "host_key": new.host_key},
        )
        await db.execute(f"{sql} ON CONFLICT (name) DO UPDATE SET {changes}", values)


async def delete_peer(store: Store, name: str) -> None:
    """Forget a peer. Raises MissingError, RefusedError while tasks use it."""
    gone = await peer(store, name)
    async with store.transaction() as db:
        found = await db.execute_fetchall("SELECT name FROM tasks WHERE ? IN (peer, source_peer)", (name,))
        users = [row["name"] for row in found]
        if users:
            raise RefusedError(
                f"The peer {name} is used by {len(users)} task(s): {', '.join(users[:5])}.",
                "Remove them first with `dplane replicate remove`.",
            )
        await db.execute("DELETE FROM peers WHERE name = ?", (name,))
        if not list(await db.execute_fetchall("SELECT 1 FROM peers WHERE mark = ?", (gone.known_by,))):
            # Whoever pairs it again meets the key that it shows now.
            sql = "UPDATE OR REPLACE chains SET peer = ? WHERE peer = ?"
            await db.execute(sql, (gone.host_key, gone.known_by))
        there = f"@{name}|"
        await db.execute("DELETE FROM holds WHERE substr(tag, 1, ?) = ?", (len(there), there))


async def tasks(store: Store) -> tuple[Task, ...]:
    """All tasks by name."""
    return tuple(_task(row) for row in await store.rows("SELECT * FROM tasks ORDER BY name"))


async def task(store: Store, name: str) -> Task:
    """One task. Raises MissingError."""
    found = await store.rows("SELECT * FROM tasks WHERE name = ?", (name,))
    if not found:
        raise MissingError(
            f"There is no replication task called {name}.",
            "`dplane replicate list` shows them, `dplane replicate add` makes one.",
        )
    return _task(found[0])


async def add_task(store: Store, new: Task) -> None:
    """Store a new task. Raises RefusedError when its name is taken."""
    sql, values = _insert("tasks", {**dataclasses.asdict(new), "options": codec.dumps(new.options)})
    async with store.transaction() as db:
        if list(await db.execute_fetchall("SELECT 1 FROM tasks WHERE name = ?", (new.name,))):
            raise RefusedError(f"There is a replication task called {new.name} already.", "Choose another name.")
        await db.execute(sql, values)


async def set_raw(store: Store, name: str, raw: bool) -> None:
    """Record how the first full of a task was sent; it is never changed afterwards."""
    async with store.transaction() as db:
        await db.execute("UPDATE tasks SET raw = ? WHERE name = ? AND raw IS NULL", (int(raw), name))


async def set_target(store: Store, name: str, target: str) -> None:
    """Let a task send to another place at the same box from now on. Raises MissingError."""
    await task(store, name)
    async with store.transaction() as db:
        await db.execute("UPDATE tasks SET target = ? WHERE name = ?", (target, name))


async def place_changed(store: Store, name: str) -> None:
    """What was proven so far says nothing about what is at a task's target now: it counts no more."""
    async with store.transaction() as db:
        await db.execute("UPDATE runs SET former = 1 WHERE task = ? AND former = 0", (name,))


async def set_options(
    store: Store,
    name: str,
    options: Options,
    rpo: int | None = None,
    recursive: bool | None = None,
    snapshot: bool | None = None,
) -> None:
    """Replace the options of a task, and its RPO (in seconds), depth and whether it takes snapshots if given; a running
    one follows within seconds where it can. Raises MissingError."""
    before, proof = await task(store, name), await newest_proof(store, name)
    async with store.transaction() as db:
        if proof is not None and proof.own is None and snapshot not in (None, before.snapshot):
            # How fresh the last proof is goes by what its run did, not by what the next one is to do.
            kept = codec.with_own(proof.run.plan, before.snapshot)
            await db.execute("UPDATE runs SET plan = ? WHERE id = ?", (kept, proof.run.id))
        sql = "UPDATE tasks SET options = ?, rpo = coalesce(?, rpo), recursive = coalesce(?, recursive), "
        sql += "snapshot = coalesce(?, snapshot) WHERE name = ?"
        await db.execute(sql, (codec.dumps(options), rpo, recursive, snapshot, name))


async def delete_task(store: Store, name: str) -> None:
    """Forget a task; its runs stay, and so does everything on the pools. They count for no other of that name.

    Raises MissingError.
    """
    await task(store, name)
    async with store.transaction() as db:
        await db.execute("UPDATE runs SET former = 2 WHERE task = ?", (name,))
        await db.execute("DELETE FROM tasks WHERE name = ?", (name,))


def new_run_id(task_name: str, now: float) -> str:
    """An id that is a valid job name and sorts by time within its task."""
    slug = re.sub(r"[^a-z0-9]+", "-", task_name.lower()).strip("-")[:30].strip("-") or "task"
    return f"replicate-{slug}-{time.strftime('%Y%m%d%H%M%S', time.gmtime(now))}-{secrets.token_hex(2)}"


async def new_run(store: Store, task_name: str, mode: str = "run", request: str = "") -> Run:
    """A queued run (`mode` "plan" only plans); `request` is what that mode needs to know, as JSON."""
    now = time.time()
    run_id = new_run_id(task_name, now)
    async with store.transaction() as db:
        if mode in ANSWERS:
            await db.execute(
                "DELETE FROM runs WHERE mode IN (SELECT value FROM json_each(?)) "
                "AND started < CASE WHEN state IN ('queued', 'running') THEN ? ELSE ? END",
                (json.dumps(ANSWERS), now - AT_WORK_SECONDS, now - PLANS_KEPT_SECONDS),
            )
        await db.execute(
            "INSERT INTO runs (id, task, mode, state, started, request) VALUES (?, ?, ?, 'queued', ?, ?)",
            (run_id, task_name, mode, now, request),
        )
    return Run(run_id, task_name, "queued", now, kind=mode)


async def mode_of(store: Store, run_id: str) -> tuple[str, str]:
    """What kind of run it is (`run`, `plan`, `restore` …) and its request. Raises MissingError."""
    found = await store.rows("SELECT mode, request FROM runs WHERE id = ?", (run_id,))
    if not found:
        raise MissingError(f"There is no run {run_id} in the store.", "`dplane replicate runs` lists them.")
    return str(found[0]["mode"]), str(found[0]["request"])


async def update_run(store: Store, run_id: str, *, log: Log | None = None, **fields: Any) -> None:
    """Change fields of a run (state, ended, bytes, message, error_code, plan), and store what it has said since."""
    said = log.said if log is not None else 0
    if log is not None and said > log.stored:
        fields["log"] = json.dumps([{"at": at, "text": text} for at, text in log.lines()], separators=(",", ":"))
    if not fields:
        return
    changes = ", ".join(f"{name} = ?" for name in fields)
    async with store.transaction() as db:
        await db.execute(f"UPDATE runs SET {changes} WHERE id = ?", (*fields.values(), run_id))  # noqa: S608
    if log is not None:
        log.stored = said


def _log(row: Any) -> tuple[LogLine, ...]:
    try:
        # By hand: a list of runs has ten thousand lines, and a screen reads it each second.
        return tuple(_line(float(line["at"]), line["text"]) for line in json.loads(row["log"] or "[]"))
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return (LogLine(row["started"], "what was kept of its log cannot be understood"),)


def _line(at: float, text: Any) -> LogLine:
    if not (math.isfinite(at) and isinstance(text, str)):
        raise ValueError("not a line of a log")
    return LogLine(at, text)


async def add_evidence(store: Store, run_id: str, proof: Evidence, snapshot_created: float | None) -> None:
    """Store what was read back, at once: a kill right after it loses nothing."""
    await add_all_evidence(store, run_id, [(proof, snapshot_created)])


async def add_all_evidence(store: Store, run_id: str, proofs: Sequence[tuple[Evidence, float | None]]) -> None:
    """Store what one reading of the target showed, each with its snapshot's creation time; all at once."""
    if not proofs:
        return
    async with store.transaction() as db:
        for proof, created in proofs:
            sql, values = _insert("evidence", {"run": run_id, **dataclasses.asdict(proof), "snapshot_created": created})
            await db.execute(sql, values)


async def known_creations(store: Store, guids: Sequence[str]) -> dict[str, float]:
    """When the snapshots of these GUIDs were taken, as far as an earlier run has asked: it never changes."""
    sql = (
        "SELECT source_guid, max(snapshot_created) AS created FROM evidence "
        "WHERE snapshot_created IS NOT NULL AND source_guid IN (SELECT value FROM json_each(?)) "
        "AND id > (SELECT max(id) FROM evidence) - ? GROUP BY source_guid"
    )
    rows = await store.rows(sql, (json.dumps(list(guids)), _RECENT))
    return {row["source_guid"]: float(row["created"]) for row in rows}


async def proven_guids(store: Store, task_name: str) -> dict[tuple[str, str], float]:
    """When each snapshot (target's dataset and GUID) was last read at the target by a run of the task that sent it."""
    rows = await store.rows(
        "SELECT target, target_guid, max(verified_at) AS at FROM evidence JOIN runs ON runs.id = evidence.run "
        "WHERE task = ? AND mode = 'run' AND source_guid = target_guid GROUP BY target, target_guid",
        (task_name,),
    )
    return {(row["target"], row["target_guid"]): float(row["at"]) for row in rows}


async def runs(
    store: Store, task_name: str | None = None, limit: int = 50, kinds: tuple[str, ...] = SHOWN
) -> tuple[Run, ...]:
    """Runs with their evidence, the last begun first; also those of a task of that name that was removed."""
    where, values = ("AND task = ?", [task_name]) if task_name is not None else ("", [])
    rows = await store.rows(
        f"SELECT * FROM runs WHERE mode IN (SELECT value FROM json_each(?)) {where} "  # noqa: S608
        "ORDER BY rowid DESC LIMIT ?",
        [json.dumps(kinds), *values, limit],
    )
    return await _with_evidence(store, rows)


async def active_runs(store: Store, task_name: str, kinds: tuple[str, ...] = SHOWN) -> tuple[Run, ...]:
    """The runs of a task that have not ended, as far as the store knows."""
    rows = await store.rows(
        "SELECT * FROM runs WHERE task = ? AND mode IN (SELECT value FROM json_each(?)) "
        "AND state IN ('queued', 'running') ORDER BY rowid DESC",
        (task_name, json.dumps(kinds)),
    )
    return await _with_evidence(store, rows)


async def last_run(store: Store, task_name: str) -> tuple[Run | None, Run | None]:
    """The last run of the task that is there now, and the last restore of its copy if that was begun after it."""
    rows = await store.rows(
        "SELECT * FROM runs WHERE rowid IN (SELECT max(rowid) FROM runs WHERE task = ? AND former < 2 "
        "AND mode IN (SELECT value FROM json_each(?)) GROUP BY mode) ORDER BY rowid DESC",
        (task_name, json.dumps(MOVING)),
    )
    found = await _with_evidence(store, rows)
    run = next((one for one in found if one.kind == "run"), None)
    return run, found[0] if found and found[0].kind == "restore" else None


async def run_before(store: Store, run: Run) -> Run | None:
    """The run that its task, the one that is there now, had begun before `run`."""
    sql = (
        "SELECT * FROM runs WHERE task = ? AND former < 2 AND mode = 'run' "
        "AND rowid < (SELECT rowid FROM runs WHERE id = ?) ORDER BY rowid DESC LIMIT 1"
    )
    found = await _with_evidence(store, await store.rows(sql, (run.task, run.id)))
    return found[0] if found else None


async def run(store: Store, run_id: str) -> Run:
    """One run, dry or not. Raises MissingError."""
    rows = await store.rows("SELECT * FROM runs WHERE id = ?", (run_id,))
    if not rows:
        raise MissingError(f"There is no run {run_id}.", "`dplane replicate runs` lists them.")
    return (await _with_evidence(store, rows))[0]


async def proven_datasets(store: Store, task: str) -> set[str]:
    """The datasets that runs of a task ever brought to its target, proven. What a restore brought is none."""
    rows = await store.rows(
        "SELECT DISTINCT dataset FROM evidence JOIN runs ON runs.id = evidence.run "
        "WHERE runs.task = ? AND mode = 'run' AND source_guid = target_guid",
        (task,),
    )
    return {row["dataset"] for row in rows}


async def _with_evidence(store: Store, rows: Iterable[Any]) -> tuple[Run, ...]:
    found = list(rows)
    proofs: dict[str, list[Evidence]] = {}
    ids = json.dumps([row["id"] for row in found])
    sql = "SELECT * FROM evidence WHERE run IN (SELECT value FROM json_each(?)) ORDER BY id"
    for row in await store.rows(sql, (ids,)):
        fields = {name: row[name] for name in row.keys() if name not in {"id", "run", "snapshot_created"}}  # noqa: SIM118
        proofs.setdefault(row["run"], []).append(Evidence(**fields))
    pruned: dict[str, list[Pruned]] = {}
    sql = "SELECT * FROM pruned WHERE run IN (SELECT value FROM json_each(?)) ORDER BY id"
    for row in await store.rows(sql, (ids,)):
        fields = {name: row[name] for name in row.keys() if name not in {"id", "run", "task"}}  # noqa: SIM118
        pruned.setdefault(row["run"], []).append(Pruned(**fields))
    return tuple(
        Run(
            **{name: row[name] for name in row.keys() if name not in {"mode", "request", "former", "log"}},  # noqa: SIM118
            log=_log(row),
            kind=row["mode"],
            evidence=tuple(proofs.get(row["id"], ())),
            pruned=tuple(pruned.get(row["id"], ())),
        )
        for row in found
    )


@dataclasses.dataclass(frozen=True, slots=True)
class Proof:
    """The newest good run of a task, and what it showed."""

    run: Run
    oldest: float | None
    """Creation time of the oldest of the newest proven snapshots, one of each target: a tree is as old as its oldest
    member."""
    datasets: tuple[str, ...]
    """The datasets of the source whose copies were read back."""
    scope: Scope | None
    """What the run took of the source's tree; None: that is not known."""
    notes: tuple[str, ...]
    """What the run said of datasets that it did not send."""
    guids: Mapping[str, str]
    """The GUIDs that datasets of the source had then, as far as the run kept them."""
    own: bool | None = None
    """Whether the run took snapshots of its own; None: as the task does, which was not changed since."""


async def newest_proof(store: Store, task_name: str) -> Proof | None:
    """What the last good run of a task proved of where it sends now; None when that is nothing."""
    rows = await store.rows(
        "SELECT * FROM runs WHERE task = ? AND former = 0 AND mode = 'run' AND state IN ('succeeded', 'nothing-new') "
        "AND EXISTS (SELECT 1 FROM evidence WHERE evidence.run = runs.id AND source_guid = target_guid) "
        "ORDER BY rowid DESC LIMIT 1",
        (task_name,),
    )
    if not rows:
        return None
    found = await store.rows(
        "SELECT dataset, max(snapshot_created) AS newest FROM evidence "
        "WHERE run = ? AND source_guid = target_guid GROUP BY target ORDER BY dataset",
        (rows[0]["id"],),
    )
    created = [float(row["newest"]) for row in found if row["newest"] is not None]
    return Proof(
        (await _with_evidence(store, rows))[0],
        min(created) if created else None,
        tuple(row["dataset"] for row in found),
        *codec.told_by(rows[0]["plan"]),
    )
