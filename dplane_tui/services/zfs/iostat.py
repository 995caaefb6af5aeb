"""What a pool and each of its devices read and write now, as `zpool iostat` measures it while somebody looks."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from ...errors import CommandError, MissingError
from ...lazyclass import dataclass
from ...text import clean
from ..host import Host
from . import names

LEAST = 2
"""Seconds that a measurement lasts at least."""
_COLUMNS = 9  # name, alloc, free, then operations, bandwidth and total wait of reads and writes; more follow
_QUEUES = {32: 18, 29: 17}
"""Columns of a line → the first of the queues, which come in pairs: waiting, at work. Rebuilds came later."""

_GONE = ("no such pool", "parse pools/vdevs list")
"""What zpool says when there is no pool of that name, and nothing else on its list."""


@dataclass(frozen=True, slots=True)
class Rates:
    """The last seconds: operations and bytes a second; the whole wait of one operation, in seconds."""

    read_ops: float
    write_ops: float
    read_bytes: float
    write_bytes: float
    read_wait: float | None = None
    """None: nothing was read, or it is not told."""
    write_wait: float | None = None
    waiting: int | None = None
    """Operations in the queues that no disk has been given yet, at the end of the measurement. None: not told."""
    working: int | None = None
    """Operations that a disk has been given and has not ended."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One of a pool's lines. `device` is a disk or a group of disks by its name, and empty for the pool itself."""

    device: str
    rates: Rates


def parse_rates(line: str, pool: str) -> Measured:
    """One line of `zpool iostat -Hplqv`. Raises CommandError."""
    words = line.rstrip("\n").split("\t")
    try:
        if len(words) < _COLUMNS:
            raise ValueError
        ops, data, wait = words[3:5], words[5:7], words[7:9]
        (read_ops, write_ops), (read, written) = map(_number, ops), map(_number, data)
        found = Rates(read_ops, write_ops, read, written, _wait(wait[0]), _wait(wait[1]), *_queues(words))
    except ValueError:
        raise CommandError(f"What `zpool iostat` said was not understood: “{clean(line, 100)}”.") from None
    # A disk may be called as its pool is; it has no space of its own.
    itself = words[0] == pool and words[1:3] != ["0", "0"]
    return Measured("" if itself else clean(words[0], 100), found)


def _number(word: str) -> float:
    if not (word.isascii() and word.isdigit()):
        raise ValueError
    return float(word)


def _wait(word: str) -> float | None:
    return None if word == "-" else _number(word) / 1e9


def _queues(words: list[str]) -> tuple[int | None, int | None]:
    first = _QUEUES.get(len(words))
    if first is None:
        return None, None
    each = [int(_number(word)) for word in words[first:]]
    return sum(each[::2]), sum(each[1::2])


async def rates(host: Host, pool: str, every: float) -> AsyncGenerator[Measured, None]:
    """Measurement after measurement, one each `every` seconds, until the caller closes it: the pool, then each of its
    devices in ZFS's order. No program stays behind.

    Raises MissingError, CommandError when the pool is gone or ZFS does not answer, UnreachableError and its kinds.
    """
    seconds = str(max(LEAST, round(every)))
    process = await host.open(["zpool", "iostat", "-Hplqvy", names.pool(pool), seconds])
    try:
        async for line in process.lines():
            if line.strip():
                yield parse_rates(line, pool)
        output = await process.wait()
    finally:
        await process.stop()
    if any(words in output.error for words in _GONE):
        raise MissingError(f"There is no pool {clean(pool)} on {host.name} any more.")
    raise CommandError(f"zpool iostat ended with status {output.status}: {clean(output.error, 200) or 'no reason'}.")
