"""Words about files of snapshots, the same on screens and in commands. Pure."""

from __future__ import annotations

import time
from collections.abc import Sequence

from ...text import clean, size
from .model import Entry, Measured, Place, Versions, counted, readable


def when(entry: Entry) -> str:
    """When it was changed last, in this machine's own zone."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.mtime / 1e9))


def held(holders: Sequence[Place]) -> str:
    """Where a version is held: the newest and the oldest place."""
    names = [f"@{place.snapshot}" if place.snapshot else "now" for place in holders]
    return names[0] if len(names) == 1 else f"{names[0]} … {names[-1]}"


def told_of(found: Versions) -> list[str]:
    """What a person should know of the search: what was not looked at, and why."""
    lines = [f"{found.looked} snapshots looked at; {found.without} of them have nothing of that name."]
    if found.looked < found.snapshots:
        lines.append(f"{found.snapshots - found.looked} older ones were not looked at (--newest).")
    lines += [clean(problem) for problem in found.problems[:5]]
    if len(found.problems) > 5:
        lines.append(f"… and {len(found.problems) - 5} more could not be looked at.")
    return lines


def preview(measured: Measured, over: bool) -> list[str]:
    """What a restore would do, a sentence each."""
    name = readable(measured.path.rpartition(b"/")[2])
    what = (
        f"{counted(measured.files, 'file')} in {counted(measured.folders, 'folder')}"
        if measured.folders
        else f"a {measured.entry.kind}"
    )
    said = [f"From {measured.place.name}: {readable(measured.path)}, {what}, {size(measured.size)}."]
    if measured.others:
        said.append(f"{measured.others} devices, pipes or sockets are left out.")
    if not over:
        said.append(f"It comes back as {name}.restored-{measured.place.snapshot}, beside its old place.")
    elif measured.there is None:
        said.append(f"Nothing is in its old place now; it comes back as {name}.")
    else:
        there = measured.there
        said.append(
            f"In its place is a {there.kind} of {size(there.size)}, changed {when(there)}; "
            f"it is kept as {name}.kept-TIME. Rename that back to undo this."
        )
    said.append(f"{size(measured.free)} are free in the dataset.")
    return said
