"""Acts on datasets beyond making, setting and destroying: names, mounts, clones, keys. Each reads back what it did."""

from __future__ import annotations

import time
from collections.abc import Sequence

from ...errors import CommandError, DPlaneError, RefusedError
from ...lazyclass import dataclass
from ...text import clean
from . import names
from .model import Dataset, Snapshot
from .requests import CreateDataset
from .service import ZfsService
from .tree import Holding

_POLICY = "dplane:policy"
LEAST_PASSPHRASE, MOST_PASSPHRASE = 8, 512  # OpenZFS's own bounds, in bytes


def check_passphrase(secret: str) -> None:
    """Raises RefusedError for what OpenZFS would not take as a passphrase. The text itself is never repeated."""
    size = len(secret.encode("utf-8", "surrogateescape"))
    if not LEAST_PASSPHRASE <= size <= MOST_PASSPHRASE:
        raise RefusedError(f"A passphrase has {LEAST_PASSPHRASE} to {MOST_PASSPHRASE} bytes; this one has {size}.")
    if any(char in secret for char in "\n\r\0"):
        raise RefusedError("A passphrase is one line.")


def _line(secret: str) -> bytes:
    return secret.encode("utf-8", "surrogateescape") + b"\n"


@dataclass(frozen=True, slots=True)
class Unlocked:
    """What loading a key came to."""

    root: str
    mounted: tuple[str, ...]
    not_mounted: tuple[str, ...]
    """`dataset: why`, for each that wants to be mounted and is not."""


