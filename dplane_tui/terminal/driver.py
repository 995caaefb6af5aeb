"""Textual's Linux driver without its questions, its polling and its fatal surprises."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import sys
import termios
from collections.abc import Callable
from threading import Event, Thread
from typing import Any

from textual import events
from textual.app import App
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.geometry import Size

from .grid import Grid
from .keyboard import Keyboard
from .line import make_raw, shell_behind, terminal_line, window
from .oneatatime import when_taken
from .output import Output
from .profile import Profile, detect
from .size import ASK, DEFAULT, LEAST, MOST, ask, sane
from .symbols import translator

_PATIENCE = 3.0
_TAKES = 20
"""Twentieths of a second a key may take; after them the next comes all the same: nothing makes the console deaf."""
_GATHER = 0.004
"""Seconds to wait for more of what came in one burst: four characters at 9600 baud."""
_MODES = "\x1b[m\x1b[?25l\x1b[?7l"
_RESTORE = "\x1b[m\x1b[?7h\x1b[?25h"
"""Plain text, wrap on, the cursor shown."""


class ConsoleDriver(LinuxDriver):
    """Speaks to the terminal of `profile`: no mouse, no blocking, no questions but the size of a serial terminal.

    It always puts the terminal back, whatever ends or stops the console.
    """

    def __init__(
        self, app: App[Any], *, debug: bool = False, mouse: bool = False, size: tuple[int, int] | None = None
    ) -> None:
        del mouse  # keys only: the terminal's own selection keeps working
        super().__init__(app, debug=debug, mouse=False, size=None)
        self.profile: Profile = getattr(app, "profile", None) or detect(os.environ, terminal_line())
        self._own: bool = bool(app.line.part) if hasattr(app, "line") else False
        """Whether the terminal is one of the box's own, where one console follows another."""
        self._fixed = size
        """The size a person gave; it is never asked and does not change."""
        self._told: tuple[int, int] | None = None
        """The size the terminal gave when it was asked."""
        self._table = translator(self.profile.symbols)
        self._out_fileno = sys.__stderr__.fileno() if sys.__stderr__ else 2
        self._grid = Grid(*self._get_terminal_size(), plain=self.profile.kind == "serial")
        self._output: Output | None = None
        self._asked = self._stopped = False
        self._wake_read, self._wake_write = os.pipe()
        self._gone = Event()

    # -- output ------------------------------------------------------------------------------------------------

    def write(self, data: str) -> None:
        """Show a frame, or send what is none as it is; returns at once whatever the line does."""
        if self._output is None:
            return
        if data.startswith("\x1b[") and data.endswith("H"):  # a frame ends with the place of the cursor
            self._output.frame(data.translate(self._table) if self._table is not None else data)
        else:
            self._output.send(data.encode("utf-8", "replace"))

    def flush(self) -> None:
        """Nothing to do: the output thread writes as soon as it can."""

    def redraw(self) -> None:
        """Write everything again; on a serial line, ask for the size first: it may be another terminal by now."""
        if self._output is not None:
            self._output.repaint(*self._get_terminal_size())
            if self.profile.asks and self._fixed is None:
                self._asked = True
                self._output.send(ASK)

    def _hang_up(self) -> None:
        """The terminal is gone: leave, whoever noticed it first."""
        if not self._gone.is_set():
            self._gone.set()
            self._in_loop(self._leave)

    def _leave(self) -> None:
        self._app.exit(return_code=0)
        # A handler that hangs in a dead pool must not keep the terminal: after a moment leave without it.
        self._loop.call_later(_PATIENCE, self.leave_now)

    def leave_now(self) -> None:
        """Give the terminal back and end this process without anything else; by any thread."""
        try:
            self.stop_application_mode()
        finally:
            os._exit(1)

    def _in_loop(self, call: Callable[..., object], *args: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody left to tell
            self._loop.call_soon_threadsafe(call, *args)

    # -- size --------------------------------------------------------------------------------------------------

    def _get_terminal_size(self) -> tuple[int, int]:
        if (known := self._fixed or self._told) is not None:
            return known
        for fileno in (self._out_fileno, self.fileno, 1):
            if (size := window(fileno)) is not None:
                return max(LEAST, min(size[0], MOST)), max(LEAST, min(size[1], MOST))
        return DEFAULT

    def _resized(self) -> None:
        """The kernel says that the window has another size; what the terminal said before is old."""
        self._told = None
        self._tell_size()

    def _tell_size(self) -> None:
        if self._output is not None:
            self._output.repaint(*self._get_terminal_size())  # a terminal may reflow what it shows
        self._send_size()

    def _send_size(self) -> None:
        width, height = self._get_terminal_size()
        self._app.post_message(events.Resize(Size(width, height), Size(width, height)))

    def _answered(self, place: events.CursorPosition) -> None:
        """The terminal says where its last corner is; unless it was asked, that is noise."""
        if self._asked and (size := sane(place.x + 1, place.y + 1)):
            self._asked = False
            if size != self._told:
                self._told = size
                self._tell_size()

    def _learn_size(self) -> bytes:
        """Ask a terminal whose size nobody knows, before anything is drawn; returns what was typed meanwhile."""
        if self._fixed is not None or not (self.profile.asks or self._unknown()):
            return b""
        size, typed = ask(self.fileno, self._out_fileno)
        self._asked = size is None  # it may still answer
        self._told = size
        return typed

    def _unknown(self) -> bool:
        """Whether the kernel knows no size, and the terminal is one that answers."""
        return self.profile.kind == "serial" and not any(window(n) for n in (self._out_fileno, self.fileno, 1))

    # -- start and stop ----------------------------------------------------------------------------------------

    def start_application_mode(self) -> None:
        """Take the terminal: raw input, own screen, no cursor; watch for resize and for signals that end or stop us."""
        self._watch_signals()
        self._raw_mode()
        typed = self._learn_size() if self.attrs_before is not None else b""
        profile = self.profile
        self._grid.resize(*self._get_terminal_size())
        self._output = Output(
            self._out_fileno,
            self._grid,
            (_MODES + ("\x1b[?2004h" if profile.paste else "")).encode(),
            self._hang_up,
            first=b"\x1b[?1049h" if profile.alternate else b"",
            # A quarter of a second of the line.
            pace=max(64, min(1024, profile.baud // 40)) if profile.baud else 0,
        )
        self._send_size()
        self.exit_event.clear()
        self._key_thread = Thread(target=self._run_input_thread, args=(typed,), name="dplane-input", daemon=True)
        self._key_thread.start()
        if self._must_signal_resume:
            self._must_signal_resume = False
            self._app.post_message(Driver.SignalResume())

    def _watch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGWINCH, self._resized)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGINT):
            # What who started us has them ignore (the unit of a kiosk: what keys send) stays ignored.
            if number in (signal.SIGTERM, signal.SIGHUP) or signal.getsignal(number) != signal.SIG_IGN:
                loop.add_signal_handler(number, self._leave)
        loop.add_signal_handler(signal.SIGTSTP, self.stop_here)
        loop.add_signal_handler(signal.SIGCONT, self._go_on)

    def _raw_mode(self) -> None:
        """XON/XOFF belongs to a serial line: a real terminal stops us with it when its buffer is full."""
        try:
            self.attrs_before = termios.tcgetattr(self.fileno)
            make_raw(self.fileno, self.attrs_before, self.profile.kind == "serial")
            if self._own:
                termios.tcflush(self.fileno, termios.TCIFLUSH)  # typed at the console that was here before
        except termios.error:
            self.attrs_before = None

    def stop_here(self) -> bool:
        """^Z: give the terminal back and stop, until the shell goes on with us. False where there is no such shell."""
        if self._stopped or not shell_behind():
            return False
        self._stopped = True
        self.suspend_application_mode()
        os.kill(os.getpid(), signal.SIGSTOP)
        return True

    def _go_on(self) -> None:
        """Somebody continued us, after ^Z or after a plain SIGSTOP that left us no time to put the terminal back."""
        if self._output is None and not self._stopped:
            return
        if self._stopped:
            self._stopped = False
            self._must_signal_resume = True
            self.resume_application_mode()
        elif self.attrs_before is not None:
            with contextlib.suppress(termios.error):
                make_raw(self.fileno, self.attrs_before, self.profile.kind == "serial")
            self._tell_size()

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

    def _run_input_thread(self, typed: bytes = b"") -> None:
        try:
            self.run_input_thread(typed)
        except OSError:  # EIO: the line hung up
            self._hang_up()

    def run_input_thread(self, typed: bytes = b"") -> None:
        """Turn bytes into keys. Sleeps until there is something to read; wakes early only for a lone Esc."""
        keyboard = Keyboard(self._debug)
        for event in keyboard.feed(typed):
            self._deliver(event)
        while not self.exit_event.is_set():
            ready, _, _ = select.select([self.fileno, self._wake_read], [], [], keyboard.patience())
            if self._wake_read in ready:
                os.read(self._wake_read, 64)
                continue
            if self.fileno in ready:
                data = self._burst()
                if not data:
                    self._hang_up()
                    return
                if self.profile.kind == "serial" and (output := self._output) is not None:
                    output.free()
                for event in keyboard.feed(data):
                    self._deliver(event)
            for event in keyboard.tick():
                self._deliver(event)

    def _burst(self) -> bytes:
        """What came together; nothing at the end of the line."""
        data = got = os.read(self.fileno, 4096)
        while got and len(data) < 65536 and select.select([self.fileno], [], [], _GATHER)[0]:
            got = os.read(self.fileno, 4096)
            data += got
        return data

    def _deliver(self, event: Any) -> None:
        if isinstance(event, events.CursorPosition):
            self._in_loop(self._answered, event)
            return
        self.process_message(event)
        if isinstance(event, events.Key):
            taken = Event()
            self._in_loop(self._loop.call_soon, when_taken, self._app, taken.set)
            for _ in range(_TAKES):
                if taken.wait(0.05) or self.exit_event.is_set():
                    break
