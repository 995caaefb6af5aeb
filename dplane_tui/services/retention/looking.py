"""What stands in the way of destroying snapshots of a dataset, by what ZFS lists right before. Pure.

Light, because the agent loads it on every box that prunes for a peer.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from privhelper import let_go

from ..replication.lending import maker
from ..replication.read import OWNER, Dataset

OWN = re.compile(r"dplane-(?:auto-)?[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}-[0-9]{2}-[0-9]{2}Z")
"""The names that tasks and policies give. What a person calls `dplane-before-the-upgrade` is a person's."""
AT_ONCE = 100
_KINDS = ("-t", "filesystem,volume")
_ORIGINS = 100  # on so many the mark may be set: each is a command
NEWEST = "the newest snapshot"
GONE = "it is gone already"
_OURS = "dplane-"


class Other(NamedTuple):
    """A snapshot that D-Plane did not take and an administrator lets go."""

    creation: int = 0
    """Unix seconds; 0 is unknown."""
    begins: str = ""
    """How the names begin that he named, it among them."""


Others = Mapping[str, Mapping[str, Other]]
"""Those of each dataset by their names."""


def details_argv(dataset: str, names: Iterable[str]) -> list[str]:
    """The command that asks for holds and clones of those snapshots; at most AT_ONCE of them."""
    snapshots = [f"{dataset}@{name}" for name in names]
    return ["zfs", "get", "-Hp", "-o", "name,property,value", "guid,userrefs,clones", *snapshots]


def marks_argv(dataset: str, names: Iterable[str] = ()) -> list[str]:
    """The command that asks for whom those snapshots were taken, or, without names, all of the dataset."""
    which = [f"{dataset}@{name}" for name in names] or [dataset]
    depth = [] if which[0] != dataset else ["-d", "1", "-t", "snapshot"]
    return ["zfs", "get", "-Hp", *depth, "-o", "name,value,source", OWNER, *which]


def taken_for(dataset: str, said: str) -> dict[str, str]:
    """The peer for which each snapshot was taken that `marks_argv` told of; empty for this box's own.

    Only the mark that root gave the snapshot itself counts, not one of its dataset nor one that came with a stream.
    """
    found = {}
    for line in said.splitlines():
        name, _, rest = line.partition("\t")
        value, _, source = rest.partition("\t")
        owner, at, short = name.partition("@")
        if at and owner == dataset:
            found[short] = value if source == "local" and value != "-" else ""
    return found


def lets_argv(dataset: str, recursive: bool) -> list[str]:
    """The command that tells where the mark is set by which more than our own may go, at and below a dataset."""
    return ["zfs", "get", "-H", *(["-r"] if recursive else []), *_KINDS, "-o", "name,source", let_go.MARK, dataset]


def lets_where(said: str) -> dict[str, str]:
    """The datasets of which `lets_argv` told that, each with the one that the mark is set on. Nothing in it is a
    person's, so each line is one dataset."""
    rows = (line.partition("\t")[::2] for line in said.splitlines())
    found = {name: let_go.origin(name, source) for name, source in rows}
    return {name: where for name, where in found.items() if where}


def received(said: str) -> set[str]:
    """Those of which `lets_argv` told that a stream brought the mark: it lets nothing go, and hides one from above."""
    rows = (line.partition("\t")[::2] for line in said.splitlines())
    return {name for name, source in rows if source == "received"}


def origins_of(where: Mapping[str, str]) -> list[str]:
    """The datasets on which the mark is set. Raises ValueError for so many that each would cost too much to ask."""
    found = sorted(set(where.values()))
    if len(found) > _ORIGINS:
        raise ValueError(f"{let_go.MARK} is set on {len(found)} datasets; set it above them, on {_ORIGINS} at most")
    return found


def others(side: Mapping[str, Dataset], begins: Mapping[str, tuple[str, ...]]) -> dict[str, dict[str, str]]:
    """The snapshots of `side` that D-Plane did not take and may go, each with how its name begins; `begins` is how the
    names begin that may go of each dataset."""
    found: dict[str, dict[str, str]] = {}
    for name, dataset in side.items():
        for point in dataset.snapshots if begins.get(name) else ():
            if not point.name.startswith(_OURS) and (named := let_go.covering(begins[name], point.name)):
                found.setdefault(name, {})[point.name] = named
    return found


