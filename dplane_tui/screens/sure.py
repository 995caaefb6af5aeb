"""How a destructive act asks: what would go, what that frees, and what brings it back."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..services.zfs.model import Dataset, Preview, Snapshot
from ..text import size
from ..widgets.dialogs import Choose, TypedConfirm, ask
from ..widgets.layout import Column, row

if TYPE_CHECKING:
    from ..app import Console

_SHOWN = 12
_COLUMNS = (Column("DO", least=12, most=30), Column("WHAT THAT MEANS", grow=True, least=20))


def stamp(word: str) -> str:
    """A name for a snapshot taken now: `word-20261126-101500`."""
    return time.strftime(f"{word}-%Y%m%d-%H%M%S")


def preview_lines(preview: Preview, extra: Sequence[str] = ()) -> list[str]:
    """What would go and what that gives back."""
    lines = [*extra]
    if preview.objects:
        lines.append(f"These {len(preview.objects)} would be destroyed:")
        lines += [f"  {one}" for one in preview.objects[:_SHOWN]]
        if len(preview.objects) > _SHOWN:
            lines.append(f"  … and {len(preview.objects) - _SHOWN} more")
    if preview.reclaim is not None:
        lines.append(f"That would free {size(preview.reclaim)}.")
    return lines


async def choose_way(console: Console, title: str, ways: Sequence[tuple[str, str, str]], text: str = "") -> str | None:
    """One of (key, word, what it means); None when the person left."""
    return await ask(console, Choose(title, _COLUMNS, [row(*way) for way in ways], text, pick="Go on"))


async def sure(console: Console, title: str, lines: Sequence[str], name: str, word: str) -> bool:
    """Whether the person typed the name."""
    return await ask(console, TypedConfirm(title, lines, name, word)) is True


async def snapshot_first(console: Console, dataset: Dataset) -> Snapshot:
    """The snapshot before the act. Returns it as read back."""
    return await console.services.storage.snapshot(dataset, stamp("before"))
