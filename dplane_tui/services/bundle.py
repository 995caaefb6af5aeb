"""The services of one host, each loaded when a screen first asks for it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from .host import Host, connect

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from .capacity.model import History, Warmth
    from .docker.service import DockerService
    from .files.service import FilesService
    from .health.service import HealthService
    from .jobs.service import JobService
    from .notify.channels import ChannelService
    from .notify.model import Status
    from .policies.model import Policies
    from .policies.service import PolicyService
    from .repair.service import RepairService
    from .replication.keyring import KeyService
    from .replication.model import TaskStatus
    from .replication.service import ReplicationService
    from .sign_in import SignIn
    from .zfs.iostat import Measured
    from .zfs.service import ZfsService
    from .zfs.storage import StorageService


class Services:
    """What screens call. A service that is never asked for is never imported."""

    def __init__(self, host: Host) -> None:
        self.host = host

    @cached_property
    def zfs(self) -> ZfsService:
        """Pools, datasets, snapshots, disks."""
        from .zfs.service import ZfsService

        return ZfsService(self.host)

    @cached_property
    def repair(self) -> RepairService:
        """What pools are made of, and how they are mended."""
        from .repair.service import RepairService

        return RepairService(self.host)

    @cached_property
    def files(self) -> FilesService:
        """Files of snapshots."""
        from .files.service import FilesService

        return FilesService(self.host)

    @cached_property
    def storage(self) -> StorageService:
        """Datasets and snapshots, whole."""
        from .zfs.storage import StorageService

        return StorageService(self.host)

    @cached_property
    def replication(self) -> ReplicationService:
        """Peers, tasks, runs."""
        from .replication.service import open_replication

        return open_replication(self.host)

    @cached_property
    def keys(self) -> KeyService:
        """Keys on both sides of pairings."""
        from .replication.keyring import open_keys

        return open_keys(self.host)

    async def task_states(self) -> tuple[TaskStatus, ...]:
        """The replication tasks; asked of another process while nothing here has needed the engine yet."""
        if "replication" in self.__dict__:
            return await self.replication.tasks(look=True)
        from .replication.glance import task_states

        return await task_states(self.host)

    @cached_property
    def policies(self) -> PolicyService:
        """Snapshot policies and their runs."""
        from .policies.service import open_policies

        return open_policies(self.host)

    async def policy_states(self) -> Policies:
        """What policies there are and whether they are kept; asked of another process until their service is needed."""
        if "policies" in self.__dict__:
            return await self.policies.status()
        from .policies.glance import policy_states

        return await policy_states(self.host)

    async def notified(self) -> Status:
        """Who is told of alarms, and whether it arrived; asked of another process."""
        from .notify.glance import status_told

        return await status_told(self.host)

    @cached_property
    def channels(self) -> ChannelService:
        """Who is told of alarms: channels made, tried and removed."""
        from .notify.channels import ChannelService

        return ChannelService(self.host)

    async def notices_told(self) -> tuple[tuple[float, str], ...]:
        """What the store has to say, newest first: Unix seconds and a sentence; asked of another process."""
        from .notify.glance import notices_told

        return await notices_told(self.host)

    async def history(self, pool: str) -> History:
        """A pool over time, and when it will be full; read in this process, so that SQLite is loaded."""
        from .capacity.service import history

        return await history(self.host, pool)

    async def history_told(self, pool: str) -> History:
        """The same, asked of another process: for the console."""
        from .capacity.glance import history_told

        return await history_told(self.host, pool)

    async def warmth_told(self, disk: str) -> Warmth:
        """A disk over time, asked of another process."""
        from .capacity.glance import warmth_told

        return await warmth_told(self.host, disk)

    def rates(self, pool: str, every: float) -> AsyncGenerator[Measured, None]:
        """What a pool reads and writes, measured while somebody looks."""
        from .zfs.iostat import rates

        return rates(self.host, pool, every)

    @cached_property
    def docker(self) -> DockerService:
        """Containers."""
        from .docker.service import DockerService

        return DockerService(self.host)

    @cached_property
    def health(self) -> HealthService:
        """How the box is."""
        from .health.service import HealthService

        return HealthService(self.host)

    @cached_property
    def jobs(self) -> JobService:
        """Work outside the console."""
        from .jobs.service import JobService

        return JobService(self.host)

    @cached_property
    def sign_in(self) -> SignIn:
        """Passwords of this machine's accounts."""
        from .sign_in import SignIn

        return SignIn()

    async def close(self) -> None:
        """Give back what was opened."""
        if "docker" in self.__dict__:
            await self.docker.close()
        await self.host.close()


def open_services(name: str | None) -> Services:
    """The services of the host called `name`; None is this machine. Nothing is contacted yet."""
    return Services(connect(name))
