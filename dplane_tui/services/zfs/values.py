"""What a person has set on datasets: the values of one property, none of which can speak for another dataset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...errors import CommandError
from ..host import Host
from .fence import ask

_SECONDS = 300.0
_MOST = 64 * 1024  # characters of names in one command: to a far box it goes as one word of at most 128 KiB
_QUOTES = 3  # and the space between two names


async def values_of(host: Host, prop: str, names: Sequence[str]) -> dict[str, str]:
    """The value of `prop`, a text of a person's, at each of `names`; a command for each 64 KiB of names.

    One that is gone is left out. Raises CommandError when they cannot be told apart, and DPlaneError when the host is
    lost.
    """

    async def printed(argv: list[str]) -> str:
        return (await host.run(argv, timeout=_SECONDS)).text  # of what is gone it says so, and prints the others

    found: dict[str, str] = {}
    for batch in _batches(names):
        rows = await ask(printed, (prop,), (), batch)
        if rows is None:  # nobody may take that for a property that is set nowhere
            raise CommandError("What is set on the datasets cannot be told apart.", "Look again.")
        found.update((name, value) for name, _, value, _ in rows)
    return found


def _batches(names: Sequence[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for name in names:
        size += len(name) + _QUOTES
        if batch and size > _MOST:
            yield batch
            batch, size = [], len(name) + _QUOTES
        batch.append(name)
    if batch:
        yield batch
