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


def exposures(dataset: Dataset, notes: Notes, *, home: bool) -> tuple[Exposure, ...]:
    """The shares that a restored dataset would be in, and is not to be.

    Expected is the nearest of the `notes` at it or above it, which are those of all the copies, by the names that they
    have here. Without one it is what the dataset inherits where it comes `home`, which is only what this box has proven
    to be its own place, and elsewhere no share.
    """
    found = []
    for share in SHARES:
        now = dataset.properties.get(share, "-")
        at = dataset.name
        while at and share not in notes.get(at, ()):
            at = at.rpartition("/")[0]
        was = notes[at][share] if at else now if home else "off"
        if now != "off" and (now != was or was == NOT_NOTED):
            found.append(Exposure(share, now, was, at))
    return tuple(found)


def mounts(dataset: Dataset, originals: Mapping[str, str]) -> bool:
    """Whether a restore mounts what has these notes."""
    return dataset.kind == "filesystem" and originals.get("canmount", "on") == "on"


def held_back(side: Side, notes: Notes, ours: Collection[str]) -> dict[str, tuple[Exposure, ...]]:
    """What of the restored `side` stays unmounted, upper ones first, each with its exposures; `ours` are at home.

    What lies below such a one stays so too, if only for that: its place would be in the way of the upper one's mount.
    """
    held: dict[str, tuple[Exposure, ...]] = {}
    for name, dataset in sorted(side.items()):
        if mounts(dataset, notes.get(name, {})):
            found = exposures(dataset, notes, home=name in ours)
            if found or _nearest(name, held):
                held[name] = found
    return held


def _nearest(name: str, held: Container[str]) -> str:
    """The dataset itself or the nearest above it that is held back; empty for none."""
    while name and name not in held:
        name = name.rpartition("/")[0]
    return name


def clauses(held: Mapping[str, Sequence[Exposure]]) -> tuple[list[str], list[str]]:
    """What is to be told of those held back: a clause for each exposure, and the names of those that go with an upper
    one: what is done there reaches them."""
    told: list[str] = []
    along: list[str] = []
    for name, found in held.items():
        above = held.get(_nearest(name.rpartition("/")[0], held), ())
        own = [_clause(name, one) for one in found if one not in above]
        told += own
        along += [] if own else [name]
    return told, along


def _clause(name: str, one: Exposure) -> str:
    now = f"would be in {value_of(one.share, one.now)}" if one.now != "-" else f"has a {one.share} that is not known"
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


def command(dataset: str, share: str, value: str) -> str:
    """Our command that shares it so, as far as there is one, with a word on what it leaves out."""
    from ..zfs.shares import clients_of

    words = ["dplane", "dataset", "share-nfs" if share == "sharenfs" else "share-smb", dataset]
    more = ""
    if value == NOT_NOTED:
        words += ["--rw", "CLIENT"] if share == "sharenfs" else ["off"]
        more = ", with whom you name" if share == "sharenfs" else ", or on"
    elif share == "sharesmb":
        words.append("off" if value == "off" else "on")
        more = "" if value in ("on", "off") else ", without options of its own"
    else:
        clients = clients_of(value) if len(value) <= _VALUE_MOST else None
        if clients is None:
            words += ["--rw", "CLIENT"]
            more = ", with whom you name: D-Plane does not share as that was"
        else:
            words += [word for one, access in clients.items() for word in (f"--{access}", one)] or ["--off"]
    return f"`{shlex.join(words)}`{more}"
