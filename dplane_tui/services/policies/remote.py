"""The policies of a far box: its own `dplane` command does the work there, and answers in JSON."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from ...errors import CommandError, MissingError
from ..asking import error_from
from ..host import Host
from ..replication.codec import decode
from ..replication.remote import DPLANE
from .model import Policies, PolicyRun, PolicyStatus, Wish

_SECONDS = 3600.0
T = TypeVar("T")


class RemotePolicies:
    """Every method as in `PolicyService`."""

    def __init__(self, host: Host) -> None:
        self._host = host

    async def _ask(self, *words: str, timeout: float = 330.0) -> Any:
        """The command's `data`, also when it comes with bad news."""
        output = await self._host.run([DPLANE, "--json", "policy", *words], timeout=timeout)
        try:
            answer = json.loads(output.text)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            if output.status == 127:
                raise MissingError(
                    f"D-Plane is not installed on {self._host.name}.", "Install it there with `sudo make install`."
                )
            raise CommandError(f"dplane on {self._host.name} ended with status {output.status} and no answer.")
        if answer.get("data") is None and answer.get("ok") is not True:
            raise error_from(answer.get("error"))
        return answer.get("data")

    def _decode(self, kind: type[T], data: Any) -> T:
        try:
            return decode(kind, data)
        except ValueError as error:
            raise CommandError(
                f"{self._host.name} answered what this release does not understand: {error}.",
                "Use the same D-Plane release on both.",
            ) from None

    async def status(self) -> Policies:
        return self._decode(Policies, await self._ask("list"))

    async def templates(self) -> dict[str, str]:
        data = await self._ask("templates")
        return {str(name): str(policy) for name, policy in data.items()} if isinstance(data, dict) else {}

    async def set(self, dataset: str, policy: str, template: str = "") -> PolicyStatus:
        named = ["--as", template] if template else []
        # The person was asked on this side, where the preview was shown.
        return self._decode(PolicyStatus, await self._ask("set", dataset, policy, "--confirm", dataset, *named))

    async def unset(self, dataset: str) -> PolicyStatus:
        return self._decode(PolicyStatus, await self._ask("unset", dataset))

    async def preview(self, wish: Wish) -> PolicyRun:
        words = [word for word in (wish.dataset, wish.policy) if word]
        return self._decode(PolicyRun, await self._ask("preview", *words))

    async def run(self, wish: Wish) -> PolicyRun:
        words = [wish.dataset] if wish.dataset else []
        return self._decode(PolicyRun, await self._ask("run", *words, timeout=_SECONDS))

    async def runs(self, limit: int = 20) -> tuple[PolicyRun, ...]:
        data = await self._ask("runs", "--limit", str(limit))
        if not isinstance(data, list):
            raise CommandError(f"{self._host.name} answered something that is no list.")
        return tuple(self._decode(PolicyRun, item) for item in data)
