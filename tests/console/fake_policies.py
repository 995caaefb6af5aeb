"""Snapshot policies in memory, with the same methods as PolicyService."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

from dplane_tui.errors import CommandError
from dplane_tui.services.policies.model import DatasetRun, Policies, PolicyRun, PolicyStatus, Wish
from dplane_tui.services.policies.wording import TEMPLATES
from dplane_tui.services.retention.model import Judged

_NAMES = ("tank", "tank/home", "tank/home/anna", "tank/safe", "tank/safe/deep", "tank/try", "tank/vm", "vault")


def calm() -> Policies:
    """One tree with a policy that is kept."""
    now = time.time()

    def status(name: str, guid: int) -> PolicyStatus:
        if not name.startswith("tank/home"):
            return PolicyStatus(name, str(guid), "none")
        return PolicyStatus(
            name, str(guid), "on", "hourly=24,daily=30", "", "tank/home", "", now - 600, 54, 3600, late=False
        )

    datasets = tuple(status(name, 2000 + number) for number, name in enumerate(_NAMES))
    return Policies(datasets, now + 1800, "policy-1", "succeeded", "", now - 60)


def troubled() -> Policies:
    """One that is late, one that is kept, a copy, and a dataset without."""
    now = time.time()
    return Policies(
        (
            PolicyStatus("tank", "1", "none"),
            PolicyStatus(
                "tank/data", "2", "on", "hourly=24,daily=30", "", "tank/data", "", now - 600, 5, 3600, late=False
            ),
            PolicyStatus("tank/late", "3", "on", "daily=7", "", "tank/late", "", now - 9 * 86400, 7, 86400, late=True),
            PolicyStatus("tank/copy", "4", "replica", "daily=7", "", "tank", "it is a copy that nas-b sends"),
        ),
        next_run=now + 1800,
        last_run="policy-1",
        last_state="succeeded",
        last_ended=now - 60,
    )


class FakePolicies:
    """What is set is kept. It keeps a list of what was called."""

    def __init__(self, found: Policies | None = None) -> None:
        self.calls: list[Any] = []
        self.goes = False
        self.fails = ""
        self.found = found or calm()

    async def status(self) -> Policies:
        return self.found

    async def templates(self) -> dict[str, str]:
        return TEMPLATES

    async def preview(self, wish: Wish) -> PolicyRun:
        self.calls.append(("preview", wish))
        old = Judged(
            wish.dataset, "dplane-auto-old", "9", not self.goes, "past daily=7" if self.goes else "first of its day"
        )
        one = DatasetRun(
            wish.dataset, wish.policy or "daily=7", "dplane-auto-new", "", (old,), 2048 if self.goes else 0
        )
        return PolicyRun("", "preview", time.time(), datasets=(one,))

    async def set(self, dataset: str, policy: str, template: str = "") -> PolicyStatus:
        if self.fails:
            raise CommandError(self.fails)
        self.calls.append(("set", dataset, policy, template))
        one = next(one for one in self.found.datasets if one.dataset == dataset)
        new = dataclasses.replace(one, state="none" if policy == "none" else "on", policy=policy, set_on=dataset)
        rest = tuple(new if item is one else item for item in self.found.datasets)
        self.found = dataclasses.replace(self.found, datasets=rest)
        return new

    async def unset(self, dataset: str) -> PolicyStatus:
        return await self.set(dataset, "none")

    async def run(self, wish: Wish) -> PolicyRun:
        self.calls.append(("run", wish))
        return dataclasses.replace(await self.preview(wish), id="policy-2", state="succeeded", message="1 taken.")

    async def runs(self, limit: int = 20) -> tuple[PolicyRun, ...]:
        return (PolicyRun("policy-1", "failed", time.time() - 60, time.time(), "tank/late: it is busy."),)
