"""What a pool reads and writes now, as `zpool iostat` measures it while somebody looks."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from ...errors import CommandError, MissingError
from ...text import clean
from ..host import Host
from . import names

LEAST = 2
"""Seconds that a measurement lasts at least."""
_COLUMNS = 9  # name, alloc, free, then operations, bandwidth and total wait of reads and writes; more follow

_GONE = ("no such pool", "parse pools/vdevs list")
"""What zpool says when there is no pool of that name, and nothing else on its list."""


@dataclass(frozen=True, slots=True)
class Rates:
    """A pool over the last seconds: operations and bytes a second; the whole wait of one operation, in seconds."""

    read_ops: float
    write_ops: float
    read_bytes: float
    write_bytes: float
    read_wait: float | None = None
    """None: nothing was read, or it is not told."""
    write_wait: float | None = None


def parse_rates(line: str) -> Rates:
    """One line of `zpool iostat -Hpl`. Raises CommandError."""
    words = line.rstrip("\n").split("\t")
    try:
        if len(words) < _COLUMNS:
            raise ValueError
        ops, data, wait = words[3:5], words[5:7], words[7:9]
        return Rates(*map(_number, ops), *map(_number, data), *map(_wait, wait))
    except ValueError:
        raise CommandError(f"What `zpool iostat` said was not understood: “{clean(line, 100)}”.") from None


def _number(word: str) -> float:
    if not (word.isascii() and word.isdigit()):
        raise ValueError
    return float(word)


def _wait(word: str) -> float | None:
    return None if word == "-" else _number(word) / 1e9


async def rates(host: Host, pool: str, every: float) -> AsyncGenerator[Rates, None]:
    """Measurement after measurement, one each `every` seconds, until the caller closes it. No program stays behind.

    Raises MissingError, CommandError when the pool is gone or ZFS does not answer, UnreachableError and its kinds.
    """
    seconds = str(max(LEAST, round(every)))
    process = await host.open(["zpool", "iostat", "-Hply", names.pool(pool), seconds])
    try:
        async for line in process.lines():
            if line.strip():
                yield parse_rates(line)
        output = await process.wait()
    finally:
        await process.stop()
    if any(words in output.error for words in _GONE):
        raise MissingError(f"There is no pool {clean(pool)} on {host.name} any more.")
    raise CommandError(f"zpool iostat ended with status {output.status}: {clean(output.error, 200) or 'no reason'}.")
