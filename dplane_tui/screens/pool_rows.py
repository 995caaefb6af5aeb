"""Pools, devices, datasets and snapshots as table rows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..services.zfs.model import Dataset, Disk, Importable, Pool, Scan, Snapshot, Vdev
from ..text import age, duration, size
from ..widgets.gauge import share_role, text_bar
from ..widgets.layout import Cell, Column, Row, row
from ..widgets.paint import state_role

POOLS = (
    Column("POOL", least=6, most=24),
    Column("STATE", least=8),
    Column("CAPACITY", drop=2, least=11),
    Column("SIZE", drop=4, right=True, least=5),
    Column("FREE", drop=3, right=True, least=5),
    Column("FRAG", drop=5, right=True, least=4),
    Column("ERR", drop=1, right=True, least=3),
    Column("SCAN", drop=2, least=16, grow=True),
)
DEVICES = (
    Column("DEVICE", least=16, most=60, middle=True),
    Column("STATE", least=8),
    Column("READ", right=True, least=4),
    Column("WRITE", right=True, least=5),
    Column("CKSUM", right=True, least=5),
    Column("SLOW", drop=2, right=True, least=4),
    Column("NOTE", drop=1, least=15, grow=True),
)
DATASETS = (
    Column("DATASET", least=18, most=60, grow=True),
    Column("USED", right=True, least=5),
    Column("AVAIL", drop=2, right=True, least=5),
    Column("REFER", drop=4, right=True, least=5),
    Column("MOUNTED AT", drop=1, least=8, most=30),
    Column("ENCRYPTION", drop=3, least=6, most=14),
)
SNAPSHOTS = (
    Column("SNAPSHOT", least=18, most=60, grow=True),
    Column("TAKEN", least=8),
    Column("USED", right=True, least=5),
    Column("REFER", drop=2, right=True, least=5),
)
DISKS = (
    Column(" ", least=3),
    Column("DISK", least=16, most=60, grow=True, middle=True),
    Column("SIZE", right=True, least=5),
    Column("MODEL", drop=2, least=6, most=20),
    Column("IN USE", drop=0, least=6, most=26),
)


def number(value: int | None) -> Cell:
    """A count of errors: 0 is calm, more is bad, None is unknown."""
    if value is None:
        return Cell("?", "unknown")
    return Cell(str(value), "bad" if value else "dim", float(value))


def percent(value: float | None) -> str:
    """`34%`, or `?`."""
    return "?" if value is None else f"{value:.0f}%"


def leaves(pool: Pool) -> Iterable[Vdev]:
    """The disks and files of a pool."""
    for top in pool.vdevs:
        for _, vdev in top.walk():
            if not vdev.children:
                yield vdev


def errors(pool: Pool) -> int | None:
    """Errors of all devices and files together; None when no device tells."""
    counts = [pool.data_errors] + [
        count
        for top in pool.vdevs
        for _, vdev in top.walk()
        for count in (vdev.read_errors, vdev.write_errors, vdev.checksum_errors)
    ]
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def scan_words(scan: Scan | None, now: float) -> Cell:
    """The scrub or resilver in a few words."""
    if scan is None:
        return Cell("never scrubbed", "dim")
    if scan.state in {"scanning", "paused"}:
        role = "warn" if scan.kind == "resilver" or scan.state == "paused" else "accent"
        paused = " paused" if scan.state == "paused" else ""
        left = f" ETA {_first(duration(scan.eta))}" if scan.eta is not None else "" if paused else " ETA ?"
        return Cell(f"{scan.kind} {percent(scan.percent)}{paused}{left}", role)
    ended = age(scan.ended, now) if scan.ended is not None else "at an unknown time"
    if scan.state == "canceled":
        return Cell(f"{scan.kind} stopped {ended}", "warn")
    if scan.errors:
        return Cell(f"{scan.kind}: {scan.errors} errors, {ended}", "bad")
    said = "ok" if scan.errors == 0 else "ended"
    return Cell(f"{scan.kind} {said} {coarse(ended)}", "dim")


def _first(words: str) -> str:
    """`12m 34s` → `12m`: what is below the first unit is noise in an estimate."""
    return words.split(" ")[0]


def coarse(words: str) -> str:
    """`3d 4h ago` → `3d ago`: the smaller unit would repaint the line all the time."""
    parts = words.split(" ")
    return " ".join([parts[0], parts[-1]]) if len(parts) == 3 else words


def pool_rows(pools: Iterable[Pool], now: float) -> list[Row]:
    """One row a pool."""
    rows = []
    for pool in pools:
        role = share_role(pool.capacity).replace("text", "gauge")
        order = float(pool.capacity) if pool.capacity is not None else -1.0
        rows.append(
            row(
                pool.guid,
                Cell(pool.name + (" (read-only)" if pool.readonly else ""), "strong"),
                Cell(pool.state, state_role(pool.state)),
                Cell(f"{text_bar(pool.capacity, 6)} {percent(pool.capacity):>4}", role, order),
                Cell(size(pool.size), "text", pool.size),
                Cell(size(pool.free), "text", pool.free),
                Cell(percent(pool.fragmentation), "text" if pool.fragmentation is not None else "unknown"),
                number(errors(pool)),
                scan_words(pool.scan, now),
            )
        )
    return rows


def device_rows(pool: Pool) -> list[Row]:
    """The tree of a pool's devices, the special classes behind the data."""
    rows = []
    for top in sorted(pool.vdevs, key=lambda v: v.role != "data"):
        for depth, vdev in top.walk():
            note = vdev.note
            if depth == 0 and vdev.role != "data" and vdev.role not in vdev.name:
                note = f"{vdev.role} {note}".strip()
            rows.append(
                row(
                    vdev.guid or f"{vdev.role}/{depth}/{vdev.name}",
                    Cell(vdev.name, "strong" if vdev.children else "text"),
                    Cell(vdev.state, state_role(vdev.state)),
                    number(vdev.read_errors),
                    number(vdev.write_errors),
                    number(vdev.checksum_errors),
                    number(vdev.slow_ios),
                    Cell(note, "warn" if note and vdev.state != "ONLINE" else "dim"),
                    depth=depth,
                )
            )
    return rows


