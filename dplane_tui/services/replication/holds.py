"""Short-lived holds: what is being sent, and what it starts from, cannot be destroyed meanwhile at the source.

Each is written down before it is made, so a run that was killed leaves none for ever: the next one releases them,
whichever task it is of, without asking ZFS for a list.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...aside import aside
from ...errors import DPlaneError, UnreachableError
from ..door import Door
from ..store import Store
from . import records
from .model import Step

if TYPE_CHECKING:
    from .far_holds import FarHolds
    from .read import Side

    Holder = Door | FarHolds

AT_ONCE = 100
"""How many one command takes."""
# Of a run whose task was removed, or sends to another place now: no run of that task asks for that tag any more.
_LEFT = (
    "(coalesce(former, 2) = 2 "
    "OR NOT EXISTS (SELECT 1 FROM tasks WHERE tasks.name = runs.task AND tasks.target = holds.target))"
)


def tag_of(run_id: str) -> str:
    """The tag of a run's holds."""
    return f"dplane-{run_id}"


def held_by(steps: Sequence[Step]) -> dict[str, str]:
    """The snapshots, with their GUIDs, that must stay while `steps` are sent. A bookmark needs no hold."""
    found: dict[str, str] = {}
    for step in steps:
        found[f"{step.dataset}@{step.snapshot}"] = step.guid
        if step.base and step.base.startswith("@") and step.base_guid:
            found[f"{step.dataset}{step.base}"] = step.base_guid
    return found


@contextlib.asynccontextmanager
async def held(store: Store, door: Holder | None, run_id: str, steps: Sequence[Step]) -> AsyncIterator[None]:
    """Hold what `steps` need while the block runs. Without a door (another box that lets us not) nothing is held.

    A hold that cannot be made stops nothing: what it would have protected is seen when it is sent.
    """
    points = held_by(steps) if door is not None else {}
    if door is None or not points:
        yield
        return
    tag = _where(door) + tag_of(run_id)
    async with store.transaction() as db:
        rows = [(run_id, tag, name, guid, _target(door)) for name, guid in points.items()]
        sql = "INSERT OR REPLACE INTO holds (run, tag, snapshot, guid, target) VALUES (?, ?, ?, ?, ?)"
        await db.executemany(sql, rows)
    try:
        for part in _parts(points):
            try:
                await _call(door, "hold-add", tag, part)
            except DPlaneError as error:
                aside(f"nothing is held while it is sent: {error}")
        yield
    finally:
        await _release(store, door, tag, points)


async def sweep(store: Store, door: Door, alive: Callable[[str], bool]) -> None:
    """Release what runs that are not alive left held. What cannot be released now is tried again by the next run."""
    rows = await store.rows("SELECT run, tag, snapshot, guid FROM holds ORDER BY run")
    here = [row for row in rows if not row["tag"].startswith("@")]
    for tag in dict.fromkeys(row["tag"] for row in here if not alive(row["run"])):
        await _release(store, door, tag, {row["snapshot"]: row["guid"] for row in rows if row["tag"] == tag})


async def sweep_far(store: Store, door: Holder | None, task: str, run_id: str, there: Side) -> None:
    """Release at another box what earlier runs of this task left held there; one run of a task goes at a time.

    So it does with those of a task that sent the same to the same place, and is gone or sends elsewhere now. `there`
    is what the source has now.
    """
    if door is None or isinstance(door, Door):
        return
    sql = (
        "SELECT task, tag, snapshot, guid FROM holds JOIN runs ON runs.id = holds.run "  # noqa: S608
        f"WHERE run != ? AND (task = ? AND target IN ('', ?) OR {_LEFT} AND target = ?)"
    )
    found = await store.rows(sql, (run_id, task, door.target, door.target))
    boxes = await records.alike(store, door.box)
    here = [row for row in found if _box_of(row["tag"]) in boxes]
    names = _by_guid(there) if here else {}
    # Of another source it could not be asked for with this door.
    await _release_there(store, door, [row for row in here if row["task"] == task or _is_in(door, row, names)], names)


async def left_of(store: Store, door: FarHolds, there: Side) -> list[Any]:
    """What runs of tasks that were removed, or send elsewhere now, left held of the door's source, as far as it is
    known; `there` is what it has now."""
    sql = (
        "SELECT tag, snapshot, guid FROM holds LEFT JOIN runs ON runs.id = holds.run "  # noqa: S608
        f"WHERE target = ? AND {_LEFT}"
    )
    boxes = await records.alike(store, door.box)
    rows = [row for row in await store.rows(sql, (door.target,)) if _box_of(row["tag"]) in boxes]
    names = _by_guid(there) if rows else {}
    return [row for row in rows if _is_in(door, row, names)]


