"""The near side of a task: what ZFS lists of it, what a stream of it would weigh, when its snapshots were taken."""

from __future__ import annotations

import calendar
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from privhelper.kinds import DATASETS_LIMIT

from ...errors import ChangedError, CommandError, MissingError, RefusedError, UnreachableError
from ..door import Door, request_line
from ..host import Host, Output
from . import estimates, failures
from .bases import Bases
from .convoy import requests
from .model import Match, Peer, Plan, Step, Task
from .plan import OWN_SNAPSHOT
from .read import Side, is_missing, list_argv, parse
from .reread import properties, side_of
from .stream import Command, Transfer

if TYPE_CHECKING:
    from ..retention.pruners import SidePruner
    from .far_holds import FarHolds

OWN_TIME = "%Y-%m-%dT%H-%M-%SZ"
_LAST_TIME = 32_503_680_000.0  # the year 3000: by then, and before 1970, local time has no date in every zone
_LIST_SECONDS = 300.0
_NAMES_AT_ONCE = 500
_NAMES_BYTES = 60_000  # of a request; the door takes 64 KiB, and a far shell not much more in one word
_EACH_ASKED = 3  # streams whose size ZFS is asked for one by one; more are judged by what the listings count
_FLAGS = {"compressed": True, "large_blocks": True, "embedded": True}  # never changed for a chain


class Source(Protocol):
    """Where a task's snapshots come from. Methods raise only `DPlaneError`s."""

    door: Door | FarHolds | None
    """What holds its snapshots while they are sent; None where nothing of this box can."""

    @property
    def name(self) -> str:
        """How the box is called."""
        ...

    async def open(self) -> None:
        """Reach it."""
        ...

    async def close(self) -> None:
        """Let go of it."""
        ...

    async def settle(self) -> None:
        """Bring everything written so far onto the disks, so that what is new is known to be new."""
        ...

    async def read(self) -> Side:
        """List everything."""
        ...

    def check_take(self, datasets: Sequence[str]) -> None:
        """Raise RefusedError when these cannot be snapshotted in one transaction."""
        ...

    async def lent(self, datasets: Sequence[str]) -> bool:
        """Whether the newest snapshot of one of these was taken for a peer, which may destroy it again."""
        ...

    async def take(self, name: str, datasets: Sequence[str]) -> None:
        """Take the task's own snapshot of these datasets (all that were read, or some), in one transaction."""
        ...

    async def estimated(self, plan: Plan) -> Plan:
        """`plan` with the size that ZFS expects of each step, also of one to a snapshot that is not taken yet."""
        ...

    async def creations(self, snapshots: Sequence[str]) -> dict[str, float]:
        """When snapshots were taken, as far as it is known."""
        ...

    async def send(self, step: Step) -> Command:
        """The program that writes the step's stream."""
        ...

    def lost(self, done: Transfer) -> UnreachableError | None:
        """Why the stream broke off, when it was the connection to the source."""
        ...

    async def keep_base(self, step: Step) -> None:
        """Make sure that what is about to be sent can be a base later."""
        ...

    async def drop_old_bases(self, step: Step | Match) -> None:
        """Forget the bases that are of no use after this step was proven."""
        ...

    def pruner(self) -> SidePruner:
        """What destroys snapshots there that retention does not keep."""
        ...


