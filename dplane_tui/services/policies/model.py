"""Snapshot policies and their runs, as frozen data. Unix seconds, GUIDs as text; None is unknown."""

from __future__ import annotations

from dataclasses import dataclass

from ..retention.model import Judged

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


@dataclass(frozen=True, slots=True)
class DatasetRun:
    """What a run did with one dataset, or would do."""

    dataset: str
    policy: str
    taken: str = ""
    """Name behind the `@` of the snapshot that was taken; in a preview, that would be."""
    taken_guid: str = ""
    """As read back."""
    judged: tuple[Judged, ...] = ()
    """In a preview every snapshot; of a run that is stored, what went or could not."""
    frees: int | None = None
    """Bytes that what goes occupies alone, as ZFS estimates it."""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class PolicyRun:
    """One run over all datasets with a policy, or its preview."""

    id: str
    state: str
    """`running`, `succeeded`, `failed`; `died` when its process ended without a word; `preview`."""
    started: float
    ended: float | None = None
    message: str = ""
    datasets: tuple[DatasetRun, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def dry(self) -> bool:
        """Whether it only shows."""
        return self.state == "preview"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a run, or its preview, is for. A policy given here counts instead of what is set."""

    dry: bool = True
    dataset: str = ""
    """Only this one and what is below it; empty: all."""
    policy: str = ""
    """As typed; needs `dataset`."""
