"""The services of one host, each loaded when a screen first asks for it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from .host import Host, connect

if TYPE_CHECKING:
    from .docker.service import DockerService
    from .files.service import FilesService
    from .health.service import HealthService
    from .jobs.service import JobService
    from .policies.service import PolicyService
    from .repair.service import RepairService
    from .replication.model import TaskStatus
    from .replication.service import ReplicationService
    from .sign_in import SignIn
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

    async def task_states(self) -> tuple[TaskStatus, ...]:
        """The replication tasks; asked of another process while nothing here has needed the engine yet."""
        if "replication" in self.__dict__:
            return await self.replication.tasks()
        from .replication.glance import task_states

        return await task_states(self.host)

    @cached_property
    def policies(self) -> PolicyService:
        """Snapshot policies and their runs."""
        from .policies.service import open_policies

        return open_policies(self.host)

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
