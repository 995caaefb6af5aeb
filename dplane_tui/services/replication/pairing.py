"""The near side of pairing: talks with `dplane peer-worker`, which runs as the user who owns the keys.

JSON lines on its standard streams: one request `{"op": …}`, one answer `{"ok": …}`. A password travels only there.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import sys
from types import TracebackType
from typing import Any, TypeVar

from ... import paths
from ...errors import CommandError
from ...text import clean
from ..asking import error_from
from ..door import Door, failure, request_line, without_answer
from ..host import Host, Process
from .codec import decode
from .model import PairRequest, Peer

T = TypeVar("T")
ANSWER_SECONDS = 300.0  # a Pi needs half a minute only to load what speaks SSH with a password
_END_SECONDS = 20.0
_HELPER_CODES = {2: "refused", 3: "role", 4: "changed", 5: "unavailable"}


class PairingSession:
    """One conversation with the worker; `async with`. Raises what the worker says, as our exceptions."""

    def __init__(self, host: Host, peer: str) -> None:
        self._host = host
        self._peer = peer
        self._process: Process | None = None

    async def __aenter__(self) -> PairingSession:
        if paths.current().installed:
            self._process = await self._host.open(await Door(self._host).argv())
            await self._process.write(request_line("pair", {"peer": self._peer}))
        else:  # from a checkout the keys are the person's own
            self._process = await self._host.open([sys.executable, "-m", "dplane_tui", "peer-worker"])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            await self._process.close_stdin()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), _END_SECONDS)  # it belongs to root: it ends by itself
            with contextlib.suppress(PermissionError):
                await self._process.stop()

    async def ask(self, op: str, **fields: Any) -> dict[str, Any]:
        """One question, one answer."""
        assert self._process
        await self._process.write(json.dumps({"op": op, **fields}).encode() + b"\n")
        try:
            line = await asyncio.wait_for(self._first_line(), ANSWER_SECONDS)
        except TimeoutError:
            raise CommandError("Pairing got no answer in time.", "Try again; nothing was changed here.") from None
        try:
            answer = json.loads(line)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            output = await self._process.wait()
            # The helper refuses with one sentence on standard error, before any worker exists.
            code = _HELPER_CODES.get(output.status)
            said = clean(output.error.strip().splitlines()[-1]) if output.error.strip() else ""
            raise failure(code, said) if code and said else without_answer(output.status, output.error)
        if answer.get("ok") is not True:
            raise error_from(answer.get("error"))
        return answer

    async def _first_line(self) -> str:
        assert self._process
        async for line in self._process.lines():
            return line
        return ""

    async def own_key(self, name: str) -> str:
        """The fingerprint of the key for the peer `name`, which is made if it is not there."""
        return clean(str((await self.ask("key", name=name)).get("fingerprint", "")), 100)

    async def pair(self, request: PairRequest) -> Peer:
        """Bring our key there and use it for a login."""
        return _decoded(Peer, (await self.ask("pair", request=dataclasses.asdict(request))).get("peer"))

    async def public_key(self, name: str) -> tuple[str, str]:
        """How this box calls itself at its peers, and its public key for the peer `name`, made if it is not there."""
        answer = await self.ask("key", name=name)
        return clean(str(answer.get("own_name", "")), 63), clean(str(answer.get("key", "")), 200)

    async def adopt(self, request: PairRequest) -> Peer:
        """Store a box that has accepted our key, after a login there."""
        return _decoded(Peer, (await self.ask("import", request=dataclasses.asdict(request))).get("peer"))

    async def rotate(self, name: str) -> Peer:
        """Change our key for a stored peer."""
        return _decoded(Peer, (await self.ask("rotate", name=name)).get("peer"))

    async def trust(self, name: str, host_key: str) -> Peer:
        """Pin another host key of a stored peer."""
        return _decoded(Peer, (await self.ask("trust", name=name, host_key=host_key)).get("peer"))

    async def test(self, name: str) -> str:
        """Log in at a stored peer."""
        return clean(str((await self.ask("test", name=name)).get("message", "")), 500)

    async def remove(self, name: str) -> str:
        """Forget a stored peer."""
        return clean(str((await self.ask("remove", name=name)).get("message", "")), 1000)


def _decoded(kind: type[T], data: Any) -> T:
    try:
        return decode(kind, data)
    except ValueError as error:
        raise CommandError(f"The pairing helper gave an answer that cannot be understood: {error}.") from None
