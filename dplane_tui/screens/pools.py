"""Pools: their state, devices, datasets, snapshots, and what can be done to them."""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import cached_property
from typing import ClassVar

from textual.app import ComposeResult
from textual.widget import Widget

from ..services.poller import Read
from ..services.zfs.model import Dataset, Pool, Snapshot
from ..widgets.bars import Lines, show
from ..widgets.layout import Column, at_most, paragraphs
from ..widgets.table import Table
from . import pool_rows as rows
from .base import Section

TABS = ("devices", "datasets", "snapshots")
_COLUMNS: dict[str, tuple[Column, ...]] = {
    "devices": rows.DEVICES,
    "datasets": rows.DATASETS,
    "snapshots": rows.SNAPSHOTS,
}


class PoolsScreen(Section):
    """The list of pools above, a pool's inside below."""

    section: ClassVar[str] = "pools"
    tabs: ClassVar[tuple[str, ...]] = TABS
    source: ClassVar[str] = "pools"
    DEFAULT_CSS = """
    PoolsScreen #pools { height: auto; }
    PoolsScreen #advice { display: none; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.tab = TABS[0]
        self._dataset = ""

    def body(self) -> Iterable[Widget]:
        self.pools_table = Table(rows.POOLS, caption="Pools", id="pools")
        self.advice = Lines(id="advice")
        self.detail = Table(rows.DEVICES, id="detail", tree=True)
        self.pools_table.message = "Reading the pools…"
        return (self.pools_table, self.advice, self.detail)

    def compose(self) -> ComposeResult:
        yield from super().compose()

    # -- what it reads -----------------------------------------------------------------------------------------

    def sources(self) -> dict[str, tuple[Read, float]]:
        wanted: dict[str, tuple[Read, float]] = {"pools": (self.console.services.zfs.pools, 1.0)}
        pool = self.pool
        if pool is not None and self.tab == "datasets":
            wanted["datasets"] = (lambda: self.console.services.zfs.datasets(pool.name), 2.0)
        if self.tab == "snapshots" and self._snapshots_of():
            name = self._snapshots_of()
            wanted["snapshots"] = (lambda: self.console.services.zfs.snapshots(name), 2.0)
        return wanted

    def left(self) -> None:
        for name in ("pools", "datasets", "snapshots"):
            self.console.poller.unwatch(name)

    def host_changed(self) -> None:
        for name in ("pools", "datasets", "snapshots"):
            self.console.poller.forget(name)
        self._dataset = ""
        self.pools_table.set_rows((), "Reading the pools…")
        self.detail.set_rows(())

    @property
    def pool(self) -> Pool | None:
        """The pool under the cursor."""
        pools: tuple[Pool, ...] = self.snapshot("pools").value or ()
        return next((pool for pool in pools if pool.guid == self.pools_table.key), None)

    @property
    def device(self) -> str:
        """The key of the device under the cursor of the devices tab; empty while another list has the cursor."""
        return (self.detail.key or "") if self.tab == "devices" and self.focused is self.detail else ""

    @property
    def dataset(self) -> Dataset | None:
        """The dataset under the cursor of the datasets tab."""
        found: tuple[Dataset, ...] = self.snapshot("datasets").value or ()
        if self.tab != "datasets":
            return None
        return next((one for one in found if one.name == self.detail.key), None)

    @property
    def snapshot_chosen(self) -> Snapshot | None:
        """The snapshot under the cursor of the snapshots tab."""
        found: tuple[Snapshot, ...] = self.snapshot("snapshots").value or ()
        if self.tab != "snapshots":
            return None
        return next((one for one in found if one.name == self.detail.key), None)

    def _snapshots_of(self) -> str:
        """The dataset whose snapshots are shown: the one last under the cursor, else the pool's root."""
        pool = self.pool
        if pool is None:
            return ""
        inside = self._dataset == pool.name or self._dataset.startswith(pool.name + "/")
        return self._dataset if inside else pool.name

    def files_under(self) -> tuple[str, str] | None:
        """Those of the row that has the cursor; None among pools and devices."""
        snapshot, dataset = self.snapshot_chosen, self.dataset
        if self.focused is not self.detail:
            return None
        if snapshot is not None and not snapshot.bookmark:
            return snapshot.dataset, snapshot.short
        return (dataset.name, "") if dataset is not None and dataset.kind == "filesystem" else None

    # -- what it shows -----------------------------------------------------------------------------------------

    def show_source(self, name: str) -> None:
        if name == "pools":
            self._show_pools()
        self._show_detail()

    def _show_pools(self) -> None:
        found = self.snapshot("pools")
        pools: tuple[Pool, ...] = found.value or ()
        message = "Reading the pools…"
        if found.error and found.value is None:
            message = found.error
        elif found.value is not None:
            message = "This box has no pools.\n\nn  create one from free disks\ni  import one that is on the disks"
        self.pools_table.set_rows(rows.pool_rows(pools, time.time()), message)
        self.pools_table.set_caption("Pools", self.age("pools"))
        self._share_height()

    def _share_height(self) -> None:
        """The list takes what it needs, two fifths at most; alone when there is nothing below."""
        empty = not self.pools_table.rows and not self.pools_table.query_text
        room = self.query_one("#body").size.height or 18
        show(self.detail, not empty)
        height = "1fr" if empty else max(3, min(self.pools_table.lines, room * 2 // 5))
        if self.pools_table.styles.height is None or str(self.pools_table.styles.height.value) != str(height):
            self.pools_table.styles.height = height

    def _show_detail(self) -> None:
        pool = self.pool
        self._show_advice(pool)
        if pool is None:
            self.detail.set_rows(())
            return
        tabs = " ".join(f"[{tab}]" if tab == self.tab else tab for tab in TABS)
        shown = self._snapshots_of() if self.tab == "snapshots" else pool.name
        source = "pools" if self.tab == "devices" else self.tab
        self.detail.set_caption(f"{shown}  {tabs}", self.age(source) if source != "pools" else "")
        found = self.snapshot(source)
        waiting = found.error or "Reading…"
        if self.tab == "devices":
            self.detail.set_rows(rows.device_rows(pool), "ZFS tells no devices of this pool.")
        elif self.tab == "datasets":
            datasets = [one for one in found.value or () if one.name.partition("/")[0] == pool.name]
            self.detail.set_rows(rows.dataset_rows(datasets), waiting)
        else:
            snapshots = [one for one in found.value or () if one.dataset == shown]
            message = (
                waiting if found.value is None or found.error else f"{shown} has no snapshots. p in datasets takes one."
            )
            self.detail.set_rows(rows.snapshot_rows(snapshots, time.time()), message)

    def _show_advice(self, pool: Pool | None) -> None:
        found = self.snapshot("pools")
        said = []
        if found.error and found.value is not None:
            said.append((f"The last reading failed: {found.error}", "bad"))
        if pool is not None and pool.status and pool.state != "ONLINE":
            said.append((f"{pool.name}: {pool.status} {pool.action} y: what helps.", "warn"))
        elif pool is not None and (why := pool.trouble()):
            said.append((f"{pool.name} {why}. y: what helps.", "warn"))
        width = max(20, self.size.width - 3)
        told = [[(" ", "text"), *line] for text, role in said for line in paragraphs(text, width, role)]
        lines = at_most(told, 4, width + 1)
        show(self.advice, bool(lines))
        self.advice.show(lines)

    def on_resize(self) -> None:
        self.call_after_refresh(self._share_height)

    def on_table_moved(self, message: Table.Moved) -> None:
        """Another pool or another row of the detail."""
        if message.table is self.pools_table:
            self._watch()
            self._show_detail()
        elif self.tab == "datasets" and message.key:
            self._dataset = message.key

    @cached_property
    def acts(self) -> object:
        from .pool_acts import PoolActs

        return PoolActs(self)

    # -- moving about ------------------------------------------------------------------------------------------

    def groups(self) -> tuple[str, ...]:
        inner = (f"pools.{self.tab}",) if self.focused is self.detail and self.tab != "devices" else ()
        return ("global", "list", "pools", *inner)

    def _watch(self) -> None:
        wanted = self.sources()
        for name in ("datasets", "snapshots"):
            if name in wanted:
                read, pace = wanted[name]
                self.console.poller.watch(name, read, self.console.every * pace)
            else:
                self.console.poller.unwatch(name)

    def show_tab(self, tab: str) -> None:
        """Show devices, datasets or snapshots of the pool."""
        self.tab = tab
        self.detail.set_columns(_COLUMNS[tab], tree=tab != "snapshots")
        self._watch()
        self._show_detail()
        self.tell()

    def do_tab_next(self) -> None:
        """The tab to the right."""
        self.show_tab(TABS[(TABS.index(self.tab) + 1) % len(TABS)])

    def do_tab_previous(self) -> None:
        """The tab to the left."""
        self.show_tab(TABS[TABS.index(self.tab) - 1])

    async def do_pool_charts(self) -> None:
        """How full the pool was, and what it reads and writes now."""
        from .pool_charts import PoolCharts, ask

        if self.pool is None:
            self.console.say("There is no pool under the cursor.")
            return
        await ask(self.console, PoolCharts(self.console, self.pool.name))

    def do_open(self) -> None:
        """From the list into the detail; from a dataset to its snapshots."""
        if self.focused is not self.detail and self.pool is not None:
            self.detail.focus()
        elif self.dataset is not None:
            self._dataset = self.dataset.name
            self.show_tab("snapshots")
