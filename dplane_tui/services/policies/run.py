"""A run of the policies, or its preview: take what is due, one transaction a pool, then let go by the one planner."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from ...errors import DPlaneError
from ...lazyclass import dataclass
from ...text import clean
from ..door import Door
from ..host import Host
from ..replication import records as tasks_of
from ..replication.read import Dataset, Point
from ..retention import looking
from ..retention.claims import claims_of
from ..retention.clock import local_now
from ..retention.hand import Hand, not_listed, settled
from ..retention.model import Judged
from ..retention.needs import clock_stops, needs_of
from ..retention.points import POLICY
from ..retention.pruners import LocalPruner, Looked, Pruner
from ..store import Store
from . import wording
from .model import ON, DatasetRun, PolicyRun, Wish
from .read import Box, Place, read_box

AT_ONCE = 500
"""Datasets in one transaction: what the door takes."""
_SECONDS = 330.0
_LATER = 2**63  # a transaction group after any other: that of a snapshot which is still to be taken
_NO_NUMBER = (ArithmeticError, ValueError)
"""What a name or a value that nobody thought of can raise; it is that dataset's problem, and stops no other."""
_NOT_TAKEN = "its snapshot could not be taken, so nothing of it is let go"


@dataclass(slots=True)
class _Ahead:
    """Looks as it will be once a snapshot was taken: the newest of today is not the newest then."""

    pruner: Pruner

    async def look(self, dataset: str, chosen: Mapping[str, str], *, sizes: bool = True) -> Looked:
        looked = await self.pruner.look(dataset, chosen, sizes=sizes)
        kept = {name: why for name, why in looked.kept.items() if why != looking.NEWEST}
        return Looked(kept, looked.frees if len(kept) == len(looked.kept) else None)

    async def taken_for(self, dataset: str) -> Mapping[str, str]:
        return await self.pruner.taken_for(dataset)

    async def let_in(self) -> Collection[str] | None:
        return await self.pruner.let_in()

    async def prune(self, dataset: str, chosen: Mapping[str, str]) -> None:
        raise NotImplementedError  # a preview destroys nothing


