"""A limit of R over ten seconds: how far from R what passed is, in either direction."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from dplane_tui.services.replication.pump import EOF, Pump, Throttle

from .run import Bench

RATE = 20 * 1024 * 1024
SECONDS = 10


def _once() -> float:
    source, from_zero = os.pipe()
    to_null, sink = os.pipe()
    with (
        subprocess.Popen(["head", "-c", str(RATE * SECONDS), "/dev/zero"], stdout=from_zero),
        subprocess.Popen(["cat"], stdin=to_null, stdout=subprocess.DEVNULL),
    ):
        os.close(from_zero)
        os.close(to_null)
        pump = Pump(source, sink, throttle=Throttle(RATE))
        begun = perf_counter()
        end = pump.run()
        took = perf_counter() - begun
        os.close(source)
        os.close(sink)
    assert (end, pump.count) == (EOF, RATE * SECONDS)
    return max(took / SECONDS, SECONDS / took)


def _prepare(_: Path) -> tuple[Callable[[], float], ...]:
    return _once, lambda: 1.0


BENCH = Bench(
    name="replicate-throttle",
    ours=f"the rate of a stream limited to {RATE >> 20} MiB/s over {SECONDS} s, above or below the limit",
    against="the limit",
    unit="×",
    goal=1.05,
    runs=3,
    prepare=_prepare,
    warm=False,
)
