"""`dplane dataset space`: where the space of a dataset went, in words first."""

from __future__ import annotations

import argparse

from ..services.host import Host
from ..services.zfs.space import Space, read_space, sentences
from ..services.zfs.storage import StorageService
from ..text import clean, size
from .output import Result


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """This verb."""
    space = verbs.add_parser("space", help="where its space went, and what destroying it would free")
    space.add_argument("dataset")
    space.set_defaults(handler=_space, reads=True)


async def _space(host: Host, args: argparse.Namespace) -> Result:
    service = StorageService(host)
    tree = await service.tree(args.dataset)
    one = tree[0]
    space = await read_space(service, one, tree)
    data = {
        **{name: getattr(space, name) for name in Space.__slots__},
        "quota": one.quota,
        "refquota": one.refquota,
        "reservation": one.reservation,
        "refreservation": one.refreservation,
    }
    return Result(data, "\n".join(clean(line) for line in lines(space)))


def lines(space: Space) -> list[str]:
    """The answer in words, then the figures behind it."""
    told = [*sentences(space), ""]
    told += [f"  {size(share.bytes):>6}  {share.what}: {share.about}" for share in space.shares]
    if space.largest:
        told += ["", "What each of these snapshots holds alone; what several share is in none of them:"]
        told += [f"  {size(one.used):>6}  @{one.short}" for one in space.largest]
    return told
