"""The texts of datasets whose rows fit no listing: asked for without the rest, each with its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from ...errors import CommandError
from ..host import Output
from .fence import ask
from .table import Key, Table, key

_KNOWN_BY = ("type", "guid")


async def texts_of(
    run: Callable[[list[str]], Awaitable[Output]], table: Table, options: Sequence[str], names: Sequence[str]
) -> dict[Key, list[str]]:
    """The texts of all datasets that `zfs get` with these `options` tells of `names`, or of all without any.

    Raises CommandError, and what `run` raises.
    """

    async def printed(argv: list[str]) -> str:
        return (await run(argv)).text

    asked = (*_KNOWN_BY, *table.texts)
    rows = await ask(printed, asked, options, names)
    if rows is None:
        raise CommandError("What is set on the datasets cannot be told apart.", "Look again.")
    found = {}
    for start in range(0, len(rows), len(asked)):
        values = [value for _, _, value, _ in rows[start : start + len(asked)]]
        found[key([rows[start][0], *values])] = values[len(_KNOWN_BY) :]
    return found
