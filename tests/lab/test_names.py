"""Names and values as strange as OpenZFS lets them be, through a whole run, an incremental, and the way back."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from .faults_lab import assert_no_false_success
from .replication_lab import Boxes

pytestmark = [pytest.mark.lab, pytest.mark.long]
TOP, COPY, BACK = "tank/odd: na.me", "vault/odd: na.me copy", "tank/back -again"
LONG = (
    "l" * 205
)  # the longest for which our own snapshot and bookmark have room at the source, and a copy at the target
SNAPSHOTS = ("own: snap.1 - two", "s" * 200)
VALUES = {
    "com.example:lines": "first\nsecond\ttab \"double\" 'single' $HOME `id` \\n",
    "com.example:forged": f"x\n{TOP}\tdplane:peer\tforged\tlocal\n",
    "dplane-note:percent": "100%s %n # ; | & > /dev/null",
}


def shell(box: Any, *lines: str) -> str:
    """A script in a box, as root."""
    return str(box.ssh("bash", "-s", input="\n".join(["set -e", *lines])).stdout)


def guids(box: Any, top: str) -> dict[str, str]:
    """Each snapshot below `top`, relative to it, with its GUID."""
    text = box.ssh("zfs", "list", "-Hpr", "-t", "snapshot", "-o", "name,guid", top).stdout
    return {name.removeprefix(top): guid for name, guid in (line.split("\t") for line in text.splitlines())}


def test_odd_names_and_values_go_there_and_come_back(pair: Any) -> None:
    pair.reset()
    boxes = Boxes(pair)
    boxes.make_pools()
    boxes.pair_up()
    quoted = [shlex.quote(f"{name}={value}") for name, value in VALUES.items()]
    children = (TOP, f"{TOP}/{LONG}", f"{TOP}/inner: and trailing.-_")
    shell(
        boxes.a,
        *(
            f"zfs create {shlex.quote(name)} && echo {number} >/{shlex.quote(name)}/file"
            for number, name in enumerate(children)
        ),
        f"zfs set {' '.join(quoted)} {shlex.quote(TOP)}",
        *(f"zfs snapshot {shlex.quote(f'{TOP}@{name}')}" for name in SNAPSHOTS),
        f"! zfs create {shlex.quote(f'{TOP}/per%cent')} 2>/dev/null",  # OpenZFS keeps it for itself
    )
    boxes.dplane("replicate", "add", "odd", "--source", TOP, "--to", f"nas-b:{COPY}", "--recursive")
    first = boxes.dplane("replicate", "run", "odd")
    assert_proven(boxes, first, TOP, COPY)

    shell(boxes.a, *(f"echo more >>/{shlex.quote(name)}/file" for name in children))
    second = boxes.dplane("replicate", "run", "odd")
    assert_proven(boxes, second, TOP, COPY)
    assert all(proof["base"].startswith("@") for proof in second["evidence"])
    assert guids(boxes.a, TOP).items() == guids(boxes.b, COPY).items()
    for name, value in VALUES.items():
        assert boxes.a.ssh("zfs", "get", "-Ho", "value", name, TOP).stdout == f"{value}\n"
        assert boxes.b.ssh("zfs", "get", "-Ho", "value", name, COPY).stdout == "-\n", (
            "a stranger's properties stay away"
        )

    back = boxes.dplane("replicate", "restore", "odd", "--to", BACK)
    assert back["state"] == "succeeded", back["message"]
    assert guids(boxes.a, BACK) == guids(boxes.b, COPY)
    for name in children:
        home = BACK + name.removeprefix(TOP)
        assert boxes.a.ssh("cat", f"/{home}/file").stdout == boxes.a.ssh("cat", f"/{name}/file").stdout


def assert_proven(boxes: Boxes, run: Any, source: str, target: str) -> None:
    """Everything of the tree arrived and both boxes say so."""
    from .faults_lab import State

    assert run["state"] == "succeeded", run["message"]
    here = {source + name: guid for name, guid in guids(boxes.a, source).items()}
    there = {target + name: guid for name, guid in guids(boxes.b, target).items()}
    assert_no_false_success(run, State(here, there))
    assert len({proof["dataset"] for proof in run["evidence"]}) == 3
