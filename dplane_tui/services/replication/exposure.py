"""Which restored file systems a share of what is above them would open to others than their copies note. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass

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


Told = Mapping[str, Exposure]
"""By share, the nearest above whose command is told."""
_NOTHING: Told = {}


def exposures(dataset: Dataset, notes: Notes, *, home: bool, told: Told = _NOTHING) -> tuple[Exposure, ...]:
    """The shares that a restored dataset would be in, and is not to be, after what is `told` was done.

    Expected is the nearest of the `notes` at it or above it, which are those of all the copies, by the names that they
    have here. Without one it is what the dataset inherits where it comes `home`, which is only what this box has proven
    to be its own place, and elsewhere no share.
    """
    found = []
    for share in SHARES:
        above = told.get(share)
        now = _made(above) if above else dataset.properties.get(share, "-")
        at = dataset.name
        while at and share not in notes.get(at, ()):
            at = at.rpartition("/")[0]
        was = notes[at][share] if at else now if home else "off"
        goes_along = above and at and above.noted_at == at  # what is done for that note reaches it
        if now != "off" and not goes_along and (now != was or was == NOT_NOTED):
            found.append(Exposure(share, now, was, at, above is not None))
    return tuple(found)


def mounts(dataset: Dataset, originals: Mapping[str, str]) -> bool:
    """Whether a restore mounts what has these notes."""
    return dataset.kind == "filesystem" and originals.get("canmount", "on") == "on"


def held_back(side: Side, notes: Notes, ours: Collection[str]) -> dict[str, tuple[Exposure, ...]]:
    """What of the restored `side` stays unmounted, upper ones first, each with its exposures; `ours` are at home.

    What lies below such a one stays so too, if only for that: its place would be in the way of the upper one's mount.
    It is judged by what it inherits after the command that is told of the upper one.
    """
    held: dict[str, tuple[Exposure, ...]] = {}
    told: dict[str, dict[str, Exposure]] = {}
    for name, dataset in sorted(side.items()):
        above = told.get(_nearest(name.rpartition("/")[0], told), {})
        told[name] = {share: one for share, one in above.items() if share not in dataset.local}
        if mounts(dataset, notes.get(name, {})):
            found = exposures(dataset, notes, home=name in ours, told=told[name])
            if found or _nearest(name, held):
                held[name] = found
                told[name] |= {one.share: one for one in found}
    return held


def _nearest(name: str, some: Container[str]) -> str:
    """The dataset itself or the nearest above it that is one of these; empty for none."""
    while name and name not in some:
        name = name.rpartition("/")[0]
    return name


def clauses(held: Mapping[str, Sequence[Exposure]]) -> tuple[list[str], list[str]]:
    """What is to be told of those held back: a clause for each exposure, and the names of those that go with an upper
    one: what is done there reaches them."""
    told = [_clause(name, one) for name, found in held.items() for one in found]
    return told, [name for name, found in held.items() if not found]


def _clause(name: str, one: Exposure) -> str:
    now = f"would {'then ' if one.then else ''}be in {value_of(one.share, one.now)}"
    if one.now == "-":
        now = (
            f"would then be in the {one.share} that you choose" if one.then else f"has a {one.share} that is not known"
        )
    return f"{name} {now}, {_expected(name, one)}: {command(name, one.share, one.was)}"


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
