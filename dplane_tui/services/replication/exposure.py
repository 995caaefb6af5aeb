"""Which restored file systems a share of what is above them would open to others than their copies note. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import replace

from ...lazyclass import dataclass
from ...text import quoted
from .read import NOT_NOTED, SHARES, Dataset, Side

_VALUE_MOST = 255  # characters of a share that is told; longer is none of our notes
Notes = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Exposure:
    """A share that a dataset would be in once it is mounted, and that its copy does not note so."""

    share: str
    """One of SHARES."""
    now: str
    """Its value as ZFS tells it; `-` when that is not known."""
    was: str
    """What is expected instead."""
    noted_at: str
    """The restored dataset whose copy notes that; empty where none does, so that no share is expected."""
    then: bool = False
    """Whether it would be in it only after what is told of a dataset above; `now` is `-` if that is a choice."""
    folder: str = ""
    """The place that is shared so with all that is mounted in it, whatever is set below; `-` when that is not known."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where what is restored would be mounted, and which folders are shared with all that is mounted in them."""

    of: Mapping[str, str]
    """Mountpoints, by the name of a restored dataset."""
    shared: Sequence[tuple[str, str, str]]
    """Folder, which of SHARES, and its value; outer ones first."""

    def folder(self, dataset: str, share: str, was: str) -> tuple[str, str]:
        """The outermost such folder that the dataset would lie in and that is shared otherwise, and how; else empty."""
        place = self.of.get(dataset, "")
        for folder, kind, value in self.shared:
            if kind == share and _is_other(value, was) and _is_in(place, folder):
                return folder, value
        return "", ""


NOWHERE = Places({}, ())
Told = Mapping[tuple[str, bool], Exposure]
"""By share and whether it is for a folder, the nearest above whose way out is told."""
_NOTHING: Told = {}


def places_of(listed: str, side: Side) -> Places | None:
    """What the answer to WANTED_ARGV tells of the restored `side` and of all others; None when it is not certain."""
    from ..zfs.shares import parse_wanted

    rows = parse_wanted(listed)
    names = {row[0] for row in rows}
    if not listed.count("\n") == len(rows) == len(names) or any("\t" in row[4] for row in rows):
        return None  # a value with a tab or a line end could make up a row, or hide one
    at = {name: place for name, *_, place in rows if name in side}
    if any(one.kind == "filesystem" and name not in at for name, one in side.items()):
        return None
    shared = [
        (place, share, value)
        for name, nfs, smb, mounted, place in rows
        if mounted and name not in side
        for share, value in zip(SHARES, (nfs, smb), strict=True)
        if _with_all_below(share, value)
    ]
    return Places(at, sorted(shared, key=lambda one: len(one[0])))


def _with_all_below(share: str, value: str) -> bool:
    """Whether all that is mounted in its folder goes with it: Samba serves folders, and `on` means `crossmnt` too."""
    return value != "off" if share == "sharesmb" else value == "on" or "crossmnt" in value.split(",")


def _is_in(place: str, folder: str) -> bool:
    return place != folder and place.startswith(f"{folder.rstrip('/')}/")


def _is_other(now: str, was: str) -> bool:
    return now != was or was == NOT_NOTED


def exposures(
    dataset: Dataset, notes: Notes, *, home: bool, told: Told = _NOTHING, places: Places | None = NOWHERE
) -> tuple[Exposure, ...]:
    """The shares that a restored dataset would be in, and is not to be, after what is `told` was done.

    Expected is the nearest of the `notes` at it or above it, which are those of all the copies, by the names that they
    have here. Without one it is what the dataset inherits where it comes `home`, which is only what this box has proven
    to be its own place, and elsewhere no share. Elsewhere its `places` count too; None is not known.
    """
    found: list[Exposure] = []
    for share in SHARES:
        above = told.get((share, False))
        now = _made(above) if above else dataset.properties.get(share, "-")
        at = dataset.name
        while at and share not in notes.get(at, ()):
            at = at.rpartition("/")[0]
        was = notes[at][share] if at else now if home else "off"
        goes_along = above and at and above.noted_at == at  # what is done for that note reaches it
        is_exposed = now != "off" and not goes_along and _is_other(now, was)
        if is_exposed:
            found.append(Exposure(share, now, was, at, above is not None))
        # Over NFS what has an export of its own is served by that one.
        if not home and (share == "sharesmb" or (was if is_exposed else now) == "off"):
            found += _by_place(dataset.name, Exposure(share, "-", was, at, folder="-"), told, places)
    return tuple(found)


def _by_place(name: str, unknown: Exposure, told: Told, places: Places | None) -> list[Exposure]:
    """The exposure by the folder that the dataset would lie in, unless what is told above takes it out of that."""
    above = told.get((unknown.share, True))
    folder, value = ("-", "-") if places is None else places.folder(name, unknown.share, unknown.was)
    if not folder or (above and (folder == above.folder or _is_in(folder, above.folder))):
        return []
    return [replace(unknown, now=value, folder=folder)]


