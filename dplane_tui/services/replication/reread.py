"""The properties of a tree once more, when somebody's value in them cannot be told from rows of ZFS.

Whoever may set a property of one dataset would stop the task of all else. So the datasets are asked for in ever smaller
groups, and of the one that it is, each text alone, its line ends and controls replaced. Light: agents load it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Iterator, Sequence
from typing import TYPE_CHECKING

from ...errors import CommandError
from .read import ASKED, CONTROLS, is_missing, settings

if TYPE_CHECKING:
    from ..host import Output

_AT_ONCE = 300  # names in one command: to a far box it goes as one word of at most 128 KiB
_REPLACED = "\N{REPLACEMENT CHARACTER}"

MOST = 2000
"""Commands after which a box is not asked any more."""

Commands = Generator[list[str], str | None, str]
"""Commands, one after another, each answered with what it printed, None when something of it does not exist (any more);
at the end it returns a listing."""


def rereading(dataset: str, recursive: bool, asked: Sequence[str] = ASKED) -> Commands:
    """The listing of `get_argv`, without what is gone, in which no value speaks for anything else.

    A few commands for each value that is so, whatever the number of datasets.
    """
    kinds = ["-t", "filesystem,volume"]
    listed = yield ["zfs", "list", "-H", *(["-r"] if recursive else []), *kinds, "-o", "name", dataset]
    found, groups = "", _halves((listed or "").splitlines())
    while groups:
        group = groups.pop()
        got = yield ["zfs", "get", "-Hp", *kinds, "-o", "name,property,value,source", ",".join(asked), *group]
        if got is not None and not CONTROLS.search(got) and _told(got, asked) == set(group):
            found += got
        elif len(group) > 1:
            groups += _halves(group)
        else:
            found += yield from _alone(group[0], asked)
    return found


def _halves(names: list[str]) -> list[list[str]]:
    most = max(1, min(_AT_ONCE, len(names) // 2))
    return [names[start : start + most] for start in range(0, len(names), most)]


def _told(got: str, asked: Sequence[str]) -> set[str]:
    """The datasets of a listing; none when a value in it cannot be told from a row."""
    try:
        return {name for name, *_ in settings(got, asked)}
    except CommandError:
        return set()


def _alone(name: str, asked: Sequence[str]) -> Commands:
    """The rows of one dataset, each text by a command of its own."""
    texts = [prop for prop in asked if ":" in prop or prop == "mountpoint"]
    plain = ",".join(prop for prop in asked if prop not in texts)
    values = yield ["zfs", "get", "-Hp", "-o", "property,value", plain, name]
    sources = yield ["zfs", "get", "-Hp", "-o", "property,source", ",".join(asked), name]
    known, rows = dict(_pairs(values)), ""
    for prop, source in _pairs(sources):
        value = known.get(prop, "-")
        if prop in texts and source != "-":
            value = ((yield ["zfs", "get", "-Hp", "-o", "value", prop, name]) or "-\n").removesuffix("\n")
        rows += f"{name}\t{prop}\t{_harmless(value)}\t{source}\n"
    return rows


def _pairs(text: str | None) -> Iterator[tuple[str, str]]:
    for line in (text or "").splitlines():
        first, _, rest = line.partition("\t")
        yield first, rest


def _harmless(value: str) -> str:
    return CONTROLS.sub(_REPLACED, value.replace("\n", _REPLACED).replace("\t", _REPLACED))


async def reread(
    run: Callable[[list[str]], Awaitable[Output]], dataset: str, recursive: bool, asked: Sequence[str] = ASKED
) -> str:
    """That listing, by commands that are run with `run`. Raises CommandError."""
    from . import failures

    commands, said = rereading(dataset, recursive, asked), None
    for _ in range(MOST):
        try:
            output = await run(commands.send(said))
        except StopIteration as done:
            return str(done.value)
        if output.status != 0 and not is_missing(output.error):
            raise failures.of_zfs(output.error, f"{dataset} could not be looked at")
        said = output.text if output.status == 0 else None
    raise CommandError(f"What is set on {dataset} and below it cannot be told apart.")