class Runner:
    """One run on this box. The store must be writable for a run, not for a preview."""

    def __init__(
        self,
        host: Host,
        store: Store,
        jobs: Path,
        *,
        clock: Callable[[], datetime] = local_now,
        pruner: Pruner | None = None,
    ) -> None:
        self._host = host
        self._door = Door(host)
        self._store = store
        self._jobs = jobs
        self._clock = clock
        self._pruner = pruner or LocalPruner(host, self._door)

    async def apply(self, wish: Wish, run: PolicyRun, keep: Callable[[PolicyRun], Awaitable[Any]]) -> PolicyRun:
        """Do what is wished; `keep` is told how far it is. Raises DPlaneError when the box cannot be read at all."""
        box = await self._read(wish)
        run = replace(run, problems=box.problems)
        name = wording.name_at(self._clock())
        due, unclear = self._due(box, name)
        taken = dict.fromkeys(due, "") if wish.dry else {}
        broken: dict[str, str] = dict(unclear)
        if due and not wish.dry:
            taken, failed = await self._take(due, name)
            broken |= failed
            run = replace(run, datasets=tuple(_taken(due[one], name, taken, broken) for one in due))
            await keep(run)
            box = await self._read(wish)
            for one in taken:
                place = box.places.get(one)
                if place is None or not any(point.guid == taken[one] for point in place.dataset.snapshots):
                    broken[one] = f"its snapshot @{name} was taken, but is not listed"
        so_far = {one.dataset: one for one in run.datasets}

        async def tell(part: DatasetRun) -> None:
            so_far[part.dataset] = part
            await keep(replace(run, datasets=tuple(so_far.values())))

        done: list[DatasetRun] = []
        for one, place in (await self._with_claims(box)).items():
            begun = (one in taken and name) or "", taken.get(one, ""), broken.get(one, "")
            done.append(await self._dataset(wish, place, *begun, tell))
            so_far[one] = done[-1]
        run = replace(run, datasets=tuple(done))
        return run if wish.dry else await self._read_back(run, wish)

    async def _read(self, wish: Wish, *, always: bool = False) -> Box:
        box = await read_box(self._host, await tasks_of.tasks(self._store), always=always or bool(wish.policy))
        if not wish.dataset:
            return box
        wanted = {
            name: _wished(place, wish)
            for name, place in box.places.items()
            if name == wish.dataset or name.startswith(f"{wish.dataset}/")
        }
        return Box(wanted, box.problems)

    def _due(self, box: Box, name: str) -> tuple[dict[str, Place], dict[str, str]]:
        """Those that want a snapshot now, and a clause for each of which it cannot be told."""
        now = self._clock()
        found: dict[str, Place] = {}
        unclear: dict[str, str] = {}
        for one, place in box.on().items():
            names = [point.name for point in place.dataset.snapshots]
            assert place.policy is not None
            try:
                if name not in names and wording.is_due(place.policy, names, now):
                    found[one] = place
            except _NO_NUMBER as error:
                unclear[one] = f"whether a snapshot is due cannot be told ({type(error).__name__})"
        return found, unclear

    async def _take(self, due: Mapping[str, Place], name: str) -> tuple[dict[str, str], dict[str, str]]:
        """GUIDs by dataset of what was taken, and a clause for each that could not be. A pool is one transaction."""
        pools: dict[str, list[str]] = {}
        for one in due:
            pools.setdefault(one.split("/")[0], []).append(one)
        taken: dict[str, str] = {}
        broken: dict[str, str] = {}
        for names in pools.values():
            for start in range(0, len(names), AT_ONCE):
                batch = names[start : start + AT_ONCE]
                try:
                    answer = await self._door.call("policy-snapshots", timeout=_SECONDS, datasets=batch, name=name)
                except DPlaneError as error:
                    broken |= dict.fromkeys(batch, error.message.rstrip("."))
                    continue
                guids = answer.get("guids")
                told = guids if isinstance(guids, dict) else {}
                for one in batch:
                    guid = told.get(one)
                    if isinstance(guid, str) and guid.isdigit():
                        taken[one] = guid
                    else:
                        broken[one] = "the helper did not say which snapshot it took"
        return taken, broken

    async def _with_claims(self, box: Box) -> dict[str, Place]:
        """Those with a policy; what their tasks need is learnt once for all."""
        on = box.on()
        side = {name: place.dataset for name, place in on.items()}
        self._let_in = await self._pruner.let_in()
        self._claims = await claims_of(self._store, side, self._jobs, "") if on else {}
        return on

    async def _dataset(
        self, wish: Wish, place: Place, taken: str, guid: str, broken: str, tell: Callable[[DatasetRun], Awaitable[Any]]
    ) -> DatasetRun:
        """Let go what the policy does not keep; `tell` is told what went, batch by batch."""
        assert place.policy is not None
        found = DatasetRun(place.name, str(place.policy), taken, guid, problem=broken)
        if broken:
            return replace(found, problem=f"{broken}; {_NOT_TAKEN}")
        dataset = _with(place.dataset, taken) if wish.dry and taken else place.dataset
        pruner = _Ahead(self._pruner) if wish.dry and taken else self._pruner
        gone: dict[str, Judged] = {}

        async def record(batch: Sequence[Judged]) -> None:
            gone.update({one.guid: one for one in batch})
            shown = tuple(one for one in gone.values() if one.error != looking.GONE)
            await tell(replace(found, judged=shown))

        hand = Hand(pruner, wish.dry, sizes=wish.dry, of=POLICY, clock=self._clock, record=record)
        reasons = needs_of(place.dataset, self._claims[place.name], self._let_in).reasons
        try:
            stopped = clock_stops(dataset, self._clock())
            judged, frees = await hand.apply(dataset, place.policy, reasons, None)
        except DPlaneError as error:
            return replace(found, judged=tuple(gone.values()), problem=error.message.rstrip("."))
        except _NO_NUMBER as error:
            why = f"what to let go cannot be told ({type(error).__name__})"
            return replace(found, judged=tuple(gone.values()), problem=why)
        return replace(found, judged=judged, frees=frees, problem=stopped)

    async def _read_back(self, run: PolicyRun, wish: Wish) -> PolicyRun:
        """List once more when something was destroyed: it must be gone, and what was to stay must be there."""
        if any(item.destroyed or item.unknown for one in run.datasets for item in one.judged):
            try:
                box = await self._read(replace(wish, policy=""), always=True)
            except DPlaneError as error:
                said = f"What was let go could not be read back: {error}"
                run = replace(run, problems=(*run.problems, said))
            else:
                more = tuple(one for one in box.problems if one not in run.problems)
                run = replace(run, datasets=_read_again(run.datasets, box), problems=(*run.problems, *more))
        return replace(run, datasets=tuple(map(_with_problem, run.datasets)))