def mounts(dataset: Dataset, originals: Mapping[str, str]) -> bool:
    """Whether a restore mounts what has these notes."""
    return dataset.kind == "filesystem" and originals.get("canmount", "on") == "on"


def held_back(
    side: Side, notes: Notes, ours: Collection[str], places: Places | None = NOWHERE
) -> dict[str, tuple[Exposure, ...]]:
    """What of the restored `side` stays unmounted, upper ones first, each with its exposures; `ours` are at home.

    What lies below such a one stays so too, if only for that: its place would be in the way of the upper one's mount.
    It is judged by what it inherits after the command that is told of the upper one.
    """
    held: dict[str, tuple[Exposure, ...]] = {}
    told: dict[str, dict[tuple[str, bool], Exposure]] = {}
    for name, dataset in sorted(side.items()):
        above = told.get(_nearest(name.rpartition("/")[0], told), {})
        told[name] = {key: one for key, one in above.items() if one.folder or one.share not in dataset.local}
        if mounts(dataset, notes.get(name, {})):
            found = exposures(dataset, notes, home=name in ours, told=told[name], places=places)
            if found or _nearest(name, held):
                held[name] = found
                told[name] |= {(one.share, bool(one.folder)): one for one in found}
    return held


def _nearest(name: str, some: Container[str]) -> str:
    """The dataset itself or the nearest above it that is one of these; empty for none."""
    while name and name not in some:
        name = name.rpartition("/")[0]
    return name


def clauses(held: Mapping[str, Sequence[Exposure]]) -> tuple[list[str], list[str]]:
    """What is to be told of those held back: a clause for each exposure, deepest first, so that no command is told
    without those for what lies below it, and the names of those that go with an upper one, as what is done there
    reaches them."""
    deepest_first = sorted(held, key=lambda name: (-name.count("/"), name))
    told = [_clause(name, one) for name in deepest_first for one in held[name]]
    return told, [name for name, found in held.items() if not found]


def _clause(name: str, one: Exposure) -> str:
    if one.folder:
        return f"{_place_clause(name, one)}: `{shlex.join(['dplane', 'dataset', 'set', name, 'mountpoint=PATH'])}`"
    now = f"would be in {value_of(one.share, one.now)}"
    if one.now == "-":
        now = f"would be in the {one.share} that you choose" if one.then else f"has a {one.share} that is not known"
    now += " by the command for what is above it" if one.then else ""
    return f"{name} {now}, {_expected(name, one)}: {command(name, one.share, one.was)}"


def _place_clause(name: str, one: Exposure) -> str:
    if one.folder == "-":
        return (
            f"whether {name} would lie in a folder that is shared ({one.share}) is not known, {_expected(name, one)}; "
            "`dplane dataset shares` tells the folders, and this gives it another PATH"
        )
    return (
        f"{name} would lie in {quoted(one.folder, _VALUE_MOST)}, which is shared as {value_of(one.share, one.now)} "
        f"with all that is mounted in it, {_expected(name, one)}, and only a PATH outside of it keeps it out"
    )


def _expected(name: str, one: Exposure) -> str:
    at = f" at {one.noted_at}" if one.noted_at not in ("", name) else ""
    if one.was == NOT_NOTED:
        return f"how {one.noted_at if at else 'it'} was shared could not be noted"
    return f"noted{at} is {value_of(one.share, one.was)}" if one.noted_at else "no such share is noted"


def was_of(share: str, value: str) -> str:
    """How an original was shared, as its copy notes it."""
    return "how it was shared could not be noted" if value == NOT_NOTED else f"it was {value_of(share, value)}"


def value_of(share: str, value: str) -> str:
    """The setting, in quotes and cut."""
    return quoted(f"{share}={value}", _VALUE_MOST)


def _made(one: Exposure) -> str:
    """What the command for it sets; `-` where it leaves a choice."""
    if one.was == NOT_NOTED or (one.share == "sharenfs" and _clients(one.was) is None):
        return "-"
    return "on" if one.share == "sharesmb" and one.was != "off" else one.was


def _clients(value: str) -> dict[str, str] | None:
    from ..zfs.shares import clients_of

    return clients_of(value) if len(value) <= _VALUE_MOST else None


def command(dataset: str, share: str, value: str) -> str:
    """Our command that shares it so, as far as there is one, with a word on what it leaves out."""
    words = ["dplane", "dataset", "share-nfs" if share == "sharenfs" else "share-smb", dataset]
    more = ""
    if value == NOT_NOTED:
        words += ["--rw", "CLIENT"] if share == "sharenfs" else ["off"]
        more = ", with whom you name" if share == "sharenfs" else ", or on"
    elif share == "sharesmb":
        words.append("off" if value == "off" else "on")
        more = "" if value in ("on", "off") else ", without options of its own"
    else:
        clients = _clients(value)
        if clients is None:
            words += ["--rw", "CLIENT"]
            more = ", with whom you name: D-Plane does not share as that was"
        else:
            words += [word for one, access in clients.items() for word in (f"--{access}", one)] or ["--off"]
    return f"`{shlex.join(words)}`{more}"
