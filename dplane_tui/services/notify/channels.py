"""The channels of a box through the privileged door: listed, made, tried and removed, by an administrator."""

from __future__ import annotations

import json
from typing import Any

from ...errors import CommandError
from ..asking import error_from, not_understood
from ..door import Door
from ..host import Host
from ..replication.codec import decode
from .listed import Listed, Listing
from .model import Delivery
from .wanted import Wanted, check, request

_SECONDS = 120.0  # a test waits for servers, a small box for Python


class ChannelService:
    """The channels of one box. Every method raises only `DPlaneError`s."""

    def __init__(self, host: Host, door: Door | None = None) -> None:
        self._host = host
        self._door = door or Door(host)

    async def list(self) -> Listing:
        """All of them, those in notify.toml too, as `dplane` on that box understands them."""
        data = await self._told("notify-list")
        try:
            return decode(Listing, data)
        except ValueError as error:
            raise not_understood(self._host, error) from None

    async def add(self, wanted: Wanted) -> Listed:
        """Make a channel; what `dplane` there then lists of it. Raises RefusedError for what makes no sense."""
        check(wanted)
        verb, args, behind = request(wanted)
        await self._door.call(verb, stream=behind, timeout=_SECONDS, **args)
        listing = await self.list()
        found = next((one for one in listing.channels if one.name == wanted.name), None)
        if found is None or not found.made or found.kind != wanted.kind:
            why = next((one for one in listing.problems if wanted.name in one), "dplane there does not list it.")
            raise CommandError(
                f"The channel {wanted.name} was written, but is not in use: {why}",
                f"`dplane notify remove {wanted.name}` takes it away again.",
            )
        return found

    async def remove(self, name: str) -> None:
        """Remove a channel that was made here, with its secrets. Raises ChangedError when there is none."""
        await self._door.call("notify-remove", timeout=_SECONDS, channel=name)
        if any(one.name == name and one.made for one in (await self.list()).channels):
            raise CommandError(f"The channel {name} was removed, but dplane there still lists it.")

    async def test(self, name: str | None = None) -> tuple[Delivery, ...]:
        """Send a test to one channel or to all; what each server said. Raises MissingError when there is none."""
        data = await self._told("notify-test", channel=name)
        try:
            if not isinstance(data, list):
                raise ValueError("deliveries are a list")
            done = tuple(decode(Delivery, one) for one in data)
        except ValueError as error:
            raise not_understood(self._host, error) from None
        if not done or (name and [one.channel for one in done] != [name]):
            raise CommandError("The test ended without an answer of a server.")
        return done

    async def _told(self, verb: str, **args: Any) -> Any:
        """The `data` that `dplane` printed there, also with bad news; raises the error that it told instead."""
        answer = await self._door.call(verb, timeout=_SECONDS, **args)
        try:
            told = json.loads(str(answer.get("stdout", "")))
        except (ValueError, RecursionError):
            told = None
        if not isinstance(told, dict):
            raise CommandError(f"dplane on {self._host.name} ended without an answer.")
        if told.get("data") is None:
            raise error_from(told.get("error"))
        return told["data"]
