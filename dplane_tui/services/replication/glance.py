"""The tasks of a box, asked of a `dplane` that prints them and ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..asking import ask, not_understood
from ..host import Host

if TYPE_CHECKING:
    from .model import TaskStatus


async def task_states(host: Host) -> tuple[TaskStatus, ...]:
    """What `dplane replicate list` says there. Raises the error that it told, MissingError, CommandError."""
    data = await ask(host, "replicate", "list", kind=list)
    if not data:
        return ()
    from .codec import decode
    from .model import TaskStatus

    try:
        return tuple(decode(TaskStatus, item) for item in data)
    except ValueError as error:
        raise not_understood(host, error) from None
