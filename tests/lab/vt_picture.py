"""A terminal's screen as a picture: monospaced text with bold, underline and reverse, as a vt220 shows it."""

from __future__ import annotations

from html import escape
from itertools import groupby

import pyte

_WIDE, _HIGH = 8.4, 18
_GLASS, _INK = "#101410", "#9fe8a8"


def svg_of(screen: pyte.Screen) -> str:
    """The screen as SVG, in two colours."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{screen.columns * _WIDE + 20:.0f}" '
        f'height="{screen.lines * _HIGH + 20}" font-family="monospace" font-size="14" xml:space="preserve">',
        f'<rect width="100%" height="100%" rx="6" fill="{_GLASS}"/>',
    ]
    for row in range(screen.lines):
        cells = [screen.buffer[row][column] for column in range(screen.columns)]
        column = 0
        for look, group in groupby(cells, lambda cell: (cell.bold, cell.reverse, cell.underscore)):
            text = "".join(cell.data for cell in group)
            parts += _run(text, column, row, *look)
            column += len(text)
    return "\n".join([*parts, "</svg>", ""])


def _run(text: str, column: int, row: int, bold: bool, reverse: bool, underscore: bool) -> list[str]:
    left, top, width = column * _WIDE + 10, row * _HIGH + 10, len(text) * _WIDE
    if not text.strip() and not reverse:
        return []
    parts = []
    if reverse:
        parts.append(f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{_HIGH}" fill="{_INK}"/>')
    style = f'fill="{_GLASS if reverse else _INK}"'
    style += ' font-weight="bold"' if bold else ""
    style += ' text-decoration="underline"' if underscore else ""
    size = f'x="{left:.1f}" y="{top + 14}" textLength="{width:.1f}" lengthAdjust="spacingAndGlyphs"'
    return [*parts, f"<text {size} {style}>{escape(text)}</text>"]
