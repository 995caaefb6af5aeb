"""The properties of a tree once more, when somebody's value in them cannot be told from rows of ZFS.

Whoever may set a property of one dataset would stop the task of all else. So each text is asked for with its end, and
its line ends and controls are replaced. Light: agents load it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from ...errors import CommandError, TooMuchError
from ..zfs.fence import Commands, Row, ask, asking, is_text
from .read import ASKED, CONTROLS, PRESERVED, Side, get_argv, is_missing

if TYPE_CHECKING:
    from ..host import Output

_REPLACED = "\N{REPLACEMENT CHARACTER}"
_SOURCES = "local,default,received,temporary,none"  # all but what is inherited


def rereading(dataset: str, recursive: bool, asked: Sequence[str] = ASKED) -> Commands:
    """The commands that read what `get_argv` does, whatever is set there."""
    return asking(asked, _options(recursive), [dataset], _own(asked))


def listing(rows: Iterable[Row]) -> str:
    """The rows as `get_argv` lists them, but nothing in them is more than one value.

    A text that is not the dataset's own says nothing of it, and is left out.
    """
    return "".join(
        f"{name}\t{prop}\t{_harmless(value) if source == 'local' or not is_text(prop) else '-'}\t{source}\n"
        for name, prop, value, source in rows
    )


async def properties(run: Callable[[list[str]], Awaitable[Output]], dataset: str, recursive: bool) -> Output | None:
    """What `get_argv` leaves; None when that is too much to be read, as it is when many inherit long texts."""
    try:
        return await run(get_argv(dataset, recursive))
    except TooMuchError:
        return None


async def side_of(
    parsed: Callable[[str], Side],
    got: Output | None,
    run: Callable[[list[str]], Awaitable[Output]],
    dataset: str,
    recursive: bool,
) -> Side:
    """What `parsed` makes of those properties. Where they were too much, or it raises CommandError, of them reread."""
    if got is not None:
        with contextlib.suppress(CommandError):
            return parsed(got.text)
    return parsed(await reread(run, dataset, recursive))


async def reread(
    run: Callable[[list[str]], Awaitable[Output]], dataset: str, recursive: bool, asked: Sequence[str] = ASKED
) -> str:
    """That listing, by commands that are run with `run`. Raises CommandError."""
    from . import failures

    async def printed(argv: list[str]) -> str:
        output = await run(argv)
        if output.status != 0 and not is_missing(output.error):
            raise failures.of_zfs(output.error, f"{dataset} could not be looked at")
        return output.text

    rows = await ask(printed, asked, _options(recursive), [dataset], _own(asked))
    if rows is None:
        raise CommandError(f"What is set on {dataset} and below it cannot be told apart.")
    return listing(rows)


def _options(recursive: bool) -> list[str]:
    return [*(["-r"] if recursive else []), "-t", "filesystem,volume", "-s", _SOURCES]


def _own(asked: Sequence[str]) -> set[str]:
    """What may be inherited. It says nothing of the dataset then, and one long text would be fetched for each below."""
    return {prop for prop in asked if is_text(prop) or prop in PRESERVED}


def _harmless(value: str) -> str:
    return CONTROLS.sub(_REPLACED, value.replace("\n", _REPLACED).replace("\t", _REPLACED))
