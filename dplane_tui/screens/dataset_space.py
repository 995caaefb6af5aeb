"""Where the space of a dataset went, as the lines of a reader. Pure."""

from __future__ import annotations

from ..services.zfs.space import Space, sentences
from ..services.zfs.tree import Holding
from ..text import size
from ..widgets.gauge import bar
from ..widgets.layout import Pieces, paragraphs


def space_lines(one: Holding, space: Space, width: int) -> list[Pieces]:
    """The answer in words, then as bars, the snapshots that hold most, and what bounds it."""
    lines: list[Pieces] = []
    for at, sentence in enumerate(sentences(space)):
        lines += paragraphs(sentence, width, "text" if at else "strong")
    lines.append([])
    for share in space.shares:
        percent = 100 * share.bytes / one.used if one.used else None
        about = [(f" {share.what}", "strong"), (f": {share.about}", "dim")]
        lines.append([(f"{size(share.bytes):>6} ", "text"), *bar(percent, 10), *about])
    if space.largest:
        lines += [[], [("Held by one snapshot alone (what several share is in none of these):", "dim")]]
        lines += [[(f"{size(each.used):>6} ", "text"), (f"@{each.short}", "strong")] for each in space.largest]
    lines.append([])
    for name, value, text in (
        ("reservation", one.reservation, "kept for it and all below"),
        ("refreservation", one.refreservation, "kept for what it reaches itself"),
        ("quota", one.quota, "the most, with snapshots and all below"),
        ("refquota", one.refquota, "the most for what it reaches itself"),
    ):
        lines.append([(f"{name:>15} ", "dim"), (size(value) if value else "none", "text"), (f"  {text}", "dim")])
    return lines
