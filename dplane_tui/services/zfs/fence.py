"""Properties of datasets, read so that no text of a person's can be taken for anything else. Light: agents load it.

-H escapes nothing: a value may hold tabs and line ends, and so whole rows of other datasets. So behind each text a
property is asked for whose name was made up for this one command: nobody has set it, and its row ends the text. One
command is enough, however many texts are strange and however many datasets inherit them.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Collection, Generator, Sequence

Row = tuple[str, str, str, str]
"""Dataset, property, value and source."""
Commands = Generator[list[str], str, list[Row] | None]
"""Commands, each answered with what it printed; then the rows, or None when they could not be told apart."""

_TRIES = (
    3  # who can see the processes here might set a property to the name in time: that stops a try, and forges nothing
)
_TEXTS = ("mountpoint", "keylocation", "sharenfs", "sharesmb")  # of ZFS's own properties those that may hold anything


def is_text(prop: str) -> bool:
    """Whether a person can set it to any text."""
    return ":" in prop or prop in _TEXTS


def fenced(asked: Sequence[str], mark: str) -> str:
    """What `zfs get -o name,property,value,source` is to be asked for, so that `told` understands it."""
    return ",".join(f"{prop},{mark}-{at}" if is_text(prop) else prop for at, prop in enumerate(asked))


def told(text: str, asked: Sequence[str], mark: str, own: Collection[str] = ()) -> list[Row] | None:
    """The rows of what was printed for `fenced`, dataset by dataset in the order asked for; None when it is not that.

    Those of `own` were printed only where they are not inherited; one that is left out is told as set nowhere (`-`).
    Each row of the mark has to end a text. One that somebody made up would be one too many for its dataset, or lie
    within a text. Takes no more memory than the text twice: it may hold millions of line ends.
    """
    found: list[Row] = []
    seen: set[str] = set()
    at = 0
    while at < len(text):
        name = text[at : text.find("\t", at)]
        if name in seen:
            return None
        seen.add(name)
        for number, prop in enumerate(asked):
            fence = f"{name}\t{mark}-{number}\t-\t-\n" if is_text(prop) else ""
            left_out = prop in own and not text.startswith(f"{name}\t{prop}\t", at)
            end = at if left_out else _end(text, at, fence)
            row = (name, prop, "-", "-") if left_out else _row(text[at:end], name, prop, mark)
            if row is None or not text.startswith(fence, end):
                return None
            found.append(row)
            at = end + len(fence)
    return found


def _end(text: str, start: int, fence: str) -> int:
    """Where the row ends that begins at `start`, behind its line end; there is none when that is `start`."""
    at = text.find(f"\n{fence}", start)
    return at + 1 if at >= 0 else start


def _row(row: str, name: str, prop: str, mark: str) -> Row | None:
    head = f"{name}\t{prop}\t"
    value, tab, source = row.removeprefix(head).rpartition("\t")
    whole = row.startswith(head) and tab and mark not in value and (is_text(prop) or "\t" not in value)
    return (name, prop, value, source.removesuffix("\n")) if whole else None


def asking(asked: Sequence[str], options: Sequence[str], names: Sequence[str], own: Collection[str] = ()) -> Commands:
    """The commands that read those properties of `names`, with `options` of `zfs get`; one unless it is disturbed.

    Those of `own` are not printed by these options where they are inherited.
    """
    for _ in range(_TRIES):
        mark = f"dplane:end-{os.urandom(8).hex()}"
        columns = ["-o", "name,property,value,source"]
        rows = told((yield ["zfs", "get", "-Hp", *options, *columns, fenced(asked, mark), *names]), asked, mark, own)
        if rows is not None:
            return rows
    return None


async def ask(
    run: Callable[[list[str]], Awaitable[str]],
    asked: Sequence[str],
    options: Sequence[str],
    names: Sequence[str],
    own: Collection[str] = (),
) -> list[Row] | None:
    """Those rows, by commands that `run` answers with what they printed; None when they could not be told apart."""
    commands = asking(asked, options, names, own)
    argv = next(commands)
    while True:
        printed = await run(argv)
        try:
            argv = commands.send(printed)
        except StopIteration as done:
            rows: list[Row] | None = done.value
            return rows
