"""How a box is, read in two round trips; SMART, which is slow and needs root, by a method of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Protocol

from ...errors import CommandError, DPlaneError, MissingError, NotAllowedError
from ...text import clean
from ..door import Door
from ..host import Host
from . import parse, smart
from .model import DiskHealth, Health, ServiceState

UNITS = (
    "ssh",
    "docker",
    "zfs-zed",
    "zfs-mount",
    "cron",
    "systemd-timesyncd",
    "chrony",
    "smartmontools",
    "nfs-server",
    "smbd",
)
_STAT, _LOAD, _MEMORY, _UPTIME = "/proc/stat", "/proc/loadavg", "/proc/meminfo", "/proc/uptime"
_ARC, _ZFS = "/proc/spl/kstat/zfs/arcstats", "/sys/module/zfs/version"
_NAME, _KERNEL = "/proc/sys/kernel/hostname", "/proc/sys/kernel/osrelease"
_FILES = (
    *(_STAT, _LOAD, _MEMORY, _UPTIME, _ARC, _ZFS, _NAME, _KERNEL),
    f"{parse.HWMON}/hwmon*/name",
    f"{parse.HWMON}/hwmon*/temp*_*",
    f"{parse.THERMAL}/thermal_zone*/type",
    f"{parse.THERMAL}/thermal_zone*/temp",
    f"{parse.THERMAL}/thermal_zone*/trip_point_*_t*",
)
_SMART_AT_ONCE = 4


class NamedDisk(Protocol):
    """What SMART needs to know of a disk; `zfs.model.Disk` has it."""

    @property
    def id(self) -> str:
        """Name under `/dev/disk/by-id`."""
        ...

    @property
    def device(self) -> str:
        """Kernel name now."""
        ...


class HealthService:
    """Reads the health of one host. Reading changes nothing and needs no rights but for SMART."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._door = Door(host)

    async def read(self, previous: Health | None = None) -> Health:
        """One reading, without the disks. CPU percent needs the reading before.

        Raises UnreachableError and its kinds.
        A file or program that is not there makes its field unknown; that is no error.
        """
        files, shown = await asyncio.gather(self._host.read_files(_FILES), self._systemctl())
        now = time.time()
        counters, cpus = parse.cpu(files.get(_STAT, ""))
        uptime = parse.uptime(files.get(_UPTIME, ""))
        return Health(
            taken_at=now,
            hostname=clean(files.get(_NAME, "").strip(), 64),
            kernel=clean(files.get(_KERNEL, "").strip(), 64),
            zfs_version=clean(files.get(_ZFS, "").strip(), 40),
            uptime=uptime,
            cpus=cpus,
            load=parse.load(files.get(_LOAD, "")),
            cpu_percent=parse.percent(previous.counters if previous else None, counters),
            memory=parse.memory(files.get(_MEMORY, ""), files.get(_ARC, "")),
            temperatures=parse.temperatures(files),
            services=self._services(shown, now - uptime if uptime is not None else None),
            counters=counters,
        )

    async def _systemctl(self) -> str:
        try:
            output = await self._host.run(
                ["systemctl", "show", "-p", parse.PROPERTIES, *(f"{unit}.service" for unit in UNITS)], timeout=10
            )
        except (MissingError, CommandError):
            return ""  # no systemd, or one that does not answer: the services stay unknown
        return output.text if output.status == 0 else ""

    @staticmethod
    def _services(shown: str, boot: float | None) -> tuple[ServiceState, ...]:
        # An alias (nfs-server is nfs-kernel-server) must not show the same unit twice.
        return tuple({state.unit: state for state in parse.services(shown, boot)}.values())

    async def disks(self, disks: Sequence[NamedDisk]) -> tuple[DiskHealth, ...]:
        """SMART of each disk, through the privileged door. One whose SMART cannot be read is unknown, with the reason.

        Takes a second or more a disk and may wake a sleeping one: not for every poll.
        Raises UnreachableError and its kinds.
        """
        if not disks:
            return ()
        first = await self._smart(disks[0])
        gate = asyncio.Semaphore(_SMART_AT_ONCE)

        async def one(disk: NamedDisk) -> DiskHealth:
            async with gate:
                return await self._smart(disk)

        return (first, *await asyncio.gather(*(one(disk) for disk in disks[1:])))

    async def _smart(self, disk: NamedDisk) -> DiskHealth:
        if not disk.id:
            return smart.unknown(disk.id, disk.device, "it has no name under /dev/disk/by-id")
        try:
            answer = await self._door.call("smart-read", disk=disk.id)
        except NotAllowedError as error:
            return smart.unknown(disk.id, disk.device, f"SMART may not be read: {error.message}")
        except MissingError as error:
            said = "smartmontools is not installed" if "smartctl" in error.message else error.message
            return smart.unknown(disk.id, disk.device, said)
        except DPlaneError as error:
            if error.exit_code == 7:
                raise
            return smart.unknown(disk.id, disk.device, error.message)
        return smart.parse(disk.id, disk.device, str(answer.get("stdout", "")))
