"""`dplane replicate list` without tasks, start to end: what every command of the product costs before it works."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter

from .run import Bench

BARE = "import argparse, asyncio, json, sqlite3; asyncio.run(asyncio.sleep(0))"


def _prepare(scratch: Path) -> tuple[Callable[[], float], Callable[[], float]]:
    root = str(Path(__file__).parents[1])
    places = {"DPLANE_STATE_DIR": str(scratch), "DPLANE_RUN_DIR": str(scratch), "PYTHONPATH": root}
    env = {**{key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}, **places}

    def measured(words: Sequence[str]) -> Callable[[], float]:
        def measure() -> float:
            begun = perf_counter()
            done = subprocess.run([sys.executable, *words], capture_output=True, env=env)
            took = perf_counter() - begun
            assert done.returncode in (0, 6), done.stderr  # 6: there is no ZFS here
            return took * 1000

        return measure

    return measured(["-m", "dplane_tui", "replicate", "list"]), measured(["-c", BARE])


BENCH = Bench(
    name="command-start",
    ours="dplane replicate list, without tasks",
    against="Python with argparse, asyncio and sqlite3",
    unit="ms",
    goal=2.0,
    runs=31,
    prepare=_prepare,
)
