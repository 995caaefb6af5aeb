"""What a box has: its datasets with their policies and snapshots, in two listings whatever their number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from ...errors import CommandError, DPlaneError, UsageError
from ...text import clean
from ..host import Host
from ..replication import failures
from ..replication.model import Task
from ..replication.read import OWNER, Dataset, parse
from ..retention.policy import Policy
from . import wording
from .model import BROKEN, OFF, ON, REPLICA

_SECONDS = 300.0
_STATES = "/proc/spl/kstat/zfs/*/state"


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
    states = await host.read_files([_STATES])
    suspended = sorted(path.split("/")[-2] for path, text in states.items() if text.strip() == "SUSPENDED")
    pools = sorted({path.split("/")[-2] for path in states} - set(suspended)) if suspended else []
    problems = tuple(f"The pool {clean(name)} is suspended, so its policies wait." for name in suspended)
    if suspended and not pools:
        return Box({}, problems)
    recursive = ["-r"] if pools else []
    columns = ["-t", "filesystem,volume", "-o", "name,property,value,source", f"type,guid,{OWNER},{wording.PROPERTY}"]
    got = await _ask(host, ["zfs", "get", "-Hp", *recursive, *columns, *pools])
    places = _places(got, tuple(tasks))
    if always or any(place.state == ON for place in places.values()):
        kinds = ["-t", "snapshot,bookmark", "-o", "name,guid,createtxg"]
        listed = await _ask(host, ["zfs", "list", "-Hp", *recursive, *kinds, *pools])
        side = parse(listed, got)
        places = {name: replace(place, dataset=side[name]) for name, place in places.items()}
    return Box(places, problems)


async def _ask(host: Host, argv: list[str]) -> str:
    answer = await host.run(argv, timeout=_SECONDS)
    if answer.status != 0 and "no datasets available" not in answer.error:
        raise failures.of_zfs(answer.error, "the datasets could not be listed")
    return answer.text


def _places(got: str, tasks: tuple[Task, ...]) -> dict[str, Place]:
    values: dict[str, dict[str, tuple[str, str]]] = {}
    for line in got.splitlines():
        columns = line.split("\t")
        if len(columns) != 4:
            raise CommandError(f"A listing of ZFS has a line that cannot be understood: {clean(line, 80)}.")
        values.setdefault(columns[0], {})[columns[1]] = (columns[2], columns[3])
    return {name: _place(name, values, tasks) for name in sorted(values)}


def _place(name: str, values: Mapping[str, Mapping[str, tuple[str, str]]], tasks: tuple[Task, ...]) -> Place:
    told = values[name]
    properties = {prop: value for prop, (value, _) in told.items()}
    dataset = Dataset(name, properties)
    value, source = told.get(wording.PROPERTY, ("-", "-"))
    set_on = name if source in ("local", "received") else source.removeprefix("inherited from ")
    if value == "-" or source == "-":
        return Place(dataset, OFF)
    local = source == "local"
    if values.get(set_on, {}).get(wording.PROPERTY, ("", "local"))[1] == "received":
        why = "its policy came with a stream from elsewhere and does not count here; `dplane policy set` makes one"
        return Place(dataset, OFF, set_on=set_on, why=why)
    try:
        policy, template = wording.read_value(value)
    except DPlaneError as error:
        said = error.message if isinstance(error, UsageError) else str(error)
        return Place(dataset, BROKEN, set_on=set_on, local=local, why=f"what is set cannot be understood: {said}")
    if policy is None:
        return Place(dataset, OFF, set_on=set_on, local=local, why="it is told to have none")
    state, why = (REPLICA, owner) if (owner := _owner(name, properties, tasks)) else (ON, "")
    return Place(dataset, state, policy, template, set_on, local, why)


def _owner(name: str, properties: Mapping[str, str], tasks: tuple[Task, ...]) -> str:
    """Whose copy it is, a clause: a snapshot of ours in it would part it from its original. Empty for an original."""
    peer = properties.get(OWNER, "-")
    if peer not in ("", "-"):
        return f"it is a copy that {clean(peer, 60)} sends, whose task keeps and drops its snapshots"
    for task in tasks:
        if task.peer is None and (name == task.target or name.startswith(f"{task.target}/")):
            return f"it is the copy of the task {task.name}, which keeps and drops its snapshots"
    return ""
