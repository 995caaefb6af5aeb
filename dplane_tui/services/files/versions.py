"""From what each snapshot has at a path to the versions there are; and what differs between two. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher

from ...text import clean
from .model import Content, Entry, Place, Version

MATCHED = 2000
"""Lines of each side that are matched against each other at most; what differs beyond is shown as replaced."""
SHOWN = 5000
"""Lines of a difference that are shown at most."""
_CONTEXT = 3
_LINE = 2000


def group(found: Iterable[tuple[Place, Entry]]) -> tuple[Version, ...]:
    """The versions among what was found (newest first): same kind, inode, size and time are one."""
    held: dict[tuple[str, int, int, int], tuple[Entry, list[Place]]] = {}
    for place, entry in found:
        held.setdefault(entry.same, (entry, []))[1].append(place)
    return tuple(Version(entry, tuple(places)) for entry, places in held.values())


def is_text(data: bytes) -> bool:
    """Whether this is text for people: no NUL at its beginning, and few bytes that no text has."""
    head = data[:8192]
    odd = sum(byte < 32 and byte not in b"\t\n\r\f\x1b\b" for byte in head)
    return b"\0" not in head and (odd <= 8 or odd * 20 <= len(head))


def lines(content: Content) -> list[str]:
    """The lines of a file, each fit to be shown and at most 2,000 characters; tabs as spaces."""
    text = content.data.decode("utf-8", "replace")
    return [clean(line.expandtabs(8)[: _LINE + 1], _LINE) for line in text.replace("\r\n", "\n").split("\n")]


def difference(one: Content, other: Content, names: tuple[str, str]) -> list[str]:
    """A unified difference, fit to be shown; empty when the same. Binary files are told to differ or not."""
    if one.whole and other.whole and one.data == other.data:
        return []
    if not (is_text(one.data) and is_text(other.data)):
        return [f"{names[0]} and {names[1]} are not text, and differ: {one.size} and {other.size} bytes."]
    left, right = lines(one), lines(other)
    found = [f"--- {names[0]}", f"+++ {names[1]}"]
    for first in _groups(left, right):
        found += _hunk(first, left, right)
        if len(found) > SHOWN:
            return [*found[:SHOWN], "… more differs, and is not shown."]
    if not (one.whole and other.whole):
        found.append("… only the beginnings of the files were compared.")
    elif len(found) == 2:
        found.append("They differ only in bytes that are not shown (line ends, characters that are no text).")
    return found


Step = tuple[str, int, int, int, int]


def _groups(left: Sequence[str], right: Sequence[str]) -> Iterable[list[Step]]:
    """The steps from one to the other, in groups with their context. Quick also for large files with few changes."""
    start, end = 0, 0
    least = min(len(left), len(right))
    while start < least and left[start] == right[start]:
        start += 1
    while end < least - start and left[-1 - end] == right[-1 - end]:
        end += 1
    a, b = left[start : len(left) - end], right[start : len(right) - end]
    steps: list[Step] = [("equal", 0, start, 0, start)] if start else []
    if len(a) <= MATCHED and len(b) <= MATCHED:
        matcher = SequenceMatcher(None, a, b, autojunk=False)
        steps += [(s, i + start, j + start, k + start, m + start) for s, i, j, k, m in matcher.get_opcodes()]
    elif a or b:
        steps.append(("replace", start, len(left) - end, start, len(right) - end))
    if end:
        steps.append(("equal", len(left) - end, len(left), len(right) - end, len(right)))
    whole: SequenceMatcher[str] = SequenceMatcher(None, "", "")
    whole.opcodes = steps  # type: ignore[attr-defined]  # where it keeps what it has worked out
    return whole.get_grouped_opcodes(_CONTEXT)


def _hunk(steps: list[Step], left: Sequence[str], right: Sequence[str]) -> list[str]:
    first, last = steps[0], steps[-1]
    found = [f"@@ -{_range(first[1], last[2])} +{_range(first[3], last[4])} @@"]
    for step, i, j, k, m in steps:
        if step == "equal":
            found += [f" {line}" for line in left[i:j]]
            continue
        found += [f"-{line}" for line in left[i:j]]
        found += [f"+{line}" for line in right[k:m]]
    return found


def _range(start: int, end: int) -> str:
    count = end - start
    return f"{start + 1}" if count == 1 else f"{start + 1 if count else start},{count}"
