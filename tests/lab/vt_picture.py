"""A terminal's screen as a picture: monospaced text, in the two colours of a vt220 or in those the program chose."""

from __future__ import annotations

from html import escape
from itertools import groupby
from typing import Any

import pyte

_WIDE, _HIGH = 8.4, 18
_GLASS, _INK = "#101410", "#9fe8a8"
_NIGHT, _DAY = "#14161b", "#d8dee9"
_NAMED = {
    "black": "#14161b", "red": "#e06c75", "green": "#8fbf7f", "brown": "#d7af5f", "blue": "#6f9fd8",
    "magenta": "#c08fd0", "cyan": "#6fc0c0", "white": "#d8dee9", "brightblack": "#6b7280", "brightred": "#ff8a8a",
    "brightgreen": "#aee89a",
    "brightbrown": "#ffd787", "brightblue": "#9cc4ff", "brightmagenta": "#e0b0f0", "brightcyan": "#9ceaea",
    "brightwhite": "#ffffff",
}  # fmt: skip


def svg_of(screen: pyte.Screen, colours: bool = False) -> str:
    """The screen as SVG, in two colours, or in those of its cells."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{screen.columns * _WIDE + 20:.0f}" '
        f'height="{screen.lines * _HIGH + 20}" font-family="monospace" font-size="14" xml:space="preserve">',
        f'<rect width="100%" height="100%" rx="6" fill="{_NIGHT if colours else _GLASS}"/>',
    ]
    for row in range(screen.lines):
        cells = [screen.buffer[row][column] for column in range(screen.columns)]
        column = 0
        for (ink, ground, bold, under), group in groupby(cells, lambda cell: _look(cell, colours)):
            text = "".join(cell.data for cell in group)
            parts += _run(text, column, row, ink, ground, bold, under)
            column += len(text)
    return "\n".join([*parts, "</svg>", ""])


def _look(cell: Any, colours: bool) -> tuple[str, str, bool, bool]:
    """Ink, ground (empty: the glass), bold, underlined."""
    ink = _colour(cell.fg, _DAY) if colours else _INK
    ground = _colour(cell.bg, "") if colours else ""
    if cell.reverse:
        ink, ground = ground or (_NIGHT if colours else _GLASS), ink
    return ink, ground, bool(cell.bold), bool(cell.underscore)


def _colour(name: str, otherwise: str) -> str:
    if name == "default":
        return otherwise
    return _NAMED.get(name, f"#{name}")


def _run(text: str, column: int, row: int, ink: str, ground: str, bold: bool, under: bool) -> list[str]:
    left, top, width = column * _WIDE + 10, row * _HIGH + 10, len(text) * _WIDE
    parts = []
    if ground:
        parts.append(f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{_HIGH}" fill="{ground}"/>')
    if not text.strip():
        return parts
    style = f'fill="{ink}"'
    style += ' font-weight="bold"' if bold else ""
    style += ' text-decoration="underline"' if under else ""
    size = f'x="{left:.1f}" y="{top + 14}" textLength="{width:.1f}" lengthAdjust="spacingAndGlyphs"'
    return [*parts, f"<text {size} {style}>{escape(text)}</text>"]
