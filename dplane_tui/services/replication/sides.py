"""Both sides of a task, only looked at: also while a run of the same task is at work, which must not notice."""

from __future__ import annotations

import json
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ...errors import CommandError, UnreachableError
from ..door import Door, request_line
from . import answers, codec, records
from .compare import compare_sides
from .execute import Outcome, source_for
from .model import Peer, Task
from .read import Side, is_missing, parse_times, times_argv
from .stream import Command
from .targets import AgentTarget, LocalTarget, PlainTarget, Target
from .transport import Link

if TYPE_CHECKING:
    from .job import Job


class Sides:
    """`async with Sides(job, task, peer)`: one login, and a number of processes that does not grow with the datasets.

    Methods raise only `DPlaneError`s.
    """

    def __init__(self, job: Job, task: Task, peer: Peer | None) -> None:
        self._host = job.host
        self._door = Door(job.host)
        self._task = task
        self._source = source_for(task, peer, job.host)
        self._link = Link(peer, job.where.ssh, job.where.jobs) if peer is not None else None
        self._target = self._target_of(self._link)

    def _target_of(self, link: Link | None) -> Target:
        if link is None:
            return LocalTarget(self._host, self._door)
        return AgentTarget(link, looks=True) if link.peer.product else PlainTarget(link)

    @property
    def target_name(self) -> str:
        """How the far side is called."""
        return self._target.name

    async def __aenter__(self) -> Sides:
        await self._source.open()
        try:
            await self._target.open()
        except BaseException:
            await self._source.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._target.close()
        await self._source.close()

    async def read(self) -> tuple[Side, Side]:
        """What the source and the target have."""
        here = await self._source.read()
        there, _ = await self._target.read(self._task.target, self._task.recursive)
        return here, there

    async def times(self) -> tuple[dict[str, float], dict[str, float]]:
        """When the snapshots of each side were taken, Unix seconds by full name."""
        here = await self._host.run(times_argv(self._task.source, self._task.recursive), timeout=300)
        return parse_times(here.text), parse_times(await self._far_times())

    async def _far_times(self) -> str:
        argv = times_argv(self._task.target, self._task.recursive)
        if self._link is None:
            output = await self._host.run(argv, timeout=300)
        elif self._link.peer.product:
            request = {"op": "times", "dataset": self._task.target, "recursive": self._task.recursive}
            answer = await self._link.ask(request, limit=answers.LISTING_LIMIT)
            return answers.sound_listing(answer.get("times"), "", self._target.name)[0]
        else:
            output = await self._link.run(argv, limit=answers.LISTING_LIMIT)
        if output.status != 0 and not is_missing(output.error):
            raise CommandError(f"{self._target.name} could not list when its snapshots were taken.")
        return answers.sound_listing(output.text, "", self._target.name)[0]

    async def content(self, far: bool, **request: Any) -> Command:
        """The program that tells what is in a snapshot (`dataset`, `snapshot`, `guid`, `percent`, `seed`)."""
        if far and self._link is not None:
            return Command(self._link.argv(json.dumps({"op": "content", **request})))
        named = f"{request.pop('dataset')}@{request.pop('snapshot')}"
        return Command(await self._door.argv(), request_line("content", {"snapshot": named, **request}))

    def lost(self) -> UnreachableError:
        """The exception for a channel to the far side that broke."""
        if self._link is None:
            return UnreachableError(f"{self._target.name} gave no answer.")
        return self._link.lost()


async def compare(job: Job) -> Outcome:
    """The job of a comparison: what it finds is stored with the run. Raises DPlaneError."""
    task = await records.task(job.store, job.run.task)
    peer = await records.peer(job.store, task.peer) if task.peer is not None else None
    async with Sides(job, task, peer) as sides:
        here, there = await sides.read()
        found = compare_sides(task, here, there, await sides.times())
    await records.update_run(job.store, job.run.id, plan=codec.dumps(found))
    return Outcome("succeeded", "Compared; nothing was changed.")
