"""The three kinds of target: a peer with the product, a peer with only ZFS and sshd, another pool of this box."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from ...errors import CommandError, MissingError, RefusedError, TooMuchError
from ..door import Door, request_line
from ..host import Host
from ..host.quoting import command_line
from . import answers, failures
from .convoy import requests
from .model import Step
from .read import Side, is_missing, list_argv, note, parse
from .reread import properties, side_of
from .stream import Command, Transfer
from .transport import Link

if TYPE_CHECKING:
    from ..retention.pruners import SidePruner

_LOST = 255
_NEVER_RECEIVED = ("-x", "mountpoint", "-x", "sharenfs", "-x", "sharesmb")
_FIRST = ("-o", "readonly=on", "-o", "canmount=noauto", "-o", "setuid=off", "-o", "devices=off", "-o", "exec=off")
_FIRST_VOLUME = ("-o", "readonly=on", "-o", "volmode=none")


class Target(Protocol):
    """Where a task's snapshots go. Methods raise only `DPlaneError`s."""

    name: str
    older: str
    """Its name again, where its release of D-Plane does not note all of PRESERVED."""

    async def open(self) -> None:
        """Reach it."""
        ...

    async def read(self, dataset: str, recursive: bool) -> tuple[Side, int | None]:
        """What it has of that dataset (nothing when it is not there), and the bytes free."""
        ...

    async def receive(self, step: Step) -> Command:
        """The program that receives the step's stream; parents are made first where they are missing."""
        ...

    def check(self, step: Step, done: Transfer) -> None:
        """Raise unless the receiving side says that it has received everything."""
        ...

    async def abort(self, dataset: str, token: str) -> None:
        """Throw away an interrupted receive."""
        ...

    async def note(self, dataset: str, originals: dict[str, str]) -> dict[str, str]:
        """Keep with a copy what was set on its original, so that a restore can put it back.

        Returns the names of what was not noted, each with a clause that says why.
        """
        ...

    def pruner(self) -> SidePruner:
        """What destroys snapshots there that retention does not keep."""
        ...

    async def close(self) -> None:
        """Let go of it."""
        ...


class AgentTarget:
    """A peer with the product: its agent does what is asked, confined to what this box made there."""

    def __init__(self, link: Link, *, looks: bool = False) -> None:
        self.name = link.peer.name
        self._link = link
        self._looks = looks  # only looks: what another connection is sending there goes on
        self._may_prune = False
        self._lets_go = False  # whether it is new enough to tell what may be pruned besides ours
        self.older = self.name
        self._several = False  # whether the agent there is new enough for several streams on one channel

    async def open(self) -> None:
        told = await self._link.open()
        self._may_prune = told.get("may_prune") is True
        self._lets_go = told.get("lets_go") is True
        self.older = "" if told.get("all_notes") is True else self.name
        self._several = told.get("several") is True

    async def receive_many(self, steps: Sequence[Step]) -> Command | None:
        if not self._several:
            return None
        streams = [{"dataset": step.target, "kind": step.dataset_kind, "guid": step.guid} for step in steps]
        body = json.dumps({"streams": streams}).encode()
        request = {"op": "receive-several", "dataset": top_of(steps), "bytes": len(body)}
        return Command(self._link.argv(json.dumps(request)), body)

    async def read(self, dataset: str, recursive: bool) -> tuple[Side, int | None]:
        request = {"op": "read", "dataset": dataset, "recursive": recursive, "all_notes": True}
        request |= {"look": True} if self._looks else {}
        answer: dict[str, Any] = {}
        with contextlib.suppress(TooMuchError):  # texts that many datasets inherit: those are left out apart
            answer = await self._link.ask(request, limit=answers.LISTING_LIMIT)
        try:
            side = self._told(answer)
        except CommandError:
            answer = await self._link.ask({**request, "apart": True}, limit=answers.LISTING_LIMIT)
            side = self._told(answer)
        return within(side, dataset), answers.size_in_bytes(answer.get("available"), self.name)

    def _told(self, answer: dict[str, Any]) -> Side:
        return parse(*answers.sound_listing(answer.get("list"), answer.get("get"), self.name))

    async def receive(self, step: Step) -> Command:
        request = {"op": "receive", "dataset": step.target, "kind": step.dataset_kind, "guid": step.guid}
        return Command(self._link.argv(json.dumps(request)))

    def check(self, step: Step, done: Transfer) -> None:
        if done.receive_status == _LOST:
            raise self._link.lost()
        answer = answers.parsed(done.receive_out)
        if answer is not None and answer.get("ok") is True and done.receive_status == 0:
            return
        if answer is None:
            raise failures.of_zfs(done.receive_said, f"{self.name} did not receive {step.target}")
        problem = answers.far_error(answer.get("error"), self.name)
        if problem.code == "failed":
            raise failures.of_zfs(
                answers.far_words(answer.get("error"), advice=False), f"{self.name} did not receive {step.target}"
            )
        raise problem

    async def abort(self, dataset: str, token: str) -> None:
        await self._link.ask({"op": "abort", "dataset": dataset, "token": token})

    async def note(self, dataset: str, originals: dict[str, str]) -> dict[str, str]:
        answer = await self._link.ask({"op": "note", "dataset": dataset, "properties": originals})
        return answers.not_noted(answer.get("left"), originals, self.name)

    def pruner(self) -> SidePruner:
        from ..retention.pruners import AgentPruner

        return AgentPruner(self._link, self._may_prune, lets_go=self._lets_go)

    async def close(self) -> None:
        await self._link.close()


