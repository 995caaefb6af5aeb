"""One request to the helper's file verbs, as root or with the person's own rights, and its answer line by line."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

from ... import paths
from ...errors import CommandError, DPlaneError, MissingError, NotAllowedError
from ..door import HELPER, Door, failure, request_line, without_answer
from ..host import Host, Process

_CODES = {1: "failed", 2: "refused", 3: "role", 4: "changed", 5: "unavailable", 6: "timeout"}
_NEXT = "As root it can be done, with the role admin: --as-root, or A in the console."


class Asking:
    """A request under way. Use as `async with`: whatever happens, the process is ended."""

    def __init__(
        self, host: Host, argv: list[str], request: bytes, as_root: bool, progress: Callable[[int], None]
    ) -> None:
        self._host, self._argv, self._request, self._as_root = host, argv, request, as_root
        self._progress = progress
        self._process: Process | None = None
        self.begun: dict[str, Any] = {}
        """The first line."""
        self.end: dict[str, Any] = {}
        """The last line; without it, what came is not whole."""

    async def __aenter__(self) -> Asking:
        self._process = await self._host.open(self._argv)
        await self._process.write(self._request)
        return self

    async def __aexit__(self, *_why: object) -> None:
        assert self._process is not None
        if not self.end:
            await self.stop()
        await self._process.stop()

    async def stop(self) -> None:
        """Ask it to stop: a restore is then undone, and says so."""
        assert self._process is not None
        await self._process.write(b"stop\n")

    async def items(self) -> AsyncIterator[dict[str, Any]]:
        """Each line between the first and the last. Raises DPlaneError: the helper's sentence, or that it broke off."""
        assert self._process is not None
        async for line in self._process.lines():
            told = _object(line)
            if not self.begun:
                if "begin" not in told:
                    raise _strange()
                self.begun = told
            elif told.get("end") is True:
                self.end = told
            elif self.end:
                raise _strange()
            elif "read" in told:
                self._progress(told["read"] if isinstance(told["read"], int) else 0)
            else:
                yield told
        output = await self._process.wait()
        if self.end and output.status == 0:
            return
        self.end = self.end or {"end": False}
        raise self._error(output.status, output.error)

    def _error(self, status: int, said: str) -> DPlaneError:
        lines = said.strip().splitlines()
        code = _CODES.get(status)
        told = without_answer(status, said)
        if isinstance(told, NotAllowedError) and self._as_root:
            return told
        if status == 127:  # how a far shell says that there is no such program
            return MissingError(
                f"D-Plane is not installed on {self._host.name}, so its files cannot be looked at from here.",
                "Install it with `sudo make install`.",
            )
        if code is None or not lines:
            return told
        if code == "role" and not self._as_root:
            return NotAllowedError(str(failure(code, lines[-1])), _NEXT)
        return failure(code, lines[-1])


def _object(line: str) -> dict[str, Any]:
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict) or any(isinstance(value, (dict, list, float)) for value in told.values()):
        raise _strange()
    return told


def _strange() -> CommandError:
    return CommandError("What the helper told cannot be understood, so it is not used.", "`dplane doctor` checks it.")


async def ask(
    host: Host, verb: str, *, as_root: bool, progress: Callable[[int], None] = lambda _bytes: None, **args: Any
) -> Asking:
    """A request that is ready to be made; `progress` gets bytes. Raises MissingError where nothing is installed."""
    if as_root:
        argv = list(await Door(host).argv())
    elif not host.local:
        argv = [f"{paths.CURRENT}/{HELPER}", "files"]
    elif (own := paths.release()) is not None:
        argv = [f"{own}/{HELPER}", "files"]
    else:
        argv = [sys.executable, "-P", "-m", "privhelper", "files"]
    return Asking(host, argv, request_line(verb, args), as_root, progress)
