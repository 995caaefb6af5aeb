"""Datasets and snapshots in memory, with the same methods as StorageService. It keeps a list of what was called."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Any

from dplane_tui.errors import CommandError, DPlaneError, RefusedError
from dplane_tui.services.zfs.dataset_acts import Unlocked
from dplane_tui.services.zfs.diff import Change
from dplane_tui.services.zfs.model import Dataset, Preview, Snapshot
from dplane_tui.services.zfs.properties import Setting
from dplane_tui.services.zfs.requests import CreateDataset
from dplane_tui.services.zfs.shelf import Shelf, fill
from dplane_tui.services.zfs.tree import Holding

from .fake_accounts import FakeAccounts

G, M = 1 << 30, 1 << 20
EVIL = "evil\x1b[2J\u202ename"


def holding(name: str, guid: int, **more: Any) -> Holding:
    """A file system of some GiB."""
    given = {
        "used": 2 * G, "available": 6 * G, "referenced": G, "mountpoint": f"/{name}", "mounted": True, "ratio": 1.5,
        "quota": 0, "refquota": 0, "reservation": 0, "refreservation": 0, "by_snapshots": 200 * M, "by_itself": G,
        "by_children": 800 * M, "by_refreservation": 0, "canmount": "on", **more,
    }  # fmt: skip
    return Holding(name, given.pop("kind", "filesystem"), str(guid), **given)


def trees() -> list[Holding]:
    """A pool with a tree, a volume, a clone, and an encrypted part that waits for its key."""
    locked = {
        "encryption": "aes-256-gcm",
        "key_status": "unavailable",
        "mounted": False,
        "encryption_root": "tank/safe",
    }
    return [
        holding("tank", 2000),
        holding("tank/home", 2001, quota=4 * G),
        holding("tank/home/anna", 2002, by_children=0),
        holding("tank/safe", 2003, key_location="prompt", key_format="passphrase", **locked),
        holding("tank/safe/deep", 2004, **locked),
        holding("tank/try", 2005, origin="tank/home@daily-1"),
        holding("tank/vm", 2006, kind="volume", mountpoint=None, mounted=None, volsize=8 * G),
    ]


@dataclass
class FakeStorage(FakeAccounts):
    """What a test wants otherwise it changes on the parts."""

    tree_list: list[Holding] = field(default_factory=trees)
    taken: dict[str, list[Snapshot]] = field(default_factory=dict)
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    failure: DPlaneError | None = None
    passphrase: str = "correct horse"
    tags: dict[str, list[str]] = field(default_factory=dict)
    changes: int = 3
    listings: int = 0

    def __post_init__(self) -> None:
        now = time.time()
        for number, name in enumerate(("tank/home", "tank/home/anna")):
            self.taken[name] = [
                Snapshot(f"{name}@daily-{i}", str(3000 + 10 * number + i), 100 + i, now - (5 - i) * 86400, i * M, G)
                for i in range(4)
            ]

    async def tree(self, below: str | None = None) -> tuple[Holding, ...]:
        if self.failure:
            raise self.failure
        return tuple(self.tree_list)

    async def holding(self, name: str) -> Holding:
        return next(one for one in self.tree_list if one.name == name)

    async def shelf(self, dataset: str | None = None) -> Shelf:
        self.listings += 1
        return fill(
            f"{one.name}\t{one.guid}\t{one.createtxg}\t{int(one.created or 0)}\t{one.used}\t{one.referenced}\t"
            f"{len(self.tags.get(one.name, []))}"
            for name, some in self.taken.items()
            if dataset in (None, name)
            for one in some
        )

    async def newest(self) -> dict[str, tuple[str, float]]:
        return {name: (some[-1].short, some[-1].created or 0.0) for name, some in self.taken.items() if some}

    async def snapshots(self, dataset: str) -> tuple[Snapshot, ...]:
        return tuple(self.taken.get(dataset, ()))

    async def settings(self, dataset: str) -> tuple[Setting, ...]:
        return (
            Setting("compression", "lz4", "inherited from tank"),
            Setting("quota", str(4 * G), "local"),
            Setting("used", str(2 * G), "-"),
            Setting("mountpoint", f"/{EVIL}", "default"),
        )

    async def dependents(self, snapshots: Sequence[str]) -> tuple[str, ...]:
        return tuple(one.name for one in self.tree_list if one.origin in snapshots)

    def _set(self, dataset: Dataset, **changes: Any) -> Holding:
        place = next(i for i, one in enumerate(self.tree_list) if one.guid == dataset.guid)
        self.tree_list[place] = dataclasses.replace(self.tree_list[place], **changes)
        return self.tree_list[place]

    async def create_dataset(self, request: CreateDataset) -> Holding:
        self.calls.append(("create", request))
        made = holding(request.name, 2999)
        self.tree_list.append(made)
        return made

    async def create_encrypted(self, request: CreateDataset, secret: str) -> Holding:
        self.calls.append(("create_encrypted", request.name, secret))
        return await self.create_dataset(request)

    async def set_property(self, dataset: Dataset, name: str, value: str) -> str:
        self.calls.append(("set", dataset.name, name, value))
        return value

    async def inherit(self, dataset: Dataset, name: str) -> tuple[str, str]:
        self.calls.append(("inherit", dataset.name, name))
        return "lz4", "inherited from tank"

    async def destroy_preview(self, target: Dataset | Snapshot, recursive: bool = False) -> Preview:
        below = [one.name for one in self.tree_list if f"{one.name}/".startswith(f"{target.name}/")]
        names = [*below, *(one.name for name in below for one in self.taken.get(name, ()))]
        return Preview("destroy", target, tuple(names), 5 * M, recursive, "plan")

    async def destroy(self, preview: Preview) -> None:
        self.calls.append(("destroy", preview.target.guid))
        self.tree_list = [one for one in self.tree_list if one.name not in preview.objects]

    async def set_aside(self, dataset: Dataset) -> Holding:
        self.calls.append(("set_aside", dataset.guid))
        return self._set(dataset, name=f"{dataset.name}-kept-20261126-101500", mounted=False)

    async def rename(self, dataset: Dataset, to: str) -> Holding:
        self.calls.append(("rename", dataset.guid, to))
        return self._set(dataset, name=to)

    async def promote(self, dataset: Dataset) -> Holding:
        self.calls.append(("promote", dataset.guid))
        return self._set(dataset, origin=None)

    async def mount(self, dataset: Dataset) -> Holding:
        self.calls.append(("mount", dataset.guid))
        return self._set(dataset, mounted=True)

    async def unmount(self, dataset: Dataset) -> Holding:
        self.calls.append(("unmount", dataset.guid))
        return self._set(dataset, mounted=False)

    async def load_key(self, root: Dataset, secret: str | None) -> Unlocked:
        self.calls.append(("load_key", root.guid))
        if secret != self.passphrase:
            raise CommandError(f"zfs load-key failed: Key load error: Incorrect key provided for '{root.name}'.")
        for one in list(self.tree_list):
            if one.encryption_root == root.name:
                self._set(one, key_status="available", mounted=True)
        return Unlocked(root.name, (root.name, f"{root.name}/deep"), ())

    async def unload_key(self, root: Dataset) -> Holding:
        self.calls.append(("unload_key", root.guid))
        return self._set(root, key_status="unavailable", mounted=False)

    async def change_key(self, root: Dataset, secret: str) -> Holding:
        self.calls.append(("change_key", root.guid))
        self.passphrase = secret
        return await self.holding(root.name)

    async def snapshot(self, dataset: Dataset, name: str, recursive: bool = False) -> Snapshot:
        self.calls.append(("snapshot", dataset.guid, name.split("-")[0], recursive))
        made = Snapshot(f"{dataset.name}@{name}", "3999", 200, time.time(), 0, G)
        self.taken.setdefault(dataset.name, []).append(made)
        return made

    async def rename_snapshot(self, snapshot: Snapshot, short: str) -> Snapshot:
        self.calls.append(("rename_snapshot", snapshot.guid, short))
        return dataclasses.replace(snapshot, name=f"{snapshot.dataset}@{short}")

    async def holds(self, snapshot: Snapshot) -> tuple[str, ...]:
        return tuple(self.tags.get(snapshot.name, ()))

    async def hold(self, snapshot: Snapshot, tag: str = "dplane-keep") -> tuple[str, ...]:
        self.tags.setdefault(snapshot.name, []).append(tag)
        return await self.holds(snapshot)

    async def release(self, snapshot: Snapshot, tag: str = "dplane-keep") -> tuple[str, ...]:
        self.tags[snapshot.name].remove(tag)
        return await self.holds(snapshot)

    async def clone(self, snapshot: Snapshot, to: str) -> Holding:
        self.calls.append(("clone", snapshot.guid, to))
        return holding(to, 2998, origin=snapshot.name)

    async def rollback_preview(self, snapshot: Snapshot, destroy_newer: bool = True) -> Preview:
        newer = [one.name for one in self.taken[snapshot.dataset] if one.createtxg > snapshot.createtxg]
        return Preview("rollback", snapshot, tuple(newer), None, True, "plan")

    async def rollback(self, preview: Preview) -> Snapshot:
        self.calls.append(("rollback", preview.target.guid))
        assert isinstance(preview.target, Snapshot)
        return preview.target

    async def destroy_many_preview(self, dataset: Dataset, chosen: Sequence[Snapshot]) -> Preview:
        clone = next(iter(await self.dependents([one.name for one in chosen])), None)
        if clone is not None:
            raise RefusedError(f"{clone} is a clone of one of them, so that cannot go.")
        return Preview("destroy", dataset, tuple(one.name for one in chosen), 7 * M)

    async def destroy_many(self, dataset: Dataset, chosen: Sequence[Snapshot]) -> tuple[str, ...]:
        self.calls.append(("destroy_many", dataset.name, tuple(one.short for one in chosen)))
        gone = {one.guid for one in chosen}
        self.taken[dataset.name] = [one for one in self.taken[dataset.name] if one.guid not in gone]
        return tuple(one.name for one in chosen)

    async def diff(self, snapshot: Snapshot, to: Snapshot | None = None) -> AsyncGenerator[Change, None]:
        self.calls.append(("diff", snapshot.short, to.short if to else None))
        for number in range(self.changes):
            yield Change("added", "file", f"/{snapshot.dataset}/{EVIL}-{number}")
