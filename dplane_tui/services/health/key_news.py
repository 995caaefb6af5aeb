"""Which datasets wait for their key, after a boot for instance. No alarm: a key may be kept away on purpose.

The listing that tells it also tells what the box holds, which is what the news about its copies is judged by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...lazyclass import dataclass
from ..replication.coverage import Held, held
from .model import News

if TYPE_CHECKING:
    from ..zfs.service import ZfsService

WHERE = "datasets"


@dataclass(frozen=True, slots=True)
class Keys:
    """The encryption roots of a box."""

    roots: int
    waiting: tuple[tuple[str, int], ...]
    """Each root without its key, and how many datasets below wait with it."""
    held: Held | None = None
    """What the same listing tells of all datasets; None: it was not asked."""


async def read_keys(zfs: ZfsService) -> Keys:
    """Ask for all datasets. Raises as ZfsService."""
    found = await zfs.datasets()
    roots = [one for one in found if one.encryption_root == one.name]
    locked = [one.name for one in roots if one.key_status == "unavailable"]
    shut = [one.encryption_root for one in found]
    return Keys(len(roots), tuple((name, shut.count(name) - 1) for name in locked), held(found))


def key_news(keys: Keys) -> tuple[News, ...]:
    """A line for each that waits; one that all are open; nothing on a box without encryption."""
    if not keys.waiting:
        open_ = f"All {keys.roots} encrypted datasets are" if keys.roots > 1 else "The encrypted dataset is"
        return (News("ok", f"{open_} open.", WHERE),) if keys.roots else ()
    return tuple(News("note", _waits(name, below), WHERE, name) for name, below in keys.waiting)


def _waits(name: str, below: int) -> str:
    waits = f"{name} and {below} below wait for their" if below else f"{name} waits for its"
    return f"Dataset {waits} key and cannot be read. Datasets (5), E unlocks."
