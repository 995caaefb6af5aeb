"""The snapshot policies of a box, asked of a `dplane` that prints them and ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..asking import ask, not_understood
from ..host import Host

if TYPE_CHECKING:
    from .state import Policies


async def policy_states(host: Host) -> Policies:
    """What `dplane policy list` says there. Raises the error that it told, MissingError, CommandError."""
    data = await ask(host, "policy", "list", kind=dict)
    from ..replication.codec import decode
    from .state import Policies

    try:
        return decode(Policies, data)
    except ValueError as error:
        raise not_understood(host, error) from None
