"""Acts on the devices of a pool. Each names its device by GUID, and reads back what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ...errors import ChangedError, CommandError, DPlaneError, RefusedError
from ...text import clean
from .model import HEALTHY, Pool, Vdev
from .parse_text import parse_status
from .read import STUCK
from .requests import check_disk
from .service import ZfsService
from .vdevs import disk_name

_EXPANSION = (2, 3)
"""The version of ZFS from which a raidz can be widened."""
_LOOKS = 4


class VdevActs(ZfsService):
    """Replace, attach, detach, online, offline. Raises as ZfsService does."""

    async def whole(self, name: str) -> Pool:
        """A pool with the GUID and the path of each device, on every version of ZFS. Raises MissingError."""
        return await self._with_ids(await self.pool(name))

    async def _with_ids(self, pool: Pool) -> Pool:
        for _ in range(_LOOKS - 1):
            try:
                return await self._looked_up(pool)
            except ChangedError:  # a resilver ended between two listings
                pool = await self.pool(pool.name)
        return await self._looked_up(pool)

    async def _looked_up(self, pool: Pool) -> Pool:
        if not pool.vdevs or all(leaf.guid for leaf in pool.leaves()):
            return pool
        try:  # before 2.3 the text has the one or the other
            trees = [
                parse_status(
                    (await self._run(["env", "TZ=UTC", "zpool", "status", flag, pool.name], timeout=STUCK)).text,
                    pool.name,
                )
                for flag in ("-gps", "-Pps")
            ]
        except DPlaneError:
            return pool  # suspended: what is known already has to do
        return replace(pool, vdevs=_joined(pool.vdevs, trees[0].vdevs, trees[1].vdevs))

    async def _again(self, pool: Pool) -> Pool:
        return await self._with_ids(await self._same_pool(pool))

    async def online(self, pool: Pool, vdev: Vdev, expand: bool = False) -> Vdev:
        """Bring a disk back into use. Returns it as it then is. Raises CommandError when it does not come back."""
        await self._call("vdev-online", pool, vdev, expand=True if expand else None)
        found = _find(await self._again(pool), _guid(vdev))
        if found.state != HEALTHY:
            why = f" ({found.note})" if found.note else ""
            raise CommandError(
                f"ZFS took the order, but {disk_name(vdev)} is {found.state}{why}.",
                "Look at its cable and power, or replace it.",
            )
        return found

    async def offline(self, pool: Pool, vdev: Vdev) -> Vdev:
        """Take a disk out of use until it is brought back. Returns it as it then is."""
        await self._call("vdev-offline", pool, vdev)
        found = _find(await self._again(pool), _guid(vdev))
        if found.state != "OFFLINE":
            raise CommandError(f"ZFS took the order, but {disk_name(vdev)} is {found.state}.", "Look at it again.")
        return found

    async def replace(self, pool: Pool, vdev: Vdev, new: str, force: bool = False) -> Vdev:
        """Put the disk `new` (its name by-id, or a spare of the pool) in the place of another. Returns the new device.

        It is then in the pool and is being filled; only when the resilver has ended is the old one gone.
        """
        if new.startswith("draid"):
            if not any(one.name == new and one.state == "AVAIL" for one in pool.leaves()):
                raise RefusedError(f"{clean(new, 40)} is no free spare of {pool.name}.")
            answer = await self._call("vdev-spare", pool, vdev, spare=new)
        else:
            await self._check_new(pool, new, force)
            answer = await self._call("vdev-replace", pool, vdev, new=new, force=True if force else None)
        return await self._put_in(pool, new, answer)

    async def attach(self, pool: Pool, vdev: Vdev, new: str, force: bool = False) -> Vdev:
        """Put a disk beside another as its mirror, or into a raidz that grows by it. Returns the new device.

        Raises RefusedError for a raidz that this ZFS, or the pool with its features, cannot widen.
        """
        await self._check_wider(pool, vdev)
        await self._check_new(pool, new, force)
        answer = await self._call("vdev-attach", pool, vdev, new=new, force=True if force else None)
        return await self._put_in(pool, new, answer)

    async def detach(self, pool: Pool, vdev: Vdev) -> Pool:
        """Take a disk out of its mirror, or out of a replacement. Returns the pool without it."""
        await self._call("vdev-detach", pool, vdev)
        found = await self._again(pool)
        if any(one.guid == vdev.guid for top in found.vdevs for _, one in top.walk() if top.role != "spare"):
            raise CommandError(f"ZFS took the order, but {disk_name(vdev)} is still in {pool.name}.", "Look again.")
        return found

    async def _check_wider(self, pool: Pool, vdev: Vdev) -> None:
        if not vdev.kind.startswith("raidz"):
            return
        if await self.version() < _EXPANSION:
            raise RefusedError(
                f"This ZFS cannot widen a raidz ({vdev.name}); OpenZFS {'.'.join(map(str, _EXPANSION))} can.",
                "Add another raidz of the same width, or make a new pool.",
            )
        if await self._pool_get("feature@raidz_expansion", pool) == "disabled":
            raise RefusedError(
                f"The features of {pool.name} are from an older ZFS, which cannot widen a raidz.",
                f"`dplane pool upgrade {pool.name}` switches them on; older systems cannot import it then.",
            )

    async def _pool_get(self, name: str, pool: Pool) -> str:
        return (await self._run(["zpool", "get", "-Hpo", "value", name, pool.name])).text.rstrip("\n")

    async def _check_new(self, pool: Pool, new: str, force: bool) -> None:
        spares = {disk_name(one) for one in pool.leaves() if one.role == "spare" and one.state == "AVAIL"}
        if new not in spares:
            check_disk(new, await self.disks(), force)

    async def _call(self, verb: str, pool: Pool, vdev: Vdev, **more: Any) -> dict[str, object]:
        return await self.door.call(verb, timeout=330, pool=pool.name, guid=pool.guid, vdev=_guid(vdev), **more)

    async def _put_in(self, pool: Pool, new: str, answer: dict[str, object]) -> Vdev:
        found = _find(await self._again(pool), str(answer.get("new_vdev", "")))
        if found.state != HEALTHY:
            raise CommandError(
                f"{clean(new)} was put into {pool.name}, but is {found.state}.", "Look at the pool again."
            )
        return found


def _guid(vdev: Vdev) -> str:
    if not vdev.guid:
        raise CommandError(f"The GUID of {disk_name(vdev)} is not known, so nothing is done to it.", "Look again.")
    return vdev.guid


def _find(pool: Pool, guid: str) -> Vdev:
    for top in pool.vdevs:
        for _, one in top.walk():
            if guid and one.guid == guid and (top.role != "spare" or one.state != "INUSE"):
                return one
    raise ChangedError(f"{pool.name} has no device with the GUID {clean(guid, 30) or '?'} (any more).", "Look again.")


def _joined(vdevs: Sequence[Vdev], by_guid: Sequence[Vdev], by_path: Sequence[Vdev]) -> tuple[Vdev, ...]:
    if not len(vdevs) == len(by_guid) == len(by_path):
        raise ChangedError("The devices of the pool change at this moment.", "Look again.")
    return tuple(
        replace(
            one,
            guid=guid.name if guid.name.isdigit() else None,
            path=one.path or path.path,
            children=_joined(one.children, guid.children, path.children),
        )
        for one, guid, path in zip(vdevs, by_guid, by_path, strict=True)
    )
