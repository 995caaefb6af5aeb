"""Properties of datasets, read so that no text of a person's can be taken for anything else. Light: agents load it.

-H escapes nothing: a value may hold tabs and line ends, and so whole rows of other datasets. So behind each text a
property is asked for whose name was made up for this one command: nobody has set it, and its row ends the text. One
command is enough, however many texts are strange and however many datasets inherit them.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Generator, Sequence

Row = tuple[str, str, str, str]
"""Dataset, property, value and source."""
Commands = Generator[list[str], str, list[Row] | None]
"""Commands, each answered with what it printed; then the rows, or None when they could not be told apart."""

_TRIES = (
    3  # who can see the processes here might set a property to the name in time: that stops a try, and forges nothing
)
_TEXTS = ("mountpoint", "keylocation")  # of ZFS's own properties those that may hold anything


def is_text(prop: str) -> bool:
    """Whether a person can set it to any text."""
    return ":" in prop or prop in _TEXTS


def fenced(asked: Sequence[str], mark: str) -> str:
    """What `zfs get -o name,property,value,source` is to be asked for, so that `told` understands it."""
    return ",".join(f"{prop},{mark}-{at}" if is_text(prop) else prop for at, prop in enumerate(asked))


def told(text: str, asked: Sequence[str], mark: str) -> list[Row] | None:
    """The rows of what was printed for `fenced`, dataset by dataset in the order asked for; None when it is not that.

    Each row of the mark has to end a text. One that somebody made up would be one too many for its dataset, or lie
    within a text.
    """
    *lines, rest = text.split("\n")
    found: list[Row] = []
    seen: set[str] = set()
    at = 0
    while at < len(lines):
        name = lines[at].partition("\t")[0]
        if name in seen:
            return None
        seen.add(name)
        for number, prop in enumerate(asked):
            end = _end(lines, at, f"{name}\t{mark}-{number}\t-\t-") if is_text(prop) else at + 1
            row = _row("\n".join(lines[at:end]), name, prop, mark)
            if row is None:
                return None
            found.append(row)
            at = end + is_text(prop)
    return None if rest else found


def _end(lines: Sequence[str], start: int, fence: str) -> int:
    try:
        return lines.index(fence, start)
    except ValueError:
        return start  # no row at all


def _row(row: str, name: str, prop: str, mark: str) -> Row | None:
    head = f"{name}\t{prop}\t"
    value, tab, source = row.removeprefix(head).rpartition("\t")
    whole = row.startswith(head) and tab and mark not in value and (is_text(prop) or "\t" not in value)
    return (name, prop, value, source) if whole else None


def asking(asked: Sequence[str], options: Sequence[str], names: Sequence[str]) -> Commands:
    """The commands that read those properties of `names`, with `options` of `zfs get`; one unless it is disturbed."""
    for _ in range(_TRIES):
        mark = f"dplane:end-{os.urandom(8).hex()}"
        columns = ["-o", "name,property,value,source"]
        rows = told((yield ["zfs", "get", "-Hp", *options, *columns, fenced(asked, mark), *names]), asked, mark)
        if rows is not None:
            return rows
    return None


async def ask(
    run: Callable[[list[str]], Awaitable[str]], asked: Sequence[str], options: Sequence[str], names: Sequence[str]
) -> list[Row] | None:
    """Those rows, by commands that `run` answers with what they printed; None when they could not be told apart."""
    commands = asking(asked, options, names)
    argv = next(commands)
    while True:
        printed = await run(argv)
        try:
            argv = commands.send(printed)
        except StopIteration as done:
            rows: list[Row] | None = done.value
            return rows
