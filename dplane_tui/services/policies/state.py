"""Which dataset has which snapshot policy, and whether it is kept: what Start needs, and no more. Unix seconds."""

from __future__ import annotations

from ...lazyclass import dataclass

ON, OFF, REPLICA, BROKEN = "on", "none", "replica", "broken"


@dataclass(frozen=True, slots=True)
class PolicyStatus:
    """One dataset, its policy, and whether that is kept."""

    dataset: str
    guid: str
    state: str
    """`on`; `none` (no policy, or told to have none); `replica` (a copy, never snapshotted here); `broken`."""
    policy: str = ""
    """Such as `hourly=24,daily=30`."""
    template: str = ""
    set_on: str = ""
    """The dataset that the policy, or the word none, stands on; empty when nothing is set."""
    why: str = ""
    """What a person should know about the state, a clause."""
    newest: float | None = None
    """When the newest snapshot of the policy was taken, by its name."""
    snapshots: int = 0
    """How many there are of the policy."""
    interval: int | None = None
    """Seconds of its shortest period."""
    late: bool | None = None
    """No snapshot within twice the interval."""


@dataclass(frozen=True, slots=True)
class Policies:
    """All datasets of a box, and what runs them."""

    datasets: tuple[PolicyStatus, ...] = ()
    next_run: float | None = None
    """When systemd starts the next run; None: no timer, or it does not tell."""
    last_run: str = ""
    last_state: str = ""
    last_message: str = ""
    last_ended: float | None = None
    problems: tuple[str, ...] = ()
    """What could not be looked at, a sentence each."""
