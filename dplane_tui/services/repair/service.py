"""Guided repair of one host's pools: look, advise, do the one thing, and list what is damaged."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence

from ...errors import CommandError, DPlaneError, RefusedError
from ...text import clean
from ..zfs import names
from ..zfs.growth import GrowthActs
from ..zfs.model import HEALTHY, Pool
from ..zfs.vdevs import disk_name
from . import damage
from .advise import advise
from .model import Advice, Damage, Done

_SLOTS = "/sys/block/*/device/enclosure_device*/slot"
_MOST = 200  # damaged files that are looked into
_DATASETS = 10  # of which snapshots are listed


class RepairService(GrowthActs):
    """Raises only `DPlaneError`s."""

    async def advice(self, name: str) -> Advice:
        """What happened to the pool of that name, and the one thing to do. Raises MissingError when there is none."""
        return (await self._looked(name))[0]

    async def look(self, name: str) -> tuple[Advice, Damage | None]:
        """The same, and what is damaged for good where anything is."""
        advice, pool = await self._looked(name)
        return advice, await self.damaged(pool) if pool.data_errors else None

    async def _looked(self, name: str) -> tuple[Advice, Pool]:
        pool, disks, slots = await asyncio.gather(self.whole(name), self.disks(), self._slots())
        return advise(pool, disks, time.time(), slots), pool

    async def locate(self, disk: str, on: bool) -> str:
        """Switch the light of a disk's place in its enclosure. Returns the place as the enclosure calls it."""
        answer = await self.door.call("disk-locate", disk=names.disk(disk), on=on)
        if answer.get("on") is not on:
            raise CommandError(f"The light of {clean(disk, 80)} is not {'on' if on else 'off'}.", "Look again.")
        return clean(str(answer.get("slot", "")), 60)

    async def _slots(self) -> dict[str, str]:
        """Where disks sit, by kernel name: only what sysfs tells of enclosures."""
        found = {}
        for path, text in (await self.host.read_files([_SLOTS])).items():
            parts = path.split("/")
            if parts[-1] != "slot" or not parts[-2].startswith("enclosure_device"):
                continue
            label = parts[-2].partition(":")[2]
            found[parts[3]] = clean(f"slot {text.strip()}{f' ({label})' if label else ''}", 60)
        return found

    async def do(self, advice: Advice, new: str = "") -> Done:
        """Do what was advised, `new` being the disk that takes the place of another. Returns what was read back.
        Raises RefusedError when there is nothing to do, ChangedError when pool or device is another by now.
        """
        pool = await self._seen(advice)
        if advice.act == "replace" and advice.vdev is not None:
            if new not in (*(disk.id for disk in advice.fitting), *advice.spares):
                raise RefusedError(
                    f"{clean(new, 80) or 'Nothing'} is none of the disks that fit.", "Choose one of them."
                )
            made = await self.replace(pool, advice.vdev, new)
            return Done(f"{new} is in {pool.name} now ({made.state}) and takes the place of {disk_name(advice.vdev)}.")
        if advice.act == "online" and advice.vdev is not None:
            back = await self.online(pool, advice.vdev)
            return Done(f"{disk_name(advice.vdev)} is {back.state} again in {pool.name}.")
        if advice.act == "detach" and advice.vdev is not None:
            left = await self.detach(pool, advice.vdev)
            return Done(f"{disk_name(advice.vdev)} was taken out of {left.name}, which is {left.state}.")
        if advice.act == "clear":
            found = await self.clear(pool, advice.vdev.guid if advice.vdev is not None else None)
            rest = f"still {found.trouble()}" if found.trouble() else f"is {found.state}"
            return Done(f"The errors were cleared; {found.name} {rest}.", good=not found.trouble())
        if advice.act == "scrub":
            scan = await self.scrub(pool, "start")
            return Done(f"The scrub of {pool.name} is {scan.state}.")
        raise RefusedError(f"There is nothing to do on {advice.pool} from here.", *advice.todo[:1])

    async def _seen(self, advice: Advice) -> Pool:
        return await self._again(Pool(advice.pool, advice.guid, HEALTHY))

    async def damaged(self, pool: Pool) -> Damage:
        """The files of a pool that have permanent errors, and where a good one may be; what is unknown says so."""
        try:
            answer = await self.door.call("pool-errors", timeout=150, pool=pool.name, guid=pool.guid)
        except DPlaneError as error:
            return Damage((), pool.data_errors or 0, f"Which ones is not known: {error}")
        names = damage.parse_errors(str(answer.get("stdout", "")))
        shown, unknown = names[:_MOST], ""
        try:
            datasets = await self.datasets(pool.name)
            wanted = list(dict.fromkeys(filter(None, (damage.place(name, datasets).dataset for name in shown))))
            snapshots = {name: await self.snapshots(name) for name in wanted[:_DATASETS]}
        except DPlaneError as error:
            return Damage(damage.judge(shown, (), {}, {}), len(names), f"Snapshots could not be listed: {error}")
        try:
            guids = {one.name: one.guid for one in datasets}
            copies = await self._copies(wanted, guids)
        except DPlaneError as error:
            copies, unknown = {}, f"Copies elsewhere are not known: {error}"
        if len(wanted) > _DATASETS:
            unknown = f"{unknown} Snapshots were listed of {_DATASETS} datasets only.".strip()
        return Damage(damage.judge(shown, datasets, snapshots, copies), len(names), unknown)

    async def _copies(self, datasets: Sequence[str], guids: Mapping[str, str]) -> dict[str, list[str]]:
        from ...text import age
        from ..protection.gather import copies_of
        from ..replication.glance import task_states

        tasks, now = await task_states(self.host), time.time()
        return {
            dataset: [
                f"the copy {one.where} (task {one.task}), proven {age(one.verified_at, now)}"
                for one in copies_of(dataset, tasks, guids, guids.get(dataset, ""))
                if one.verified_at is not None
            ]
            for dataset in datasets
        }
