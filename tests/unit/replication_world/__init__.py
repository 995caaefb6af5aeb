"""A small model of OpenZFS, as programs that real processes run: for faults at every command boundary, without a pool.

What the real OpenZFS does is proven on the practice pair (tests/lab); here it is about killing, cutting and lying.
"""

from __future__ import annotations

import sys

_ROOT = __file__.rsplit("/", 4)[0]


def helper_command(state: object) -> tuple[str, ...]:
    """A command line of the helper over the model whose state is in that folder; compiled once."""
    start = f"import sys; sys.path.insert(0, {_ROOT!r}); from tests.unit.replication_world import helper; helper.main()"
    return (sys.executable, "-I", "-S", "-c", start, str(state))
