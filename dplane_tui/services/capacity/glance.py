"""Capacity and temperature of a box over time, asked of a `dplane` that prints them and ends."""

from __future__ import annotations

from typing import TypeVar

from ..asking import ask, not_understood
from ..host import Host
from ..replication.codec import decode
from .model import History, Warmth

T = TypeVar("T")


async def history_told(host: Host, pool: str) -> History:
    """What `dplane pool chart` says there. Raises the error that it told, MissingError, CommandError."""
    return _decoded(host, History, await ask(host, "pool", "chart", pool, kind=dict))


async def warmth_told(host: Host, disk: str = "") -> Warmth:
    """What `dplane pool temperatures` says of one disk; nothing when nothing was noted of it. Raises as the other."""
    found = [_decoded(host, Warmth, one) for one in await ask(host, "pool", "temperatures", kind=list)]
    return next((one for one in found if one.disk == disk), Warmth(disk, ()))


async def all_told(host: Host) -> tuple[Warmth, ...]:
    """Every disk that was noted there."""
    return tuple(_decoded(host, Warmth, one) for one in await ask(host, "pool", "temperatures", kind=list))


def _decoded(host: Host, kind: type[T], data: object) -> T:
    try:
        return decode(kind, data)
    except ValueError as error:
        raise not_understood(host, error) from None
