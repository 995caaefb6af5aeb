"""From what both sides have to what a run does. Pure: the same plan is shown by a dry run and executed by a real one.

Snapshots match by GUID, never by name; createtxg orders them. Nothing at the target is ever rolled back or destroyed,
except a half-received stream of ours that cannot be continued, and that only where another is sent in its place.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Collection
from dataclasses import replace

from ...lazyclass import dataclass
from ...text import size as size_text
from . import chains as chain
from . import halves
from .model import Abort, Conflict, Match, Plan, Step, Task
from .read import Dataset, Point, Side

OWN_SNAPSHOT = "dplane-"
_NOT_YET = 2**64  # later than any transaction group: the snapshot that is still to be taken


@dataclass(slots=True)
class _Draft:
    """The parts of a plan while it is made."""

    steps: list[Step]
    aborts: list[Abort]
    matches: list[Match]
    conflicts: list[Conflict]
    notes: list[str]
    chains: chain.Chains
    sent: set[str]
    """The datasets that the task sends."""
    stale: Collection[halves.Half]
    back: chain.Sent | None


def target_of(task: Task, dataset: str) -> str:
    """Where a dataset of the task's tree goes."""
    return task.target + dataset[len(task.source) :]


def wants_snapshot(task: Task, source: Side) -> bool:
    """Whether the task takes a snapshot of its own: it may, and something was written since the newest there is."""
    if not task.snapshot:
        return False
    # What the target lacks of existing snapshots does not count: those are sent, a further one would hold nothing new.
    return any(not source[name].snapshots or source[name].number("written") != 0 for name in members(task, source))


def covers(task: Task, dataset: str) -> bool:
    """Whether a dataset of this box is at or below the task's source; one that is pulled lies on another box."""
    below = task.recursive and dataset.startswith(f"{task.source}/")
    return task.source_peer is None and (dataset == task.source or below)


def members(task: Task, source: Side) -> list[str]:
    """The task's datasets, parents before children.

    What is included brings its parents along, so that the tree at the target is whole; what is excluded takes
    everything below it away.
    """
    if not task.recursive:
        return [task.source]
    inside = [name for name in sorted(source) if not _matches(task, name, task.options.exclude)]
    if not task.options.include:
        return inside
    chosen = [name for name in inside if _matches(task, name, task.options.include)]
    above = {f"{parent}/" for name in chosen for parent in _path(name)}
    return [name for name in inside if name in chosen or name == task.source or f"{name}/" in above]


def _path(dataset: str) -> list[str]:
    """The dataset and its parents."""
    parts = dataset.split("/")
    return ["/".join(parts[:depth]) for depth in range(1, len(parts) + 1)]


