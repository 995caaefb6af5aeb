"""Names checked before they are sent to the door. The grammar is the helper's own, so that the two cannot disagree."""

from __future__ import annotations

from collections.abc import Callable

from privhelper import grammar

from ...errors import RefusedError
from ...text import clean


def _require(what: str, problem: Callable[[object], str], value: str) -> str:
    broken = problem(value)
    if broken:
        raise RefusedError(f"“{clean(value, 60)}” cannot be used as {what}: it {broken}.")
    return value


def pool(value: str) -> str:
    """`value` if it can name a pool. Raises RefusedError."""
    return _require("a pool's name", grammar.pool_problem, value)


def new_pool(value: str) -> str:
    """`value` if it can name a new pool. Raises RefusedError."""
    return _require("the name of a new pool", grammar.new_pool_problem, value)


def dataset(value: str) -> str:
    """`value` if it can name a file system or volume. Raises RefusedError."""
    return _require("a dataset's name", grammar.dataset_problem, value)


def new_dataset(value: str) -> str:
    """`value` if it can name a dataset below a pool. Raises RefusedError."""
    if "/" not in value:
        raise RefusedError(f"“{clean(value, 60)}” is a pool's name; a dataset is called POOL/NAME.")
    return dataset(value)


def snapshot(value: str) -> str:
    """`value` if it can be the full name of a snapshot. Raises RefusedError."""
    return _require("a snapshot's name", grammar.snapshot_problem, value)


def disk(value: str) -> str:
    """`value` if it can be a name under /dev/disk/by-id. Raises RefusedError."""
    return _require("a disk's name", grammar.disk_problem, value)
