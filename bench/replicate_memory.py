"""Memory of the process of a run while its stream goes: its proportional share, measured in nas-a."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

from ._pair import Boxes, blob, boxes
from .run import Bench, CannotMeasureError

LIMIT = 24.0  # MiB
_PATIENCE = 600.0


def _once(pair: Boxes) -> float:
    pair.b("zfs destroy -r vault/ours/blob 2>/dev/null || true")
    pair.a("dplane replicate limit blob 1M")
    run = str(json.loads(pair.a("dplane replicate run blob --detach --json"))["data"]["id"])
    try:
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            told = json.loads(pair.a(f"cat /run/dplane/jobs/{run}.json"))
            if told.get("bytes_done", 0) > 2 << 20:
                share = pair.a(f"grep ^Pss: /proc/{told['pid']}/smaps_rollup")
                return int(share.split()[1]) / 1024
            if told["state"] not in {"queued", "running"}:
                break
            time.sleep(2)
    finally:
        pair.a(f"dplane replicate cancel {run} || true; dplane replicate limit blob full")
    raise CannotMeasureError("the run did not come to its stream")


def _prepare(_: Path) -> tuple[Callable[[], float], ...]:
    pair = boxes()
    blob(pair)
    return lambda: _once(pair), lambda: LIMIT


BENCH = Bench(
    name="replicate-memory",
    ours="the process of a run with its stream going (PSS)",
    against="the limit",
    unit="MiB",
    goal=1.0,
    runs=1,
    prepare=_prepare,
    warm=False,
)
