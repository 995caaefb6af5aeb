"""The console: wires services, sections, terminal, theme. No business logic."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from .actions import SECTIONS, Action, allowed
from .errors import DPlaneError, MissingError
from .terminal.profile import Profile, detect

# Read by Textual when it is imported: nothing moves, no question is put to the terminal.
os.environ.update({"TEXTUAL_ANIMATIONS": "none", "TEXTUAL_DISABLE_KITTY_KEY": "1", "TEXTUAL_SMOOTH_SCROLL": "0"})
os.environ.setdefault("TEXTUAL_FPS", "10")

from textual.app import App
from textual.message import Message

from . import crash
from .background import Background
from .dress import Dressed, remembered
from .services.bundle import Services, open_services
from .services.poller import Poller
from .services.role import role as read_role
from .terminal.driver import ConsoleDriver, terminal_line
from .theme import NATIVE, Look
from .widgets.job import JobFollower
from .widgets.layout import Pieces

if TYPE_CHECKING:
    from .screens.base import Section


class SourceChanged(Message):
    """A source says something else now. A burst of them for one source is one."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.source = source

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, SourceChanged) and message.source == self.source


class Console(Background, Dressed, App[int], inherit_bindings=False):
    """The console on one host at a time."""

    ENABLE_COMMAND_PALETTE = False
    DEFAULT_MODE = SECTIONS[0]
    CSS = "Screen { color: $foreground; }"

    def __init__(
        self,
        services: Services,
        profile: Profile,
        *,
        read_only: bool = False,
        follow_job: Path | None = None,
        then_host: str | None = None,
        connect: Callable[[str | None], Services] = open_services,
    ) -> None:
        self.profile = profile
        self.native = profile.theme in NATIVE
        self.look: Look = remembered(profile)
        super().__init__(driver_class=ConsoleDriver, ansi_color=self.native)
        self.no_color = False  # the mono theme has none; Textual's filter would make the cursor invisible
        self._filters = [f for f in self._filters if type(f).__name__ not in {"Monochrome", "NoColor"}]
        self.services = services
        self.read_only = read_only
        self.role = ""
        self.section = SECTIONS[0]
        self._crashed = False
        self.toast: tuple[str, str] = ("", "text")
        self.messages: deque[tuple[float, str, str]] = deque(maxlen=200)
        self.poller = Poller(self._source_changed, crash.log)
        self._connect = connect
        self._sections: dict[str, Section] = {}
        self._job = JobFollower(follow_job, then_host) if follow_job else None
        for section in SECTIONS:
            self.add_mode(section, partial(self._section, section))
        self.put_on(self.look)

    # -- start and end -----------------------------------------------------------------------------------------

    async def on_mount(self) -> None:
        self.call_after_refresh(lambda: self.later(self._learn_role()))
        if self._job is not None:
            self.later(self._job.run(self))

    async def on_unmount(self) -> None:
        self.cancel_work()
        await self.poller.close()
        await self.services.close()

    def _section(self, name: str) -> Section:
        if name not in self._sections:
            from .screens import open_section

            self._sections[name] = open_section(name)
        return self._sections[name]

    def go(self, name: str) -> None:
        """Show the section called `name`."""
        if name == self.section or len(self.screen_stack) > 1:
            return
        self._sections[self.section].left()
        self.section = name
        self.switch_mode(name)
        screen = self._section(name)
        if screen.is_mounted:
            self.call_after_refresh(screen.entered)

    async def switch_host(self, name: str | None) -> None:
        """Leave this host and manage `name` (None: this machine): new services, nothing kept of the old."""
        here = self._sections[self.section]
        here.left()
        await self.poller.close()
        old, self.services = self.services, self._connect(name)
        await old.close()
        self.role = ""
        for section in self._sections.values():
            section.host_changed()
        here.entered()
        self.later(self._learn_role())

    async def _learn_role(self) -> None:
        try:
            self.role = await read_role(self.services.host)
        except DPlaneError as error:
            self.say(str(error), "bad")
        self.retell()

    # -- what sections ask -------------------------------------------------------------------------------------

    @property
    def host_name(self) -> str:
        """The host as people call it."""
        return self.services.host.name

    @property
    def current(self) -> Section:
        """The section that is seen."""
        return self._sections[self.section]

    @property
    def role_word(self) -> str:
        """What stands in the title: the role, or RO."""
        return "RO" if self.read_only or not self.role or self.role == "view" else self.role

    @property
    def every(self) -> float:
        """Seconds between polls."""
        return self.profile.every if self.services.host.local else max(10.0, self.profile.every)

    def tabs(self) -> list[tuple[str, str, bool]]:
        """The sections for the title."""
        return [(str(n), name.capitalize(), name == self.section) for n, name in enumerate(SECTIONS, 1)]

    def banner_lines(self, width: int) -> list[Pieces]:
        """What stands above every section, or nothing."""
        return self._job.lines(width) if self._job is not None else []

    def worst_news(self) -> str:
        """One line for a terminal too small for more."""
        pools = self.poller.snapshot("pools")
        if pools.value is None:
            return pools.error or "Pools: not known yet."
        bad = [f"{pool.name} is {pool.state}" for pool in pools.value if pool.state != "ONLINE"]
        return ", ".join(bad) + "." if bad else f"All {len(pools.value)} pools ONLINE, {pools.age(time.time())}."

    def _source_changed(self, name: str) -> None:
        self.post_message(SourceChanged(name))

    def on_source_changed(self, message: SourceChanged) -> None:
        """Let the section that is seen draw it."""
        screen = self._sections[self.section]
        if screen.ready and message.source in self.poller.watched:
            screen.show_source(message.source)
            screen.tell()

    def say(self, text: str, role: str = "text") -> None:
        """Put `text` into the message line and the list of messages; empty clears the line."""
        self.toast = (text, role)
        if text:
            self.messages.append((time.time(), text, role))
        self.retell()

    def retell(self) -> None:
        """Draw the lines around the section again."""
        screen = self._sections.get(self.section)
        if screen is not None:
            screen.tell()

    # -- acting ------------------------------------------------------------------------------------------------

    def perform(self, action: Action, screen: Section) -> None:
        """Do `action`, unless the role is too low or the console is read-only."""
        if action.mutating and self.read_only:
            self.say(f"“{action.label}” changes things, and this console was opened read-only.", "warn")
        elif not allowed(action, self.role):
            self.say(f"“{action.label}” needs the role {action.role}; this account has {self.role or 'none'}.", "warn")
        elif action.id.startswith("section-"):
            self.go(action.id.removeprefix("section-"))
        else:
            name = "do_" + action.id.replace("-", "_")
            todo = getattr(screen, name, None) or getattr(screen.acts, name, None) or getattr(self, name)
            result = todo()
            if asyncio.iscoroutine(result):
                self.act(result)

    def do_refresh(self) -> None:
        """Read everything again now."""
        self.poller.refresh()

    def do_quit(self) -> None:
        """Close the console."""
        self.exit(0)

    async def do_help(self) -> None:
        """Every key that works here."""
        from .screens.help import show_help

        await show_help(self)

    async def do_palette(self) -> None:
        """Find an action by its name."""
        from .screens.help import show_palette

        await show_palette(self)

    async def do_policies(self) -> str | None:
        """Snapshot policies."""
        from .screens.policies import show_policies

        return await show_policies(self)

    async def do_messages(self) -> None:
        """What was said before."""
        from .screens.help import show_messages

        await show_messages(self)

    # -- what must not reach a screen --------------------------------------------------------------------------

    def _set_pointer_shape(self, shape: str) -> None:
        """No mouse, no pointer."""

    def _handle_exception(self, error: Exception) -> None:
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
        self._fatal_error()

    def _fatal_error(self) -> None:
        self._return_code = 1
        if self._exception is not None:
            crash.log(self._exception)
        self._crashed = True
        self._close_messages_no_wait()

    def _print_error_renderables(self) -> None:
        if self._crashed:
            crash.tell()


def open_console(
    host: str | None = None,
    *,
    follow_job: Path | None = None,
    then_host: str | None = None,
    read_only: bool = False,
    kind: str = "",
) -> int:
    """Open the console on this terminal and return its exit code. `kind` says what the terminal is, if it is no guess.

    With `follow_job` (a progress file) it opens on this machine, shows that job, and when it has succeeded moves to
    `then_host` by itself. Raises MissingError for a terminal that cannot show it.
    """
    profile = detect(os.environ, terminal_line(), kind)
    if profile.kind == "dumb" or not (sys.stdin.isatty() and sys.stderr.isatty()):
        term = os.environ.get("TERM") or "not set"
        raise MissingError(
            f"The console needs a terminal that can move its cursor; here TERM is {term}"
            f"{'' if sys.stdin.isatty() else ' and the input is not a terminal'}.",
            "Use commands instead: `dplane health`, `dplane pool list`, `dplane --help`.",
        )
    app = Console(open_services(host), profile, read_only=read_only, follow_job=follow_job, then_host=then_host)
    code = app.run(mouse=False)
    return code if code is not None else app.return_code or 0
