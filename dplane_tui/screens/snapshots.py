"""Snapshots of one dataset or of all: a long list that is read once and scrolled as one likes."""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import cached_property
from typing import ClassVar

from textual.widget import Widget

from ..services.poller import Read
from ..services.zfs.model import Snapshot
from ..services.zfs.shelf import Shelf
from ..widgets.bars import Lines, show
from ..widgets.longtable import LongTable
from . import snapshot_rows as rows
from .base import Section

_PACE, _CALM = 12.0, 120.0
"""Polls between two readings, and for more than _MANY of them: nobody scrolls through what changes under him."""
_MANY = 5000


class SnapshotsScreen(Section):
    """The list, and a line that says what is marked and which dataset it is about."""

    section: ClassVar[str] = "snapshots"
    source: ClassVar[str] = "shelf"
    DEFAULT_CSS = "SnapshotsScreen #marked { display: none; }"

    def __init__(self) -> None:
        super().__init__()
        self.scope = ""
        """The one dataset that is shown; empty for all."""
        self.last_scope = ""
        self.marked = ""
        """The other end of a range or a comparison: the full name of a snapshot."""
        self._listing: rows.SnapshotRows | None = None

    def body(self) -> Iterable[Widget]:
        self.list = LongTable(rows.COLUMNS, caption="Snapshots", id="snapshots")
        self.list.message = "Reading the snapshots…"
        self.marked_line = Lines(id="marked")
        return (self.list, self.marked_line)

    # -- what it reads -----------------------------------------------------------------------------------------

    def sources(self) -> dict[str, tuple[Read, float]]:
        scope = self.scope
        shelf: Shelf | None = self.snapshot("shelf").value
        pace = _CALM if shelf is not None and len(shelf) > _MANY else _PACE
        return {"shelf": (lambda: self.console.services.storage.shelf(scope or None), pace)}

    def left(self) -> None:
        """Very many are given back: they take memory, and are old when the person returns."""
        super().left()
        shelf: Shelf | None = self.snapshot("shelf").value
        if shelf is not None and len(shelf) > _MANY:
            key = self.list.key
            self.console.poller.forget("shelf")
            self._listing = None
            self.list.set_listing(None, "Reading the snapshots…")
            self.list.want(key or "")

    def host_changed(self) -> None:
        super().host_changed()
        self.scope = self.last_scope = self.marked = ""
        self._listing = None
        self.list.set_listing(None, "Reading the snapshots…")

    def show_only(self, dataset: str) -> None:
        """Show the snapshots of that dataset from now on; of all when empty."""
        if dataset == self.scope:
            return
        self.last_scope, self.scope = self.scope or self.last_scope, dataset
        self.marked = ""
        self.console.poller.forget("shelf")
        self._listing = None
        if self.is_mounted:
            self.list.set_listing(None, "Reading the snapshots…")

    @property
    def chosen(self) -> Snapshot | None:
        """The snapshot under the cursor."""
        shelf: Shelf | None = self.snapshot("shelf").value
        place = shelf.find(self.list.key) if shelf is not None and self.list.key else None
        return shelf.snapshot(place) if shelf is not None and place is not None else None

    @property
    def dataset_name(self) -> str:
        """The dataset that acts are about: that of the cursor, else the one that is shown."""
        return (self.list.key or self.scope).partition("@")[0]

    @property
    def marked_snapshot(self) -> Snapshot | None:
        """The snapshot that is marked, if it is still there."""
        shelf: Shelf | None = self.snapshot("shelf").value
        place = shelf.find(self.marked) if shelf is not None and self.marked else None
        return shelf.snapshot(place) if shelf is not None and place is not None else None

    # -- what it shows -----------------------------------------------------------------------------------------

    def show_source(self, name: str) -> None:
        found = self.snapshot(name)
        shelf: Shelf | None = found.value
        about = self.scope or "all datasets"
        if shelf is None:
            self.list.set_listing(None, found.error or "Reading the snapshots…")
        else:
            none = f"{self.scope} has no snapshots. p takes one." if self.scope else "This box has no snapshots."
            if self._listing is None or self._listing.shelf is not shelf or self._listing.marked != self.marked:
                self._listing = rows.SnapshotRows(shelf, time.time(), self.scope, self.marked)
            self.list.set_listing(self._listing, none)
        self.list.set_caption(f"Snapshots of {about}", self.age(name))
        self._show_marked(found.error if shelf is not None else "")

    def _show_marked(self, error: str) -> None:
        text = f" Marked {self.marked}: f compares, D destroys from there to the cursor." if self.marked else ""
        if error:
            text = f" The last reading failed: {error}"
        show(self.marked_line, bool(text))
        self.marked_line.show([[(text, "bad" if error else "accent")]])

    def files_under(self) -> tuple[str, str] | None:
        dataset, at, snapshot = (self.list.key or "").partition("@")
        return (dataset, snapshot) if at else None

    # -- acts --------------------------------------------------------------------------------------------------

    @cached_property
    def acts(self) -> object:
        from .snapshot_acts import SnapshotScreenActs

        return SnapshotScreenActs(self)

    def do_snapshot_mark(self) -> None:
        """Mark the snapshot under the cursor, or take the mark away."""
        key = self.list.key or ""
        self.marked = "" if key == self.marked else key
        self.show_source("shelf")

    def do_snapshot_scope(self) -> None:
        """All snapshots, or only those of the dataset under the cursor."""
        wanted = "" if self.scope else self.dataset_name or self.last_scope
        self.show_only(wanted)
        self.entered()

    def do_back(self) -> None:
        """Take the mark away first."""
        if self.marked and not self.list.query_text:
            self.marked = ""
            self.show_source("shelf")
        else:
            super().do_back()
