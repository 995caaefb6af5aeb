"""Moving between places of the console, and back again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from .actions import WITHOUT_TAB
from .paths import user_state
from .place import FILE, Place
from .services.bundle import Services

if TYPE_CHECKING:
    from .app import Console
    from .screens.base import Section

_REMEMBERED = 50
Spot = tuple[str | None, Place]
"""A place on a host (None: this machine)."""


class Travelling:
    """The part of the console that knows where the person is and was."""

    section: str
    host: str | None
    _connect: Callable[[str | None], Services]
    _sections: dict[str, Section]

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.been: deque[Spot] = deque(maxlen=_REMEMBERED)
        """Where the person was before, the latest last."""
        self.places: dict[str, dict[str, Place]] = {}
        """Host (this machine is the empty name) → section → where the person was there, also in the session before."""
        self.seen: dict[str, float] = {}
        """When each other box last answered, Unix seconds."""
        self._recalled = False

    @property
    def _app(self) -> Console:
        return cast("Console", self)

    def section_screen(self, name: str) -> Section:
        """The screen of a section; made at first use, with the rows under the cursors as they were."""
        if name not in self._sections:
            from .screens import open_section

            screen = self._sections[name] = open_section(name)
            screen.arriving = self.places.get(self.host or "", {}).get(name)
        return self._sections[name]

    def go(self, name: str) -> None:
        """Show the section called `name`."""
        if name != self.section:
            self.visit(Place(name))

    def visit(self, place: Place, *, remember: bool = True) -> None:
        """Show `place`: its section, tab and rows. Nothing happens while a dialog is open."""
        app = self._app
        if len(app.screen_stack) > 1 or (app.line.shows_only and place.section in WITHOUT_TAB):
            return  # a place that was kept leads a passer-by to no files either
        here = self.section_screen(self.section)
        if remember:
            self.been.append((self.host, here.place()))
        screen = self.section_screen(place.section)
        if place.tab or place.rows:
            screen.arriving = place
        if place.section != self.section:
            here.left()
            self.section = place.section
            if not app.toast_stays:
                app.say("")  # it was said of the screen before
            app.switch_mode(place.section)
        if screen.is_mounted:
            app.call_after_refresh(screen.entered)

    async def do_jump_back(self) -> None:
        """Where the person was before, with the same row under the cursor."""
        if not self.been:
            self._app.say("You have been nowhere else yet.")
            return
        self._app.say("")
        host, place = self.been.pop()
        if host != self.host:
            await self.switch_host(host)
        self.visit(place, remember=False)

    async def switch_host(self, name: str | None) -> None:
        """Leave this host and manage `name` (None: this machine): new services, nothing kept of the old.

        Raises UsageError for what is no host; then nothing has changed.
        """
        app = self._app
        new = self._connect(name)
        here = self.section_screen(self.section)
        here.left()
        self._remember()
        await app.poller.close()
        old, app.services = app.services, new
        self.host = name
        await old.close()
        app.role = ""
        for section in self._sections.values():
            section.host_changed()
            section.arriving = self.places.get(name or "", {}).get(section.section)
        if app.fleet is not None:
            app.fleet.start(name)
        here.entered()
        app.later(app.learn_role())

    # -- from one session to the next --------------------------------------------------------------------------

    def recall(self) -> None:
        """Take up what the last session kept: rows and orders as they were, and the way back to where it ended."""
        self._recalled = True
        if not (user_state() / FILE).exists():
            return
        from . import kept

        found = kept.read()
        self.places, self.seen = found.places, found.seen
        if self._app.fleet is not None:
            self._app.fleet.recall(found.seen)
        if found.last is None or found.last[1].section == self.section or found.last[0] not in self._reachable():
            return
        host, place = found.last
        self.been.appendleft((host or None, place))
        self._app.say(f"- goes back to {place.section.capitalize()}, where you were last time.", "dim")

    def _reachable(self) -> set[str]:
        """The hosts this console was opened for."""
        fleet = self._app.fleet
        return {self.host or "", *(name or "" for name in (fleet.names if fleet is not None else ()))}

    def _remember(self) -> None:
        """Where the person is now in each section of this host."""
        there = self.places.setdefault(self.host or "", {})
        there |= {name: screen.place() for name, screen in self._sections.items() if name != "start"}

    def keep(self) -> None:
        """Write down where the person is. Not before `recall`: a console that ends at once forgets nothing."""
        if not self._recalled:
            return
        from . import kept

        self._remember()
        if self._app.fleet is not None:
            self.seen |= self._app.fleet.seen()
        here = self.section_screen(self.section).place()
        kept.write(kept.Kept(self.places, (self.host or "", here), self.seen))
