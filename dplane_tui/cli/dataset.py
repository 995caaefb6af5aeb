"""`dplane dataset`: file systems and volumes."""

from __future__ import annotations

import argparse

from ..services.host import Host
from ..services.zfs.model import Dataset, Preview
from ..services.zfs.requests import CreateDataset
from ..services.zfs.service import ZfsService
from ..services.zfs.storage import StorageService
from ..text import clean, size
from . import (
    confirm,
    dataset_accounts,
    dataset_acts,
    dataset_allow,
    dataset_look,
    dataset_shares,
    dataset_space,
    secret,
)
from .output import Result, table
from .pool import parse_properties


def add(parser: argparse.ArgumentParser) -> None:
    """Its verbs."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    listing = verbs.add_parser("list", help="datasets with what they use")
    listing.add_argument("below", nargs="?", metavar="DATASET", help="only this one and those below it")
    listing.set_defaults(handler=_list, reads=True)
    show = verbs.add_parser("show", help="one dataset")
    show.add_argument("dataset")
    show.set_defaults(handler=_show, reads=True)
    create = verbs.add_parser("create", help="create a file system, or a volume with --size")
    create.add_argument("dataset")
    create.add_argument("-o", dest="properties", action="append", default=[], metavar="PROPERTY=VALUE")
    create.add_argument("--size", metavar="SIZE", help="make a volume of this size, e.g. 10G")
    create.add_argument("--sparse", action="store_true", help="do not reserve the volume's space")
    create.add_argument("--parents", action="store_true", help="create what is missing above it")
    create.add_argument("--no-mount", action="store_true", help="do not mount it")
    create.add_argument("--encrypt", action="store_true", help="with a passphrase of its own, which is asked for")
    secret.add(create).set_defaults(handler=_create)
    put = verbs.add_parser("set", help="set a property and read it back")
    put.add_argument("dataset")
    put.add_argument("property", metavar="PROPERTY=VALUE")
    put.set_defaults(handler=_set)
    destroy = confirm.add(verbs.add_parser("destroy", help="destroy a dataset"))
    destroy.add_argument("dataset")
    destroy.add_argument("-r", "--recursive", action="store_true", help="with everything below it, snapshots too")
    destroy.set_defaults(handler=_destroy)
    dataset_acts.add(verbs)
    dataset_look.add(verbs)
    dataset_space.add(verbs)
    dataset_accounts.add(verbs)
    dataset_allow.add(verbs)
    dataset_shares.add(verbs)


async def _list(host: Host, args: argparse.Namespace) -> Result:
    datasets = await ZfsService(host).datasets(args.below)
    if not datasets:
        return Result(datasets, f"There are no datasets on {host.name}.")
    rows = [
        (
            dataset.name,
            size(dataset.used),
            size(dataset.available),
            size(dataset.referenced),
            "-" if dataset.kind == "volume" else dataset.mountpoint or "?",
            _encryption(dataset),
        )
        for dataset in datasets
    ]
    return Result(datasets, table(("NAME", "USED", "AVAIL", "REFER", "MOUNTPOINT", "ENCRYPTION"), rows))


def _encryption(dataset: Dataset) -> str:
    if dataset.encryption == "off":
        return "off"
    return f"{dataset.encryption}, key {dataset.key_status or '?'}"


async def _show(host: Host, args: argparse.Namespace) -> Result:
    dataset = await ZfsService(host).dataset(args.dataset)
    mounted = {True: "mounted", False: "not mounted", None: "?"}[dataset.mounted]
    lines = [
        f"{dataset.kind.capitalize()} {dataset.name}, GUID {dataset.guid}",
        f"Used {size(dataset.used)}, available {size(dataset.available)}, referenced {size(dataset.referenced)}",
        *([f"Mountpoint {dataset.mountpoint or '?'} ({mounted})"] if dataset.kind == "filesystem" else []),
        f"Compression {dataset.compression or '?'}, encryption {_encryption(dataset)}",
        *(["Read-only"] if dataset.readonly else []),
        *([f"Clone of {dataset.origin}"] if dataset.origin else []),
        *(["Holds an interrupted receive that can be resumed"] if dataset.resume_token else []),
    ]
    return Result(dataset, "\n".join(clean(line) for line in lines))


async def _create(host: Host, args: argparse.Namespace) -> Result:
    request = CreateDataset(
        args.dataset,
        parse_properties(args.properties),
        volume_size=args.size,
        sparse=args.sparse,
        parents=args.parents,
        mount=not args.no_mount,
    )
    if args.encrypt:
        key = await secret.passphrase(args, f"Passphrase of {clean(args.dataset)}", twice=True)
        dataset = await StorageService(host).create_encrypted(request, key)
    else:
        dataset = await ZfsService(host).create_dataset(request)
    where = f", mounted at {dataset.mountpoint}" if dataset.mounted else ""
    return Result(dataset, clean(f"{dataset.kind.capitalize()} {dataset.name} is there, GUID {dataset.guid}{where}."))


async def _set(host: Host, args: argparse.Namespace) -> Result:
    [(name, value)] = parse_properties([args.property]).items()
    service = ZfsService(host)
    dataset = await service.dataset(args.dataset)
    kept = await service.set_property(dataset, name, value)
    return Result(
        {"dataset": dataset.name, "property": name, "value": kept}, clean(f"{name} of {dataset.name} is {kept}.")
    )


def tell(preview: Preview) -> str:
    """What a destroy or rollback would take with it, one object a line."""
    name = clean(preview.target.name)
    back = "" if preview.reclaim is None else f" and gives back {size(preview.reclaim)}"
    if preview.act == "rollback":
        head = f"Takes the dataset back to {name}: what was written since is lost"
        head += f", and {len(preview.objects)} newer snapshots or bookmarks with it." if preview.objects else "."
    else:
        head = f"Destroys {len(preview.objects)} objects{back}:"
    return "\n".join([head, *(f"  {clean(one)}" for one in preview.objects)])


async def _destroy(host: Host, args: argparse.Namespace) -> Result:
    service = ZfsService(host)
    dataset = await service.dataset(args.dataset)
    preview = await service.destroy_preview(dataset, args.recursive)
    if args.dry_run:
        return Result(preview, tell(preview))
    await confirm.require(args, dataset.name, tell(preview))
    await service.destroy(preview)
    return Result({"destroyed": preview.objects, "guid": dataset.guid}, clean(f"{dataset.name} is destroyed."))
