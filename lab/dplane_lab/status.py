"""What `lab status` tells: read from the processes themselves, not from notes."""

from __future__ import annotations

from typing import Any

from .config import NODES
from .errors import LabError
from .pair import Pair
from .qmp import Qmp


def report(pair: Pair) -> dict[str, Any]:
    """The pair's state as plain data: `state` of a box is running, paused, off, died or unknown."""
    state = pair.state()
    if state is None:
        return {"up": False, "nodes": {node.name: {"state": "off"} for node in NODES}}
    nodes: dict[str, Any] = {}
    for node in NODES:
        own = state.nodes[node.name]
        found: dict[str, Any] = {"state": "died" if own.powered else "off"}
        if own.process is not None:
            try:
                with Qmp(pair.sockets / f"{node.name}.qmp", node.name, timeout=5.0) as qmp:
                    found["state"] = str(qmp.command("query-status")["status"])
            except LabError as error:
                found = {"state": "unknown", "why": str(error)}
            found["pid"], found["port"], found["address"] = own.process.pid, own.port, node.cable_address
            found["disks"] = [{"number": disk.number, "serial": disk.serial, "in": disk.present} for disk in own.disks]
        nodes[node.name] = found
    return {
        "up": any(found["state"] == "running" for found in nodes.values()),
        "zfs": state.config.zfs,
        "memory": state.config.memory,
        "accel": state.config.accel,
        "cable": "cut" if state.cut else "joined",
        "ssh_config": str(pair.login.config),
        "nodes": nodes,
    }


def text_of(found: dict[str, Any]) -> str:
    """The report for a person."""
    lines = []
    for name, node in found["nodes"].items():
        line = f"{name}: {node['state']}"
        if "port" in node:
            disks = " ".join(f"{disk['number']}{'' if disk['in'] else '(out)'}" for disk in node["disks"])
            line += f"   127.0.0.1:{node['port']}   {node['address']}   process {node['pid']}   disks {disks}"
        lines.append(line + (f"   {node['why']}" if "why" in node else ""))
    if "zfs" in found:
        lines.append(f"ZFS {found['zfs']}, {found['memory']} MB each, {found['accel']}, cable {found['cable']}")
        lines.append(f"ssh -F {found['ssh_config']} nas-a")
    else:
        lines.append("The pair was never started; start it with: lab/lab up")
    return "\n".join(lines)
