"""Who is told of alarms and whether it arrived, and what the store has to say, asked of a `dplane` that tells it."""

from __future__ import annotations

from ..asking import ask, not_understood
from ..host import Host
from ..replication.codec import decode
from .model import Status


async def status_told(host: Host) -> Status:
    """What `dplane notify status` says there. Raises the error that it told, MissingError, CommandError."""
    data = await ask(host, "notify", "status", kind=dict)
    try:
        return decode(Status, data)
    except ValueError as error:
        raise not_understood(host, error) from None


async def notices_told(host: Host) -> tuple[tuple[float, str], ...]:
    """What the store has to say there, newest first: when (Unix seconds), and the sentence. Raises as the other."""
    found = []
    for one in await ask(host, "replicate", "notices", kind=list):
        at, text = (one.get("at"), one.get("text")) if isinstance(one, dict) else (None, None)
        if isinstance(at, bool) or not isinstance(at, int | float) or not isinstance(text, str):
            raise not_understood(host, ValueError("a notice has a time and a text"))
        found.append((float(at), text))
    return tuple(found)
