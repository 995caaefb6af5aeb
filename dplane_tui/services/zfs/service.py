"""Acts on pools, datasets and snapshots. Each takes the object as it was seen, and reads back what it did."""

from __future__ import annotations

from dataclasses import fields

from ...errors import ChangedError, CommandError
from ...text import clean
from . import names
from .model import Dataset, Importable, Imported, Pool, Preview, Scan, Snapshot
from .read import ZfsReader
from .requests import CreateDataset, CreatePool, check_property, same_value

_SCRUB = {"start": "scrub-start", "pause": "scrub-pause", "stop": "scrub-stop"}


class ZfsService(ZfsReader):
    """Reads (see ZfsReader) and acts. Acts go through the door, so they raise its errors: RefusedError for what is
    outside the grammar, ChangedError when the object is another one by now, NotAllowedError without the role,
    MissingError where D-Plane or ZFS is not installed, CommandError with ZFS's own words.
    """

    async def scrub(self, pool: Pool, action: str) -> Scan:
        """`start` (or go on with a paused one), `pause` or `stop` a scrub. Returns the scan as ZFS then tells it."""
        if action not in _SCRUB:
            raise CommandError(f"A scrub can be started, paused or stopped, not “{clean(action, 20)}”.")
        await self.door.call(_SCRUB[action], pool=pool.name, guid=pool.guid)
        scan = (await self._same_pool(pool)).scan
        if scan is None or scan.kind != "scrub":
            raise CommandError(f"ZFS took the order, but tells of no scrub of {pool.name}.", "Look at the pool again.")
        before = pool.scan.started if pool.scan and pool.scan.kind == "scrub" else None
        begun = scan.state == "scanning" or (scan.state == "finished" and scan.started != before)
        done = {"start": begun, "pause": scan.state == "paused", "stop": scan.state in ("canceled", "finished")}
        # A small pool's scrub may end between the order and the look.
        if not done[action] and not (action == "pause" and scan.state == "finished"):
            raise CommandError(
                f"ZFS took the order, but the scrub of {pool.name} is {scan.state}.", "Look at it again."
            )
        return scan

    async def clear(self, pool: Pool, vdev: str | None = None) -> Pool:
        """Clear the error counts of a pool, or of one vdev (its name or GUID). Returns the pool as it then is."""
        await self.door.call("pool-clear", pool=pool.name, guid=pool.guid, vdev=vdev)
        found = await self._same_pool(pool)
        if found.state == "SUSPENDED":
            raise CommandError(
                f"The errors of {pool.name} were cleared, but it is still suspended. {found.status}".strip(),
                "Check that its disks are connected.",
            )
        return found

    async def create_pool(self, request: CreatePool) -> Pool:
        """Create a pool and return it as read back. What cannot work is refused before anything is touched."""
        request.check(await self.disks())
        answer = await self.door.call(
            "pool-create",
            timeout=330,
            pool=request.name,
            vdevs=request.words(),
            properties=dict(request.properties) or None,
            force=True if request.force else None,
        )
        found = await self._pool_by_guid(str(answer.get("guid", "")))
        if found is None or found.name != request.name:
            raise CommandError(
                f"ZFS took the order, but the new pool {request.name} is not listed.", "Look at the pools again."
            )
        return found

    async def import_pool(self, found: Importable, name: str | None = None, readonly: bool = False) -> Imported:
        """Import a pool by its GUID, under another `name` if given. Returns it as read back, with what was left."""
        return await self._imported("pool-import", found, name, readonly=True if readonly else None)

    async def _imported(self, verb: str, found: Importable, name: str | None, **more: str | bool | None) -> Imported:
        if name is not None:
            names.new_pool(name)
        answer = await self.door.call(verb, timeout=630, guid=found.guid, name=name, **more)  # type: ignore[arg-type]
        pool = await self._pool_by_guid(found.guid)
        if pool is None or (name is not None and pool.name != name):
            raise CommandError(
                f"ZFS took the order, but {clean(found.name)} is not listed.", "Look at the pools again."
            )
        told = {field.name: getattr(pool, field.name) for field in fields(pool)}
        return Imported(**told, not_mounted=_texts(answer, "not_mounted"), unshared=_texts(answer, "unshared"))

    async def export(self, pool: Pool) -> None:
        """Export a pool; done when it is no longer listed."""
        await self.door.call("pool-export", timeout=330, pool=pool.name, guid=pool.guid)
        await self._pool_gone(pool, "exported")

    async def destroy_pool_preview(self, pool: Pool) -> Preview:
        """What is lost with the pool: all its datasets. Destroy it with `destroy_pool`."""
        datasets = await self.datasets(pool.name)
        return Preview(act="destroy", target=pool, objects=tuple(one.name for one in datasets), reclaim=pool.allocated)

    async def destroy_pool(self, pool: Pool) -> None:
        """Destroy a pool and everything in it; done when it is no longer listed."""
        await self.door.call("pool-destroy", timeout=330, pool=pool.name, guid=pool.guid)
        await self._pool_gone(pool, "destroyed")

    async def create_dataset(self, request: CreateDataset) -> Dataset:
        """Create a file system or volume and return it as read back."""
        request.check()
        properties = dict(request.properties) or None
        parents = True if request.parents else None
        if request.volume_size is None:
            answer = await self.door.call(
                "dataset-create",
                dataset=request.name,
                parents=parents,
                mount=None if request.mount else False,
                properties=properties,
            )
        else:
            answer = await self.door.call(
                "volume-create",
                dataset=request.name,
                size=request.volume_size,
                sparse=True if request.sparse else None,
                parents=parents,
                properties=properties,
            )
        found = await self.dataset(request.name)
        if found.guid != answer.get("guid"):
            raise CommandError(f"{request.name} was created, but another dataset has that name now.", "Look again.")
        return found

    async def set_property(self, dataset: Dataset, name: str, value: str) -> str:
        """Set one property and return it as read back. Raises CommandError when ZFS then tells another value."""
        check_property(dataset.name, name, value)
        await self.door.call("dataset-set", dataset=dataset.name, guid=dataset.guid, property=name, value=value)
        kept = await self.property_value(dataset.name, name)
        if not same_value(name, value, kept):
            raise CommandError(f"{name} of {dataset.name} was set to {value}, but reads back as {clean(kept, 80)}.")
        return kept

    async def destroy_preview(self, target: Dataset | Snapshot, recursive: bool = False) -> Preview:
        """What `zfs destroy` would destroy, and the space that gives back. Nothing is changed."""
        if isinstance(target, Snapshot):
            if recursive:
                raise CommandError("A snapshot is destroyed by itself; destroy the ones below one by one.")
            answer = await self.door.call(
                "snapshot-destroy", timeout=330, snapshot=target.name, guid=target.guid, dry_run=True
            )
        else:
            answer = await self.door.call(
                "dataset-destroy",
                timeout=630,
                dataset=names.new_dataset(target.name),
                guid=target.guid,
                recursive=True if recursive else None,
                dry_run=True,
            )
        return read_preview("destroy", target, answer, recursive)

    async def destroy(self, preview: Preview) -> None:
        """Destroy just what the preview showed; done when it is no longer listed."""
        target = preview.target
        if isinstance(target, Snapshot):
            await self.door.call("snapshot-destroy", timeout=330, snapshot=target.name, guid=target.guid)
            left = target.guid in {one.guid for one in await self.snapshots(target.dataset)}
        elif isinstance(target, Dataset):
            await self.door.call(
                "dataset-destroy",
                timeout=630,
                dataset=target.name,
                guid=target.guid,
                recursive=True if preview.recursive else None,
                plan=preview.plan if preview.recursive else None,
            )
            pool = target.name.partition("/")[0]
            left = target.guid in {one.guid for one in await self.datasets(pool)}
        else:
            await self.destroy_pool(target)
            return
        if left:
            raise CommandError(f"ZFS took the order, but {target.name} is still listed.", "Look at it again.")

    async def snapshot(self, dataset: Dataset, name: str, recursive: bool = False) -> Snapshot:
        """Take a snapshot `dataset@name` and return it as read back."""
        full = names.snapshot(f"{dataset.name}@{name}")
        answer = await self.door.call("snapshot-create", snapshot=full, recursive=True if recursive else None)
        found = await self.snapshot_named(full)
        if found.guid != answer.get("guid"):
            raise CommandError(f"{full} was taken, but another snapshot has that name now.", "Look again.")
        return found

    async def rollback_preview(self, snapshot: Snapshot, destroy_newer: bool = True) -> Preview:
        """Which snapshots and bookmarks a rollback would destroy; changes to files since are lost as well."""
        answer = await self.door.call(
            "snapshot-rollback",
            timeout=330,
            snapshot=snapshot.name,
            guid=snapshot.guid,
            destroy_newer=True if destroy_newer else None,
            dry_run=True,
        )
        return read_preview("rollback", snapshot, answer, destroy_newer)

    async def rollback(self, preview: Preview) -> Snapshot:
        """Roll back as previewed. Returns the snapshot, which is then the newest of its dataset."""
        target = preview.target
        if not isinstance(target, Snapshot) or preview.act != "rollback":
            raise CommandError("Only a snapshot can be rolled back to.")
        newer = bool(preview.objects)
        await self.door.call(
            "snapshot-rollback",
            timeout=330,
            snapshot=target.name,
            guid=target.guid,
            destroy_newer=True if newer else None,
            plan=preview.plan if newer else None,
        )
        found = [one for one in await self.snapshots(target.dataset) if not one.bookmark]
        if not found or found[-1].guid != target.guid:
            raise CommandError(
                f"ZFS took the order, but {target.name} is not the newest snapshot of {target.dataset}.",
                "Look at it again.",
            )
        return found[-1]

    async def _pool_by_guid(self, guid: str) -> Pool | None:
        return next((pool for pool in await self.pools() if pool.guid == guid), None)

    async def _same_pool(self, pool: Pool) -> Pool:
        found = await self._pool_by_guid(pool.guid)
        if found is None:
            raise ChangedError(f"The pool {pool.name} is gone.", "Look at the pools again.")
        return found

    async def _pool_gone(self, pool: Pool, word: str) -> None:
        if await self._pool_by_guid(pool.guid) is not None:
            raise CommandError(f"ZFS took the order, but {pool.name} is still there, not {word}.", "Look at it again.")


def _texts(answer: dict[str, object], name: str) -> tuple[str, ...]:
    given = answer.get(name)
    return tuple(str(one) for one in given) if isinstance(given, list) else ()


def read_preview(act: str, target: Dataset | Snapshot, answer: dict[str, object], recursive: bool) -> Preview:
    """What a dry run of the helper told: the objects that would go, the space, and the plan they are bound to."""
    lines = [line.split("\t") for line in str(answer.get("stdout", "")).splitlines()]
    reclaim = next((int(line[1]) for line in lines if line[0] == "reclaim" and line[1:2] and line[1].isdigit()), None)
    listed = answer.get("destroys")
    if isinstance(listed, list):
        objects = tuple(str(name) for name in listed)
    else:
        objects = tuple(line[1] for line in lines if line[0] == "destroy" and len(line) > 1)
    plan = answer.get("plan")
    return Preview(act, target, objects, reclaim, recursive, str(plan) if isinstance(plan, str) else None)
