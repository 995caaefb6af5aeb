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
from typing import TYPE_CHECKING

from .run import CannotMeasureError

if TYPE_CHECKING:
    from tests.pty.conftest import Terminal

ROOT = Path(__file__).parents[1]
OURS = ("-m", "dplane_tui")
BOX = ("-m", "bench._box")
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

    def __init__(
        self, args: tuple[str, ...], scratch: Path, program: str = sys.executable, path: str = "", **more: str
    ) -> None:
        self.begun = perf_counter()
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        env = {
            "PATH": path or os.environ["PATH"],
            "HOME": str(scratch),
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
        } | more
        self._process = subprocess.Popen(
            [program, *args], stdin=slave, stdout=slave, stderr=slave, env=env, cwd=ROOT, start_new_session=True
        )
        os.close(slave)
        self._written = b""
        self.count = 0
        """Bytes written so far."""

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
                got = os.read(self._master, 65536)
            except OSError:
                return
            self.count += len(got)
            self._written = self._written[-65536:] + got

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

    def press(self, keys: bytes, mark: bytes = b"", quiet: float = 0.7) -> int:
        """Type `keys`, wait for `mark` and until nothing more comes for `quiet` seconds; the bytes that came."""
        self._written = b""
        before = self.count
        os.write(self._master, keys)
        if mark:
            self.drawn(mark)
        self.settle(quiet)
        return self.count - before

    def settle(self, quiet: float = 0.7) -> None:
        """Read until nothing more comes for `quiet` seconds."""
        before = -1
        while before != self.count:
            before = self.count
            self.wait(quiet)

    def wait(self, seconds: float) -> None:
        """Read for so long."""
        end = monotonic() + seconds
        while (left := end - monotonic()) > 0:
            self._read(left)

    def idle_memory(self, seconds: float = 8.0) -> float:
        """MiB of the process's proportional share after so many quiet seconds."""
        self.wait(seconds)
        sleep(0.1)
        return self.memory()

    def memory(self) -> float:
        """MiB of the process's proportional share now. Raises CannotMeasureError."""
        if self._process.poll() is not None:
            raise CannotMeasureError(f"it ended by itself: {self._written[-200:]!r}")
        share = Path(f"/proc/{self._process.pid}/smaps_rollup").read_text()
        found = re.search(r"^Pss:\s+(\d+)", share, re.MULTILINE)
        assert found
        return int(found[1]) / 1024

    def processor(self) -> float:
        """Seconds of processor time of all its threads so far."""
        tasks = Path(f"/proc/{self._process.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9

    def wakeups(self) -> int:
        """How often its threads went to sleep so far, and so were woken."""
        tasks = Path(f"/proc/{self._process.pid}/task").iterdir()
        told = [re.search(r"^voluntary_ctxt_switches:\s+(\d+)", (task / "status").read_text(), re.M) for task in tasks]
        return sum(int(found[1]) for found in told if found)


def own_memory(pid: int) -> float:
    """MiB that are the process's alone: not moved by what other processes share or leave."""
    share = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(kib) for kib in re.findall(r"^Private_(?:Clean|Dirty):\s+(\d+)", share, re.MULTILINE)) / 1024


def seen(scratch: Path, **more: str) -> Terminal:
    """The console on the made-up box, seen through a terminal emulator: only what differs is sent, so that a text need
    not come in one piece. To be closed."""
    from tests.pty.conftest import Terminal

    env = {"PATH": os.environ["PATH"], "HOME": str(scratch), "TERM": "xterm-256color", "LANG": "C.UTF-8"} | more
    one = Terminal([sys.executable, *BOX], env, (80, 24))
    one.until_text("quit")
    one.until_text("vault")
    return one
