"""Acts on pools that grow, shrink and change as a whole. Each reads back what it did."""

from __future__ import annotations

import re

from ...errors import CommandError, DPlaneError, RefusedError
from ...text import clean
from . import names
from .growth_rules import AddVdevs, why_not_removed, why_not_split
from .model import Importable, Imported, Pool, Vdev
from .parse_text import parse_importable
from .vdev_acts import VdevActs
from .vdevs import disk_name

_MISMATCH = (2, 3)
"""The version of ZFS from which `zpool add` can be allowed another redundancy without force."""


class GrowthActs(VdevActs):
    """Add, remove, split, settings, upgrade, checkpoint, trim, initialize, imports of other kinds, rename."""

    async def add_preview(self, pool: Pool, request: AddVdevs) -> str:
        """The layout as zpool would make it. Nothing is changed."""
        request.check(pool, await self.disks())
        return str((await self._add(pool, request, dry_run=True)).get("stdout", ""))

    async def add(self, pool: Pool, request: AddVdevs) -> Pool:
        """Add groups to a pool. Returns it with them."""
        request.check(pool, await self.disks())
        await self._add(pool, request)
        found = await self._again(pool)
        there = {disk_name(leaf) for leaf in found.leaves()}
        missing = next((name for vdev in request.vdevs for name in vdev.disks if name not in there), "")
        if missing:
            raise CommandError(f"ZFS took the order, but {missing} is not in {pool.name}.", "Look at the pool again.")
        return found

    async def unchecked(self, request: AddVdevs) -> str:
        """What zpool itself will not check when it adds that; a sentence, empty when it checks all it can."""
        if request.force:
            return "zpool is forced: it does not check whether the disks are in use, nor their redundancy."
        if request.mismatch and await self.version() < _MISMATCH:
            return (
                f"Before {'.'.join(map(str, _MISMATCH))} ZFS allows another redundancy only by force: zpool does not "
                "check then whether the disks are in use, so only what was looked up here says that they are free."
            )
        return ""

    async def _add(self, pool: Pool, request: AddVdevs, dry_run: bool = False) -> dict[str, object]:
        forced = await self.unchecked(request) != ""
        return await self.door.call(
            "pool-add", timeout=330, pool=pool.name, guid=pool.guid, vdevs=request.words(),
            force=True if forced else None, mismatch=True if request.mismatch and not forced else None,
            dry_run=True if dry_run else None,
        )  # fmt: skip

    async def remove(self, pool: Pool, vdev: Vdev) -> str:
        """Take a group, log, cache or spare out. Returns `removed`, or `removing` while its data is being copied."""
        why = why_not_removed(pool, vdev)
        if why:
            raise RefusedError(why)
        answer = await self._call("vdev-remove", pool, vdev)
        outcome = str(answer.get("outcome", ""))
        found = await self._again(pool)
        left = next((top for top in found.vdevs if top.guid == vdev.guid and top.kind != "indirect"), None)
        if outcome not in ("removed", "removing") or (left is not None and outcome == "removed"):
            raise CommandError(f"ZFS took the order, but {vdev.name} is still in {pool.name}.", "Look at it again.")
        return "removed" if left is None else "removing"

    async def split(self, pool: Pool, to: str) -> str:
        """Make a pool called `to` of one disk of each mirror. Returns its GUID; it is not imported."""
        names.new_pool(to)
        if why := why_not_split(pool):
            raise RefusedError(why)
        before = await self.importable()
        if to in {*(one.name for one in before), *(one.name for one in await self.pools())}:
            raise RefusedError(
                f"There is a pool called {to} already, so the new one could not be told from it.",
                "Choose another name.",
            )
        answer = await self.door.call("pool-split", timeout=630, pool=pool.name, guid=pool.guid, to=to)
        guid = str(answer.get("split", ""))
        after = {one.guid for one in await self.importable() if one.name == to}
        if guid not in after - {one.guid for one in before}:
            raise CommandError(f"ZFS took the order, but the new pool {to} is not found on the disks.", "Look again.")
        return guid

    async def set_habit(self, pool: Pool, name: str, on: bool) -> str:
        """Switch `autoexpand`, `autoreplace` or `autotrim`. Returns the value as read back."""
        wanted = f"{name}={'on' if on else 'off'}"
        await self.door.call("pool-set", pool=pool.name, guid=pool.guid, setting=wanted)
        kept = await self._pool_get(name, await self._same_pool(pool))
        if f"{name}={kept}" != wanted:
            raise CommandError(f"{name} of {pool.name} was switched, but reads back as {clean(kept, 40)}.")
        return kept

    async def disabled_features(self, pool: Pool) -> tuple[str, ...]:
        """The features that an upgrade would switch on."""
        told = (await self._run(["zpool", "get", "-Hpo", "property,value", "all", pool.name])).text
        rows = [line.split("\t") for line in told.splitlines() if line.startswith("feature@")]
        return tuple(row[0].removeprefix("feature@") for row in rows if row[1:] == ["disabled"])

    async def upgrade(self, pool: Pool) -> None:
        """Switch all features on. Older ZFS cannot import the pool then; it cannot be undone."""
        await self.door.call("pool-upgrade", pool=pool.name, guid=pool.guid)
        left = await self.disabled_features(await self._same_pool(pool))
        if left:
            raise CommandError(f"ZFS took the order, but {left[0]} of {pool.name} is still disabled.", "Look again.")

    async def checkpoint(self, pool: Pool, discard: bool = False) -> int | None:
        """Keep the pool as it is now, or give that up. Returns the bytes that the checkpoint holds; None for none."""
        verb = "pool-checkpoint-discard" if discard else "pool-checkpoint"
        await self.door.call(verb, timeout=330, pool=pool.name, guid=pool.guid)
        held = await self._pool_get("checkpoint", await self._same_pool(pool))
        if not discard and not held.isdigit():
            raise CommandError(
                f"ZFS took the order, but {pool.name} tells of no checkpoint.", "Look at the pool again."
            )
        return int(held) if held.isdigit() else None

    async def work(self, pool: Pool, kind: str, action: str) -> str:
        """Start or stop a `trim` or an `initialize`. Returns what ZFS then tells of each disk, in words.

        Raises CommandError when no disk is at it after a start, or was done since; when one still is, after a stop.
        """
        before = await self._progress(await self._same_pool(pool), kind)
        await self.door.call(f"{kind}-{action}", pool=pool.name, guid=pool.guid)
        now = await self._progress(await self._same_pool(pool), kind)
        words = ", ".join(dict.fromkeys(now.values())) or "nothing told"
        under_way = any("started at" in told and "suspended" not in told for told in now.values())
        # By what it told before, not by the clock: this box's may be another than that one's.
        done = any("completed at" in told and told != before.get(disk) for disk, told in now.items())
        if action == "start" and not (under_way or done):
            raise CommandError(f"ZFS took the order, but no disk of {pool.name} is at it: {words}.", "Look again.")
        if action == "stop" and any("started at" in told for told in now.values()):
            raise CommandError(f"ZFS took the order, but {pool.name} is still at it: {words}.", "Look again.")
        return words

    async def _progress(self, pool: Pool, kind: str) -> dict[str, str]:
        """How far each disk is with it, in ZFS's words."""
        flag = "-t" if kind == "trim" else "-i"
        told = (await self._run(["env", "TZ=UTC", "zpool", "status", flag, pool.name])).text
        found = (re.search(rf"(\S+)\s.*\(((?:\d+% )?(?:un)?{kind}[^)]{{0,80}})\)", line) for line in told.splitlines())
        return {one[1]: one[2] for one in found if one is not None}

    async def importable_in(self, folder: str | None = None, destroyed: bool = False) -> tuple[Importable, ...]:
        """Pools that are not imported, looked for in a folder of /dev/disk, or the destroyed ones."""
        answer = await self.door.call("pool-scan", timeout=150, folder=folder, destroyed=True if destroyed else None)
        return parse_importable(str(answer.get("stdout", "")))

    async def import_other(
        self, found: Importable, name: str | None = None, *,
        readonly: bool = False, folder: str | None = None, destroyed: bool = False,
    ) -> Imported:  # fmt: skip
        """Import a pool that lies in a folder of its own, or was destroyed. Returns it as read back."""
        return await self._imported(
            "pool-import", found, name, folder=folder,
            readonly=True if readonly else None, destroyed=True if destroyed else None,
        )  # fmt: skip

    async def rewind_preview(self, found: Importable, folder: str | None = None) -> str:
        """What would be lost if the pool were imported without its last moments, in ZFS's words. Changes nothing."""
        answer = await self.door.call("pool-rewind-preview", timeout=630, guid=found.guid, folder=folder)
        told = clean(" ".join(f"{answer.get('stdout', '')} {answer.get('stderr', '')}".split()), 600)
        if not told and answer.get("status") == 0:
            return f"{found.name} can be imported as it is: nothing would be lost."
        return told or f"ZFS ended with status {answer.get('status')} and said nothing."

    async def rewind(
        self, found: Importable, name: str | None = None, folder: str | None = None, checkpoint: bool = False
    ) -> Imported:
        """Import a pool without its last moments, or as it was at its checkpoint. Returns it as read back."""
        verb = "pool-rewind-checkpoint" if checkpoint else "pool-rewind"
        return await self._imported(verb, found, name, folder=folder)

    async def rename(self, pool: Pool, to: str) -> Imported:
        """Export a pool and import it under another name. Returns it as it is then called."""
        names.new_pool(to)
        if any(one.name == to for one in await self.pools()):
            raise RefusedError(f"There is a pool called {to} already.")
        await self.export(pool)
        try:
            # It was this box's own until now, so what it shares and where it mounts stays as it was.
            return await self._imported("pool-import", Importable(pool.name, pool.guid, pool.state), to, known=True)
        except DPlaneError as error:
            raise CommandError(
                f"{pool.name} was exported, but could not be imported as {to}: {error.message}",
                f"`dplane pool import {pool.guid}` brings it back under its old name.",
            ) from None
