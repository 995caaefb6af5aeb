"""What a job's unit runs: find out which kind of job it is, do it, record how it ended."""

from __future__ import annotations

import asyncio
import contextlib
import signal

from ... import paths
from ...errors import MissingError
from ...text import clean
from . import files


async def run_job(job: str) -> str:
    """Run the queued job called `job` in this process, to its end; returns its final state.

    SIGTERM cancels it: what it started is ended and the cancellation recorded. Raises MissingError for an unknown job.
    """
    if not job.startswith("replicate-"):
        raise MissingError(f"There is no job {clean(job, 60)}.", "`dplane job list` shows those there are.")
    from ..replication.job import run_replication

    folder = paths.current().jobs
    with contextlib.suppress(OSError):
        files.sweep(folder)
    loop = asyncio.get_running_loop()
    work = asyncio.ensure_future(run_replication(job))
    for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(sig, work.cancel)
    try:
        return await work
    finally:
        for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.remove_signal_handler(sig)
