"""The hands of retention: looking at chosen snapshots right before, and destroying them, on each kind of box."""

from __future__ import annotations

import abc
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol

from privhelper import let_go

from ...errors import ChangedError, CommandError, DPlaneError, RefusedError
from ...lazyclass import dataclass
from ...text import clean
from ..door import Door
from ..host import Host, Output
from ..replication import answers, failures, lent
from ..replication.read import Side, list_argv, parse_times, times_argv
from ..replication.transport import Link
from . import looking

_SECONDS = 600.0
_NEW = 1000  # datasets or snapshots that may have been made since a side was read
_BEGINNINGS = 10
# Words of our own helper, and of our own agent.
_SAID_NO = ("zfs destroy failed: ", "destructive act is still running", "The far box could not list ")
_KILLED = "it was ended by signal"


class NothingDoneError(CommandError):
    """ZFS refused to destroy, or was not asked to: nothing went."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What a box says of snapshots that were chosen to go."""

    kept: dict[str, str]
    """Names of those that have to stay, each with the reason, a clause."""
    frees: int | None
    """Bytes that would be free without the others; None is unknown."""


class Pruner(Protocol):
    """One box's snapshots. `chosen` are names with the GUIDs they had when they were chosen, at most `AT_ONCE`."""

    async def look(self, dataset: str, chosen: Mapping[str, str], *, sizes: bool = True) -> Looked:
        """What stands in the way of destroying them, and with `sizes` what that frees. Changes nothing.

        Raises DPlaneError.
        """
        ...

    async def taken_for(self, dataset: str) -> Mapping[str, str]:
        """Names of the snapshots that peers had taken of a dataset of this box, each with the peer. Raises DPlaneError.

        Of another box's dataset none: that box guards its own history.
        """
        ...

    async def let_in(self) -> Collection[str] | None:
        """Names of the peers that may come in at this box; None when that is not known, as of another box."""
        ...

    async def prune(self, dataset: str, chosen: Mapping[str, str]) -> None:
        """Destroy them, all or none; returns when they are not listed any more.

        Raises ChangedError when one is not what it was, RefusedError when one must stay, BusyError or NothingDoneError
        when nothing was destroyed; after any other CommandError, or UnreachableError, they may have been.
        """
        ...


class SidePruner(Pruner, Protocol):
    """The hands of a side of a task."""

    async def others(self, top: str, side: Side) -> looking.Others:
        """What D-Plane did not take of `side`, which was read at and below `top`, and its administrator lets go.

        Raises DPlaneError.
        """
        ...


