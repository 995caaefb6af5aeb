"""What a person can ask of the terminal itself: draw it again, stop for a while, take a name into its clipboard."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, cast

from ..text import clean

if TYPE_CHECKING:
    from ..app import Console
    from .driver import ConsoleDriver

_MOST = 4096
"""Characters handed to a clipboard; names are shorter."""


def clipboard(text: str) -> str:
    """The sequence that puts `text` into the terminal's clipboard (OSC 52); control characters are taken out first."""
    return f"\x1b]52;c;{b64encode(clean(text)[:_MOST].encode()).decode()}\x1b\\"


class TerminalActs:
    """The part of the console that deals with its terminal."""

    @property
    def _console(self) -> Console:
        return cast("Console", self)

    @property
    def terminal(self) -> ConsoleDriver | None:
        """The terminal's driver; None where there is no terminal (in tests)."""
        driver = self._console._driver
        return cast("ConsoleDriver", driver) if hasattr(driver, "redraw") else None

    def do_redraw(self) -> None:
        """Write the whole screen again."""
        if self.terminal is not None:
            self.terminal.redraw()

    def do_suspend(self) -> None:
        """Back to the shell that started the console, until it is continued."""
        if self.terminal is None or not self.terminal.stop_here():
            self._console.say("There is no shell to go back to from here; q closes the console.", "warn")

    def do_copy(self) -> None:
        """Hand the name of what is under the cursor to the terminal. Whether it took it, nobody tells us."""
        console = self._console
        table = console.current.table
        text = clean(table.name_under_cursor) if table is not None else ""
        if not text:
            console.say("There is nothing under the cursor to copy.", "warn")
        else:
            self.hand_over(text)

    def hand_over(self, text: str) -> None:
        """Send a line to the terminal's clipboard, and say so. Whether the terminal took it, nobody tells us."""
        console = self._console
        if not console.profile.clipboard:
            console.say(f"This terminal has no clipboard that could be reached. It is {text}", "warn")
        else:
            assert console._driver is not None
            console._driver.write(clipboard(text))
            console.say(f"Sent to the terminal's clipboard, if it has one: {text}")
