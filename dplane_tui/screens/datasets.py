"""Datasets: the tree with its space, keys, mounts and protection, and what can be done to each."""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import cached_property
from typing import ClassVar

from textual.widget import Widget

from ..services.poller import Read
from ..services.protection.judge import Verdict
from ..services.zfs.tree import Holding, waiting
from ..widgets.bars import Lines, show
from ..widgets.layout import Pieces, at_most, paragraphs
from ..widgets.table import Table
from . import dataset_rows as rows
from .base import PATIENT, Section

_LATER = ("newest", "pools", "tasks", "policies")
"""What the protection is judged by: read when the tree is there, so that the tree is never waited for."""


class DatasetsScreen(Section):
    """What waits for a key, the tree, and three lines about the dataset under the cursor."""

    section: ClassVar[str] = "datasets"
    source: ClassVar[str] = "tree"
    DEFAULT_CSS = """
    DatasetsScreen #waiting { display: none; }
    DatasetsScreen #about { display: none; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.verdicts: dict[str, Verdict] = {}

    def body(self) -> Iterable[Widget]:
        self.waiting = Lines(id="waiting")
        self.tree_table = Table(rows.COLUMNS, caption="Datasets", tree=True, id="datasets")
        self.tree_table.message = "Reading the datasets…"
        self.heading = Lines(id="about")
        return (self.waiting, self.tree_table, self.heading)

    # -- what it reads -----------------------------------------------------------------------------------------

    def sources(self) -> dict[str, tuple[Read, float]]:
        services = self.console.services
        wanted: dict[str, tuple[Read, float]] = {"tree": (services.storage.tree, 3.0)}
        if self.snapshot("tree").value is not None:
            wanted["pools"] = (services.zfs.pools, 6.0)
            wanted["newest"] = (services.storage.newest, 60.0)
            wanted["tasks"] = (lambda: services.replication.tasks(), 12.0)  # loaded when it is read
            wanted["policies"] = (services.policy_states, 60.0)
        return wanted

    def left(self) -> None:
        for name in ("tree", *_LATER):
            self.console.poller.unwatch(name)

    def host_changed(self) -> None:
        for name in ("tree", *_LATER):
            self.console.poller.forget(name)
        self.verdicts = {}
        self.tree_table.set_rows((), "Reading the datasets…")

    @property
    def listed(self) -> tuple[Holding, ...]:
        """All datasets as they were last read."""
        found: tuple[Holding, ...] = self.snapshot("tree").value or ()
        return found

    @property
    def dataset(self) -> Holding | None:
        """The dataset under the cursor."""
        return next((one for one in self.listed if one.name == self.tree_table.key), None)

    # -- what it shows -----------------------------------------------------------------------------------------

    def show_source(self, name: str) -> None:
        if name == "tree":
            self.call_after_refresh(self._watch_later)
        self._judge()
        found = self.snapshot("tree")
        message = found.error if found.error and found.value is None else "Reading the datasets…"
        if found.value is not None:
            message = "This box has no datasets: they come with a pool. 1 goes to the pools."
        self.tree_table.set_rows(rows.tree_rows(self.listed, self.verdicts), message)
        self.tree_table.set_caption("Datasets", self.age("tree"))
        self._show_waiting()
        self._show_about()

    def _watch_later(self) -> None:
        """Read what the protection needs; the tree stands on the screen by then."""
        if self.console.section != self.section:
            return
        for name, (read, pace) in self.sources().items():
            if name not in self.console.poller.watched:
                self.console.poller.watch(name, read, self.console.every * pace, patient=name in PATIENT)

    def _judge(self) -> None:
        pools, tasks, newest, policies = (
            self.snapshot(name).value for name in ("pools", "tasks", "newest", "policies")
        )
        if newest is None and tasks is None:
            return  # nothing could be said yet, so nothing is loaded for it
        from ..services.protection.gather import verdicts

        self.verdicts = verdicts(self.listed, pools, tasks, newest, policies, time.time())

    def _show_waiting(self) -> None:
        width = max(20, self.size.width - 2)
        lines = rows.waiting_lines(waiting(self.listed), width)
        found = self.snapshot("tree")
        if found.error and found.value is not None:
            failed = _indented(f"The last reading failed: {found.error}", width, "bad")
            lines = at_most([*lines, *failed], 4, width)
        show(self.waiting, bool(lines))
        self.waiting.show(lines)

    def _show_about(self) -> None:
        one = self.dataset
        show(self.heading, one is not None and self.size.height >= 18)
        if one is not None:
            self.heading.show(rows.detail_lines(one, self.verdicts.get(one.name)))

    def on_table_moved(self, _message: Table.Moved) -> None:
        """Another dataset."""
        self._show_about()

    def on_resize(self) -> None:
        self.call_after_refresh(self._show_about)

    def files_under(self) -> tuple[str, str] | None:
        one = self.dataset
        return (one.name, "") if one is not None and one.kind == "filesystem" else None

    # -- acts --------------------------------------------------------------------------------------------------

    @cached_property
    def acts(self) -> object:
        from .dataset_acts import DatasetScreenActs

        return DatasetScreenActs(self)

    def do_dataset_snapshots(self) -> None:
        """The snapshots of the dataset under the cursor."""
        if self.dataset is not None:
            self.show_snapshots_of(self.dataset.name)

    def show_snapshots_of(self, name: str) -> None:
        """Go to the snapshots of one dataset."""
        from .snapshots import SnapshotsScreen

        screen = self.console.section_screen("snapshots")
        assert isinstance(screen, SnapshotsScreen)
        screen.show_only(name)
        self.console.go("snapshots")


def _indented(text: str, width: int, role: str) -> list[Pieces]:
    return [[(" ", "text"), *line] for line in paragraphs(text, width, role)]
