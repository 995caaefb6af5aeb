"""What the engine tells, as frozen data."""

from __future__ import annotations

from ...lazyclass import dataclass


@dataclass(frozen=True, slots=True)
class Container:
    """One container."""

    id: str
    name: str
    image: str
    state: str
    """`running`, `exited`, `paused`, `restarting`, `created`, `dead`, `removing`."""
    status: str = ""
    """The engine's words, e.g. `Up 3 hours (healthy)`."""
    health: str = ""
    """`healthy`, `unhealthy`, `starting`; empty when the image has no check."""
    ports: tuple[str, ...] = ()
    """`0.0.0.0:8080->80/tcp`, published first."""
    created: float | None = None
    started: float | None = None
    restarts: int | None = None
    exit_code: int | None = None
    cpu_percent: float | None = None
    """Of one core, as `docker stats`; None when not running or not measured yet."""
    memory: int | None = None
    memory_limit: int | None = None


@dataclass(frozen=True, slots=True)
class Engine:
    """The engine that answered."""

    version: str
    containers: tuple[Container, ...] = ()
