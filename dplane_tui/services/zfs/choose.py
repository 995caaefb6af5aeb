"""Which snapshots a person means by a range or a pattern. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from ...errors import RefusedError, UsageError
from ...text import clean
from .model import Snapshot


def chosen(words: str, there: Sequence[Snapshot]) -> tuple[Snapshot, ...]:
    """What `words` choose of one dataset's snapshots, oldest first. Bookmarks are never chosen.

    `a%b` is from a to b (either may be left out); else patterns with `*` and `?`, and names, separated by commas.

    Raises RefusedError for a name that is not there or a range that runs backwards, UsageError for nothing at all.
    """
    snapshots = sorted((one for one in there if not one.bookmark), key=lambda one: one.createtxg)
    found: list[Snapshot] = []
    for word in words.split(","):
        found += [one for one in _some(word.strip(), snapshots) if one not in found]
    if not found:
        raise UsageError(
            f"“{clean(words, 60)}” fits no snapshot here.", "`dplane snapshot list` shows the ones there are."
        )
    return tuple(sorted(found, key=lambda one: one.createtxg))


def _some(word: str, snapshots: Sequence[Snapshot]) -> Sequence[Snapshot]:
    if "%" in word:
        first, _, last = word.partition("%")
        begin = _place(first, snapshots) if first else 0
        end = _place(last, snapshots) if last else len(snapshots) - 1
        if begin > end:
            raise RefusedError(f"@{clean(first, 60)} is newer than @{clean(last, 60)}: a range goes from old to new.")
        return snapshots[begin : end + 1]
    if any(char in word for char in "*?["):
        return [one for one in snapshots if fnmatchcase(one.short, word)]
    return [snapshots[_place(word, snapshots)]] if word else []


def _place(short: str, snapshots: Sequence[Snapshot]) -> int:
    for place, one in enumerate(snapshots):
        if one.short == short:
            return place
    raise RefusedError(f"There is no snapshot @{clean(short, 60)} here.")
