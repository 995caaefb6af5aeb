"""The tables of `zpool list -Hp` and `zfs list -Hp`: the same tab-separated text in every version of OpenZFS. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from privhelper import grammar

from ...errors import CommandError
from ...lazyclass import dataclass
from ...text import clean
from .model import Dataset, Pool, Snapshot
from .table import Table

POOL_COLUMNS = "name,guid,size,allocated,free,capacity,fragmentation,health,readonly"
DATASETS = Table(
    "name,type,guid,createtxg,used,available,referenced,mounted,encryption,keystatus,encryptionroot,"
    "receive_resume_token,origin,compression,readonly,usedbysnapshots",
    ("dplane:peer", "mountpoint"),
)
DATASET_COLUMNS = DATASETS.columns
SNAPSHOT_COLUMNS = "name,guid,createtxg,creation,used,referenced"


@dataclass(frozen=True, slots=True)
class Space:
    """One line of `zpool list`: what `zpool status` does not tell."""

    name: str
    guid: str
    health: str
    size: int | None
    allocated: int | None
    free: int | None
    capacity: int | None
    fragmentation: int | None
    readonly: bool

    def fill(self, pool: Pool) -> Pool:
        """`pool` with the GUID and the figures of this line."""
        return replace(
            pool,
            guid=self.guid,
            size=self.size,
            allocated=self.allocated,
            free=self.free,
            capacity=self.capacity,
            fragmentation=self.fragmentation,
            readonly=self.readonly,
        )


def _not_understood(program: str, line: str) -> CommandError:
    return CommandError(
        f"What `{program} list` said was not understood: “{clean(line, 100)}”.",
        "Please report it with the version of ZFS (`zfs version`).",
    )


def rows(text: str, columns: str, program: str) -> list[list[str]]:
    """What `program` listed, none of these columns a text of a person's. Raises CommandError."""
    width = columns.count(",") + 1
    found: list[list[str]] = []
    for line in text.split("\n"):
        if not line:
            continue
        row = line.split("\t", width - 1)
        if len(row) != width:
            raise _not_understood(program, line)
        found.append(row)
    return found


def number(word: str) -> int | None:
    """The number `word` says; None for `-` and anything else."""
    word = word.removesuffix("%")
    return int(word) if word.isascii() and word.isdigit() and len(word) < 21 else None


def _word(word: str) -> str | None:
    return None if word in ("", "-") else word


def parse_spaces(text: str) -> dict[str, Space]:
    """`zpool list -Hpo POOL_COLUMNS`, by name. Raises CommandError."""
    found = {}
    for row in rows(text, POOL_COLUMNS, "zpool"):
        name, guid, size, allocated, free, capacity, fragmentation, health, readonly = row
        if grammar.guid_problem(guid) or not health:
            raise _not_understood("zpool", "\t".join(row))
        found[name] = Space(
            name,
            guid,
            health,
            number(size),
            number(allocated),
            number(free),
            number(capacity),
            number(fragmentation),
            readonly == "on",
        )
    return found


def parse_datasets(listed: Iterable[Sequence[str]]) -> tuple[Dataset, ...]:
    """The rows of DATASETS. Raises CommandError."""
    return tuple(map(_dataset, listed))


def _dataset(row: Sequence[str]) -> Dataset:
    name, kind, guid, txg, used, available, referenced, mounted, encryption = row[:9]
    key_status, root, token, origin, compression, readonly, by_snapshots, peer, mountpoint = row[9:]
    created = number(txg)
    if kind not in ("filesystem", "volume") or grammar.guid_problem(guid) or created is None:
        raise _not_understood("zfs", "\t".join(row))
    return Dataset(
        name=name,
        kind=kind,
        guid=guid,
        createtxg=created,
        used=number(used),
        available=number(available),
        referenced=number(referenced),
        mountpoint=_word(mountpoint),
        mounted={"yes": True, "no": False}.get(mounted),
        encryption=_word(encryption) or "off",
        key_status=_word(key_status) if key_status != "none" else None,
        encryption_root=_word(root),
        resume_token=_word(token),
        origin=_word(origin),
        compression=_word(compression),
        readonly=readonly == "on",
        peer=_word(peer) or "",
        by_snapshots=number(by_snapshots),
    )


def parse_snapshots(text: str) -> tuple[Snapshot, ...]:
    """`zfs list -Hpo SNAPSHOT_COLUMNS -t snapshot,bookmark`. Raises CommandError."""
    found = []
    for row in rows(text, SNAPSHOT_COLUMNS, "zfs"):
        name, guid, txg, created, used, referenced = row
        order, when = number(txg), number(created)
        if grammar.guid_problem(guid) or order is None or not ("@" in name or "#" in name):
            raise _not_understood("zfs", "\t".join(row))
        found.append(
            Snapshot(name, guid, order, None if when is None else float(when), number(used), number(referenced))
        )
    return tuple(found)


def merge(pools: Iterable[Pool], spaces: dict[str, Space]) -> tuple[Pool, ...]:
    """The pools of `zpool status` with the figures of `zpool list`, in the order of the list.

    The two are read one after the other: a pool that is only in the status was exported in between and is left out;
    one that is only in the list is shown without its tree.
    """
    by_name = {pool.name: pool for pool in pools}
    merged = []
    for name, space in spaces.items():
        pool = by_name.get(name)
        if pool is None or (pool.guid and pool.guid != space.guid):
            pool = Pool(name, space.guid, space.health)
        merged.append(space.fill(pool))
    return tuple(merged)
