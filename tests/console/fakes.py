"""Services with made-up data, for flows no test can ask of a real box. They keep a list of what was called."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, cast

from dplane_tui.errors import DPlaneError, MissingError, RefusedError
from dplane_tui.services.bundle import Services
from dplane_tui.services.docker.model import Container, Engine
from dplane_tui.services.health.model import DiskHealth, Health, Memory, ServiceState, Temperature
from dplane_tui.services.host import Output
from dplane_tui.services.jobs.model import Progress
from dplane_tui.services.notify.model import Status
from dplane_tui.services.replication.model import (
    Copy,
    Evidence,
    Options,
    Peer,
    Plan,
    Restore,
    Run,
    Step,
    Task,
    TaskStatus,
)
from dplane_tui.services.retention.model import Judged, PruneWish, Pruning, SideReport
from dplane_tui.services.sign_in import Opened
from dplane_tui.services.zfs.model import Dataset, Disk, Importable, Imported, Pool, Preview, Scan, Snapshot, Vdev
from dplane_tui.services.zfs.requests import CreateDataset, CreatePool
from tests.console.fake_channels import FakeChannels
from tests.console.fake_keys import FakeKeys
from tests.console.fake_looks import FakeLooks
from tests.console.fake_policies import FakePolicies
from tests.console.fake_repair import FakeRepair
from tests.console.fake_storage import FakeStorage

if TYPE_CHECKING:
    from dplane_tui.services.capacity.model import History, Warmth
    from dplane_tui.services.zfs.iostat import Measured

NOW = 1_800_000_000.0
G = 1 << 30
M = 1 << 20


def disk_vdev(name: str, state: str = "ONLINE", *errors: int) -> Vdev:
    """A leaf."""
    read, write, checksum = (*errors, 0, 0, 0)[:3]
    return Vdev(
        name,
        "disk",
        state,
        guid=f"7{abs(hash(name)) % 10**12}",
        path=f"/dev/disk/by-id/{name}",
        read_errors=read,
        write_errors=write,
        checksum_errors=checksum,
        slow_ios=0,
    )


def tank(**changes: Any) -> Pool:
    """A healthy mirror."""
    mirror = Vdev(
        "mirror-0",
        "mirror",
        "ONLINE",
        guid="71",
        read_errors=0,
        write_errors=0,
        checksum_errors=0,
        children=(disk_vdev("virtio-data0"), disk_vdev("virtio-data1")),
    )
    pool = Pool(
        "tank",
        "1001",
        "ONLINE",
        size=9 * G,
        allocated=3 * G,
        free=6 * G,
        capacity=34,
        fragmentation=2,
        scan=Scan("scrub", "finished", ended=time.time() - 3 * 86400, errors=0),
        vdevs=(mirror,),
        data_errors=0,
    )
    return dataclasses.replace(pool, **changes)


def vault() -> Pool:
    """A degraded raidz with a scrub running."""
    bad = dataclasses.replace(
        disk_vdev("ata-WDC_WD40EFRX-68N32N0_WD-WCC7K3", "FAULTED", 3, 128, 7), note="too many errors"
    )
    raidz = Vdev(
        "raidz1-0",
        "raidz1",
        "DEGRADED",
        guid="72",
        read_errors=0,
        write_errors=0,
        checksum_errors=0,
        children=(
            disk_vdev("ata-WDC_WD40EFRX-68N32N0_WD-WCC7K1"),
            bad,
            disk_vdev("ata-WDC_WD40EFRX-68N32N0_WD-WCC7K4"),
        ),
    )
    log = Vdev("nvme-log", "disk", "ONLINE", role="log", guid="73", read_errors=0, write_errors=0, checksum_errors=0)
    return Pool(
        "vault",
        "1002",
        "DEGRADED",
        size=12 * 1024 * G,
        allocated=11 * 1024 * G,
        free=1024 * G,
        capacity=91,
        fragmentation=41,
        scan=Scan("scrub", "scanning", percent=34.0, eta=754.0),
        vdevs=(raidz, log),
        data_errors=0,
        status="One or more devices are faulted in response to persistent errors.",
        action="Replace the faulted device, or use 'zpool clear' to mark the device repaired.",
    )


@dataclass
class FakeHost:
    """A host that answers `id`."""

    name: str = "nas-a"
    local: bool = True
    groups: str = "owner dplane-admin dplane-operate dplane-view"
    listed: str = "tank/home\ntank/home/anna\n"
    """What `zfs list` says is at and below the source of a task."""
    crontabs: dict[str, str] = field(default_factory=dict)
    denied: str = ""
    """A place of crontabs that this account may not read."""

    async def run(self, argv: Any, *, stdin: bytes = b"", timeout: float = 30) -> Output:
        if argv[0] == "zfs":
            return Output(0, self.listed.encode(), b"")
        if "find" in argv:
            sizes = "".join(f"{len(text)}\t{path}\0" for path, text in self.crontabs.items())
            errors = f"find: '{self.denied}': Permission denied\n" if self.denied else ""
            gone = "".join(
                f"find: '{path}': No such file or directory\n"
                for path in ("/etc/crontab", "/var/spool/cron/crontabs/root")
                if path not in self.crontabs and path != self.denied
            )
            return Output(1, sizes.encode(), (errors + gone).encode())
        return Output(0, (self.groups if "-Gn" in argv else "1000").encode(), b"")

    async def read_files(self, paths: Sequence[str]) -> dict[str, str]:
        return {path: self.crontabs[path] for path in paths if path in self.crontabs}

    async def close(self) -> None:
        return None


@dataclass
class FakeZfs:
    """Pools in a list."""

    pool_list: list[Pool] = field(default_factory=lambda: [tank(), vault()])
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    failure: DPlaneError | None = None
    not_mounted: tuple[str, ...] = ()

    async def pools(self) -> tuple[Pool, ...]:
        if self.failure:
            raise self.failure
        return tuple(self.pool_list)

    async def datasets(self, pool: str | None = None) -> tuple[Dataset, ...]:
        names = (f"{pool or 'tank'}", f"{pool or 'tank'}/home", f"{pool or 'tank'}/home/anna", f"{pool or 'tank'}/vm")
        return tuple(
            Dataset(
                n,
                "volume" if n.endswith("vm") else "filesystem",
                str(2000 + i),
                used=i * 300 * M,
                available=6 * G,
                referenced=100 * M,
                mountpoint=None if n.endswith("vm") else f"/{n}",
                mounted=True,
            )
            for i, n in enumerate(names)
        )

    async def snapshots(self, dataset: str) -> tuple[Snapshot, ...]:
        return tuple(
            Snapshot(
                f"{dataset}@daily-{i}",
                str(3000 + i),
                100 + i,
                created=time.time() - (5 - i) * 86400,
                used=i * M,
                referenced=G,
            )
            for i in range(4)
        )

    async def disks(self) -> tuple[Disk, ...]:
        return (
            Disk("virtio-system", "vda", 20 * G, "QEMU", in_use="mounted on /"),
            Disk("virtio-data2", "vdd", 10 * G, "QEMU"),
            Disk("virtio-data3", "vde", 10 * G, "QEMU"),
            Disk("virtio-data4", "vdf", 8 * G, "QEMU"),
        )

    async def importable(self) -> tuple[Importable, ...]:
        return (Importable("old", "4711", "ONLINE", disks=("virtio-data5",)),)

    async def scrub(self, pool: Pool, action: str) -> Scan:
        self.calls.append(("scrub", pool.guid, action))
        return Scan("scrub", {"start": "scanning", "pause": "paused", "stop": "canceled"}[action])

    async def clear(self, pool: Pool, vdev: str | None = None) -> Pool:
        self.calls.append(("clear", pool.guid))
        return pool

    async def create_pool(self, request: CreatePool) -> Pool:
        self.calls.append(("create_pool", request))
        made = tank(name=request.name, guid="1999")
        self.pool_list.append(made)
        return made

    async def import_pool(self, found: Importable, name: str | None = None, readonly: bool = False) -> Imported:
        self.calls.append(("import", found.guid))
        pool = tank(name=found.name, guid=found.guid)
        told = {field.name: getattr(pool, field.name) for field in fields(pool)}
        return Imported(**told, not_mounted=self.not_mounted)

    async def export(self, pool: Pool) -> None:
        self.calls.append(("export", pool.guid))

    async def destroy_pool_preview(self, pool: Pool) -> Preview:
        return Preview("destroy", pool, tuple(one.name for one in await self.datasets(pool.name)), pool.allocated)

    async def destroy_pool(self, pool: Pool) -> None:
        self.calls.append(("destroy_pool", pool.guid))
        self.pool_list.remove(pool)

    async def create_dataset(self, request: CreateDataset) -> Dataset:
        self.calls.append(("create_dataset", request))
        return Dataset(request.name, "filesystem", "2999")

    async def destroy_preview(self, target: Dataset | Snapshot, recursive: bool = False) -> Preview:
        return Preview("destroy", target, (target.name,), 5 * M, recursive, "plan")

    async def destroy(self, preview: Preview) -> None:
        self.calls.append(("destroy", preview.target.guid))

    async def snapshot(self, dataset: Dataset, name: str, recursive: bool = False) -> Snapshot:
        self.calls.append(("snapshot", dataset.guid, name, recursive))
        return Snapshot(f"{dataset.name}@{name}", "3999", 200)

    async def rollback_preview(self, snapshot: Snapshot, destroy_newer: bool = True) -> Preview:
        return Preview("rollback", snapshot, (f"{snapshot.dataset}@daily-3",), None, True, "plan")

    async def rollback(self, preview: Preview) -> Snapshot:
        self.calls.append(("rollback", preview.target.guid))
        assert isinstance(preview.target, Snapshot)
        return preview.target


EVIDENCE = Evidence(
    "tank/home",
    "backup/home",
    "dplane-20261123T120000Z",
    "9911223344556677",
    "9911223344556677",
    40 * M,
    "dplane-20261122T120000Z",
    21.5,
    NOW,
)
PEER = Peer(
    "nas-b", "dplane", "10.9.0.2", 22, "ssh-ed25519 AAAA", "SHA256:farfarfar", "SHA256:ownownown", True, "backup"
)
TASK = Task("home", "tank/home", "nas-b", "backup/home")


@dataclass
class FakeReplication(FakeLooks):
    """One peer, one task."""

    peer_list: list[Peer] = field(default_factory=lambda: [PEER])
    task_list: list[TaskStatus] = field(default_factory=list)
    failure: DPlaneError | None = None
    run_state: str = "succeeded"
    run_list: list[Run] = field(default_factory=list)
    options: Options = field(default_factory=Options)
    recursive: bool = False
    made: list[Task] = field(default_factory=list)
    plan_made: Plan | None = None
    failure_of_plan: DPlaneError | None = None
    shown_key: str = "SHA256:farfarfar"

    def last(self) -> Run:
        """The last run of the task."""
        ended = None if self.run_state == "running" else time.time() - 580
        said = {
            "succeeded": "1 snapshot proven at backup/home.",
            "running": "",
            "failed": "The connection to nas-b was lost after 12.0M of 40.0M; the next run resumes there.",
        }[self.run_state]
        proof = (EVIDENCE,) if self.run_state == "succeeded" else ()
        return Run("r1", "home", self.run_state, time.time() - 600, ended, 40 * M, said, evidence=proof)

    async def peers(self) -> tuple[Peer, ...]:
        return tuple(self.peer_list)

    async def tasks(self, *, look: bool = False) -> tuple[TaskStatus, ...]:
        if self.failure:
            raise self.failure
        when = time.time() - 580
        task = dataclasses.replace(TASK, options=self.options, recursive=self.recursive)
        due = time.time() + 3 * 3600 + 30 if self.options.schedule and not self.options.paused else None
        own = TaskStatus(task, self.last(), when, EVIDENCE.snapshot, when - 20, False, due, when - 20, (task.source,))
        own = dataclasses.replace(own, guids=("2001",))
        listed = tuple(self.task_list) or (own,)
        listed = listed if look else tuple(dataclasses.replace(one, anew=()) for one in listed)
        return (*listed, *(TaskStatus(task) for task in self.made))

    async def task(self, name: str) -> Task:
        return next(status.task for status in await self.tasks() if status.task.name == name)

    async def set_options(
        self,
        name: str,
        options: Options,
        rpo: int | None = None,
        *,
        recursive: bool | None = None,
        snapshot: bool | None = None,
        timed: bool = False,
    ) -> Task:
        self.calls.append(("set_options", name, options, *(() if rpo is None else (rpo,))))
        self.options = options
        if recursive is not None:
            self.calls.append(("set_depth", name, recursive))
            self.recursive = recursive
        if snapshot is not None:
            self.calls.append(("set_own", name, snapshot))
        rpo = TASK.rpo if rpo is None else rpo
        return dataclasses.replace(TASK, options=options, rpo=rpo, recursive=self.recursive)

    async def prune(self, name: str, wish: PruneWish) -> Pruning:
        self.calls.append(("prune", name, wish))
        if self.failure_of_plan:
            raise self.failure_of_plan
        gone = Judged("tank/home", "dplane-2026-11-01T00-00-00Z", "5", False, "older than what is kept", not wish.dry)
        return Pruning(name, wish.dry, (SideReport("source", "this machine", wish.keep_source or "", (gone,), M),))

    async def runs(self, task: str | None = None, limit: int = 50) -> tuple[Run, ...]:
        old = Run("r0", "home", "nothing-new", time.time() - 90000, time.time() - 89998, 0, "Nothing new.")
        return tuple(self.run_list) or (self.last(), old)

    async def run(self, run_id: str) -> Run:
        return self.last()

    async def probe(self, address: str, port: int) -> Any:
        self.calls.append(("probe", address, port))
        if address == "nowhere":
            raise DPlaneError("nowhere cannot be reached: no such host.", "Check the address.")
        return HostIdentity("ssh-ed25519 AAAA", self.shown_key)

    async def test_peer(self, name: str) -> str:
        self.calls.append(("test_peer", name))
        return f"{name} answered: D-Plane, ZFS 2.3.9."

    async def pair(self, request: Any) -> Peer:
        self.calls.append(("pair", request))
        return dataclasses.replace(PEER, name=request.name)

    async def remove_peer(self, name: str) -> None:
        self.calls.append(("remove_peer", name))

    async def add_task(self, task: Task) -> Task:
        self.calls.append(("add_task", task))
        self.made.append(task)
        return task

    async def preview(self, task: Task) -> Plan:
        self.calls.append(("preview", task))
        if self.failure_of_plan:
            raise self.failure_of_plan
        step = Step("full", task.source, task.target, "filesystem", "dplane-20261124T120000Z", "", size=3 * G)
        return Plan(task.name, "dplane-20261124T120000Z", True, steps=(step,), available=120 * G)

    async def copies(self, name: str) -> tuple[Copy, ...]:
        now = time.time()
        return (Copy("", EVIDENCE.snapshot, "99", now - 600, now - 580), Copy("", "by-hand", "98", now - 9000))

    async def restore(self, name: str, wish: Restore) -> str:
        self.calls.append(("restore", name, wish))
        return "replicate-home-restore"

    async def remove_task(self, name: str) -> str:
        self.calls.append(("remove_task", name))
        return ""

    async def plan(self, name: str) -> Plan:
        if self.plan_made is None:
            raise MissingError("No plan here.")
        return self.plan_made

    async def start(self, name: str) -> str:
        self.calls.append(("start", name))
        self.run_state = "running"
        return "r1"

    async def cancel(self, run_id: str) -> None:
        self.calls.append(("cancel", run_id))


@dataclass
class HostIdentity:
    """A far host's key."""

    key: str
    fingerprint: str


