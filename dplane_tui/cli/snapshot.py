"""`dplane snapshot`: snapshots and bookmarks of a dataset."""

from __future__ import annotations

import argparse
from time import time

from ..errors import UsageError
from ..services.host import Host
from ..services.zfs.service import ZfsService
from ..services.zfs.storage import StorageService
from ..text import age, clean, size
from . import confirm, snapshot_acts
from .dataset import tell
from .output import Result, table


def add(parser: argparse.ArgumentParser) -> None:
    """Its verbs."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    listing = verbs.add_parser("list", help="snapshots and bookmarks of a dataset, oldest first; or all snapshots")
    listing.add_argument("dataset", nargs="?", help="none: the snapshots of all of them")
    listing.add_argument("--sort", choices=("dataset", "age", "used"), help="newest first, or what holds most first")
    listing.set_defaults(handler=_list, reads=True)
    create = verbs.add_parser("create", help="take a snapshot")
    create.add_argument("snapshot", metavar="DATASET@NAME")
    create.add_argument("-r", "--recursive", action="store_true", help="of the datasets below as well, at one moment")
    create.set_defaults(handler=_create)
    destroy = confirm.add(
        verbs.add_parser("destroy", help="destroy a snapshot, a range (old%%new) or a pattern (auto-*)")
    )
    destroy.add_argument("snapshot", metavar="DATASET@WHICH")
    destroy.add_argument("--snapshot-first", action="store_true", help="keep what is there now in a new snapshot")
    destroy.set_defaults(handler=_destroy)
    back = confirm.add(verbs.add_parser("rollback", help="take a dataset back to a snapshot"))
    back.add_argument("snapshot", metavar="DATASET@NAME")
    back.add_argument("--destroy-newer", action="store_true", help="destroy the snapshots taken since, as it must")
    back.set_defaults(handler=_rollback)
    snapshot_acts.add(verbs)


async def _list(host: Host, args: argparse.Namespace) -> Result:
    if args.dataset is None or args.sort:
        shelf = await StorageService(host).shelf(args.dataset)
        found = tuple(shelf.snapshot(place) for place in shelf.ordered(args.sort or "dataset"))
    else:
        found = await ZfsService(host).snapshots(args.dataset)
    if not found:
        return Result(found, clean(f"{args.dataset or host.name} has no snapshots."))
    now = time()
    rows = [(one.name, age(one.created, now), _size(one.used), _size(one.referenced), one.guid) for one in found]
    return Result(found, table(("NAME", "TAKEN", "USED", "REFER", "GUID"), rows))


def _size(value: int | None) -> str:
    return "-" if value is None else size(value)  # a bookmark has none


async def _create(host: Host, args: argparse.Namespace) -> Result:
    dataset, at, name = args.snapshot.partition("@")
    if not at:
        raise UsageError(
            f"“{clean(args.snapshot, 60)}” is not DATASET@NAME.",
            f"Write the snapshot's name behind an @: {clean(args.snapshot, 60)}@before-upgrade, for instance.",
        )
    service = ZfsService(host)
    taken = await service.snapshot(await service.dataset(dataset), name, args.recursive)
    return Result(taken, clean(f"Snapshot {taken.name} is taken, GUID {taken.guid}."))


async def _destroy(host: Host, args: argparse.Namespace) -> Result:
    if snapshot_acts.several(args.snapshot.partition("@")[2]):
        return await snapshot_acts.destroy_many(host, args)
    service = StorageService(host)
    snapshot = await service.snapshot_named(args.snapshot)
    preview = await service.destroy_preview(snapshot)
    if args.dry_run:
        return Result(preview, tell(preview))
    await confirm.require(args, snapshot.name, tell(preview))
    kept = None
    if args.snapshot_first:
        kept = await snapshot_acts.first(service, await service.dataset(snapshot.dataset), args)
    await service.destroy(preview)
    data = {"destroyed": preview.objects, "guid": snapshot.guid, "kept": kept}
    return Result(data, clean(f"{snapshot.name} is destroyed."))


async def _rollback(host: Host, args: argparse.Namespace) -> Result:
    service = ZfsService(host)
    preview = await service.rollback_preview(await service.snapshot_named(args.snapshot))
    if args.dry_run:
        return Result(preview, tell(preview))
    if preview.objects and not args.destroy_newer:
        raise UsageError(
            f"{tell(preview)}\nNothing was done.",
            "`--destroy-newer` says that these may go; a rollback cannot keep them.",
        )
    await confirm.require(args, preview.target.name, tell(preview))
    now = await service.rollback(preview)
    return Result(now, clean(f"{now.dataset} is back at {now.name}."))
