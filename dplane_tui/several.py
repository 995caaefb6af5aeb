"""The console opened for several boxes: one is shown, a line or a table tells of the others, one key goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

from . import crash
from .services.bundle import Services
from .widgets.layout import Pieces

if TYPE_CHECKING:
    from .app import Console
    from .services.fleet import Fleet


class SeveralBoxes:
    """The part of the console that looks after the boxes that are not shown. For one box nothing of it is loaded."""

    host: str | None = None
    """The host that is shown; None is this machine."""
    fleet: Fleet | None = None

    @property
    def _console(self) -> Console:
        return cast("Console", self)

    def gather_fleet(
        self, boxes: Sequence[str | None], connect: Callable[[str | None], Services], changed: Callable[[], None]
    ) -> None:
        """Look after `boxes` from the start of the console on, if they are several."""
        if len(set(boxes)) > 1:
            from .services.fleet import Fleet

            self.fleet = Fleet(boxes, connect, changed, crash.log)

    def fleet_lines(self) -> list[Pieces]:
        """The other boxes in a line, where no table has them."""
        if self.fleet is None or self._console.section == "start":
            return []
        from .screens.boxes import fleet_line

        return [fleet_line(self.fleet, self.host, time.time())]

    def box_answered(self, source: str) -> None:
        """The box that is shown said something."""
        taken_at = self._console.poller.snapshot(source).taken_at
        if self.fleet is not None and taken_at is not None:
            self.fleet.saw(self.host, taken_at)

    async def go_to_box(self, key: str) -> None:
        """Manage the box whose row in a list has `key`, on the same screen."""
        from .screens.boxes import name_of, shown_name

        app, name = self._console, name_of(key)
        if key and name != self.host:
            app.been.append((self.host, app.section_screen(app.section).place()))
            await app.switch_host(name)
            app.say(f"This is {shown_name(name)} now.")

    async def do_next_box(self) -> None:
        """Manage the next of the boxes the console was opened for."""
        if self.fleet is None:
            self._console.say("This console was opened for one box; `--host` twice, or hosts.toml, gives it more.")
            return
        from .screens.boxes import key_of

        place = self.fleet.names.index(self.host) if self.host in self.fleet.names else -1
        await self.go_to_box(key_of(self.fleet.names[(place + 1) % len(self.fleet.names)]))


def boxes_for(hosts: Sequence[str]) -> tuple[str | None, ...]:
    """The boxes that are meant, the one to begin with first; without `hosts` this machine and those of hosts.toml.

    Raises UsageError for what is no host.
    """
    if len(hosts) == 1:
        return (hosts[0],)
    from . import hosts as listed

    return (listed.checked(list(hosts)) if hosts else listed.read()) or (None,)
