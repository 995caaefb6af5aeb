"""`dplane dataset`: names, mounts, clones and keys."""

from __future__ import annotations

import argparse

from ..services.host import Host
from ..services.zfs.storage import StorageService
from ..text import clean
from . import secret
from .output import Result


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """These verbs."""
    for name, handler, text in (
        ("promote", _promote, "make a clone stand alone"),
        ("mount", _mount, "mount a file system where its mountpoint says"),
        ("unmount", _unmount, "unmount a file system"),
        ("set-aside", _set_aside, "instead of destroying: rename it to …-kept-… and do not mount it"),
        ("unload-key", _unload, "unmount what has its key, and forget the key"),
    ):
        verb = verbs.add_parser(name, help=text)
        verb.add_argument("dataset")
        verb.set_defaults(handler=handler)
    rename = verbs.add_parser("rename", help="give it another name in its pool")
    rename.add_argument("dataset")
    rename.add_argument("to", metavar="NEW")
    rename.set_defaults(handler=_rename)
    inherit = verbs.add_parser("inherit", help="take a property back to what is above")
    inherit.add_argument("dataset")
    inherit.add_argument("property")
    inherit.set_defaults(handler=_inherit)
    load = secret.add(verbs.add_parser("load-key", help="unlock an encrypted dataset and mount it"))
    load.add_argument("dataset")
    load.add_argument("--from-file", action="store_true", help="the key is in the file that its keylocation names")
    load.set_defaults(handler=_load)
    change = secret.add(verbs.add_parser("change-key", help="give an encrypted dataset another passphrase; not a copy"))
    change.add_argument("dataset")
    change.set_defaults(handler=_change)


async def _rename(host: Host, args: argparse.Namespace) -> Result:
    service = StorageService(host)
    found = await service.rename(await service.dataset(args.dataset), args.to)
    return Result(found, clean(f"{args.dataset} is called {found.name} now."))


async def _promote(host: Host, args: argparse.Namespace) -> Result:
    service = StorageService(host)
    found = await service.promote(await service.dataset(args.dataset))
    return Result(found, clean(f"{found.name} stands alone: it hangs on no snapshot of another dataset."))


async def _mount(host: Host, args: argparse.Namespace) -> Result:
    service = StorageService(host)
    found = await service.mount(await service.dataset(args.dataset))
    return Result(found, clean(f"{found.name} is mounted at {found.mountpoint}."))


async def _unmount(host: Host, args: argparse.Namespace) -> Result:
    service = StorageService(host)
    found = await service.unmount(await service.dataset(args.dataset))
    return Result(found, clean(f"{found.name} is not mounted any more."))


async def _set_aside(host: Host, args: argparse.Namespace) -> Result:
    service = StorageService(host)
    found = await service.set_aside(await service.dataset(args.dataset))
    back = f"`dplane dataset rename {found.name} {args.dataset}` brings it back."
    return Result(found, clean(f"{args.dataset} is now {found.name}, not mounted. {back}"))


async def _inherit(host: Host, args: argparse.Namespace) -> Result:
    service = StorageService(host)
    dataset = await service.dataset(args.dataset)
    value, source = await service.inherit(dataset, args.property)
    data = {"dataset": dataset.name, "property": args.property, "value": value, "source": source}
    return Result(data, clean(f"{args.property} of {dataset.name} is {value} ({source})."))


async def _load(host: Host, args: argparse.Namespace) -> Result:
    service = StorageService(host)
    root = await service.dataset(args.dataset)
    key = None if args.from_file else await secret.passphrase(args, f"Passphrase of {clean(root.name)}")
    done = await service.load_key(root, key)
    lines = [f"{done.root} is unlocked; {len(done.mounted)} mounted."]
    lines += [f"Not mounted: {why}" for why in done.not_mounted]
    return Result(done, "\n".join(clean(line) for line in lines))


async def _unload(host: Host, args: argparse.Namespace) -> Result:
    service = StorageService(host)
    found = await service.unload_key(await service.dataset(args.dataset))
    return Result(found, clean(f"{found.name} is locked: its key is not in memory any more."))


async def _change(host: Host, args: argparse.Namespace) -> Result:
    from ..services.replication.own_keys import refuse_copy
    from ..services.replication.service import open_replication

    service = StorageService(host)
    root = await service.dataset(args.dataset)
    await refuse_copy(service, open_replication(host), root, await service.datasets())
    key = await secret.passphrase(args, f"New passphrase of {clean(root.name)}", twice=True)
    found = await service.change_key(root, key)
    return Result(found, clean(f"{found.name} has a new passphrase; ZFS was asked and takes it."))
