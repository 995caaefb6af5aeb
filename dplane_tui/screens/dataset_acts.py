"""What the Datasets screen does: asks, previews, calls the service, says what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import RefusedError
from ..services.zfs.dataset_acts import check_passphrase
from ..services.zfs.requests import CreateDataset
from ..text import size
from ..widgets.dialogs import Confirm, Form, Reader, Values, ask
from ..widgets.fields import Choice, TextField
from .dataset_keys import DatasetKeyActs
from .dataset_properties import DatasetPropertyActs
from .dataset_shares import DatasetShareActs
from .dataset_who import DatasetWhoActs
from .sure import choose_way, preview_lines, stamp, sure

if TYPE_CHECKING:
    from ..app import Console
    from ..services.zfs.storage import StorageService
    from ..services.zfs.tree import Holding
    from .datasets import DatasetsScreen

_INHERIT = ("", "as the parent")
_YES_NO = (("", "no"), ("yes", "yes"))


class DatasetScreenActs(DatasetKeyActs, DatasetPropertyActs, DatasetWhoActs, DatasetShareActs):
    """The acts of the Datasets screen, loaded with their dialogs when the first is asked for."""

    def __init__(self, screen: DatasetsScreen) -> None:
        self._screen = screen

    @property
    def console(self) -> Console:
        """The app."""
        return self._screen.console

    @property
    def storage(self) -> StorageService:
        """The service."""
        return self.console.services.storage

    def chosen(self) -> Holding:
        """The dataset under the cursor. Raises RefusedError when there is none."""
        if self._screen.dataset is None:
            raise RefusedError("There is no dataset under the cursor.")
        return self._screen.dataset

    # -- making and unmaking -----------------------------------------------------------------------------------

    async def do_dataset_create(self) -> str | None:
        """A new file system or volume, encrypted if wanted."""
        parent = self.chosen()
        fields = (
            TextField("Name", parent.name + "/", id="name"),
            Choice("Kind", (("filesystem", "file system"), ("volume", "volume (block device)")), id="kind"),
            TextField("Volume size", id="size", hint="only for a volume, e.g. 10G"),
            Choice("Compression", (_INHERIT, ("lz4", "lz4"), ("zstd", "zstd"), ("off", "off")), id="compression"),
            TextField("Quota", id="quota", hint="none; e.g. 200G"),
            Choice("Own key", _YES_NO, id="encrypted"),
            TextField("Passphrase", id="secret", secret=True, hint="8 characters or more; only with a key of its own"),
            TextField("Once more", id="again", secret=True),
        )
        dialog = Form("New dataset", fields, "Create", preview=_about_new, check=_check_new)
        values = await ask(self.console, dialog)
        if values is None:
            return None
        request = _request(values)
        if values["encrypted"]:
            made = await self.storage.create_encrypted(request, values["secret"])
            return f"{made.name} was created with a key of its own. Keep the passphrase: nothing opens it without."
        made = await self.storage.create_dataset(request)
        return f"{made.name} was created (GUID {made.guid})."

    async def do_dataset_destroy(self) -> str | None:
        """Set aside or destroy, after showing what hangs on it."""
        one = self.chosen()
        if "/" not in one.name:
            raise RefusedError(
                f"{one.name} is the root of its pool.", "1 goes to the pools; D there destroys the pool."
            )
        preview = await self.storage.destroy_preview(one, True)
        hanging = await self.storage.dependents([name for name in preview.objects if "@" in name])
        outside = [name for name in hanging if name not in preview.objects]
        if outside:
            raise RefusedError(
                f"{outside[0]} is a clone of a snapshot of {one.name}, so that cannot go.",
                "Promote the clone (v), or destroy it first.",
            )
        # ZFS's dry run has a figure for snapshots only; what a dataset uses is what its destroy frees: zfsprops(7).
        freed = size(one.used if preview.reclaim is None else preview.reclaim)
        way = await choose_way(
            self.console,
            f"{one.name}: what shall become of it?",
            (
                ("aside", "set it aside", "renamed and not mounted; renaming brings it back"),
                ("destroy", "destroy it", "for good"),
            ),
            f"Destroying takes {len(preview.objects)} objects and frees {freed}. A snapshot of it would go along: only "
            "what is set aside can be brought back, and that frees nothing.",
        )
        if way == "aside":
            kept = await self.storage.set_aside(one)
            return f"{one.name} is now {kept.name}, not mounted. e renames it back, m mounts it."
        if way is None:
            return None
        extra = [f"{one.name}, GUID {one.guid}", *self._tasks_of(one.name)]
        if not await sure(self.console, f"Destroy {one.name}", preview_lines(preview, extra), one.name, "Destroy"):
            return None
        self.console.say(f"Destroying {one.name}…", "dim")
        await self.storage.destroy(preview)
        return f"{one.name} was destroyed; it is no longer listed."

    def _tasks_of(self, name: str) -> list[str]:
        """The replication tasks that call it by this name."""
        statuses = self._screen.snapshot("tasks").value or ()
        inside = [s.task for s in statuses if s.task.source_peer is None and f"{s.task.source}/".startswith(f"{name}/")]
        return [f"The task {task.name} copies {task.source} by that name and would fail." for task in inside]

    async def do_dataset_rename(self) -> str | None:
        """Another name, in the same pool."""
        one = self.chosen()
        lines = ["Everything below and its snapshots come along; where it is mounted may change."]
        lines += self._tasks_of(one.name)
        dialog = Form(
            f"Rename {one.name}",
            (TextField("New name", one.name, id="to"),),
            "Rename",
            text=" ".join(lines),
            preview=lambda values: [f"Runs: zfs rename {one.name} {values['to']}"],
        )
        values = await ask(self.console, dialog)
        if values is None or values["to"] == one.name:
            return None
        found = await self.storage.rename(one, values["to"].strip())
        return f"{one.name} is called {found.name} now."

    async def do_dataset_promote(self) -> str | None:
        """Make a clone stand alone."""
        one = self.chosen()
        if not one.origin:
            raise RefusedError(f"{one.name} is no clone.", "Only a clone can be promoted.")
        text = (
            f"{one.name} hangs on {one.origin}. Promoted, it owns that snapshot and the older ones, and "
            f"{one.origin.partition('@')[0]} becomes its clone. Nothing goes; tasks that copy either look different."
        )
        if not await ask(self.console, Confirm(f"Promote {one.name}?", text, "Promote")):
            return None
        found = await self.storage.promote(one)
        return f"{found.name} stands alone: it hangs on no snapshot of another dataset."

    # -- seeing ------------------------------------------------------------------------------------------------

    async def do_dataset_mount(self) -> str | None:
        """Mount, or unmount."""
        one = self.chosen()
        if one.kind == "volume":
            raise RefusedError(f"{one.name} is a volume: it is a disk to others, and not mounted here.")
        if not one.mounted:
            if one.locked:
                raise RefusedError(f"{one.name} waits for its key.", "E unlocks it, and mounts it then.")
            found = await self.storage.mount(one)
            return f"{found.name} is mounted at {found.mountpoint}."
        text = f"Its files under {one.mountpoint} are out of sight until it is mounted again. Nothing is lost."
        if not await ask(self.console, Confirm(f"Unmount {one.name}?", text, "Unmount")):
            return None
        found = await self.storage.unmount(one)
        return f"{found.name} is not mounted any more."

    async def do_dataset_space(self) -> str | None:
        """Where did it go?"""
        from ..services.zfs.space import read_space
        from .dataset_space import space_lines

        one = self.chosen()
        self.console.say(f"Asking ZFS about the space of {one.name}…", "dim")
        space = await read_space(self.storage, one, self._screen.listed, ask=bool(self.console.role))
        self.console.say("", "dim")
        await ask(self.console, Reader(f"Space of {one.name}", space_lines(one, space, self.console.size.width - 4)))
        return None

    async def do_dataset_protection(self) -> str | None:
        """Why it is protected or not, and what helps."""
        from .dataset_rows import fix_keys, reason_lines

        one = self.chosen()
        verdict = self._screen.verdicts.get(one.name)
        if verdict is None:
            raise RefusedError("Its protection was not judged yet.", "r reads again.")
        reader = Reader(f"Is {one.name} protected?", reason_lines(one.name, verdict), fix_keys(verdict.reasons))
        key = await ask(self.console, reader)
        if key == "p":
            return await self.do_snapshot_create()
        if key == "P":
            return await self.do_protect()
        if key in ("1", "2"):
            self.console.go("pools" if key == "1" else "replication")
        if key == "O":
            return await self.console.do_policies(one.name)
        return None

    async def do_protect(self) -> str | None:
        """Make a replication task for it."""
        one = self.chosen()
        if one.readonly:
            raise RefusedError(f"{one.name} is read-only, as copies of other boxes are.", "Protect what it comes from.")
        from .replication_protect import offer_run, protect

        task = await protect(self.console, one.name)
        if task is not None:
            await offer_run(self.console, task)
        return None

    async def do_snapshot_create(self) -> str | None:
        """A snapshot of the dataset under the cursor."""
        return await take_snapshot(self.console, self.chosen())


async def take_snapshot(console: Console, dataset: Holding) -> str | None:
    """Ask for a name and take it."""
    fields = (
        TextField("Name", stamp("manual"), id="name"),
        Choice("Below as well", (("", "no, only this one"), ("yes", "yes, all below, at one moment")), id="recursive"),
    )
    text = ""
    if dataset.peer:
        text = f"It is the copy of a dataset of {dataset.peer}: a snapshot of its own keeps the next increment out."
    values = await ask(console, Form(f"Snapshot of {dataset.name}", fields, "Take it", text=text))
    if values is None:
        return None
    made = await console.services.storage.snapshot(dataset, values["name"].strip(), bool(values["recursive"]))
    return f"{made.name} was taken (GUID {made.guid})."


def _request(values: Values) -> CreateDataset:
    volume = values["kind"] == "volume"
    properties = {
        key: values[key].strip() for key in ("compression", "quota") if values[key] and not (volume and key == "quota")
    }
    return CreateDataset(values["name"].strip(), properties, volume_size=values["size"].strip() if volume else None)


def _check_new(values: Values) -> None:
    """Raises RefusedError for what ZFS would refuse."""
    _request(values).check()
    if values["encrypted"]:
        check_passphrase(values["secret"])
        if values["secret"] != values["again"]:
            raise RefusedError("The two passphrases are not the same.")


def _about_new(values: Values) -> list[str]:
    request = _request(values)
    argv = ["zfs", "create"]
    if values["encrypted"]:
        argv += ["-o", "encryption=on", "-o", "keyformat=passphrase"]
    for key, value in request.properties.items():
        argv += ["-o", f"{key}={value}"]
    if request.volume_size is not None:
        argv += ["-V", request.volume_size or "SIZE"]
    return [f"Runs: {' '.join([*argv, request.name])}"]
