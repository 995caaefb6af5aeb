"""Reads what visible panels need, at their pace, and tells when something changed."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Any

from ..errors import DPlaneError
from ..lazyclass import dataclass
from ..state import Snapshot

Read = Callable[[], Awaitable[Any]]


@dataclass(slots=True)
class _Source:
    read: Read
    every: float
    wake: asyncio.Event
    patient: bool = False
    task: asyncio.Task[None] | None = None


class Poller:
    """One task a watched source. A source that nobody watches costs nothing and keeps its last snapshot.

    `changed(name)` is called when a source has another value, another error, or its age began or ceased to matter.
    `crashed(error)` is told about errors that are ours (not a DPlaneError); the source shows a sentence meanwhile.
    """

    def __init__(
        self,
        changed: Callable[[str], None],
        crashed: Callable[[BaseException], None],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._changed = changed
        self._crashed = crashed
        self._now = now
        self._sources: dict[str, _Source] = {}
        self._snapshots: dict[str, Snapshot[Any]] = {}

    def snapshot(self, name: str) -> Snapshot[Any]:
        """The latest of `name`; an empty one before the first read."""
        return self._snapshots.get(name, Snapshot())

    def watch(self, name: str, read: Read, every: float, *, patient: bool = False) -> None:
        """Read `name` now and every so many seconds from now on. Watching again replaces the reader.

        What is dear to read is `patient`: what is known of it and not yet due is not read again, nor with all others.
        """
        source = self._sources.get(name)
        if source is not None:
            source.read, source.every, source.patient = read, every, patient
            if not (patient and self._due_in(name, every) > 0):
                source.wake.set()
            return
        source = self._sources[name] = _Source(read, every, asyncio.Event(), patient)
        source.task = asyncio.create_task(self._poll(name, source), name=f"poll {name}")

    def _due_in(self, name: str, every: float) -> float:
        """Seconds until what is known of `name` is older than `every`; 0 for what is not known."""
        taken_at = self.snapshot(name).taken_at
        return 0.0 if taken_at is None else max(0.0, every - (self._now() - taken_at))

    def pace(self, name: str, every: float) -> None:
        """Read `name` at another pace from the next read on."""
        source = self._sources.get(name)
        if source is not None and source.every != every:
            faster = every < source.every
            source.every = every
            if faster:
                source.wake.set()

    def unwatch(self, name: str) -> None:
        """Stop reading `name`; its last snapshot stays and grows old."""
        source = self._sources.pop(name, None)
        if source is not None and source.task is not None:
            source.task.cancel()

    def forget(self, name: str) -> None:
        """Stop reading `name` and drop what was read."""
        self.unwatch(name)
        self._snapshots.pop(name, None)

    def refresh(self, *names: str, everything: bool = False) -> None:
        """Read every watched source again now, or those of `names`; the patient ones only for `everything`."""
        for name, source in self._sources.items():
            if name in names if names else everything or not source.patient:
                source.wake.set()

    def outdated(self, name: str) -> None:
        """What is known of `name` was changed: read it again, now or when somebody watches it."""
        if name in self._sources:
            self.refresh(name)
        else:
            self._snapshots.pop(name, None)

    @property
    def watched(self) -> frozenset[str]:
        """What is being read."""
        return frozenset(self._sources)

    async def close(self) -> None:
        """Stop everything and forget it."""
        tasks = [source.task for source in self._sources.values() if source.task]
        for name in list(self._sources):
            self.forget(name)
        self._snapshots.clear()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _poll(self, name: str, source: _Source) -> None:
        if source.patient and (due := self._due_in(name, source.every)):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(source.wake.wait(), due)
        while True:
            source.wake.clear()
            ticking = asyncio.create_task(self._tick(name, source))
            try:
                await self._read(name, source)
            finally:
                ticking.cancel()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(source.wake.wait(), source.every)

    async def _read(self, name: str, source: _Source) -> None:
        before = self.snapshot(name)
        age = before.age(self._now())
        try:
            value = await source.read()
        except DPlaneError as error:
            after = before.failed(str(error))
        except Exception as error:
            self._crashed(error)
            after = before.failed(f"Reading {name} failed in a way we did not foresee; the log has it.")
        else:
            after = Snapshot(before.value, before.taken_at, before.error, source.every).good(value, self._now())
        if self._sources.get(name) is not source:
            return  # nobody waits for it any more
        self._snapshots[name] = after
        told = (before.value, before.error, age)
        if told != (after.value, after.error, after.age(self._now())) or before.taken_at is None:
            self._changed(name)

    async def _tick(self, name: str, source: _Source) -> None:
        """While a read hangs, let the growing age be seen."""
        while True:
            await asyncio.sleep(source.every)
            self._changed(name)
