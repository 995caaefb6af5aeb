"""What a vt220 does with each byte, as its manual has it: whatever it does not know would be junk on its screen."""

from __future__ import annotations

import re

_ATTRIBUTES = {0, 1, 4, 5, 7}
_MODES = {7, 25}
"""DECAWM and DECTCEM."""
_CSI = re.compile(rb"\x1b\[(\??)([0-9;]*)([ -/]*)([@-~])")


def unknown(data: bytes) -> list[bytes]:
    """The pieces of `data` that a vt220 in its 7-bit mode does not take; empty when it understands everything."""
    found: list[bytes] = []
    at = 0
    while at < len(data):
        if data[at] == 0x1B:
            match = _CSI.match(data, at)
            if match is None or not _known(match):
                found.append(data[at : at + 12])
            at = match.end() if match else at + 1
        else:
            if not (0x20 <= data[at] < 0x7F or data[at] in b"\r\n"):
                found.append(data[at : at + 1])
            at += 1
    return found


def _known(match: re.Match[bytes]) -> bool:
    private, text, between, final = match.groups()
    numbers = [int(one or 0) for one in text.split(b";")]
    if between:
        return False
    if private:
        return final in b"hl" and set(numbers) <= _MODES
    match final:
        case b"m":
            return set(numbers) <= _ATTRIBUTES
        case b"H":
            return len(numbers) <= 2
        case b"C" | b"J" | b"K":
            return len(numbers) == 1
        case b"n":
            return numbers == [6]
    return False
