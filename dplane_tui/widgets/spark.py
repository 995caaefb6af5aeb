"""A chart of a few numbers in one line, in glyphs the terminal's table knows. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ..terminal.symbols import DOT, SPARK

MISSING = DOT
"""Where a number is unknown."""


def spark(values: Sequence[float | None]) -> str:
    """One glyph a value, the greatest of them the highest; zero is the lowest, unknown a dot."""
    top = max((value for value in values if value is not None), default=0.0)
    steps = len(SPARK) - 1
    return "".join(
        MISSING if value is None else SPARK[round(max(0.0, value) * steps / top) if top > 0 else 0] for value in values
    )
