"""Charts of one pool: how full it was, and, while it is open, what it and each of its disks read and write now."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Coroutine, Iterable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from textual import events
from textual.widget import Widget

from .. import crash
from ..errors import DPlaneError
from ..services.capacity.model import History
from ..services.zfs.iostat import LEAST, Measured, Rates
from ..widgets.bars import Lines
from ..widgets.chart import set_for
from ..widgets.dialogs import Dialog, ask
from ..widgets.fields import Button
from ..widgets.layout import Pieces, paragraphs
from . import chart_rows as rows

if TYPE_CHECKING:
    from ..app import Console

__all__ = ["PoolCharts", "ask"]
_SMALL = 16
_EACH = "v"
_BURST = 0.1
"""Seconds in which the lines of one measurement come."""
_PACE = 0.4
"""Seconds a measurement lasts, as a multiple of the console's pace: 2 s where that is 5, longer on a slow line."""


class PoolCharts(Dialog[None]):
    """Read once: how full it was. Measured as long as it is seen: reads and writes."""

    wide = True

    def __init__(self, console: Console, pool: str) -> None:
        super().__init__(f"Charts of {pool}")
        self._asker, self._pool = console, pool
        self._every = max(float(LEAST), console.every * _PACE)
        self._history: History | None = None
        self._problem = ""
        self._rates: deque[Rates] = deque(maxlen=rows.SPARKS)
        self._devices: dict[str, Rates] = {}
        self._fresh: dict[str, Rates] = {}
        self._each = False
        """Whether the devices are shown instead of the past."""
        self._due = False
        self._stopped = ""
        self._reading: asyncio.Task[None] | None = None
        self._measuring: asyncio.Task[None] | None = None

    def content(self) -> Iterable[Widget]:
        self._lines = Lines()
        yield self._lines

    def buttons(self) -> Iterable[Button]:
        return (Button("Close", id="cancel"), Button("v each disk", id="devices"))

    def key_pressed(self, event: events.Key) -> None:
        """`v` turns from the past to the devices and back."""
        if event.key == _EACH:
            event.stop()
            self.accept()
        else:
            super().key_pressed(event)

    def accept(self) -> None:
        """The other view."""
        self._each = not self._each
        self.query_one("#devices", Button).label = f"{_EACH} {'how full it was' if self._each else 'each disk'}"
        self._draw()

    def begin(self) -> None:
        super().begin()
        self._reading = asyncio.create_task(self._guarded(self._read()))
        self._draw()

    # -- measured while it is seen -----------------------------------------------------------------------------

    def on_screen_resume(self) -> None:
        """It is seen."""
        if self._measuring is None:
            self._measuring = asyncio.create_task(self._guarded(self._measure()))

    def on_screen_suspend(self) -> None:
        """Something lies over it: nobody looks."""
        self._stop_measuring()

    def on_unmount(self) -> None:
        """Nothing of it goes on."""
        self._stop_measuring()
        if self._reading is not None:
            self._reading.cancel()

    def _stop_measuring(self) -> None:
        if self._measuring is not None:
            self._measuring.cancel()
            self._measuring = None

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:
            crash.log(error)
            self._stopped = f"That failed in a way we did not foresee; {crash.where()} has the details."
            self._draw()

    async def _read(self) -> None:
        try:
            self._history = await self._asker.services.history_told(self._pool)
        except DPlaneError as error:
            self._problem = str(error)
        self._draw()

    async def _measure(self) -> None:
        self._stopped = ""
        try:
            async with aclosing(self._asker.services.rates(self._pool, self._every)) as found:
                async for one in found:
                    self._take(one)
        except DPlaneError as error:
            self._stopped = str(error)
            self._draw()

    def _take(self, one: Measured) -> None:
        """A measurement begins with the pool; which devices the last one had is known then."""
        if one.device:
            self._fresh[one.device] = one.rates
        else:
            self._devices, self._fresh = self._fresh or self._devices, {}
            self._rates.append(one.rates)
        if not self._due:
            self._due = True
            self.set_timer(_BURST, self._draw)

    # -- what it shows -----------------------------------------------------------------------------------------

    def on_resize(self) -> None:
        """Drawn for another size."""
        self.call_after_refresh(self._draw)

    def _draw(self) -> None:
        self._due = False
        if not self.is_mounted:
            return
        width, height = self.inner_width(), self.app.size.height
        room = max(2, height - (3 if height < _SMALL else 4))
        now = rows.now_lines(list(self._rates), self._stopped, self._every, width)
        gap: list[Pieces] = [[]] if height >= _SMALL else []
        left = room - len(now) - len(gap)
        if self._each:
            above = rows.device_lines(self._devices | self._fresh, width, left)
        else:
            above = self._over_time(width, left)
        self._lines.show([*above, *gap, *now][:room])

    def _over_time(self, width: int, room: int) -> list[Pieces]:
        if self._problem:
            return paragraphs(self._problem, width, "bad")[: max(1, room)]
        if self._history is None:
            return [[("Reading how full it was…", "dim")]]
        glyphs = set_for(self._asker.profile.symbols)
        return rows.history_lines(self._history, width, max(1, room), glyphs, time.time())
