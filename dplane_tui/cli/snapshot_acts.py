"""`dplane snapshot`: names, holds, clones, differences, and many at once."""

from __future__ import annotations

import argparse
from contextlib import aclosing

from ..services.host import Host
from ..services.zfs.choose import chosen
from ..services.zfs.diff import Change
from ..services.zfs.model import Dataset
from ..services.zfs.snapshot_acts import OUR_HOLD
from ..services.zfs.storage import StorageService
from ..text import clean, size
from . import confirm
from .dataset import tell
from .output import Result


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """These verbs."""
    rename = verbs.add_parser("rename", help="give a snapshot another name")
    rename.add_argument("snapshot", metavar="DATASET@NAME")
    rename.add_argument("to", metavar="NEW", help="the name behind the @")
    rename.set_defaults(handler=_rename)
    for name, handler, text in (
        ("hold", _hold, "keep a snapshot from being destroyed"),
        ("release", _release, "release a hold of a person"),
    ):
        verb = verbs.add_parser(name, help=text)
        verb.add_argument("snapshot", metavar="DATASET@NAME")
        verb.add_argument("--tag", default=OUR_HOLD, help=f"another tag; it starts with {OUR_HOLD}")
        verb.set_defaults(handler=handler)
    holds = verbs.add_parser("holds", help="what keeps a snapshot from being destroyed")
    holds.add_argument("snapshot", metavar="DATASET@NAME")
    holds.set_defaults(handler=_holds, reads=True)
    clone = verbs.add_parser("clone", help="make a dataset that begins as the snapshot is")
    clone.add_argument("snapshot", metavar="DATASET@NAME")
    clone.add_argument("to", metavar="NEW")
    clone.set_defaults(handler=_clone)
    diff = verbs.add_parser("diff", help="what changed since a snapshot: until another, or until now")
    diff.add_argument("snapshot", metavar="DATASET@NAME")
    diff.add_argument("to", nargs="?", metavar="NAME", help="a later snapshot of the same dataset")
    diff.add_argument("--most", type=int, default=10000, metavar="N", help="stop after so many changes (10000)")
    diff.set_defaults(handler=_diff, reads=True)


def several(which: str) -> bool:
    """Whether what stands behind the @ means more than one snapshot."""
    return any(char in which for char in "%*?[,")


async def destroy_many(host: Host, args: argparse.Namespace) -> Result:
    """`destroy DATASET@WHICH` for a range, a pattern or several names."""
    service = StorageService(host)
    name, _, which = args.snapshot.partition("@")
    dataset = await service.dataset(name)
    some = chosen(which, await service.snapshots(name))
    preview = await service.destroy_many_preview(dataset, some)
    if args.dry_run:
        return Result(preview, tell(preview))
    await confirm.require(args, dataset.name, tell(preview))
    kept = await first(service, dataset, args)
    gone = await service.destroy_many(dataset, some)
    freed = size(preview.reclaim)
    return Result(
        {"destroyed": gone, "reclaim": preview.reclaim, "kept": kept},
        clean(f"{len(gone)} snapshots of {dataset.name} are destroyed, {freed} freed."),
    )


async def first(service: StorageService, dataset: Dataset, args: argparse.Namespace) -> str | None:
    """The snapshot before the act, where it is wanted; its name."""
    if not args.snapshot_first:
        return None
    import time

    return (await service.snapshot(dataset, time.strftime("before-%Y%m%d-%H%M%S"))).name


async def _rename(host: Host, args: argparse.Namespace) -> Result:
    service = StorageService(host)
    found = await service.rename_snapshot(await service.snapshot_named(args.snapshot), args.to)
    return Result(found, clean(f"{args.snapshot} is called {found.name} now."))


async def _hold(host: Host, args: argparse.Namespace) -> Result:
    service = StorageService(host)
    snapshot = await service.snapshot_named(args.snapshot)
    tags = await service.hold(snapshot, args.tag)
    return Result({"snapshot": snapshot.name, "holds": tags}, clean(f"{snapshot.name} is held: {', '.join(tags)}."))


async def _release(host: Host, args: argparse.Namespace) -> Result:
    service = StorageService(host)
    snapshot = await service.snapshot_named(args.snapshot)
    tags = await service.release(snapshot, args.tag)
    left = ", ".join(tags) or "no hold"
    return Result({"snapshot": snapshot.name, "holds": tags}, clean(f"{snapshot.name} has {left} left."))


async def _holds(host: Host, args: argparse.Namespace) -> Result:
    service = StorageService(host)
    tags = await service.holds(await service.snapshot_named(args.snapshot))
    return Result(tags, clean("\n".join(tags)) if len(tags) == 1 else "\n".join(map(clean, tags)) or "No hold.")


async def _clone(host: Host, args: argparse.Namespace) -> Result:
    service = StorageService(host)
    made = await service.clone(await service.snapshot_named(args.snapshot), args.to)
    return Result(made, clean(f"{made.name} is there as {args.snapshot} was, GUID {made.guid}."))


async def _diff(host: Host, args: argparse.Namespace) -> Result:
    service = StorageService(host)
    snapshot = await service.snapshot_named(args.snapshot)
    to = await service.snapshot_named(f"{snapshot.dataset}@{args.to.rpartition('@')[2]}") if args.to else None
    found: list[Change] = []
    more = False
    async with aclosing(service.diff(snapshot, to)) as changes:
        async for change in changes:
            if len(found) >= args.most:
                more = True
                break
            found.append(change)
    lines = [f"{one.kind:<8} {one.what:<8} {one.path}" + (f" -> {one.to}" if one.to else "") for one in found]
    lines += [f"… and more; --most {2 * args.most} shows them."] if more else []
    return Result({"changes": found, "complete": not more}, "\n".join(map(clean, lines)) or "Nothing changed.")
