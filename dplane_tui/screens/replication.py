"""Replication: tasks, peers, jobs; the runs of a task with their evidence."""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import cached_property
from typing import ClassVar

from textual.widget import Widget

from ..actions import FOR_EVERYBODY, Action, allowed, within
from ..services.jobs.model import Progress
from ..services.poller import Read
from ..services.replication.anew import marked
from ..services.replication.coverage import coverage, held
from ..services.replication.model import Peer, Run, TaskStatus
from ..widgets.bars import Lines, show
from ..widgets.layout import Column
from ..widgets.table import Table
from . import replication_answer as words
from . import replication_rows as rows
from .base import Section

TABS = ("tasks", "peers", "jobs")
_COLUMNS: dict[str, tuple[Column, ...]] = {"tasks": rows.TASKS, "peers": rows.PEERS, "jobs": rows.JOBS}
_EMPTY = {
    "tasks": "Nothing is copied anywhere yet.\n\na  protect a dataset: copy it to another box or pool, and keep it so\n"
    "n  pair with another NAS",
    "peers": "No peer yet.\n\nn  pair with another NAS: its address, its fingerprint, its password once\n"
    "i  pair by pasted lines, without a password\nA  which boxes may come in here",
    "jobs": "No job is recorded.",
}
_SOURCES = ("tasks", "jobs", "peers", "runs", "all-datasets")
_FAST = 0.2
"""Pace of the job's progress while a run is at work, as a multiple of the console's."""
_RUNS = 6
"""Lines that are kept for the runs of a task: caption, header and the newest four. The tasks get the rest."""


