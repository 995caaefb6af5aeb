"""Holds at another box, for a task that pulls: asked for like those of this box (`holds.py`), kept under its name."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any

from ...errors import DPlaneError
from . import failures
from .transport import Link

_BYTES = 6000  # of the names in one request to the agent
_GONE = ("does not exist", " is gone", "is not what you saw")


class FarHolds(abc.ABC):
    """What holds and releases snapshots of a peer."""

    def __init__(self, link: Link, source: str, target: str) -> None:
        self.box = link.peer.name
        """How that peer is called; `holds.py` keeps its holds under that name."""
        self.source = source
        """What that task reads there."""
        self.target = target
        """Where the task that makes them sends."""
        self._link = link

    async def call(self, verb: str, *, snapshot: str, guid: str, tag: str, also: dict[str, str] | None = None) -> None:
        """`hold-add` or `hold-release`, as the privileged door takes them. Raises DPlaneError."""
        points = {snapshot: guid, **(also or {})}
        try:
            await self._do(verb == "hold-add", points, tag)
        except DPlaneError as error:
            gone = verb == "hold-release" and len(points) == 1 and any(word in error.message for word in _GONE)
            if not gone or not await self.pool_is_there():  # a pool that is away brings its holds back with it
                raise

    @abc.abstractmethod
    async def _do(self, adds: bool, points: dict[str, str], tag: str) -> None: ...

    @abc.abstractmethod
    async def pool_is_there(self) -> bool:
        """Whether the source's pool is imported there."""


class AgentHolds(FarHolds):
    """A peer with the product: what we may take snapshots of, we may hold while we read it."""

    def __init__(self, link: Link, source: str, target: str, target_tag: str) -> None:
        super().__init__(link, source, target)
        self._target_tag = target_tag

    async def _do(self, adds: bool, points: dict[str, str], tag: str) -> None:
        named: dict[str, Any] = {"dataset": self.source, "run": tag.removeprefix("dplane-"), "tag": self._target_tag}
        parts: list[dict[str, str]] = []
        room = 0
        for name, guid in points.items():
            room -= len(name) + len(guid) + 8
            if room < 0:
                parts.append({})
                room = _BYTES
            parts[-1][name] = guid
        for part in parts:
            await self._link.ask({"op": "hold" if adds else "release", **named, "snapshots": part})

    async def pool_is_there(self) -> bool:
        try:
            await self._link.ask({"op": "settle", "dataset": self.source})
        except DPlaneError:
            return False
        return True


class PlainHolds(FarHolds):
    """A peer with only ZFS and sshd, as the account may."""

    zfs: Sequence[str] = ("zfs",)

    async def _do(self, adds: bool, points: dict[str, str], tag: str) -> None:
        done = await self._link.run([*self.zfs, "hold" if adds else "release", "--", tag, *sorted(points)])
        if done.status != 0:
            raise failures.of_zfs(done.error, f"{sorted(points)[0]} was not {'held' if adds else 'released'}")

    async def pool_is_there(self) -> bool:
        return (await self._link.run(["zpool", "sync", "--", self.source.split("/")[0]])).status == 0
