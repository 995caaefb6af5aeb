"""Both sides of a task, only looked at: also while a run of the same task is at work, which must not notice."""

from __future__ import annotations

import json
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ...errors import CommandError, UnreachableError
from ..door import Door, request_line
from . import answers, chains, codec, records
from .compare import compare_sides
from .execute import Outcome, source_for
from .far_source import source_at
from .model import Peer, Task
from .read import Side, is_missing, parse_times, times_argv
from .source import Source
from .stream import Command
from .targets import AgentTarget, LocalTarget, PlainTarget, Target
from .transport import Link

if TYPE_CHECKING:
    from .job import Job


class Sides:
    """`async with Sides(job, task, peer)`: one login, and a number of processes that does not grow with the datasets.

    `peer` is the other box, whichever end of the task it is; None when both ends are here. Methods raise only
    `DPlaneError`s.
    """

    def __init__(self, job: Job, task: Task, peer: Peer | None) -> None:
        self._host = job.host
        self._door = Door(job.host)
        self._task = task
        self._link = Link(peer, job.where.ssh, job.where.jobs) if peer is not None else None
        self._pulled = self._link if task.source_peer is not None else None
        self._source: Source = source_at(self._pulled, task) if self._pulled else source_for(task, peer, job.host)
        self._target = self._target_of(None if self._pulled else self._link)

    def _target_of(self, link: Link | None) -> Target:
        if link is None:
            return LocalTarget(self._host, self._door)
        return AgentTarget(link, looks=True) if link.peer.product else PlainTarget(link)

    @property
    def target_name(self) -> str:
        """How the box of the target is called."""
        return self._target.name

    @property
    def source_name(self) -> str:
        """How the box of the source is called."""
        return self._source.name

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
        task, other = self._task, None if self._pulled else self._link
        here = await self._times(self._pulled, task.source, self._source.name)
        return parse_times(here), parse_times(await self._times(other, task.target, self._target.name))

    async def target_alone(self) -> tuple[Side, dict[str, float]]:
        """What the target has and when its snapshots were taken, with a login of its own; the source is not asked."""
        await self._target.open()
        try:
            there, _ = await self._target.read(self._task.target, self._task.recursive)
            other = None if self._pulled else self._link
            return there, parse_times(await self._times(other, self._task.target, self._target.name))
        finally:
            await self._target.close()

    async def _times(self, link: Link | None, dataset: str, name: str) -> str:
        argv = times_argv(dataset, self._task.recursive)
        if link is None:
            output = await self._host.run(argv, timeout=300)
        elif link.peer.product:
            request = {"op": "times", "dataset": dataset, "recursive": self._task.recursive}
            answer = await link.ask(request, limit=answers.LISTING_LIMIT)
            return answers.sound_listing(answer.get("times"), "", name)[0]
        else:
            output = await link.run(argv, limit=answers.LISTING_LIMIT)
        if output.status != 0 and not is_missing(output.error):
            raise CommandError(f"{name} could not list when its snapshots were taken.")
        return answers.sound_listing(output.text, "", name)[0]

    def is_remote(self, target: bool) -> bool:
        """Whether that side is on the other box."""
        return self._link is not None and target is not bool(self._pulled)

    async def content(self, target: bool, **request: Any) -> Command:
        """The program that tells what is in a snapshot (`dataset`, `snapshot`, `guid`, `percent`, `seed`) of a side."""
        if self._link is not None and self.is_remote(target):
            return Command(self._link.argv(json.dumps({"op": "content", **request})))
        named = f"{request.pop('dataset')}@{request.pop('snapshot')}"
        return Command(await self._door.argv(), request_line("content", {"snapshot": named, **request}))

    def lost(self) -> UnreachableError:
        """The exception for a channel to the far side that broke."""
        if self._link is None:
            return UnreachableError(f"{self._target.name} gave no answer.")
        return self._link.lost()


async def other_box(job: Job, task: Task) -> Peer | None:
    """The peer that one end of the task is on; None when both are here."""
    name = task.peer or task.source_peer
    return await records.peer(job.store, name) if name is not None else None


async def look(job: Job) -> Outcome:
    """The job of a comparison, or of a look at the target alone. Raises DPlaneError."""
    if job.request == records.COPIES:
        from .copies import copies

        return await copies(job)
    return await compare(job)


async def compare(job: Job) -> Outcome:
    """The job of a comparison: what it finds is stored with the run. Raises DPlaneError."""
    task = await records.task(job.store, job.run.task)
    other = await other_box(job, task)
    known = await chains.known(job.store, other if task.peer is not None else None)
    async with Sides(job, task, other) as sides:
        here, there = await sides.read()
        found = compare_sides(task, here, there, await sides.times(), known)
    await records.update_run(job.store, job.run.id, plan=codec.dumps(found))
    return Outcome("succeeded", "Compared; nothing was changed.")
