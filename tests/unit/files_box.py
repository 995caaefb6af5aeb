"""The services' side of files_world.py: a host whose ZFS is that world, and which runs its helper for real."""

from __future__ import annotations

import os
from collections.abc import Sequence

from dplane_tui.services.host import LocalHost, Process
from tests.unit.test_zfs_service import PlayedBox, row

from .files_world import DATASET, World


class FilesBox(PlayedBox):
    """One dataset with the world's snapshots. Whatever helper is asked for, the world's own is run."""

    local = True

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.add_pool("tank", 7)
        self._real = LocalHost()
        self.opened: list[list[str]] = []

    def _output(self, words: list[str]) -> str:
        self.datasets = [row(DATASET, int(self.world.guid(DATASET)), str(self.world.live))]
        rows = [
            f"{DATASET}@{name}\t{guid}\t{guid}\t{1700000000 + place * 3600}\t1\t1"
            for place, (name, guid) in enumerate(self.world.guids.items())
        ]
        self.snapshots = [line for line in rows if "@" not in words[-1] or line.startswith(words[-1] + "\t")]
        return super()._output(words)

    async def open(self, argv: Sequence[str]) -> Process:
        self.opened.append(list(argv))
        assert os.path.basename(argv[-2]) in ("privhelper", "-m") or argv[-1] == "files"
        return await self._real.open([str(self.world.door.file), "files"])

    async def close(self) -> None:
        return None
