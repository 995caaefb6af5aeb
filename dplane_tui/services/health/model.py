"""Health as frozen data. None is unknown and is shown as unknown, never as fine."""

from __future__ import annotations

from ...lazyclass import dataclass


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes. `arc` is ZFS's cache: given back under pressure, so shown apart from what programs hold."""

    total: int
    available: int
    arc: int | None = None
    arc_max: int | None = None
    swap_total: int = 0
    swap_free: int = 0


@dataclass(frozen=True, slots=True)
class Temperature:
    """One sensor, degrees Celsius."""

    label: str
    celsius: float
    critical: float | None = None


@dataclass(frozen=True, slots=True)
class DiskHealth:
    """SMART state of one disk."""

    id: str
    device: str
    verdict: str
    """`passed`, `failing`, or `unknown`."""
    note: str = ""
    """Why it is unknown, or what fails."""
    celsius: float | None = None
    power_on_hours: int | None = None
    reallocated: int | None = None
    pending: int | None = None


@dataclass(frozen=True, slots=True)
class ServiceState:
    """One systemd unit a NAS lives by."""

    unit: str
    state: str
    """`active`, `inactive`, `failed`, `activating`, `masked` (switched off for good), `not-installed`, `unknown`."""
    since: float | None = None
    note: str = ""
    """What a person should know about the state, e.g. that the unit is enabled but does not run."""


@dataclass(frozen=True, slots=True)
class Counters:
    """CPU time since boot in clock ticks of all cores; two of them give a percentage."""

    busy: int
    total: int


@dataclass(frozen=True, slots=True)
class Health:
    """One reading of the box."""

    taken_at: float
    hostname: str = ""
    kernel: str = ""
    zfs_version: str = ""
    """Empty: no ZFS."""
    uptime: float | None = None
    cpus: int | None = None
    load: tuple[float, float, float] | None = None
    cpu_percent: float | None = None
    """Of all cores, since the reading before; None at the first."""
    memory: Memory | None = None
    temperatures: tuple[Temperature, ...] = ()
    disks: tuple[DiskHealth, ...] = ()
    services: tuple[ServiceState, ...] = ()
    """Empty: systemd does not run there or could not be asked."""
    counters: Counters | None = None
    """What the next reading needs for its `cpu_percent`."""


@dataclass(frozen=True, slots=True)
class News:
    """One thing a person should know about the box."""

    level: str
    """`ok`, `note` (nothing is wrong, but a person should know), `warn`, `bad` or `unknown`."""
    text: str
    """A sentence."""
    where: str
    """The area: `pools`, `replication`, `policies`, `disks`, `temperature`, `memory` or `services`."""
    about: str = ""
    """The thing in that area, as the console's lists key it: pool's GUID, task, dataset, disk, unit. Empty: all."""
