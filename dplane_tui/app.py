"""The console: wires services, sections, terminal, theme. No business logic."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from .actions import SECTIONS, WITHOUT_TAB, Action, allowed
from .errors import DPlaneError, MissingError
from .terminal.profile import Profile, detect

# Read by Textual when it is imported: nothing moves, no question is put to the terminal.
os.environ.update({"TEXTUAL_ANIMATIONS": "none", "TEXTUAL_DISABLE_KITTY_KEY": "1", "TEXTUAL_SMOOTH_SCROLL": "0"})
os.environ.setdefault("TEXTUAL_FPS", "10")

from textual.app import App
from textual.message import Message

from . import crash, keys
from . import line as lines
from .background import Background
from .dress import Dressed, remembered
from .ending import Ending
from .last_words import LastWords
from .line import Line
from .locking import Locking, account, chosen
from .place import Place
from .services.bundle import Services, open_services
from .services.poller import Poller
from .services.role import role as read_role
from .session import SessionLog
from .several import SeveralBoxes, boxes_for
from .terminal.acts import TerminalActs
from .terminal.driver import ConsoleDriver
from .terminal.line import line_speed, terminal_line
from .theme import NATIVE, Look
from .travel import Travelling
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


class Console(
    Background,
    Dressed,
    Travelling,
    SeveralBoxes,
    Locking,
    TerminalActs,
    Ending,
    LastWords,
    App[int],
    inherit_bindings=False,
):
    """The console on one host at a time."""

    ENABLE_COMMAND_PALETTE = False
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
        host: str | None = None,
        boxes: Sequence[str | None] = (),
        section: str = SECTIONS[0],
        line: Line | None = None,
    ) -> None:
        self.section = section
        self.DEFAULT_MODE = section  # type: ignore[misc]  # Textual reads it only here below, in its own start
        self.profile = profile
        self.native = profile.theme in NATIVE
        self.look: Look = remembered(profile)
        super().__init__(driver_class=ConsoleDriver, ansi_color=self.native)
        self.no_color = False  # the mono theme has none; Textual's filter would make the cursor invisible
        self._filters = [f for f in self._filters if type(f).__name__ not in {"Monochrome", "NoColor"}]
        self.services = services
        self.line = line or Line()
        self.lock_after = self.line.lock_after
        self.read_only = read_only or self.line.shows_only
        self.role = ""
        self.toast: tuple[str, str] = ("", "text")
        self.toast_stays = False
        self.log_book = SessionLog()
        self.poller = Poller(self._source_changed, crash.log)
        self._connect = connect
        self.host = host
        self.gather_fleet(boxes, connect, lambda: self._source_changed("fleet"))
        self._sections: dict[str, Section] = {}
        self._job = JobFollower(follow_job, then_host) if follow_job else None
        for section in (*SECTIONS, *WITHOUT_TAB):
            self.add_mode(section, partial(self.section_screen, section))
        self.put_on(self.look)
        self.remapped, self._told = keys.take_over()

    # -- start and end -----------------------------------------------------------------------------------------

    async def on_mount(self) -> None:
        self.call_after_refresh(self._painted)
        if self._job is not None:
            self.later(self._job.run(self))
        if self._told:
            self.call_after_refresh(lambda: self.say(" ".join(self._told), "warn", stays=True))

    def _painted(self) -> None:
        """The first frame is there: only now is there time for anything else."""
        lines.tell_ready()
        self.watch_for_idle()
        self.later(self._settle())
        if self.lock_after and not self.line.part:
            self.later(self._learn_lock())

    async def _learn_lock(self) -> None:
        await self.can_be_unlocked()

    async def on_unmount(self) -> None:
        self.forget_idle()
        self.cancel_work()
        if self.fleet is not None:
            await self.fleet.close()
        await self.poller.close()
        await self.services.close()

    async def _settle(self) -> None:
        """What the first frame did not wait for."""
        self.recall()
        if self.fleet is not None:
            self.fleet.start(self.host)
        await self.learn_role()

    async def learn_role(self) -> None:
        """Ask the host what this account may do there."""
        try:
            self.role = await read_role(self.services.host)
        except DPlaneError as error:
            self.say(str(error), "bad", stays=True)
        if self.line.part == lines.SESSION and self.role:
            self.say(f"Signed in as {account()}, role {self.role}. q signs out.", stays=True)
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
        return [(str(n), name.capitalize(), name == self.section) for n, name in enumerate(SECTIONS)]

    def banner_lines(self, width: int) -> list[Pieces]:
        """What stands above every section, or nothing."""
        lines = self._job.lines(width) if self._job is not None else []
        return [*lines, *self.fleet_lines()]

    def worst_news(self) -> str:
        """One line for a terminal too small for more."""
        pools = self.poller.snapshot("pools")
        if pools.value is None:
            return pools.error or "Pools: not known yet."
        bad = [f"{pool.name} is {pool.state}" for pool in pools.value if pool.state != "ONLINE"]
        if bad:
            return ", ".join(bad) + "."
        well = f"All {len(pools.value)} pools ONLINE" if pools.value else "There are no pools"
        return f"{well}, {pools.age(time.time())}."

    def _source_changed(self, name: str) -> None:
        self.post_message(SourceChanged(name))

    def on_source_changed(self, message: SourceChanged) -> None:
        """Let the section that is seen draw it."""
        screen = self._sections[self.section]
        self.box_answered(message.source)
        if screen.ready and message.source in self.poller.watched:
            screen.draw_source(message.source)
        elif screen.ready and message.source == "fleet":
            screen.fleet_changed()

    def say(self, text: str, role: str = "text", *, stays: bool = False) -> None:
        """Put `text` into the message line and the log of the session; empty clears the line.

        It goes when another section is opened, unless it is of the whole console and `stays`.
        """
        self.toast, self.toast_stays = (text, role), stays
        if text:
            self.log_book.said(self.host_name, text, role)
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
            self.say(self.refusal(action.label), "warn")
        elif not allowed(action, self.role):
            self.say(f"“{action.label}” needs the role {action.role}; this account has {self.role or 'none'}.", "warn")
        elif action.id == "section-files" and (about := screen.files_under()):
            from .screens.files import browse

            browse(self, *about)
        elif action.id.startswith("section-"):
            self.go(action.id.removeprefix("section-"))
        else:
            name = "do_" + action.id.replace("-", "_")
            todo = getattr(screen, name, None) or getattr(screen.acts, name, None) or getattr(self, name)
            asked = (
                self.log_book.asked(self.host_name, action.help or action.label, screen.about)
                if action.mutating
                else None
            )
            result = todo()
            if asyncio.iscoroutine(result):
                self.act(result, refresh=action.mutating, asked=asked)

    def do_refresh(self) -> None:
        """Read everything again now."""
        self.poller.refresh(everything=True)

    def do_quit(self) -> None:
        """Close the console; one that stands on a terminal for everybody stays."""
        if not self.line.shows_only:
            self.exit(0)

    def do_jobs(self) -> None:
        """All work outside the console, with its progress."""
        self.visit(Place("replication", "jobs", (), "list"))

    async def do_picture(self) -> str | None:
        """Write the screen into a file."""
        from .screens.shot import shoot

        return await shoot(self)

    async def do_help(self) -> None:
        """Every key that works here."""
        from .screens.help import show_help

        await show_help(self)

    async def do_palette(self) -> None:
        """Search everything: things by name, actions by what they do."""
        from .screens.find import find

        await find(self)

    async def do_policies(self, dataset: str = "") -> str | None:
        """Snapshot policies, that of `dataset` under the cursor."""
        from .screens.policies import show_policies

        return await show_policies(self, dataset)

    async def do_notified(self) -> None:
        """Who is told of alarms, and whether it arrived."""
        from .screens.notified import show_notified

        await show_notified(self)

    async def do_messages(self) -> None:
        """What this session did and said."""
        from .screens.session_log import show_log

        await show_log(self)


def open_console(
    hosts: Sequence[str] = (),
    *,
    follow_job: Path | None = None,
    then_host: str | None = None,
    read_only: bool = False,
    kind: str = "",
    lock_after: int | None = None,
    size: tuple[int, int] | None = None,
) -> int:
    """Open the console on this terminal and return its exit code. `kind` and `size` say what the terminal is, if known.

    Of several `hosts` the first is shown; without any it is this machine, with the boxes of the person's hosts.toml.
    `lock_after` are the seconds without a key after which it locks (0: never); None is what the person chose before.

    With `follow_job` (a progress file) it opens on this machine, shows that job, and when it has succeeded moves to
    `then_host` by itself. Raises MissingError for a terminal that cannot show it, UsageError for what is no host.
    """
    profile = detect(os.environ, terminal_line(), kind, line_speed())
    if profile.kind == "plain" or not (sys.stdin.isatty() and sys.stderr.isatty()):
        found = [f"TERM is {os.environ.get('TERM') or 'not set'}"] if profile.kind == "plain" else []
        found += [] if sys.stdin.isatty() else ["the input is not a terminal"]
        found += [] if sys.stderr.isatty() else ["standard error, on which it draws, is not one"]
        raise MissingError(
            f"The console needs a terminal that can move its cursor; here {' and '.join(found)}.",
            "`dplane show` prints its screens as text; `dplane --help` lists the commands.",
        )
    boxes = boxes_for(hosts) if follow_job is None else (None,)
    line = lines.read(os.environ)
    if line.part:
        signal.signal(signal.SIGTSTP, signal.SIG_IGN)  # there is no shell to go back to
    else:
        line = Line(lock_after=chosen() if lock_after is None else lock_after)
    if line.speed:
        lines.set_speed(sys.stdin.fileno(), line.speed)
    app = Console(
        open_services(boxes[0]),
        profile,
        read_only=read_only,
        follow_job=follow_job,
        then_host=then_host,
        host=boxes[0],
        boxes=boxes,
        line=line,
    )
    code = app.run(mouse=False, size=size)
    app.ended()
    return code if code is not None else app.return_code or 0
