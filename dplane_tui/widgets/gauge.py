"""Bars of a share, in glyphs every console font has. Pure."""

from __future__ import annotations

from ..terminal.symbols import EMPTY, FULL


def bar(percent: float | None, cells: int) -> list[tuple[str, str]]:
    """(text, role) pieces of a bar `cells` wide; all of it empty for unknown."""
    if percent is None:
        return [(EMPTY * cells, "gauge-off")]
    full = max(0, min(cells, round(percent * cells / 100)))
    if percent > 0 and full == 0:
        full = 1
    role = "bad" if percent >= 95 else "warn" if percent >= 80 else "gauge"
    return [(FULL * full, role), (EMPTY * (cells - full), "gauge-off")]


def text_bar(percent: float | None, cells: int) -> str:
    """The bar as plain text."""
    return "".join(text for text, _ in bar(percent, cells))


def share_role(percent: float | None) -> str:
    """The role of a share of space: too full is bad news."""
    if percent is None:
        return "unknown"
    return "bad" if percent >= 95 else "warn" if percent >= 80 else "text"