def _matches(task: Task, dataset: str, patterns: tuple[str, ...]) -> bool:
    """Whether a pattern matches the dataset, or a parent of it inside the task, by its name relative to the source."""
    parts = dataset[len(task.source) + 1 :].split("/") if dataset != task.source else []
    levels = ["/".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
    return any(fnmatch.fnmatchcase(level, pattern) for level in levels for pattern in patterns)


def make_plan(
    task: Task,
    source: Side,
    target: Side,
    snapshot: str | None,
    available: int | None = None,
    chains: chain.Chains | None = None,
    stale: Collection[halves.Half] = (),
    back: chain.Sent | None = None,
) -> Plan:
    """The plan of a run. With `snapshot`, that snapshot is taken first and is the newest of every dataset.

    `chains` is what was recorded of the copies at the target, `stale` the halves that ZFS would not go on with.
    With `back` it is the way back of copies that were sent so.
    """
    sent = members(task, source)
    draft = _Draft([], [], [], [], [], chains or {}, set(sent), stale, back)
    for name in sent:
        _plan_dataset(draft, task, source[name], target.get(target_of(task, name)), snapshot)
    return Plan(
        task=task.name,
        snapshot=snapshot,
        recursive=task.recursive,
        include=task.options.include,
        exclude=task.options.exclude,
        aborts=tuple(draft.aborts),
        steps=tuple(draft.steps),
        matches=tuple(draft.matches),
        conflicts=tuple(draft.conflicts),
        notes=tuple(draft.notes),
        available=available,
    )


def _plan_dataset(draft: _Draft, task: Task, here: Dataset, there: Dataset | None, snapshot: str | None) -> None:
    target = target_of(task, here.name)
    points = list(here.snapshots)
    if snapshot is not None:
        points.append(Point(snapshot, "", _NOT_YET))
    if not points:
        draft.notes.append(f"{here.name} has no snapshot, and the task takes none: it is not sent.")
        return
    raw = _raw(draft, task, here)
    conflict = _encryption_conflict(draft.chains.get(target), here, there, target, raw)
    if conflict:
        draft.conflicts.append(conflict)
        return
    half = halves.judged(here, there, draft.stale, raw=raw) if there is not None and there.token else None
    if isinstance(half, Step):
        draft.steps.append(half)
        reached = next(point for point in points if point.guid == half.guid)
        _send_from(draft, task, here, reached, points, raw)
        return
    if half is not None and there is not None and halves.is_foreign(here, there):
        draft.conflicts.append(_not_ours(here, target))
        return
    if there is None or (half is not None and halves.is_all(there)):
        _send_from(draft, task, here, None, points, raw)
    elif conflict := _continue(draft, task, here, there, points, raw):
        left = f" Until that is settled, {halves.named(here, there)} stays there as it is." if half is not None else ""
        draft.conflicts.append(replace(conflict, text=f"{conflict.text}{left}"))
        return
    if half is not None:
        draft.aborts.append(half)


def _not_ours(here: Dataset, target: str) -> Conflict:
    text = (
        f"{target} holds a part of a stream that is not known to be of {here.name}, so it is left alone, and nothing "
        "is sent into it. Whoever began it can end it there, or give it up with `zfs receive -A`."
    )
    return Conflict(here.name, target, "target-exists", text)


def _raw(draft: _Draft, task: Task, here: Dataset) -> bool:
    """Encrypted datasets travel as they are on disk, unless the task was told otherwise, and home as they came."""
    if draft.back is not None:
        return draft.back.raw(here)
    return here.encrypted and task.raw is not False


def _encryption_conflict(
    known: chain.Chain | None, here: Dataset, there: Dataset | None, target: str, raw: bool
) -> Conflict | None:
    """A chain is raw or plain for ever, and so is its key's: what breaks it cannot be seen in GUIDs."""
    if here.encrypted and not raw and here.properties.get("keystatus") == "unavailable":
        text = f"{here.name} is encrypted and its key is not loaded, so it cannot be sent plain (`zfs load-key` first)."
        return Conflict(here.name, target, "key-not-loaded", text)
    if there is None or not there.snapshots:
        return None
    found = chain.raw_conflict(known, here, there, raw=raw)
    return found or (chain.key_conflict(known, here, there) if raw else None)


def _continue(
    draft: _Draft, task: Task, here: Dataset, there: Dataset, points: list[Point], raw: bool
) -> Conflict | None:
    """Bring an existing target up to date, if its newest snapshot is one of ours; else the conflict, and no step."""
    target = there.name
    if not there.snapshots:
        text = f"{target} exists and has no snapshot, so nothing can be added to it without replacing it."
        return Conflict(here.name, target, "target-exists", text)
    base = halves.base_of(here, there.snapshots[-1].guid)
    if base is None:
        return _diverged(here, there, raw)
    mark, point = base
    written = there.number("written")
    if mark.startswith("@") and point.guid == points[-1].guid:
        if written:
            draft.notes.append(f"{_written(there, written)}: the next increment will not fit it.")
        draft.matches.append(Match(here.name, target, point.name, point.guid))
        return None
    if written:
        text = f"{_written(there, written)}, so no increment fits it."
        return Conflict(here.name, target, "target-written", text, there.snapshots[-1].name)
    if mark.startswith("#"):
        newer = [later for later in points if later.createtxg > point.createtxg]
        if not newer:
            text = f"{target} has a snapshot that {here.name} had and destroyed, and nothing newer is at the source."
            return Conflict(here.name, target, "target-newer", text, there.snapshots[-1].name)
        # ZFS sends no intermediates from a bookmark: the first snapshot after it alone, and the rest from there.
        first = newer[0] if task.options.intermediates else newer[-1]
        draft.steps.append(_step("incremental", here, target, first, raw, mark, point.guid))
        point = first
    _send_from(draft, task, here, point, points, raw)
    return None


def _written(there: Dataset, count: int) -> str:
    return f"{there.name} was written to at the target since @{there.snapshots[-1].name} ({size_text(count)})"


def _diverged(here: Dataset, there: Dataset, raw: bool) -> Conflict:
    """Which conflict it is when the target's newest snapshot is not one of the source's."""
    ours = {point.guid for point in (*here.snapshots, *here.bookmarks)}
    common = next((point for point in reversed(there.snapshots) if point.guid in ours), None)
    if common is None:
        text = (
            f"{there.name} has {len(there.snapshots)} snapshot(s), none of which {here.name} has: "
            "there is nothing to continue from."
        )
        return Conflict(here.name, there.name, "no-common", text)
    extra = sum(point.createtxg > common.createtxg for point in there.snapshots)
    text = (
        f"{there.name} has {extra} snapshot(s) newer than @{common.name}, the last one both sides have "
        f"(newest: @{there.snapshots[-1].name}); {here.name} does not have them."
    )
    if raw and there.encrypted:  # openzfs#15314
        text += " Raw copies cannot go on from a snapshot that was taken of them there, not even from an empty one."
    return Conflict(here.name, there.name, "target-newer", text, common.name)


def _send_from(draft: _Draft, task: Task, here: Dataset, base: Point | None, points: list[Point], raw: bool) -> None:
    """Everything from `base` (None: from nothing) to the newest snapshot, and what lies between if that is wanted."""
    target, between = target_of(task, here.name), task.options.intermediates
    if base is None:
        base = points[0] if task.options.initial == "all" else points[-1]
        draft.steps.append(_step("full", here, target, base, raw, None, ""))
        if draft.back is not None:
            told = draft.back.told(here)
        else:
            told = chain.outside_root(here, draft.sent) if raw else ""
        draft.notes += [told] if told else []
    later = [point for point in points if point.createtxg > base.createtxg]
    if later:
        mark = f"@{base.name}"
        step = _step("incremental", here, target, later[-1], raw, mark, base.guid, between=between and len(later) > 1)
        draft.steps.append(step)


def _step(
    kind: str,
    here: Dataset,
    target: str,
    to: Point,
    raw: bool,
    base: str | None,
    base_guid: str,
    *,
    between: bool = False,
) -> Step:
    size = None
    if not to.guid:  # still to be taken: it will hold what the dataset does now
        size = here.number("referenced") if base is None else _since(here, base_guid)
    return Step(kind, here.name, target, here.kind, to.name, to.guid, base, base_guid, between, raw, "", size)


def _since(here: Dataset, base_guid: str) -> int | None:
    """What was written since the base: ZFS lists it of the newest snapshot alone, from any other it has to be asked."""
    newest = here.snapshots and here.snapshots[-1].guid == base_guid
    return here.number("written") if newest else None
