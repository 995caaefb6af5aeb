"""What differs between a source and a target that cannot be continued, since when, and what each way out would cost.

Pure. A way out is a plan that was shown: its hash names the task, both datasets by GUID, everything that would be
destroyed by name and GUID, and what was written since. What is done later is refused when that is not what is there.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence

from ...errors import CommandError
from ...lazyclass import dataclass
from . import halves
from .codec import decode
from .model import Conflict, Task
from .read import Dataset, Side

KEEP_BOTH, ROLL_BACK, BESIDE = "keep-both", "roll-back", "beside"
SHOWN = 1000
"""Snapshots of one side that are named; beyond it they are only counted."""


@dataclass(frozen=True, slots=True)
class Extra:
    """A snapshot that only one side has."""

    name: str
    """Behind the `@`."""
    guid: str
    created: float | None = None
    used: int | None = None
    """Bytes that would be free without it alone."""
    written: int | None = None
    """Bytes that were written between the one before it and it."""
    held: bool = False
    """Somebody holds it, so it cannot be destroyed."""


@dataclass(frozen=True, slots=True)
class Way:
    """A way out of a conflict. None is taken by itself."""

    way: str
    """`keep-both`, `roll-back` or `beside`."""
    possible: bool
    text: str
    """What it does, or why it cannot be taken, in a sentence."""
    sends: int | None = None
    """About how many bytes the next run sends then; None is unknown."""
    destroys: tuple[str, ...] = ()
    """Snapshots and bookmarks of the target that are destroyed."""
    loses: int | None = 0
    """Bytes at the target that no snapshot of the rest has; None is unknown."""
    plan: str = ""
    """The hash that an unattended answer names."""


@dataclass(frozen=True, slots=True)
class Divergence:
    """One dataset that cannot be continued as it is."""

    dataset: str
    target: str
    target_guid: str
    """The GUID of the target's dataset; empty when there is none."""
    kind: str
    """As in `Conflict`."""
    text: str
    since: str | None = None
    """The newest snapshot both sides have."""
    since_created: float | None = None
    only_target: tuple[Extra, ...] = ()
    """Snapshots newer than that which only the target has, oldest first."""
    only_source: tuple[Extra, ...] = ()
    written: int | None = None
    """Bytes written at the target since its newest snapshot."""
    ways: tuple[Way, ...] = ()


@dataclass(frozen=True, slots=True)
class Resolution:
    """The way out a person chose, and the plan they were shown."""

    way: str
    dataset: str
    plan: str
    to: str = ""
    """The new target, for `beside`."""
    seen: str = ""
    """The conflict as it was found, as JSON, when whoever acts may not look at the source; empty: both are read."""


def details_argv(dataset: str) -> list[str]:
    """The listing of a dataset's snapshots with what each holds: slow columns, asked only of what is in conflict."""
    columns = "name,guid,createtxg,creation,used,written,userrefs"
    return ["zfs", "list", "-Hp", "-d", "1", "-t", "snapshot", "-o", columns, dataset]


def details(listed: str, dataset: str) -> dict[str, Extra]:
    """By GUID. Raises CommandError for a line that ZFS would not write."""
    found: dict[str, Extra] = {}
    for line in listed.splitlines():
        columns = line.split("\t")
        name, at, short = columns[0].partition("@")
        if len(columns) != 7 or name != dataset or not at or not short or not columns[1].isdigit():
            raise CommandError(f"The snapshots of {dataset} were listed in a way that cannot be understood.")
        created, used, written, holds = (_number(value) for value in columns[3:])
        when = None if created is None else float(created)
        found[columns[1]] = Extra(short, columns[1], when, used, written, bool(holds))
    return found


def _number(value: str) -> int | None:
    return int(value) if value.isascii() and value.isdigit() and len(value) <= 20 else None


