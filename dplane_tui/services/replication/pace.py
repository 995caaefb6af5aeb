"""How fast a run may go, followed while it runs: the task's limit by time of day, and its pause."""

from __future__ import annotations

import asyncio
import contextlib
import time

from ...errors import DPlaneError, MissingError
from ..jobs.report import Reporter
from ..store import Store
from . import rates, records
from .model import Options
from .pump import Throttle

EVERY = 2.0  # seconds until a change is felt
HELD = "held: the task is paused"


def rate_now(options: Options, now: float, *, pauses: bool = True) -> float | None:
    """Bytes a second that are allowed at the Unix time `now`; None is no limit. Raises UsageError.

    A pause holds what `pauses`.
    """
    if options.paused and pauses:
        return 0.0
    local = time.localtime(now)
    return rates.parse(options.limit).at(local.tm_hour * 60 + local.tm_min)


async def set_pace(store: Store, task: str, throttle: Throttle, *, pauses: bool = True) -> None:
    """Read the task's options and set the throttle; as it was when the task was removed meanwhile."""
    with contextlib.suppress(MissingError):
        throttle.rate = rate_now((await records.task(store, task)).options, time.time(), pauses=pauses)


async def follow(store: Store, task: str, throttle: Throttle, report: Reporter, *, pauses: bool = True) -> None:
    """Until it is cancelled: keep the throttle as the task says, and tell when it holds everything."""
    before = ""
    while True:
        await asyncio.sleep(EVERY)
        with contextlib.suppress(DPlaneError):  # the store is busy or the limit is being edited: the last rate holds
            await set_pace(store, task, throttle, pauses=pauses)
        if throttle.rate == 0 and report.progress.stage != HELD:
            before = report.progress.stage
            report.update(stage=HELD, rate_bps=0.0, eta_s=None)
        elif throttle.rate != 0 and report.progress.stage == HELD:
            report.update(stage=before)
