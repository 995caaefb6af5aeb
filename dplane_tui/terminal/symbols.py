"""The one table of glyphs. Widgets draw with the left column; the driver translates for poorer terminals.

Every replacement is one cell wide like its original, so no layout depends on the terminal.
"""

from __future__ import annotations

import unicodedata

FULL, EMPTY = "█", "░"
POINTER = ">"
RULE = "─"
BAR = "│"
MORE_UP, MORE_DOWN = "↑", "↓"
ELLIPSIS = "…"
SPARK = "▁▂▃▄▅▆▇█"
"""Eight heights of a chart, low first; poorer terminals show fewer, in the same order."""
BRANCH, LAST = "├─", "└─"
DOT = "·"

# Every console font checked has these (anchors: Lat15, Uni2, CP437).
CONSOLE_SAFE = frozenset("─│┌┐└┘├┤┬┴┼═║░▒█▲▼←↑→↓•·")

_ASCII = {
    "─": "-", "│": "|", "═": "=", "║": "|",
    "┌": "+", "┐": "+", "└": "`", "┘": "+", "├": "+", "┤": "+", "┬": "+", "┴": "+", "┼": "+",
    "█": "#", "▓": "#", "▒": "=", "░": ".", "▔": "-", "▊": "|", "▎": "|", "▏": "|",
    "▁": "_", "▂": "_", "▃": "-", "▄": "=", "▅": "+", "▆": "*", "▇": "%",
    "▲": "^", "▼": "v", "▶": ">", "◀": "<", "←": "<", "→": ">", "↑": "^", "↓": "v",
    "•": "*", "●": "*", "·": ".", "…": "~", "≤": "<", "≥": ">", "×": "x", "–": "-", "—": "-",
    "‘": "'", "’": "'", "“": '"', "”": '"', "°": "'", "\ufffd": "?", "\u00a0": " ",
}  # fmt: skip
_CONSOLE = {
    "…": "~", "≤": "<", "≥": ">", "▓": "▒", "▔": "─", "▊": "█", "▎": "│", "▏": "│",
    "▁": "_", "▂": "_", "▃": "░", "▄": "░", "▅": "▒", "▆": "▒", "▇": "█",
    "▶": ">", "◀": "<", "●": "•", "‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-", "\ufffd": "?",
    "╭": "┌", "╮": "┐", "╰": "└", "╯": "┘", "━": "═", "⭘": "o", "✓": "+",
}  # fmt: skip


def _plain(char: str) -> str:
    """A stand-in of the same width for a character outside the set: its base letter, or `?`."""
    base = unicodedata.normalize("NFKD", char)[:1]
    if base and " " <= base < "\x7f":
        return base
    if unicodedata.combining(char):
        return ""
    return "??" if unicodedata.east_asian_width(char) in "WF" else "?"


class _Table(dict[int, str]):
    """A `str.translate` table that fills itself in as characters come by."""

    def __init__(self, known: dict[str, str], latin: bool) -> None:
        super().__init__({ord(key): value for key, value in known.items()})
        self._latin = latin

    def __missing__(self, code: int) -> str:
        char = chr(code)
        keep = code < 0x7F or (self._latin and (char in CONSOLE_SAFE or 0xA0 <= code < 0x180))
        if len(self) > 4096:  # hostile names must not grow this without end
            return char if keep else _plain(char)
        return self.setdefault(code, char if keep else _plain(char))


def translator(symbols: str) -> dict[int, str] | None:
    """The table for `str.translate`, or None when the terminal shows everything."""
    if symbols == "ascii":
        return _Table(_ASCII, latin=False)
    if symbols == "console":
        return _Table(_CONSOLE, latin=True)
    return None