def dated(named: Mapping[str, Mapping[str, str]], taken: Mapping[str, float]) -> Others:
    """The same with when they were taken, `taken` being that by full names."""
    return {
        dataset: {name: Other(int(taken.get(f"{dataset}@{name}", 0)), begins) for name, begins in names.items()}
        for dataset, names in named.items()
    }


def estimate_argv(dataset: str, names: Iterable[str]) -> list[str]:
    """The dry run that tells how many bytes would be free without those snapshots."""
    return ["zfs", "destroy", "-n", "-v", "-p", f"{dataset}@{','.join(names)}"]


def freed(said: str) -> int | None:
    """The bytes that such a dry run tells; None is unknown."""
    found = re.search(r"^reclaim\t([0-9]{1,20})$", said, re.MULTILINE)
    return int(found[1]) if found else None


def in_the_way(
    dataset: str,
    chosen: Mapping[str, str],
    listed: str,
    details: str,
    peers: Collection[str] | None = None,
    begins: Collection[str] = (),
) -> dict[str, str]:
    """Why those of `chosen` (name and GUID) that must stay have to, a clause each; the others may go.

    `listed` are name, GUID and createtxg of the dataset's snapshots and bookmarks; `details` is what `details_argv`
    said. What the two do not tell of a snapshot is a reason for it to stay; so is a bookmark, unless it is of a peer
    that is not among `peers`, which are let in (None: not known). `begins` is how the names of what D-Plane did not
    take begin that may go there all the same.
    """
    there: dict[str, tuple[str, int]] = {}
    bases: set[str] = set()
    for line in listed.splitlines():
        name, _, numbers = line.partition("\t")
        guid, _, born = numbers.partition("\t")
        owner, at, short = name.partition("@")
        if at and owner == dataset and born.isdigit():
            there[short] = (guid, int(born))
        elif f"{dataset}#{_OURS}" in name and (peers is None or maker(name.partition("#")[2], peers) != ""):
            bases.add(guid)
    newest = max(there, key=lambda name: there[name][1], default="")
    told = _told(dataset, details)
    kept = {}
    for name, guid in chosen.items():
        if why := _why(name, guid, there.get(name, ("", 0))[0], told.get(name, {}), begins):
            kept[name] = why
        elif guid in bases:
            kept[name] = "an increment may start from it"
        elif name == newest:  # last: a preview takes that as if a snapshot had been taken since
            kept[name] = NEWEST
    return kept


def _told(dataset: str, details: str) -> dict[str, dict[str, str]]:
    told: dict[str, dict[str, str]] = {}
    for line in details.splitlines():
        name, _, rest = line.partition("\t")
        prop, _, value = rest.partition("\t")
        owner, at, short = name.partition("@")
        if at and owner == dataset:
            told.setdefault(short, {})[prop] = value
    return told


def needs_leave(names: Iterable[str]) -> bool:
    """Whether one of them is nothing that D-Plane names so, and the dataset's mark has to be asked for."""
    return any(not OWN.fullmatch(name) for name in names)


def _why(name: str, guid: str, now: str, told: Mapping[str, str], begins: Collection[str]) -> str:
    """What is against it by itself, or an empty text."""
    if not OWN.fullmatch(name) and (name.startswith(_OURS) or not let_go.covers(begins, name)):
        return f"no task or policy gives such a name, nor does {let_go.MARK} there let it go"
    if not now:
        return GONE
    if not told:
        return "ZFS told nothing of it when it was looked at once more"
    if now != guid or told.get("guid") != guid:
        return "another snapshot has its name now"
    if told.get("userrefs") != "0":
        return "it is held" if told.get("userrefs", "").isdigit() else "ZFS does not tell whether it is held"
    if told.get("clones") not in ("", "-"):
        return f"{told['clones'].split(',')[0]} is a clone of it" if told.get("clones") else "its clones are not known"
    return ""
