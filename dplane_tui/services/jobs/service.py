"""Jobs of a box: what runs outside the console, started and stopped through the privileged door."""

from __future__ import annotations

import asyncio
import posixpath
from collections.abc import AsyncIterator, Sequence

from ... import paths
from ...errors import MissingError, RefusedError
from ..door import Door
from ..host import Host
from . import files
from .model import Progress

SILENT_SECONDS = 30.0


class JobService:
    """Lists, watches, starts and stops the jobs of one host."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._door = Door(host)

    @property
    def _folder(self) -> str:
        return str(paths.current().jobs if self._host.local else paths.SYSTEM_RUN / "jobs")

    async def list(self) -> tuple[Progress, ...]:
        """Every job the box knows, newest first. Raises UnreachableError."""
        found = await self._host.read_files([f"{self._folder}/*.json"])
        jobs = [files.parse(posixpath.basename(path)[: -len(".json")], text) for path, text in found.items()]
        true = [files.buried(job) for job in jobs] if self._host.local else await self._bury_far(jobs)
        return tuple(sorted(true, key=lambda job: job.started or job.updated or 0.0, reverse=True))

    async def _bury_far(self, jobs: Sequence[Progress]) -> Sequence[Progress]:
        """Tell which far jobs died: their unit is not active and their file has been silent, by the far clock."""
        running = [job for job in jobs if job.state == "running"]
        if not running:
            return jobs
        units = [f"dplane-job@{job.id}.service" for job in running]
        said = (await self._host.run(["systemctl", "is-active", *units])).text.split()
        if len(said) != len(running):
            return jobs  # no systemd there: nothing can be said
        idle = {job.id for job, state in zip(running, said, strict=True) if state in {"inactive", "failed"}}
        if not idle:
            return jobs
        clock = (await self._host.run(["date", "+%s"])).text.strip()
        now = float(clock) if clock.isdigit() else 0.0
        return [
            files.died(job) if job.id in idle and now - (job.updated or now) > SILENT_SECONDS else job for job in jobs
        ]

    async def get(self, job: str) -> Progress:
        """One job. Raises MissingError when there is none of that name."""
        for progress in await self.list():
            if progress.id == job:
                return progress
        raise MissingError(f"There is no job {job} on {self._host.name}.", "`dplane job list` shows those there are.")

    async def watch(self, job: str, every: float = 0.5) -> AsyncIterator[Progress]:
        """The progress of `job` each time it changed, until it ended. `every` in seconds."""
        last: Progress | None = None
        while True:
            progress = await self.get(job)
            if progress != last:
                last = progress
                yield progress
            if not progress.active:
                return
            await asyncio.sleep(every)

    async def start(self, job: str) -> None:
        """Start the unit of a job that is queued. Raises what the door raises."""
        if self._host.local and not paths.current().installed:
            raise MissingError(
                "D-Plane is not installed on this machine, so there is no unit that could run the job.",
                "Install it with `sudo make install`, or give `dplane replicate run|restore|verify` `--foreground`.",
            )
        await self._door.call("job-start", job=job)

    async def stop(self, job: str) -> None:
        """Stop the unit of a job. Raises what the door raises, RefusedError when it is not running."""
        progress = await self.get(job)
        if not progress.active:
            raise RefusedError(
                f"The job {job} is not running: it is {progress.state}.", "`dplane job list` shows which are."
            )
        await self._door.call("job-stop", job=job, timeout=150)
