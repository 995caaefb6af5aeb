"""Conflicts with their ways out, comparisons and verifications, made up."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from dplane_tui.errors import DPlaneError
from dplane_tui.services.replication.compare import Comparison
from dplane_tui.services.replication.content import Wish
from dplane_tui.services.replication.divergence import (
    BESIDE,
    KEEP_BOTH,
    ROLL_BACK,
    Divergence,
    Extra,
    Resolution,
    Way,
)
from dplane_tui.services.replication.model import Run

M = 1 << 20


def diverged(*, back: bool = True, dataset: str = "tank/home", target: str = "backup/home") -> Divergence:
    """A copy that somebody took a snapshot of, with three ways out."""
    why = "our key has no right to roll back at nas-b"
    roll = Way(
        ROLL_BACK,
        back,
        f"roll back: {target} is taken back to @daily-1; what came after it there is destroyed" if back else why,
        M,
        (f"{target}@mine",),
        4096,
        "plan-back" if back else "",
    )
    keep = Way(
        KEEP_BOTH,
        True,
        f"keep both: {target} is renamed to {target}-kept-1, and everything is sent afresh",
        3072 * M,
        plan="plan-keep",
    )
    beside = Way(BESIDE, True, "start afresh beside it: the task gets a new target", 3072 * M, plan="plan-beside")
    now = time.time()
    return Divergence(
        dataset,
        target,
        "77",
        "target-newer",
        f"{target} has @mine since then.",
        "daily-1",
        now - 90000,
        (Extra("mine", "5", now - 3600, 4096, 4096),),
        (Extra("daily-2", "6", now - 4000),),
        0,
        (keep, roll, beside),
    )


@dataclass
class FakeLooks:
    """What only looks at both sides, and what a person then decides."""

    calls: list[tuple[Any, ...]] = field(default_factory=list)
    in_conflict: list[Divergence] = field(default_factory=list)
    failure_of_look: DPlaneError | None = None
    failure_of_resolve: DPlaneError | None = None

    compared: Comparison = field(default_factory=lambda: Comparison("home"))

    async def compare(self, name: str) -> Comparison:
        self.calls.append(("compare", name))
        if self.failure_of_look:
            raise self.failure_of_look
        return self.compared

    async def verify(self, name: str, wish: Wish) -> str:
        self.calls.append(("verify", name, wish))
        if self.failure_of_look:
            raise self.failure_of_look
        return "replicate-home-verify"

    async def conflicts(self, name: str) -> tuple[Divergence, ...]:
        self.calls.append(("conflicts", name))
        if self.failure_of_look:
            raise self.failure_of_look
        return tuple(self.in_conflict)

    async def resolve(self, name: str, wish: Resolution) -> Run:
        self.calls.append(("resolve", name, wish))
        if self.failure_of_resolve:
            raise self.failure_of_resolve
        now = time.time()
        return Run("w1", name, "succeeded", now, now, 0, f"{wish.dataset}: {wish.way} was read back.", kind="resolve")
