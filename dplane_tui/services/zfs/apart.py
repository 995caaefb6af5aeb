"""The texts of datasets whose rows fit no listing: asked for without the others, down to each value alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from ...errors import ChangedError
from ..host import Output
from .table import Key, Table

Ask = Callable[[list[str]], Awaitable[Output]]
"""Runs a command. Raises ChangedError when a dataset of it is gone, and other kinds of DPlaneError."""
_AT_ONCE = 300  # names in one command: to a far box it goes as one word of at most 128 KiB


async def texts_of(ask: Ask, table: Table, keys: Sequence[Key], listed: str) -> dict[Key, list[str]]:
    """The texts of these datasets, out of what was `listed` of all where that is certain; without those that are gone.

    A few commands for each value that has line ends in it, whatever the number of datasets.
    """
    found = table.sure(listed, set(keys))
    groups = _halves(keys, found)
    while groups:
        group = groups.pop()
        if len(group) == 1:
            found |= await _alone(ask, table, group[0])
        else:
            told = await _together(ask, table, group)
            found |= told
            groups += _halves(group, told)
    return found


def _halves(group: Sequence[Key], told: Mapping[Key, list[str]]) -> list[list[Key]]:
    """Those that were not told, in groups of at most half as many."""
    left, most = [one for one in group if one not in told], max(1, min(_AT_ONCE, len(group) // 2))
    return [left[start : start + most] for start in range(0, len(left), most)]


async def _together(ask: Ask, table: Table, group: Sequence[Key]) -> dict[Key, list[str]]:
    try:
        output = await ask(["zfs", "list", "-Hpo", table.columns, *(name for name, *_ in group)])
    except ChangedError:  # one of them is gone: smaller groups tell which
        return {}
    return table.sure(output.text, set(group))


async def _alone(ask: Ask, table: Table, one: Key) -> dict[Key, list[str]]:
    try:
        told = [await ask(["zfs", "get", "-Hpo", "value", text, one[0]]) for text in table.texts]
    except ChangedError:
        return {}
    return {one: [output.text.removesuffix("\n") for output in told]}
