"""What a task's target has to bring back: all of its snapshots, read there, and which of them runs have proven."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import MissingError
from . import codec, records
from .execute import Outcome
from .model import Copies, Copy
from .sides import Sides, other_box

if TYPE_CHECKING:
    from .job import Job


async def copies(job: Job) -> Outcome:
    """The job: only the target is read, the source may be gone. Raises DPlaneError."""
    task = await records.task(job.store, job.run.task)
    there, times = await Sides(job, task, await other_box(job, task)).target_alone()
    if task.target not in there:
        where = f"{task.peer}:{task.target}" if task.peer else task.target
        raise MissingError(f"There is no copy at {where}.", f"`dplane replicate run {task.name}` makes it.")
    proven = await records.proven_guids(job.store, task.name)
    found = [
        Copy(
            name[len(task.target) + 1 :],
            point.name,
            point.guid,
            times.get(f"{name}@{point.name}"),
            proven.get((name, point.guid)),
        )
        for name, side in sorted(there.items())
        for point in reversed(side.snapshots)
    ]
    await records.update_run(job.store, job.run.id, plan=codec.dumps(Copies(task.name, tuple(found))))
    return Outcome("succeeded", f"{len(found)} snapshot(s) are there.")