def differs(conflict: Conflict, here: Dataset, there: Dataset | None, seen: dict[str, Extra]) -> Divergence:
    """What differs, without the ways out. `seen` are the target's snapshots in detail, by GUID."""
    if there is None:
        return Divergence(conflict.dataset, conflict.target, "", conflict.kind, conflict.text)
    ours = {point.guid for point in (*here.snapshots, *here.bookmarks)}
    common = next((point for point in reversed(there.snapshots) if point.guid in ours), None)
    theirs = {point.guid for point in there.snapshots}
    at_source = next(
        (p.createtxg for p in (*here.snapshots, *here.bookmarks) if common is not None and p.guid == common.guid), -1
    )
    after = [point for point in there.snapshots if common is None or point.createtxg > common.createtxg]
    ahead = [point for point in here.snapshots if point.guid not in theirs and point.createtxg > at_source]
    return Divergence(
        conflict.dataset,
        conflict.target,
        there.properties.get("guid", ""),
        conflict.kind,
        conflict.text,
        common.name if common else None,
        seen[common.guid].created if common and common.guid in seen else None,
        tuple(seen.get(point.guid, Extra(point.name, point.guid)) for point in after),
        tuple(Extra(point.name, point.guid) for point in ahead),
        there.number("written"),
    )


def without(side: Side, dataset: str) -> Side:
    """The side as it is when a dataset, with all below it, is not in its place any more."""
    return {name: found for name, found in side.items() if not f"{name}/".startswith(f"{dataset}/")}


def rolled_back(side: Side, dataset: str, snapshot: str) -> Side:
    """The side as it is when a dataset was taken back to its snapshot of that name."""
    there = side[dataset]
    born = next(point.createtxg for point in there.snapshots if point.name == snapshot)
    properties = {**there.properties, "written": "0"}
    if halves.stands_in_the_way(there, snapshot):
        del properties["receive_resume_token"]
    snapshots = tuple(point for point in there.snapshots if point.createtxg <= born)
    marks = tuple(point for point in there.bookmarks if point.createtxg <= born)
    back = Dataset(dataset, properties, snapshots, marks, there.local)
    return {**side, dataset: back}


def goes(there: Dataset, snapshot: str) -> list[tuple[str, str]]:
    """Names and GUIDs of what a rollback to that snapshot destroys: newer snapshots, and newer bookmarks."""
    born = next(point.createtxg for point in there.snapshots if point.name == snapshot)
    both = [(f"{there.name}@{point.name}", point) for point in there.snapshots]
    both += [(f"{there.name}#{point.name}", point) for point in there.bookmarks]
    return [(name, point.guid) for name, point in both if point.createtxg > born]


def rollback_plan(there: Dataset, snapshot: str) -> str:
    """The plan that the privileged helper asks for: the hash over what it will find to destroy."""
    lines = sorted(f"{name}\t{guid}" for name, guid in goes(there, snapshot))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def plan_of(
    task: Task, found: Divergence, way: str, gone: Sequence[tuple[str, str]] = (), to: str = "", token: str = ""
) -> str:
    """The hash of a way out. `token` is that of a half-received stream which it throws away."""
    seen: list[object] = [
        task.name,
        found.dataset,
        found.target,
        found.target_guid,
        found.kind,
        way,
        found.since,
        sorted(gone),
        to,
    ]
    seen += [[extra.guid for extra in found.only_target], found.written, *([token] if token else [])]
    return hashlib.sha256(json.dumps(seen).encode()).hexdigest()


def dumps(found: Sequence[Divergence]) -> str:
    """Divergences as they are stored."""
    return json.dumps([dataclasses.asdict(one) for one in found])


def loads(stored: str) -> tuple[Divergence, ...]:
    """Divergences as they were stored. Raises CommandError."""
    try:
        return tuple(decode(Divergence, one) for one in json.loads(stored))
    except (ValueError, TypeError) as error:
        raise CommandError(f"The stored conflicts cannot be understood: {error}.") from None
