"""A played box that also lists trees and very many snapshots, and compares."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence

from dplane_tui.services.host.base import Output
from dplane_tui.services.zfs.shelf import SHELF_COLUMNS
from dplane_tui.services.zfs.storage import StorageService
from dplane_tui.services.zfs.tree import TREE_COLUMNS

from .test_storage_pure import line
from .test_zfs_service import HELPER, PlayedBox, row


class Lines:
    """A process whose output is known before it starts."""

    def __init__(self, output: Output) -> None:
        self.output = output
        self.given = b""
        self.read = 0
        self.stopped = False

    async def lines(self) -> AsyncIterator[str]:
        for one in self.output.text.splitlines():
            self.read += 1
            yield one

    async def write(self, data: bytes) -> None:
        self.given += data

    async def close_stdin(self) -> None:
        return None

    async def wait(self) -> Output:
        return self.output

    async def stop(self) -> None:
        self.stopped = True


class StorageBox(PlayedBox):
    """The box of the ZFS tests, and what is listed line by line."""

    def __init__(self) -> None:
        super().__init__()
        self.add_pool("tank", 7)
        self.tree: list[str] = []
        self.shelf: list[str] = []
        self.changes = Output(0, b"", b"")
        self.opened: list[tuple[list[str], Lines]] = []
        self.secrets: list[bytes] = []

    async def open(self, argv: Sequence[str]) -> Lines:
        words = list(argv)
        output = self.changes
        if words[0] != "sudo":
            output = Output(1, b"", self.fails["zfs"].encode()) if "zfs" in self.fails else await self.run(words)
        process = Lines(output)
        self.opened.append((words, process))
        return process

    async def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = 30.0) -> Output:
        if list(argv)[:3] == ["sudo", "-n", HELPER]:
            request, _, secret = stdin.partition(b"\n")
            if secret:
                self.secrets.append(secret)
            json.loads(request)
            return await super().run(argv, stdin=request, timeout=timeout)
        return await super().run(argv, stdin=stdin, timeout=timeout)

    def _output(self, words: list[str]) -> str:
        if TREE_COLUMNS in words:
            return "".join(self.tree)
        if SHELF_COLUMNS in words:
            return "".join(one + "\n" for one in self.shelf)
        if "name,createtxg,creation" in words:
            cells = [one.split("\t") for one in self.shelf]
            return "".join(f"{one[0]}\t{one[2]}\t{one[3]}\n" for one in cells)
        if words[:2] == ["zfs", "holds"]:
            return self.values.get("holds", "")
        if words[:2] == ["zfs", "get"] and "all" in words:
            return self.values["all"]
        return super()._output(words)

    async def close(self) -> None:
        return None


def service(box: StorageBox) -> StorageService:
    """The service on that box."""
    return StorageService(box)


__all__ = ["Lines", "StorageBox", "line", "row", "service"]