@dataclass
class FakeDocker:
    """Two containers."""

    failure: DPlaneError | None = None
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    closed: int = 0

    async def engine(self, *, stats: bool = True) -> Engine:
        if self.failure:
            raise self.failure
        web = Container(
            "c1",
            "web",
            "nginx:1.27",
            "running",
            "Up 3 hours (healthy)",
            "healthy",
            ("0.0.0.0:8080->80/tcp",),
            cpu_percent=1.5,
            memory=32 * M,
        )
        return Engine(
            "26.1", (web, Container("c2", "job", "busybox", "exited", "Exited (1) 2 minutes ago", exit_code=1))
        )

    async def act(self, container_id: str, action: str) -> Container:
        self.calls.append((action, container_id))
        return (await self.engine()).containers[0]

    async def logs(self, container_id: str, tail: int = 200, *, follow: bool = True) -> AsyncIterator[str]:
        for n in range(30):
            yield f"line {n} of {container_id}"
        if follow:
            await asyncio.Event().wait()

    async def close(self) -> None:
        self.closed += 1


@dataclass
class FakeHealth:
    """A calm box."""

    async def read(self, previous: Health | None = None) -> Health:
        return Health(
            time.time(),
            "nas-a",
            "6.12.0-amd64",
            "2.3.9",
            86400.0 * 3,
            2,
            (0.12, 0.2, 0.25),
            3.0,
            Memory(1000 * M, 600 * M, arc=180 * M, arc_max=500 * M),
            (Temperature("cpu", 51.0, 85.0),),
            (
                DiskHealth("virtio-data0", "vdb", "unknown", "virtio disks tell no SMART state"),
                DiskHealth("ata-WDC", "sda", "passed", celsius=34.0, power_on_hours=12000),
            ),
            (ServiceState("ssh.service", "active"), ServiceState("docker.service", "failed")),
        )

    async def disks(self, disks: Any) -> tuple[DiskHealth, ...]:
        return (
            DiskHealth("virtio-data0", "vdb", "unknown", "virtio disks tell no SMART state"),
            DiskHealth("ata-WDC_WD40EFRX-68N32N0_WD-WCC7K1", "sda", "passed", celsius=34.0, power_on_hours=12000),
        )


