"""The places of `dplane replicate add`: `POOL/DATASET`, `PEER:POOL/DATASET`, `USER@HOST:POOL/DATASET`."""

from __future__ import annotations

from ..errors import DPlaneError, MissingError
from ..services.host import Host
from ..services.replication.address import parse
from ..services.replication.places import peer_at
from ..services.replication.service import ReplicationService


async def resolved(host: Host, service: ReplicationService, typed: str) -> tuple[str | None, str]:
    """The peer (None: the box itself) and the dataset of a place. Raises UsageError, MissingError, RefusedError."""
    place = parse(typed)
    if place.host is None:
        return None, place.dataset
    try:
        return peer_at(place, await service.peers()), place.dataset
    except MissingError:
        if place.user is None and typed.split("/")[0] in await _pools(host):  # a pool's name may hold a colon
            return None, typed
        raise


async def _pools(host: Host) -> list[str]:
    """The pools of the box; none where nobody can tell."""
    try:
        return (await host.run(["zpool", "list", "-H", "-o", "name"])).text.splitlines()
    except DPlaneError:
        return []
