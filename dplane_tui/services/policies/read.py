"""What a box has: its datasets with their policies and snapshots, in two listings whatever their number."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from ...errors import CommandError, DPlaneError, UsageError
from ...lazyclass import dataclass, field
from ...text import clean
from ..host import Host
from ..replication import failures
from ..replication.coverage import copies_here
from ..replication.model import Task
from ..replication.read import OWNER, Dataset, parse
from ..retention.policy import Policy
from ..zfs.states import suspended_of
from ..zfs.values import values_of
from . import wording
from .model import BROKEN, OFF, ON, REPLICA

_SECONDS = 300.0
_OWN = frozenset(("local", "received"))


@dataclass(frozen=True, slots=True)
class Place:
    """One dataset and what its property says."""

    dataset: Dataset
    state: str
    policy: Policy | None = None
    template: str = ""
    set_on: str = ""
    local: bool = False
    why: str = ""

    @property
    def name(self) -> str:
        """The dataset's name."""
        return self.dataset.name

    @property
    def guid(self) -> str:
        """Its GUID."""
        return self.dataset.properties.get("guid", "")


@dataclass(frozen=True, slots=True)
class Box:
    """All datasets by name, and what could not be looked at."""

    places: Mapping[str, Place] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    def on(self) -> dict[str, Place]:
        """Those with a policy that is to be run."""
        return {name: place for name, place in self.places.items() if place.state == ON}

    def templates(self) -> dict[str, str]:
        """Templates that datasets carry themselves, by name."""
        own = [place for place in self.places.values() if place.local and place.template]
        return {place.template: str(place.policy) for place in own}


async def read_box(host: Host, tasks: Iterable[Task], *, always: bool = False) -> Box:
    """Read every dataset; snapshots only when one has a policy, or `always`. Raises DPlaneError.

    A pool that is suspended would hang every command: the others are read without it.
    """
    states = await suspended_of(host)
    suspended = [name for name, is_so in states.items() if is_so]
    pools = [name for name, is_so in states.items() if not is_so] if suspended else []
    problems = tuple(f"The pool {clean(name)} is suspended, so its policies wait." for name in suspended)
    if suspended and not pools:
        return Box({}, problems)
    of = [*(["-r"] if pools else []), "-t", "filesystem,volume"]
    names = await _ask(host, ["zfs", "list", "-Hp", *of, "-o", "name,guid,type,readonly", *pools])
    # Without the values: one may hold tabs and line ends, and then look like the row of another dataset.
    sources = await _ask(
        host, ["zfs", "get", "-Hp", *of, "-o", "name,property,source", f"{OWNER},{wording.PROPERTY}", *pools]
    )
    set_here = _sources(sources)
    here = {
        prop: await values_of(host, prop, [name for name, told in set_here.items() if told.get(prop) in _OWN])
        for prop in (OWNER, wording.PROPERTY)
    }
    places = _places(names, set_here, here, tuple(tasks))
    if always or any(place.state == ON for place in places.values()):
        kinds = [*of[:-1], "snapshot,bookmark", "-o", "name,guid,createtxg"]
        listed = await _ask(host, ["zfs", "list", "-Hp", *kinds, *pools])
        known = "".join(
            f"{name}\t{prop}\t{value}\t-\n"
            for name, place in places.items()
            for prop, value in place.dataset.properties.items()
        )
        side = parse(listed, known)
        places = {name: replace(place, dataset=side[name]) for name, place in places.items()}
    return Box(places, problems)


async def _ask(host: Host, argv: list[str]) -> str:
    answer = await host.run(argv, timeout=_SECONDS)
    if answer.status != 0 and "no datasets available" not in answer.error:
        raise failures.of_zfs(answer.error, "the datasets could not be listed")
    return answer.text


def _rows(text: str, columns: int) -> list[list[str]]:
    """The rows of so many columns of a listing in which nothing is a person's. Raises CommandError."""
    rows = [line.split("\t") for line in text.splitlines()]
    strange = next((row for row in rows if len(row) != columns), None)
    if strange is not None:
        raise CommandError(f"A listing of ZFS has a line that cannot be understood: {clean(' '.join(strange), 80)}.")
    return rows


def _sources(text: str) -> dict[str, dict[str, str]]:
    """Where the properties of each dataset come from; `-` for one that is not set."""
    found: dict[str, dict[str, str]] = {}
    for name, prop, source in _rows(text, 3):
        found.setdefault(name, {})[prop] = source
    return found


def _places(
    names: str,
    sources: Mapping[str, Mapping[str, str]],
    here: Mapping[str, Mapping[str, str]],
    tasks: tuple[Task, ...],
) -> dict[str, Place]:
    rows = _rows(names, 4)
    found = {name: Dataset(name, {"type": kind, "guid": guid}) for name, guid, kind, _ in rows}
    writable = {name for name, _, _, readonly in rows if readonly == "off"}
    copies = copies_here(list(found), tasks, writable)
    owners = {
        name: _owner(name, sources.get(name, {}).get(OWNER, "-"), here[OWNER], copies, writable) for name in found
    }
    return {name: _place(found[name], sources, here[wording.PROPERTY], owners[name]) for name in sorted(found)}


def _place(
    dataset: Dataset,
    sources: Mapping[str, Mapping[str, str]],
    set_here: Mapping[str, str],
    owner: str,
) -> Place:
    name = dataset.name
    source = sources.get(name, {}).get(wording.PROPERTY, "-")
    if source == "-":
        return Place(dataset, OFF)
    set_on = _set_on(name, source)
    local = source == "local"
    if sources.get(set_on, {}).get(wording.PROPERTY) == "received":
        why = "its policy came with a stream from elsewhere and does not count here; `dplane policy set` makes one"
        return Place(dataset, OFF, set_on=set_on, why=why)
    value = set_here.get(set_on)
    if value is None:  # it was taken away between two listings
        return Place(dataset, BROKEN, set_on=set_on, local=local, why=f"what is set on {set_on} could not be read")
    try:
        policy, template = wording.read_value(value)
    except DPlaneError as error:
        said = error.message if isinstance(error, UsageError) else str(error)
        return Place(dataset, BROKEN, set_on=set_on, local=local, why=f"what is set cannot be understood: {said}")
    if policy is None:
        return Place(dataset, OFF, set_on=set_on, local=local, why="it is told to have none")
    return Place(dataset, REPLICA if owner else ON, policy, template, set_on, local, owner)


def _set_on(name: str, source: str) -> str:
    """The dataset on which something of `name` with that source is set."""
    return name if source in _OWN else source.removeprefix("inherited from ")


def _owner(
    name: str, source: str, owners: Mapping[str, str], copies: Mapping[str, str], writable: Collection[str]
) -> str:
    """Whose copy it is, a clause: a snapshot of ours in it would part it from its original. Empty for an original,
    also for one that was made below a copy: it has the mark of that one, and can be written to."""
    if source in _OWN or (source != "-" and name not in writable):
        peer = clean(owners.get(_set_on(name, source), "another box"), 60)
        return f"it is a copy that {peer} sends, whose task keeps and drops its snapshots"
    if name in copies:
        return f"it is the copy of the task {copies[name]}, which keeps and drops its snapshots"
    return ""
