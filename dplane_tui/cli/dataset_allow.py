"""`dplane dataset allow`: who may do what with a dataset without being root. Shown, never changed."""

from __future__ import annotations

import argparse

from ..services.host import Host
from ..services.zfs.delegation import Grant, opened, sentence
from ..services.zfs.storage import StorageService
from ..text import clean
from .output import Result


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """This verb."""
    allow = verbs.add_parser("allow", help="who may do what with it, and by which dataset above that comes")
    allow.add_argument("dataset")
    allow.set_defaults(handler=_allow, reads=True)


async def _allow(host: Host, args: argparse.Namespace) -> Result:
    service = StorageService(host)
    dataset = await service.dataset(args.dataset)
    found = await service.allowed(dataset)
    data = [_data(one, found, dataset.name) for one in found]
    if not found:
        return Result(
            data, clean(f"Nobody was given anything on {dataset.name} or above it: root alone may change it.")
        )
    lines = [f"  {sentence(one, found)}" for one in found if one.reaches(dataset.name)]
    rest = [f"  {sentence(one, found)}" for one in found if not one.reaches(dataset.name)]
    told = [f"On {dataset.name}, besides root:", *(lines or ["  nobody may do anything."])]
    if rest:
        told += ["", f"Not on {dataset.name} itself:", *rest]
    return Result(data, "\n".join(clean(line) for line in told))


def _data(one: Grant, found: tuple[Grant, ...], dataset: str) -> dict[str, object]:
    return {
        "kind": one.kind,
        "who": one.who,
        "permissions": one.permissions,
        "means": opened(one, found),
        "given_on": one.at,
        "for": one.scope,
        "counts_here": one.reaches(dataset),
    }
