"""Sizes of many streams from one question to ZFS: what was written since their bases, what their snapshots hold."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ..host import Host
from .model import Plan, Step

_SECONDS = 300.0
_NAMES = 500
_BASES = 50  # properties in one question


def told(output: str) -> int | None:
    """The bytes that `zfs send -nvP` says it would send; None when it says none, or more than any pool can hold: it
    subtracts what arrived from an estimate that can be smaller."""
    found = re.search(r"^size\t(\d{1,20})$", output, re.MULTILINE)
    return int(found[1]) if found and int(found[1]) < 2**63 else None


async def together(host: Host, top: str, recursive: bool, steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps with sizes, unknown where ZFS does not tell. Snapshots that were destroyed since are not counted."""
    bases = sorted({step.base[1:] for step in steps if step.size is None and step.base and step.base[0] == "@"})
    fulls = [f"{step.dataset}@{step.snapshot}" for step in steps if step.size is None and step.kind == "full"]
    known: dict[tuple[str, str], int] = {}
    depth = ["-r"] if recursive else []
    for start in range(0, len(bases), _BASES):
        wanted = ",".join(f"written@{base}" for base in bases[start : start + _BASES])
        known |= await _asked(host, [*depth, "-t", "filesystem,volume", "-o", "name,property,value", wanted, top])
    for start in range(0, len(fulls), _NAMES):
        known |= await _asked(host, ["-o", "name,property,value", "referenced", *fulls[start : start + _NAMES]])
    return tuple(_sized(step, known) for step in steps)


def with_sizes(plan: Plan, before: Plan) -> Plan:
    """`plan` with the sizes of `before` where it sends the same: what was written is known, ZFS need not be asked."""
    known = {(step.dataset, step.base, step.snapshot): step.size for step in before.steps if not step.intermediates}
    steps = [replace(step, size=known.get((step.dataset, step.base, step.snapshot), step.size)) for step in plan.steps]
    return replace(plan, steps=tuple(steps))


def _sized(step: Step, known: dict[tuple[str, str], int]) -> Step:
    if step.size is not None or step.token:
        return step
    if step.base is None:
        return replace(step, size=known.get((f"{step.dataset}@{step.snapshot}", "referenced")))
    return replace(step, size=known.get((step.dataset, f"written@{step.base[1:]}")))


async def _asked(host: Host, words: list[str]) -> dict[tuple[str, str], int]:
    """What ZFS answers with a number, by name and property; a name that is gone is left out."""
    found: dict[tuple[str, str], int] = {}
    for line in (await host.run(["zfs", "get", "-Hp", *words], timeout=_SECONDS)).text.splitlines():
        columns = line.split("\t")
        if len(columns) == 3 and columns[2].isascii() and columns[2].isdigit():
            found[columns[0], columns[1]] = int(columns[2])
    return found
