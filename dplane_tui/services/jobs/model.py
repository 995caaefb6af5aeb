"""A job's progress, as its file holds it."""

from __future__ import annotations

from ...lazyclass import dataclass

ACTIVE = frozenset({"queued", "running"})
FINISHED = frozenset({"succeeded", "failed", "cancelled", "died"})


@dataclass(frozen=True, slots=True)
class Progress:
    """One job. Times in Unix seconds, rate in bytes a second; None is unknown."""

    id: str
    kind: str
    """`replicate`, `lab-build` …"""
    state: str
    """`queued`, `running`, `succeeded`, `failed`, `cancelled`; readers add `died`: says running, process is gone."""
    title: str = ""
    stage: str = ""
    stages_done: int | None = None
    stages_total: int | None = None
    bytes_done: int | None = None
    bytes_total: int | None = None
    rate_bps: float | None = None
    eta_s: float | None = None
    started: float | None = None
    updated: float | None = None
    message: str = ""
    error: str = ""
    pid: int | None = None
    pid_created: float | None = None
    """When that process started, in seconds since boot (or Unix seconds), so that a reused pid is not taken for it."""

    @property
    def active(self) -> bool:
        """Whether it is still at work."""
        return self.state in ACTIVE

    @property
    def percent(self) -> float | None:
        """0 to 100 by bytes, else by stages."""
        for done, total in ((self.bytes_done, self.bytes_total), (self.stages_done, self.stages_total)):
            if done is not None and total:
                return min(100.0, 100.0 * done / total)
        return None
