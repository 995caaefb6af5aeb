"""`dplane pool`: grow, shrink, split, upgrade, keep a checkpoint, trim, rename; imports that take more than a name."""

from __future__ import annotations

import argparse

from privhelper.kinds import DISK_FOLDERS, POOL_HABITS

from ..errors import BadNewsError, UsageError
from ..services.host import Host
from ..services.zfs.growth import GrowthActs
from ..services.zfs.growth_rules import AddVdevs, held_words, unlike, why_not_removed, why_not_split
from ..services.zfs.model import Importable, Imported
from ..services.zfs.vdevs import disk_name, find_vdev
from ..text import clean
from . import confirm
from .output import Result
from .pool_layout import parse_layout

OLDER = "Older versions of ZFS cannot import it any more, and this cannot be undone."


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """These verbs."""
    grow = confirm.add(verbs.add_parser("add", help="add groups of disks to a pool"))
    grow.add_argument("pool")
    grow.add_argument(
        "layout", nargs="+", metavar="LAYOUT", help="as for create: mirror DISK DISK, log DISK, spare DISK"
    )
    grow.add_argument("--force", action="store_true", help="overwrite disks in use")
    grow.add_argument("--mismatch", action="store_true", help="allow another redundancy than the pool's")
    grow.set_defaults(handler=_add)
    remove = confirm.add(verbs.add_parser("remove", help="take a group, log, cache or spare out of a pool"))
    remove.add_argument("pool")
    remove.add_argument("device", help="by the name `pool show` gives, or its GUID")
    remove.set_defaults(handler=_remove)
    split = confirm.add(verbs.add_parser("split", help="make a pool of one disk of each mirror"))
    split.add_argument("pool")
    split.add_argument("to", metavar="NEW")
    split.set_defaults(handler=_split)
    habit = verbs.add_parser("set", help="switch a habit of a pool on or off")
    habit.add_argument("pool")
    habit.add_argument("setting", choices=[f"{name}={value}" for name in POOL_HABITS for value in ("on", "off")])
    habit.set_defaults(handler=_set)
    upgrade = confirm.add(verbs.add_parser("upgrade", help="switch on all features that this ZFS has"))
    upgrade.add_argument("pool")
    upgrade.set_defaults(handler=_upgrade)
    checkpoint = confirm.add(verbs.add_parser("checkpoint", help="keep a pool as it is now, to go back to"))
    checkpoint.add_argument("pool")
    checkpoint.add_argument("--discard", action="store_true", help="give the checkpoint up")
    checkpoint.set_defaults(handler=_checkpoint)
    for kind, text in (
        ("trim", "tell the disks which blocks are free"),
        ("initialize", "write to all space that was never used"),
    ):
        work = verbs.add_parser(kind, help=text)
        work.add_argument("pool")
        work.add_argument("action", nargs="?", choices=("start", "stop"), default="start")
        work.set_defaults(handler=_work)
    rename = verbs.add_parser("rename", help="export a pool and import it under another name")
    rename.add_argument("pool")
    rename.add_argument("to", metavar="NEW")
    rename.set_defaults(handler=_rename)


def add_import(verb: argparse.ArgumentParser) -> None:
    """What an import takes beyond a name."""
    confirm.add(verb)
    verb.add_argument("--folder", choices=DISK_FOLDERS, help="look for its disks in this folder of /dev/disk")
    verb.add_argument("--destroyed", action="store_true", help="a pool that was destroyed")
    verb.add_argument("--rewind", action="store_true", help="without its last moments; --dry-run tells how many")
    verb.add_argument("--checkpoint", action="store_true", help="as it was at its checkpoint; all since is lost")


async def import_other(host: Host, args: argparse.Namespace) -> Result:
    """An import with any of these options."""
    from .pool import pick

    if args.rewind + args.checkpoint + args.destroyed > 1 or (args.readonly and (args.rewind or args.checkpoint)):
        raise UsageError("These do not go together.", "Give one of --destroyed, --rewind and --checkpoint.")
    service = GrowthActs(host)
    found = pick(await service.importable_in(args.folder, args.destroyed), args.pool)
    if args.rewind or args.checkpoint:
        return await _rewind(service, found, args)
    if args.dry_run:
        told = f"Would import {found.name}, GUID {found.guid}, which is {found.state}."
        return Result(found, clean(told))
    pool = await service.import_other(
        found, args.new_name, readonly=args.readonly, folder=args.folder, destroyed=args.destroyed
    )
    return imported(pool)


def imported(pool: Imported) -> Result:
    """What came of an import: bad news when not all of the pool is as it wants to be."""
    told = clean(f"Pool {pool.name} is imported and {pool.state}, GUID {pool.guid}.")
    left = [clean(one, 500) for one in pool.left()]
    bad = BadNewsError(f"Not all of {clean(pool.name)} is as it was: {left[0]}") if left else None
    return Result(pool, "\n".join([told, *left]), bad)


