"""The way back: a copy is brought home by the same engine, with the same proof, and then made usable again."""

from __future__ import annotations

import json
from collections.abc import Container, Sequence
from typing import TYPE_CHECKING

from ...errors import DPlaneError, RefusedError
from ..door import Door
from . import chains, codec, exposure, records
from .asof import AsOf
from .copy_source import CopyHere, copy_at
from .execute import Execution, Outcome
from .far_source import FarSource
from .model import Options, Restore, Task
from .plan import target_of
from .read import Dataset, Side
from .restored import few, is_locked, put_back, put_in_place, told_of
from .rights import within
from .targets import LocalTarget

if TYPE_CHECKING:
    from ..host import Host
    from .job import Job


def reversed_task(task: Task, wish: Restore) -> Task:
    """The task that runs the other way: from the copy to the place that was asked for."""
    below = f"/{wish.below}" if wish.below else ""
    options = Options(initial="all" if wish.history else "newest", intermediates=wish.history)
    return Task(
        name=task.name,
        source=target_of(task, task.source + below),
        peer=None,
        target=wish.to,
        recursive=wish.recursive,
        snapshot=False,
        options=options,
    )


async def bring_home(job: Job) -> Outcome:
    """The job of a restore: receive, prove, put settings back, mount. Raises DPlaneError."""
    task = await records.task(job.store, job.run.task)
    wish = codec.decode(Restore, json.loads(job.request))
    peer = await records.peer(job.store, task.peer) if task.peer is not None else None
    back = reversed_task(task, wish)
    sent = chains.Sent(task, await chains.known(job.store, peer))
    door = Door(job.host)
    target = LocalTarget(job.host, door)
    source = copy_at(job, peer, back, AsOf(wish.snapshot, wish.guid) if wish.snapshot else None)
    there, _ = await target.read(back.target, True)
    refuse_copies(wish.to, there, await records.tasks(job.store))
    refuse_in_the_way(there.get(wish.to), wish.to, begun=await _begun(job, wish))
    home = task.source_peer is None and f"{task.source}/{wish.below}".rstrip("/") == wish.to
    proven = await records.proven_datasets(job.store, task.name) if home else set()
    outcome = await Execution(back, source, target, job.store, job.run.id, job.report, back=sent).run()
    job.report.update(stage="putting settings back")
    levels = _levels(target_of(task, task.source), wish.below) if home else []
    copies, above = await _copies(source, levels)
    there, _ = await target.read(back.target, back.recursive)
    side = {name: one for name, one in there.items() if one.snapshots}  # a level made for what is below it has none
    notes = {back.target + name[len(back.source) :]: copy.originals for name, copy in copies.items()}
    # What is above a part may be here without its share, which no restore sets, and may be what kept it out of one.
    notes |= {f"{task.source}{name[len(levels[0]) :]}": copy.originals for name, copy in above.items()}
    ours = proven if len(above) == len(levels) else set()
    side, became = await put_in_place(door, side, notes, {task.source, *proven}) if home else (side, [])
    held = exposure.held_back(side, notes, ours, await _places(job.host, side, notes, ours))
    for name, dataset in side.items():
        became.append(await put_back(door, dataset, notes.get(name, {}), held=held.get(name)))
    told = [
        f"{wish.to} is back. {outcome.message}",
        *said_of(back, side, await records.proven_guids(job.store, task.name)),
    ]
    if source.without:
        told.append(f"Left out, as they have no @{wish.snapshot}: {few(source.without, ', ')}.")
    return Outcome(outcome.state, " ".join([*told, *locked(side), *told_of(became)]))


def said_of(back: Task, side: Side, proven: Container[tuple[str, str]]) -> list[str]:
    """A sentence where the newest snapshot of what came is none that a run has `proven` at the copy (name and GUID)."""
    doubtful = [
        dataset.name
        for dataset in side.values()
        if (back.source + dataset.name[len(back.target) :], dataset.snapshots[-1].guid) not in proven
    ]
    if not doubtful:
        return []
    return [
        "No run that is on record has proven the newest snapshot of "
        f"{', '.join(doubtful)}: for what is in it stands the copy alone."
    ]


def locked(side: Side) -> list[str]:
    """A sentence that names the datasets of what came whose key is not loaded."""
    names = [dataset.name for dataset in side.values() if is_locked(dataset)]
    if not names:
        return []
    return [
        "Came home locked, each with the key that its copy has, so neither mounted nor readable until "
        f"`dplane dataset load-key NAME`: {few(names, ', ')}."
    ]


def _levels(top: str, below: str) -> list[str]:
    """The copies above a part, the topmost first; none where all comes."""
    parts = below.split("/") if below else []
    return ["/".join([top, *parts[:depth]]) for depth in range(len(parts))]


async def _copies(source: CopyHere | FarSource, levels: Sequence[str]) -> tuple[Side, Side]:
    """All the copies once more, for their notes, and those of the `levels` above that can be read: the connection of
    the transfer has ended."""
    try:
        await source.open()
        await source.read()
        return source.whole, {level: one for level in levels if (one := await source.level(level)) is not None}
    finally:
        await source.close()


async def _places(host: Host, side: Side, notes: exposure.Notes, ours: Container[str]) -> exposure.Places | None:
    """Where file systems are mounted and shared, when anything that is not at home would be mounted; else nothing is
    asked. None when that cannot be told."""
    from ..zfs.shares import WANTED_ARGV

    if not any(exposure.mounts(one, notes.get(name, {})) for name, one in side.items() if name not in ours):
        return exposure.NOWHERE
    try:
        listed = await host.run(WANTED_ARGV, timeout=120.0)
    except DPlaneError:
        return None
    return exposure.places_of(listed.text, side) if listed.status == 0 else None


async def _begun(job: Job, wish: Restore) -> bool:
    """Whether an earlier restore of this task came as far as planning to bring the same dataset to the same place."""
    sql = "SELECT request FROM runs WHERE task = ? AND mode = 'restore' AND id != ? AND plan != ''"
    rows = await job.store.rows(sql, (job.run.task, job.run.id))
    earlier = [codec.decode(Restore, json.loads(row["request"])) for row in rows]
    return any((one.to, one.below) == (wish.to, wish.below) for one in earlier)


def refuse_copies(place: str, there: Side, tasks: Sequence[Task]) -> None:
    """Raise RefusedError when the place is in a copy that a task keeps on this box, or such a copy is among what is
    `there`: what is restored is made to be worked with, so the copy would go its own way."""
    for task in tasks:
        inside = within(place, task.target)
        if task.peer is not None or not (inside or task.target in there):
            continue
        where = "is" if place == task.target else f"is in {task.target}," if inside else f"holds {task.target},"
        raise RefusedError(
            f"{place} {where} the copy that the task {task.name} keeps here, and what is restored is there "
            "to be written to: nothing could be added to that copy any more.",
            "Choose another name with --to.",
        )


def refuse_in_the_way(there: Dataset | None, name: str, *, begun: bool) -> None:
    """Raise RefusedError unless the place is free, or holds what a restore that had `begun` was interrupted in."""
    if there is None:
        return
    received = there.local.get("readonly") == "on" and there.local.get("canmount", "noauto") == "noauto"
    if begun and (received or there.token):
        return  # as it was received; a restore of a tree goes on with the rest, if the GUIDs fit
    raise RefusedError(
        f"{name} exists, and a restore never replaces anything.",
        "Choose another name with --to, or rename what is there.",
    )
