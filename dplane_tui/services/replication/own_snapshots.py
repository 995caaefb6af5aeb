"""Whether a task takes snapshots of its own: what a change of that means, and where none may be taken."""

from __future__ import annotations

from ...errors import RefusedError
from .model import Peer, Task


def words(task: Task) -> str:
    """Which snapshots it sends."""
    return "takes its own before each run" if task.snapshot else "sends those that are there, takes none"


def change_lines(before: Task, after: Task) -> list[str]:
    """What becomes of it from the next run on; nothing when that is not changed."""
    if before.snapshot == after.snapshot:
        return []
    if after.snapshot:
        return ["From the next run on it takes a snapshot of its own before it sends, when something was written."]
    return [
        "From the next run on it takes no snapshot: it sends those that are there, and what is newer than the newest "
        "of them is not sent. From then on its copy is as old as that one, and late by that.",
        "The snapshots that it took stay, and are kept and dropped by its policies as before.",
    ]


def refuse_not_granted(peer: Peer) -> None:
    """Raise RefusedError when a task that pulls from that box is to take snapshots there and may not."""
    if peer.takes_snapshots():
        return
    raise RefusedError(
        f"{peer.name} lets this box take no snapshots, so the task can only send those that are there.",
        f"An administrator of that box grants it by pairing again: `dplane peer add {peer.name} USER@{peer.address} "
        f"--may-read {peer.may_read or 'DATASET'} --may-snapshot`.",
    )