async def _rewind(service: GrowthActs, found: Importable, args: argparse.Namespace) -> Result:
    if args.checkpoint:
        told = f"{found.name} goes back to its checkpoint: everything written since is lost."
    else:
        told = f"ZFS says: {await service.rewind_preview(found, args.folder)}"
    if args.dry_run:
        return Result({"pool": found, "preview": told}, clean(told))
    await confirm.require(args, found.name, clean(told))
    pool = await service.rewind(found, args.new_name, args.folder, args.checkpoint)
    return imported(pool)


async def _add(host: Host, args: argparse.Namespace) -> Result:
    service = GrowthActs(host)
    pool = await service.whole(args.pool)
    request = AddVdevs(parse_layout(args.layout), args.force, args.mismatch)
    drawn = await service.add_preview(pool, request)
    loose = await service.unchecked(request)
    if args.dry_run:
        data = {"pool": pool.name, "words": request.words(), "preview": drawn, "unchecked": loose}
        told = f"Would add {' '.join(request.words())} to {pool.name}. {loose}".strip()
        return Result(data, f"{clean(told)}\n{_drawing(drawn)}")
    told = f"This will add {' '.join(request.words())} to {pool.name}; what is on these disks is lost."
    why = unlike(pool, request.vdevs)
    await confirm.require(args, pool.name, clean(" ".join(filter(None, (told, why, loose)))))
    found = await service.add(pool, request)
    return Result(found, clean(f"{found.name} has the new disks and is {found.state}."))


def _drawing(drawn: str) -> str:
    return "\n".join(clean(line.expandtabs(4)) for line in drawn.splitlines())


async def _remove(host: Host, args: argparse.Namespace) -> Result:
    service = GrowthActs(host)
    pool = await service.whole(args.pool)
    vdev = find_vdev(pool, args.device)
    why = why_not_removed(pool, vdev)
    name = disk_name(vdev)
    told = f"{name} leaves {pool.name}; data on it is copied to the other disks first."
    if args.dry_run:
        data = {"pool": pool.name, "vdev": vdev.guid, "refused": why}
        return Result(data, clean(f"Would be refused: {why}" if why else f"Would be done: {told}"))
    if not why:
        await confirm.require(args, name, clean(told))
    outcome = await service.remove(pool, vdev)
    said = "was removed from" if outcome == "removed" else "is being copied away from; `dplane pool show` tells of"
    return Result({"outcome": outcome, "vdev": vdev.guid}, clean(f"{name} {said} {pool.name}."))


async def _split(host: Host, args: argparse.Namespace) -> Result:
    service = GrowthActs(host)
    pool = await service.whole(args.pool)
    why = why_not_split(pool)
    told = f"One disk of each mirror of {pool.name} leaves it and becomes the pool {args.to}, a copy as of now."
    if args.dry_run:
        return Result({"refused": why}, clean(f"Would be refused: {why}" if why else f"Would be done: {told}"))
    if not why:
        await confirm.require(args, pool.name, clean(told))
    guid = await service.split(pool, args.to)
    said = f"{args.to} was split from {pool.name} (GUID {guid}); `dplane pool import {args.to}` imports it."
    return Result({"split": args.to, "guid": guid}, clean(said))


async def _set(host: Host, args: argparse.Namespace) -> Result:
    service = GrowthActs(host)
    name, _, value = args.setting.partition("=")
    kept = await service.set_habit(await service.pool(args.pool), name, value == "on")
    return Result({"pool": args.pool, name: kept}, clean(f"{name} of {args.pool} is {kept}."))


async def _upgrade(host: Host, args: argparse.Namespace) -> Result:
    service = GrowthActs(host)
    pool = await service.pool(args.pool)
    features = await service.disabled_features(pool)
    if not features:
        return Result({"pool": pool.name, "features": ()}, clean(f"{pool.name} has all features of this ZFS already."))
    told = f"Switches {len(features)} features of {pool.name} on: {', '.join(features)}. {OLDER}"
    if args.dry_run:
        return Result({"pool": pool.name, "features": features}, clean(told))
    await confirm.require(args, pool.name, clean(told))
    await service.upgrade(pool)
    return Result({"pool": pool.name, "features": features}, clean(f"{pool.name} has all features of this ZFS now."))


async def _checkpoint(host: Host, args: argparse.Namespace) -> Result:
    service = GrowthActs(host)
    pool = await service.pool(args.pool)
    told = f"The checkpoint of {pool.name} is given up: there is no way back to it then."
    if not args.discard:
        told = f"{pool.name} is kept as it is now; what is freed from now on stays in use until that is given up."
    if args.dry_run:
        return Result({"pool": pool.name, "discard": args.discard}, clean(f"Would be done: {told}"))
    if args.discard:
        await confirm.require(args, pool.name, clean(told))
    held = await service.checkpoint(pool, args.discard)
    return Result({"pool": pool.name, "checkpoint": held}, clean(f"{pool.name} has {held_words(held, args.discard)}."))


async def _work(host: Host, args: argparse.Namespace) -> Result:
    service = GrowthActs(host)
    told = await service.work(await service.pool(args.pool), args.verb, args.action)
    return Result({"pool": args.pool, args.verb: told}, clean(f"{args.verb} of {args.pool}: {told}."))


async def _rename(host: Host, args: argparse.Namespace) -> Result:
    service = GrowthActs(host)
    found = await service.rename(await service.pool(args.pool), args.to)
    return imported(found)