class _Commands(abc.ABC):
    """Looks by running commands."""

    as_if: tuple[str, tuple[str, ...]] | None = None
    """For a preview: as if the administrator let names go that begin so at a dataset and below, but for those with a
    word of their own."""

    @abc.abstractmethod
    async def _run(self, argv: Sequence[str], limit: int) -> Output: ...

    async def others(self, top: str, side: Side) -> looking.Others:
        said = await self._names(looking.lets_argv(top, len(side) > 1), top, len(side))
        where = {name: origin for name, origin in looking.lets_where(said).items() if name in side}
        own = looking.received(said)
        try:
            origins = looking.origins_of(where)
        except ValueError as error:
            raise RefusedError(f"{error}.") from None
        begins = {origin: let_go.told(origin, await self._value(origin))[1] for origin in origins}
        of = {
            name: self._as_it_were(name if name in own else where.get(name, ""), begins.get(where.get(name, ""), ()))
            for name in side
        }
        named = looking.others(side, of)
        if not named:
            return {}
        taken = await self._names(times_argv(top, len(side) > 1), top, _snapshots(side))
        return looking.dated(named, parse_times(taken))

    def _as_it_were(self, where: str, begins: tuple[str, ...]) -> tuple[str, ...]:
        """How the names begin that may go of a dataset whose mark is set on `where`; in a preview, as if."""
        if self.as_if is None or where.startswith(f"{self.as_if[0]}/"):
            return begins
        return self.as_if[1]

    async def _names(self, argv: Sequence[str], top: str, most: int) -> str:
        return _bounded(await self._read(argv, answers.LISTING_LIMIT, top), most, f"The box of {top}")

    async def _begins(self, dataset: str, names: Iterable[str]) -> tuple[str, ...]:
        """How the names begin of what may go there besides ours, asked for only if one of `names` is none of ours."""
        if not looking.needs_leave(names):
            return ()
        where, found = let_go.told(dataset, await self._value(dataset))
        if where and where != dataset:
            found = let_go.told(where, await self._value(where))[1]
        return self._as_it_were(where, found)

    async def _value(self, dataset: str) -> str:
        return await self._read(["zfs", *let_go.value_words(dataset)], answers.ANSWER_LIMIT, dataset)

    async def _read(self, argv: Sequence[str], limit: int, dataset: str) -> str:
        said = await self._run(argv, limit)
        if said.status != 0:
            raise failures.of_zfs(said.error, f"which snapshots of {dataset} may go was not told")
        return said.text

    async def look(self, dataset: str, chosen: Mapping[str, str], *, sizes: bool = True) -> Looked:
        listed = await self._run(list_argv(dataset, False), answers.LISTING_LIMIT)
        if listed.status != 0:
            raise failures.of_zfs(listed.error, f"{dataset} could not be listed")
        details = await self._run(looking.details_argv(dataset, chosen), answers.LISTING_LIMIT)
        begins = await self._begins(dataset, chosen)
        kept = looking.in_the_way(dataset, chosen, listed.text, details.text, await self.let_in(), begins)
        kept = {name: clean(why, 200) for name, why in kept.items()}
        going = sorted(set(chosen) - set(kept))
        if going and sizes:
            said = await self._run(looking.estimate_argv(dataset, going), answers.ANSWER_LIMIT)
            return Looked(kept, looking.freed(said.text) if said.status == 0 else None)
        return Looked(kept, None if going else 0)

    async def taken_for(self, dataset: str) -> Mapping[str, str]:  # noqa: ARG002 (see LocalPruner)
        return {}

    async def let_in(self) -> Collection[str] | None:
        return None


class LocalPruner(_Commands):
    """This box, through the privileged door, which compares names and GUIDs itself and reads back."""

    def __init__(self, host: Host, door: Door) -> None:
        self._host = host
        self._door = door

    async def _run(self, argv: Sequence[str], limit: int) -> Output:  # noqa: ARG002 (this box is trusted)
        return await self._host.run(argv, timeout=_SECONDS)

    async def taken_for(self, dataset: str) -> Mapping[str, str]:
        said = await self._run(looking.marks_argv(dataset), answers.LISTING_LIMIT)
        if said.status != 0:
            raise failures.of_zfs(said.error, f"whose the snapshots of {dataset} are was not told")
        return {name: peer for name, peer in looking.taken_for(dataset, said.text).items() if peer}

    async def let_in(self) -> Collection[str] | None:
        return await lent.let_in(self._host)

    async def prune(self, dataset: str, chosen: Mapping[str, str]) -> None:
        try:
            await self._door.call("snapshot-prune", timeout=_SECONDS, dataset=dataset, snapshots=dict(chosen))
        except CommandError as error:
            raise _of_helper(error) from None


class PlainPruner(_Commands):
    """A peer with only ZFS and sshd. There nobody guards the door but we, so we look again right before."""

    def __init__(self, link: Link, zfs: Sequence[str]) -> None:
        self._link = link
        self._zfs = zfs

    async def _run(self, argv: Sequence[str], limit: int) -> Output:
        return await self._link.run(argv, timeout=_SECONDS, limit=limit)

    async def prune(self, dataset: str, chosen: Mapping[str, str]) -> None:
        try:
            looked = await self.look(dataset, chosen, sizes=False)
        except CommandError as error:
            raise NothingDoneError(error.message, error.next_step) from None
        for name, why in looked.kept.items():
            raise ChangedError(f"{dataset}@{name} stays: {why}.")
        names = ",".join(sorted(chosen))
        done = await self._run([*self._zfs, "destroy", f"{dataset}@{names}"], answers.ANSWER_LIMIT)
        if done.status != 0:
            refusal = failures.of_zfs(done.error, f"snapshots of {dataset} could not be destroyed")
            said_no = done.status == 1 and isinstance(refusal, CommandError)  # else it may have been killed at it
            raise NothingDoneError(refusal.message, refusal.next_step) if said_no else refusal
        listed = await self._run(list_argv(dataset, False), answers.LISTING_LIMIT)
        if listed.status != 0:  # whatever is the reason: zfs has destroyed
            raise CommandError(failures.of_zfs(listed.error, f"{dataset} could not be listed").message)
        there = {line.partition("\t")[0] for line in listed.text.splitlines()}
        for name in chosen:
            if f"{dataset}@{name}" in there:
                raise CommandError(f"zfs destroyed, but {dataset}@{name} is still listed.")


