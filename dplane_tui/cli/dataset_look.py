"""`dplane dataset`: properties, what waits for a key, and how well each is protected."""

from __future__ import annotations

import argparse
from time import time

from ..errors import BadNewsError, DPlaneError, MissingError
from ..services.host import Host
from ..services.protection.gather import verdicts
from ..services.protection.judge import PROTECTED
from ..services.zfs.properties import editable, ordered
from ..services.zfs.storage import StorageService
from ..services.zfs.tree import quota_of, waiting
from ..text import clean, size
from .output import Result, table


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """These verbs."""
    tree = verbs.add_parser("tree", help="datasets with quota, ratio, keys and where their space goes")
    tree.add_argument("below", nargs="?", metavar="DATASET", help="only this one and those below it")
    tree.set_defaults(handler=_tree, reads=True)
    get = verbs.add_parser("get", help="all properties with where they come from and what they are")
    get.add_argument("dataset")
    get.set_defaults(handler=_get, reads=True)
    locked = verbs.add_parser("locked", help="what waits for a key; exit code 3 when something does")
    locked.set_defaults(handler=_locked, reads=True)
    protection = verbs.add_parser("protection", help="protected, partly or not: each dataset, with the reasons")
    protection.add_argument("below", nargs="?", metavar="DATASET", help="only this one and those below it")
    protection.add_argument("--check", action="store_true", help="exit code 3 unless all are protected")
    protection.set_defaults(handler=_protection, reads=True)


async def _tree(host: Host, args: argparse.Namespace) -> Result:
    found = await StorageService(host).tree(args.below)
    rows = []
    for one in found:
        quota = quota_of(one)
        key = "off" if one.encryption == "off" else "locked" if one.locked else "open"
        rows.append(
            (
                one.name,
                size(one.used),
                size(one.available),
                size(one.by_snapshots),
                f"{100 * quota[0] / quota[1]:.0f}% of {size(quota[1])}" if quota else "-",
                "?" if one.ratio is None else f"{one.ratio:.2f}x",
                {True: "yes", False: "no", None: "-"}[one.mounted],
                key,
            )
        )
    head = ("NAME", "USED", "AVAIL", "SNAPSHOTS", "QUOTA", "RATIO", "MOUNTED", "KEY")
    return Result(found, table(head, rows) if rows else f"There are no datasets on {host.name}.")


async def _get(host: Host, args: argparse.Namespace) -> Result:
    service = StorageService(host)
    dataset = await service.dataset(args.dataset)
    found = ordered(await service.settings(args.dataset), dataset)
    data = [
        {
            "name": one.name,
            "value": one.value,
            "source": one.source,
            "editable": editable(one, dataset),
            "help": one.help,
        }
        for one in found
    ]
    rows = [(one.name, clean(one.value, 40), one.source, one.help) for one in found]
    return Result(data, table(("PROPERTY", "VALUE", "FROM", "WHAT IT IS"), rows))


async def _locked(host: Host, _args: argparse.Namespace) -> Result:
    found = waiting(await StorageService(host).tree())
    data = [{"dataset": one.root.name, "below": one.below, "from_file": one.from_file} for one in found]
    if not found:
        return Result(data, "Nothing waits for a key.")
    lines = [f"{one.root.name} and {len(one.below)} below wait for a key: `dplane dataset load-key`." for one in found]
    names = ", ".join(one.root.name for one in found)
    bad = BadNewsError(clean(f"{names} cannot be read."), "`dplane dataset load-key NAME` unlocks one.")
    return Result(data, "\n".join(clean(line) for line in lines), bad)


async def _protection(host: Host, args: argparse.Namespace) -> Result:
    from ..services.policies.service import open_policies
    from ..services.replication.service import open_replication

    service = StorageService(host)
    tree = await service.tree(args.below)
    pools = await service.pools()
    newest = await service.newest()
    try:
        tasks = await open_replication(host).tasks()
    except MissingError:
        tasks = ()  # nothing is set up to replicate here
    except DPlaneError:
        tasks = None  # what is not known counts for nothing
    try:
        policies = await open_policies(host).status()
    except DPlaneError:
        policies = None
    found = verdicts(tree, pools, tasks, newest, policies, time())
    data = {name: {"protection": verdict.word, "reasons": verdict.reasons} for name, verdict in found.items()}
    rows = [(name, one.word, _why(one.reasons, one.word)) for name, one in found.items()]
    text = table(("NAME", "PROTECTED", "WHY"), rows) if rows else f"There are no datasets on {host.name}."
    bad = [name for name, one in found.items() if one.word != PROTECTED]
    error = None
    if args.check and bad:
        error = BadNewsError(
            clean(f"{len(bad)} of {len(found)} datasets are not protected."), "`dplane dataset protection NAME`"
        )
    return Result(data, text, error)


def _why(reasons: object, word: str) -> str:
    assert isinstance(reasons, tuple)
    wanted = "good" if word == PROTECTED else "lacking"
    return " ".join(one.text for one in reasons if one.state == wanted) or "Not everything could be read."
