"""What the Start screen shows of what was read, and where its rows lead."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from textual.widget import Widget

from ..place import Place
from ..services.health.model import News
from ..services.jobs.model import Progress
from ..services.zfs.model import Pool
from ..widgets.bars import Lines, show
from ..widgets.job import job_lines
from ..widgets.layout import Pieces, at_most, paragraphs
from . import start_words as words
from .judged import SOURCES, judged
from .start import JOBS_PACE

if TYPE_CHECKING:
    from .start import StartScreen

_JOBS_SHOWN = 2
_FAST = 0.4
"""Pace of the progress while something is at work, as a multiple of the console's."""


class StartView:
    """Draws into the widgets of the screen."""

    def __init__(self, screen: StartScreen) -> None:
        self._screen = screen
        self._found: tuple[News, ...] = ()
        self._at_work: frozenset[str] = frozenset()

    def show(self, name: str) -> None:
        """Draw everything as it is now that the source `name` said something."""
        if name == "jobs":
            self._follow_jobs()
        self._found = judged(self._screen.snapshot, time.time())
        self._show_said()
        self._show_needs()
        self.show_whole()
        self.show_boxes()
        self._show_running()
        self._show_below()

    def again(self) -> None:
        """Draw it for another size."""
        if self._screen.ready and self._found:
            self.show("pools")

    def forget(self) -> None:
        """Another host: nothing that was said is true of it."""
        self._found, self._at_work = (), frozenset()
        if self._screen.ready:
            screen = self._screen
            screen.needs.set_rows((), "Reading…")
            screen.said.show([[(f" {screen.console.host_name}: reading…", "dim")]])
            for lines in (screen.whole, screen.running, screen.below):
                lines.show([])

    def _value(self, name: str) -> Any:
        return self._screen.snapshot(name).value

    @property
    def _jobs(self) -> tuple[Progress, ...]:
        found: tuple[Progress, ...] = self._value("jobs") or ()
        return found

    @property
    def _room(self) -> int:
        return self._screen.query_one("#body").size.height or 18

    @property
    def _width(self) -> int:
        return max(20, self._screen.size.width - 2)

    def _follow_jobs(self) -> None:
        """A run that began or ended says more about the copies than the clock does."""
        console, at_work = self._screen.console, frozenset(job.id for job in self._jobs if job.active)
        console.poller.pace("jobs", console.every * (_FAST if at_work else JOBS_PACE))
        if at_work != self._at_work:
            self._at_work = at_work
            console.poller.refresh("tasks")

    def _show_said(self) -> None:
        """The verdict, and how the copies are."""
        found = [self._screen.snapshot(name) for name in SOURCES]
        reading = any(one.taken_at is None and not one.error for one in found)
        said = [words.verdict_line(self._screen.console.host_name, self._found, reading)]
        statuses, now = self._value("tasks") or (), time.time()
        if statuses:
            from .replication_answer import happening, verdict

            text, role = verdict(statuses, now)
            said.append((f"Copies: {text} {happening(statuses, {job.id: job for job in self._jobs}, now)}", role))
        self._screen.said.show([line for text, role in said for line in self._some(self._indented(text, role), 3)])

    def _indented(self, text: str, role: str, by: int = 1) -> list[Pieces]:
        return [[(" " * by, "text"), *line] for line in paragraphs(text, self._width - by, role)] if text else []

    def _show_needs(self) -> None:
        table = self._screen.needs
        on_top = not table.rows or table.key == table.rows[0].key
        table.set_rows(words.need_rows(words.needing(self._found)), "Nothing needs you.")
        if on_top and table.rows:  # whoever has not moved looks at the worst
            table.select(table.rows[0].key)
        height = max(3, min(table.lines, self._room // 2))
        if table.styles.height is None or str(table.styles.height.value) != str(height):
            table.styles.height = height

    @property
    def _chosen(self) -> News | None:
        """What is under the cursor."""
        found = words.keyed(words.needing(self._found))
        return next((one for key, one in found if key == self._screen.needs.key), None)

    def moved(self) -> None:
        """Another row has the cursor: its sentence may take more lines, or less, from what is below."""
        self.show_whole()
        self._show_below()

    def show_whole(self) -> None:
        """The whole sentence of what is under the cursor, when its row cannot hold it."""
        one = self._chosen
        lines = self._indented(one.text, "text", 3) if one is not None and len(one.text) > self._width - 30 else []
        self._fill(self._screen.whole, self._some(lines, 4))

    def _some(self, lines: list[Pieces], most: int) -> list[Pieces]:
        return at_most(lines, most, self._width)

    @staticmethod
    def _fill(widget: Lines, lines: list[Pieces]) -> None:
        show(widget, bool(lines))
        widget.show(lines)

    def show_boxes(self) -> None:
        """Every box by its worst news, when there are several."""
        console = self._screen.console
        if console.fleet is None:
            return
        from .boxes import box_rows

        table = self._screen.boxes
        table.set_rows(box_rows(console.fleet, console.host, self._found, time.time()))
        height = max(3, min(table.lines, self._room // 3))
        if table.styles.height is None or str(table.styles.height.value) != str(height):
            table.styles.height = height

    def _show_running(self) -> None:
        jobs = [job for job in self._jobs if job.active]
        width, now = self._screen.size.width, time.time()
        lines = [line for job in jobs[:_JOBS_SHOWN] for line in job_lines(job, width, now)]
        if jobs:
            more = f"{len(jobs)} at work; " if len(jobs) > 1 else ""
            lines.append([(f" {more}J lists all, and what they came to", "dim")])
        self._fill(self._screen.running, lines)

    def _show_below(self) -> None:
        """What is well, and how full the pools are, in the lines that are left."""
        screen = self._screen
        pools: tuple[Pool, ...] = self._value("pools") or ()
        above: list[Widget] = [screen.said, screen.needs, screen.whole, screen.running]
        if screen.console.fleet is not None:
            above.append(screen.boxes)
        taken = sum(_height(one) for one in above if one.display)
        below = self._some(self._indented(words.well_line(self._found), "good"), max(1, self._room - taken))
        space = words.space_lines(pools, max(0, self._room - taken - len(below) - 1))
        screen.below.show([*below, [], *space] if space else below)

    def worst_news(self) -> str:
        """What needs a person, for a terminal too small for the screen; empty when nothing is known to."""
        return " ".join(one.text for one in self._found if one.level in {"bad", "warn"})

    def pool_chosen(self) -> Pool | None:
        """The pool that the row under the cursor is about."""
        one = self._chosen
        pools: tuple[Pool, ...] = self._value("pools") or ()
        about = one.about if one is not None and one.where == "pools" else ""
        return next((pool for pool in pools if pool.guid == about), None)

    def leads_to(self) -> Place | None:
        """Where the row under the cursor leads."""
        one = self._chosen
        return words.leads_to(one) if one is not None else None


def _height(widget: Widget) -> int:
    """The lines it was given, also before it is drawn anew."""
    given = widget.styles.height
    return int(given.value) if given is not None and given.is_cells else widget.size.height