class ReplicationScreen(Section):
    """The answer in words, the list, below it the runs of the task under the cursor; Enter shows that task alone."""

    section: ClassVar[str] = "replication"
    tabs: ClassVar[tuple[str, ...]] = TABS
    source: ClassVar[str] = "tasks"
    DEFAULT_CSS = """
    ReplicationScreen #list { height: auto; }
    ReplicationScreen #progress, ReplicationScreen #detail, ReplicationScreen #answer { display: none; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.tab = TABS[0]
        self.opened = ""
        """The task that is shown alone, in detail; empty: the list is shown."""
        self._gap: tuple[object, object, str] = (None, None, "")
        """What the line about datasets without a task was worked out from, and the line."""
        self._marked: tuple[object, object, tuple[TaskStatus, ...]] = (None, None, ())
        """What the tasks with their datasets that were made anew were worked out from, and those tasks."""
        self._said = 0
        """Lines of the answer."""
        self._runs_of = ""
        self._at_work: frozenset[str] = frozenset()

    def body(self) -> Iterable[Widget]:
        self.answer = Lines(id="answer")
        self.list = Table(rows.TASKS, id="list")
        self.detail = Lines(id="detail")
        self.progress = Lines(id="progress")
        self.runs = Table(rows.RUNS, id="runs")
        self.list.message = "Reading…"
        return (self.answer, self.list, self.detail, self.progress, self.runs)

    # -- what it reads -----------------------------------------------------------------------------------------

    def sources(self) -> dict[str, tuple[Read, float]]:
        services = self.console.services
        wanted: dict[str, tuple[Read, float]] = {
            "tasks": (services.replication.tasks, 1.0),
            "jobs": (services.jobs.list, 1.0),
        }
        if self.tab == "peers":
            wanted["peers"] = (services.replication.peers, 2.0)
        if self.tab == "tasks":
            wanted["all-datasets"] = (services.zfs.datasets, 12.0)
        if self._runs_of:
            name = self._runs_of
            wanted["runs"] = (lambda: services.replication.runs(name), 1.0)
        return wanted

    def left(self) -> None:
        for name in _SOURCES:
            self.console.poller.unwatch(name)

    def host_changed(self) -> None:
        for name in _SOURCES:
            self.console.poller.forget(name)
        self._runs_of = self.opened = ""
        self.list.set_rows((), "Reading…")
        self.runs.set_rows(())

    def _statuses(self) -> tuple[TaskStatus, ...]:
        found: tuple[TaskStatus, ...] = self.snapshot("tasks").value or ()
        seen = self.snapshot("all-datasets")
        if not found or seen.value is None:
            return found
        if self._marked[0] is not found or self._marked[1] is not seen.value:
            guids = {one.name: one.guid for one in seen.value}
            self._marked = (found, seen.value, marked(found, guids, seen.taken_at))
        return self._marked[2]

    @property
    def status(self) -> TaskStatus | None:
        """The task under the cursor."""
        if self.tab != "tasks":
            return None
        return next((one for one in self._statuses() if one.task.name == self.list.key), None)

    @property
    def peer(self) -> Peer | None:
        """The peer under the cursor."""
        peers: tuple[Peer, ...] = self.snapshot("peers").value or ()
        return next((one for one in peers if one.name == self.list.key), None) if self.tab == "peers" else None

    @property
    def at_work(self) -> Run | None:
        """A run at work of the task under the cursor that moves nothing: a verification."""
        runs: tuple[Run, ...] = self.snapshot("runs").value or ()
        name = self.status.task.name if self.status else ""
        found = (run for run in runs if run.task == name and run.kind == "verify" and run.state in words.ACTIVE)
        return next(found, None)

    @property
    def _jobs(self) -> dict[str, Progress]:
        return {job.id: job for job in self.snapshot("jobs").value or ()}

    # -- what it shows -----------------------------------------------------------------------------------------

    def show_source(self, name: str) -> None:
        if name == "jobs":
            self._keep_pace()
        self._show_list()
        self._show_below()

    def _keep_pace(self) -> None:
        """Progress is one small file and read often while a run is at work; the rest only when a job began or ended."""
        at_work = frozenset(job.id for job in self._jobs.values() if job.active)
        self.console.poller.pace("jobs", self.console.every * (_FAST if at_work else 1.0))
        if at_work != self._at_work:
            self._at_work = at_work
            self.console.poller.refresh()

    def _show_list(self) -> None:
        found = self.snapshot(self.tab)
        tabs = " ".join(f"[{tab}]" if tab == self.tab else tab for tab in TABS)
        self.list.set_caption(tabs, self.age(self.tab))
        message = found.error or ("Reading…" if found.value is None else _EMPTY[self.tab])
        if self.tab == "tasks":
            shown = rows.task_rows(self._statuses(), self._jobs, time.time())
        elif self.tab == "peers":
            shown = rows.peer_rows(found.value or ())
        else:
            shown = rows.job_rows(sorted(found.value or (), key=lambda job: -(job.updated or 0)))
        self.list.set_rows(shown, message)
        if self.opened and (self.status is None or self.status.task.name != self.opened):
            self.opened = ""  # it is gone: what has the cursor now is another one
            show(self.list, True)
            self.list.focus()
        show(self.list, not self.opened)
        self._show_answer()
        below = self.tab == "tasks" and bool(self.list.rows)
        show(self.runs, below)
        room = max(3, self._room * 2 // 5, self._room - self._said - _RUNS)
        height = min(self.list.lines, room) if below else "1fr"
        if self.list.styles.height is None or str(self.list.styles.height.value) != str(height):
            self.list.styles.height = height

    @property
    def _room(self) -> int:
        """Lines between title and message line."""
        return self.query_one("#body").size.height or 18

    def _show_answer(self) -> None:
        """Is it all there, how old is it, what goes on: in words, above the list."""
        found, datasets = self.snapshot("tasks"), self.snapshot("all-datasets")
        lines = []
        if self.tab == "tasks" and not self.opened and found.value is not None:
            statuses, now = self._statuses(), time.time()
            said = [words.verdict(statuses, now), (words.happening(statuses, self._jobs, now), "text")]
            if found.error:
                said.insert(0, (f"The last reading failed, so this is old: {found.error}", "bad"))
            if self._gap[0] is not found.value or self._gap[1] is not datasets.value:
                lacking = coverage(held(datasets.value or ()), [status.task for status in statuses])
                self._gap = (found.value, datasets.value, lacking.words())
            said.append((self._gap[2], "warn"))
            if datasets.error and datasets.value is None:
                said.append((f"Which datasets have no task is unknown: {datasets.error}", "unknown"))
            lines = words.answer_lines(said, self.size.width, max(3, self._room // 3))
        self._said = len(lines)
        show(self.answer, bool(lines))
        self.answer.show(lines)

    def worst_news(self) -> str:
        text, _ = words.verdict(self._statuses(), time.time())
        return f"{text} {super().worst_news()}".strip()

    def _show_below(self) -> None:
        status = self.status
        name = status.task.name if status else ""
        if name != self._runs_of:
            self._runs_of = name
            self.console.poller.forget("runs")
            if name:
                read, pace = self.sources()["runs"]
                self.console.poller.watch("runs", read, self.console.every * pace)
        at_work = (words.at_work(status) if status is not None else None) or self.at_work
        show(self.progress, at_work is not None)
        if at_work is not None:
            lines = rows.progress_lines(self._jobs.get(at_work.id), self.size.width)
            problem = self.snapshot("jobs").error
            self.progress.show([[(f" How far it is, is unknown: {problem}", "unknown")]] if problem else lines)
        found = self.snapshot("runs")
        runs: tuple[Run, ...] = tuple(run for run in found.value or () if run.task == name)
        message = found.error or ("Reading…" if found.value is None else f"{name} has not run yet. u runs it now.")
        self.runs.set_caption(f"runs of {name}", "")
        self.runs.set_rows(rows.run_rows(runs, time.time()), message)
        self._show_detail(status, runs)

    def _show_detail(self, status: TaskStatus | None, runs: tuple[Run, ...]) -> None:
        """The task alone: its options, its last failure and what helps, its history."""
        show(self.detail, bool(self.opened) and status is not None)
        if not self.opened or status is None:
            return
        from .replication_detail import detail_lines

        room = max(4, self._room - 5 - (2 if self.progress.display else 0))
        head = [[(f" task {status.task.name}", "caption"), (f"  {self.age('tasks')}", "dim"), ("  Esc back", "dim")]]
        lines = detail_lines(status, runs, self.helpful, time.time(), self.size.width, room - 1)
        self.detail.show([*head, *lines])

    @property
    def about(self) -> str:
        """The task also where the cursor is among its runs: that is what keys act on, and a run has no name to read."""
        return self._runs_of if self.table is self.runs else super().about

    @property
    def helpful(self) -> list[Action]:
        """The actions of the tab that this person may do now."""
        readonly = self.console.read_only
        groups = ("replication", f"replication.{self.tab}")
        return [act for act in within(groups) if allowed(act, self.console.role) and not (act.mutating and readonly)]

    def on_table_moved(self, message: Table.Moved) -> None:
        """Another task. What was said of the one before would read as said of this one."""
        if message.table is self.list:
            self._show_below()
            if message.by_hand and self.console.toast[0]:
                self.console.say("")

    @cached_property
    def acts(self) -> object:
        from .replication_acts import ReplicationActs

        return ReplicationActs(self)

    # -- moving about ------------------------------------------------------------------------------------------

    def groups(self) -> tuple[str, ...]:
        return ("global", "list", "replication", f"replication.{self.tab}")

    def show_tab(self, tab: str) -> None:
        """Show tasks, peers or jobs."""
        self.tab, self.opened = tab, ""
        self.list.set_columns(_COLUMNS[tab])
        show(self.list, True)
        self.list.focus()
        wanted = self.sources()
        for name in ("peers", "all-datasets"):
            if name in wanted:
                read, pace = wanted[name]
                self.console.poller.watch(name, read, self.console.every * pace)
            else:
                self.console.poller.unwatch(name)
        self._show_list()
        self._show_below()
        self.tell()

    def do_tab_next(self) -> None:
        """The tab to the right."""
        self.console.say("")
        self.show_tab(TABS[(TABS.index(self.tab) + 1) % len(TABS)])

    def do_tab_previous(self) -> None:
        """The tab to the left."""
        self.console.say("")
        self.show_tab(TABS[TABS.index(self.tab) - 1])

    def do_back(self) -> None:
        """From a task to the list, else as everywhere."""
        if self.opened and not (self.table is not None and self.table.query_text):
            self.open_task(False)
        else:
            super().do_back()

    def open_task(self, on: bool) -> None:
        """Show the task under the cursor alone, or the list again."""
        self.opened = self.status.task.name if on and self.status is not None else ""
        self._show_list()
        self._show_below()
        (self.runs if self.opened else self.list).focus()
        self.tell()

    async def do_evidence(self) -> None:
        """From the list to a task; from a run to its evidence; from a peer or job to all of it."""
        from ..widgets.dialogs import Reader, ask

        if self.focused is self.runs:
            await self._read_run()
        elif self.tab == "tasks":
            self.open_task(True)
        elif self.peer is not None:
            await self._read_peer(self.peer)
        elif self.list.rows:
            row = next(one for one in self.list.rows if one.key == self.list.key)
            titles = [column.title for column in _COLUMNS[self.tab]]
            lines = [
                [(f"{title:<15}", "dim"), (cell.text, cell.style)]
                for title, cell in zip(titles, row.cells, strict=True)
            ]
            await ask(self.console, Reader(row.key, lines))

    async def _read_peer(self, peer: Peer) -> None:
        """All that is known of a peer. A key named there works there."""
        from ..widgets.dialogs import Reader, ask
        from .replication_peers import peer_lines

        wanted = ("peer-test", "host-key", "key-rotate", "peer-remove")
        offered = [act for act in self.helpful if act.id in wanted]
        acts = {key: act for act in offered for key in act.keys}
        lines = peer_lines(peer, offered, time.time())
        chosen = await ask(self.console, Reader(f"Peer {peer.name}", lines, tuple(acts)))
        if chosen is not None:
            self.console.perform(acts[chosen], self)

    async def _read_run(self) -> None:
        """The run under the cursor: why it failed and what helps, its evidence. A key named there works there."""
        from ..widgets.dialogs import Reader, ask
        from .replication_detail import run_lines
        from .replication_failures import kind_of

        runs: tuple[Run, ...] = self.snapshot("runs").value or ()
        run = next((one for one in runs if one.id == self.runs.key), None)
        if run is None:
            return
        kind = kind_of(run)
        acts = {key: act for act in self.helpful if kind and act.id in kind.acts for key in act.keys}
        files = FOR_EVERYBODY.isdisjoint(self.all_groups())  # a passer-by reads no names of files
        lines = run_lines(run, list(acts.values()), time.time(), self.size.width - 4, files=files)
        chosen = await ask(self.console, Reader(f"Run of {run.task}", lines, tuple(acts)))
        if chosen is not None:
            self.console.perform(acts[chosen], self)
