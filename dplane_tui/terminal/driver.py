"""Textual's Linux driver without its questions, its polling and its fatal surprises."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import sys
import termios
from threading import Event, Thread
from typing import Any

from textual import events
from textual.app import App
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.geometry import Size

from .keyboard import Keyboard
from .output import Output, merge_styles
from .painted import Painted
from .profile import Profile, detect
from .symbols import translator

_SIZE_MIN, _SIZE_MAX = 4, 1000
_PATIENCE = 3.0
# Reset attributes, wrap on, show the cursor.
_RESTORE = "\x1b[0m\x1b[?7h\x1b[?25h"


def terminal_line() -> str:
    """The device this process reads from (`/dev/ttyS0`), or empty."""
    try:
        return os.ttyname(sys.__stdin__.fileno()) if sys.__stdin__ else ""
    except OSError:
        return ""


class ConsoleDriver(LinuxDriver):
    """Speaks to the terminal of `profile`: no queries, no mouse, no blocking, and always puts the terminal back."""

    def __init__(
        self, app: App[Any], *, debug: bool = False, mouse: bool = False, size: tuple[int, int] | None = None
    ) -> None:
        del mouse  # keys only: the terminal's own selection keeps working
        super().__init__(app, debug=debug, mouse=False, size=size)
        self.profile: Profile = getattr(app, "profile", None) or detect(os.environ, terminal_line())
        self._table = translator(self.profile.symbols)
        self._painted = Painted()
        self._output: Output | None = None
        self._wake_read, self._wake_write = os.pipe()
        self._gone = Event()
        self._out_fileno = sys.__stderr__.fileno() if sys.__stderr__ else 2

    # -- output ------------------------------------------------------------------------------------------------

    def write(self, data: str) -> None:
        """Send to the terminal in its own glyphs; returns at once whatever the line does."""
        if self._output is None:
            return
        if self._table is not None:
            data = data.translate(self._table)
        if data := self._painted.fresh(data):
            self._output.write(merge_styles(data).encode("utf-8", "replace"))

    def flush(self) -> None:
        """Nothing to do: the output thread writes as soon as it can."""

    def _repaint(self) -> None:
        app = self._app

        def paint() -> None:
            self._painted.forget()
            if app.screen_stack:
                screen = app.screen
                app._display(screen, screen._compositor)

        self._in_loop(paint)

    def _hang_up(self) -> None:
        """The terminal is gone: leave, whoever noticed it first."""
        if not self._gone.is_set():
            self._gone.set()
            self._in_loop(self._leave)

    def _leave(self) -> None:
        self._app.exit(return_code=0)
        # A handler that hangs in a dead pool must not keep the terminal: after a moment leave without it.
        self._loop.call_later(_PATIENCE, self._leave_now)

    def _leave_now(self) -> None:
        self.stop_application_mode()
        os._exit(1)

    def _in_loop(self, call: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody left to tell
            self._loop.call_soon_threadsafe(call)

    # -- size --------------------------------------------------------------------------------------------------

    def _get_terminal_size(self) -> tuple[int, int]:
        for fileno in (self._out_fileno, self.fileno, 1):
            try:
                width, height = os.get_terminal_size(fileno)
            except OSError:
                continue
            if width and height:
                return max(_SIZE_MIN, min(width, _SIZE_MAX)), max(_SIZE_MIN, min(height, _SIZE_MAX))
        return 80, 24  # a serial line has no size until stty tells it one

    def _send_size(self) -> None:
        self._painted.forget()  # a terminal may reflow what it shows
        size = Size(*self._get_terminal_size())
        self._app.post_message(events.Resize(size, size))

    # -- start and stop ----------------------------------------------------------------------------------------

    def start_application_mode(self) -> None:
        """Take the terminal: raw input, own screen, no cursor; watch for resize and for signals that end us."""
        self._output = Output(self._out_fileno, self._repaint, self._hang_up)
        self._watch_signals()
        self._send_size()
        self._raw_mode()
        self.write(("\x1b[?1049h" if self.profile.alternate else "") + "\x1b[2J\x1b[?25l\x1b[?7l")
        if self.profile.paste:
            self._enable_bracketed_paste()
        self.exit_event.clear()
        self._key_thread = Thread(target=self._run_input_thread, name="dplane-input", daemon=True)
        self._key_thread.start()
        if self._must_signal_resume:
            self._must_signal_resume = False
            self._app.post_message(Driver.SignalResume())

    def _watch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGWINCH, self._send_size)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGINT):
            loop.add_signal_handler(number, self._leave)

    def _raw_mode(self) -> None:
        try:
            self.attrs_before = termios.tcgetattr(self.fileno)
            raw = termios.tcgetattr(self.fileno)
            raw[0] = self._patch_iflag(raw[0])
            if self.profile.kind == "serial":
                # XON/XOFF belongs to the line: a real terminal stops us with it when its buffer is full.
                raw[0] |= self.attrs_before[0] & (termios.IXON | termios.IXOFF)
            raw[3] = self._patch_lflag(raw[3])
            raw[6][termios.VMIN] = 1
            termios.tcsetattr(self.fileno, termios.TCSANOW, raw)
        except termios.error:
            self.attrs_before = None

    def disable_input(self) -> None:
        """Stop reading keys; safe to call twice."""
        if self.exit_event.is_set():
            return
        self.exit_event.set()
        with contextlib.suppress(OSError):
            os.write(self._wake_write, b"x")
        if self._key_thread is not None:
            self._key_thread.join(1.0)
        with contextlib.suppress(termios.error):
            termios.tcflush(self.fileno, termios.TCIFLUSH)

    def stop_application_mode(self) -> None:
        """Give the terminal back as it was."""
        self.disable_input()
        if self._output is not None:
            end = ("\x1b[?2004l" if self.profile.paste else "") + _RESTORE
            end += "\x1b[?1049l" if self.profile.alternate else "\x1b[2J\x1b[H"
            self._output.finish(end.encode())
            self._output = None
        if self.attrs_before is not None:
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self.fileno, termios.TCSANOW, self.attrs_before)

    def close(self) -> None:
        """Nothing is left to close: stopping ended the output thread."""

    # -- input -------------------------------------------------------------------------------------------------

    def _run_input_thread(self) -> None:
        try:
            self.run_input_thread()
        except OSError:  # EIO: the line hung up
            self._hang_up()

    def run_input_thread(self) -> None:
        """Turn bytes into keys. Sleeps until there is something to read; wakes early only for a lone Esc."""
        keyboard = Keyboard(self._debug)
        while not self.exit_event.is_set():
            ready, _, _ = select.select([self.fileno, self._wake_read], [], [], keyboard.patience())
            if self._wake_read in ready:
                os.read(self._wake_read, 64)
                continue
            if self.fileno in ready:
                data = os.read(self.fileno, 4096)
                if not data:
                    self._hang_up()
                    return
                for event in keyboard.feed(data):
                    self.process_message(event)
            for event in keyboard.tick():
                self.process_message(event)
