"""What a copy's first full decided for ever: raw or plain; and which key it had when it was last proven.

GUIDs cannot show either. One plain increment into raw copies, or the reverse, copies the snapshot's GUID with other
data behind it (openzfs#8758), and a raw increment into a replica whose key was changed there overwrites the wrapped
key, so that it never mounts again (openzfs#12614).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ...lazyclass import dataclass
from .model import Conflict, Match, Peer, Step, Task
from .read import Dataset, Side

if TYPE_CHECKING:
    from ..store import Store

KEY_PROPERTIES = ("keyformat", "pbkdf2salt", "pbkdf2iters")


@dataclass(frozen=True, slots=True)
class Chain:
    """One copy: the kind of its streams, and its key as the target told it (empty: never told)."""

    raw: bool
    key: str = ""


Chains = Mapping[str, Chain]
"""By the target's dataset."""


@dataclass(frozen=True, slots=True)
class Sent:
    """How the copies of a task were sent to where they are: what the way back goes by, each dataset by itself.

    `known` is what was recorded of copies at that box. Copies that were sent plain come back plain, also from below an
    encrypted dataset: raw, they would come home with a key that is not theirs. Where nothing is recorded, a raw receive
    makes each dataset an encryption root, so only a key from above all of the copy speaks for plain.
    """

    task: Task
    known: Chains

    def raw(self, copy: Dataset) -> bool:
        """Whether it comes back as it is on that box's disks."""
        chain = self.known.get(copy.name)
        if chain is not None or not copy.encrypted:
            return copy.encrypted and chain is not None and chain.raw
        inside = f"{copy.properties['encryptionroot']}/".startswith(f"{self.task.target}/")
        return inside or self.task.raw is True

    def told(self, copy: Dataset) -> str:
        """A sentence about one that comes back plain although nothing recorded says that it was sent so; else empty."""
        if not copy.encrypted or copy.name in self.known or self.raw(copy):
            return ""
        return (
            f"How {copy.name} was sent is not recorded; as its key is that of {copy.properties['encryptionroot']}, "
            "above the copy, it came there plain, and comes back plain."
        )


def key_of(dataset: Dataset, *, root: bool = True) -> str:
    """What is known of a dataset's key from outside; empty for a plain one. A key file's content cannot be seen."""
    if not dataset.encrypted:
        return ""
    parts = [dataset.properties.get(name, "-") for name in KEY_PROPERTIES]
    return "|".join([dataset.properties["encryptionroot"], *parts] if root else parts)


def raw_conflict(chain: Chain | None, here: Dataset, there: Dataset, *, raw: bool) -> Conflict | None:
    """A stream of the other kind than the copies that are there, by what was recorded, else by what they look like."""
    if chain is not None and chain.raw and not there.encrypted:
        chain = None  # raw copies are always encrypted: somebody put others there
    if chain is None and not here.encrypted:
        return None
    kept = chain.raw if chain is not None else there.encrypted
    if kept == raw:
        return None
    kinds = ("raw", "plain") if kept else ("plain", "raw")
    why = "" if chain is None else " The first full decided that, and one stream of the other kind would break them."
    text = f"{there.name} holds {kinds[0]} copies of {here.name}, and the task would send {kinds[1]} ones.{why}"
    return Conflict(here.name, there.name, "raw-mismatch", text)


def key_conflict(chain: Chain | None, here: Dataset, there: Dataset) -> Conflict | None:
    """A raw copy whose key was changed at the target on its own."""
    if chain is None or not chain.raw or not chain.key or not there.encrypted:
        return None
    now = key_of(there)
    # A run that was killed before its proof may have brought the source's new key: that one is right as well.
    if now == chain.key or key_of(there, root=False) == key_of(here, root=False):
        return None
    text = (
        f"The encryption key of {there.name} was changed at the target itself since its copies were last proven. "
        f"A raw increment of {here.name} would overwrite it, and the copy could never be unlocked again."
    )
    since = there.snapshots[-1].name if there.snapshots else None
    return Conflict(here.name, there.name, "key-changed", text, since)


def outside_root(here: Dataset, sent: set[str]) -> str:
    """A sentence about a raw dataset whose encryption root is not among those that are sent; else empty."""
    root = here.properties.get("encryptionroot", "-")
    if root in sent:
        return ""
    return (
        f"{here.name} has its key from {root}, which this task does not send: its copy is unlocked by that key as it "
        "is now, so keep the key with the copy, and after a change of it run the task before the source can be lost."
    )


def whose(peer: Peer | None) -> str:
    """The box, for the store."""
    return peer.known_by if peer else ""


async def known(store: Store, peer: Peer | None) -> dict[str, Chain]:
    """All copies on that box."""
    rows = await store.rows("SELECT target, raw, key FROM chains WHERE peer = ?", (whose(peer),))
    return {row["target"]: Chain(bool(row["raw"]), row["key"]) for row in rows}


async def begin(store: Store, peer: Peer | None, steps: Sequence[Step]) -> None:
    """Record the kind of the copies that these steps begin, right before their fulls are sent, in one transaction.

    A full is only sent where no copy is, so what was recorded of a former one at its place is of no use any more.
    """
    now = time.time()
    rows = [(whose(peer), step.target, step.dataset, int(step.raw), now) for step in steps if step.kind == "full"]
    if not rows:
        return
    async with store.transaction() as db:
        await db.executemany(
            "INSERT OR REPLACE INTO chains (peer, target, dataset, raw, since) VALUES (?, ?, ?, ?, ?)", rows
        )


def keys_found(known: Chains, matches: Sequence[Match], here: Side, there: Side) -> dict[str, str]:
    """The keys of raw copies that were just found to be the source's, by the target, where they are not recorded so.

    One that has another key than was recorded is only taken for right when the source has that key too.
    """
    found: dict[str, str] = {}
    for match in matches:
        chain, copy = known.get(match.target), there.get(match.target)
        if chain is None or not chain.raw or copy is None or key_of(copy) in ("", chain.key):
            continue
        if not chain.key or key_of(copy, root=False) == key_of(here[match.dataset], root=False):
            found[match.target] = key_of(copy)
    return found


async def keep_keys(store: Store, peer: Peer | None, keys: Mapping[str, str]) -> None:
    """Record the keys of copies that are recorded already."""
    if not keys:
        return
    async with store.transaction() as db:
        await db.executemany(
            "UPDATE chains SET key = ? WHERE peer = ? AND target = ?",
            [(key, whose(peer), target) for target, key in keys.items()],
        )


async def proven(store: Store, peer: Peer | None, steps: Mapping[str, Step], there: Side) -> None:
    """Record the keys of copies that were just proven; one of an older release is recorded as what it is."""
    rows = [
        (whose(peer), target, step.dataset, int(step.raw), key_of(there[target]), time.time())
        for target, step in steps.items()
        if target in there
    ]
    async with store.transaction() as db:
        await db.executemany(
            "INSERT INTO chains (peer, target, dataset, raw, key, since) VALUES (?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (peer, target) DO UPDATE SET key = excluded.key",
            rows,
        )
