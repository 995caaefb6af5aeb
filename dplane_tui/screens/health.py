"""Health: how the box is, worst news first. What is not known says so."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual.widget import Widget

from ..errors import DPlaneError
from ..place import Place
from ..services.health.key_news import read_keys
from ..services.health.model import DiskHealth, Health
from ..services.poller import Read
from ..widgets.bars import Lines
from ..widgets.layout import Column, Pieces, Row, paragraphs
from ..widgets.table import Table
from . import health_rows as rows
from .base import Section
from .judged import judged

if TYPE_CHECKING:
    from ..widgets.dialogs import Reader

TABS = ("disks", "pools", "tasks", "services", "sensors")
_COLUMNS: dict[str, tuple[Column, ...]] = {
    "disks": rows.DISKS,
    "pools": rows.POOLS,
    "tasks": rows.TASKS,
    "services": rows.SERVICES,
    "sensors": rows.SENSORS,
}
_EMPTY = {
    "disks": "No disks were found.",
    "pools": "There are no pools.",
    "tasks": "No replication task is set up.",
    "services": "systemd could not be asked about services.",
    "sensors": "No temperature sensor was found.",
}
_SMART_PACE = 60.0
_KEYS_PACE = 12.0
"""SMART is read sixty times more rarely: it costs a second a disk and may wake one."""
_POLICIES_PACE = 60.0
"""So are the policies: it costs a process and a listing of all snapshots, and they change with an hour."""


class HealthScreen(Section):
    """Vitals, news, and tabs with the particulars."""

    section: ClassVar[str] = "health"
    tabs: ClassVar[tuple[str, ...]] = TABS
    source: ClassVar[str] = "health"
    DEFAULT_CSS = "HealthScreen #vitals { height: 4; } HealthScreen #news { height: 6; }"

    def __init__(self) -> None:
        super().__init__()
        self.tab = TABS[0]

    def body(self) -> Iterable[Widget]:
        self.vitals = Lines(id="vitals")
        self.news = Table(rows.NEWS, caption="What to know", id="news")
        self.detail = Table(rows.DISKS, id="detail")
        return (self.vitals, self.news, self.detail)

    def sources(self) -> dict[str, tuple[Read, float]]:
        services = self.console.services
        return {
            "health": (lambda: services.health.read(self.snapshot("health").value), 1.0),
            "pools": (services.zfs.pools, 2.0),
            "tasks": (services.replication.tasks, 6.0),
            "policies": (services.policy_states, _POLICIES_PACE),
            "smart": (self._read_smart, _SMART_PACE),
            "keys": (lambda: read_keys(services.zfs), _KEYS_PACE),
        }

    async def _read_smart(self) -> tuple[DiskHealth, ...]:
        services = self.console.services
        return await services.health.disks(await services.zfs.disks())

    def host_changed(self) -> None:
        super().host_changed()
        for table in (self.news, self.detail):
            table.set_rows((), "Reading…")
        self.vitals.show(rows.vitals(None, self.size.width))

    # -- what it shows -----------------------------------------------------------------------------------------

    def show_source(self, name: str) -> None:
        health: Health | None = self.snapshot("health").value
        if name == "health":
            error = self.snapshot("health").error
            lines: list[Pieces] = rows.vitals(health, self.size.width)
            if error and health is None:
                lines = paragraphs(error, max(20, self.size.width - 2), "bad")
            self.vitals.show(lines)
        self._show_news(health)
        self._show_detail()

    def _show_news(self, health: Health | None) -> None:
        if health is None:
            self.news.set_rows((), self.snapshot("health").error or "Reading…")
            return
        self.news.set_rows(rows.news_rows(judged(self.snapshot, time.time())))
        self.news.set_caption("What to know", self.age("health"))
        room = self.query_one("#body").size.height or 18
        self.news.styles.height = max(4, min(self.news.lines, (room - 4) // 2 + 1))

    def _show_detail(self) -> None:
        tabs = " ".join(f"[{tab}]" if tab == self.tab else tab for tab in TABS)
        source = {"disks": "smart", "pools": "pools", "tasks": "tasks"}.get(self.tab, "health")
        found = self.snapshot(source)
        self.detail.set_caption(tabs, self.age(source))
        message = found.error or ("Reading…" if found.value is None else _EMPTY[self.tab])
        self.detail.set_rows(self._detail_rows(found.value), message)

    def _detail_rows(self, value: object) -> list[Row]:
        now = time.time()
        if value is None:
            return []
        if isinstance(value, Health):
            return (
                rows.service_rows(value.services, now)
                if self.tab == "services"
                else rows.sensor_rows(value.temperatures)
            )
        assert isinstance(value, tuple)
        if self.tab == "disks":
            return rows.disk_rows(value)
        return rows.pool_rows(value, now) if self.tab == "pools" else rows.task_rows(value, now)

    # -- moving about ------------------------------------------------------------------------------------------

    def show_tab(self, tab: str) -> None:
        """Show another list of particulars."""
        self.tab = tab
        self.detail.set_columns(_COLUMNS[tab])
        self._show_detail()

    def do_tab_next(self) -> None:
        """The tab to the right."""
        self.show_tab(TABS[(TABS.index(self.tab) + 1) % len(TABS)])

    def do_tab_previous(self) -> None:
        """The tab to the left."""
        self.show_tab(TABS[TABS.index(self.tab) - 1])

    @staticmethod
    def _pool_of(key: str) -> str:
        """The GUID of the pool that a row of news is about; empty for other news."""
        _, where, about = key.split("/", 2)
        return about if where == "pools" else ""

    async def do_smart(self) -> None:
        """The whole row, for what did not fit; from news of a pool to that pool."""
        from ..widgets.dialogs import Reader, ask

        table = self.table
        row = next((one for one in table.rows if one.key == table.key), None) if table else None
        if table is None or row is None:
            return
        pool = self._pool_of(row.key) if table is self.news else ""
        if pool:
            self.console.visit(Place("pools", "", (("pools", pool),), "pools"))
            return
        width = max(20, self.size.width - 6)
        lines: list[Pieces] = []
        label = max(len(column.title) for column in table.columns) + 2
        for column, cell in zip(table.columns, row.cells, strict=True):
            for n, part in enumerate(paragraphs(cell.text or "-", width - label, cell.style)):
                lines.append([(f"{column.title if n == 0 else '':<{label}}", "dim"), *part])
        reader = Reader(table.caption if table is self.news else f"{self.tab}: {row.cells[0].text}", lines)
        if table is self.detail and self.tab == "disks":
            reader.change([*lines, [], [("Reading its temperatures…", "dim")]])
            self.console.later(self._tell_warmth(reader, lines, row.key))
        await ask(self.console, reader)

    async def _tell_warmth(self, reader: Reader, lines: list[Pieces], disk: str) -> None:
        """How warm the disk was, below its row, when another process has told it."""
        from ..widgets.chart import set_for
        from .chart_rows import warm_lines

        try:
            found = await self.console.services.warmth_told(disk)
        except DPlaneError as error:
            reader.change([*lines, [], *paragraphs(str(error), reader.inner_width(), "bad")])
            return
        glyphs = set_for(self.console.profile.symbols)
        reader.change([*lines, [], *warm_lines(found, reader.inner_width(), glyphs, time.time())])
