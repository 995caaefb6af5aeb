"""`dplane pool`: pools, and the disks they are made of."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from time import time

from ..errors import BadNewsError, MissingError, UsageError
from ..services.host import Host
from ..services.zfs.growth import GrowthActs
from ..services.zfs.model import Importable, Pool, Scan
from ..services.zfs.requests import CreatePool
from ..services.zfs.service import ZfsService
from ..text import age, clean, duration, size
from . import confirm, pool_chart, pool_disks, pool_grow
from .output import Result, table
from .pool_layout import parse_layout


def add(parser: argparse.ArgumentParser) -> None:
    """Its verbs."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    listing = verbs.add_parser("list", help="pools with state, space, errors and scan")
    listing.add_argument("--check", action="store_true", help="exit with 3 when a pool is not healthy")
    listing.set_defaults(handler=_list, reads=True)
    show = verbs.add_parser("show", help="one pool with its devices")
    show.add_argument("pool")
    show.set_defaults(handler=_show, reads=True)
    disks = verbs.add_parser("disks", help="disks by stable name, and why one is not free")
    disks.set_defaults(handler=_disks, reads=True)
    found = verbs.add_parser("importable", help="pools that could be imported")
    found.add_argument("--destroyed", action="store_true", help="those that were destroyed")
    found.set_defaults(handler=_importable, reads=True)
    export = verbs.add_parser("export", help="make a pool ready to be taken away")
    export.add_argument("pool")
    export.set_defaults(handler=_export)
    _add_create(verbs.add_parser("create", help="create a pool"))
    scrub = verbs.add_parser("scrub", help="read every block of a pool and repair what is wrong")
    scrub.add_argument("pool")
    scrub.add_argument("action", nargs="?", choices=("start", "pause", "stop"), default="start")
    scrub.set_defaults(handler=_scrub)
    clear = verbs.add_parser("clear", help="clear error counts, after the cause is gone")
    clear.add_argument("pool")
    clear.add_argument("vdev", nargs="?", help="only of this device, by the name `pool show` gives")
    clear.set_defaults(handler=_clear)
    bring = verbs.add_parser("import", help="import a pool")
    bring.add_argument("pool", help="its name or GUID")
    bring.add_argument("--as", dest="new_name", metavar="NAME", help="under another name")
    bring.add_argument("--readonly", action="store_true", help="without writing to its disks")
    pool_grow.add_import(bring)
    bring.set_defaults(handler=_import)
    pool_chart.add(verbs)
    pool_disks.add(verbs)
    pool_grow.add(verbs)
    destroy = confirm.add(verbs.add_parser("destroy", help="destroy a pool and everything in it"))
    destroy.add_argument("pool")
    destroy.set_defaults(handler=_destroy)


def _add_create(create: argparse.ArgumentParser) -> None:
    create.add_argument("pool")
    create.add_argument(
        "layout",
        nargs="+",
        metavar="LAYOUT",
        help="as zpool reads it: mirror DISK DISK [mirror DISK DISK …] [log DISK], disks by the names of `pool disks`; "
        "also raidz1 to raidz3, draid1:4d:6c:1s, cache, special, dedup, spare",
    )
    create.add_argument("-o", dest="properties", action="append", default=[], metavar="PROPERTY=VALUE")
    create.add_argument("--force", action="store_true", help="overwrite disks in use, allow unlike groups")
    confirm.add(create)
    create.set_defaults(handler=_create)


def parse_properties(given: Sequence[str]) -> dict[str, str]:
    """`name=value` words as a dict. Raises UsageError."""
    found = {}
    for word in given:
        name, equals, value = word.partition("=")
        if not equals or not name or name in found:
            raise UsageError(
                f"“{clean(word, 60)}” is not PROPERTY=VALUE, or is given twice.", "Write it as compression=lz4."
            )
        found[name] = value
    return found


