"""What a run begins with: both sides are read, the task's own snapshot is taken where one is needed, a plan is made."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from ...errors import CommandError
from ..jobs.report import Reporter
from ..store import Store
from . import atonce, chains, estimates, failures, halves
from .model import Peer, Plan, Task
from .plan import OWN_SNAPSHOT, make_plan, members, wants_snapshot
from .read import Side
from .source import OWN_TIME, Source
from .targets import Target

_TRIES = 3
_NEXT_NAME = 1.0  # seconds: names of snapshots go by them


class Planning:
    """The plans of one run; `here` and `there` are what was read last."""

    def __init__(
        self,
        task: Task,
        source: Source,
        target: Target,
        store: Store,
        report: Reporter,
        peer: Peer | None,
        back: chains.Sent | None = None,
    ) -> None:
        """`peer` is the box of the target, None for this one; `back` is how copies that go home were sent."""
        self._task = task
        self._source = source
        self._target = target
        self._store = store
        self._report = report
        self._peer = peer
        self._back = back
        self._available: int | None = None
        self.here: Side = {}
        self.there: Side = {}
        self.chains: chains.Chains = {}
        """What was recorded of the copies there."""
        self.reached = False
        """Whether the target was read since it was opened."""
        self.stale: set[halves.Half] = set()
        """Those that ZFS would not go on with in this run."""

    async def plan(self, *, take: bool, connect: bool = False, again: bool = False) -> Plan:
        """The plan; with `take`, the snapshot it begins with is taken, and the plan names its GUIDs.

        With `again` it is made of the snapshots that are there. The two sides are two machines, so both are read at the
        same time, the near one while the other lets us in.
        """
        self.here, (self.there, self._available) = await atonce.both(self._near(), self._far(connect))
        self.chains = await chains.known(self._store, self._peer)
        if again or not await self._wants():
            return await self._source.estimated(self._made())
        self._source.check_take(members(self._task, self.here))
        plan = self._made(_new_name())
        if not take or not plan.steps:
            return await self._source.estimated(plan)
        name = await self._take()
        self.here = await self._source.read()
        return await self._source.estimated(replace(estimates.with_sizes(self._made(), plan), snapshot=name))

    async def _wants(self) -> bool:
        """Whether the task takes a snapshot now: also when what is new stands only in one that is a peer's."""
        if not self._task.snapshot or wants_snapshot(self._task, self.here):
            return self._task.snapshot
        return await self._source.lent(members(self._task, self.here))

    def _made(self, snapshot: str | None = None) -> Plan:
        sides = (self._task, self.here, self.there, snapshot, self._available)
        return _with_guids(make_plan(*sides, self.chains, self.stale, self._back), self.here)

    async def _near(self) -> Side:
        await self._source.settle()
        return await self._source.read()

    async def _far(self, connect: bool) -> tuple[Side, int | None]:
        if connect:
            await self._target.open()
        self._report.update(stage="reading both sides")
        found = await self._target.read(self._task.target, self._task.recursive)
        self.reached = True
        return found

    async def _take(self) -> str | None:
        """Take the task's snapshot: its name, or None when one that another task took in that second has all there is.

        Raises DPlaneError.
        """
        for tries_left in reversed(range(_TRIES)):
            name = _new_name()
            try:
                await self._source.take(name, members(self._task, self.here))
                return name
            except CommandError as error:
                if not (tries_left and failures.is_taken(error)):
                    raise
            await asyncio.sleep(_NEXT_NAME)
            self.here = await self._near()
            if not await self._wants():
                return None
        raise AssertionError("the last try returns or raises")


def _with_guids(plan: Plan, here: Side) -> Plan:
    """`plan` with the GUIDs of the datasets themselves: one that is made anew under an old name is another one."""
    guids = {name: dataset.properties.get("guid", "") for name, dataset in here.items()}
    return replace(
        plan,
        steps=tuple(replace(step, dataset_guid=guids[step.dataset]) for step in plan.steps),
        matches=tuple(replace(match, dataset_guid=guids[match.dataset]) for match in plan.matches),
    )


def _new_name() -> str:
    return OWN_SNAPSHOT + time.strftime(OWN_TIME, time.gmtime())
