"""Guided repair and the devices of pools in memory: the real advice on made-up pools, and a list of what was called."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass, field
from typing import Any

from dplane_tui.errors import DPlaneError, MissingError
from dplane_tui.services.repair.advise import advise
from dplane_tui.services.repair.model import Advice, Damage, Damaged, Done
from dplane_tui.services.zfs.growth_rules import AddVdevs
from dplane_tui.services.zfs.model import Disk, Importable, Imported, Pool, Vdev
from dplane_tui.services.zfs.vdevs import disk_name

EVIL = "/tank/evil\x1b[2J\u202ename"


@dataclass
class FakeRepair:
    """What a test wants otherwise it changes on the parts."""

    zfs: Any
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    failure: DPlaneError | None = None
    mended: bool = True
    slots: dict[str, str] = field(default_factory=dict)
    more_disks: tuple[Disk, ...] = (Disk("ata-new", "sdn", 16 << 40, "WDC", "N1"),)

    async def pool(self, name: str) -> Pool:
        found: Pool | None = next((pool for pool in await self.zfs.pools() if pool.name == name), None)
        if found is None:
            raise MissingError(f"There is no pool {name} on nas-a.")
        return found

    whole = pool

    async def disks(self) -> tuple[Disk, ...]:
        return (*await self.zfs.disks(), *self.more_disks)

    async def advice(self, name: str) -> Advice:
        return advise(await self.pool(name), await self.disks(), time.time(), self.slots)

    async def look(self, name: str) -> tuple[Advice, Damage | None]:
        pool = await self.pool(name)
        return await self.advice(name), await self.damaged(pool) if pool.data_errors else None

    async def locate(self, disk: str, on: bool) -> str:
        self.calls.append(("locate", disk, on))
        return "Slot 05"

    async def damaged(self, pool: Pool) -> Damage:
        one = Damaged(EVIL, "tank", path="evil", snapshots=("daily-3",))
        return Damage((one,), pool.data_errors or 0)

    async def do(self, advice: Advice, new: str = "") -> Done:
        self.calls.append((advice.act, advice.guid, advice.vdev and advice.vdev.guid, new))
        if self.failure:
            raise self.failure
        return Done(f"It was done with {new or 'nothing new'}.", self.mended)

    async def online(self, pool: Pool, vdev: Vdev, expand: bool = False) -> Vdev:
        return self._done("online", pool, vdev, "ONLINE")

    async def offline(self, pool: Pool, vdev: Vdev) -> Vdev:
        return self._done("offline", pool, vdev, "OFFLINE")

    async def replace(self, pool: Pool, vdev: Vdev, new: str, force: bool = False) -> Vdev:
        return self._done("replace", pool, vdev, "ONLINE", new)

    async def attach(self, pool: Pool, vdev: Vdev, new: str, force: bool = False) -> Vdev:
        return self._done("attach", pool, vdev, "ONLINE", new)

    async def detach(self, pool: Pool, vdev: Vdev) -> Pool:
        self._done("detach", pool, vdev, "gone")
        return pool

    async def add_preview(self, pool: Pool, request: AddVdevs) -> str:
        return f"would update '{pool.name}'\n\tmirror\n\t  {request.words()[-1]}"

    async def unchecked(self, request: AddVdevs) -> str:
        return "zpool checks less." if request.mismatch else ""

    async def add(self, pool: Pool, request: AddVdevs) -> Pool:
        self.calls.append(("add", pool.guid, request.words()))
        return pool

    async def remove(self, pool: Pool, vdev: Vdev) -> str:
        self._done("remove", pool, vdev, "gone")
        return "removing"

    async def split(self, pool: Pool, to: str) -> str:
        self.calls.append(("split", pool.guid, to))
        return "77"

    async def set_habit(self, pool: Pool, name: str, on: bool) -> str:
        self.calls.append(("set", pool.guid, name, on))
        return "on" if on else "off"

    async def work(self, pool: Pool, kind: str, action: str) -> str:
        self.calls.append((kind, pool.guid, action))
        return "0% trimmed, started"

    async def checkpoint(self, pool: Pool, discard: bool = False) -> int | None:
        self.calls.append(("checkpoint", pool.guid, discard))
        return None if discard else 4096

    async def disabled_features(self, pool: Pool) -> tuple[str, ...]:
        return ("draid", "zilsaxattr")

    async def upgrade(self, pool: Pool) -> None:
        self.calls.append(("upgrade", pool.guid))

    async def importable_in(self, folder: str | None = None, destroyed: bool = False) -> tuple[Importable, ...]:
        self.calls.append(("look", folder, destroyed))
        return (Importable("old", "4711", "FAULTED", disks=("virtio-data5",)),)

    async def import_other(self, found: Importable, name: str | None = None, **more: Any) -> Imported:
        self.calls.append(("import", found.guid, name, more))
        return Imported(name or found.name, found.guid, "ONLINE")

    async def rewind_preview(self, found: Importable, folder: str | None = None) -> str:
        return f"Would be able to return {found.name} to its state as of yesterday."

    async def rewind(
        self, found: Importable, name: str | None = None, folder: str | None = None, checkpoint: bool = False
    ) -> Imported:
        self.calls.append(("rewind", found.guid, folder, checkpoint))
        return Imported(found.name, found.guid, "ONLINE")

    async def rename(self, pool: Pool, to: str) -> Imported:
        self.calls.append(("rename", pool.guid, to))
        return Imported(to, pool.guid, pool.state)

    def _done(self, what: str, pool: Pool, vdev: Vdev, state: str, *more: str) -> Vdev:
        self.calls.append((what, pool.guid, disk_name(vdev), *more))
        if self.failure:
            raise self.failure
        return dataclasses.replace(vdev, state=state)
