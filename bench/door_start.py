"""One request of the no-op verb through the installed form of the helper: start, read, check, audit, answer."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from .run import Bench, CannotMeasureError

PYTHON = "/usr/bin/python3"  # the one in the helper's first line
REQUEST = b'{"verb":"noop"}\n'


def _prepare(scratch: Path) -> tuple[Callable[[], float], Callable[[], float]]:
    if not os.access(PYTHON, os.X_OK):
        raise CannotMeasureError(f"there is no {PYTHON}, which the helper runs on")
    log = scratch / "log"
    log.mkdir(mode=0o750)
    helper = scratch / "privhelper"
    # Only the log's place and the owner differ from the real thing, so that this needs no root and touches no real log.
    places = {"AUDIT_DIR": str(log), "OWNER_UID": os.getuid()}
    code = f"from privhelper.build import build; build({str(helper)!r}, {places!r})"
    root = Path(__file__).parents[1]
    subprocess.run([PYTHON, "-B", "-c", code], check=True, cwd=root)

    def ours() -> float:
        begun = perf_counter()
        done = subprocess.run([str(helper)], input=REQUEST, stdout=subprocess.PIPE, env={}, check=True)
        took = perf_counter() - begun
        assert done.stdout == b'{"ok":true,"verb":"noop"}\n', done.stdout
        return took * 1000

    def against() -> float:
        begun = perf_counter()
        subprocess.run([PYTHON, "-I", "-c", "pass"], input=b"", stdout=subprocess.PIPE, env={}, check=True)
        return (perf_counter() - begun) * 1000

    return ours, against


BENCH = Bench(
    name="door-start",
    ours="privhelper, one noop request, audited and answered",
    against="python3 -I -c pass",
    unit="ms",
    goal=1.6,
    runs=31,
    prepare=_prepare,
)
