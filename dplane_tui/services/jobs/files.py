"""Progress files: written atomically by the job, read tolerantly by everyone. What a file says is not trusted."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
import time
from pathlib import Path
from typing import Any

from ...text import clean
from .model import ACTIVE, FINISHED, Progress

SIZE_LIMIT = 64 * 1024
KEEP_SECONDS = 7 * 86400.0
KEEP_FILES = 200
_UNIX_TIMES = 1e9  # seconds since boot never get there
START_SECONDS = 300.0  # an emulated or busy box may take a minute or two to start a unit
_ENDED = ("Z", "X")  # zombie, dead
_STATES = (ACTIVE | FINISHED) - {"died"}
_WHOLE = ("stages_done", "stages_total", "bytes_done", "bytes_total", "pid")
_REAL = ("rate_bps", "eta_s", "started", "updated", "pid_created")
_SHORT = ("kind", "stage")
_LONG = ("title", "message", "error")


def file_of(folder: Path, job: str) -> Path:
    """Where the job called `job` reports."""
    return folder / f"{job}.json"


def write(folder: Path, progress: Progress) -> None:
    """Put `progress` in its file, whole or not at all. Raises OSError."""
    fields = {name: value for name, value in dataclasses.asdict(progress).items() if value not in (None, "")}
    path = file_of(folder, progress.id)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        # The group may put links into the folder: what is there under that name is removed, never written through.
        fresh.unlink(missing_ok=True)
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o664)
        with open(handle, "w", encoding="ascii") as file:
            os.fchmod(handle, 0o664)
            file.write(json.dumps(fields, ensure_ascii=True) + "\n")
        fresh.replace(path)
    finally:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)


def parse(job: str, text: str) -> Progress:
    """What a progress file says. One that cannot be understood is a job in the state `unknown`, never an error."""
    try:
        fields = json.loads(text) if len(text) <= SIZE_LIMIT else None
    except (ValueError, RecursionError):
        fields = None
    state = fields.get("state") if isinstance(fields, dict) else None
    if not isinstance(fields, dict) or not isinstance(state, str) or state not in _STATES or fields.get("id") != job:
        return Progress(clean(job, 64), "unknown", "unknown", error="Its progress file cannot be understood.")
    known: dict[str, Any] = {name: _text(fields.get(name), 64) for name in _SHORT}
    known |= {name: _text(fields.get(name), 500) for name in _LONG}
    known |= {name: _number(fields.get(name), whole=True) for name in _WHOLE}
    known |= {name: _number(fields.get(name), whole=False) for name in _REAL}
    return Progress(id=job, state=state, **known)


def _text(value: Any, limit: int) -> str:
    return clean(value[: 4 * limit], limit) if isinstance(value, str) else ""


def _number(value: Any, *, whole: bool) -> Any:
    """A number that is finite and not below zero; anything else is unknown."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if not 0 <= value < 2**63 or not math.isfinite(value):
        return None
    return int(value) if whole else float(value)


def read(folder: Path, job: str) -> Progress | None:
    """The progress of one local job; None when it never reported. A process that is gone makes it `died`."""
    try:
        with file_of(folder, job).open("rb") as file:
            text = file.read(SIZE_LIMIT + 1).decode("utf-8", "replace")
    except OSError:
        return None
    return buried(parse(job, text))


def buried(progress: Progress) -> Progress:
    """`progress` as it truly is on this machine: `died` when its process is gone, or never came."""
    if progress.state == "running" and not process_lives(progress.pid, progress.pid_created):
        return died(progress)
    if progress.state == "queued" and time.time() - (progress.updated or 0.0) > START_SECONDS:
        return died(dataclasses.replace(progress, error="It was queued and never started; `dplane doctor` looks why."))
    return progress


def died(progress: Progress) -> Progress:
    """`progress` of a job whose process ended without saying how."""
    return dataclasses.replace(
        progress,
        state="died",
        rate_bps=None,
        eta_s=None,
        error=progress.error or "Its process ended without a word: killed, out of memory, or the power failed.",
    )


def process_lives(pid: int | None, created: float | None) -> bool:
    """Whether the process `pid` that started at `created` is still there, and not a zombie.

    `created` is in seconds since boot as `own_process` tells it, or, from other writers, in Unix seconds.
    """
    if not pid:
        return False
    try:
        fields = _stat(pid)
        begun = _since_boot(fields)
        if created is None:
            same = True
        elif created < _UNIX_TIMES:
            same = abs(begun - created) < 0.05
        else:
            same = abs(_booted() + begun - created) < 2.0
        return same and fields[0] not in _ENDED
    except PermissionError:
        return True
    except (OSError, ValueError, IndexError, StopIteration):
        return False


def own_process() -> tuple[int, float]:
    """Pid and start of this process, in seconds since boot: a box without a clock sets its time while jobs run."""
    return os.getpid(), _since_boot(_stat(os.getpid()))


# Read here and not by psutil, which costs the process of a job more memory than all of its data.
def _stat(pid: int) -> list[str]:
    """The fields of proc(5)'s stat behind the name, which may hold anything: state first."""
    return Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()


def _since_boot(fields: list[str]) -> float:
    return int(fields[19]) / os.sysconf("SC_CLK_TCK")  # field 22 of proc(5), counted behind the name


def _booted() -> float:
    """When this machine was booted, in Unix seconds by its present clock."""
    lines = Path("/proc/stat").read_text("ascii", "replace").splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith("btime ")))


def sweep(folder: Path, now: float | None = None) -> None:
    """Remove progress files of jobs that ended long ago, and the oldest when there are too many."""
    now = time.time() if now is None else now
    ended: list[tuple[float, Path]] = []
    for path in folder.glob("*.json"):
        progress = read(folder, path.stem)
        if progress is not None and not progress.active:
            with contextlib.suppress(OSError):
                ended.append((progress.updated or path.stat().st_mtime, path))
    ended.sort(reverse=True)
    for number, (when, path) in enumerate(ended):
        if number >= KEEP_FILES or now - when > KEEP_SECONDS:
            with contextlib.suppress(OSError):
                path.unlink()
