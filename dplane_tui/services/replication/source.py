"""The near side of a task: what ZFS lists of it, what a stream of it would weigh, when its snapshots were taken."""

from __future__ import annotations

import calendar
import re
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ...errors import ChangedError, CommandError, MissingError
from ..door import Door
from ..host import Host
from . import failures
from .model import Plan, Step, Task
from .plan import OWN_SNAPSHOT
from .read import Side, get_argv, is_missing, list_argv, parse

OWN_TIME = "%Y-%m-%dT%H-%M-%SZ"
_LIST_SECONDS = 300.0
_NAMES_AT_ONCE = 500
_FLAGS = {"compressed": True, "large_blocks": True, "embedded": True}  # never changed for a chain


class Source:
    """What a task sends from. `side` is what the last reading found."""

    def __init__(self, host: Host, door: Door, task: Task) -> None:
        self._host = host
        self._door = door
        self._task = task
        self.side: Side = {}

    async def read(self) -> Side:
        """List everything. Raises MissingError when the source is gone, CommandError."""
        task = self._task
        got = await self._properties()
        listed = await self._host.run(list_argv(task.source, task.recursive), timeout=_LIST_SECONDS)
        if listed.status != 0:
            raise failures.of_zfs(listed.error, f"{task.source} could not be listed")
        self.side = parse(listed.text, got)
        return self.side

    async def settle(self) -> None:
        """Bring everything written so far onto the disks: `written` counts only that, and what a person saved a moment
        ago must not pass for nothing new. Raises MissingError, CommandError."""
        try:
            await self._door.call("pool-sync", pool=self._task.source.split("/")[0])
        except ChangedError:
            raise self._gone() from None

    async def _properties(self) -> str:
        task = self._task
        got = await self._host.run(get_argv(task.source, task.recursive), timeout=_LIST_SECONDS)
        if got.status != 0 and is_missing(got.error):
            raise self._gone()
        if got.status != 0:
            raise failures.of_zfs(got.error, f"{task.source} could not be looked at")
        if not got.text.startswith(f"{task.source}\t"):
            raise CommandError(f"ZFS listed nothing for {task.source}.")
        return got.text

    def _gone(self) -> MissingError:
        return MissingError(
            f"The source {self._task.source} of the task {self._task.name} does not exist on this machine (any more).",
            "Import its pool, or remove the task.",
        )

    async def estimated(self, plan: Plan) -> Plan:
        """`plan` with the size that ZFS expects of each step."""
        return replace(plan, steps=tuple([await self._estimate(step) for step in plan.steps]))

    async def _estimate(self, step: Step) -> Step:
        """`step` as it was when ZFS cannot tell."""
        if not step.guid:
            return step
        try:
            if step.token:
                answer = await self._door.call("send-resume-estimate", **resumed(step))
            else:
                answer = await self._door.call("send-estimate", **sent(step))
        except CommandError:
            return step
        found = re.search(r"^size\t(\d+)$", str(answer.get("stdout", "")), re.MULTILINE)
        return replace(step, size=int(found[1])) if found else step

    async def creations(self, snapshots: Sequence[str]) -> dict[str, float]:
        """When snapshots were taken. Our own names tell; the others are asked for with one command."""
        found = {name: when for name in snapshots if (when := named_time(name)) is not None}
        others = [name for name in snapshots if name not in found]
        for start in range(0, len(others), _NAMES_AT_ONCE):
            argv = ["zfs", "get", "-Hp", "-o", "name,value", "creation", *others[start : start + _NAMES_AT_ONCE]]
            for line in (await self._host.run(argv, timeout=_LIST_SECONDS)).text.splitlines():
                name, _, value = line.partition("\t")
                if value.isascii() and value.isdigit():
                    found[name] = float(value)
        return found


def named_time(snapshot: str) -> float | None:
    """The time that the name of a snapshot of ours says; None for a name of another kind."""
    short = snapshot.rpartition("@")[2]
    if not short.startswith(OWN_SNAPSHOT):
        return None
    try:
        return float(calendar.timegm(time.strptime(short[len(OWN_SNAPSHOT) :], OWN_TIME)))
    except ValueError:
        return None


def sent(step: Step) -> dict[str, Any]:
    """The door's arguments that say what is sent."""
    return {
        "snapshot": f"{step.dataset}@{step.snapshot}",
        "from": step.base,
        "intermediates": step.intermediates or None,
        "raw": step.raw or None,
        **_FLAGS,
    }


def resumed(step: Step) -> dict[str, Any]:
    """The door's arguments that say which interrupted stream goes on."""
    return {
        "snapshot": f"{step.dataset}@{step.snapshot}",
        "guid": step.guid,
        "token": step.token,
        "raw": step.raw or None,
    }
