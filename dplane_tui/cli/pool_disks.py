"""`dplane pool`: one disk replaced, brought online, taken offline, attached, detached; and the guided repair."""

from __future__ import annotations

import argparse

from ..errors import BadNewsError, UsageError
from ..services.host import Host
from ..services.repair.model import LABEL, Advice
from ..services.repair.service import RepairService
from ..services.repair.words import advice_lines, damage_lines
from ..services.zfs.model import Pool, Vdev
from ..services.zfs.requests import check_disk
from ..services.zfs.vdev_acts import VdevActs
from ..services.zfs.vdevs import disk_name, find_vdev
from ..text import clean
from . import confirm
from .output import Result

_DISK = "by the name `pool show` or `pool disks` gives, or its GUID"


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """These verbs."""
    repair = verbs.add_parser("repair", help="what is wrong with a pool, and the one thing to do now")
    repair.add_argument("pool")
    repair.add_argument("--do", dest="dry_run", action="store_false", help="do it; without, it is only told")
    repair.add_argument("--with", dest="new", metavar="DISK", default="", help="the disk that takes the place")
    repair.add_argument(
        "--confirm", metavar="DISK", help="to replace or detach: the disk's name, instead of being asked"
    )
    repair.set_defaults(handler=_repair)
    locate = verbs.add_parser("locate", help="switch the light of a disk's place in its enclosure, where there is one")
    locate.add_argument("device", help="by the name `pool disks` gives")
    locate.add_argument("action", nargs="?", choices=("on", "off"), default="on")
    locate.set_defaults(handler=_locate)
    for name, handler, text in (
        ("online", _online, "bring a disk back into use"),
        ("offline", _offline, "take a disk out of use until it is brought back"),
        ("detach", _detach, "take a disk out of its mirror, or out of a replacement"),
    ):
        verb = confirm.add(verbs.add_parser(name, help=text))
        verb.add_argument("pool")
        verb.add_argument("device", help=_DISK)
        verb.set_defaults(handler=handler)
        if name == "online":
            verb.add_argument("--expand", action="store_true", help="use all of its size, when it is larger now")
    for name, handler, text in (
        ("replace", _replace, "put a disk in the place of another"),
        ("attach", _attach, "put a disk beside another as its mirror"),
    ):
        verb = confirm.add(verbs.add_parser(name, help=text))
        verb.add_argument("pool")
        verb.add_argument("device", help=_DISK)
        verb.add_argument("new", help="the new disk, by the name `pool disks` gives; a spare of the pool")
        verb.add_argument("--force", action="store_true", help="overwrite a disk in use")
        verb.set_defaults(handler=handler)


async def _repair(host: Host, args: argparse.Namespace) -> Result:
    service = RepairService(host)
    if args.dry_run:
        advice, damage = await service.look(args.pool)
        lines = [*advice_lines(advice), *(damage_lines(damage) if damage else [])]
        if LABEL[advice.act]:
            lines.append(f"To do: {LABEL[advice.act]}. `{_command(advice)}` does it.")
        bad = BadNewsError(" ".join(advice.happened), " ".join(advice.todo)) if advice.broken else None
        return Result({"advice": advice, "damage": damage}, "\n".join(map(clean, lines)), bad)
    advice = await service.advice(args.pool)
    new = _chosen(advice, args.new)
    await _sure(args, advice, new)
    done = await service.do(advice, new)
    bad = None if done.good else BadNewsError(done.said, f"`dplane pool repair {advice.pool}` says what is left to do.")
    return Result({"advice": advice, "done": done.said}, clean(done.said), bad)


async def _sure(args: argparse.Namespace, advice: Advice, new: str) -> None:
    """What is advised now may be another thing than what was read: a disk that is overwritten or let go is named."""
    if advice.act not in ("detach", "replace") or advice.vdev is None:
        return
    name = disk_name(advice.vdev)
    does = f"take {name} out of {advice.pool} for good: what is on it is no copy any more"
    if advice.act == "replace":
        does = f"put {new} in the place of {name} in {advice.pool}: everything on {new} is overwritten"
    await confirm.require(args, new or name, clean(f"{' '.join(advice.happened)} This will {does}."))


async def _locate(host: Host, args: argparse.Namespace) -> Result:
    slot = await RepairService(host).locate(args.device, args.action == "on")
    return Result({"disk": args.device, "slot": slot, "light": args.action}, f"The light at {slot} is {args.action}.")


