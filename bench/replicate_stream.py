"""One stream of 64 MB from box to box, without a limit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ._pair import JOB, SSH, Boxes, Way, blob, boxes, ways
from .run import Bench

_FOLDERS = {"ours": "ours", "by hand": "hand", "syncoid": "syncoid", "bzfs": "bzfs"}


def _once(pair: Boxes, way: Way) -> Callable[[], float]:
    source = blob(pair)
    target = f"vault/{_FOLDERS[way.name]}/blob"
    line = {
        "ours": JOB.format("blob"),
        "by hand": f"zfs send {source}@b | {SSH} zfs receive -u {target}",
        "syncoid": f"syncoid --no-sync-snap {source} root@nas-b:{target}",
        "bzfs": f"PYTHONPATH=/srv/bench-tools/bzfs python3 -m bzfs_main.bzfs {source} root@nas-b:{target}",
    }[way.name]

    def measure() -> float:
        pair.b(f"zfs destroy -r {target} 2>/dev/null || true")
        took = pair.timed(line)
        here = pair.a(f"zfs get -Hpo value guid {source}@b")
        assert pair.b(f"zfs get -Hpo value guid {target}@b") == here
        return took

    return measure


def _prepare(_: Path) -> tuple[Callable[[], float], ...]:
    pair = boxes()
    return tuple(_once(pair, way) for way in ways())


BENCH = Bench(
    name="replicate-stream",
    ours="the first run of one dataset of 64 MB, from the start of its process to its end",
    against="zfs send | ssh | zfs receive",
    unit="s",
    goal=1.1,
    runs=1,
    prepare=_prepare,
    also=("syncoid", "bzfs"),
    warm=False,
)
