"""What is known about the running pair, kept in one file of the state folder."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .config import NODES, Config
from .errors import LabError
from .progress import write_atomically
from .qemu import Disk
from .vm import Process

SCHEMA = 1


@dataclass
class NodeState:
    """One box: its process, its port, its disks; `settled` once it was resumed or sent to boot as asked."""

    process: Process | None = None
    port: int = 0
    powered: bool = False
    settled: bool = False
    disks: list[Disk] = field(default_factory=list)
    made: int = 0


@dataclass
class PairState:
    """The pair: which saved state it stands on, and both boxes."""

    config: Config
    image: Path
    boot: Path
    ready: Path
    nodes: dict[str, NodeState]
    cut: bool = False


def to_json(state: PairState) -> dict[str, Any]:
    """The state as plain data."""
    nodes: dict[str, Any] = {}
    for name, node in state.nodes.items():
        disks = [
            {"number": disk.number, "serial": disk.serial, "file": str(disk.file), "present": disk.present}
            for disk in node.disks
        ]
        process = None if node.process is None else [node.process.pid, node.process.ticks]
        nodes[name] = {
            "process": process,
            "port": node.port,
            "powered": node.powered,
            "settled": node.settled,
            "disks": disks,
            "made": node.made,
        }
    return {
        "schema": SCHEMA,
        "zfs": state.config.zfs,
        "memory": state.config.memory,
        "accel": state.config.accel,
        "image": str(state.image),
        "boot": str(state.boot),
        "ready": str(state.ready),
        "cut": state.cut,
        "nodes": nodes,
    }


def from_json(record: dict[str, Any]) -> PairState:
    """The state from plain data; raises KeyError, TypeError or ValueError when it is not one."""
    if record["schema"] != SCHEMA:
        raise ValueError(f"schema {record['schema']}")
    nodes: dict[str, NodeState] = {}
    for known in NODES:
        raw = record["nodes"][known.name]
        process = None if raw["process"] is None else Process(int(raw["process"][0]), int(raw["process"][1]))
        disks = [
            Disk(int(disk["number"]), str(disk["serial"]), Path(disk["file"]), bool(disk["present"]))
            for disk in raw["disks"]
        ]
        nodes[known.name] = NodeState(
            process, int(raw["port"]), bool(raw["powered"]), bool(raw.get("settled", True)), disks, int(raw["made"])
        )
    config = Config(str(record["zfs"]), int(record["memory"]), str(record["accel"]))
    return PairState(
        config, Path(record["image"]), Path(record["boot"]), Path(record["ready"]), nodes, bool(record["cut"])
    )


def load(folder: Path) -> PairState | None:
    """The state in `folder`, or None when no pair was ever started there; raises LabError when it is damaged."""
    path = folder / "state.json"
    try:
        return from_json(json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LabError(
            f"{path} is damaged ({error!r}); end the boxes by their process ids, delete that file and run: lab/lab up"
        ) from error


def store(folder: Path, state: PairState) -> None:
    """Write the state in one step."""
    write_atomically(folder / "state.json", json.dumps(to_json(state), indent=1) + "\n", 0o600)
