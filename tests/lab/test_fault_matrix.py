"""A fault at each call of a whole run, one run each, and the run after it: `make matrix`, docs/fault-matrix.md."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from .fault_table import Row, record
from .faults_lab import (
    KILL_FAR,
    KILL_JOB,
    REAL,
    WAIT,
    Fault,
    Faults,
    assert_no_false_success,
    assert_nothing_lost,
    boundaries,
    outcome,
)
from .replication_lab import Boxes

pytestmark = [pytest.mark.lab, pytest.mark.matrix]
TASK, SOURCE, TARGET = "photos", "tank/photos", "vault/backup"
COPY = f"{TARGET}/{TASK}"


@dataclass(frozen=True, slots=True)
class How:
    """What a case needs besides its fault."""

    expected: str = ""
    """The error code that the run must end with."""
    mended: str = ""
    """What a person does before the next run, in words, and as shell words for nas-b."""
    mend: str = ":"
    lost: bool = False
    """Whether the fault itself destroys a snapshot at the source."""
    outside: Callable[[], None] | None = None
    """What is done to the boxes from outside, while the call waits."""
    back: Callable[[], None] = lambda: None
    """What ends that, when the run has ended."""


PLAIN = How()


class Matrix:
    """A dataset with a copy that is whole before each case."""

    def __init__(self, faults: Faults, zfs: str) -> None:
        self.faults = faults
        self.zfs = zfs
        self.cases = 0
        self.broken: list[str] = []

    def write(self) -> None:
        """Something new to send: a snapshot of the owner's, and data after it."""
        self.cases += 1
        name = f"{os.getpid()}-{self.cases}"
        self.faults.shell(
            "nas-a",
            f"head -c 700000 /dev/urandom >/tank/{TASK}/file && zfs snapshot {SOURCE}@own-{name}\n"
            f"head -c 300000 /dev/urandom >/tank/{TASK}/more-{self.cases % 5}",
        )

    def case(self, name: str, fault: Fault, how: How = PLAIN) -> None:
        """One fault, the run in which it strikes, the next run; a broken promise is kept for the end."""
        try:
            self.record(name, fault, how)
        except AssertionError as error:
            self.broken.append(f"{name}, {fault.place}: {str(error)[:1500]}")
            print(f"BROKEN {self.broken[-1]}", flush=True)
            self.faults.disarm()
            self.faults.run(TASK)

    def record(self, name: str, fault: Fault, how: How) -> None:
        """The case itself."""
        faults = self.faults
        self.write()
        before = faults.state(SOURCE, TARGET)
        faults.arm(fault)
        if how.outside is None:
            first = faults.run(TASK)
            assert faults.struck() == {0}, "the fault did not happen"
        else:
            first = faults.run_beside(TASK, fault.box, how.outside, how.back)
        assert not how.expected or first.get("error_code") == how.expected, first
        faults.shell("nas-b", how.mend)
        faults.disarm()
        after = faults.state(SOURCE, TARGET)
        lost = tuple(
            name for name in before.here if how.lost and name.startswith(f"{SOURCE}@") and name not in after.here
        )
        assert len(lost) <= 1
        assert_nothing_lost(before, after, lost)
        assert_no_false_success(first, after)
        second = faults.run(TASK)
        healed = faults.state(SOURCE, TARGET)
        assert_nothing_lost(after, healed, lost)
        assert_no_false_success(second, healed)
        assert second["state"] in {"succeeded", "nothing-new"}, f"it did not heal: {second['message']}"
        faults.assert_whole(SOURCE, COPY, healed)
        then = f"{outcome(second)}{f', when {how.mended}' if how.mended else ''}"
        record(Row(self.zfs, name, fault.place, outcome(first), then))

    def judge(self) -> None:
        """Fail with everything that was broken."""
        assert not self.broken, "\n".join(self.broken)


@pytest.fixture(scope="module")
def matrix(pair: Any) -> Iterator[Matrix]:
    """Both boxes with the shim, paired, and one whole copy."""
    pair.reset()
    boxes = Boxes(pair)
    boxes.make_pools()
    boxes.pair_up()
    faults = Faults(boxes)
    faults.install()
    boxes.dataset(TASK, 1)
    boxes.task(TASK)
    made = Matrix(faults, pair.zfs)
    boxes.assert_good(faults.run(TASK))
    yield made
    faults.remove()


def recorded(matrix: Matrix) -> dict[str, list[str]]:
    """What an undisturbed run calls in each box."""
    matrix.write()
    matrix.faults.arm()
    matrix.faults.boxes.assert_good(matrix.faults.run(TASK))
    return {box: matrix.faults.calls(box) for box in ("nas-a", "nas-b")}


def test_a_kill_of_the_job_at_every_call(matrix: Matrix) -> None:
    for fault in boundaries("nas-a", recorded(matrix)["nas-a"], KILL_JOB):
        matrix.case("the job is killed", fault)
    matrix.judge()


