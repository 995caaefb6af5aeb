"""Runs benches and writes bench/results.json. To add one: a module in bench/ with a `BENCH` (or `BENCHES`).

Only ratios are judged, never absolute times: both sides run in turn, several times, and the medians are compared.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"


class CannotMeasureError(Exception):
    """This machine lacks what the bench needs; str() says what."""


@dataclass(frozen=True, slots=True)
class Bench:
    """One comparison. `prepare` returns the functions that measure once: ours, against, then `also`."""

    name: str
    ours: str  # what is measured, in words
    against: str  # what it is compared with, in words
    unit: str
    goal: float  # the ratio ours / against must not be above this
    runs: int
    prepare: Callable[[Path], tuple[Callable[[], float], ...]]  # gets a scratch directory
    also: tuple[str, ...] = ()  # names of further ways that `prepare` returns; measured and told, not judged
    warm: bool = True  # measure each way once before, uncounted; not where each time is a new first time


def found() -> dict[str, Bench]:
    """All benches by name."""
    names = sorted(module.name for module in pkgutil.iter_modules([str(HERE)]))
    modules = [importlib.import_module(f"bench.{name}") for name in names if name[0] != "_"]
    benches = [bench for module in modules for bench in getattr(module, "BENCHES", (getattr(module, "BENCH", None),))]
    return {bench.name: bench for bench in benches if isinstance(bench, Bench)}


def measure(bench: Bench, scratch: Path) -> dict[str, object]:
    """Run one bench. Raises CannotMeasureError."""
    ways = bench.prepare(scratch)
    assert len(ways) == 2 + len(bench.also)
    if bench.warm:
        for way in ways:  # the first of each warms caches and is not counted
            way()
    times: list[list[float]] = [[] for _ in ways]
    for turn in range(bench.runs):
        order = list(range(len(ways)))
        for number in order if turn % 2 == 0 else reversed(order):
            times[number].append(ways[number]())
    left, right = times[0], times[1]
    found: dict[str, object] = {
        "ratio": round(median(left) / median(right), 3),
        "ours": round(median(left), 3),
        "against": round(median(right), 3),
        "unit": bench.unit,
        "command": f"python -m bench {bench.name}",
        "runs": bench.runs,
        "goal": bench.goal,
    }
    if bench.also:
        found["also"] = {name: round(median(one), 3) for name, one in zip(bench.also, times[2:], strict=True)}
    return found


def save(results: dict[str, dict[str, object]]) -> None:
    """Put `results` into bench/results.json; those of benches that were not run now stay."""
    try:
        known = json.loads(RESULTS.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    new = RESULTS.with_suffix(".new")
    new.write_text(json.dumps({**known, **results}, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    os.replace(new, RESULTS)


def main(names: list[str]) -> int:
    """Run the named benches, or all; 0 when every goal is met, 1 when one is not, 2 for an unknown name."""
    import tempfile

    benches = found()
    unknown = [name for name in names if name not in benches]
    if unknown:
        sys.stderr.write(f"There is no bench {unknown[0]}. There are: {', '.join(sorted(benches))}.\n")
        return 2
    missed = False
    sys.stdout.write(f"{'bench':<22} {'ours':>10} {'against':>10} unit   ratio   goal\n")
    for name in names or sorted(benches):
        bench = benches[name]
        with tempfile.TemporaryDirectory(prefix="dplane-bench-") as scratch:
            try:
                result = measure(bench, Path(scratch))
            except CannotMeasureError as reason:
                sys.stdout.write(f"{name:<22} not measured: {reason}\n")
                continue
        save({name: result})
        met = float(str(result["ratio"])) <= bench.goal
        missed = missed or not met
        times = f"{result['ours']:>10} {result['against']:>10} {bench.unit:<6}"
        sys.stdout.write(f"{name:<22} {times} {result['ratio']:<7} ≤ {bench.goal}{'' if met else '  MISSED'}\n")
        sys.stdout.write(f"{'':<22} {bench.ours} / {bench.against}\n")
        also = result.get("also")
        for other, value in also.items() if isinstance(also, dict) else ():
            sys.stdout.write(f"{'':<22} {other}: {value} {bench.unit}\n")
        sys.stdout.flush()
    return 1 if missed else 0
