"""What an interrupted receive left at a copy: a half that can go on, or one that has to be given up. Pure.

ZFS takes all of a resumed stream and judges it at its end (dsl_dataset_clone_swap_check_impl): an increment is refused
when the copy's newest snapshot is not its base (EINVAL), or when the copy was written to since (ETXTBSY). So it is
judged here first.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from privhelper import resumetoken

from .model import Abort, Step
from .read import Dataset, Point

Half = tuple[str, str]
"""The target's dataset, and its resume token: it is another half once more of it has arrived."""


def base_of(here: Dataset, guid: str) -> tuple[str, Point] | None:
    """The source's snapshot of that GUID, else its bookmark, with its mark: what an incremental can start from."""
    for mark, points in (("@", here.snapshots), ("#", here.bookmarks)):
        for point in points:
            if point.guid == guid:
                return f"{mark}{point.name}", point
    return None


def judged(here: Dataset, there: Dataset, stale: Collection[Half], *, raw: bool) -> Step | Abort:
    """The step that goes on with the half at `there`, or why it is given up as soon as something is sent in its place.

    It goes on when it is of a snapshot that is still at the source, from a base both sides have, and `there` is as it
    was when it began; `stale` are those that ZFS itself refused to go on with.
    """
    fields = _fields(there)
    if fields is None:
        return Abort(there.name, there.token, "its resume token cannot be understood")
    guid, origin = str(fields.get("toguid")), _origin(fields)
    point = next((point for point in here.snapshots if point.guid == guid), None)
    base = base_of(here, origin) if origin else None
    why = ""
    if point is None or fields.get("toname") != f"{here.name}@{point.name}":
        why = "the snapshot it was for is not at the source any more"
    elif bool(fields.get("rawok")) != raw:
        why = "it was sent in the other kind of stream (raw or plain)"
    elif origin and base is None:
        why = "the snapshot it started from is not at the source any more"
    elif not _fits(there, origin):
        why = "the copy is no longer as it was when that stream began"
    elif (there.name, there.token) in stale:
        why = "ZFS refused to go on with it"
    if why or point is None:
        return Abort(there.name, there.token, why)
    # Only ZFS can tell how much is left: what the dataset holds now says nothing of an older snapshot.
    return Step(
        "resume",
        here.name,
        there.name,
        here.kind,
        point.name,
        guid,
        base=base[0] if base else None,
        base_guid=origin,
        raw=raw,
        token=there.token,
    )


def is_foreign(here: Dataset, there: Dataset) -> bool:
    """Whether the half is of no stream of `here`: neither by what it was to become, nor by its base, nor by its name.

    One that cannot be understood is taken for ours where the copy's snapshots tell whose it is.
    """
    fields = _fields(there)
    if fields is None:
        return not there.snapshots
    ours = {point.guid for point in (*here.snapshots, *here.bookmarks)}
    named = str(fields.get("toname")).partition("@")[0] == here.name
    return not named and ours.isdisjoint({str(fields.get("toguid")), _origin(fields)})


def is_all(there: Dataset) -> bool:
    """Whether the dataset is nothing but that half, and goes away with it."""
    fields = _fields(there)
    return fields is not None and not there.snapshots and not _origin(fields)


def stands_in_the_way(there: Dataset, snapshot: str) -> bool:
    """Whether the half keeps `there` from being rolled back to that snapshot: ZFS keeps it as a clone of its base."""
    if not there.token:
        return False
    fields = _fields(there)
    kept = next(index for index, point in enumerate(there.snapshots) if point.name == snapshot)
    return fields is None or _origin(fields) not in {point.guid for point in there.snapshots[: kept + 1]}


def named(here: Dataset, there: Dataset) -> str:
    """The half as a clause for a person; empty when there is none. A name is only told if it is one of the source."""
    if not there.token:
        return ""
    guid = str((_fields(there) or {}).get("toguid"))
    name = next((point.name for point in here.snapshots if point.guid == guid), None)
    return f"the part of @{name} that had arrived" if name is not None else "a stream of which a part had arrived"


def _fields(there: Dataset) -> dict[str, Any] | None:
    try:
        return dict(resumetoken.unpack(there.token))
    except resumetoken.TokenError:
        return None


def _origin(fields: dict[str, Any]) -> str:
    """The GUID of the snapshot that an increment started from; empty for a full stream."""
    return str(fields["fromguid"]) if fields.get("fromguid") else ""


def _fits(there: Dataset, origin: str) -> bool:
    if not origin:
        return not there.snapshots
    return bool(there.snapshots) and there.snapshots[-1].guid == origin and not there.number("written")