NEW_HOST_KEY = (
    "cd /etc/ssh && mkdir -p /root/kept && mv ssh_host_ed25519_key* /root/kept/ && "
    f"ssh-keygen -q -t ed25519 -N '' -f ssh_host_ed25519_key && systemctl restart ssh; {KILL_FAR}"
)
OLD_HOST_KEY = "mv /root/kept/ssh_host_ed25519_key* /etc/ssh/ && systemctl restart ssh"
ACCEPTED = "/var/lib/dplane/ssh-accept/authorized_keys"
DIRTY = f"""
{REAL} set readonly=off {COPY} && mkdir -p /mnt/dirty && mount -t zfs -o zfsutil {COPY} /mnt/dirty &&
echo mine >/mnt/dirty/mine; sync; umount /mnt/dirty; {REAL} set readonly=on {COPY}; zpool sync vault
"""
SEND, RECEIVE = "zfs send *", "zfs receive *"
NEWEST = f"{REAL} list -H -t snapshot -o name -s createtxg -d 1"
SPECIAL = (
    ("the stream is cut short", Fault("nas-a", SEND, ":", when="truncated", bytes=200_000), PLAIN),
    ("the stream is garbled", Fault("nas-a", SEND, ":", when="garbled", bytes=200_000), PLAIN),
    ("the job is killed", Fault("nas-a", SEND, KILL_JOB, when="within-output", bytes=200_000), PLAIN),
    ("the far side is killed", Fault("nas-b", RECEIVE, KILL_FAR, when="within-input", bytes=200_000), PLAIN),
    (
        "the base is destroyed at the source",
        Fault("nas-a", SEND, f"{NEWEST} {SOURCE} | tail -n 3 | head -n 1 | xargs {REAL} destroy"),
        How(lost=True),
    ),
    (
        "what is about to be sent is destroyed",
        Fault("nas-a", SEND, f"{NEWEST} {SOURCE} | tail -n 1 | xargs {REAL} destroy"),
        How(lost=True),
    ),
    ("all snapshots are held", Fault("nas-a", SEND, f"{NEWEST} {SOURCE} | xargs {REAL} hold keep"), PLAIN),
    (
        "the target is written to",
        Fault("nas-b", RECEIVE, DIRTY),
        How("diverged", "the target was rolled back", f"{REAL} rollback $({NEWEST} {COPY} | tail -n 1)"),
    ),
    (
        "the target is full",
        Fault("nas-b", RECEIVE, f"{REAL} set quota=$({REAL} get -Hpo value used {COPY}) {COPY}"),
        How("failed", "the quota was raised", f"{REAL} set quota=none {COPY}"),
    ),
    (
        "the far box shows another host key, and the link breaks",
        Fault("nas-b", RECEIVE, NEW_HOST_KEY, when="within-input", bytes=200_000),
        How("host-key", "the old host key is back", OLD_HOST_KEY),
    ),
    (
        "the key is revoked, and the link breaks",
        Fault("nas-b", RECEIVE, f"mv {ACCEPTED} {ACCEPTED}.kept; {KILL_FAR}", when="within-input", bytes=200_000),
        How("authentication", "the key was accepted again", f"mv {ACCEPTED}.kept {ACCEPTED}"),
    ),
)


def test_what_else_can_go_wrong_with_a_stream(matrix: Matrix) -> None:
    for name, fault, how in SPECIAL:
        matrix.case(name, fault, how)
    matrix.judge()


def test_a_cable_that_is_cut_and_power_that_fails(matrix: Matrix) -> None:
    faults, pair = matrix.faults, matrix.faults.boxes.pair

    def cut() -> None:
        pair.cut()
        faults.go("nas-b")

    for fault in (
        Fault("nas-b", RECEIVE, WAIT, when="within-input", bytes=200_000),
        Fault("nas-b", RECEIVE, WAIT, when="after"),
    ):
        matrix.case("the cable is cut", fault, How("unreachable", outside=cut, back=pair.heal))
    for box, pool, fault in (
        (pair.nas_b, "vault", Fault("nas-b", RECEIVE, WAIT, when="after")),
        (pair.nas_a, "tank", Fault("nas-a", SEND, WAIT, when="within-output", bytes=200_000)),
    ):

        def boot(box: Any = box, pool: str = pool) -> None:
            box.power_on()
            if box.ssh("zpool", "list", pool, check=False).returncode:
                box.ssh("zpool", "import", "-f", pool)
            faults.install()

        matrix.case("the power fails", fault, How(outside=box.power_cut, back=boot))
    matrix.judge()


def test_a_kill_of_the_far_side_at_every_call(matrix: Matrix) -> None:
    for fault in boundaries("nas-b", recorded(matrix)["nas-b"], KILL_FAR):
        matrix.case("the far side is killed", fault)
    matrix.judge()
