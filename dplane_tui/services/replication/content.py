"""What two boxes tell of the same snapshot, read line by line and compared. Pure; needs no memory for the tree.

Both tell in the same order (`privhelper/content.py`): a directory before what is in it, names by their bytes. What a
box tells is believed only as far as it is sound, in order, and ends with the line that says it is whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

from ...errors import CommandError
from ...lazyclass import dataclass, field
from ...text import clean

Chosen = Callable[[bytes], bool]
SHOWN_DIFFERENCES = 100
_ESCAPED = re.compile(rb"%([0-9A-F]{2})")
_PLAIN = re.compile(r"(?:[ !-$&-~]|%[0-9A-F]{2})*")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_KINDS = frozenset({"file", "dir", "link", "fifo", "socket", "char", "block", "unknown", "unread", "range"})
# What is compared of a thing, and what a person reads when it differs.
_ATTRIBUTES = (
    ("size", "size"),
    ("link", "link target"),
    ("mode", "permissions"),
    ("uid", "owner"),
    ("gid", "group"),
    ("mtime", "time of change"),
    ("xattr", "extended attributes"),
)


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not the same on both boxes, or could not be read on one."""

    dataset: str
    path: str
    """Below the dataset; `%XX` stands for each byte that is not plain ASCII."""
    what: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found about one dataset. `equal` is true only when both sides were read whole and nothing differs."""

    dataset: str
    target: str
    snapshot: str = ""
    guid: str = ""
    """As both boxes told it while they had the snapshot open; empty when it was not read."""
    equal: bool = False
    items: int = 0
    """Things that both told of: files, directories, links; of a volume, the MiB that hold something."""
    hashed: int = 0
    """Of how many the SHA-256 was compared."""
    bytes: int = 0
    """Content that was hashed on both sides, in bytes."""
    differing: int = 0
    unread: int = 0
    """What one side could not read."""
    problem: str = ""
    """Why the dataset could not be read to its end, a sentence."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Verified:
    """The result of a verification; it is stored with its run."""

    percent: int
    seed: str
    datasets: tuple[Checked, ...] = ()
    differences: tuple[Difference, ...] = ()
    """The first ones of each dataset; `differing` counts all."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be verified of a task."""

    below: str | None = None
    """One dataset, relative to the task's source ("" is the source itself); None is all of the task."""
    snapshot: str = ""
    """The name behind the `@`; empty is the newest that both sides have."""
    percent: int = 100
    """How many of a hundred files are hashed; the attributes of all are compared."""
    seed: str = ""
    """Chooses which files; empty takes a new one."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that a box told of."""

    key: tuple[bytes, ...]
    path: str
    about: dict[str, Any]


@dataclass(slots=True)
class Tally:
    """What the comparison of one snapshot has found so far."""

    dataset: str
    items: int = 0
    hashed: int = 0
    differing: int = 0
    unread: int = 0
    without_attributes: int = 0
    differences: list[Difference] = field(default_factory=list)

    def differs(self, path: str, what: str, *, unread: bool = False) -> None:
        """Count a difference, and keep it while there are few."""
        if unread:
            self.unread += 1
        else:
            self.differing += 1
        if len(self.differences) < SHOWN_DIFFERENCES:
            self.differences.append(Difference(self.dataset, path[:1000], what))


