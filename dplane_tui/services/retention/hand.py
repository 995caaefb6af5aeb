"""The snapshots of one dataset: decide, ask the box what is in the way, destroy, and say what became of each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from ...errors import BusyError, ChangedError, CommandError, DPlaneError, TimedOutError, UnreachableError
from ...lazyclass import dataclass, field
from ..replication.read import Dataset
from .backlog import Backlog
from .clock import local_now
from .looking import AT_ONCE, GONE, Others
from .model import BEGUN, UNKNOWN, Judged
from .needs import NO_OTHERS, decide
from .plan import Decision
from .points import ALL, POLICY
from .policy import Policy
from .pruners import NothingDoneError, Pruner

_LOOKS = 4  # a look can find that something has to stay, and then something else goes in its place
_REFUSALS = 10  # of a side; after so many no further batch is taken apart to find what is in its way


async def _nobody(_batch: Sequence[Judged]) -> None:
    """Nobody keeps a record."""


@dataclass(slots=True)
class Hand:
    """What reaches one side, and how often that was refused."""

    pruner: Pruner
    dry: bool = False
    sizes: bool = True
    """Ask what each dataset's part frees; a command more for each."""
    of: str = ALL
    """Whose snapshots may go, see `points`."""
    clock: Callable[[], datetime] = local_now
    by_hand: bool = False
    """A person answers for the clock, see `plan`."""
    record: Callable[[Sequence[Judged]], Awaitable[None]] = _nobody
    """Is told of each batch, with BEGUN right before it is destroyed, and once more with what became of it."""
    went: set[tuple[str, str]] = field(default_factory=set)
    """Datasets and GUIDs of what a box said was gone when it was to go."""
    unrecorded: set[tuple[str, str]] = field(default_factory=set)
    """Datasets and GUIDs of those whose end could not be recorded."""
    refused: int = 0
    lost: str = ""
    """Why the side cannot be reached, or is not asked, any more."""
    others: Others = field(default_factory=dict)
    """What D-Plane did not take and may go."""

    async def apply(
        self, dataset: Dataset, policy: Policy, reasons: Mapping[str, str], backlog: Backlog | None
    ) -> tuple[tuple[Judged, ...], int | None]:
        """Decide and, unless it is dry, destroy. Returns what became of each, and the bytes that ZFS estimates.

        Raises DPlaneError when the dataset cannot be looked at; what cannot be destroyed is told in the result.
        """
        now = self.clock()
        decided, frees = await self._looked(dataset, policy, now, dict(reasons), backlog)
        errors = {} if self.dry else await self._destroy(dataset.name, [one for one in decided if not one.keep])
        # What went meanwhile, as another tool prunes too, is nobody's to judge, nor did we destroy it.
        went = {one.point.name for one in decided if GONE in (one.why, errors.get(one.point.name))}
        self.went |= {(dataset.name, one.point.guid) for one in decided if one.point.name in went}
        decided = tuple(one for one in decided if one.point.name not in went)
        return self._judged(dataset.name, decided, errors), frees

    def _judged(self, dataset: str, decided: Sequence[Decision], errors: Mapping[str, str]) -> tuple[Judged, ...]:
        return tuple(
            Judged(
                dataset,
                one.point.name,
                one.point.guid,
                one.keep,
                one.why,
                destroyed=not (one.keep or self.dry) and one.point.name not in errors,
                error=errors.get(one.point.name, ""),
            )
            for one in decided
        )

    async def _looked(
        self, dataset: Dataset, policy: Policy, now: datetime, reasons: dict[str, str], backlog: Backlog | None
    ) -> tuple[tuple[Decision, ...], int | None]:
        """The decisions once the box was asked what stands in the way of each that goes, and the bytes they free."""
        seen: set[str] = set()
        frees: int | None = 0
        peers: Mapping[str, str] = {}

        def decided() -> tuple[Decision, ...]:
            others = self.others.get(dataset.name, NO_OTHERS)
            return decide(dataset, policy, now, reasons, backlog, self.of, peers, by_hand=self.by_hand, others=others)

        # Whose they are is asked only when something goes; what a policy took is never a peer's, by its name.
        if self.of != POLICY and not all(one.keep for one in decided()):
            peers = await self.pruner.taken_for(dataset.name)
        for _ in range(_LOOKS):
            fresh = [one.point for one in decided() if not one.keep and one.point.guid not in seen]
            if not fresh:
                break
            for start in range(0, len(fresh), AT_ONCE):
                batch = {point.name: point.guid for point in fresh[start : start + AT_ONCE]}
                looked = await self.pruner.look(dataset.name, batch, sizes=self.sizes)
                reasons |= {batch[name]: why for name, why in looked.kept.items()}
                seen |= set(batch.values())
                frees = None if frees is None or looked.frees is None else frees + looked.frees
        unseen = "something else turned out to be in the way: the next run looks again"
        return tuple(
            one if one.keep or one.point.guid in seen else replace(one, keep=True, why=unseen) for one in decided()
        ), frees

    async def _destroy(self, dataset: str, chosen: Sequence[Decision]) -> dict[str, str]:
        """Destroy, a batch at a time; returns why those that are still there are, or may be."""
        errors: dict[str, str] = {}
        for start in range(0, len(chosen), AT_ONCE):
            part = chosen[start : start + AT_ONCE]
            batch = {one.point.name: one.point.guid for one in part}
            try:
                await self.record(self._judged(dataset, part, dict.fromkeys(batch, BEGUN)))
            except DPlaneError as error:
                why = f"it was not tried, as that could not be recorded: {error.message}"
                return errors | {one.point.name: why for one in chosen[start:]}
            errors |= await self._batch(dataset, batch)
            try:
                await self.record(self._judged(dataset, part, errors))
            except DPlaneError:
                self.unrecorded |= {(dataset, guid) for guid in batch.values()}
        return errors

    async def _batch(self, dataset: str, batch: Mapping[str, str]) -> dict[str, str]:
        if self.lost:
            return dict.fromkeys(batch, self.lost)
        try:
            await self.pruner.prune(dataset, batch)
            return {}
        except UnreachableError as error:
            self.lost = error.message
            return dict.fromkeys(batch, f"{UNKNOWN}: {error.message}")
        except DPlaneError as error:
            left: Mapping[str, str] = batch
            errors: dict[str, str] = {}
            if isinstance(error, ChangedError):
                left, errors = await self._left(dataset, batch)
            elif isinstance(error, CommandError) and not isinstance(error, BusyError | NothingDoneError):
                if isinstance(error, TimedOutError):
                    self.lost = error.message  # it may be at work still
                return dict.fromkeys(batch, f"{UNKNOWN}: {error.message}")
            if len(left) < len(batch) and self.refused < _REFUSALS:
                return errors | (await self._batch(dataset, left) if left else {})
            self.refused += 1
            if len(batch) == 1 or self.refused >= _REFUSALS:
                return dict.fromkeys(left, error.message) | errors
        # ZFS destroys all or none of a batch: one that became busy must not keep the others.
        names = list(batch)
        for half in (names[: len(names) // 2], names[len(names) // 2 :]):
            errors |= await self._batch(dataset, {name: batch[name] for name in half})
        return errors

    async def _left(self, dataset: str, batch: Mapping[str, str]) -> tuple[Mapping[str, str], dict[str, str]]:
        """What of a batch is still to go when one of it was not what it was, and why the others are not."""
        try:
            kept = (await self.pruner.look(dataset, batch, sizes=False)).kept
        except UnreachableError as error:
            self.lost = error.message
            return {}, dict.fromkeys(batch, error.message)
        except DPlaneError as error:
            return {}, dict.fromkeys(batch, error.message)
        if GONE not in kept.values():
            self.refused += 1  # or a box that says each time what stays now would be asked without end
        return {name: guid for name, guid in batch.items() if name not in kept}, kept


def settled(judged: Sequence[Judged], left: Mapping[str, Collection[str]]) -> tuple[Judged, ...]:
    """What became of each, by what is listed now: `left` are GUIDs by dataset. Of a dataset that is not listed, as when
    its pool hangs, nothing is settled."""
    return tuple(_settled(one, left[one.dataset]) if one.dataset in left else one for one in judged)


def _settled(one: Judged, left: Collection[str]) -> Judged:
    if one.guid in left and one.destroyed:
        return replace(one, destroyed=False, error="it is still listed")
    if one.guid in left and one.unknown:
        why = one.error.removeprefix(f"{UNKNOWN}: ")  # it may be at work still, and end behind our backs
        return replace(one, error=f"{UNKNOWN}: it was still listed right after that: {why}")
    return replace(one, destroyed=True, error="") if one.unknown else one


def not_listed(judged: Sequence[Judged], left: Mapping[str, Collection[str]]) -> list[str]:
    """The datasets of which nothing can be told any more."""
    return sorted({one.dataset for one in judged} - left.keys())