class PlainTarget:
    """A peer that has only ZFS and sshd: quoted `zfs` commands, as root, through sudo, or by what `zfs allow` gives."""

    older = ""

    def __init__(self, link: Link) -> None:
        self.name = link.peer.name
        self._link = link
        self.zfs: tuple[str, ...] = ("zfs",)

    async def open(self) -> None:
        await self._link.open()
        root = (await self._link.run(["id", "-u"])).text.strip() == "0"
        if not root and (await self._link.run(["sudo", "-n", "zfs", "version"])).status == 0:
            self.zfs = ("sudo", "-n", "zfs")
        if (await self._link.run([*self.zfs, "version"])).status != 0:
            raise MissingError(f"OpenZFS does not work on {self.name}.", "Is it installed, and its module loaded?")

    async def read(self, dataset: str, recursive: bool) -> tuple[Side, int | None]:
        run = partial(self._link.run, limit=answers.LISTING_LIMIT)
        got = await properties(run, dataset, recursive)
        if got is not None and got.status != 0:
            if is_missing(got.error):
                return {}, await self._available(dataset)
            raise failures.of_zfs(got.error, f"{self.name} could not list {dataset}")
        listed = await run(list_argv(dataset, recursive))
        if listed.status != 0:
            raise failures.of_zfs(listed.error, f"{self.name} could not list {dataset}")

        def parsed(text: str) -> Side:
            return parse(*answers.sound_listing(listed.text, text, self.name))

        side = within(await side_of(parsed, got, run, dataset, recursive), dataset)
        free = side[dataset].number("available") if dataset in side else None
        return side, answers.size_in_bytes(free, self.name)

    async def _available(self, dataset: str) -> int | None:
        values = (
            await self._link.run(["zfs", "get", "-Hp", "-o", "value", "available", *_levels(dataset)])
        ).text.split()
        if not values:
            raise MissingError(f"There is no pool {dataset.split('/')[0]} on {self.name}.")
        return answers.size_in_bytes(int(values[-1]) if re.fullmatch("[0-9]{1,20}", values[-1]) else None, self.name)

    async def receive(self, step: Step) -> Command:
        for parent in _levels(step.target)[1:-1]:
            if (await self._link.run(["zfs", "list", "-H", "-o", "name", parent])).status != 0:
                made = await self._link.run([*self.zfs, "create", "-u", "-o", "canmount=off", parent])
                if made.status != 0:
                    raise failures.of_zfs(made.error, f"{self.name} could not make {parent}")
        return Command(self._link.argv(command_line([*self.zfs, *receive_words(step)])))

    def check(self, step: Step, done: Transfer) -> None:
        if done.receive_status == _LOST:
            raise self._link.lost()
        if done.receive_status != 0:
            raise failures.of_zfs(done.receive_said, f"{self.name} did not receive {step.target}")

    async def abort(self, dataset: str, token: str) -> None:
        now = await self._link.run(["zfs", "get", "-Hp", "-o", "value", "receive_resume_token", dataset])
        if now.text.strip() != token:
            raise RefusedError(f"The interrupted receive into {dataset} is another one by now.", "Run again.")
        done = await self._link.run([*self.zfs, "receive", "-A", dataset])
        if done.status != 0:
            raise failures.of_zfs(done.error, f"{self.name} could not give up the half-received {dataset}")

    async def note(self, dataset: str, originals: dict[str, str]) -> dict[str, str]:
        pairs = [f"{note(name)}={value}" for name, value in originals.items()]
        done = await self._link.run([*self.zfs, "set", *pairs, dataset])
        if done.status != 0:
            raise failures.of_zfs(done.error, f"{self.name} could not note what was set on the original of {dataset}")
        return {}

    def pruner(self) -> SidePruner:
        from ..retention.pruners import PlainPruner

        return PlainPruner(self._link, self.zfs)

    async def close(self) -> None:
        await self._link.close()