class DatasetActs(ZfsService):
    """Renames, promotes, mounts, inherits; loads, unloads and changes keys."""

    async def rename(self, dataset: Dataset, to: str) -> Dataset:
        """Rename a dataset with all below it. Returns it as it is then called."""
        await self.door.call(
            "dataset-rename", timeout=330, dataset=names.new_dataset(dataset.name), guid=dataset.guid,
            to=names.new_dataset(to),
        )  # fmt: skip
        return await self._still(dataset, to)

    async def set_aside(self, dataset: Dataset, now: float | None = None) -> Dataset:
        """Instead of destroying: out of the way under a name of its own, not mounted. Returns it as it then is.

        Nothing is freed; renaming it back (and `canmount=on`) brings it back.
        """
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(time.time() if now is None else now))
        to = names.new_dataset(f"{dataset.name}-kept-{stamp}")
        if dataset.kind != "filesystem":
            return await self.rename(dataset, to)
        before = await self.property_value(dataset.name, "canmount")
        await self.set_property(dataset, "canmount", "noauto")
        try:
            for one in reversed(await self.datasets(dataset.name)):
                if one.mounted:
                    await self.unmount(one)
            return await self.rename(dataset, to)
        except DPlaneError:  # something in it is open, for instance: it stays as it was
            await self.set_property(dataset, "canmount", before)
            raise

    async def promote(self, dataset: Dataset) -> Dataset:
        """Make a clone independent of what it was cloned from. Returns it as it then is.

        Raises RefusedError when its snapshot policy is not that of the original, whose snapshots become its own.
        """
        if dataset.origin is None:
            raise RefusedError(f"{dataset.name} is no clone, so there is nothing to promote.")
        original = dataset.origin.partition("@")[0]
        here, there = [await self.property_value(name, _POLICY) for name in (dataset.name, original)]
        if here not in ("-", "none", there):
            raise RefusedError(
                f"The snapshots of {clean(original)} would become those of {dataset.name}, whose snapshot policy is "
                f"another and might let them go.",
                f"Give it the same policy, or none: `dplane policy set {dataset.name} none`.",
            )
        await self.door.call("dataset-promote", timeout=330, dataset=dataset.name, guid=dataset.guid)
        found = await self._still(dataset, dataset.name)
        if found.origin is not None:
            raise CommandError(f"ZFS took the order, but {found.name} still hangs on {clean(found.origin)}.")
        return found

    async def mount(self, dataset: Dataset) -> Dataset:
        """Mount a file system where its mountpoint says. Returns it as it then is."""
        await self.door.call("dataset-mount", dataset=dataset.name, guid=dataset.guid)
        return await self._mounted(dataset, True)

    async def unmount(self, dataset: Dataset) -> Dataset:
        """Unmount a file system; ZFS refuses while something in it is open. Returns it as it then is."""
        await self.door.call("dataset-unmount", dataset=dataset.name, guid=dataset.guid)
        return await self._mounted(dataset, False)

    async def inherit(self, dataset: Dataset, name: str) -> tuple[str, str]:
        """Take a property back to what is above. Returns the value it has then and where that comes from."""
        answer = await self.door.call("dataset-inherit", dataset=dataset.name, guid=dataset.guid, property=name)
        return str(answer.get("value", "")), str(answer.get("source", ""))

    async def create_encrypted(self, request: CreateDataset, secret: str) -> Dataset:
        """Create a dataset with a passphrase of its own. The passphrase goes through the door's pipe alone."""
        request.check()
        check_passphrase(secret)
        kind = "dataset-create" if request.volume_size is None else "volume-create"
        answer = await self.door.call(
            kind,
            stream=_line(secret),
            dataset=request.name,
            size=request.volume_size,
            sparse=True if request.sparse else None,
            parents=True if request.parents else None,
            mount=None if request.mount or request.volume_size is not None else False,
            encrypted=True,
            properties=dict(request.properties) or None,
        )
        found = await self.dataset(request.name)
        if found.guid != answer.get("guid") or found.encryption == "off":
            raise CommandError(f"{request.name} was created, but is not listed as encrypted.", "Look at it again.")
        return found

    async def load_key(self, root: Dataset, secret: str | None) -> Unlocked:
        """Load the key of an encryption root (None: from the file it names) and mount what waited for it."""
        if root.encryption_root != root.name:
            raise RefusedError(
                f"{root.name} has no key of its own.",
                f"Its key is that of {clean(root.encryption_root)}."
                if root.encryption_root
                else "It is not encrypted.",
            )
        stream = b"" if secret is None else _line(secret)
        from_file = True if secret is None else None
        await self.door.call("key-load", stream=stream, dataset=root.name, guid=root.guid, from_file=from_file)
        mounted, left = [], []
        for one in await self._tree_below(root.name):
            if one.encryption_root != root.name or one.kind != "filesystem" or one.mounted or one.canmount != "on":
                continue
            if not (one.mountpoint or "").startswith("/"):
                continue
            try:
                await self.mount(one)
                mounted.append(one.name)
            except DPlaneError as error:
                left.append(f"{one.name}: {error.message}")
        return Unlocked(root.name, tuple(mounted), tuple(left))

    async def unload_key(self, root: Dataset) -> Dataset:
        """Unmount what has this key, deepest first, and forget the key. Returns the root as it then is."""
        for one in reversed(await self._tree_below(root.name)):
            if one.encryption_root == root.name and one.mounted:
                await self.unmount(one)
        await self.door.call("key-unload", dataset=root.name, guid=root.guid)
        found = await self._still(root, root.name)
        if found.key_status != "unavailable":
            raise CommandError(f"ZFS took the order, but the key of {root.name} is {found.key_status}.", "Look again.")
        return found

    async def check_key(self, root: Dataset, secret: str) -> None:
        """Returns when `secret` is the passphrase of that encryption root. Raises CommandError with ZFS's words."""
        await self.door.call("key-check", stream=_line(secret), dataset=root.name, guid=root.guid)

    async def change_key(self, root: Dataset, secret: str) -> Dataset:
        """Give it another passphrase, and try that one afterwards. Returns the root as it then is."""
        check_passphrase(secret)
        await self.door.call("key-change", stream=_line(secret), dataset=root.name, guid=root.guid)
        await self.check_key(root, secret)
        return await self._still(root, root.name)

    async def clone(self, snapshot: Snapshot, to: str) -> Dataset:
        """A new dataset that begins as the snapshot is. Returns it as read back."""
        origin = await self.dataset(snapshot.dataset)
        # What was set on the origin does not come with it; programs of a copy that was received stay unrunnable.
        quiet = origin.kind == "filesystem" and await self.property_value(origin.name, "exec") == "off"
        answer = await self.door.call(
            "snapshot-clone",
            snapshot=snapshot.name,
            guid=snapshot.guid,
            dataset=names.new_dataset(to),
            kind=origin.kind,
            properties={"exec": "off"} if quiet else None,
        )
        found = await self.dataset(to)
        if found.guid != answer.get("guid") or found.origin != snapshot.name:
            raise CommandError(f"{to} was made, but is not listed as a clone of {snapshot.name}.", "Look at it again.")
        return found

    async def _tree_below(self, name: str) -> Sequence[Holding]:
        raise NotImplementedError  # the reader of trees has it

    async def _still(self, dataset: Dataset, name: str) -> Dataset:
        found = await self.dataset(name)
        if found.guid != dataset.guid:
            raise CommandError(f"ZFS took the order, but {name} is another dataset now.", "Look at it again.")
        return found

    async def _mounted(self, dataset: Dataset, wanted: bool) -> Dataset:
        found = await self._still(dataset, dataset.name)
        if found.mounted is not wanted:
            state = "mounted" if found.mounted else "not mounted"
            raise CommandError(f"ZFS took the order, but {found.name} is {state}.", "Look at it again.")
        return found
