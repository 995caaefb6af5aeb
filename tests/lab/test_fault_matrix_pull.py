"""The fault matrix of a pulled copy: nas-a fetches from nas-b, which lets it read, snapshot and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .fault_case import Matrix
from .faults_lab import KILL_FAR, KILL_JOB, REAL, Fault, Faults, boundaries
from .replication_lab import Boxes

pytestmark = [pytest.mark.lab, pytest.mark.matrix]
TASK = "home"
HOLD = f"{REAL} list -H -t snapshot -o name -d 1 vault/{TASK} | xargs {REAL} hold keep"


@pytest.fixture(scope="module")
def pulled(pair: Any) -> Iterator[Matrix]:
    """One dataset of nas-b, and its copy on nas-a; both boxes with the shim."""
    pair.reset()
    boxes = Boxes(pair)
    boxes.make_pools()
    boxes.b.ssh("zfs", "create", f"vault/{TASK}")
    boxes.b.ssh("dd", "if=/dev/urandom", f"of=/vault/{TASK}/first", "bs=1M", "count=1", "status=none")
    boxes.pair_up("nas-b", "--may-read", f"vault/{TASK}", "--may-snapshot")
    source = f"nas-b:vault/{TASK}"
    boxes.dplane("replicate", "add", TASK, "--source", source, "--to", f"tank/pulled/{TASK}")
    faults = Faults(boxes)
    faults.install()
    boxes.assert_good(faults.run(TASK), pulled=True)
    yield Matrix(faults, pair.zfs, TASK, pulled=True)
    faults.remove()


def test_a_kill_of_the_job_at_every_call(pulled: Matrix) -> None:
    for fault in boundaries("nas-a", pulled.recorded()["nas-a"], KILL_JOB):
        pulled.case("the job is killed", fault)
    pulled.judge()


def test_a_kill_of_the_far_side_at_every_call(pulled: Matrix) -> None:
    for fault in boundaries("nas-b", pulled.recorded()["nas-b"], KILL_FAR):
        pulled.case("the far side is killed", fault)
    pulled.judge()


def test_what_else_can_go_wrong_with_a_stream(pulled: Matrix) -> None:
    send, receive = "zfs send *", "zfs receive *"
    for name, fault in (
        ("the stream is cut short", Fault("nas-b", send, ":", when="truncated", bytes=200_000)),
        ("the stream is garbled", Fault("nas-b", send, ":", when="garbled", bytes=200_000)),
        ("the job is killed", Fault("nas-a", receive, KILL_JOB, when="within-input", bytes=200_000)),
        ("the far side is killed", Fault("nas-b", send, KILL_FAR, when="within-output", bytes=200_000)),
        ("all snapshots are held", Fault("nas-b", send, HOLD)),
    ):
        pulled.case(name, fault)
    pulled.judge()