class LocalSource:
    """Datasets of this machine."""

    name = "this machine"

    def __init__(self, host: Host, door: Door, task: Task, peer: Peer | None) -> None:
        self._host = host
        self._door = door
        self.door: Door | FarHolds | None = door
        self._task = task
        self._bases = Bases(door, peer, task)
        self._side: Side = {}

    async def open(self) -> None:
        return None

    async def close(self) -> None:
        return None

    async def read(self) -> Side:
        task = self._task
        got = await self._properties()
        listed = await self._run(list_argv(task.source, task.recursive))
        if listed.status != 0:
            raise failures.of_zfs(listed.error, f"{task.source} could not be listed")
        self._side = await side_of(partial(parse, listed.text), got, self._run, task.source, task.recursive)
        return self._side

    async def settle(self) -> None:
        # `written` counts only what is on the disks: what a person saved a moment ago must not pass for nothing new.
        try:
            await self._door.call("pool-sync", pool=self._task.source.split("/")[0])
        except ChangedError:
            raise self._gone() from None

    async def _run(self, argv: Sequence[str]) -> Output:
        return await self._host.run(argv, timeout=_LIST_SECONDS)

    async def _properties(self) -> Output | None:
        task = self._task
        got = await properties(self._run, task.source, task.recursive)
        if got is None:
            return None
        if got.status != 0 and is_missing(got.error):
            raise self._gone()
        if got.status != 0:
            raise failures.of_zfs(got.error, f"{task.source} could not be looked at")
        if not got.text.startswith(f"{task.source}\t"):
            raise CommandError(f"ZFS listed nothing for {task.source}.")
        return got

    def _gone(self) -> MissingError:
        return MissingError(
            f"The source {self._task.source} of the task {self._task.name} does not exist on this machine (any more).",
            "Import its pool, or remove the task.",
        )

    def check_take(self, datasets: Sequence[str]) -> None:
        if len(datasets) != len(self._side):
            refuse_too_many(self._task, datasets, DATASETS_LIMIT + 1)

    async def lent(self, datasets: Sequence[str]) -> bool:
        from .lent import newest_is_lent

        return await newest_is_lent(self._host, [self._side[name] for name in datasets])

    async def take(self, name: str, datasets: Sequence[str]) -> None:
        top = self._task.source
        if len(datasets) == len(self._side):
            await self._door.call("snapshot-create", snapshot=f"{top}@{name}", recursive=self._task.recursive)
            return
        below = [dataset for dataset in datasets if dataset != top]  # what the task leaves out gets no snapshot
        await self._door.call("snapshot-create", snapshot=f"{top}@{name}", also=below or None)

    async def send(self, step: Step) -> Command:
        verb, args = ("send-resume", resumed(step)) if step.token else ("send", {**sent(step), "guid": step.guid})
        return Command(await self._door.argv(), request_line(verb, args))

    async def send_many(self, steps: Sequence[Step]) -> Command:
        each = [{**sent(step), "guid": step.guid} for step in steps]
        return Command(await self._door.argv(), requests("send", each))

    async def keep_bases(self, steps: Sequence[Step]) -> None:
        await self._bases.keep_all([(self._side[step.dataset], step) for step in steps])

    async def drop_all_old_bases(self, steps: Sequence[Step | Match]) -> None:
        """`drop_old_bases` for all of them."""
        await self._bases.drop_all_old([(self._side[step.dataset], step.guid) for step in steps])

    def lost(self, done: Transfer) -> UnreachableError | None:  # noqa: ARG002 (nothing can be lost here)
        return None

    async def keep_base(self, step: Step) -> None:
        await self._bases.keep(self._side[step.dataset], step)

    async def drop_old_bases(self, step: Step | Match) -> None:
        await self._bases.drop_old(self._side[step.dataset], step.guid)

    def pruner(self) -> SidePruner:
        from ..retention.pruners import LocalPruner

        return LocalPruner(self._host, self._door)

    async def estimated(self, plan: Plan) -> Plan:
        steps = plan.steps
        if sum(step.size is None for step in steps) > _EACH_ASKED:
            steps = await estimates.together(self._host, self._side, steps)
        return replace(plan, steps=await estimates.each(steps, self._side, self._estimate))

    async def _estimate(self, step: Step) -> int | None:
        """The bytes that ZFS expects; None when it cannot tell."""
        try:
            if step.token:
                answer = await self._door.call("send-resume-estimate", **resumed(step))
            else:
                answer = await self._door.call("send-estimate", **sent(step))
        except CommandError:
            return None
        return estimates.told(str(answer.get("stdout", "")))

    async def creations(self, snapshots: Sequence[str]) -> dict[str, float]:
        # Our own names tell; the others are asked for with one command.
        found = {name: when for name in snapshots if (when := named_time(name)) is not None}
        others = [name for name in snapshots if name not in found]
        for start in range(0, len(others), _NAMES_AT_ONCE):
            argv = ["zfs", "get", "-Hp", "-o", "name,value", "creation", *others[start : start + _NAMES_AT_ONCE]]
            for line in (await self._host.run(argv, timeout=_LIST_SECONDS)).text.splitlines():
                name, _, value = line.partition("\t")
                if value.isascii() and value.isdigit():
                    found[name] = float(value)
        return found


def refuse_too_many(task: Task, datasets: Sequence[str], most: int) -> None:
    """Raise RefusedError when a snapshot that has to name each of these cannot be taken in one transaction."""
    if len(datasets) <= most and sum(len(name) + 8 for name in datasets) <= _NAMES_BYTES:
        return
    raise RefusedError(
        f"The task {task.name} leaves datasets out, so its snapshot has to name the {len(datasets)} others one by one, "
        f"and no more than {most} datasets or {_NAMES_BYTES // 1000} kB of names go into one transaction.",
        "Leave nothing out (then all are taken at once, whatever their number), make several tasks of it, or let a "
        "snapshot policy take them and the task only send what is there (--no-snapshot).",
    )


def named_time(snapshot: str) -> float | None:
    """The time that the name of a snapshot of ours says, from 1970 to 2999; None for a name of another kind."""
    short = snapshot.rpartition("@")[2]
    if not short.startswith(OWN_SNAPSHOT):
        return None
    try:
        said = float(calendar.timegm(time.strptime(short[len(OWN_SNAPSHOT) :].removeprefix("auto-"), OWN_TIME)))
    except ValueError:
        return None
    return said if 0 <= said < _LAST_TIME else None


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
