"""Start: is everything all right? In one look, in words first, with what needs a person on top and the key to it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from textual.widget import Widget

from ..services.poller import Read
from ..widgets.bars import Lines
from ..widgets.layout import Column
from ..widgets.table import Table
from .base import Section

if TYPE_CHECKING:
    from ..services.health.key_news import Keys
    from ..services.health.model import DiskHealth
    from .start_view import StartView

NEEDS = (
    Column("LEVEL", least=7),
    Column("WHERE", drop=2, least=8),
    Column("WHAT", least=20, most=400, grow=True),
    Column("KEY", drop=1, least=3),
)
JOBS_PACE = 3.0
_HEALTH_PACE, _TASKS_PACE, _POLICIES_PACE, _SMART_PACE = 6.0, 12.0, 60.0, 360.0
"""Looked at all day: what costs a process is read once a minute, the policies, which list every snapshot and change
with an hour, every five, disks every half hour as smartd does."""


class StartScreen(Section):
    """The verdict, the copies, what needs a person; below it what is well, what runs, how full the pools are."""

    section: ClassVar[str] = "start"
    source: ClassVar[str] = "pools"
    DEFAULT_CSS = """
    StartScreen #needs, StartScreen #boxes { height: auto; }
    StartScreen #running, StartScreen #whole { display: none; }
    """

    def body(self) -> Iterable[Widget]:
        self.said = Lines(id="said")
        self.needs = Table(NEEDS, caption="What to know", id="needs")
        self.whole = Lines(id="whole")
        self.running = Lines(id="running")
        self.below = Lines(id="below")
        self.needs.message = "Reading…"
        self.said.show([[(f" {self.console.host_name}: reading…", "dim")]])
        if self.console.fleet is None:
            return (self.said, self.needs, self.whole, self.running, self.below)
        from .boxes import boxes_table

        self.boxes = boxes_table()
        return (self.said, self.needs, self.whole, self.boxes, self.running, self.below)

    @cached_property
    def view(self) -> StartView:
        """What draws it; loaded when the first frame is on the screen."""
        from .start_view import StartView

        return StartView(self)

    def sources(self) -> dict[str, tuple[Read, float]]:
        services = self.console.services
        return {
            "pools": (services.zfs.pools, 1.0),
            "health": (lambda: services.health.read(self.snapshot("health").value), _HEALTH_PACE),
            "jobs": (services.jobs.list, JOBS_PACE),
            "tasks": (services.task_states, _TASKS_PACE),
            "policies": (services.policy_states, _POLICIES_PACE),
            "smart": (self._read_smart, _SMART_PACE),
            "keys": (self._read_keys, _TASKS_PACE),
        }

    async def _read_keys(self) -> Keys:
        from ..services.health.key_news import read_keys

        return await read_keys(self.console.services.zfs)

    async def _read_smart(self) -> tuple[DiskHealth, ...]:
        services = self.console.services
        return await services.health.disks(await services.zfs.disks())

    def host_changed(self) -> None:
        super().host_changed()
        self.view.forget()

    def show_source(self, name: str) -> None:
        self.view.show(name)

    def fleet_changed(self) -> None:
        self.view.show_boxes()

    def groups(self) -> tuple[str, ...]:
        """Repair only where the row under the cursor is about a pool."""
        pool = "view" in self.__dict__ and self.view.pool_chosen() is not None
        return (*super().groups(), *(("start.pool",) if pool else ()))

    def on_table_moved(self, message: Table.Moved) -> None:
        """Another thing: its whole sentence."""
        if message.table is self.needs:
            self.view.moved()
            self.tell()

    def on_resize(self) -> None:
        if "view" in self.__dict__:  # the first one comes before the first frame, which waits for nothing
            self.call_after_refresh(self.view.again)

    def worst_news(self) -> str:
        return self.view.worst_news() or super().worst_news()

    async def do_pool_repair(self) -> str | None:
        """The guided repair of the pool that the row under the cursor is about."""
        pool = self.view.pool_chosen()
        if pool is None:
            self.console.say("There is no pool under the cursor that needs you.", "warn")
            return None
        from .pool_repair import repair

        return await repair(self.console, pool.name)

    async def do_lead(self) -> str | None:
        """Go to what is under the cursor: a thing that needs the person, or another box."""
        if self.focused is not None and self.focused.id == "boxes":
            await self.console.go_to_box(self.boxes.key or "")
            return None
        place = self.view.leads_to()
        if place is not None and place.section == "policies":
            return await self.console.do_policies(dict(place.rows).get("policies", ""))
        if place is not None:
            self.console.visit(place)
        return None