def _command(advice: Advice) -> str:
    several = advice.act == "replace" and len(advice.fitting) + len(advice.spares) != 1
    return f"dplane pool repair {advice.pool} --do{' --with DISK' if several else ''}"


def _chosen(advice: Advice, new: str) -> str:
    """The disk that was named, or the only one there is. Raises UsageError when a person has to choose."""
    if advice.act != "replace":
        return ""
    ways = [*(disk.id for disk in advice.fitting), *advice.spares]
    if new or len(ways) == 1:
        return new or ways[0]
    raise UsageError(f"{len(ways)} disks could take the place.", f"Choose: --with {clean(' or '.join(ways), 200)}.")


async def _seen(service: VdevActs, args: argparse.Namespace) -> tuple[Pool, Vdev]:
    pool = await service.whole(args.pool)
    return pool, find_vdev(pool, args.device)


def _would(pool: Pool, vdev: Vdev, does: str, **more: object) -> Result:
    data = {"pool": pool.name, "guid": pool.guid, "device": disk_name(vdev), "vdev": vdev.guid, **more}
    return Result(data, clean(f"Would {does} (GUID {vdev.guid}, {vdev.state} now)."))


async def _online(host: Host, args: argparse.Namespace) -> Result:
    service = VdevActs(host)
    pool, vdev = await _seen(service, args)
    if args.dry_run:
        return _would(pool, vdev, f"bring {disk_name(vdev)} of {pool.name} online")
    found = await service.online(pool, vdev, args.expand)
    return Result(found, clean(f"{disk_name(vdev)} of {pool.name} is {found.state}{_behind(found)}."))


async def _offline(host: Host, args: argparse.Namespace) -> Result:
    service = VdevActs(host)
    pool, vdev = await _seen(service, args)
    if args.dry_run:
        return _would(pool, vdev, f"take {disk_name(vdev)} of {pool.name} offline")
    found = await service.offline(pool, vdev)
    return Result(
        found, clean(f"{disk_name(vdev)} of {pool.name} is {found.state}; `dplane pool online` brings it back.")
    )


async def _detach(host: Host, args: argparse.Namespace) -> Result:
    service = VdevActs(host)
    pool, vdev = await _seen(service, args)
    does = f"take {disk_name(vdev)} out of {pool.name} for good"
    if args.dry_run:
        return _would(pool, vdev, does)
    await confirm.require(args, disk_name(vdev), clean(f"This will {does}: what is on it is no copy any more."))
    found = await service.detach(pool, vdev)
    return Result(found, clean(f"{disk_name(vdev)} is no longer in {found.name}, which is {found.state}."))


async def _replace(host: Host, args: argparse.Namespace) -> Result:
    service = VdevActs(host)
    pool, vdev = await _seen(service, args)
    does = f"put {args.new} in the place of {disk_name(vdev)} in {pool.name}"
    if (shown := await _look(service, pool, vdev, args, does)) is not None:
        return shown
    made = await service.replace(pool, vdev, args.new, args.force)
    return Result(made, clean(f"{args.new} is in {pool.name} now ({made.state}{_behind(made)})."))


async def _attach(host: Host, args: argparse.Namespace) -> Result:
    service = VdevActs(host)
    pool, vdev = await _seen(service, args)
    does = f"put {args.new} beside {disk_name(vdev)} in {pool.name}"
    if (shown := await _look(service, pool, vdev, args, does)) is not None:
        return shown
    made = await service.attach(pool, vdev, args.new, args.force)
    return Result(made, clean(f"{args.new} is in {pool.name} now ({made.state}{_behind(made)})."))


async def _look(service: VdevActs, pool: Pool, vdev: Vdev, args: argparse.Namespace, does: str) -> Result | None:
    """The dry run; else whoever forces a disk in use is asked for its name."""
    spare = any(disk_name(one) == args.new and one.role == "spare" for one in pool.leaves())
    disk = None if spare else check_disk(args.new, await service.disks(), args.force)
    lost = f" What is on {args.new} now ({disk.in_use}) is overwritten." if disk is not None and disk.in_use else ""
    if args.dry_run:
        return _would(pool, vdev, does, new=args.new, overwrites=disk.in_use if disk is not None else "")
    if lost:
        await confirm.require(args, args.new, clean(f"This will {does}.{lost}"))
    return None


def _behind(vdev: Vdev) -> str:
    return f", {vdev.note}" if vdev.note else ""
