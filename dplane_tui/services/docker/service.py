"""Containers: what runs, start and stop with proof, logs."""

from __future__ import annotations

import asyncio
import contextlib
import math
import re
from collections.abc import AsyncGenerator
from typing import Any

from ...errors import UsageError
from ...text import clean
from ..host import Host
from .link import Link, WorkerError
from .model import Container, Engine
from .sentences import told

ACTIONS = ("start", "stop", "restart")
ENGINE_TIMEOUT = 20.0
_GUARD = 120.0  # beyond the engine's own time limits: a far worker that went silent
_STOP_GUARD = 800.0  # a container may ask for minutes to stop
_SEQUENCE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|[ -/]*[0-~])"
)
_WORDS = ("id", "name", "image", "state", "status", "health")
_TEXT_LIMIT = 512
_NUMBER_LIMIT = 1e15


class DockerService:
    """The engine of one host. Its SDK lives in a child process that runs from the first call until `close`."""

    def __init__(self, host: Host, timeout: float = ENGINE_TIMEOUT) -> None:
        """`timeout`: seconds the engine has for one answer."""
        self._host = host
        self._timeout = timeout
        self._link = Link(host, timeout)

    async def engine(self, *, stats: bool = True) -> Engine:
        """The engine and its containers by name. Without `stats` nothing waits for CPU and memory: they stay unknown.

        Raises MissingError (no engine, or it does not answer), NotAllowedError (no right to its socket).
        """
        try:
            answers, done = await self._answers(_GUARD, "engine", stats=stats)
            found = tuple(decode(answer.get("container")) for answer in answers)
        except WorkerError as error:
            raise told(error.code, error.detail, self._host.name) from None
        return Engine(clean(str(done.get("version", "")), _TEXT_LIMIT), found)

    async def act(self, container_id: str, action: str) -> Container:
        """`start`, `stop` or `restart`; returns the container as the engine tells it afterwards.

        Raises ChangedError when it is gone, CommandError when it is not in the state asked for (a container that
        was started and ended at once says its exit code), and what `engine` raises.
        """
        if action not in ACTIONS:
            raise UsageError(f"{clean(action, 40)!r} is not one of {', '.join(ACTIONS)}.")
        try:
            _, done = await self._answers(_STOP_GUARD, "act", container=container_id, action=action)
            return decode(done.get("container"))
        except WorkerError as error:
            raise told(error.code, error.detail, self._host.name, _named(error, container_id), action) from None

    async def _answers(self, limit: float, op: str, **args: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """Every answer to a request that ends by itself, and what its last one held."""
        before: list[dict[str, Any]] = []
        try:
            async with asyncio.timeout(limit), contextlib.aclosing(self._link.ask(op, **args)) as answers:
                async for answer in answers:
                    if "done" not in answer:
                        before.append(answer)
                    elif isinstance(answer["done"], dict):
                        return before, answer["done"]
        except TimeoutError:
            raise WorkerError("hung") from None
        raise WorkerError("worker", "its answer had no end")

    async def logs(self, container_id: str, tail: int = 200, *, follow: bool = True) -> AsyncGenerator[str, None]:
        """Its last `tail` lines of both streams, then (with `follow`) each new one until it ends; all safe to show.

        It goes on through restarts, told as `[exited with code N, started again]`; the end is a last line
        `[exited with code N]`. Close the iterator (`aclose`) to stop following.
        Raises ChangedError when the container is gone, and what `engine` raises.
        """
        request = self._link.ask("logs", container=container_id, tail=max(0, tail), follow=follow)
        try:
            async with contextlib.aclosing(request) as answers:
                async for answer in answers:
                    for line in answer.get("lines", ()):
                        yield readable(str(line))
                    if follow and "done" in answer and (why := answer["done"].get("ended")):
                        yield f"[{clean(str(why), 80)}]"
        except WorkerError as error:
            raise told(error.code, error.detail, self._host.name, _named(error, container_id), "read its log") from None

    async def close(self) -> None:
        """End the child process."""
        await self._link.close()


def _named(error: WorkerError, container_id: str) -> str:
    return f"Container {error.name or clean(container_id, 13)}"


def _number(value: Any) -> float | None:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or abs(value) > _NUMBER_LIMIT:
        return None
    return None if math.isnan(value) else float(value)


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def decode(fields: Any) -> Container:
    """A container from the worker's JSON: texts cleaned, wrong types unknown (a far box may send anything)."""
    if not isinstance(fields, dict):
        raise WorkerError("worker", "it sent something that is no container")
    words = {name: clean(str(fields.get(name) or ""), _TEXT_LIMIT) for name in _WORDS}
    listed = fields.get("ports")
    return Container(
        **words,
        ports=tuple(clean(str(port), 80) for port in listed) if isinstance(listed, list) else (),
        created=_number(fields.get("created")),
        started=_number(fields.get("started")),
        restarts=_whole(fields.get("restarts")),
        exit_code=_whole(fields.get("exit_code")),
        cpu_percent=_number(fields.get("cpu_percent")),
        memory=_whole(fields.get("memory")),
        memory_limit=_whole(fields.get("memory_limit")),
    )


def readable(line: str) -> str:
    """A log line as a terminal may show it: no colours or cursor movements, the last of overwritten texts, cleaned."""
    plain = _SEQUENCE.sub("", line).rstrip("\r")
    return clean(plain.rpartition("\r")[2])
