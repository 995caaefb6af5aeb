"""What of its source's tree a task takes: which datasets come in and which leave when that is changed, in words."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from ...errors import DPlaneError
from ...lazyclass import dataclass
from ...text import clean
from .model import Task
from .places import place_of
from .plan import members
from .read import Dataset

if TYPE_CHECKING:
    from ..host import Host

_NAMED = 5
"""How many datasets are named before the rest is counted."""


@dataclass(frozen=True, slots=True)
class Tree:
    """The datasets at and below a task's source, as far as they are known."""

    names: tuple[str, ...]
    whole: bool
    """Whether these are all of them."""


def reach(task: Task) -> str:
    """What a task copies: its source, and whether what is below goes along."""
    return f"{place_of(task.source_peer, task.source)}{' and below' if task.recursive else ', nothing below it'}"


def differs(before: Task, after: Task) -> bool:
    """Whether a change is one of what of the tree is taken."""
    return before.scope != after.scope


async def known(host: Host, task: Task, proven: Collection[str] = ()) -> Tree:
    """The tree of `task`: read where its source is on `host`, else what is known of it by its copies (`proven`).

    Never raises DPlaneError: what cannot be read is not known.
    """
    if task.source_peer is None:
        argv = ["zfs", "list", "-Hr", "-o", "name", "-t", "filesystem,volume", task.source]
        try:
            listed = await host.run(argv)
        except DPlaneError:
            listed = None
        if listed is not None and listed.status == 0:
            return Tree(tuple(name for name in listed.text.splitlines() if _inside(task, name)), whole=True)
    return Tree(tuple(name for name in proven if _inside(task, name)), whole=False)


def _inside(task: Task, name: str) -> bool:
    return name == task.source or name.startswith(f"{task.source}/")


def moved(before: Task, after: Task, names: Collection[str]) -> tuple[list[str], list[str]]:
    """Which of `names` come in, and which leave, when the task `before` becomes `after`."""
    tree = {name: Dataset(name) for name in (after.source, *names)}
    old, new = members(before, tree), members(after, tree)
    return [name for name in new if name not in old], [name for name in old if name not in new]


def change_lines(before: Task, after: Task, tree: Tree) -> list[str]:
    """What a change of the depth or the patterns comes to; nothing when it is neither."""
    if not differs(before, after):
        return []
    coming, leaving = moved(before, after, tree.names)
    lines: list[str] = []
    if coming and tree.whole:
        until = "until then nothing of them is proven" if before.recursive else _ALONE
        lines += [f"{_counted(coming, 'comes', 'come')} in, copied from the next run on; {until}:", *_named(coming)]
    if leaving:
        least = "" if tree.whole else "At least "
        lines += [f"{least}{_counted(leaving, 'leaves', 'leave')}: not copied any more. {_STAY}:", *_named(leaving)]
        if after.options.keep_source or after.options.keep_target:
            lines.append("No policy of this task lets go what there is of them, here or there: it is yours to destroy.")
    if not tree.whole:
        lines += _unknown(before, after, leaving)
    return lines or ["No dataset that is there now comes in or leaves by it."]


_ALONE = "until then only the source itself is proven"
_STAY = "Their copies stay as they are, and grow old; nothing is destroyed"


def _unknown(before: Task, after: Task, leaving: Sequence[str]) -> list[str]:
    """What can be said where nobody knows all of the tree."""
    where = f"at {after.source_peer}" if after.source_peer is not None else "not readable now"
    seen = f"All that is below {clean(after.source)} is not known here (it is {where}); a dry run shows what comes in."
    if not before.recursive and after.recursive:
        return [f"The next run copies the datasets below for the first time; {_ALONE}.", seen]
    if before.recursive and not after.recursive:
        return [] if leaving else [f"The datasets below are not copied any more. {_STAY}."]
    return [seen]


def _counted(names: Sequence[str], one: str, more: str) -> str:
    return f"1 dataset {one}" if len(names) == 1 else f"{len(names)} datasets {more}"


def _named(names: Sequence[str]) -> list[str]:
    rest = len(names) - _NAMED
    return [*(f"  {clean(name)}" for name in names[:_NAMED]), *([f"  and {rest} more"] if rest > 0 else [])]
