"""Making foreign bytes safe to show, and numbers easy to read. Pure."""

from __future__ import annotations

import unicodedata

_UNITS = ("B", "K", "M", "G", "T", "P", "E")
_QUOTES = {ord("“"): '"', ord("”"): '"'}
_UNSAFE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def clean(text: str, limit: int = 0) -> str:
    """`text` without anything a terminal could obey: control, format (bidi) and unassigned characters become `�`.

    Tabs, line ends and spaces of other kinds become a space. With `limit`, cut to that many characters, ending in `…`.
    """
    if not text.isascii() or not text.isprintable():
        out = []
        for char in text:
            if char in "\t\n\r" or unicodedata.category(char) == "Zs":
                out.append(" ")
            elif unicodedata.category(char) in _UNSAFE:
                out.append("\ufffd")
            else:
                out.append(char)
        text = "".join(out)
    if limit and len(text) > limit:
        return text[: limit - 1] + "…"
    return text


def quoted(text: str, limit: int = 0) -> str:
    """Somebody else's words, cleaned, in quotes that they cannot end. Cut as `clean` does."""
    return f"“{clean(text, limit).translate(_QUOTES)}”"


def clean_lines(text: str) -> list[str]:
    """The lines of `text`, each cleaned; empty ones at the ends dropped."""
    return [clean(line) for line in text.strip("\r\n").splitlines()]


def size(value: float | None) -> str:
    """Bytes in powers of 1024 as zfs prints them (`1.50G`); `?` for unknown."""
    if value is None:
        return "?"
    number = float(value)
    for unit in _UNITS:
        if abs(number) < 1024 or unit == _UNITS[-1]:
            if unit == "B":
                return f"{int(number)}B"
            digits = 2 if abs(number) < 10 else 1 if abs(number) < 100 else 0
            return f"{number:.{digits}f}{unit}"
        number /= 1024
    raise AssertionError


def about(value: float | None, *, at_least: bool = False, unknown: int = 0) -> str:
    """Bytes that are estimated (`about 1.50G`), or of which the estimate leaves some out (`at least 1.50G`).

    `unknown` is how many sizes are not in the sum (`at least 1.50G (one size unknown)`).
    """
    if value is None:
        return f"about {size(value)}"
    left = f" ({'one size' if unknown == 1 else f'{unknown} sizes'} unknown)" if unknown else ""
    return f"{'at least' if at_least or unknown else 'about'} {size(value)}{left}"


def duration(seconds: float | None) -> str:
    """Seconds as a person says them, two units at most (`3h 20m`); `?` for unknown."""
    if seconds is None:
        return "?"
    left = max(0, round(seconds))
    parts: list[str] = []
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        if left >= length or (unit == "s" and not parts):
            parts.append(f"{left // length}{unit}")
            left %= length
        elif parts:
            break
        if len(parts) == 2:
            break
    return " ".join(parts)


def age(then: float | None, now: float) -> str:
    """How long ago `then` was (`3s ago`), both in Unix seconds; `never` for unknown."""
    return "never" if then is None else f"{duration(now - then)} ago"


def ago(then: float | None, now: float) -> str:
    """As `age`, to the minute: a sentence that stands on a screen must hold still."""
    if then is None:
        return "never"
    past = max(0.0, now - then)
    return f"{duration(past - past % 60)} ago" if past >= 60 else "less than a minute ago"
