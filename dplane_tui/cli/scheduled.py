"""`dplane scheduled NAME`: what a timer runs. Starts the work, or says why it is left out this time."""

from __future__ import annotations

import argparse
import time

from ..errors import UsageError
from ..services.host import Host
from ..services.replication import rates
from ..services.replication.model import Options
from ..services.replication.records import ACTIVE
from ..services.replication.service import open_replication
from .output import Result


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("name", help="the timer's name: task-NAME")
    parser.set_defaults(handler=_scheduled)


async def _scheduled(host: Host, args: argparse.Namespace) -> Result:
    kind, _, name = args.name.partition("-")
    if kind != "task" or not name:
        raise UsageError(f"There is no scheduled work called {args.name}.")
    service = open_replication(host)
    task = await service.task(name)
    why = left_out(task.options, time.time())
    going = next((run for run in await service.runs(name, 5) if run.state in ACTIVE and run.kind != "verify"), None)
    if going is not None:
        why = f"its run {going.id} goes on"
    if why:
        return Result({"task": name, "started": None, "why": why}, f"The task {name} is left out this time: {why}.")
    run = await service.start(name)
    return Result({"task": name, "started": run, "why": ""}, f"The task {name} was started as {run}.")


def left_out(options: Options, now: float) -> str:
    """Why a scheduled run does not start at the Unix time `now`, a clause; empty when it does."""
    if options.paused:
        return "it is paused"
    local = time.localtime(now)
    if options.window and not rates.parse_span(options.window).holds(local.tm_hour * 60 + local.tm_min):
        return f"it may start only at {options.window}"
    return ""
