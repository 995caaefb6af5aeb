"""The console in a real pseudo-terminal, and what it wrote put through a terminal emulator."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyte
import pytest

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0
PLAY = ("-m", "tests.console.play")


class Terminal:
    """One console on one pty."""

    def __init__(self, argv: list[str], env: dict[str, str], size: tuple[int, int], answers: bool = False) -> None:
        """`answers`: the kernel knows no size, the terminal tells it when it is asked."""
        self.master, self.slave = pty.openpty()
        self.screen = pyte.Screen(*size)
        self.stream = pyte.ByteStream(self.screen)
        self.written = b""
        self.answers = answers
        self.asked = 0
        if not answers:
            self.resize(*size)
        self.before = termios.tcgetattr(self.slave)
        self.process = subprocess.Popen(
            argv,
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            env=env,
            cwd=ROOT,
            start_new_session=True,
            preexec_fn=self._own_terminal,
        )

    @staticmethod
    def _own_terminal() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def resize(self, columns: int, lines: int) -> None:
        """Another window size; the kernel tells the console."""
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.screen.resize(lines, columns)

    def read(self, seconds: float = 0.1) -> bytes:
        """What comes within `seconds`."""
        got = b""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not select.select([self.master], [], [], left)[0]:
                break
            try:
                part = os.read(self.master, 65536)
            except OSError:
                break
            if not part:
                break
            got += part
        self.written += got
        self.stream.feed(got)
        if self.answers and self.written.count(b"\x1b[6n") > self.asked:
            self.asked += 1
            self.send(f"\x1b[{self.screen.lines};{self.screen.columns}R".encode())
        return got

    @property
    def text(self) -> str:
        """The screen."""
        return "\n".join(line.rstrip() for line in self.screen.display)

    def until(self, seen: Callable[[], bool], what: str = "it") -> None:
        """Read until `seen`; fails with the screen if it never comes."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            self.read()
            if seen():
                return
        pytest.fail(f"{what} never came:\n{self.text}\n{self.written[-400:]!r}")

    def until_text(self, text: str) -> None:
        """Read until `text` is on the screen."""
        self.until(lambda: text in self.text, text)

    def send(self, data: bytes) -> None:
        """Type."""
        os.write(self.master, data)

    def quiet(self, seconds: float = 1.5) -> None:
        """Read until nothing more comes for `seconds`."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self.read(seconds):
            pass

    def ended(self) -> int:
        """Read to the end of the process; its exit code."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            self.read()
            if self.process.poll() is not None:
                self.read()
                return int(self.process.returncode)
        pytest.fail(f"it never ended:\n{self.text}")

    def close(self) -> None:
        """End what is left."""
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait()
        for descriptor in {self.master, self.slave}:
            with contextlib.suppress(OSError):
                os.close(descriptor)


Start = Callable[..., Terminal]


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Start]:
    """`terminal(TERM="linux", size=(80, 24))` starts the console on made-up data."""
    opened: list[Terminal] = []

    def start(*args: str, size: tuple[int, int] = (80, 24), answers: bool = False, **env: str) -> Terminal:
        clean = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path)}
        clean |= {"TERM": "xterm-256color", "LANG": "C.UTF-8", **env}
        one = Terminal([sys.executable, *(args or PLAY)], clean, size, answers)
        opened.append(one)
        return one

    yield start
    for one in opened:
        one.close()
