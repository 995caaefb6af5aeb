"""Which peers are let in here, and whether the newest snapshot of a dataset was taken for one, which may destroy it.

A task takes no snapshot when nothing was written since the newest one. What stands only in a peer's snapshot is no part
of this box's own history, so there the task takes its own. It costs a command more only on a box that lets peers take
snapshots.
"""

from __future__ import annotations

from collections.abc import Iterable

from ... import paths
from ..host import Host
from .read import OWNER, Dataset

_ACCEPTED = "ssh-accept/authorized_keys"  # below the state folder; the helper writes it (privhelper/peers.py)
_RIGHT = "--may-snapshot yes"
_AT_ONCE = 500
_SECONDS = 300.0


async def let_in(host: Host) -> frozenset[str] | None:
    """The names of the peers that may come in here, whatever their rights; None when that is not known."""
    accepted = str(paths.current().state / _ACCEPTED)
    lines = (await host.read_files([accepted])).get(accepted)
    return None if lines is None else frozenset(line.rpartition(" dplane:")[2] for line in lines.splitlines())


async def newest_is_lent(host: Host, datasets: Iterable[Dataset]) -> bool:
    """Whether a peer had the newest snapshot of one of these taken. Raises UnreachableError."""
    newest = [f"{one.name}@{one.snapshots[-1].name}" for one in datasets if one.snapshots]
    accepted = str(paths.current().state / _ACCEPTED)
    if _RIGHT not in (await host.read_files([accepted])).get(accepted, ""):
        return False
    for start in range(0, len(newest), _AT_ONCE):
        argv = ["zfs", "get", "-Hp", "-o", "value,source", OWNER, *newest[start : start + _AT_ONCE]]
        told = (await host.run(argv, timeout=_SECONDS)).text.splitlines()
        if any(line.endswith("\tlocal") for line in told):  # a mark of the dataset, or of a stream, has another source
            return True
    return False
