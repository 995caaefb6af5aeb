"""The writing side of a job's progress: keeps rate and ETA, and writes no more often than someone could read."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from pathlib import Path
from typing import Any

from ...aside import Log
from . import files
from .model import Progress

EVERY = 1.0
_WINDOW = 10.0


class Reporter:
    """Reports one job that runs in this process. A report that cannot be written never harms the job."""

    def __init__(self, folder: Path, job: str, kind: str, title: str) -> None:
        self._folder = folder
        self.log = Log()
        """What the job says while it works, for whoever stores it."""
        pid, created = files.own_process()
        now = time.time()
        self.progress = Progress(job, kind, "running", title, started=now, updated=now, pid=pid, pid_created=created)
        self._written = 0.0
        self._points: list[tuple[float, int]] = []
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
        self._write()

    def update(self, **fields: Any) -> None:
        """Change fields of the progress; the file follows within EVERY seconds, at once for a new stage or state."""
        urgent = any(name in fields and fields[name] != getattr(self.progress, name) for name in ("stage", "state"))
        self.progress = dataclasses.replace(self.progress, updated=time.time(), **fields)
        if urgent or time.monotonic() - self._written >= EVERY:
            self._write()

    def bytes(self, done: int, total: int | None) -> None:
        """Tell how far a transfer is, in bytes of the whole job."""
        now = time.monotonic()
        self._points = [point for point in self._points if now - point[0] <= _WINDOW] + [(now, done)]
        since, before = self._points[0]
        rate = (done - before) / (now - since) if now - since > 0.5 else None
        eta = (total - done) / rate if total and rate and total > done else None
        self.update(bytes_done=done, bytes_total=total, rate_bps=rate, eta_s=eta)

    def end(self, state: str, message: str = "", error: str = "") -> None:
        """The last report."""
        self.update(state=state, message=message, error=error, rate_bps=None, eta_s=None)
        self._write()

    def _write(self) -> None:
        self._written = time.monotonic()
        with contextlib.suppress(OSError):
            files.write(self._folder, self.progress)