class AgentPruner:
    """A peer with the product, whose agent does it only for those whom that box granted it."""

    def __init__(self, link: Link, granted: bool, *, lets_go: bool = False) -> None:
        self._link = link
        self._granted = granted
        self._lets_go = lets_go  # whether it is the place of copies, and its release knows what else may go

    async def _ask(self, dataset: str, chosen: Mapping[str, str], **more: bool) -> dict[str, Any]:
        name = self._link.peer.name
        if not self._granted:
            raise not_granted(name, self._link.peer.address)
        request = {"op": "prune", "dataset": dataset, "snapshots": dict(chosen), **more}
        return await self._link.ask(request, timeout=_SECONDS)

    async def look(self, dataset: str, chosen: Mapping[str, str], *, sizes: bool = True) -> Looked:
        answer = await self._ask(dataset, chosen, dry_run=True, sizes=sizes)
        kept = answer.get("kept")
        if not isinstance(kept, dict) or not all(isinstance(why, str) for why in kept.values()):
            raise CommandError(f"{self._link.peer.name} did not say which snapshots have to stay.")
        frees = answers.size_in_bytes(answer.get("frees"), self._link.peer.name)
        return Looked({name: clean(why[:1000], 200) for name, why in kept.items() if name in chosen}, frees)

    async def taken_for(self, dataset: str) -> Mapping[str, str]:  # noqa: ARG002 (see Pruner)
        return {}

    async def let_in(self) -> Collection[str] | None:
        return None

    async def others(self, top: str, side: Side) -> looking.Others:
        if not (self._granted and self._lets_go):
            return {}
        name = self._link.peer.name
        request = {"op": "prune", "dataset": top, "let_go": True, "recursive": len(side) > 1}
        answer = await self._link.ask(request, timeout=_SECONDS, limit=answers.LISTING_LIMIT)
        told = _bounded(answer.get("let_go"), _BEGINNINGS * len(side), name)
        begins: dict[str, tuple[str, ...]] = {}
        for line in told.splitlines():
            dataset, _, begin = line.partition("\t")
            if dataset in side:
                begins[dataset] = (*begins.get(dataset, ()), *let_go.beginnings(begin))[:_BEGINNINGS]
        named = looking.others(side, begins)
        if not named:
            return {}
        request = {"op": "times", "dataset": top, "recursive": len(side) > 1}
        answer = await self._link.ask(request, timeout=_SECONDS, limit=answers.LISTING_LIMIT)
        return looking.dated(named, parse_times(_bounded(answer.get("times"), _snapshots(side), name)))

    async def prune(self, dataset: str, chosen: Mapping[str, str]) -> None:
        try:
            await self._ask(dataset, chosen, dry_run=False)
        except CommandError as error:
            raise _of_helper(error) from None


def _of_helper(error: CommandError) -> CommandError:
    """The helper's error, as NothingDoneError where its words say that: ZFS destroys all of a list or nothing."""
    said_no = any(words in error.message for words in _SAID_NO) and _KILLED not in error.message
    return NothingDoneError(error.message, error.next_step) if said_no else error


def _snapshots(side: Side) -> int:
    return sum(len(dataset.snapshots) for dataset in side.values())


def _bounded(listed: object, most: int, name: str) -> str:
    """A listing of names and numbers, which cannot have more lines than what was listed before, but for a few."""
    found, _ = answers.sound_listing(listed, "", name)
    if found.count("\n") > most + _NEW:
        raise CommandError(f"{name} told of more than it listed before.", "Run again.")
    return found


def not_granted(name: str, address: str) -> DPlaneError:
    """The exception for a peer that lets this box send, but destroy nothing."""
    return RefusedError(
        f"{name} has not granted this box to prune snapshots there.",
        f"An administrator of that box grants it by pairing again: `dplane peer add {name} USER@{clean(address)} "
        "--may-prune` and the other rights that our key has. Or prune at that box itself.",
    )
