"""Datasets and snapshots, whole: what screens and commands call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from ...errors import MissingError, TimedOutError
from ...text import clean
from . import names
from .accounts import AccountActs
from .dataset_acts import DatasetActs
from .delegation import AllowReader
from .properties import Setting, parse_settings
from .shares import ShareActs
from .shelf import SHELF_COLUMNS, Shelf
from .snapshot_acts import SnapshotActs
from .tree import TREE, Holding, parse_tree

_PATIENCE = 600.0  # seconds for a listing of very many
_BREATH = 2000  # lines after which keys are looked at


class StorageService(DatasetActs, SnapshotActs, AccountActs, AllowReader, ShareActs):
    """Reads trees, snapshots and properties, and does everything of the classes it is made of."""

    async def tree(self, below: str | None = None) -> tuple[Holding, ...]:
        """All datasets, or one and those below it, in the order of their names: one `zfs list`."""
        return parse_tree(await self._table(TREE, below, "-r"))

    async def holding(self, name: str) -> Holding:
        """One dataset with its space. Raises MissingError when there is none of that name."""
        return parse_tree(await self._table(TREE, name))[0]

    async def _tree_below(self, name: str) -> Sequence[Holding]:
        return await self.tree(name)

    async def shelf(self, dataset: str | None = None) -> Shelf:
        """All snapshots, or those of one dataset: one `zfs list`, taken in while it still writes."""
        shelf = Shelf()
        where = [] if dataset is None else ["-d", "1", names.dataset(dataset)]
        argv = ["zfs", "list", "-Hpo", SHELF_COLUMNS, "-t", "snapshot", *where]
        async with aclosing(self._lines(argv, dataset)) as lines:
            async for line in lines:
                shelf.add(line)
        return shelf

    async def newest(self) -> dict[str, tuple[str, float]]:
        """The newest snapshot of each dataset: name behind the @, when it was taken. No sizes are asked for: cheap.

        Newest is what was made last here: the time comes from a clock, or with a stream from another box's.
        """
        last: dict[str, int] = {}
        found: dict[str, tuple[str, float]] = {}
        argv = ["zfs", "list", "-Hpo", "name,createtxg,creation", "-t", "snapshot"]
        async with aclosing(self._lines(argv, None)) as lines:
            async for line in lines:
                name, _, numbers = line.partition("\t")
                txg, _, created = numbers.partition("\t")
                dataset, _, short = name.partition("@")
                if txg.isdigit() and created.isdigit() and int(txg) >= last.get(dataset, 0):
                    last[dataset], found[dataset] = int(txg), (short, float(created))
        return found

    async def settings(self, dataset: str) -> tuple[Setting, ...]:
        """Every property of a dataset with its value and where that comes from."""
        output = await self._run(["zfs", "get", "-Hpo", "property,value,source", "all", names.dataset(dataset)])
        return parse_settings(output.text)

    async def dependents(self, snapshots: Sequence[str]) -> tuple[str, ...]:
        """The clones that hang on these snapshots: what must be promoted or destroyed before they can go."""
        wanted = set(snapshots)
        return tuple(one.name for one in await self.datasets() if one.origin in wanted)

    async def _lines(self, argv: Sequence[str], dataset: str | None) -> AsyncGenerator[str, None]:
        """What a listing prints, line by line, so that it is never held whole. Raises as `_run`."""
        try:
            process = await self.host.open(argv)
        except MissingError:
            await self.version()  # says it as everywhere
            raise
        seen = 0
        try:
            async with asyncio.timeout(_PATIENCE):
                async for line in process.lines():
                    yield line
                    seen += 1
                    if seen % _BREATH == 0:
                        await asyncio.sleep(0)
                output = await process.wait()
        except TimeoutError:
            raise TimedOutError(
                f"zfs list did not end within {_PATIENCE:.0f} s on {self.host.name}.",
                "A pool that is suspended makes ZFS commands wait; look at the Pools screen.",
            ) from None
        finally:
            await process.stop()
        if output.status != 0:
            if dataset is not None and "does not exist" in output.error:
                raise MissingError(
                    f"There is no dataset {clean(dataset)} on {self.host.name}.",
                    "`dplane dataset list` shows the ones there are.",
                )
            raise self._failure(argv, output)
