"""What streams will about carry: of a few ZFS is asked one by one; of many it is asked at once what was written in
their snapshots."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace

from ...lazyclass import dataclass
from ..host import Host
from .model import Plan, Step
from .read import Dataset, Point, Side

_SECONDS = 300.0
_NAMES = 2000  # in one command: of the longest, a quarter of what a command line takes
_ANSWERS = 10_000  # of one command, each name with each property
_BETWEEN = 10_000  # snapshots that are asked for, each of which ZFS has to open; of more only the ends are


@dataclass(frozen=True, slots=True)
class _Question:
    """The size of a stream is a property of these names, summed up, and `more`; `at_least`, where it may be more."""

    prop: str
    names: tuple[str, ...]
    more: int = 0
    at_least: bool = False


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


async def together(host: Host, here: Side, steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps with sizes in bytes, unknown where ZFS does not tell.

    What a stream holds is asked of the snapshots in it, not of the dataset: what was written over behind its end is in
    it all the same. Of very many only the ends are asked for, and what was deleted again between them is not counted.
    """
    unknown = [step for step in steps if step.size is None and not step.token]
    asked = {step: _question(step, here[step.dataset], each=True) for step in unknown}
    if sum(len(question.names) for question in asked.values() if question) > _BETWEEN:
        asked = {step: _question(step, here[step.dataset], each=False) for step in unknown}
    known: dict[tuple[str, str], int] = {}
    for properties, names in _commands([question for question in asked.values() if question]):
        known |= await _asked(host, ["-o", "name,property,value", ",".join(properties), *names])
    return tuple(_sized(step, asked.get(step), known) for step in steps)


def _question(step: Step, here: Dataset, *, each: bool) -> _Question | None:
    """What sizes the stream: with `each`, all of its snapshots are asked for. None where nothing can tell.

    A bookmark is no property's base, and what was written since the snapshot before it may be far more than a stream.
    """
    if step.base is None:
        return _Question("referenced", (f"{step.dataset}@{step.snapshot}",)) if step.guid else None
    base = _point(here, step.base_guid)
    end = _point(here, step.guid) if step.guid else next(reversed(here.snapshots), None)
    if base is None or end is None or not step.base.startswith("@"):
        return None
    if not (step.intermediates and each):
        last = f"{step.dataset}@{end.name}" if step.guid else step.dataset
        return _Question(f"written@{base.name}", (last,), at_least=step.intermediates)
    later = [point.name for point in here.snapshots if base.createtxg < point.createtxg <= end.createtxg]
    more = 0 if step.guid else here.number("written")
    return _Question("written", tuple(f"{step.dataset}@{name}" for name in later), more) if more is not None else None


def _point(here: Dataset, guid: str) -> Point | None:
    return next((point for point in here.snapshots if point.guid == guid), None)


def _commands(questions: Sequence[_Question]) -> Iterator[tuple[list[str], list[str]]]:
    """Properties and names that are asked for at once. Those of one property stand together, for each name is asked for
    all; the snapshots of a stream stay in their order."""
    properties: list[str] = []
    names: list[str] = []
    for question in sorted(questions, key=lambda question: question.prop):
        for name in question.names:
            wanted = properties if question.prop in properties[-1:] else [*properties, question.prop]
            if len(names) == _NAMES or len(wanted) * (len(names) + 1) > _ANSWERS:
                yield properties, names
                wanted, names = [question.prop], []
            properties = wanted
            names.append(name)
    if names:
        yield properties, names


def with_sizes(plan: Plan, before: Plan) -> Plan:
    """`plan` with the sizes of `before`, which the planner knew, where it sends the same: ZFS need not be asked."""
    known = {_stream(step): step.size for step in before.steps}
    return replace(plan, steps=tuple(replace(step, size=known.get(_stream(step), step.size)) for step in plan.steps))


def _stream(step: Step) -> tuple[object, ...]:
    return step.dataset, step.base, step.snapshot, step.intermediates, step.token


def _sized(step: Step, question: _Question | None, known: dict[tuple[str, str], int]) -> Step:
    told = [known.get((name, question.prop)) for name in question.names] if question else []
    if question is None or not told or told[-1] is None:
        return step
    size = sum(part for part in told if part is not None) + question.more
    return replace(step, size=size, at_least=question.at_least or None in told)


async def _asked(host: Host, words: list[str]) -> dict[tuple[str, str], int]:
    """What ZFS answers with a number, by name and property; a name that is gone is left out."""
    found: dict[tuple[str, str], int] = {}
    for line in (await host.run(["zfs", "get", "-Hp", *words], timeout=_SECONDS)).text.splitlines():
        columns = line.split("\t")
        if len(columns) == 3 and columns[2].isascii() and columns[2].isdigit():
            found[columns[0], columns[1]] = int(columns[2])
    return found
