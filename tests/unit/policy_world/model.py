"""A box in memory: datasets, snapshots, properties, systemd's timers; its `zfs` and its privileged door.

The door keeps the real one's rules for what policies ask of it: one pool a transaction, all or nothing, a GUID
compared, never the newest, held or cloned. The request goes through the helper's own parser first.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from dplane_tui.services.host import Output
from privhelper.request import Refused, parse


@dataclass
class Snap:
    """One snapshot."""

    guid: str
    txg: int
    holds: int = 0
    clones: str = ""


@dataclass
class Data:
    """One dataset."""

    guid: str
    local: dict[str, str] = field(default_factory=dict)
    received: dict[str, str] = field(default_factory=dict)
    snaps: dict[str, Snap] = field(default_factory=dict)
    bookmarks: dict[str, Snap] = field(default_factory=dict)
    readonly: bool = False


class ModelBox:
    """A `Host` whose commands work on the model. `broken` names datasets that no snapshot can be taken of."""

    name = "box"
    local = True

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self.datasets: dict[str, Data] = {}
        self.timers: dict[str, list[str]] = {}
        self.vanished: set[str] = set()
        """Datasets that went between two listings."""
        self.calls: list[dict[str, Any]] = []
        self.commands: list[list[str]] = []
        self.broken: set[str] = set()
        self.busy: set[str] = set()
        self.suspended: set[str] = set()
        self.accepted: str | None = None
        """The lines of the peers that may come in; None when they cannot be read."""
        self._numbers = itertools.count(100)

    def add(self, *names: str, **local: str) -> None:
        """Make datasets."""
        for name in names:
            self.datasets[name] = Data(str(next(self._numbers)), {f"dplane:{key}": v for key, v in local.items()})

    def snap(self, dataset: str, name: str, **more: Any) -> Snap:
        """Take a snapshot, as somebody else."""
        number = next(self._numbers)
        self.datasets[dataset].snaps[name] = made = Snap(f"9{number}", number, **more)
        return made

    def names(self, dataset: str) -> list[str]:
        """Its snapshots, oldest first."""
        snaps = self.datasets[dataset].snaps
        return sorted(snaps, key=lambda name: snaps[name].txg)

    async def close(self) -> None:
        """Nothing is held."""

    async def read_files(self, paths: Sequence[str]) -> dict[str, str]:
        """The states of pools, the unit files of timers, and who may come in."""
        found: dict[str, str] = {}
        for path in paths:
            if path.endswith("/ssh-accept/authorized_keys") and self.accepted is not None:
                found[path] = self.accepted
            if path.startswith("/proc/spl"):
                for pool in {name.split("/")[0] for name in self.datasets}:
                    found[path.replace("*", pool)] = "SUSPENDED" if pool in self.suspended else "ONLINE"
            for name, when in self.timers.items():
                if path.endswith(f"@{name}.timer"):
                    lines = [f"OnCalendar={one.removeprefix('calendar:')}" for one in when]
                    found[path] = "\n".join(lines)
        return found

    async def open(self, argv: Sequence[str]) -> Any:
        """Nothing is followed here."""
        raise NotImplementedError

    async def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = 30.0) -> Output:
        """One command."""
        words = list(argv)
        if "privhelper" in words[-1]:
            return self._door(stdin)
        self.commands.append(words)
        if words[0] == "systemctl":
            due = int((self.clock().timestamp() + 60) * 1_000_000)
            timers = [{"unit": f"dplane-scheduled@{name}.timer", "next": due, "last": None} for name in self.timers]
            return _said(json.dumps(timers))
        if words[:2] == ["zfs", "get"] and "userrefs" in words[5]:
            return _said("".join(self._details(name) for name in words[6:]))
        if words[:2] == ["zfs", "get"] and "name,property,source" in words:
            wanted = next(word for word in words if word.startswith("dplane:")).split(",")
            return _said(
                "".join(f"{n}\t{prop}\t{self._source(n, prop)[1]}\n" for n in self._asked(words) for prop in wanted)
            )
        if words[:2] == ["zfs", "get"]:
            (prop, end), names = words[5].split(","), sorted(words[6:])
            assert words[4] == "name,property,value,source"
            assert names, "all values of a box are never read from one listing"
            there = [(n, "\t".join(self._source(n, prop))) for n in names if n not in self.vanished]
            said = "".join(f"{n}\t{prop}\t{value}\n{n}\t{end}\t-\t-\n" for n, value in there)
            gone = "".join(f"cannot open '{n}': dataset does not exist\n" for n in names if n in self.vanished)
            return Output(1 if gone else 0, said.encode(), gone.encode())
        if words[:2] == ["zfs", "list"] and "name,guid,type,readonly" in words:
            shut = {name: "on" if data.readonly else "off" for name, data in self.datasets.items()}
            return _said("".join(f"{n}\t{self.datasets[n].guid}\tfilesystem\t{shut[n]}\n" for n in self._asked(words)))
        if words[:2] == ["zfs", "list"]:
            return _said("".join(map(self._points, self._asked(words))))
        if words[:2] == ["zfs", "destroy"]:
            return _said(f"reclaim\t{1000 * (words[-1].count(',') + 1)}\n")
        raise AssertionError(words)

    def _asked(self, words: list[str]) -> list[str]:
        """The datasets that a listing names, with `-r` also those below; all when it names none."""
        named = {word for word in words[2:] if word in self.datasets}
        below = tuple(f"{name}/" for name in named) if "-r" in words else ()
        return [name for name in sorted(self.datasets) if not named or name in named or name.startswith(below)]

    def _source(self, name: str, prop: str) -> tuple[str, str]:
        at = name
        while at:
            data = self.datasets.get(at)
            if data is not None and prop in data.local:
                return data.local[prop], "local" if at == name else f"inherited from {at}"
            if data is not None and prop in data.received:
                return data.received[prop], "received" if at == name else f"inherited from {at}"
            at = at.rpartition("/")[0]
        return "-", "-"

    def _points(self, name: str) -> str:
        data = self.datasets[name]
        points = [(f"{name}@{one}", snap) for one, snap in data.snaps.items()]
        points += [(f"{name}#{one}", snap) for one, snap in data.bookmarks.items()]
        return "".join(f"{one}\t{snap.guid}\t{snap.txg}\n" for one, snap in points)

    def _details(self, full: str) -> str:
        dataset, _, name = full.partition("@")
        snap = self.datasets[dataset].snaps[name]
        return f"{full}\tguid\t{snap.guid}\n{full}\tuserrefs\t{snap.holds}\n{full}\tclones\t{snap.clones}\n"

    def _door(self, raw: bytes) -> Output:
        try:
            verb, args = parse(raw.removesuffix(b"\n"))
            self.calls.append({"verb": verb.name, **args})
            answer = getattr(self, "_" + verb.name.replace("-", "_"))(args)
        except Refused as refusal:
            return _answer({"ok": False, "error": {"code": "refused", "message": str(refusal)}}, 2)
        except ValueError as error:
            return _answer({"ok": False, "error": {"code": "failed", "message": str(error)}}, 1)
        return _answer({"ok": True, "verb": verb.name, **answer})

    def _dataset_set(self, args: dict[str, Any]) -> dict[str, Any]:
        data = self._same(args)
        data.local[args["property"]] = args["value"]
        return {"value": args["value"]}

    def _policy_unset(self, args: dict[str, Any]) -> dict[str, Any]:
        self._same(args).local.pop("dplane:policy", None)
        return {"value": self._source(args["dataset"], "dplane:policy")[0]}

    def _same(self, args: dict[str, Any]) -> Data:
        data = self.datasets[args["dataset"]]
        if data.guid != args["guid"]:
            raise ValueError("it is not what you saw")
        return data

    def _policy_snapshots(self, args: dict[str, Any]) -> dict[str, Any]:
        name = args["name"]
        for dataset in args["datasets"]:
            if dataset not in self.datasets or dataset in self.broken or name in self.datasets[dataset].snaps:
                raise ValueError(f"cannot create snapshot '{dataset}@{name}': no snapshots were created")
        number = next(self._numbers)
        for dataset in args["datasets"]:
            self.datasets[dataset].snaps[name] = Snap(f"8{next(self._numbers)}", number)
        return {"guids": {dataset: self.datasets[dataset].snaps[name].guid for dataset in args["datasets"]}}

    def _snapshot_prune(self, args: dict[str, Any]) -> dict[str, Any]:
        snaps = self.datasets[args["dataset"]].snaps
        newest = self.names(args["dataset"])[-1]
        for name, guid in args["snapshots"].items():
            if snaps[name].guid != guid or name == newest or snaps[name].holds or snaps[name].clones:
                raise ValueError(f"{name} may not go")
            if f"{args['dataset']}@{name}" in self.busy:
                raise ValueError("dataset is busy")
        for name in args["snapshots"]:
            del snaps[name]
        return {"destroyed": sorted(args["snapshots"])}

    def _timer_set(self, args: dict[str, Any]) -> dict[str, Any]:
        self.timers[args["timer"]] = list(args["when"])
        return {"timer": {"ActiveState": "active"}}

    def _timer_remove(self, args: dict[str, Any]) -> dict[str, Any]:
        self.timers.pop(args["timer"], None)
        return {"timer": {"ActiveState": "inactive"}}


def _said(text: str) -> Output:
    return Output(0, text.encode(), b"")


def _answer(answer: dict[str, Any], status: int = 0) -> Output:
    return Output(status, json.dumps(answer).encode(), b"")
