"""Build progress: one line a change on the terminal, and the same JSON file that the product's jobs write."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


def write_atomically(path: Path, text: str, mode: int = 0o644) -> None:
    """Replace `path` by `text` in one step; a reader sees the old or the new, never half."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
    temporary.replace(path)


@dataclass
class Progress:
    """What a build tells while it runs; thread-safe. `file` is optional, `quiet` silences the terminal."""

    file: Path | None = None
    job_id: str = ""
    quiet: bool = False
    total: int = 0
    done: int = 0
    eta: float | None = None
    started: float = field(default_factory=time.time)
    stage: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.job_id = self.job_id or f"lab-build-{os.getpid()}"

    def say(self, message: str) -> None:
        """Tell a person one line, with the elapsed time."""
        if not self.quiet:
            elapsed = int(time.time() - self.started)
            eta = f", about {int(self.eta)} s left" if self.eta is not None and self.eta >= 1 else ""
            print(f"[{elapsed // 60}:{elapsed % 60:02d}] {message} ({self.done}/{self.total}{eta})", file=sys.stderr)

    def update(self, message: str, stage: str | None = None, speak: bool = True) -> None:
        """Note what happens now and write the file."""
        with self._lock:
            if stage is not None:
                self.stage = stage
            if speak:
                self.say(message)
            self._write("running", message, None)

    def finish(self, message: str) -> None:
        """The build succeeded."""
        with self._lock:
            self.eta = 0.0
            self._write("succeeded", message, None)

    def fail(self, sentence: str) -> None:
        """The build failed; `sentence` says why."""
        with self._lock:
            self._write("failed", sentence, sentence)

    def _write(self, state: str, message: str, error: str | None) -> None:
        if self.file is None:
            return
        record: dict[str, Any] = {
            "id": self.job_id,
            "kind": "lab-build",
            "state": state,
            "stage": self.stage,
            "stages_done": self.done,
            "stages_total": self.total,
            "eta_s": self.eta,
            "started": self.started,
            "updated": time.time(),
            "message": message,
            "pid": os.getpid(),
            "pid_created": process_started(os.getpid()),
            "error": error,
        }
        self.file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self.file, json.dumps(record) + "\n")


def process_started(pid: int) -> float | None:
    """Unix time at which a process started, or None when it is gone."""
    ticks = start_ticks(pid)
    if ticks is None:
        return None
    for line in Path("/proc/stat").read_text().splitlines():
        if line.startswith("btime "):
            return int(line.split()[1]) + ticks / os.sysconf("SC_CLK_TCK")
    return None


def start_ticks(pid: int) -> int | None:
    """Start time of a live process in clock ticks since boot; None when it is gone or a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])
