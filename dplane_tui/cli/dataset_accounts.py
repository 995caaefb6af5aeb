"""`dplane dataset`: what users and groups use of a file system, and their quotas."""

from __future__ import annotations

import argparse

from ..services.host import Host
from ..services.zfs.accounts import GROUP, USER, AccountUse
from ..services.zfs.storage import StorageService
from ..text import clean, size
from .output import Result, table


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """These verbs."""
    for kind in (USER, GROUP):
        listing = verbs.add_parser(f"{kind}s", help=f"what each {kind} uses of it, and how full each quota is")
        listing.add_argument("dataset")
        listing.set_defaults(handler=_list, reads=True, kind_of_account=kind)
        put = verbs.add_parser(f"{kind}-quota", help=f"the most that a {kind} may use of it, or none")
        put.add_argument("dataset")
        put.add_argument("account", metavar=kind.upper(), help="a name, or its number")
        put.add_argument("quota", metavar="SIZE", help="e.g. 10G, or none")
        put.set_defaults(handler=_set, kind_of_account=kind)


async def _list(host: Host, args: argparse.Namespace) -> Result:
    service = StorageService(host)
    dataset = await service.dataset(args.dataset)
    found = await service.accounts(dataset.name, args.kind_of_account)
    data = [
        {"name": one.name, "used": one.used, "quota": one.quota, "percent": one.percent, "state": one.word}
        for one in found
    ]
    if not found:
        return Result(data, clean(f"Nothing on {dataset.name} belongs to any {args.kind_of_account}."))
    rows = [(one.name, size(one.used), _full(one), one.word) for one in found]
    return Result(data, table((args.kind_of_account.upper(), "USED", "QUOTA", "STATE"), rows))


def _full(one: AccountUse) -> str:
    if not one.quota:
        return "-"
    return size(one.quota) if one.percent is None else f"{one.percent:.0f}% of {size(one.quota)}"


async def _set(host: Host, args: argparse.Namespace) -> Result:
    service = StorageService(host)
    dataset = await service.dataset(args.dataset)
    kept = await service.set_account_quota(dataset, args.kind_of_account, args.account, args.quota)
    data = {"dataset": dataset.name, "kind": args.kind_of_account, "name": args.account, "quota": kept}
    return Result(data, clean(told(dataset.name, args.kind_of_account, args.account, kept)))


def told(dataset: str, kind: str, account: str, quota: int) -> str:
    """What a quota came to, in a sentence."""
    if not quota:
        return f"The {kind} {account} has no quota on {dataset} any more."
    return f"The {kind} {account} may use {size(quota)} of {dataset}."
