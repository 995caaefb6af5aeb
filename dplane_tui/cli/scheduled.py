"""`dplane scheduled NAME`: what a timer runs. Does or starts the work, or says why it is left out this time."""

from __future__ import annotations

import argparse
import time

from ..aside import aside
from ..errors import DPlaneError, UsageError
from ..services.door import Door
from ..services.host import Host
from ..services.replication import rates, timer
from ..services.replication.model import Options, Task
from ..services.replication.records import ACTIVE
from ..services.replication.service import LocalReplication
from .output import Result


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "name",
        help="the timer's name: task-NAME, catchup-NAME, policy-snapshots, scrub-POOL, trim-POOL, smart-short or -long",
    )
    parser.set_defaults(handler=_scheduled)


async def _scheduled(host: Host, args: argparse.Namespace) -> Result:
    kind, _, name = args.name.partition("-")
    if args.name == "policy-snapshots":
        return await _policies(host)
    if kind in ("scrub", "trim", "smart") and name:
        return await _upkeep(host, args.name)
    if kind not in ("task", "catchup") or not name:
        raise UsageError(f"There is no scheduled work called {args.name}.")
    return await _task(host, name, again=kind == "catchup")


async def _task(host: Host, name: str, *, again: bool) -> Result:
    """Start a task, or say why it is left out; `again` to make up what was outside of its hours."""
    if not host.local:
        raise UsageError("A timer starts the tasks of its own box, so this is not with --host.")
    service = LocalReplication(host)
    task = await service.task(name)
    runs = await service.runs(name, 20)
    going = next((run for run in runs if run.state in ACTIVE and run.kind != "verify"), None)
    why = left_out(task.options, time.time())
    done = again and not await service.is_missed(name)
    if done:
        why = "it has run since it was outside of its hours"
    elif why and not task.options.paused:
        await _make_up(host, task)  # also when it was made up for hours that were changed since
    if going is not None:  # what it comes to is not known yet, so it makes up for nothing
        why = f"its run {going.id} goes on"
    run = None if why else await service.start(name)
    if again and (run or done):
        await _made_up(host, name)
    text = f"was started as {run}" if run else f"is left out this time: {why}"
    return Result({"task": name, "started": run, "why": why}, f"The task {name} {text}.")


async def _make_up(host: Host, task: Task) -> None:
    try:
        if await timer.make_up(Door(host), task.name, task.options):
            aside(f"{task.name} is made up for when its hours begin")
    except DPlaneError as error:
        aside(f"{task.name} is not made up for when its hours begin: {error}")


async def _made_up(host: Host, name: str) -> None:
    try:
        await timer.forget_missed(Door(host), name)
    except DPlaneError as error:  # it goes off once more, and nothing is missed then
        aside(f"the timer that made {name} up could not be taken away: {error}")


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
