"""Snapshot policies of one host: what there is, setting them, their runs. Raises only `DPlaneError`s."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

from privhelper import grammar

from ... import paths
from ...errors import BusyError, ChangedError, CommandError, DPlaneError, MissingError, NotAllowedError, RefusedError
from ...text import clean
from ..alone import HeldError, alone
from ..door import Door
from ..host import Host
from ..replication import records as tasks_of
from ..replication.schedule import PREFIX, next_starts
from ..retention.clock import local_now
from ..store import Store, open_store
from . import records, wording
from .model import ON, REPLICA, Policies, PolicyRun, PolicyStatus, Wish
from .read import Box, Place, read_box
from .run import Runner, summary

_RECORD_PART = 0.05
"""Of the time of a run that is at work at most this part is spent on records: each is of all that it did so far."""

TIMER = "policy-snapshots"
_UNIT = f"/etc/systemd/system/{PREFIX}{TIMER}.timer"


class PolicyService(Protocol):
    """What commands and screens call."""

    async def status(self) -> Policies:
        """Every dataset with its policy, the newest snapshot and whether that is late; the next run."""
        ...

    async def templates(self) -> dict[str, str]:
        """Templates by name: those there always are, and those that datasets carry."""
        ...

    async def set(self, dataset: str, policy: str, template: str = "") -> PolicyStatus:
        """Give a dataset a policy (`none` takes it out of its parent's); returns what is read back."""
        ...

    async def unset(self, dataset: str) -> PolicyStatus:
        """Take a dataset's own policy away, so that its parent's counts again."""
        ...

    async def preview(self, wish: Wish) -> PolicyRun:
        """What a run would take and let go now. Changes nothing."""
        ...

    async def run(self, wish: Wish) -> PolicyRun:
        """Run the policies now; the run is stored however it ends. Raises BusyError when one goes on."""
        ...

    async def runs(self, limit: int = 20) -> tuple[PolicyRun, ...]:
        """The newest runs."""
        ...


def open_policies(host: Host) -> PolicyService:
    """The service of `host`: on this machine's store, or by the far box's own command."""
    if host.local:
        return LocalPolicies(host)
    from .remote import RemotePolicies

    return RemotePolicies(host)


class LocalPolicies:
    """The policies of this machine."""

    def __init__(self, host: Host, clock: Callable[[], datetime] = local_now) -> None:
        self._host = host
        self._door = Door(host)
        self._clock = clock
        self._paths = paths.current()

    @contextlib.asynccontextmanager
    async def _open(self, *, write: bool = False) -> AsyncIterator[Store]:
        async with open_store(self._paths.database, write=write) as store:
            yield store

    async def status(self) -> Policies:
        async with self._open() as store:
            box = await read_box(self._host, await tasks_of.tasks(store))
            since, last = await records.since(store), await records.runs(store, 1)
        now = self._clock().timestamp()
        due = (await next_starts(self._host)).get(TIMER)
        problems = box.problems
        if box.on() and due is None:
            problems = (*problems, "No timer runs the policies on this box; `dplane policy run` runs them and sets it.")
        run = last[0] if last else PolicyRun("", "", 0.0)
        return Policies(
            tuple(_status(place, since.get(place.guid), now) for place in box.places.values()),
            next_run=due,
            last_run=run.id,
            last_state=run.state,
            last_message=run.message,
            last_ended=run.ended,
            problems=problems,
        )

    async def templates(self) -> dict[str, str]:
        return wording.templates((await self._box()).templates())

    async def _box(self) -> Box:
        async with self._open() as store:
            return await read_box(self._host, await tasks_of.tasks(store))

    async def _place(self, dataset: str) -> Place:
        problem = grammar.dataset_problem(dataset)
        if problem:
            raise RefusedError(f"“{clean(dataset, 60)}” cannot be a dataset's name: it {problem}.")
        place = (await self._box()).places.get(dataset)
        if place is None:
            raise MissingError(f"There is no dataset {clean(dataset)} here.", "`dplane dataset list` shows them.")
        return place

    async def set(self, dataset: str, policy: str, template: str = "") -> PolicyStatus:
        place = await self._place(dataset)
        wanted = None if policy == wording.NONE else wording.check(policy)
        value = wording.value_of(wanted, wording.check_template(template) if template and wanted else "")
        if wanted is not None and place.state == REPLICA:
            raise RefusedError(f"{dataset} gets no policy: {place.why}.", "Set it at the original.")
        await self._door.call("dataset-set", dataset=dataset, guid=place.guid, property=wording.PROPERTY, value=value)
        return await self._changed(dataset, place.guid, value)

    async def unset(self, dataset: str) -> PolicyStatus:
        place = await self._place(dataset)
        await self._door.call("policy-unset", dataset=dataset, guid=place.guid)
        return await self._changed(dataset, place.guid, None)

    async def _changed(self, dataset: str, guid: str, value: str | None) -> PolicyStatus:
        """What is read back of the dataset; the timer follows. Raises CommandError when it is not as it was set."""
        box = await self._box()
        place = box.places.get(dataset)
        if place is None or place.guid != guid:
            raise ChangedError(f"{dataset} is not what it was when its policy was set.", "Look again.")
        if place.local is not (value is not None) or (
            value and wording.value_of(place.policy, place.template) != value
        ):
            raise CommandError(f"The policy of {dataset} was changed, but does not read back so.", "Look at it again.")
        async with self._open(write=True) as store:
            await records.saw(store, (one.guid for one in box.on().values()), self._clock().timestamp())
            since = await records.since(store)
        await self._sync_timer(box)
        return _status(place, since.get(guid), self._clock().timestamp())

    async def _sync_timer(self, box: Box) -> None:
        """Let systemd start the runs as often as the policies need, or not at all. Raises what the door raises."""
        policies = [place.policy for place in box.on().values() if place.policy is not None]
        there = (await self._host.read_files([_UNIT])).get(_UNIT, "")
        if not policies:
            if there and not box.problems:  # the policies of a suspended pool are not known
                await self._door.call("timer-remove", timer=TIMER)
            return
        calendar = wording.calendar(policies)
        if f"OnCalendar={calendar}" not in there.splitlines():
            await self._door.call("timer-set", timer=TIMER, when=[f"calendar:{calendar}"])

    async def preview(self, wish: Wish) -> PolicyRun:
        if wish.dataset:
            await self._place(wish.dataset)
        started = self._clock().timestamp()
        async with self._open() as store:
            runner = Runner(self._host, store, self._paths.jobs, clock=self._clock)
            return await runner.apply(replace(wish, dry=True), PolicyRun("", "preview", started), _nothing)

    async def run(self, wish: Wish) -> PolicyRun:
        if wish.dataset:
            await self._place(wish.dataset)
        now = self._clock()
        stamp = time.strftime("%Y%m%d%H%M%S", time.gmtime(now.timestamp()))
        run = PolicyRun(f"policy-{stamp}-{secrets.token_hex(2)}", "running", now.timestamp())
        with _alone(self._paths.jobs):
            async with self._open(write=True) as store:
                await records.begin(store, run)
                run = await self._recorded(store, run, replace(wish, dry=False, policy=""))
        return run

    async def _recorded(self, store: Store, run: PolicyRun, wish: Wish) -> PolicyRun:
        due = 0.0

        async def keep(state: PolicyRun) -> None:
            nonlocal run, due
            run = state  # however it ends, this was done
            began = time.monotonic()
            if began >= due:
                await records.keep(store, state)
                ended = time.monotonic()
                due = ended + (ended - began) / _RECORD_PART

        try:
            runner = Runner(self._host, store, self._paths.jobs, clock=self._clock)
            run = await runner.apply(wish, run, keep)
            box = await self._box()
            await records.saw(store, (place.guid for place in box.on().values()), self._clock().timestamp())
            state, message = summary(run)
            try:
                await self._sync_timer(box)
            except DPlaneError as error:
                state, message = "failed", f"{message} The timer could not be set: {error.message}"
        except DPlaneError as error:
            state, message = "failed", str(error)
        except asyncio.CancelledError:
            stopped = replace(run, state="failed", ended=self._clock().timestamp(), message="It was stopped.")
            await records.keep(store, stopped)
            raise
        except Exception as mistake:  # recorded, or it would seem to go on
            said = f"D-Plane made a mistake ({type(mistake).__name__}) and stopped; the journal has the details."
            await records.keep(store, replace(run, state="failed", ended=self._clock().timestamp(), message=said))
            raise
        run = replace(run, state=state, ended=self._clock().timestamp(), message=message)
        await records.keep(store, run)
        return run

    async def runs(self, limit: int = 20) -> tuple[PolicyRun, ...]:
        async with self._open() as store:
            return await records.runs(store, limit)


async def _nothing(_run: PolicyRun) -> None:
    """A preview is not stored."""


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Only one run at a time. Raises BusyError, NotAllowedError."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / ".policies.lock"
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(alone(path))
        except HeldError as other:
            raise BusyError(
                f"A run of the policies goes on {other}.", "`dplane policy runs` tells how it ends."
            ) from None
        except OSError as error:
            raise NotAllowedError(
                f"The policies cannot be run: their lock {path} cannot be used ({error.strerror}).",
                "`dplane doctor` checks the rights; running takes the group dplane-operate.",
            ) from None
        yield


def _status(place: Place, since: float | None, now: float) -> PolicyStatus:
    times = [at for point in place.dataset.snapshots if (at := wording.taken_at(point.name)) is not None]
    newest = max(times, default=None)
    status = PolicyStatus(
        place.name,
        place.guid,
        place.state,
        str(place.policy) if place.policy is not None else "",
        place.template,
        place.set_on,
        place.why,
        newest=newest,
        snapshots=len(times),
    )
    if place.state != ON or place.policy is None:
        return status
    return replace(
        status,
        interval=wording.interval(place.policy),
        late=wording.is_late(place.policy, newest, since, now),
    )