def scan_text(scan: Scan | None, now: float) -> str:
    """A scan in a few words, e.g. `scrub 34 %, 3h 20m left`."""
    if scan is None:
        return "never scanned"
    ended = "at an unknown time" if scan.ended is None else age(scan.ended, now)
    if scan.state == "finished":
        errors = "?" if scan.errors is None else scan.errors
        return f"{scan.kind} {ended}, {errors} errors"
    if scan.state == "canceled":
        return f"{scan.kind} canceled {ended}"
    done = "?" if scan.percent is None else f"{scan.percent:.0f}"
    if scan.state == "paused":
        return f"{scan.kind} paused at {done} %"
    return f"{scan.kind} {done} %" + ("" if scan.eta is None else f", {duration(scan.eta)} left")


def _percent(value: int | None) -> str:
    return "?" if value is None else f"{value}%"


def _errors(value: int | None) -> str:
    return "?" if value is None else str(value)


async def _list(host: Host, args: argparse.Namespace) -> Result:
    pools = await ZfsService(host).pools()
    if not pools:
        return Result(pools, f"No pool is imported on {host.name}.")
    now = time()
    rows = [
        (
            pool.name,
            pool.state,
            size(pool.size),
            size(pool.allocated),
            size(pool.free),
            _percent(pool.capacity),
            _percent(pool.fragmentation),
            _errors(pool.data_errors),
            scan_text(pool.scan, now),
        )
        for pool in pools
    ]
    text = table(("NAME", "STATE", "SIZE", "ALLOC", "FREE", "CAP", "FRAG", "ERRORS", "SCAN"), rows)
    told = [clean(f"{pool.name} {pool.trouble()}.") for pool in pools if pool.trouble()]
    bad = BadNewsError(" ".join(told), "`dplane pool show NAME` tells more.") if args.check and told else None
    return Result(pools, "\n".join([text, *told]), bad)


async def _show(host: Host, args: argparse.Namespace) -> Result:
    pool = await ZfsService(host).pool(args.pool)
    return Result(pool, describe(pool, time()))


def describe(pool: Pool, now: float) -> str:
    """A pool and its tree of devices, for a person."""
    lines = [
        f"Pool {pool.name}, GUID {pool.guid or '?'}: {pool.state}{', read-only' if pool.readonly else ''}",
        f"Size {size(pool.size)}, allocated {size(pool.allocated)}, free {size(pool.free)}, "
        f"fragmentation {_percent(pool.fragmentation)}",
        f"Scan: {scan_text(pool.scan, now)}",
        f"Files with permanent errors: {_errors(pool.data_errors)}",
        *([f"ZFS says: {pool.status}"] if pool.status else []),
        *([f"ZFS advises: {pool.action}"] if pool.action else []),
    ]
    rows = []
    for top in pool.vdevs:
        for depth, vdev in top.walk():
            role = "" if vdev.role == "data" or depth else f" ({vdev.role})"
            counts = (vdev.read_errors, vdev.write_errors, vdev.checksum_errors)
            spare = vdev.role == "spare" and not any(counts)
            cells = ["-"] * 3 if spare else [_errors(count) for count in counts]
            rows.append((f"{'  ' * depth}{vdev.name}{role}", vdev.state, *cells, vdev.note))
    text = "\n".join(clean(line) for line in lines)
    return f"{text}\n\n{table(('DEVICE', 'STATE', 'READ', 'WRITE', 'CKSUM', 'NOTE'), rows)}"


async def _disks(host: Host, _args: argparse.Namespace) -> Result:
    disks = await ZfsService(host).disks()
    rows = [(disk.id or "-", disk.device, size(disk.size), disk.model or "?", disk.in_use or "free") for disk in disks]
    return Result(disks, table(("DISK", "DEVICE", "SIZE", "MODEL", "IN USE"), rows) if rows else "There are no disks.")


async def _importable(host: Host, args: argparse.Namespace) -> Result:
    found = await GrowthActs(host).importable_in(destroyed=args.destroyed)
    if not found:
        return Result(found, "There is no pool to import.")
    rows = [(pool.name, pool.guid, pool.state, ", ".join(pool.disks), pool.note) for pool in found]
    return Result(found, table(("NAME", "GUID", "STATE", "DISKS", "NOTE"), rows))


