"""The console's end of the worker: requests numbered, answers sorted to who asked."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncGenerator
from typing import Any

from ...errors import DPlaneError, MissingError
from ...text import clean
from ..host import Host, Output, Process

_ANSWERS = 4096  # messages one request may have waiting; more is not our worker
_END = 2.0


class WorkerError(Exception):
    """The worker's own word (`code`) for what went wrong, what the engine said, and the container concerned."""

    def __init__(self, code: str, detail: str = "", name: str = "") -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = clean(detail, 300)
        self.name = clean(name, 64)


class _Child:
    """One running worker, and who waits for it."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.ended = False
        self.waiting: dict[int, asyncio.Queue[dict[str, Any] | DPlaneError | WorkerError]] = {}
        self.reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        """Hand out answers until the worker ends, then tell everybody who still waits."""
        why: DPlaneError | WorkerError = WorkerError("worker", "it was ended")
        try:
            async for line in self.process.lines():
                if not self._hand_out(line):  # not what our worker says: a broken or hostile far end
                    await self.process.stop()
            why = _death(await self.process.wait())
        except MissingError:
            why = WorkerError("no-product")
        except DPlaneError as error:  # the connection to the box is lost
            why = error
        finally:
            self.ended = True
            for queue in self.waiting.values():
                with contextlib.suppress(asyncio.QueueFull):
                    queue.put_nowait(why)
        await self.process.stop()  # reaps what is left of it

    def _hand_out(self, line: str) -> bool:
        try:
            answer = json.loads(line)
            if answer["id"] in self.waiting:
                self.waiting[answer["id"]].put_nowait(answer)
        except (ValueError, TypeError, KeyError, asyncio.QueueFull):
            return False
        return True

    async def tell(self, **request: Any) -> None:
        """Send one request."""
        await self.process.write(json.dumps(request, separators=(",", ":")).encode() + b"\n")

    async def close(self) -> None:
        """Let it end by itself, else end it."""
        with contextlib.suppress(DPlaneError):
            await self.process.close_stdin()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.reader, _END)
        await self.process.stop()


def _death(output: Output) -> WorkerError:
    if output.status == 127:  # how a far shell says that there is no such command
        return WorkerError("no-product")
    said = output.error.strip().splitlines()
    return WorkerError("worker", said[-1] if said else f"it ended with status {output.status}")


class Link:
    """The worker of a host, started at the first request and again when it died."""

    def __init__(self, host: Host, timeout: float) -> None:
        self._host = host
        self._timeout = timeout
        self._child: _Child | None = None
        self._last = 0
        self._starting = asyncio.Lock()

    def _argv(self) -> list[str]:
        # -P: a folder that happens to be the current one must not provide modules.
        start = [sys.executable, "-P", "-m", "dplane_tui"] if self._host.local else ["dplane"]
        return [*start, "docker-worker", "--timeout", f"{self._timeout:g}"]

    async def _running(self) -> _Child:
        async with self._starting:
            if self._child is None or self._child.ended:
                self._child = _Child(await self._host.open(self._argv()))
            return self._child

    async def ask(self, op: str, **args: Any) -> AsyncGenerator[dict[str, Any], None]:
        """Send a request; yields its answers, the last with `done`.

        Raises WorkerError, and what `Host.open` raises (also when the connection is lost midway).
        """
        child = await self._running()
        self._last += 1
        number = self._last
        queue: asyncio.Queue[dict[str, Any] | DPlaneError | WorkerError] = asyncio.Queue(_ANSWERS)
        child.waiting[number] = queue
        finished = False
        try:
            await child.tell(id=number, op=op, **args)
            while not finished:
                answer = await queue.get()
                if isinstance(answer, Exception):
                    finished = True
                    raise answer
                error = answer.get("error")
                finished = error is not None or "done" in answer
                if isinstance(error, dict):
                    raise WorkerError(*(str(error.get(key, "")) for key in ("code", "detail", "name")))
                yield answer
                if "lines" in answer:  # taken: the worker may send one more
                    await child.tell(id=number, op="more")
        finally:
            del child.waiting[number]
            if not finished:
                await child.tell(id=number, op="cancel")

    async def close(self) -> None:
        """End the worker. Safe to call twice; a later request starts a new one."""
        child, self._child = self._child, None
        if child is not None:
            await child.close()
