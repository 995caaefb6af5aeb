"""What streams will about carry: of a few ZFS is asked one by one; of many it is asked once what was written since
their bases, and what their snapshots hold."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from ..host import Host
from .model import Plan, Step, Task
from .read import Dataset, Side

_SECONDS = 300.0
_NAMES = 500
_BASES = 50  # properties in one question


def told(output: str) -> int | None:
    """The bytes that `zfs send -nvP` says it would send; None when it says none, or more than any pool can hold: it
    subtracts what arrived from an estimate that can be smaller."""
    found = re.search(r"^size\t(\d{1,20})$", output, re.MULTILINE)
    return int(found[1]) if found and int(found[1]) < 2**63 else None


async def each(steps: Sequence[Step], here: Side, ask: Callable[[Step], Awaitable[int | None]]) -> tuple[Step, ...]:
    """The steps with sizes in bytes, those that have none as `ask` is told of them by ZFS (None: it does not tell)."""
    sized = []
    for step in steps:
        question, more = asked_of(step, here[step.dataset])
        size = await ask(question) if question is not None else None
        sized.append(step if size is None else replace(step, size=size + more))
    return tuple(sized)


def asked_of(step: Step, here: Dataset) -> tuple[Step | None, int]:
    """The stream that ZFS can be asked about to size a step, and the bytes to add; no stream where it need not be asked
    or could not tell.

    Of a snapshot that is not taken yet it tells nothing: then it is the stream to the newest there is, and what was
    written since.
    """
    if step.size is not None:
        return None, 0
    if step.guid:
        return step, 0
    made = {point.guid: point.createtxg for point in (*here.bookmarks, *here.snapshots)}
    written = here.number("written")
    newest = here.snapshots[-1] if here.snapshots else None
    if newest is None or written is None or newest.createtxg <= made.get(step.base_guid, newest.createtxg):
        return None, 0  # from a bookmark behind it, say, whose snapshot is gone
    return replace(step, snapshot=newest.name, guid=newest.guid), written


async def together(host: Host, source: Task, here: Side, steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps with sizes, unknown where ZFS does not tell, or would tell of more than the stream has.

    What is asked for is what the dataset holds now and did not at the base, so also with a snapshot that is still to be
    taken; of what only the snapshots between have it says nothing.
    """
    ends = {step: _since_the_end(step, here[step.dataset]) for step in steps if step.size is None and not step.token}
    known_ends = [step.base for step, end in ends.items() if end is not None and step.base]
    bases = sorted({base[1:] for base in known_ends if base[0] == "@"})
    fulls = [f"{step.dataset}@{step.snapshot}" for step in steps if step.size is None and step.kind == "full"]
    known: dict[tuple[str, str], int] = {}
    depth = ["-r"] if source.recursive else []
    for start in range(0, len(bases), _BASES):
        wanted = ",".join(f"written@{base}" for base in bases[start : start + _BASES])
        known |= await _asked(
            host, [*depth, "-t", "filesystem,volume", "-o", "name,property,value", wanted, source.source]
        )
    for start in range(0, len(fulls), _NAMES):
        known |= await _asked(host, ["-o", "name,property,value", "referenced", *fulls[start : start + _NAMES]])
    return tuple(_sized(step, known, ends[step]) if step in ends else step for step in steps)


def _since_the_end(step: Step, here: Dataset) -> int | None:
    """What was written behind the snapshot that a stream ends at; None where that is not known."""
    if not step.guid:
        return 0
    return here.number("written") if here.snapshots and here.snapshots[-1].guid == step.guid else None


def with_sizes(plan: Plan, before: Plan) -> Plan:
    """`plan` with the sizes of `before`, which the planner knew, where it sends the same: ZFS need not be asked."""
    known = {_stream(step): step.size for step in before.steps}
    return replace(plan, steps=tuple(replace(step, size=known.get(_stream(step), step.size)) for step in plan.steps))


def _stream(step: Step) -> tuple[object, ...]:
    return step.dataset, step.base, step.snapshot, step.intermediates, step.token


def _sized(step: Step, known: dict[tuple[str, str], int], behind: int | None) -> Step:
    if step.base is None:
        return replace(step, size=known.get((f"{step.dataset}@{step.snapshot}", "referenced")))
    size = known.get((step.dataset, f"written@{step.base[1:]}"))
    if size is None or behind is None:
        return step
    return replace(step, size=max(0, size - behind), at_least=step.intermediates)


async def _asked(host: Host, words: list[str]) -> dict[tuple[str, str], int]:
    """What ZFS answers with a number, by name and property; a name that is gone is left out."""
    found: dict[tuple[str, str], int] = {}
    for line in (await host.run(["zfs", "get", "-Hp", *words], timeout=_SECONDS)).text.splitlines():
        columns = line.split("\t")
        if len(columns) == 3 and columns[2].isascii() and columns[2].isdigit():
            found[columns[0], columns[1]] = int(columns[2])
    return found
