"""Finding a thing by a few letters of its name: what matches, how well, in which order. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .lazyclass import dataclass
from .place import Place

MOST = 200
"""Results that are listed; who sees so many types another letter."""
_LETTERS = 60


@dataclass(frozen=True, slots=True)
class Thing:
    """Something that can be found: what it is, what it is called, what Enter does."""

    kind: str
    name: str
    what: str = ""
    """A few words about it."""
    place: Place | None = None
    act: str = ""
    """Otherwise the group and id of an action, or the name of a theme or of a box's row."""
    key: str = ""
    """The key that does the same."""


def score(word: str, name: str) -> int | None:
    """How well lower-case `word` fits lower-case `name`, less is better; None: its letters are not there in order."""
    at = name.find(word)
    if at == 0:
        return 0 if len(word) == len(name) else 1
    if at > 0:
        return 2 if not name[at - 1].isalnum() else 3
    first = place = name.find(word[0])
    for letter in word[1:]:
        if place < 0:
            return None
        place = name.find(letter, place + 1)
    return None if place < 0 else 4 + place - first


def fit(words: Sequence[str], thing: Thing) -> int | None:
    """How well all of `words` fit; one that is not in the name may stand in what is said about it, letter by letter."""
    total = 0
    name, about = thing.name.lower(), f"{thing.kind} {thing.what}".lower()
    for word in words:
        one = score(word, name)
        if one is None or one > 4 + 3 * len(word):  # letters so far apart are chance
            if word not in about:
                return None
            one = 8
        total += one
    return total


def search(query: str, things: Iterable[Thing]) -> tuple[list[Thing], int]:
    """What fits `query`, kind by kind, the kind with the best fit first; and how many more there are."""
    words = query.lower()[:_LETTERS].split()
    found = [(fits, thing) for thing in things if (fits := fit(words, thing)) is not None]
    best: dict[str, int] = {}
    for fits, thing in found:
        best[thing.kind] = min(fits, best.get(thing.kind, fits))
    order = {kind: number for number, kind in enumerate(sorted(best, key=lambda kind: best[kind]))}
    found.sort(key=lambda one: (order[one[1].kind], one[0], len(one[1].name) if words else 0))
    return [thing for _, thing in found[:MOST]], max(0, len(found) - MOST)
