"""Letting a paired box go on with a copy that another tool made here: seen first, then marked as that peer's.

Runs on the box that has the copy. Nothing of the copy is changed but settings: `dplane:peer`, `readonly`, and what
makes a received file system harmless (`setuid`, `devices`, `exec` off).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import Any

from privhelper import grammar

from ...errors import ChangedError, CommandError, MissingError, RefusedError
from ...lazyclass import dataclass
from ...text import clean, size
from ..door import Door
from ..host import Host
from .read import LAST, OWNER, is_missing, list_argv, parse
from .reread import reread

ACCEPTED = "/var/lib/dplane/ssh-accept/authorized_keys"
_PEER = re.compile(r" dplane:([A-Za-z0-9][A-Za-z0-9_.-]{0,62})$", re.MULTILINE)
_NAMED = 5
_ASKED = ("guid", "type", "written", "mounted", "readonly", OWNER, LAST)


@dataclass(frozen=True, slots=True)
class Adoption:
    """What would be a peer's: the dataset as a person sees it before it is marked."""

    peer: str
    dataset: str
    guid: str
    below: tuple[str, ...] = ()
    """The datasets below it, which become the peer's as well."""
    snapshots: int = 0
    newest: str = ""
    """The newest snapshot of the dataset itself, the name behind the `@`."""
    written: int | None = None
    """Bytes written to it since then; None is unknown. A receive refuses a copy that was written to."""
    mounted: tuple[str, ...] = ()
    """Those of them that are mounted now."""
    owner: str = ""
    """The peer that it is marked for already; empty for none."""
    others: tuple[tuple[str, str], ...] = ()
    """The datasets below it that are marked for somebody else than `peer`, and for whom."""
    former: str = ""
    """The peer that it, and what is below, may be taken from; empty for none."""

    @property
    def refused(self) -> tuple[tuple[str, str], ...]:
        """The datasets, and whose they are, for which the door refuses it."""
        own = ((self.dataset, self.owner),) if self.owner else ()
        return tuple((name, owner) for name, owner in own + self.others if owner not in (self.peer, self.former))


def meaning(seen: Adoption) -> list[str]:
    """What it means to let the peer go on, before it is done: sentences, as they are of names that are not ours."""
    below = f" and the {len(seen.below)} dataset(s) below it" if seen.below else ""
    newest = f", newest of its own @{seen.newest}" if seen.newest else ""
    lines = [
        f"{seen.dataset}{below} become copies of the peer {seen.peer}, with {seen.snapshots} snapshot(s){newest}.",
        "It may then add to them and read them back. They become read-only here, and programs and devices in them are "
        "not run; nothing is destroyed.",
    ]
    if seen.owner == seen.peer:
        lines.append("It is marked for that peer already.")
    taken = [name for name, owner in ((seen.dataset, seen.owner), *seen.others) if owner == seen.former != ""]
    if taken:
        lines.append(
            f"{_listed(taken)} belong(s) to the peer {seen.former} and is taken from it: {seen.former} can neither add "
            f"to that nor read it back any more, {seen.peer} can."
        )
    for name, owner in seen.refused[:_NAMED]:
        lines.append(
            f"{name} belongs to the peer {owner}: that is refused. If that box is lost for good, take it from it: "
            f"`dplane peer adopt {seen.peer} {seen.dataset} --from {owner}`."
        )
    if len(seen.refused) > _NAMED:
        lines.append(f"{len(seen.refused) - _NAMED} more below it belong to other peers.")
    if not seen.newest:
        lines.append("It has no snapshot, so there is nothing that a copy could go on from.")
    if seen.written:
        lines.append(
            f"{size(seen.written)} were written to it since its newest snapshot. A receive refuses that until it is "
            "taken back to the snapshot, which loses what was written."
        )
    if seen.mounted:
        lines.append(f"Mounted now: {_listed(seen.mounted)}.")
    return lines


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (" …" if len(names) > _NAMED else "")


async def accepted(host: Host) -> tuple[str, ...]:
    """The names under which boxes may come in as peers here. Raises UnreachableError."""
    found = await host.read_files([ACCEPTED])
    return tuple(sorted(set(_PEER.findall(found.get(ACCEPTED, "")))))


async def look(host: Host, peer: str, dataset: str, former: str = "") -> Adoption:
    """What `adopt` would mark, also where it is the peer `former`'s.

    Raises MissingError (no such peer or dataset), RefusedError, CommandError.
    """
    if problem := grammar.dataset_problem(dataset):
        raise RefusedError(f"The dataset “{clean(dataset, 60)}” {problem}.")
    if former and (problem := grammar.peer_problem(former)):
        raise RefusedError(f"The peer “{clean(former, 60)}” {problem}.")
    known = await accepted(host)
    if peer not in known:
        listed = f"Those that are: {', '.join(known[:20])}." if known else "None is. Pair from that box first."
        raise MissingError(f"No box is let in here as the peer {clean(peer, 63)}.", listed)
    got = await host.run(["zfs", "get", "-Hp", "-r", "-t", "filesystem,volume", "-o", "name,property,value,source",
                          ",".join(_ASKED), dataset], timeout=120)  # fmt: skip
    listed_points = await host.run(list_argv(dataset, True), timeout=120)
    for output in (got, listed_points):
        if output.status != 0:
            if is_missing(output.error):
                raise MissingError(
                    f"There is no dataset {dataset} here.", "`dplane dataset list` shows those there are."
                )
            raise CommandError(f"{dataset} could not be looked at: {clean(output.error.strip(), 200)}")
    try:
        side = parse(listed_points.text, got.text, _ASKED)
    except CommandError:
        side = parse(listed_points.text, await reread(partial(host.run, timeout=120), dataset, True, _ASKED), _ASKED)
    if dataset not in side:
        raise CommandError(f"ZFS listed nothing for {dataset}.")
    own = side[dataset]
    marks = {name: one.properties.get(OWNER, "-") for name, one in side.items()}
    owner = marks[dataset]
    return Adoption(
        peer,
        dataset,
        own.properties.get("guid", ""),
        tuple(name for name in side if name != dataset),
        sum(len(one.snapshots) for one in side.values()),
        own.snapshots[-1].name if own.snapshots else "",
        own.number("written"),
        tuple(name for name, one in side.items() if one.properties.get("mounted") == "yes"),
        "" if owner == "-" else clean(owner, 63),
        tuple(
            (name, clean(whose, 63)) for name, whose in marks.items() if name != dataset and whose not in ("-", peer)
        ),
        former,
    )


async def adopt(host: Host, seen: Adoption) -> Adoption:
    """Mark it, and return how it is afterwards. Raises what the door raises, ChangedError when it is another by now."""
    more: dict[str, Any] = {"former": seen.former} if seen.former else {}
    await Door(host).call("peer-adopt", peer=seen.peer, dataset=seen.dataset, guid=seen.guid, **more)
    after = await look(host, seen.peer, seen.dataset)
    if after.guid != seen.guid:
        raise ChangedError(f"{seen.dataset} is not what you saw any more.")
    if after.owner != seen.peer or after.others:
        raise CommandError(f"{seen.dataset} was marked, but ZFS does not list it as the peer's.")
    return after