class LocalTarget:
    """Another pool (or place) of this box, through the privileged door."""

    name = "this machine"
    older = ""

    def __init__(self, host: Host, door: Door) -> None:
        self._host = host
        self._door = door

    async def open(self) -> None:
        return None

    async def read(self, dataset: str, recursive: bool) -> tuple[Side, int | None]:
        run = partial(self._host.run, timeout=120)
        got = await properties(run, dataset, recursive)
        if got is not None and got.status != 0:
            if is_missing(got.error):
                return {}, await self._available(dataset)
            raise failures.of_zfs(got.error, f"{dataset} could not be listed")
        listed = await run(list_argv(dataset, recursive))
        if listed.status != 0:
            raise failures.of_zfs(listed.error, f"{dataset} could not be listed")
        side = within(await side_of(partial(parse, listed.text), got, run, dataset, recursive), dataset)
        return side, side[dataset].number("available") if dataset in side else None

    async def _available(self, dataset: str) -> int | None:
        free = await self._host.run(["zfs", "get", "-Hp", "-o", "value", "available", *_levels(dataset)])
        values = free.text.split()
        if not values:
            raise MissingError(f"There is no pool {dataset.split('/')[0]} on this machine.")
        return int(values[-1]) if values[-1].isdigit() else None

    async def receive_many(self, steps: Sequence[Step]) -> Command | None:
        await self._make_parents(top_of(steps))
        made: set[str] = set()
        each = []
        for step in steps:
            first = is_first(step) and step.target not in made
            made.add(step.target)
            each.append({"dataset": step.target, "kind": step.dataset_kind, "first": first})
        return Command(await self._door.argv(), requests("receive", each))

    async def _make_parents(self, dataset: str) -> None:
        for parent in _levels(dataset)[1:-1]:
            if (await self._host.run(["zfs", "list", "-H", "-o", "name", parent])).status != 0:
                await self._door.call("dataset-create", dataset=parent, mount=False, properties={"canmount": "off"})

    async def receive(self, step: Step) -> Command:
        await self._make_parents(step.target)
        request = {"dataset": step.target, "kind": step.dataset_kind, "first": is_first(step)}
        return Command(await self._door.argv(), request_line("receive", request))

    def check(self, step: Step, done: Transfer) -> None:
        if done.receive_status != 0:
            raise failures.of_zfs(done.receive_said, f"{step.target} was not received")

    async def abort(self, dataset: str, token: str) -> None:
        await self._door.call("receive-abort", dataset=dataset, token=token)

    async def note(self, dataset: str, originals: dict[str, str]) -> dict[str, str]:
        got = await self._host.run(["zfs", "get", "-Hp", "-o", "value", "guid", dataset])
        left: dict[str, str] = {}
        for name, value in originals.items():
            try:
                await self._door.call(
                    "dataset-set", dataset=dataset, guid=got.text.strip(), property=note(name), value=value
                )
            except RefusedError as refused:
                left[name] = refused.message.rstrip(".")
        return left

    def pruner(self) -> SidePruner:
        from ..retention.pruners import LocalPruner

        return LocalPruner(self._host, self._door)

    async def close(self) -> None:
        return None


def is_first(step: Step) -> bool:
    """Whether the stream makes the dataset, so that what a stranger's dataset must not have is set."""
    return step.base is None


def top_of(steps: Sequence[Step]) -> str:
    """The dataset at or above all targets of these steps."""
    top = steps[0].target
    while not all(f"{step.target}/".startswith(f"{top}/") for step in steps):
        top = top.rpartition("/")[0]
    return top


def receive_words(step: Step) -> list[str]:
    """`receive` and its options for a peer without the product: the same as the privileged helper's."""
    filesystem = step.dataset_kind == "filesystem"
    first = (_FIRST if filesystem else _FIRST_VOLUME) if is_first(step) else ()
    return ["receive", "-s", "-u", *(_NEVER_RECEIVED if filesystem else ()), *first, step.target]


def within(side: Side, dataset: str) -> Side:
    """`side` without what was not asked for: a far box may answer anything."""
    return {name: found for name, found in side.items() if name == dataset or name.startswith(f"{dataset}/")}


def _levels(dataset: str) -> list[str]:
    parts = dataset.split("/")
    return ["/".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
