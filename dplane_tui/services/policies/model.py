"""Snapshot policies and their runs, as frozen data. Unix seconds, GUIDs as text; None is unknown."""

from __future__ import annotations

from ...lazyclass import dataclass
from ..retention.model import Judged
from .state import BROKEN, OFF, ON, REPLICA, Policies, PolicyStatus

__all__ = ["BROKEN", "OFF", "ON", "REPLICA", "DatasetRun", "Policies", "PolicyRun", "PolicyStatus", "Wish"]


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
