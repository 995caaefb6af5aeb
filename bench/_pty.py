"""A program in a real pseudo-terminal of 80×24, for the console's benches."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
from pathlib import Path
from time import monotonic, perf_counter, sleep
from types import TracebackType

from .run import CannotMeasureError

ROOT = Path(__file__).parents[1]
OURS = ("-m", "dplane_tui")
OURS_DRAWN = b"quit"  # the last words of the last line
BARE = (
    "-c",
    """
from textual.app import App
from textual.widgets import DataTable

class Bare(App):
    def compose(self):
        yield DataTable()

    def on_mount(self):
        table = self.query_one(DataTable)
        table.add_columns(*"abcde")
        for row in range(20):
            table.add_row(*[f"row {row} {column}" for column in range(5)])

Bare().run()
""",
)
BARE_DRAWN = b"row 19 4"
_PATIENCE = 120.0


class OnPty:
    """One run of `python args` on a pty; the clock starts before the process does."""

    def __init__(self, args: tuple[str, ...], scratch: Path, path: str = "") -> None:
        self.begun = perf_counter()
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        env = {"PATH": path or os.environ["PATH"], "HOME": str(scratch), "TERM": "xterm-256color", "LANG": "C.UTF-8"}
        self._process = subprocess.Popen(
            [sys.executable, *args], stdin=slave, stdout=slave, stderr=slave, env=env, cwd=ROOT, start_new_session=True
        )
        os.close(slave)
        self._written = b""

    def __enter__(self) -> OnPty:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._process.terminate()
        self._read(0.5)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._master)

    def _read(self, seconds: float) -> None:
        if select.select([self._master], [], [], seconds)[0]:
            try:
                self._written += os.read(self._master, 65536)
            except OSError:
                return

    def send(self, keys: bytes) -> None:
        """Type; what was written before is forgotten."""
        self._written = b""
        os.write(self._master, keys)

    def fresh(self) -> bytes:
        """What was written since the last key."""
        self._read(0.05)
        return self._written

    def quiet(self, seconds: float) -> None:
        """Read until nothing comes for so long."""
        size = -1
        while size != len(self._written):
            size = len(self._written)
            self._read(seconds)

    def drawn(self, mark: bytes) -> float:
        """Seconds from the start until `mark` was written."""
        end = monotonic() + _PATIENCE
        while mark not in self._written:
            self._read(0.5)
            if monotonic() > end or self._process.poll() is not None:
                raise CannotMeasureError(f"it never drew: {self._written[-200:]!r}")
        return perf_counter() - self.begun

    def idle_memory(self, seconds: float = 8.0) -> float:
        """MiB of the process's proportional share after so many quiet seconds."""
        end = monotonic() + seconds
        while (left := end - monotonic()) > 0:
            self._read(left)
        sleep(0.1)
        share = Path(f"/proc/{self._process.pid}/smaps_rollup").read_text()
        found = re.search(r"^Pss:\s+(\d+)", share, re.MULTILINE)
        assert found
        return int(found[1]) / 1024
