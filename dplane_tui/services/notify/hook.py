"""What a job does to have its run told: a child does it, so the job stays small and nothing can harm the run."""

from __future__ import annotations

import asyncio
import contextlib
import sys

from ... import paths
from ...aside import aside
from ...errors import DPlaneError
from .model import PING, STARTED
from .read import load

_TOLD = ("run", "restore", "verify", "compare", "prune")
"""Kinds of run of which somebody may want to know how they ended."""
_SECONDS = 90.0
"""For one child, on a small box that is busy; what it did not get told by then, the next check tells."""
_STOPPED_SECONDS = 10.0
"""The same after a run that was stopped: somebody waits for that, or the box goes down."""


class Telling:
    """What is told of one run. Made by `begin`, when the run begins."""

    def __init__(self, run_id: str, wanted: bool, pinged: bool) -> None:
        self._run = run_id
        self._wanted = wanted
        self._pinged = pinged
        self._first: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Tell that it began; does not wait for that."""
        self._first = await self._child("--started")

    async def end(self, state: str) -> None:
        """Tell how it ended, once that is in the store; waits until everybody was told or did not answer."""
        await self._wait(self._first, _STOPPED_SECONDS if state == "cancelled" else _SECONDS)
        if state == "cancelled":  # who stopped it knows; a server that was pinged at its start does not
            if self._pinged:
                await self._wait(await self._child(), _STOPPED_SECONDS)
        elif self._wanted:
            await self._wait(await self._child())

    async def _child(self, *words: str) -> asyncio.subprocess.Process | None:
        isolated = ["-I"] if sys.flags.isolated else []
        argv = [sys.executable, *isolated, "-m", "dplane_tui", "notify", "run", self._run, *words]
        try:
            return await asyncio.create_subprocess_exec(
                *argv, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL
            )
        except OSError as error:
            aside(f"nobody could be told of the run {self._run}: {error.strerror or error}")
            return None

    async def _wait(self, child: asyncio.subprocess.Process | None, seconds: float = _SECONDS) -> None:
        if child is None:
            return
        try:
            await asyncio.wait_for(child.wait(), seconds)
        except TimeoutError:
            aside(f"telling of the run {self._run} took too long and was given up")
        except asyncio.CancelledError:  # the run is recorded; being stopped now only ends the telling
            current = asyncio.current_task()
            if current is not None:
                current.uncancel()
        finally:
            if child.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    child.kill()
                await child.wait()


async def begin(run_id: str, task: str, mode: str) -> Telling:
    """What goes with a run of that `mode`, having told that it began. Never raises: a run goes on, told or not."""
    try:
        channels = load(paths.notify_config()).channels if mode in _TOLD else ()
    except DPlaneError as error:
        aside(str(error))
        channels = ()
    pinged = mode == "run" and any(one.kind == PING and one.tasks == (task,) for one in channels)
    telling = Telling(run_id, bool(channels), pinged)
    if pinged or (mode == "run" and any(one.kind != PING and one.wants(STARTED, task) for one in channels)):
        await telling.start()
    return telling