def dataset_rows(datasets: Iterable[Dataset]) -> list[Row]:
    """Datasets as a tree, in ZFS's order."""
    rows = []
    for one in datasets:
        depth = one.name.count("/")
        where = one.mountpoint or ("volume" if one.kind == "volume" else "none")
        mounted = Cell(where, "text" if one.mounted or one.kind == "volume" else "dim")
        if one.mounted is False and one.kind == "filesystem":
            mounted = Cell(f"not mounted ({where})", "dim")
        locked = one.key_status == "unavailable"
        cipher = "-" if one.encryption == "off" else "locked" if locked else one.encryption
        rows.append(
            row(
                one.name,
                Cell(one.name if depth == 0 else one.name.rpartition("/")[2], "strong" if depth == 0 else "text"),
                Cell(size(one.used), "text", one.used),
                Cell(size(one.available), "text", one.available),
                Cell(size(one.referenced), "text", one.referenced),
                mounted,
                Cell(cipher, "warn" if locked else "dim"),
                depth=depth,
            )
        )
    return rows


def snapshot_rows(snapshots: Iterable[Snapshot], now: float) -> list[Row]:
    """Newest first."""
    rows = []
    for one in sorted(snapshots, key=lambda s: -s.createtxg):
        mark = "#" if one.bookmark else "@"
        rows.append(
            row(
                one.name,
                Cell(mark + one.short, "dim" if one.bookmark else "text"),
                Cell(coarse(age(one.created, now)), "text", -(one.created or 0)),
                Cell("bookmark" if one.bookmark else size(one.used), "dim" if one.bookmark else "text", one.used),
                Cell("" if one.bookmark else size(one.referenced), "text", one.referenced),
            )
        )
    return rows


_MARKS = {"log": "[L]", "cache": "[C]", "special": "[M]", "spare": "[S]"}


def disk_rows(disks: Iterable[Disk], marked: Mapping[str, str]) -> list[Row]:
    """Disks to choose from, `marked` with what they are for; one in use cannot be marked and says why."""
    return [
        row(
            disk.id or disk.device,
            Cell(_MARKS.get(marked[disk.id], "[x]") if disk.id in marked else " - " if disk.in_use else "[ ]", "key"),
            Cell(disk.id or f"{disk.device} (no stable name)", "dim" if disk.in_use else "text"),
            Cell(size(disk.size), "text", disk.size),
            Cell(disk.model or "?", "dim"),
            Cell(disk.in_use or "free", "warn" if disk.in_use else "good"),
        )
        for disk in disks
    ]


IMPORTABLE = (
    Column("POOL", least=8),
    Column("STATE", least=8),
    Column("GUID", drop=2, least=10),
    Column("DISKS", drop=1, grow=True, least=8),
)


def importable_rows(found: Iterable[Importable]) -> list[Row]:
    """Pools that could be imported."""
    return [
        row(
            one.guid,
            Cell(one.name, "strong"),
            Cell(one.state, state_role(one.state)),
            one.guid,
            Cell(one.note or ", ".join(one.disks), "dim"),
        )
        for one in found
    ]
