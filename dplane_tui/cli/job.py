"""`dplane job …`: work that runs outside the console."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time

from .. import text
from ..errors import CommandError, DPlaneError, StoppedError
from ..services.host import Host
from ..services.jobs import JobService, Progress
from .output import Result, rewrite, say, table


def add(parser: argparse.ArgumentParser) -> None:
    """Add the verbs."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    verbs.add_parser("list", help="jobs and how far they are").set_defaults(handler=_list, reads=True)
    for verb, handler, reads, what in (
        ("run", _run, False, "run a queued job in this process (what its unit does)"),
        ("stop", _stop, False, "stop a job"),
        ("watch", _watch, True, "follow a job to its end"),
    ):
        one = verbs.add_parser(verb, help=what)
        one.add_argument("job")
        one.set_defaults(handler=handler, reads=reads)


async def _list(host: Host, _args: argparse.Namespace) -> Result:
    jobs = await JobService(host).list()
    now = time.time()
    rows = [(job.id, job.kind, job.state, text.age(job.started, now), line(job)) for job in jobs]
    return Result(jobs, table(("JOB", "KIND", "STATE", "STARTED", "PROGRESS"), rows) if rows else "No job.")


def line(job: Progress) -> str:
    """How far a job is, in one line."""
    if not job.active:
        return text.clean(job.error or job.message)
    parts = [text.clean(job.stage)] if job.stage else []
    if job.bytes_done is not None:
        total = f" of about {text.size(job.bytes_total)}" if job.bytes_total else ""
        parts.append(f"{text.size(job.bytes_done)}{total}")
    if job.percent is not None:
        parts.append(f"{job.percent:.0f} %")
    if job.rate_bps is not None:
        parts.append(f"{text.size(job.rate_bps)}/s")
    if job.eta_s is not None:
        parts.append(f"{text.duration(job.eta_s)} left")
    return ", ".join(parts)


async def _run(_host: Host, args: argparse.Namespace) -> Result:
    from ..services.jobs.run import run_job

    state = await run_job(args.job)
    good = state in {"succeeded", "nothing-new", "cancelled"}  # to its unit, one that was stopped ended well
    error = None if good else CommandError(f"The job {args.job} ended as {state}.", "`dplane job list` tells why.")
    return Result({"job": args.job, "state": state}, f"{args.job}: {state}", error)


async def _stop(host: Host, args: argparse.Namespace) -> Result:
    service = JobService(host)
    await service.stop(args.job)
    job = await service.get(args.job)
    return Result(job, f"{job.id}: {job.state}")


async def _watch(host: Host, args: argparse.Namespace) -> Result:
    job = await follow(host, args.job, quiet=args.json)
    return Result(job, f"{job.id}: {job.state}", failure(job))


def failure(job: Progress) -> DPlaneError | None:
    """The error for a job that ended otherwise than well."""
    if job.state == "succeeded":
        return None
    why = text.clean(job.error or job.message).rstrip(".")
    told = f"The job {job.id} ended as {job.state}{f': {why}' if why else ''}."
    return StoppedError(told) if job.state == "cancelled" else CommandError(told)


async def follow(host: Host, job_id: str, *, quiet: bool) -> Progress:
    """Wait for the end of a job; its progress goes to standard error, on a terminal as one line that is rewritten."""
    last = None
    width = 0
    live = sys.stderr.isatty() and not quiet
    try:
        async for last in JobService(host).watch(job_id, 0.5 if host.local else 2.0):
            if live:
                width = rewrite(text.clean(line(last), 110), width)
    except asyncio.CancelledError:  # asyncio's way of Ctrl-C
        if live:
            say("", beside=True)
        raise StoppedError(
            f"No longer watched; {job_id} goes on by itself.",
            f"`dplane job watch {job_id}` follows it again, `dplane job stop {job_id}` stops it.",
        ) from None
    if live:
        rewrite("", width)
    assert last is not None  # watch yields at least once or raises
    return last
