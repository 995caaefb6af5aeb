"""Reading OpenZFS without root: pools, datasets, snapshots, disks, and what could be imported."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace

from ...errors import ChangedError, CommandError, DPlaneError, MissingError, TimedOutError
from ...text import clean
from ..door import Door
from ..host import Host, Output
from . import names, recipe
from .model import Dataset, Disk, Importable, Pool, Snapshot
from .parse_disks import LSBLK_COLUMNS, parse_disks, parse_links
from .parse_json import parse_status as parse_json_status
from .parse_lists import (
    DATASETS,
    POOL_COLUMNS,
    SNAPSHOT_COLUMNS,
    Space,
    merge,
    parse_datasets,
    parse_snapshots,
    parse_spaces,
    rows,
)
from .parse_text import parse_importable
from .parse_text import parse_status as parse_text_status
from .table import Table, key

STUCK = 10.0  # seconds after which a zpool command is taken to wait for a pool that does not answer
_KERNEL = "/proc/sys/kernel/osrelease"
_KSTAT = "/proc/spl/kstat/zfs"
_NO_MODULE = ("modules cannot be auto-loaded", "modules are not loaded", "/dev/zfs", "failed to initialize the libzfs")
_GONE = ("does not exist", "no such pool", "dataset not found")
_JSON_SINCE = (2, 3)
_DATASETS = "filesystem,volume"
_BY_ID = "/dev/disk/by-id"


class ZfsReader:
    """What there is on a box. Every method raises MissingError where ZFS is not, and CommandError or a kind of it."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.door = Door(host)
        self._version: tuple[int, ...] | None = None
        self._avoid: frozenset[str] = frozenset()  # suspended pools that a zpool command already hung on

    async def version(self) -> tuple[int, ...]:
        """The version of the ZFS programs, e.g. `(2, 3, 9)`; asked once."""
        if self._version is None:
            output = await self._run(["zfs", "version"], check=False)
            matched = re.match(r"zfs-(\d+)\.(\d+)(?:\.(\d+))?", output.text)
            if matched is None:
                raise self._failure(["zfs", "version"], output)
            self._version = tuple(int(part) for part in matched.groups() if part)
        return self._version

    async def pools(self) -> tuple[Pool, ...]:
        """All imported pools. One that ZFS waits for is told from its kernel statistics, with the rest unknown."""
        facts = await self.host.read_files([f"{_KSTAT}/*/state", f"{_KSTAT}/*/guid", "/proc/uptime", "/proc/stat"])
        states = {path.split("/")[-2]: text.strip() for path, text in facts.items() if path.endswith("/state")}
        suspended = {name for name, state in states.items() if state == "SUSPENDED"}
        self._avoid = self._avoid & suspended  # one that came back is asked for again
        wanted = [name for name in states if name not in self._avoid] if self._avoid else []
        found: tuple[Pool, ...] = ()
        if not self._avoid or wanted:
            try:
                found = await self._ask_pools(wanted, _box_time(facts))
            except TimedOutError:
                if not suspended:
                    raise
                # ZFS hangs: not asked again while the pool is suspended, or each look would leave a stuck process.
                self._avoid = self._avoid | suspended
                wanted = [name for name in states if name not in self._avoid]
                found = await self._ask_pools(wanted, _box_time(facts)) if wanted else ()
        known = {pool.name for pool in found}
        found = tuple(replace(p, state="SUSPENDED") if p.name in suspended else p for p in found)
        return found + tuple(
            _from_kernel(name, state, facts) for name, state in states.items() if name in self._avoid - known
        )

    async def _ask_pools(self, only: Sequence[str], now: float | None) -> tuple[Pool, ...]:
        as_json = await self.version() >= _JSON_SINCE
        listing = self._run(["zpool", "list", "-Hpo", POOL_COLUMNS, *only], timeout=STUCK)
        if not as_json:
            spaces = parse_spaces((await listing).text)
            return merge(await asyncio.gather(*map(self._ask_as_text, spaces.values())), spaces)
        status = ["zpool", "status", "-j", "--json-int", *only]
        listed, told = await asyncio.gather(listing, self._run(status, timeout=STUCK))  # each is a round trip
        spaces = parse_spaces(listed.text)
        return merge(parse_json_status(told.text, now), spaces) if spaces else ()

    async def _ask_as_text(self, space: Space) -> Pool:
        """One pool by its name, so that what the labels of another hold does not speak for it, nor hide it."""
        # The text has dates in the box's own zone; in UTC they are the same everywhere.
        argv = ["env", "TZ=UTC", "zpool", "status", "-ps", space.name]
        try:
            return parse_text_status((await self._run(argv, timeout=STUCK)).text, space.name)
        except TimedOutError:
            raise
        except (
            ChangedError,
            CommandError,
        ) as error:  # its tree is not known; that it is there, and its health, the list says
            return Pool(space.name, space.guid, space.health, status=error.message)

    async def pool(self, name: str) -> Pool:
        """The imported pool of that name. Raises MissingError when there is none."""
        for pool in await self.pools():
            if pool.name == names.pool(name):
                return pool
        raise MissingError(
            f"There is no pool {clean(name)} on {self.host.name}.", "`dplane pool list` shows the ones there are."
        )

    async def datasets(self, pool: str | None = None) -> tuple[Dataset, ...]:
        """All file systems and volumes, or those of one pool, in the order of their names."""
        return parse_datasets(await self._table(DATASETS, pool, "-r"))

    async def dataset(self, name: str) -> Dataset:
        """One file system or volume. Raises MissingError when there is none of that name."""
        found = parse_datasets(await self._table(DATASETS, name))
        if len(found) != 1:
            raise CommandError(f"zfs list told of {len(found)} datasets when asked for {clean(name)}.")
        return found[0]

    async def snapshots(self, dataset: str) -> tuple[Snapshot, ...]:
        """Snapshots and bookmarks of one dataset (not of those below it), oldest first."""
        name = names.dataset(dataset)
        told = await self._named("dataset", name, "snapshot,bookmark", SNAPSHOT_COLUMNS, "-d", "1")
        return tuple(sorted(parse_snapshots(told), key=lambda one: (one.createtxg, one.name)))

    async def snapshot_named(self, name: str) -> Snapshot:
        """One snapshot by its full name. Raises MissingError when there is none."""
        found = parse_snapshots(await self._named("snapshot", names.snapshot(name), "snapshot", SNAPSHOT_COLUMNS))
        if len(found) != 1:
            raise CommandError(f"zfs list told of {len(found)} snapshots when asked for {clean(name)}.")
        return found[0]

    async def disks(self) -> tuple[Disk, ...]:
        """All whole disks with their stable names, and why each is not free. Works without ZFS, too."""
        find = ["find", f"{_BY_ID}/", "-maxdepth", "1", "-type", "l", "-printf", "%f\\t%l\\n"]
        links, listed, pools = await asyncio.gather(
            self.host.run(find), self.host.run(["lsblk", "-J", "-b", "-o", LSBLK_COLUMNS]), self._pools_if_any()
        )
        if listed.status != 0:
            raise self._failure(["lsblk"], listed)
        return parse_disks(listed.text, parse_links(links.text), pools)

    async def _pools_if_any(self) -> tuple[Pool, ...]:
        try:
            return await self.pools()
        except MissingError:
            return ()  # no ZFS here: no pool holds a disk

    async def importable(self) -> tuple[Importable, ...]:
        """Pools on the disks that are not imported. Goes through the door, because labels are read as root."""
        return parse_importable(str((await self.door.call("pool-scan", timeout=150)).get("stdout", "")))

    async def property_value(self, dataset: str, name: str) -> str:
        """One property as `zfs get -p` prints it. Raises ChangedError when the dataset is gone."""
        argv = ["zfs", "get", "-Hpo", "value", name, names.dataset(dataset)]
        return (await self._run(argv)).text.rstrip("\n")

    async def _list(self, kinds: str, columns: str, *rest: str, timeout: float = 60.0) -> Output:
        return await self._run(["zfs", "list", "-Hpo", columns, "-t", kinds, *rest], timeout=timeout)

    async def _named(self, what: str, name: str, kinds: str, columns: str, *options: str, timeout: float = 60.0) -> str:
        """What `zfs list` prints for `name`. Raises MissingError when there is no `what` of that name."""
        try:
            return (await self._list(kinds, columns, *options, name, timeout=timeout)).text
        except ChangedError:
            raise self._none(what, name) from None

    def _none(self, what: str, name: str) -> MissingError:
        above = f" {clean(name.partition('@')[0])}" if "@" in name else ""
        return MissingError(
            f"There is no {what} {clean(name)} on {self.host.name}.",
            f"`dplane {what} list{above}` shows the ones there are.",
        )

    async def _table(self, table: Table, name: str | None, *options: str) -> list[list[str]]:
        """The rows of all datasets, or of the one called `name`, with `-r` and of those below it: one `zfs list`.

        More only where a text has tabs or line ends in it. Raises MissingError when there is none of that name, and
        ChangedError when another one went away meanwhile, so that a part is not taken for all.
        """

        async def listed(columns: str) -> str:
            if name is None:
                return (await self._list(_DATASETS, columns)).text
            return await self._named("dataset", names.dataset(name), _DATASETS, columns, *options)

        told = await listed(table.columns)
        whole = table.whole(told)
        if whole is not None:
            return whole
        from .apart import texts_of

        plain = rows(await listed(table.plain), table.plain, "zfs")
        try:
            texts = await texts_of(self._run, table, [*options, "-t", _DATASETS], [] if name is None else [name])
        except ChangedError:
            await listed(table.plain)  # whether it is what was asked for that is gone
            raise
        found = [[*row, *texts[key(row)]] for row in plain if key(row) in texts]  # the others are gone by now
        if name is not None and not found:
            raise self._none("dataset", name)
        return found

    async def _run(self, argv: Sequence[str], *, check: bool = True, timeout: float = 60.0) -> Output:
        try:
            output = await self.host.run(argv, timeout=timeout)
        except MissingError:
            kernel = (await self.host.read_files([_KERNEL])).get(_KERNEL, "")
            raise MissingError(f"ZFS is not installed on {self.host.name}.", recipe.sentence(kernel)) from None
        if check and output.status != 0:
            raise self._failure(argv, output)
        return output

    def _failure(self, argv: Sequence[str], output: Output) -> DPlaneError:
        said = clean(" ".join(output.error.split()), 300)
        if any(words in said.lower() for words in _NO_MODULE):
            return MissingError(
                f"The ZFS module is not loaded on {self.host.name}.",
                "Load it with `sudo modprobe zfs`; `dplane doctor` tells what to do if there is none for this kernel.",
            )
        if any(words in said for words in _GONE):
            return ChangedError(f"{said[:1].upper()}{said[1:].rstrip('.')} on {self.host.name}.", "Look again.")
        program = " ".join(word for word in argv[:4] if word.isalpha())
        why = said or f"it ended with status {output.status} and said nothing"
        return CommandError(
            f"`{program}` failed on {self.host.name}: {why.rstrip('.')}.", detail=said, status=output.status
        )


def _box_time(facts: dict[str, str]) -> float | None:
    """The box's own clock in Unix seconds: when it was booted and how long it has been up."""
    booted = re.search(r"^btime (\d+)$", facts.get("/proc/stat", ""), re.MULTILINE)
    up = re.match(r"\d+(?:\.\d+)?", facts.get("/proc/uptime", ""))
    return float(booted[1]) + float(up[0]) if booted and up else None


def _from_kernel(name: str, state: str, facts: dict[str, str]) -> Pool:
    """A pool that ZFS commands hang on: only what the kernel's statistics say is known."""
    guid = facts.get(f"{_KSTAT}/{name}/guid", "").strip()
    return Pool(
        name=name,
        guid=guid if guid.isdigit() else "",
        state=state,
        status="ZFS does not answer for this pool, so nothing more is known.",
        action="Reconnect its disks, then clear its errors.",
    )
