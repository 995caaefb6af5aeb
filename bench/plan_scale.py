"""Planning for large pools, from listed lines to steps: does the cost of a snapshot grow with their number?

Both sides of `datasets` datasets with 100 snapshots each are listed; the target lacks the newest of each. Each size is
planned in a process of its own. Its peak of memory must stay below LIMIT MiB, else there is no measurement.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from .run import Bench, CannotMeasureError

LIMIT = 120.0  # MiB, for 1000 datasets with 100 snapshots each
_SNAPSHOTS = 100
_PROGRAM = """
import json, resource, sys, time
from dplane_tui.services.replication.model import Task
from dplane_tui.services.replication.plan import make_plan
from dplane_tui.services.replication.read import get_argv, parse

datasets, each = int(sys.argv[1]), int(sys.argv[2])
asked = get_argv("x", True)[-2].split(",")

def side(top, count):
    names = [top] + [f"{top}/d{number}" for number in range(datasets - 1)]
    listed = "".join(
        f"{name}@auto-2026-01-01-{at:05d}\\t{10**18 + number * 1000 + at}\\t{at * 10}\\n"
        for number, name in enumerate(names) for at in range(count)
    )
    value = {"type": "filesystem", "written": "0", "referenced": "1", "guid": "5"}
    got = "".join(f"{name}\\t{prop}\\t{value.get(prop, '-')}\\t-\\n" for name in names for prop in asked)
    return listed, got

begun = time.process_time()
lines = [side("tank/a", each), side("vault/a", each - 1)]
made = time.process_time()
here, there = (parse(*one) for one in lines)
plan = make_plan(Task("t", "tank/a", None, "vault/a", recursive=True, snapshot=False), here, there, None)
took = time.process_time() - made
assert len(plan.steps) == datasets and all(step.kind == "incremental" for step in plan.steps)
text = sum(len(part) for one in lines for part in one)
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({"seconds": took, "peak": peak / 1024, "text": text / 2**20}))
"""


def planned(datasets: int) -> dict[str, float]:
    """Seconds of processor time, MiB of peak memory and MiB of listings for so many datasets."""
    words = [sys.executable, "-c", _PROGRAM, str(datasets), str(_SNAPSHOTS)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[1])
    if done.returncode != 0:
        raise CannotMeasureError(done.stderr[-300:])
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _prepare(_: Path) -> tuple[Callable[[], float], ...]:
    def each(datasets: int) -> Callable[[], float]:
        def once() -> float:
            found = planned(datasets)
            if found["peak"] > LIMIT:
                raise CannotMeasureError(f"{datasets} datasets took {found['peak']:.0f} MiB, more than {LIMIT:.0f}")
            return found["seconds"] * 1e6 / (datasets * _SNAPSHOTS)

        return once

    return each(1000), each(100), each(300)


BENCH = Bench(
    name="plan-scale",
    ours="planning 1000 datasets with 100 snapshots each, for each snapshot",
    against="the same with 100 datasets",
    unit="µs",
    goal=1.3,
    runs=3,
    prepare=_prepare,
    also=("300 datasets",),
)
