"""The boxes of a console that are not seen now: each is looked at once a minute, and told by its worst news."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence

from ..errors import DPlaneError
from ..state import Snapshot
from .bundle import Services
from .health.model import DiskHealth, News
from .health.report import look
from .policies.state import Policies

EVERY = 60.0
"""Seconds between two looks at a box that is not seen; never less."""
SMART_EVERY = 1800.0
"""SMART may wake a disk: it is read as rarely as smartd reads it."""
POLICIES_EVERY = 300.0
"""Whether policies are kept changes with an hour, and to say so lists every snapshot of the box."""
_APART = 2.0  # seconds between the first logins, which cost a Pi its processor

Connect = Callable[[str | None], Services]


class _Box:
    """One box that is not seen: its services, and what it said last."""

    def __init__(self) -> None:
        self.task: asyncio.Task[None] | None = None
        self.said: Snapshot[tuple[News, ...]] = Snapshot(every=EVERY)
        self.disks: tuple[DiskHealth, ...] | None = None
        self.disks_at = 0.0
        self.policies: Policies | None = None
        self.policies_at = 0.0


class Fleet:
    """Looks after the boxes called `names` (None: this machine). `changed` is called when one says something else.

    `crashed` is told of errors that are ours, not a DPlaneError. Nothing is contacted before `start`.
    """

    def __init__(
        self,
        names: Sequence[str | None],
        connect: Connect,
        changed: Callable[[], None],
        crashed: Callable[[BaseException], None],
    ) -> None:
        self.names = tuple(dict.fromkeys(names))
        self._connect, self._changed, self._crashed = connect, changed, crashed
        self._boxes = {name: _Box() for name in self.names}
        self._seen_before: dict[str, float] = {}

    def said(self, name: str | None) -> Snapshot[tuple[News, ...]]:
        """What the box said last, and when."""
        return self._boxes[name].said

    def recall(self, seen: Mapping[str, float]) -> None:
        """Take up when boxes were last seen, from the session before."""
        self._seen_before = dict(seen)

    def seen_at(self, name: str | None) -> float | None:
        """When it last answered, Unix seconds, in this session or the one before."""
        return self._boxes[name].said.taken_at or self._seen_before.get(name or "")

    def seen(self) -> dict[str, float]:
        """When each box last answered, for the next session."""
        return {name or "": when for name in self.names if (when := self.seen_at(name)) is not None}

    def start(self, shown: str | None) -> None:
        """Look after every box but `shown`, which the screens read; called again when another is shown."""
        for number, (name, box) in enumerate(self._boxes.items()):
            if name == shown:
                if box.task is not None:
                    box.task.cancel()
                    box.task = None
                if box.said.taken_at is not None or box.said.error:
                    box.said = Snapshot(None, box.said.taken_at, "", EVERY)
            elif box.task is None:
                box.task = asyncio.create_task(self._follow(name, box, number * _APART), name=f"box {name}")

    def saw(self, name: str | None, when: float) -> None:
        """The box that is shown answered."""
        box = self._boxes.get(name)
        if box is not None:
            box.said = Snapshot(box.said.value, when, "", EVERY)

    async def close(self) -> None:
        """Stop looking, and give up every connection."""
        tasks = [box.task for box in self._boxes.values() if box.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, name: str | None, box: _Box, wait: float) -> None:
        await asyncio.sleep(wait)
        services: Services | None = None
        try:
            while True:
                before = box.said
                try:
                    services = services or self._connect(name)
                    box.said = before.good(await self._look(services, box), time.time())
                except DPlaneError as error:
                    box.said = before.failed(error.message)
                except Exception as error:
                    self._crashed(error)
                    box.said = before.failed("Looking at it failed in a way we did not foresee; the log has it.")
                self._changed()
                await asyncio.sleep(EVERY)
        finally:
            if services is not None:
                with contextlib.suppress(DPlaneError, asyncio.CancelledError):
                    await services.close()

    @staticmethod
    async def _look(services: Services, box: _Box) -> tuple[News, ...]:
        known = box.disks if time.time() - box.disks_at < SMART_EVERY else None

        async def policies() -> Policies:
            if box.policies is None or time.time() - box.policies_at >= POLICIES_EVERY:
                box.policies = None  # what cannot be read any more is not told from before
                box.policies, box.policies_at = await services.policy_states(), time.time()
            return box.policies

        found = await look(services.health, services.zfs, services.task_states, disks=known, policies=policies)
        if known is None and found.disks is not None:
            box.disks, box.disks_at = found.disks, time.time()
        return found.news
