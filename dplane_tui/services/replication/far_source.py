"""Another box as the source: its datasets come through the agent, or through `zfs` where there is only sshd.

A restore reads there what this box sent; a task that pulls reads what the far box lets us read, and takes snapshots
and bookmarks there (`Pulled`) only when it may. What was sent is proven at the target, whichever side that is.
"""

from __future__ import annotations

import abc
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from privhelper.kinds import DATASETS_LIMIT

from ...aside import aside
from ...errors import DPlaneError, MissingError, RefusedError, UnreachableError
from ..door import Door
from ..host.quoting import command_line
from . import answers, estimates, failures, keys
from .asof import AsOf
from .far_holds import AgentHolds, FarHolds, PlainHolds
from .model import Match, Plan, Step, Task
from .plan import OWN_SNAPSHOT
from .read import Dataset, Side
from .source import named_time, refuse_too_many, resumed, sent
from .stream import Command, Transfer
from .targets import AgentTarget, PlainTarget
from .transport import Link

if TYPE_CHECKING:
    from ..retention.pruners import SidePruner

_LOST = 255
_NAMES_BYTES = 6000  # of one request to the agent
_NAMES_AT_ONCE = 400
_NO_GUID = "1"  # stands for a proven snapshot where there is none


class FarSource(abc.ABC):
    """What the peers of both kinds share. `until` is the newest snapshot that is wanted; None is the newest of all."""

    _most = DATASETS_LIMIT + 1  # datasets that one request can name

    def __init__(self, link: Link, task: Task, target: AgentTarget | PlainTarget, until: AsOf | None = None) -> None:
        self.door: Door | FarHolds | None = None
        self._link = link
        self._task = task
        self._far = target
        self._until = until
        self.without: tuple[str, ...] = ()
        """The datasets that were left out of what was read, as they do not have that snapshot."""
        self._pulled = task.source_peer is not None  # else a restore: nothing is ever changed there
        self._side: Side = {}
        self._made: dict[str, dict[str, str]] = {}
        """Bookmarks that this run made, which no listing from before it has: names and GUIDs by dataset."""
        self._tag = hashlib.sha256(task.target.encode()).hexdigest()[:8]
        if self._bookmarks:
            self.door = self._holds()

    @property
    def name(self) -> str:
        """How the peer is called."""
        return self._far.name

    @property
    def whole(self) -> Side:
        """What was read last, before it was cut to the snapshot that is wanted."""
        return self._side

    async def level(self, dataset: str) -> Dataset | None:
        """A copy above what is read; None when there is none. Raises DPlaneError."""
        side, _ = await self._far.read(dataset, False)
        return side.get(dataset)

    @property
    def _bookmarks(self) -> bool:
        return self._pulled and self._link.peer.takes_snapshots()

    async def open(self) -> None:
        await self._far.open()

    async def close(self) -> None:
        await self._far.close()

    async def settle(self) -> None:
        if self._pulled and self._task.snapshot:
            await self._settle()

    async def read(self) -> Side:
        side, _ = await self._far.read(self._task.source, self._task.recursive)
        if self._task.source not in side:
            hint = "`dplane replicate show` names what was proven there."
            if self._pulled:
                hint = "Import its pool there, or remove the task."
            raise MissingError(f"{self.name} has no {self._task.source}.", hint)
        self._side = side
        if self._until is None:
            return side
        found, self.without = self._until.of(side, self._task.source)
        return found

    async def estimated(self, plan: Plan) -> Plan:
        return replace(plan, steps=await estimates.each(plan.steps, self._side, self._estimate))

    def check_take(self, datasets: Sequence[str]) -> None:
        if len(datasets) != len(self._side):
            refuse_too_many(self._task, datasets, self._most)

    async def take(self, name: str, datasets: Sequence[str]) -> None:
        if not self._bookmarks:
            raise RefusedError(
                f"No snapshot is taken at {self.name}: it does not let this box do that.",
                "Pair again with --may-snapshot, or let the task send the snapshots that are there (--no-snapshot).",
            )
        await self._take(name, None if len(datasets) == len(self._side) else datasets)

    async def creations(self, snapshots: Sequence[str]) -> dict[str, float]:
        found = {name: when for name in snapshots if (when := named_time(name)) is not None}
        others = [name for name in snapshots if name not in found]
        return {**found, **(await self._creations(others) if others and self._pulled else {})}

    async def lent(self, datasets: Sequence[str]) -> bool:  # noqa: ARG002 (that box guards its own history)
        return False

    async def keep_base(self, step: Step) -> None:
        if self._bookmarks:
            try:
                await self._bookmark(step)
            except UnreachableError:
                raise
            except DPlaneError as error:  # an account that may only send: its snapshots are the base, as they are
                aside(f"{step.dataset}: no bookmark was made: {error}")

    async def drop_old_bases(self, step: Step | Match) -> None:
        if self._bookmarks and (isinstance(step, Step) or self._has_others(step)):
            try:
                await self._forget(step)
            except UnreachableError:
                raise
            except DPlaneError:
                return  # it is tried again next time

    def _has_others(self, match: Match) -> bool:
        """Whether a run left bookmarks behind; nothing is asked of the peer where there are none."""
        marks = self._side[match.dataset].bookmarks
        return any(self._is_ours(mark.name) and mark.guid != match.guid for mark in marks)

    async def left(self) -> Side:
        """What there is of the source of a task that is gone; nothing where that is gone as well. Raises DPlaneError,
        also when its pool is away, for it comes back with all that was made there."""
        try:
            return await self.read()
        except MissingError:
            if not isinstance(self.door, FarHolds) or not await self.door.pool_is_there():
                raise
            return {}

    async def forget_all(self, side: Side) -> None:
        """Destroy all the bookmarks that the task made there. Raises DPlaneError."""
        for dataset in side.values():
            if any(self._is_ours(mark.name) for mark in dataset.bookmarks):
                await self._forget(Step("full", dataset.name, self._task.target, dataset.kind, "", _NO_GUID))

    def pruner(self) -> SidePruner:
        return self._far.pruner()

    def lost(self, done: Transfer) -> UnreachableError | None:
        return self._link.lost() if done.send_status == _LOST else None

    @abc.abstractmethod
    def _holds(self) -> FarHolds: ...

    @abc.abstractmethod
    async def send(self, step: Step) -> Command: ...

    @abc.abstractmethod
    async def _settle(self) -> None: ...

    @abc.abstractmethod
    async def _estimate(self, step: Step) -> int | None: ...

    @abc.abstractmethod
    async def _take(self, name: str, datasets: Sequence[str] | None) -> None: ...

    @abc.abstractmethod
    async def _creations(self, snapshots: list[str]) -> dict[str, float]: ...

    @abc.abstractmethod
    async def _bookmark(self, step: Step) -> None: ...

    @abc.abstractmethod
    async def _forget(self, step: Step | Match) -> None: ...

    @abc.abstractmethod
    def _is_ours(self, mark: str) -> bool: ...


