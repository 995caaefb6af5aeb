"""Which files ZFS names as damaged for good, and where a good one may still be. Pure; names are hostile bytes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from ..zfs.model import Dataset, Snapshot
from .model import Damaged

_HEAD = "errors: Permanent errors have been detected in the following files:"
_INDENT = " " * 8
_OBJECT = re.compile(r"<0x[0-9a-f]+>$")
SHOWN_SNAPSHOTS = 5


def parse_errors(text: str) -> tuple[str, ...]:
    """The names in the text of `zpool status -v`. A name with a line end in it comes as one, with that line end."""
    lines = text.split("\n")
    begin = next((place for place, line in enumerate(lines) if line.startswith(_HEAD)), len(lines))
    found: list[str] = []
    for line in lines[begin + 1 :]:
        if line.startswith(_INDENT) and line.strip():
            found.append(line[len(_INDENT) :])
        elif found and line:
            found[-1] += f"\n{line}"
    return tuple(dict.fromkeys(found))


def place(name: str, datasets: Sequence[Dataset]) -> Damaged:
    """What a name of ZFS's list is about: dataset, snapshot and path, as far as it says."""
    best = Damaged(name)
    if name.startswith("/"):
        mounted = [one for one in datasets if one.mounted and one.mountpoint]
        for one in sorted(mounted, key=lambda one: -len(one.mountpoint or "")):
            point = (one.mountpoint or "").rstrip("/")
            if name.startswith(f"{point}/"):
                return Damaged(name, one.name, path=name[len(point) + 1 :])
        return best
    for one in sorted(datasets, key=lambda one: -len(one.name)):
        if name.startswith(f"{one.name}:"):
            path = name[len(one.name) + 1 :]
            return Damaged(name, one.name, path="" if _OBJECT.match(path) else path.lstrip("/"))
        if name.startswith(f"{one.name}@"):
            snapshot, _, path = name[len(one.name) + 1 :].partition(":")
            return Damaged(name, one.name, snapshot, "" if _OBJECT.match(path) else path.lstrip("/"))
    return best


def judge(
    names: Iterable[str],
    datasets: Sequence[Dataset],
    snapshots: Mapping[str, Sequence[Snapshot]],
    copies: Mapping[str, Sequence[str]],
) -> tuple[Damaged, ...]:
    """Each damaged thing with what may still have a good one. `snapshots` and `copies` are by dataset."""
    from dataclasses import replace

    placed = [place(name, datasets) for name in names]
    named = {(one.dataset, one.snapshot, one.path) for one in placed}
    found = []
    for one in placed:
        if one.path and not one.snapshot:
            there = [snap for snap in snapshots.get(one.dataset, ()) if not snap.bookmark]
            good = [snap.short for snap in reversed(there) if (one.dataset, snap.short, one.path) not in named]
            one = replace(one, snapshots=tuple(good), copies=tuple(copies.get(one.dataset, ())))
        found.append(one)
    return tuple(found)


def sentences(one: Damaged) -> list[str]:
    """What is known of a good one, and no more than that."""
    if one.snapshot:
        return ["It is in a snapshot: destroying that snapshot takes it off the list."]
    if not one.path:
        whose = f" of {one.dataset}" if one.dataset else ""
        return [
            f"It is no file with a name: metadata{whose}, or something deleted. A scrub tells whether it goes away."
        ]
    said = []
    if one.snapshots:
        more = len(one.snapshots) - SHOWN_SNAPSHOTS
        names = ", ".join(f"@{name}" for name in one.snapshots[:SHOWN_SNAPSHOTS]) + (
            f" and {more} more" if more > 0 else ""
        )
        said.append(f"May be good in {names}: ZFS names no damage there, but it was not read. Key F looks at it.")
    said += [f"May be good in {copy}." for copy in one.copies]
    return said or ["No snapshot of its dataset is known to have it, and no copy elsewhere."]