def _read_again(datasets: Sequence[DatasetRun], box: Box) -> tuple[DatasetRun, ...]:
    """What became of each snapshot, by what the box has now."""
    left = {name: {point.guid for point in place.dataset.snapshots} for name, place in box.places.items()}
    done: list[DatasetRun] = []
    for one in datasets:
        judged = settled(one.judged, left)
        lost = next((item for item in judged if _is_lost(item, left)), None)
        why = f"@{clean(lost.snapshot)} was to stay, but is not listed any more" if lost else one.problem
        if not why and not_listed(judged, left):
            why = "it was not listed when it was looked at once more"
        done.append(replace(one, judged=judged, problem=why))
    return tuple(done)


def _is_lost(item: Judged, left: Mapping[str, Collection[str]]) -> bool:
    ours = wording.taken_at(item.snapshot) is not None  # others are others' to drop
    return ours and item.keep and item.dataset in left and item.guid not in left[item.dataset]


def _with_problem(one: DatasetRun) -> DatasetRun:
    """With a clause of the first snapshot that is still there, or may be, where nothing else is wrong."""
    left = next((item for item in one.judged if item.error), None)
    if one.problem or left is None:
        return one
    what = "was to go; " if left.unknown else "could not be destroyed: "
    return replace(one, problem=f"@{clean(left.snapshot)} {what}{clean(left.error, 300)}")


def _wished(place: Place, wish: Wish) -> Place:
    """The place with the policy that is tried on it, where that one would count."""
    if not wish.policy:
        return place
    inherits = place.name == wish.dataset or not (
        place.set_on == place.name or place.set_on.startswith(f"{wish.dataset}/")
    )
    if not inherits or place.state not in ("on", "none", "broken"):
        return place
    return replace(place, state=ON, policy=wording.check(wish.policy), set_on=wish.dataset, why="")


def _taken(place: Place, name: str, taken: Mapping[str, str], broken: Mapping[str, str]) -> DatasetRun:
    guid = taken.get(place.name, "")
    return DatasetRun(place.name, str(place.policy), name if guid else "", guid, problem=broken.get(place.name, ""))


def _with(dataset: Dataset, name: str) -> Dataset:
    """The dataset as it will be."""
    return replace(dataset, snapshots=(*dataset.snapshots, Point(name, "to be taken", _LATER)))


def summary(run: PolicyRun) -> tuple[str, str]:
    """How a run ended: its state, and a sentence or two."""
    taken = sum(bool(one.taken_guid) for one in run.datasets)
    gone = sum(item.destroyed for one in run.datasets for item in one.judged)
    said = f"{taken} snapshot(s) taken, {gone} let go, in {len(run.datasets)} dataset(s) with a policy."
    bad = [f"{clean(one.dataset)}: {one.problem}." for one in run.datasets if one.problem]
    bad = [*run.problems, *bad]
    if not bad:
        return "succeeded", said
    more = f" And {len(bad) - 1} more." if len(bad) > 1 else ""
    return "failed", f"{said} {bad[0]}{more}"
