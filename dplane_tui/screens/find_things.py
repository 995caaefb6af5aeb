"""Everything that was read on this host as things to find, and what was not read yet. Nothing is read for it here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ..actions import SECTIONS, WITHOUT_TAB, allowed, in_use, within
from ..finding import Thing
from ..place import Place
from ..services.zfs.model import Dataset
from ..text import size
from ..theme import available

if TYPE_CHECKING:
    from ..app import Console


_TABS = frozenset({"datasets", "snapshots", "tasks", "peers"})
"""Groups inside a section that are tabs of it."""


def things(app: Console, datasets: Iterable[Dataset]) -> list[Thing]:
    """Actions first, as a person without a name in mind wants them; then everything with a name."""
    return [
        *_actions(app),
        *_pools(app, datasets),
        *_copies(app),
        *_containers(app),
        *_parts(app),
        *_boxes(app),
        *_elsewhere(app),
        *(Thing("theme", name, "how the console looks", act=name, key="T") for name in available(app.native)),
    ]


def unread(app: Console, datasets_known: bool) -> str:
    """The kinds that cannot be found because nothing has read them yet, in a sentence; empty when all are known."""
    kinds = {"containers": ("docker", "3"), "peers": ("peers", "2"), "tasks": ("tasks", "2"), "pools": ("pools", "1")}
    missing = [f"{kind} ({key} reads them)" for kind, (name, key) in kinds.items() if _value(app, name) is None]
    if not datasets_known:
        missing.append("datasets")
    return f"Not read yet, so not found: {', '.join(missing)}." if missing else ""


def _value(app: Console, name: str) -> object:
    return app.poller.snapshot(name).value


def _actions(app: Console) -> Iterator[Thing]:
    for action in within(app.current.all_groups()):
        if action.id == "palette" or (action.mutating and app.read_only):
            continue
        what = action.help or action.label
        if not allowed(action, app.role):
            what += f" (needs {action.role})"
        yield Thing("action", action.label, what, act=f"{action.group}/{action.id}", key=action.key)


def _elsewhere(app: Console) -> Iterator[Thing]:
    """What the other screens do: Enter goes to the screen, where the row is chosen that it is to be done to."""
    here, terminal = app.current.groups(), app.line.groups or ("own",)
    groups = {one.group: one.group.partition(".") for one in in_use()}
    for group, (section, _, tab) in groups.items():
        if group in here or section not in (*SECTIONS, *WITHOUT_TAB, "policies"):
            continue
        for action in within((group, *terminal)):
            if action.group != group or (action.mutating and app.read_only):
                continue
            what = f"works in {section.capitalize()}: {action.help or action.label}"
            if section == "policies":
                yield Thing("elsewhere", action.label, what, act="policies", key="O")
            elif section != app.section or tab:
                tab = tab if tab in _TABS else ""
                yield Thing("elsewhere", action.label, what, Place(section, tab), key=f"{_key(section)} {action.key}")


def _key(section: str) -> str:
    """The key that goes to a section."""
    return next(one.key for one in in_use() if one.id == f"section-{section}")


def _pools(app: Console, datasets: Iterable[Dataset]) -> Iterator[Thing]:
    pools = app.poller.snapshot("pools").value or ()
    guids = {}
    for pool in pools:
        guids[pool.name] = pool.guid
        yield Thing("pool", pool.name, pool.state, Place("pools", "", (("pools", pool.guid),), "pools"), key="1")
    for one in datasets:
        guid = guids.get(one.name.partition("/")[0])
        if guid is not None:
            rows = (("pools", guid), ("detail", one.name))
            what = f"{one.kind}, {size(one.used)} used"
            yield Thing("dataset", one.name, what, Place("pools", "datasets", rows, "detail"), key="1")


def _copies(app: Console) -> Iterator[Thing]:
    for status in app.poller.snapshot("tasks").value or ():
        task = status.task
        what = f"{task.source} to {f'{task.peer}:' if task.peer else ''}{task.target}"
        yield Thing("task", task.name, what, Place("replication", "tasks", (("list", task.name),), "list"), key="2")
    for peer in app.poller.snapshot("peers").value or ():
        place = Place("replication", "peers", (("list", peer.name),), "list")
        yield Thing("peer", peer.name, f"{peer.user}@{peer.address}", place, key="2")
    for job in app.poller.snapshot("jobs").value or ():
        place = Place("replication", "jobs", (("list", job.id),), "list")
        yield Thing("job", job.title or job.id, f"{job.kind} {job.state}", place, key="J")


def _containers(app: Console) -> Iterator[Thing]:
    engine = app.poller.snapshot("docker").value
    for one in engine.containers if engine is not None else ():
        yield Thing("container", one.name, f"{one.state}, {one.image}", Place("docker", "", (("containers", one.id),)))


def _parts(app: Console) -> Iterator[Thing]:
    for disk in app.poller.snapshot("smart").value or ():
        place = Place("health", "disks", (("detail", disk.id or disk.device),), "detail")
        yield Thing("disk", disk.id or disk.device, f"{disk.device}, SMART {disk.verdict}", place, key="4")
    health = app.poller.snapshot("health").value
    for one in health.services if health is not None else ():
        place = Place("health", "services", (("detail", one.unit),), "detail")
        yield Thing("service", one.unit, one.state, place, key="4")


def _boxes(app: Console) -> Iterator[Thing]:
    if app.fleet is not None:
        from .boxes import key_of, shown_name

        for name in app.fleet.names:
            yield Thing("box", shown_name(name), "manage this box", act=key_of(name), key="B")
