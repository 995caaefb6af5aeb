"""A chart of numbers in a few lines of glyphs: bars from the bottom, oldest left. Pure.

Braille carries two values and four heights a cell, for terminals that show everything. Blocks carry one value and
eight heights, in glyphs that the terminal's own table turns into poorer ones. ASCII is for text that no driver draws.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..terminal.symbols import DOT, SPARK

BRAILLE, BLOCKS, ASCII = "braille", "blocks", "ascii"
"""Glyph sets."""
MISSING = DOT
"""Where a number is unknown."""
_STEPS = {BRAILLE: 4, BLOCKS: len(SPARK), ASCII: 3}
_ASCII = "_=#"
_BLANK = 0x2800
# Dots of the left and the right column of a braille cell, the lowest first.
_DOTS = ((0x40, 0x04, 0x02, 0x01), (0x80, 0x20, 0x10, 0x08))


def set_for(symbols: str) -> str:
    """The glyph set for what a terminal shows (`Profile.symbols`)."""
    return BRAILLE if symbols == "unicode" else BLOCKS


def columns(width: int, glyphs: str = BLOCKS) -> int:
    """How many values a chart of that width can show."""
    return max(0, width) * (2 if glyphs == BRAILLE else 1)


def spark(values: Sequence[float | None]) -> str:
    """One line, one glyph a value, the greatest of them the highest; zero is the lowest, unknown a dot."""
    return "".join(chart(values, len(values), 1))


def chart(
    values: Sequence[float | None], width: int, height: int, glyphs: str = BLOCKS, top: float | None = None
) -> list[str]:
    """`height` lines of at most `width` cells, none when there is nothing to show or no room.

    The scale goes from 0 to `top`, or to the greatest value; what is outside is drawn at its edge. Zero has the lowest
    height, so that it can be told from unknown, which is a dot. Of more values than fit, each column shows the
    greatest of its share, so that no peak is lost.
    """
    if width < 1 or height < 1 or not values:
        return []
    shown = squeezed(values, columns(width, glyphs))
    levels = heights(shown, height * _STEPS[glyphs], top)
    lines = [_braille(levels, line) if glyphs == BRAILLE else _bars(levels, line, glyphs) for line in range(height)]
    return lines[::-1]


def squeezed(values: Sequence[float | None], most: int) -> list[float | None]:
    """At most `most` values: each the greatest known one of its share."""
    if len(values) <= most:
        return list(values)
    parts = [values[i * len(values) // most : (i + 1) * len(values) // most] for i in range(most)]
    return [max((value for value in part if value is not None), default=None) for part in parts]


def widened(values: Sequence[float | None], most: int) -> list[float | None]:
    """Few values over at most `most` columns, each as wide as the others."""
    return [value for value in values for _ in range(max(1, most // max(1, len(values))))]


def heights(values: Sequence[float | None], steps: int, top: float | None = None) -> list[int]:
    """The height of each bar, 1 to `steps`; 0 is unknown."""
    most = top if top is not None else max((value for value in values if value is not None), default=0.0)
    return [0 if value is None else 1 + _height(value, steps - 1, most) for value in values]


def _height(value: float, steps: int, top: float) -> int:
    if top <= 0 or value <= 0:
        return 0
    return steps if value >= top else round(value / top * steps)


def _bars(levels: Sequence[int], line: int, glyphs: str) -> str:
    """One line of one-column cells; line 0 is the lowest."""
    steps, marks = _STEPS[glyphs], SPARK if glyphs == BLOCKS else _ASCII
    unknown = MISSING if glyphs == BLOCKS else "."
    cells = []
    for level in levels:
        here = min(steps, level - line * steps)
        cells.append(marks[here - 1] if here > 0 else unknown if level == 0 and line == 0 else " ")
    return "".join(cells)


def _braille(levels: Sequence[int], line: int) -> str:
    cells = []
    for place in range(0, len(levels), 2):
        pair = levels[place : place + 2]
        dots = 0
        for side, level in enumerate(pair):
            for dot in _DOTS[side][: max(0, min(4, level - line * 4))]:
                dots |= dot
        empty = MISSING if line == 0 and not any(pair) else " "
        cells.append(chr(_BLANK + dots) if dots else empty)
    return "".join(cells)