async def release_left(store: Store, door: FarHolds, there: Side) -> bool:
    """Release that at the other box. Whether all is."""
    rows = await left_of(store, door, there)
    await _release_there(store, door, rows, _by_guid(there) if rows else {})
    return not rows or not await left_of(store, door, there)


def _by_guid(there: Side) -> dict[str, list[str]]:
    """The full names of all snapshots by GUID; a tree may hold copies of itself."""
    found: dict[str, list[str]] = {}
    for dataset in there.values():
        for point in dataset.snapshots:
            found.setdefault(point.guid, []).append(f"{dataset.name}@{point.name}")
    return found


def _is_in(door: FarHolds, row: Any, names: Mapping[str, list[str]]) -> bool:
    """Whether the snapshot is in the door's source, by its name or by its GUID."""
    return row["guid"] in names or row["snapshot"].startswith((f"{door.source}@", f"{door.source}/"))


async def _release_there(store: Store, door: FarHolds, rows: Sequence[Any], names: Mapping[str, list[str]]) -> None:
    by_tag: dict[str, dict[str, str]] = {}
    for row in rows:
        now = names.get(row["guid"]) or [row["snapshot"]]
        if row["snapshot"] in now:
            now = [row["snapshot"]]
        else:
            await _renamed(store, row["tag"], row["snapshot"], now)
        by_tag.setdefault(row["tag"], {}).update(dict.fromkeys(now, row["guid"]))
    for tag, points in by_tag.items():
        await _release(store, door, tag, points)


async def _renamed(store: Store, tag: str, before: str, now: Sequence[str]) -> None:
    """A hold goes along with its snapshot: note the name, or those of which one must be it."""
    sql = (
        "INSERT OR IGNORE INTO holds (run, tag, snapshot, guid, target) "
        "SELECT run, tag, ?, guid, target FROM holds WHERE tag = ? AND snapshot = ?"
    )
    async with store.transaction() as db:
        await db.executemany(sql, [(name, tag, before) for name in now])
        await db.execute("DELETE FROM holds WHERE tag = ? AND snapshot = ?", (tag, before))


def _where(door: Holder) -> str:
    """What stands before the tag in the store: which other box a hold is at, nothing for this one."""
    return "" if isinstance(door, Door) else f"@{door.box}|"


def _box_of(tag: str) -> str:
    """The other box's name that the store has a tag under; empty for a hold of this one."""
    return tag.rpartition("|")[0].removeprefix("@")


def _target(door: Holder) -> str:
    """The target that the tags at another box are made of."""
    return "" if isinstance(door, Door) else door.target


def _bare(tag: str) -> str:
    """The tag itself, without the other box's name that the store has it under."""
    return tag.rpartition("|")[2]


async def _release(store: Store, door: Holder, tag: str, points: dict[str, str]) -> None:
    """Release, one by one where a batch fails; forget those that are released, or that nothing can hold any more."""
    done: list[str] = []
    for part in _parts(points):
        try:
            await _call(door, "hold-release", tag, part)
            done += part
        except UnreachableError:
            continue  # the next run does it; one by one they would only be waited for
        except DPlaneError:
            done += [name for name, guid in part.items() if await _is_free(door, tag, name, guid)]
    async with store.transaction() as db:
        await db.executemany("DELETE FROM holds WHERE tag = ? AND snapshot = ?", [(tag, name) for name in done])


async def _is_free(door: Holder, tag: str, name: str, guid: str) -> bool:
    """Release one. Whether no hold of ours is on it now: it was released, had none, or is gone."""
    try:
        await door.call("hold-release", snapshot=name, guid=guid, tag=_bare(tag))
    except DPlaneError as error:
        # The pool may only be away: "does not exist" is said of its snapshots as well, and the hold comes back with it.
        here = door if isinstance(door, Door) else None  # of another box its own kind of holds says so
        gone = here is not None and error.code == "changed" and await _pool_is_there(here, name)
        return gone or "no such tag" in error.message
    return True


async def _pool_is_there(door: Door, name: str) -> bool:
    try:
        await door.call("pool-sync", pool=name.partition("@")[0].partition("/")[0])
    except DPlaneError:
        return False
    return True


async def _call(door: Holder, verb: str, tag: str, points: dict[str, str]) -> None:
    (first, guid), *others = points.items()
    await door.call(verb, snapshot=first, guid=guid, tag=_bare(tag), also=dict(others) or None)


def _parts(points: dict[str, str]) -> list[dict[str, str]]:
    items = list(points.items())
    return [dict(items[start : start + AT_ONCE]) for start in range(0, len(items), AT_ONCE)]
