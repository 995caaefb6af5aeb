"""Hiding names in a picture of a screen: each known name always becomes the same alias, of the same width. Pure.

What is drawn may be cut: `ata-WDC_WD…CK1`. So what is left of a name beside a `…` is hidden as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from rich.cells import cell_len, set_cell_size

_CUT = "…"
_PUNCTUATION = ".,;:!?)”"
_SHORTEST = 2
_GENERAL = (
    ("key", re.compile(r"SHA256:[A-Za-z0-9+/=]{6,}")),
    ("address", re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])")),
    ("address", re.compile(r"(?<![0-9A-Fa-f:])(?:[0-9A-Fa-f]{0,4}:){3,7}[0-9A-Fa-f]{0,4}(?![0-9A-Fa-f:])")),
    ("number", re.compile(r"(?<!\d)\d{9,20}(?!\d)")),
    ("mail", re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")),
)
"""What is hidden whoever it belongs to: fingerprints, addresses, GUIDs, mail."""


class Veil:
    """The same name gets the same alias for as long as the veil is used."""

    def __init__(self) -> None:
        self._aliases: dict[str, str] = {}
        self._whole: list[str] = []
        self._known: re.Pattern[str] | None = None

    def learn(self, names: Mapping[str, Iterable[str]]) -> None:
        """Hide these from now on as well: kind (the beginning of the alias) → what is called so."""
        for kind, found in names.items():
            for name in found:
                if len(name) >= _SHORTEST:
                    self._alias(name, kind)
        self._whole = sorted(self._aliases, key=len, reverse=True)
        joined = "|".join(re.escape(name) for name in self._whole)
        self._known = re.compile(rf"(?<![^\W_])(?:{joined})(?![^\W_])") if joined else None

    def _alias(self, name: str, kind: str) -> str:
        return self._aliases.setdefault(name, f"{kind}-{len(self._aliases) + 1}")

    def hide(self, line: str) -> str:
        """`line` with every name replaced; as wide as before, so that nothing beside it moves."""
        line = re.sub(rf"[^\s{_CUT}]*[{_CUT}][^\s{_CUT}]*", self._hide_cut, line)
        if self._known is not None:
            line = self._known.sub(lambda found: _fitted(self._aliases[found[0]], found[0]), line)
        for kind, pattern in _GENERAL:
            line = pattern.sub(lambda found, kind=kind: _fitted(self._alias(found[0], kind), found[0]), line)  # type: ignore[misc]
        return line

    def _hide_cut(self, found: re.Match[str]) -> str:
        """A word with its middle or its end cut off: what is left of it must not tell the name."""
        word = found[0]
        place = next(at for at, letter in enumerate(word) if letter in _CUT)
        head, tail = word[:place], word[place + 1 :].rstrip(_PUNCTUATION)
        for name in self._whole:
            if (head or tail) and self._left(head, tail, name):
                rest = word[place + 1 + len(tail) :]
                return _fitted(self._aliases[name], head) + word[place] + _fitted("", tail) + rest
        return word

    @staticmethod
    def _left(head: str, tail: str, name: str) -> bool:
        if tail:
            return len(tail) >= _SHORTEST and name.endswith(tail) and (not head or name.startswith(head))
        parts = re.split(r"[/@:(,]", head)
        return len(parts[-1]) >= _SHORTEST and name.startswith(parts[-1])


def _fitted(alias: str, name: str) -> str:
    """`alias` in the cells of `name`: padded or cut. Its end has the number, so its beginning is cut."""
    width = cell_len(name)
    if cell_len(alias) > width:
        alias = alias[len(alias) - width :] if width else ""
    return set_cell_size(alias, width)