async def _create(host: Host, args: argparse.Namespace) -> Result:
    service = ZfsService(host)
    request = CreatePool(args.pool, parse_layout(args.layout), parse_properties(args.properties), args.force)
    disks = await service.disks()
    request.check(disks)
    warnings, usable = request.warnings(disks), request.usable(disks)
    if args.dry_run:
        told = [f"Would create {request.name} with about {size(usable)} for files: {' '.join(request.words())}"]
        told.append(f"In it {request.survives()}.")
        data = {
            "name": request.name, "words": request.words(), "usable": usable, "survives": request.survives(),
            "warnings": warnings,
        }  # fmt: skip
        return Result(data, "\n".join(clean(line) for line in told + warnings))
    if args.force:
        await confirm.require(args, args.pool, " ".join(["What is on the disks will be overwritten.", *warnings]))
    pool = await service.create_pool(request)
    told = [f"Pool {pool.name} is {pool.state}, GUID {pool.guid}, {size(pool.size)}.", *warnings]
    return Result(pool, "\n".join(clean(line) for line in told))


async def _scrub(host: Host, args: argparse.Namespace) -> Result:
    service = ZfsService(host)
    scan = await service.scrub(await service.pool(args.pool), args.action)
    return Result(scan, f"{clean(args.pool)}: {scan_text(scan, time())}.")


async def _clear(host: Host, args: argparse.Namespace) -> Result:
    service = ZfsService(host)
    pool = await service.clear(await service.pool(args.pool), args.vdev)
    bad = None
    if pool.trouble():
        bad = BadNewsError(
            clean(f"{pool.name} {pool.trouble()}."), f"`dplane pool repair {clean(pool.name)}` says what helps."
        )
    return Result(pool, clean(f"Errors cleared; {pool.name} is {pool.state}."), bad)


async def _import(host: Host, args: argparse.Namespace) -> Result:
    if args.dry_run or args.folder or args.destroyed or args.rewind or args.checkpoint:
        return await pool_grow.import_other(host, args)
    service = ZfsService(host)
    found = pick(await service.importable(), args.pool)
    pool = await service.import_pool(found, args.new_name, args.readonly)
    return pool_grow.imported(pool)


def pick(found: Sequence[Importable], wanted: str) -> Importable:
    """The importable pool of that name or GUID. Raises MissingError (none) or UsageError (several of one name)."""
    fitting = [pool for pool in found if pool.guid == wanted] or [pool for pool in found if pool.name == wanted]
    if not fitting:
        raise MissingError(f"There is no pool {clean(wanted, 60)} to import.", "`dplane pool importable` lists them.")
    if len(fitting) > 1:
        guids = ", ".join(pool.guid for pool in fitting)
        raise UsageError(f"{len(fitting)} pools are called {clean(wanted, 60)}.", f"Give the GUID: {guids}.")
    return fitting[0]


async def _export(host: Host, args: argparse.Namespace) -> Result:
    service = ZfsService(host)
    pool = await service.pool(args.pool)
    await service.export(pool)
    return Result({"exported": pool.name, "guid": pool.guid}, clean(f"Pool {pool.name} is exported."))


async def _destroy(host: Host, args: argparse.Namespace) -> Result:
    service = ZfsService(host)
    pool = await service.pool(args.pool)
    preview = await service.destroy_pool_preview(pool)
    told = clean(
        f"Destroys the pool {pool.name} with {len(preview.objects)} datasets and {size(pool.allocated)} in them."
    )
    if args.dry_run:
        return Result(preview, "\n".join([told, *(f"  {clean(name)}" for name in preview.objects)]))
    await confirm.require(args, pool.name, told)
    await service.destroy_pool(pool)
    return Result({"destroyed": pool.name, "guid": pool.guid}, clean(f"Pool {pool.name} is destroyed."))
