"""The job the console was opened with: shown above everything, and what follows when it is done."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ..text import duration, size
from .gauge import bar
from .layout import Pieces

if TYPE_CHECKING:
    from ..app import Console
    from ..services.jobs.model import Progress


def read_progress(path: Path) -> Progress | None:
    """The progress in `path`; None while there is none or it makes no sense. A dead job is `died`, never running."""
    from ..services.jobs import files

    return files.read(path.parent, path.stem)


def job_lines(job: Progress | None, width: int, now: float) -> list[Pieces]:
    """The job in two lines: what, how far, how long."""
    if job is None:
        return [[(" Waiting for the job to begin…", "dim")]]
    title = job.title or job.kind
    role = {"succeeded": "good", "running": "strong", "queued": "strong"}.get(job.state, "bad")
    first: list[tuple[str, str]] = [(f" {title}: ", "strong"), (job.state, role)]
    if job.stage and job.active:
        first.append((f" · {job.stage}", "text"))
    if job.stages_total and job.active:
        first.append((f" (stage {min((job.stages_done or 0) + 1, job.stages_total)} of {job.stages_total})", "dim"))
    parts: list[tuple[str, str]] = [(" ", "text")]
    percent = job.percent
    if percent is not None:
        cells = min(30, max(8, width // 4))
        parts += [*bar(percent, cells), (f" {percent:.0f}%", "strong")]
    if job.bytes_done is not None:
        total = f" of {size(job.bytes_total)}" if job.bytes_total else ""
        parts.append((f"  {size(job.bytes_done)}{total}", "text"))
    if job.rate_bps:
        parts.append((f"  {size(job.rate_bps)}/s", "text"))
    if job.active:
        parts.append((f"  ETA {duration(job.eta_s)}", "text"))
        if job.updated is not None and now - job.updated > 120:
            parts.append((f"  no sign of life for {duration(now - job.updated)}", "warn"))
    said = job.error or job.message
    if said:
        parts.append((f"  {said}", "bad" if job.error else "dim"))
    return [first, parts]


class JobFollower:
    """Watches the progress file of `path`; when the job has succeeded, moves the console to `then_host`."""

    def __init__(self, path: Path, then_host: str | None, every: float = 1.0) -> None:
        self._path = path
        self._then_host = then_host
        self._every = every
        self._job: Progress | None = None
        self._gone = False

    def lines(self, width: int) -> list[Pieces]:
        """What to show above every section; nothing once the console has moved on."""
        return [] if self._gone else job_lines(self._job, width, time.time())

    async def run(self, app: Console) -> None:
        """Follow to the end."""
        while True:
            job = await asyncio.to_thread(read_progress, self._path)
            if job is not None and job != self._job:
                self._job = job
                app.retell()
            if job is not None and not job.active:
                break
            await asyncio.sleep(self._every)
        if job.state != "succeeded":
            told = f"{job.title or job.kind} {job.state}: {job.error or job.message or 'no reason given'}"
            app.say(told, "bad", stays=True)
            return
        self._gone = True
        if self._then_host is None:
            app.say(f"{job.title or job.kind} is done.", "good", stays=True)
            return
        await app.switch_host(self._then_host)
        app.say(f"Ready: this is {self._then_host} now.", "good", stays=True)
