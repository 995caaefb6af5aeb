"""An end that nothing holds up, whatever it waits for: a home on a pool that does not answer stops all of a process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from . import line as lines
from .terminal.line import hang_up

if TYPE_CHECKING:
    from .app import Console

_LONGEST = 10.0
"""Seconds from being told to end until the console leaves without what it still waits for."""


class Deadline:
    """Has `leave` called after so many seconds, by a thread of its own, unless it was met by then."""

    def __init__(self, seconds: float, leave: Callable[[], None]) -> None:
        self._timer = threading.Timer(seconds, leave)
        self._timer.daemon = True
        self._timer.name = "dplane-deadline"
        self._timer.start()

    def met(self) -> None:
        """It is not needed any more."""
        self._timer.cancel()


class Ending:
    """The part of the console that ends it."""

    _deadline: Deadline | None = None
    _ends = _ended_locked = False

    @property
    def _console_that_ends(self) -> Console:
        return cast("Console", self)

    def begin_to_end(self) -> None:
        """From now on nothing holds the end up, and what was locked will not be open after it."""
        if self._ends:
            return
        self._ends = True
        self._ended_locked = not self._console_that_ends.unlocked.is_set()
        lines.tell_stopping()  # if not even the process can end, systemd goes on without it
        self._deadline = self.deadline(_LONGEST)

    def exit(self, result: int | None = None, return_code: int = 0, message: Any = None) -> None:
        """End, and keep where the person is."""
        self.begin_to_end()
        self._console_that_ends.keep()
        super().exit(result, return_code, message)  # type: ignore[misc]  # Textual's App behind this mixin

    def deadline(self, seconds: float) -> Deadline | None:
        """Leave after so many seconds, however busy or stuck everything else is; None where there is no terminal."""
        terminal = self._console_that_ends.terminal
        if terminal is None:
            return None

        def leave() -> None:
            lines.tell_stopping()
            self._close_what_was_locked()
            terminal.leave_now()

        return Deadline(seconds, leave)

    def ended(self) -> None:
        """It has ended in time, and the terminal is as it was."""
        if self._deadline is not None:
            self._deadline.met()
        self._close_what_was_locked()

    def _close_what_was_locked(self) -> None:
        """The shell behind a locked console would be open to whoever sits there."""
        if self._ended_locked:
            hang_up()