class AgentSource(FarSource):
    """A peer with the product gives what this box sent there, and what it lets this box read."""

    def _holds(self) -> FarHolds:
        return AgentHolds(self._link, self._task.source, self._task.target, self._tag)

    async def _settle(self) -> None:
        if self._bookmarks:
            await self._link.ask({"op": "settle", "dataset": self._task.source})

    async def _estimate(self, step: Step) -> int | None:
        try:
            answer = await self._link.ask({"op": "estimate", **_words(step)})
            return answers.size_in_bytes(answer.get("size"), self.name)
        except UnreachableError:
            raise
        except DPlaneError:
            return None

    async def send(self, step: Step) -> Command:
        return Command(self._link.argv(json.dumps({"op": "send", **_words(step)})))

    async def _take(self, name: str, datasets: Sequence[str] | None) -> None:
        top = self._task.source
        request: dict[str, object] = {"op": "snapshot", "dataset": top, "name": name}
        if datasets is None:
            request["recursive"] = self._task.recursive
        elif below := [dataset for dataset in datasets if dataset != top]:
            request["also"] = below
        await self._link.ask(request)

    async def _creations(self, snapshots: list[str]) -> dict[str, float]:
        found: dict[str, float] = {}
        for dataset, names in _batches(snapshots):
            answer = await self._link.ask({"op": "creations", "dataset": dataset, "snapshots": names})
            given = answer.get("creations")
            for name in names:
                when = given.get(name) if isinstance(given, dict) else None
                if isinstance(when, int) and not isinstance(when, bool) and 0 <= when < 2**40:
                    found[f"{dataset}@{name}"] = float(when)
        return found

    async def _bookmark(self, step: Step) -> None:
        named = {"dataset": step.dataset, "snapshot": step.snapshot, "guid": step.guid, "tag": self._tag}
        await self._link.ask({"op": "bookmark", **named})

    async def _forget(self, step: Step | Match) -> None:
        await self._link.ask({"op": "forget", "dataset": step.dataset, "keep": step.guid, "tag": self._tag})

    def _is_ours(self, mark: str) -> bool:
        # Or another box's that calls its target the same; the agent there knows the difference.
        return bool(re.match(rf"{OWN_SNAPSHOT}[0-9a-f]{{16}}{self._tag}-", mark))