class Account:
    """What one box tells of a snapshot: its lines, judged. `whole` only behind the last one."""

    def __init__(self, name: str, guid: str, lines: AsyncIterator[str], progress: Callable[[int], None]) -> None:
        self._name = name
        self._guid = guid
        self._lines = lines
        self._progress = progress
        self._items = 0
        self.whole = False
        self.broken = False
        """Whether it ended before it was whole."""
        self.kind = ""
        self.bytes = 0

    async def items(self) -> AsyncIterator[Item]:
        """Everything told, in order. Raises CommandError for what no D-Plane tells, and when it breaks off."""
        before: tuple[bytes, ...] | None = None
        async for line in self._lines:
            told = self._object(line)
            if self.whole:
                raise self._strange("goes on behind its end")
            if not self.kind:
                self._begin(told)
            elif "read" in told:
                self._counted(told["read"])
            elif "end" in told:
                self._counted(told.get("bytes"))
                if told["end"] is not True or told.get("items") != self._items:
                    raise self._strange("counts otherwise than it told")
                self.whole = True
            else:
                item = self._item(told)
                if before is not None and item.key <= before:
                    raise self._strange("is not in order")
                before = item.key
                self._items += 1
                yield item
        if not self.whole:
            self.broken = True
            raise CommandError(f"{self._name} did not read the snapshot to its end.")

    def _begin(self, told: dict[str, Any]) -> None:
        if told.get("begin") not in ("filesystem", "volume") or told.get("guid") != self._guid:
            raise self._strange("is of another snapshot")
        self.kind = str(told["begin"])

    def _counted(self, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or not self.bytes <= value < 2**64:
            raise self._strange("counts in a way that cannot be true")
        self.bytes = value
        self._progress(value)

    def _object(self, line: str) -> dict[str, Any]:
        try:
            told = json.loads(line)
        except (ValueError, RecursionError):
            told = None
        if not isinstance(told, dict) or any(isinstance(value, (dict, list, float)) for value in told.values()):
            raise self._strange("cannot be understood")
        return told

    def _item(self, told: dict[str, Any]) -> Item:
        path, kind, digest = told.get("path"), told.get("type"), told.get("sha256")
        if not isinstance(path, str) or not _PLAIN.fullmatch(path) or kind not in _KINDS:
            raise self._strange("cannot be understood")
        if digest is not None and not (isinstance(digest, str) and _DIGEST.fullmatch(digest)):
            raise self._strange("cannot be understood")
        return Item(path_of(path), path, told)

    def _strange(self, what: str) -> CommandError:
        return CommandError(
            f"What {self._name} told of the snapshot {what}, so it is not used.", "Is the same D-Plane on both boxes?"
        )


def path_of(shown: str) -> tuple[bytes, ...]:
    """The parts of a path as it was told; none for the top."""
    raw = shown.encode("ascii")
    if not raw:
        return ()
    return tuple(_ESCAPED.sub(lambda found: bytes((int(found[1], 16),)), part) for part in raw.split(b"/"))


async def compare(here: AsyncIterator[Item], there: AsyncIterator[Item], tally: Tally, chosen: Chosen) -> None:
    """Merge what both sides tell and count into `tally` what is equal and what is not.

    `chosen` says which files both had to hash: one that left out a hash did not read the file.
    """
    left, right = await anext(here, None), await anext(there, None)
    while left is not None or right is not None:
        if right is None or (left is not None and left.key < right.key):
            assert left is not None
            tally.differs(left.path, "only at the source")
            left = await anext(here, None)
        elif left is None or right.key < left.key:
            tally.differs(right.path, "only at the target")
            right = await anext(there, None)
        else:
            _pair(left, right, tally, chosen)
            left, right = await anext(here, None), await anext(there, None)


def _pair(here: Item, there: Item, tally: Tally, chosen: Chosen) -> None:
    """Compare one thing that both have."""
    tally.items += 1
    for item, place in ((here, "source"), (there, "target")):
        if item.about["type"] == "unread":
            why = clean(str(item.about.get("error", "it does not say why")), 40)
            tally.differs(here.path, f"could not be read at the {place} ({why})", unread=True)
            return
    left, right = here.about, there.about
    if left["type"] != right["type"]:
        tally.differs(here.path, f"{left['type']} at the source, {right['type']} at the target")
        return
    if (left.get("xattr") is None) != (right.get("xattr") is None):
        # One of them shows no extended attributes at all, which is a setting there and says nothing of the data.
        tally.without_attributes += 1
        left, right = {**left, "xattr": None}, {**right, "xattr": None}
    found = [name for key, name in _ATTRIBUTES if left.get(key) != right.get(key)]
    if left["type"] in ("file", "range"):
        digests = left.get("sha256"), right.get("sha256")
        if not chosen(b"/".join(here.key)):
            digests = None, None
        elif None in digests:
            tally.differs(here.path, f"was not hashed at the {'target' if digests[0] else 'source'}", unread=True)
            return
        else:
            tally.hashed += 1
        if digests[0] != digests[1]:
            found.insert(0, "content")
    if found:
        tally.differs(here.path, f"not the same: {', '.join(found)}")
