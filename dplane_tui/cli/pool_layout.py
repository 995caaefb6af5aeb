"""The layout of disks on a command line. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from privhelper.vdevs import CLASSES, is_word

from ..errors import UsageError
from ..services.zfs.requests import VdevSpec


def parse_layout(words: Sequence[str]) -> tuple[VdevSpec, ...]:
    """The groups in `mirror A B log C`; checks no more than that disks stand where disks belong."""
    vdevs: list[VdevSpec] = []
    role, layout, disks = "data", "", list[str]()

    def close() -> None:
        if layout and disks:
            vdevs.append(VdevSpec(layout, tuple(disks), role))
        else:
            vdevs.extend(VdevSpec("", (disk,), role) for disk in disks)
        if layout and not disks:
            raise UsageError(f"There is no disk behind {layout}.", "`dplane pool disks` lists those that are free.")

    for word in words:
        if is_word(word):
            close()
            disks = []
            role, layout = (word, "") if word in CLASSES else (role, word)
        else:
            disks.append(word)
    close()
    return tuple(vdevs)
