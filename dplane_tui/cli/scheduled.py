"""`dplane scheduled NAME`: what a timer runs. Does or starts the work, or says why it is left out this time."""

from __future__ import annotations

import argparse
import time

from ..aside import aside
from ..errors import DPlaneError, UsageError
from ..services.host import Host
from ..services.replication import rates
from ..services.replication.model import Options
from ..services.replication.records import ACTIVE
from ..services.replication.service import open_replication
from .output import Result


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "name", help="the timer's name: task-NAME, policy-snapshots, scrub-POOL, trim-POOL, smart-short, smart-long"
    )
    parser.set_defaults(handler=_scheduled)


async def _scheduled(host: Host, args: argparse.Namespace) -> Result:
    kind, _, name = args.name.partition("-")
    if args.name == "policy-snapshots":
        return await _policies(host)
    if kind in ("scrub", "trim", "smart") and name:
        return await _upkeep(host, args.name)
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


async def _policies(host: Host) -> Result:
    from ..services.policies.model import Wish
    from ..services.policies.service import open_policies
    from .policy import tell, trouble

    done = await open_policies(host).run(Wish(dry=False))
    await _told(host)
    return Result(done, tell(done, only_changes=True), trouble(done))


async def _told(host: Host) -> None:
    from ..services.notify.service import NotifyService

    try:
        await NotifyService(host).policies()
    except DPlaneError as error:  # it is stored; the next regular look tells of it
        aside(str(error))


async def _upkeep(host: Host, timer: str) -> Result:
    from ..errors import CommandError
    from ..services.upkeep.model import FAILED
    from ..services.upkeep.service import UpkeepService

    done = await UpkeepService(host).start(timer)
    await _told(host)
    error = CommandError(f"{timer} could not be started: {done.message}") if done.state == FAILED else None
    return Result({"timer": timer, "start": done}, done.message, error)


def left_out(options: Options, now: float) -> str:
    """Why a scheduled run does not start at the Unix time `now`, a clause; empty when it does."""
    if options.paused:
        return "it is paused"
    local = time.localtime(now)
    if options.window and not rates.parse_span(options.window).holds(local.tm_hour * 60 + local.tm_min):
        return f"it may start only at {options.window}"
    return ""