class PlainSource(FarSource):
    """A peer with only ZFS and sshd: `zfs send` there, and `zfs snapshot` and `zfs bookmark` for a task that pulls."""

    _most = 1500  # a command line takes more

    def _holds(self) -> FarHolds:
        return PlainHolds(self._link, self._task.source, self._task.target)

    async def open(self) -> None:
        await super().open()
        if isinstance(self.door, PlainHolds):
            self.door.zfs = self._zfs

    async def _settle(self) -> None:
        await self._run(["zpool", "sync", "--", self._task.source.split("/")[0]], "what was written was not settled")

    async def _estimate(self, step: Step) -> int | None:
        output = await self._link.run([*self._zfs, "send", "-n", "-v", "-P", *_plain(step)])
        return estimates.told(output.text) if output.status == 0 else None

    async def send(self, step: Step) -> Command:
        return Command(self._link.argv(command_line([*self._zfs, "send", *_plain(step)])))

    async def _take(self, name: str, datasets: Sequence[str] | None) -> None:
        names = [f"{self._task.source}@{name}"] if datasets is None else [f"{dataset}@{name}" for dataset in datasets]
        below = ["-r"] if datasets is None and self._task.recursive else []
        await self._run([*self._zfs, "snapshot", *below, "--", *names], f"{names[0]} could not be taken")

    async def _creations(self, snapshots: list[str]) -> dict[str, float]:
        found: dict[str, float] = {}
        for start in range(0, len(snapshots), _NAMES_AT_ONCE):
            names = snapshots[start : start + _NAMES_AT_ONCE]
            output = await self._link.run(["zfs", "get", "-Hp", "-o", "name,value", "creation", *names])
            for line in output.text.splitlines():
                name, _, value = line.partition("\t")
                if name in names and re.fullmatch("[0-9]{1,12}", value):
                    found[name] = float(value)
        return found

    async def _bookmark(self, step: Step) -> None:
        name = f"{self._mark}{int(step.guid):016x}"
        if any(mark.name == name and mark.guid == step.guid for mark in self._side[step.dataset].bookmarks):
            return
        point = f"{step.dataset}@{step.snapshot}"
        await self._run([*self._zfs, "bookmark", "--", point, f"{step.dataset}#{name}"], f"{point} was not bookmarked")
        self._made.setdefault(step.dataset, {})[name] = step.guid

    async def _forget(self, step: Step | Match) -> None:
        listed = {mark.name: mark.guid for mark in self._side[step.dataset].bookmarks}
        for short, guid in (listed | self._made.get(step.dataset, {})).items():
            if short.startswith(self._mark) and guid != step.guid:
                name = f"{step.dataset}#{short}"
                await self._run([*self._zfs, "destroy", "--", name], f"the bookmark {name} was not removed")

    def _is_ours(self, mark: str) -> bool:
        return mark.startswith(self._mark)

    async def _run(self, argv: list[str], what: str) -> None:
        done = await self._link.run(argv)
        if done.status != 0:
            raise failures.of_zfs(done.error, f"At {self.name} {what}")

    @property
    def _zfs(self) -> tuple[str, ...]:
        assert isinstance(self._far, PlainTarget)
        return self._far.zfs

    @property
    def _mark(self) -> str:
        """How our bookmarks for this task's target begin; other boxes may pull from there too."""
        return f"{OWN_SNAPSHOT}{hashlib.sha256(f'{keys.own_name()}|{self._tag}'.encode()).hexdigest()[:8]}-"


def _batches(snapshots: list[str]) -> list[tuple[str, list[str]]]:
    """Snapshots by dataset, the short names of as many as fit into one request."""
    found: list[tuple[str, list[str]]] = []
    room = 0
    for full in snapshots:
        dataset, _, name = full.partition("@")
        if not found or found[-1][0] != dataset or len(name) > room:
            found.append((dataset, []))
            room = _NAMES_BYTES
        found[-1][1].append(name)
        room -= len(name) + 4
    return found


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


def source_at(link: Link, task: Task, until: AsOf | None = None) -> FarSource:
    """The kind of source that a peer is."""
    if link.peer.product:
        return AgentSource(link, task, AgentTarget(link), until)
    return PlainSource(link, task, PlainTarget(link), until)
