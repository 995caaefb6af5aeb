"""A login at a peer as an unattended run does it, to see that it works."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ... import paths
from .model import Peer
from .transport import Link


async def hello(peer: Peer, key: Path | None = None) -> dict[str, Any]:
    """Log in (with another key file, if one is given) and return what the agent says of itself; {} for a plain peer."""
    where = paths.current()
    link = Link(peer, where.ssh, where.jobs, key)
    if peer.product:
        try:
            return await link.open()
        finally:
            await link.close()
    from .targets import PlainTarget

    target = PlainTarget(link)
    try:
        await target.open()
    finally:
        await target.close()
    return {}
