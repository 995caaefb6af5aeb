"""Where the ends of a task are: a text that a person typed to a paired peer and a dataset. Pure.

A peer is meant by its name, or by its address as `user@host:pool/ds`, as users of syncoid type it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...errors import MissingError, RefusedError
from ...text import clean
from .address import Address
from .model import Peer, Task
from .rights import within


def peer_at(place: Address, peers: Sequence[Peer]) -> str | None:
    """The peer that a place is on; None for this box.

    Raises MissingError when no paired box is meant, RefusedError when its account is another or several are meant.
    """
    if place.host is None:
        return None
    found = [peer for peer in peers if peer.name == place.host]
    found = found or [peer for peer in peers if peer.address.lower() == place.host.lower()]
    host = clean(place.host, 60)
    if not found:
        user = place.user or "USER"
        raise MissingError(
            f"There is no peer called {host}, and none at that address.",
            f"Pair it first: `dplane peer add NAME {user}@{host}`; `dplane peer list` shows those that are.",
        )
    # With D-Plane there, runs log in as dplane, whatever account people use; else the account is what was paired.
    meant = [peer for peer in found if place.user in (None, peer.user) or peer.product]
    if not meant:
        raise RefusedError(
            f"{host} is paired for the account {found[0].user}, not {clean(place.user or '', 60)}.",
            f"Write {found[0].name}:{clean(place.dataset, 80)}, or pair again with the other account.",
        )
    if len(meant) > 1:
        names = ", ".join(peer.name for peer in meant[:5])
        raise RefusedError(f"Several peers are at {host}: {names}.", f"Write one's name: {meant[0].name}:POOL/DATASET.")
    return meant[0].name


def place_of(peer: str | None, dataset: str) -> str:
    """A place as a person types it."""
    return dataset if peer is None else f"{peer}:{dataset}"


def check_rights(task: Task, source: Peer | None, target: Peer | None) -> Task:
    """The task as its peers let it be: without own snapshots where none may be taken. Raises RefusedError."""
    if target is not None:
        if target.root and not within(task.target, target.root):
            raise RefusedError(
                f"The peer {target.name} was paired for {target.root} only, and {task.target} is not below it.",
                f"Choose a target below {target.root}, or pair again with another root.",
            )
        if target.may_read and not target.root:
            raise RefusedError(
                f"The peer {target.name} was paired for reading {target.may_read} only, so it receives nothing.",
                "Pair again, with --root for where it may receive.",
            )
    if source is None or not source.product:
        return task
    if source.may_read is None or not within(task.source, source.may_read):
        given = f"lets this box read {source.may_read} only" if source.may_read else "does not let this box read"
        raise RefusedError(
            f"The peer {source.name} {given}, and the source is {task.source}.",
            f"Pair again: `dplane peer add {source.name} USER@HOST --may-read {clean(task.source, 80)}`.",
        )
    return task if source.may_snapshot else replace(task, snapshot=False)
