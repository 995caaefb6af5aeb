"""What the Pools screen does: asks, previews, calls the service, says what came of it."""

from __future__ import annotations

import shlex
import time
from typing import TYPE_CHECKING

from ..errors import RefusedError
from ..text import size
from ..widgets.dialogs import Choose, Confirm, Form, TypedConfirm, Values, ask
from ..widgets.fields import Choice, TextField
from ..widgets.layout import Column, row
from .pool_rows import IMPORTABLE, importable_rows

if TYPE_CHECKING:
    from ..app import Console
    from ..services.zfs.model import Pool, Preview
    from ..services.zfs.requests import CreateDataset
    from .pools import PoolsScreen

_INHERIT = ("", "as the parent")
_SHOWN = 12


class PoolActs:
    """The acts of the Pools screen, loaded with their dialogs when the first is asked for."""

    def __init__(self, screen: PoolsScreen) -> None:
        self._screen = screen

    @property
    def console(self) -> Console:
        """The app."""
        return self._screen.console

    def _pool(self) -> Pool:
        if self._screen.pool is None:
            raise RefusedError("There is no pool under the cursor.", "n creates one.")
        return self._screen.pool

    async def do_scrub(self) -> str | None:
        """Start, pause or stop."""
        pool = self._pool()
        running = pool.scan is not None and pool.scan.kind == "scrub" and pool.scan.state == "scanning"
        paused = pool.scan is not None and pool.scan.kind == "scrub" and pool.scan.state == "paused"
        options = [("start", "go on" if paused else "start", "read everything and check it against its checksums")]
        if running:
            options = [("pause", "pause", "keep what was done; start goes on from there")]
        if running or paused:
            options.append(("stop", "stop", "give up this scrub"))
        columns = (Column("DO", least=8), Column("WHAT THAT MEANS", grow=True))
        chosen = await ask(
            self.console,
            Choose(f"Scrub of {pool.name}", columns, [row(k, a, b) for k, a, b in options], pick="Do it"),
        )
        if chosen is None:
            return None
        scan = await self.console.services.zfs.scrub(pool, chosen)
        return f"The scrub of {pool.name} is {scan.state}."

    async def do_pool_repair(self) -> str | None:
        """What is wrong with the pool, and the one thing to do."""
        from .pool_repair import repair

        return await repair(self.console, self._pool().name)

    async def do_pool_change(self) -> str | None:
        """What can be done to the device under the cursor."""
        from .pool_change import change

        return await change(self.console, self._pool(), self._screen.device)

    async def do_pool_clear(self) -> str | None:
        """Clear error counts."""
        pool = self._pool()
        text = "Sets the counts to zero and tries the devices again. What caused the errors stays: mend it first."
        if not await ask(self.console, Confirm(f"Clear the errors of {pool.name}?", text, "Clear")):
            return None
        found = await self.console.services.zfs.clear(pool)
        return f"The error counts of {pool.name} were cleared; it is {found.state}."

    async def do_pool_export(self) -> str | None:
        """Export."""
        pool = self._pool()
        text = "Unmounts its datasets and lets go of its disks, which can then move to another box. Nothing is deleted."
        if not await ask(self.console, Confirm(f"Export {pool.name}?", text, "Export")):
            return None
        self.console.say(f"Exporting {pool.name}…", "dim")
        await self.console.services.zfs.export(pool)
        return f"{pool.name} was exported; it is no longer listed."

    async def do_pool_import(self) -> str | None:
        """Import one that is on the disks."""
        self.console.say("Looking for pools on the disks…", "dim")
        found = await self.console.services.zfs.importable()
        if not found:
            return "No pool to import was found on the disks."
        self.console.say("")
        dialog = Choose("Import a pool", IMPORTABLE, importable_rows(found), pick="Import")
        chosen = await ask(self.console, dialog)
        if chosen is None:
            return None
        one = next(candidate for candidate in found if candidate.guid == chosen)
        self.console.say(f"Importing {one.name}…", "dim")
        pool = await self.console.services.zfs.import_pool(one)
        from .pool_import import imported

        return await imported(self.console, pool)

    async def do_pool_import_other(self) -> str | None:
        """Other folders, destroyed pools, other names, back to before."""
        from .pool_import import import_other

        return await import_other(self.console)

    async def do_pool_destroy(self) -> str | None:
        """Destroy the pool."""
        pool = self._pool()
        preview = await self.console.services.zfs.destroy_pool_preview(pool)
        if not await self._sure(f"Destroy the pool {pool.name}", preview, pool.name):
            return None
        self.console.say(f"Destroying {pool.name}…", "dim")
        await self.console.services.zfs.destroy_pool(pool)
        return f"{pool.name} was destroyed; it is no longer listed."

    async def do_dataset_destroy(self) -> str | None:
        """Destroy the dataset under the cursor."""
        dataset = self._screen.dataset
        if dataset is None:
            raise RefusedError("There is no dataset under the cursor.")
        if "/" not in dataset.name:
            raise RefusedError(f"{dataset.name} is the root of its pool.", "D destroys the pool itself.")
        preview = await self.console.services.zfs.destroy_preview(dataset, True)
        return await self._destroy(preview, dataset.name)

    async def do_snapshot_destroy(self) -> str | None:
        """Destroy the snapshot under the cursor."""
        snapshot = self._screen.snapshot_chosen
        if snapshot is None or snapshot.bookmark:
            raise RefusedError("There is no snapshot under the cursor.")
        preview = await self.console.services.zfs.destroy_preview(snapshot)
        return await self._destroy(preview, snapshot.name)

    async def _destroy(self, preview: Preview, name: str) -> str | None:
        if not await self._sure(f"Destroy {name}", preview, name):
            return None
        await self.console.services.zfs.destroy(preview)
        return f"{name} was destroyed; it is no longer listed."

    async def do_snapshot_rollback(self) -> str | None:
        """Roll the dataset back to the snapshot under the cursor."""
        snapshot = self._screen.snapshot_chosen
        if snapshot is None or snapshot.bookmark:
            raise RefusedError("There is no snapshot under the cursor.")
        preview = await self.console.services.zfs.rollback_preview(snapshot)
        extra = f"Everything written to {snapshot.dataset} since {snapshot.short} is lost."
        if not await self._sure(f"Roll back to {snapshot.name}", preview, snapshot.name, extra):
            return None
        found = await self.console.services.zfs.rollback(preview)
        return f"{found.dataset} is back at {found.short}, which is its newest snapshot now."

    async def _sure(self, title: str, preview: Preview, name: str, extra: str = "") -> bool:
        guid = f"{name}, GUID {preview.target.guid}"
        lines = [guid, *([extra] if extra else [])]
        if preview.objects:
            lines.append(f"These {len(preview.objects)} would be destroyed:")
            lines += [f"  {one}" for one in preview.objects[:_SHOWN]]
            if len(preview.objects) > _SHOWN:
                lines.append(f"  … and {len(preview.objects) - _SHOWN} more")
        if preview.reclaim is not None:
            lines.append(f"That would free {size(preview.reclaim)}.")
        dialog = TypedConfirm(title, lines, name, "Roll back" if extra else "Destroy")
        sure = await ask(self.console, dialog)
        return sure is True

    async def do_dataset_create(self) -> str | None:
        """A new file system or volume."""
        parent = self._screen.dataset.name if self._screen.dataset is not None else self._pool().name
        fields = (
            TextField("Name", parent + "/", id="name"),
            Choice("Kind", (("filesystem", "file system"), ("volume", "volume (block device)")), id="kind"),
            TextField("Volume size", id="size", hint="only for a volume, e.g. 10G"),
            Choice("Compression", (_INHERIT, ("lz4", "lz4"), ("zstd", "zstd"), ("off", "off")), id="compression"),
            TextField("Quota", id="quota", hint="none; e.g. 200G"),
        )
        dialog = Form("New dataset", fields, "Create", preview=_dataset_command, check=lambda v: _dataset(v).check())
        values = await ask(self.console, dialog)
        if values is None:
            return None
        made = await self.console.services.zfs.create_dataset(_dataset(values))
        return f"{made.name} was created (GUID {made.guid})."

    def do_files_here(self) -> None:
        """The files of the dataset, or of the snapshot, under the cursor."""
        from .files import browse

        about = self._screen.files_under()
        if about is not None:
            browse(self.console, *about)
        else:
            self.console.say("There are no files under the cursor: choose a file system or a snapshot.", "warn")

    async def do_protect(self) -> str | None:
        """Make a replication task for the dataset under the cursor."""
        dataset = self._screen.dataset
        if dataset is None:
            raise RefusedError("There is no dataset under the cursor.")
        if dataset.readonly:
            raise RefusedError(
                f"{dataset.name} is read-only, as copies of other boxes are.", "Protect the dataset it comes from."
            )
        from .replication_protect import offer_run, protect

        task = await protect(self.console, dataset.name)
        if task is not None:
            await offer_run(self.console, task)
        return None

    async def do_snapshot_create(self) -> str | None:
        """A snapshot of the dataset under the cursor."""
        dataset = self._screen.dataset
        if dataset is None:
            raise RefusedError("There is no dataset under the cursor.")
        fields = (
            TextField("Name", time.strftime("manual-%Y%m%d-%H%M%S"), id="name"),
            Choice("Below as well", (("", "no, only this one"), ("yes", "yes, every dataset below")), id="recursive"),
        )
        values = await ask(self.console, Form(f"Snapshot of {dataset.name}", fields, "Take it"))
        if values is None:
            return None
        made = await self.console.services.zfs.snapshot(dataset, values["name"], bool(values["recursive"]))
        return f"{made.name} was taken (GUID {made.guid})."

    async def do_pool_create(self) -> str | None:
        """The wizard: disks and layout, then a review with the command."""
        from .pool_create import CreatePoolDialog, review

        self.console.say("Looking at the disks…", "dim")
        disks = await self.console.services.zfs.disks()
        self.console.say("")
        request = await ask(self.console, CreatePoolDialog(disks))
        if request is None or not await ask(self.console, review(request, disks)):
            return None
        self.console.say(f"Creating {request.name}…", "dim")
        pool = await self.console.services.zfs.create_pool(request)
        return f"{pool.name} was created and is {pool.state}: {size(pool.size)}, GUID {pool.guid}."


def _dataset(values: Values) -> CreateDataset:
    from ..services.zfs.requests import CreateDataset

    volume = values["kind"] == "volume"
    properties = {
        key: values[key] for key in ("compression", "quota") if values[key] and not (volume and key == "quota")
    }
    return CreateDataset(values["name"].strip(), properties, volume_size=values["size"].strip() if volume else None)


def _dataset_command(values: Values) -> list[str]:
    request = _dataset(values)
    argv = ["zfs", "create"]
    for key, value in request.properties.items():
        argv += ["-o", f"{key}={value}"]
    if request.volume_size is not None:
        argv += ["-V", request.volume_size or "SIZE"]
    return ["Runs: " + shlex.join([*argv, request.name])]
