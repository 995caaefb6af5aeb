"""A run in this process, to its end, where no systemd unit can do it: `--foreground`."""

from __future__ import annotations

import argparse

from ..errors import UsageError
from ..services.replication.model import Run
from ..services.replication.service import LocalReplication, ReplicationService


def add(how: argparse._MutuallyExclusiveGroup) -> None:
    """Add `--detach` and `--foreground`, which exclude each other."""
    how.add_argument("--detach", action="store_true", help="start it and do not wait")
    how.add_argument("--foreground", action="store_true", help="run it in this process, without systemd")


async def run_here(service: ReplicationService, name: str, mode: str = "run", request: str = "") -> Run:
    """Queue a run of the task and do it; returns it as it ended. Raises UsageError when it is another box's."""
    if not isinstance(service, LocalReplication):
        raise UsageError("--foreground runs on this machine only, not with --host.")
    from ..services.jobs.run import run_job

    run = await service.queue(name, mode, request)
    await run_job(run.id)
    return await service.run(run.id)
