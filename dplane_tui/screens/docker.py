"""Docker: containers, start and stop with proof, a log that follows. While it is seen a child holds the library."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from typing import ClassVar

from textual.widget import Widget

from ..errors import DPlaneError, RefusedError
from ..services.docker.model import Container, Engine
from ..services.docker.sentences import outcome
from ..services.poller import Read
from ..widgets.bars import FilterLine, Hints, Lines
from ..widgets.dialogs import Confirm, ask
from ..widgets.layout import paragraphs
from ..widgets.logview import LogView
from ..widgets.table import Table
from . import docker_rows as rows
from .base import Section

TAIL = 500
"""Old lines a log begins with."""
_GATHER = 0.2  # seconds lines are gathered before they are drawn
_BURST = 1000  # lines gathered at most: the rest waits in the engine
_QUESTIONS = {
    "stop": ("Stop", "Whatever uses it loses it until it is started again. It gets time to end by itself first."),
    "restart": ("Restart", "Whatever uses it loses it for a moment. It gets time to end by itself first."),
}


class DockerScreen(Section):
    """The list of containers above; below what has no room there, or the log of one."""

    section: ClassVar[str] = "docker"
    source: ClassVar[str] = "docker"
    DEFAULT_CSS = "DockerScreen #particulars { height: 3; } DockerScreen #log { display: none; }"

    def __init__(self) -> None:
        super().__init__()
        self._following: asyncio.Task[None] | None = None
        self._acting = 0
        self._finding = False

    def body(self) -> Iterable[Widget]:
        self.list = Table(rows.CONTAINERS, caption="Containers", id="containers")
        self.list.message = "Asking Docker…"
        self.advice = Lines(id="advice")
        self.advice.display = False
        self.particulars = Lines(id="particulars")
        self.log_view = LogView(id="log")
        return (self.list, self.advice, self.particulars, self.log_view)

    # -- while it is seen --------------------------------------------------------------------------------------

    def sources(self) -> dict[str, tuple[Read, float]]:
        return {"docker": (self.console.services.docker.engine, 1.0)}

    def left(self) -> None:
        super().left()
        self.close_log()
        if not self._acting:
            self._let_go()

    def host_changed(self) -> None:
        super().host_changed()
        self.close_log()
        self.list.set_rows((), "Asking Docker…")
        self.particulars.show([])

    def _let_go(self) -> None:
        """End the child that holds the Docker library: 25 MB that nobody looks at."""

        async def close() -> None:
            await self.console.services.docker.close()

        self.console.act(close())

    @property
    def container(self) -> Container | None:
        """The container under the cursor."""
        engine: Engine | None = self.snapshot("docker").value
        return next((one for one in engine.containers if one.id == self.list.key), None) if engine else None

    # -- what it shows -----------------------------------------------------------------------------------------

    def show_source(self, name: str) -> None:
        if name != "docker":
            return
        found = self.snapshot("docker")
        engine: Engine | None = found.value
        if engine is None:
            self.list.set_rows((), found.error or "Asking Docker…")
            self.list.set_caption("Containers", "")
        else:
            self.list.set_rows(rows.container_rows(engine.containers), f"Docker {engine.version} has no containers.")
            self.list.set_caption(f"Containers of Docker {engine.version}", self.age("docker"))
        stale = found.error if engine is not None else ""
        self.advice.display = bool(stale)
        self.advice.show(paragraphs(f"The last reading failed: {stale}", max(20, self.size.width - 2), "bad"))
        self._show_particulars()

    def _show_particulars(self) -> None:
        container = self.container
        self.particulars.display = container is not None and not self.log_view.display
        if container is not None:
            self.particulars.show(rows.particulars(container))

    def on_table_moved(self, message: Table.Moved) -> None:
        """The cursor stands on another container."""
        message.stop()
        self._show_particulars()

    # -- the log -----------------------------------------------------------------------------------------------

    async def do_container_logs(self) -> None:
        """Follow the log of the container under the cursor, until it ends or is closed."""
        container = self._chosen()
        self.close_log()
        self.log_view.clear(f"Log of {container.name}")
        self.log_view.display = True
        self._share_height()
        self._show_particulars()
        self.log_view.focus()
        self._following = asyncio.current_task()
        await self._follow(container)

    async def _follow(self, container: Container) -> None:
        """Hand lines to the log, many at a time: neither a chatty container nor a silent one keeps the console busy."""
        lines: asyncio.Queue[str] = asyncio.Queue(_BURST)
        news = asyncio.Event()
        reader = asyncio.create_task(self._read(container, lines, news))
        reader.add_done_callback(lambda _: news.set())
        try:
            while not (reader.done() and lines.empty()):
                await news.wait()
                await asyncio.sleep(_GATHER)
                news.clear()
                self.log_view.add([lines.get_nowait() for _ in range(lines.qsize())])
                if reader.done():
                    news.set()
            self.log_view.tell(reader.result())
        finally:
            reader.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await reader

    async def _read(self, container: Container, lines: asyncio.Queue[str], news: asyncio.Event) -> str:
        """Read into `lines`; returns how the log ended."""
        try:
            async with contextlib.aclosing(self.console.services.docker.logs(container.id, TAIL)) as log:
                async for line in log:
                    await lines.put(line)
                    news.set()
        except DPlaneError as error:
            return str(error)
        return "ended"

    def close_log(self) -> None:
        """Stop following, show the particulars again."""
        task, self._following = self._following, None
        if task is not None and task is not asyncio.current_task():
            task.cancel()
        if self.is_mounted and self.log_view.display:
            self.log_view.display = False
            self.list.styles.height = "1fr"
            self.list.focus()
            self._show_particulars()

    def _share_height(self) -> None:
        room = self.query_one("#body").size.height or 18
        self.list.styles.height = max(4, min(self.list.lines, room // 3))

    async def do_log_follow(self) -> None:
        """Follow the log, or hold it still; open one where there is none."""
        if self.log_view.display:
            self.log_view.follow(not self.log_view.following)
        else:
            await self.do_container_logs()

    def do_filter(self) -> None:
        """In the log: find a word. In the list: filter it."""
        if self.focused is not self.log_view:
            super().do_filter()
            return
        line = self.query_one(FilterLine)
        line.count = lambda: "find; then n older, N newer"
        self.query_one(Hints).display = False
        line.open(self.log_view.word)
        self._finding = True

    def on_filter_line_changed(self, message: FilterLine.Changed) -> None:
        """Find when the word is complete; the list filters while it is typed."""
        if not self._finding:
            return
        message.prevent_default()  # else the base class filters as well
        line = self.query_one(FilterLine)
        line.tell()
        if message.done:
            self._finding = False
            line.display = False
            self.query_one(Hints).display = True
            self.log_view.focus()
            if not self.log_view.find(message.text):
                self.console.say(f"No line of this log has “{message.text}”.", "warn")

    def do_next_pane(self) -> None:
        """Between list and log."""
        if self.log_view.display:
            (self.list if self.focused is self.log_view else self.log_view).focus()

    def do_back(self) -> None:
        """Close the log, else as everywhere."""
        if self.log_view.display and not (self.table is not None and self.table.query_text):
            self.close_log()
        else:
            super().do_back()

    # -- acting ------------------------------------------------------------------------------------------------

    def _chosen(self) -> Container:
        container = self.container
        if container is None:
            raise RefusedError("There is no container under the cursor.")
        return container

    async def do_container_start(self) -> str | None:
        """Start."""
        return await self._act("start")

    async def do_container_stop(self) -> str | None:
        """Stop, after asking."""
        return await self._act("stop")

    async def do_container_restart(self) -> str | None:
        """Restart, after asking."""
        return await self._act("restart")

    async def _act(self, action: str) -> str | None:
        container = self._chosen()
        if action in _QUESTIONS:
            yes, text = _QUESTIONS[action]
            if not await ask(self.console, Confirm(f"{yes} {container.name}?", text, yes)):
                return None
        docker = self.console.services.docker
        self.console.say(f"{container.name}: {action}…", "dim")
        self._acting += 1
        try:
            return outcome(action, await docker.act(container.id, action))
        finally:
            self._acting -= 1
            if not self._acting and self.console.section != self.section:
                self._let_go()