@dataclass
class FakeJobs:
    """Jobs in a list."""

    jobs: list[Progress] = field(default_factory=list)

    async def list(self) -> tuple[Progress, ...]:
        return tuple(self.jobs)


@dataclass
class FakeSignIn:
    """One password opens everything; what was asked is kept."""

    password: str = "sesame"
    why_not: str = ""
    silent: DPlaneError | None = None
    """What asking whether a password opens it ends with."""
    told: asyncio.Event | None = None
    """Until it is set that question has no answer."""
    opened: Opened = field(default_factory=lambda: Opened(True, "Signed in: your console is open on tty1."))
    asked: list[tuple[str, str]] = field(default_factory=list)

    async def possible(self) -> str:
        if self.told is not None:
            await self.told.wait()
        if self.silent is not None:
            raise self.silent
        return self.why_not

    async def unlock(self, password: str) -> None:
        await self.sign_in("(own)", password)

    async def sign_in(self, user: str, password: str) -> str:
        self.asked.append((user, password))
        if password != self.password:
            raise RefusedError("The name or the password is not right, or that account may not sign in.")
        return "tty1"

    async def came_up(self, terminal: str) -> Opened:
        return self.opened


class FakeServices(Services):
    """All of it. What a test wants otherwise it changes on the parts."""

    def __init__(self, name: str = "nas-a") -> None:
        super().__init__(cast(Any, FakeHost(name)))
        self.fake_zfs = FakeZfs()
        self.fake_storage = FakeStorage()
        self.fake_repair = FakeRepair(self.fake_zfs)
        self.fake_replication = FakeReplication()
        self.fake_keys = FakeKeys(PEER)
        self.fake_policies = FakePolicies()
        self.fake_channels = FakeChannels()
        self.fake_docker = FakeDocker()
        self.fake_jobs = FakeJobs()
        self.fake_sign_in = FakeSignIn()
        self.closed = False
        self.measured: list[tuple[str, float]] = []
        """Pools whose reads and writes were measured, and at which pace; 0 when that ended."""
        self.told: Status | DPlaneError = Status()
        self.notices: tuple[tuple[float, str], ...] | DPlaneError = ()
        self.days = 20
        """Days over which capacity and temperature were noted."""
        self.__dict__.update(
            zfs=self.fake_zfs,
            storage=self.fake_storage,
            repair=self.fake_repair,
            replication=self.fake_replication,
            keys=self.fake_keys,
            policies=self.fake_policies,
            channels=self.fake_channels,
            docker=self.fake_docker,
            health=FakeHealth(),
            jobs=self.fake_jobs,
            sign_in=self.fake_sign_in,
        )

    async def notified(self) -> Status:
        if isinstance(self.told, DPlaneError):
            raise self.told
        return self.told

    async def notices_told(self) -> tuple[tuple[float, str], ...]:
        if isinstance(self.notices, DPlaneError):
            raise self.notices
        return self.notices

    async def history(self, pool: str) -> History:
        from dplane_tui.services.capacity.forecast import forecast
        from dplane_tui.services.capacity.model import History, Sample

        found = next(one for one in self.fake_zfs.pool_list if one.name == pool)
        size, allocated, now = found.size or 0, found.allocated or 0, time.time()
        days = range(self.days, -1, -1)
        samples = tuple(Sample(now - day * 86400, round(allocated - day * size / 100), size) for day in days)
        return History(pool, found.guid, samples, forecast(samples, now))

    history_told = history

    async def rates(self, pool: str, every: float) -> AsyncGenerator[Measured, None]:
        from dplane_tui.services.zfs.iostat import Measured, Rates

        self.measured.append((pool, every))
        try:
            for n in range(1, 30):
                yield Measured("", Rates(30.0 + n, 12.0, n * M, M / 2, 0.0031, None, 3, 2))
                yield Measured("mirror-0", Rates(30.0 + n, 12.0, n * M, M / 2, 0.0031, None, 3, 2))
                yield Measured("ata-old", Rates(20.0 + n, 6.0, n * M, M / 4, 0.0052, None, 3, 1))
                yield Measured("ata-new", Rates(10.0, 6.0, 0.0, M / 4, None, 0.00008))
                await asyncio.sleep(0.01)
            await asyncio.Event().wait()
        finally:
            self.measured.append((pool, 0.0))

    async def warmth_told(self, disk: str) -> Warmth:
        from dplane_tui.services.capacity.model import Heat, Warmth

        now = time.time()
        return Warmth(disk, tuple(Heat(now - day * 86400, 34.0 + day % 5) for day in range(self.days, -1, -1)))

    async def close(self) -> None:
        self.closed = True
