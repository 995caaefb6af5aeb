"""Another box as the source: its copies come back through the agent, or through `zfs` where there is only sshd."""

from __future__ import annotations

import abc
import json
import re
from collections.abc import Sequence
from dataclasses import replace

from ...errors import DPlaneError, MissingError, RefusedError, UnreachableError
from ..host.quoting import command_line
from .model import Match, Plan, Step, Task
from .read import Side
from .source import named_time, resumed, sent
from .stream import Command, Transfer
from .targets import AgentTarget, PlainTarget
from .transport import Link

_LOST = 255


class FarSource(abc.ABC):
    """What the peers of both kinds share. `until` names the newest snapshot that is wanted; "" is the newest of all."""

    def __init__(self, link: Link, task: Task, target: AgentTarget | PlainTarget, until: str = "") -> None:
        self._link = link
        self._task = task
        self._far = target
        self._until = until

    async def open(self) -> None:
        await self._far.open()

    async def close(self) -> None:
        await self._far.close()

    async def settle(self) -> None:
        return None

    async def read(self) -> Side:
        side, _ = await self._far.read(self._task.source, self._task.recursive)
        if self._task.source not in side:
            raise MissingError(
                f"{self._far.name} has no {self._task.source}.", "`dplane replicate show` names what was proven there."
            )
        return _until(side, self._task.source, self._until) if self._until else side

    async def estimated(self, plan: Plan) -> Plan:
        return replace(plan, steps=tuple([await self._estimate(step) for step in plan.steps]))

    @abc.abstractmethod
    async def _estimate(self, step: Step) -> Step: ...

    @abc.abstractmethod
    async def send(self, step: Step) -> Command: ...

    async def take(self, name: str, datasets: Sequence[str]) -> None:  # noqa: ARG002
        raise RefusedError(f"No snapshot is taken at {self._far.name}.")

    async def creations(self, snapshots: Sequence[str]) -> dict[str, float]:
        return {name: when for name in snapshots if (when := named_time(name)) is not None}

    async def keep_base(self, step: Step) -> None:  # noqa: ARG002
        return None

    async def drop_old_bases(self, step: Step | Match) -> None:  # noqa: ARG002
        return None

    def lost(self, done: Transfer) -> UnreachableError | None:
        return self._link.lost() if done.send_status == _LOST else None


class AgentSource(FarSource):
    """A peer with the product gives back what this box sent there."""

    async def _estimate(self, step: Step) -> Step:
        try:
            answer = await self._link.ask({"op": "estimate", **_words(step)})
        except UnreachableError:
            raise
        except DPlaneError:
            return step
        size = answer.get("size")
        return replace(step, size=size) if isinstance(size, int) and not isinstance(size, bool) and size >= 0 else step

    async def send(self, step: Step) -> Command:
        return Command(self._link.argv(json.dumps({"op": "send", **_words(step)})))


class PlainSource(FarSource):
    """A peer with only ZFS and sshd: `zfs send` there."""

    async def _estimate(self, step: Step) -> Step:
        assert isinstance(self._far, PlainTarget)
        output = await self._link.run([*self._far.zfs, "send", "-n", "-v", "-P", *_plain(step)])
        found = re.search(r"^size\t(\d{1,20})$", output.text, re.MULTILINE)
        return replace(step, size=int(found[1])) if output.status == 0 and found else step

    async def send(self, step: Step) -> Command:
        assert isinstance(self._far, PlainTarget)
        return Command(self._link.argv(command_line([*self._far.zfs, "send", *_plain(step)])))


def _words(step: Step) -> dict[str, object]:
    """The agent's fields for a step."""
    wanted = resumed(step) if step.token else sent(step)
    fields = {name: value for name, value in wanted.items() if value is not None and name != "snapshot"}
    return {**fields, "dataset": step.dataset, "snapshot": step.snapshot, "guid": step.guid}


def _plain(step: Step) -> list[str]:
    """The options of `zfs send` for a step: the same that the privileged helper uses."""
    if step.token:
        return ["-t", step.token]
    flags = ["-w"] if step.raw else []
    base = ["-I" if step.intermediates else "-i", step.base] if step.base else []
    return [*flags, "-c", "-L", "-e", *base, "--", f"{step.dataset}@{step.snapshot}"]


def _until(side: Side, top: str, snapshot: str) -> Side:
    """The datasets as they were when that snapshot was their newest; those that do not have it are left out.

    Raises MissingError when the top one does not have it.
    """
    found: Side = {}
    for name, dataset in side.items():
        wanted = next((point for point in dataset.snapshots if point.name == snapshot), None)
        if wanted is not None:
            older = tuple(point for point in dataset.snapshots if point.createtxg <= wanted.createtxg)
            found[name] = replace(dataset, snapshots=older)
        elif name == top:
            raise MissingError(f"The copy {name} has no snapshot @{snapshot}.")
    return found


def source_at(link: Link, task: Task, until: str = "") -> FarSource:
    """The kind of source that a peer is."""
    if link.peer.product:
        return AgentSource(link, task, AgentTarget(link), until)
    return PlainSource(link, task, PlainTarget(link), until)
