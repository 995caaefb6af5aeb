"""A fault at each call of a whole run, one run each, and the run after it: `make matrix`, docs/fault-matrix.md."""

from __future__ import annotations

import os
import re
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
TREE = "album"


@dataclass(frozen=True, slots=True)
class How:
    """What a case needs besides its fault."""

    expected: str = ""
    """The error code that the run must end with."""
    mended: str = ""
    """What a person does before the next run, in words, and as shell words for nas-b and nas-a."""
    mend: str = ":"
    mend_here: str = ":"
    lost: bool = False
    """Whether the fault itself destroys a snapshot at the source."""
    outside: Callable[[], None] | None = None
    """What is done to the boxes from outside, while the call waits."""
    back: Callable[[], None] = lambda: None
    """What ends that, when the run has ended."""


PLAIN = How()


class Matrix:
    """A dataset, or a tree, with a copy that is whole before each case."""

    def __init__(self, faults: Faults, zfs: str, task: str, *, tree: bool = False) -> None:
        """In a tree, each case brings a dataset that the copy lacks, beside an increment of its parent."""
        self.faults = faults
        self.zfs = zfs
        self.task, self.source, self.copy = task, f"tank/{task}", f"{TARGET}/{task}"
        self.tree = tree
        self.cases = 0
        self.tried = 0
        self.broken: list[str] = []
        self.missed: list[str] = []
        """Faults at calls that an undisturbed run made and this one did not: no two runs need call the same."""

    def write(self) -> None:
        """Something new to send: a snapshot of the owner's, and data after it."""
        self.cases += 1
        new, old = (f"{os.getpid()}-{number}" for number in (self.cases, self.cases - 1))
        lines = []
        if self.tree:
            self.faults.shell("nas-b", f"{REAL} destroy -r {self.copy}/{old} 2>/dev/null || :")
            lines += [
                f"! {REAL} list {self.source}/{old} >/dev/null 2>&1 || {REAL} destroy -r {self.source}/{old}",
                f"{REAL} create {self.source}/{new}",
                f"head -c 400000 /dev/urandom >/{self.source}/{new}/file",
            ]
        lines += [
            f"head -c 700000 /dev/urandom >/{self.source}/file",
            f"{REAL} snapshot {'-r ' if self.tree else ''}{self.source}@own-{new}",
            f"head -c 300000 /dev/urandom >/{self.source}/more-{self.cases % 5}",
        ]
        if self.tree:
            lines.append(f"head -c 100000 /dev/urandom >/{self.source}/{new}/more")
        self.faults.shell("nas-a", "\n".join(["set -e", *lines]))

    def case(self, name: str, fault: Fault, how: How = PLAIN) -> None:
        """One fault, the run in which it strikes, the next run; a broken promise is kept for the end.

        DPLANE_MATRIX_ONLY: a regular expression; cases whose name and place it does not match are left out.
        """
        if not re.search(os.environ.get("DPLANE_MATRIX_ONLY", ""), f"{name}, {fault.place}"):
            return
        self.tried += 1
        try:
            self.record(name, fault, how)
        except AssertionError as error:
            self.broken.append(f"{name}, {fault.place}: {str(error)[:1500]}")
            print(f"BROKEN {self.broken[-1]}", flush=True)
            self.faults.shell("nas-a", how.mend_here, check=False)
            self.faults.shell("nas-b", how.mend, check=False)
            self.faults.disarm()
            self.faults.run(self.task)

    def record(self, name: str, fault: Fault, how: How) -> None:
        """The case itself."""
        faults = self.faults
        self.write()
        before = faults.state(self.source, TARGET)
        faults.arm(fault)
        if how.outside is None:
            first = faults.run(self.task)
            if faults.struck() != {0}:
                print(f"MISSED {name}, {fault.place}", flush=True)
                self.missed.append(fault.place)
                faults.disarm()
                return
        else:
            first = faults.run_beside(self.task, fault.box, how.outside, how.back)
        assert not how.expected or first.get("error_code") == how.expected, first
        faults.shell("nas-a", how.mend_here)
        faults.shell("nas-b", how.mend)
        faults.disarm()
        after = faults.state(self.source, TARGET)
        lost = tuple(
            name for name in before.here if how.lost and name.startswith(f"{self.source}@") and name not in after.here
        )
        assert len(lost) <= 1
        assert_nothing_lost(before, after, lost)
        assert_no_false_success(first, after)
        second = faults.run(self.task)
        healed = faults.state(self.source, TARGET)
        assert_nothing_lost(after, healed, lost)
        assert_no_false_success(second, healed)
        assert second["state"] in {"succeeded", "nothing-new"}, f"it did not heal: {second['message']}"
        for below in ("", f"/{os.getpid()}-{self.cases}") if self.tree else ("",):
            faults.assert_whole(f"{self.source}{below}", f"{self.copy}{below}", healed)
        then = f"{outcome(second)}{f', when {how.mended}' if how.mended else ''}"
        place = f"{fault.place}{', a tree' if self.tree else ''}".replace(str(os.getpid()), "N")
        record(Row(self.zfs, name, place, outcome(first), then))

    def recorded(self) -> dict[str, list[str]]:
        """What an undisturbed run calls in each box."""
        self.write()
        self.faults.arm()
        self.faults.boxes.assert_good(self.faults.run(self.task))
        return {box: self.faults.calls(box) for box in ("nas-a", "nas-b")}

    def judge(self) -> None:
        """Fail with everything that was broken."""
        broken, self.broken = self.broken, []
        missed, self.missed = self.missed, []
        tried, self.tried = self.tried, 0
        if not tried:
            pytest.skip("DPLANE_MATRIX_ONLY matches none of these")
        assert not broken, "\n".join(broken)
        assert len(missed) <= 1 + self.cases // 10, missed


@pytest.fixture(scope="module")
def faults(pair: Any) -> Iterator[Faults]:
    """Both boxes with the shim, paired."""
    pair.reset()
    boxes = Boxes(pair)
    boxes.make_pools()
    boxes.pair_up()
    made = Faults(boxes)
    made.install()
    yield made
    made.remove()


@pytest.fixture(scope="module")
def matrix(faults: Faults) -> Matrix:
    """One dataset, and its copy."""
    boxes = faults.boxes
    boxes.dataset(TASK, 1)
    boxes.task(TASK)
    boxes.assert_good(faults.run(TASK))
    return Matrix(faults, boxes.pair.zfs, TASK)


@pytest.fixture(scope="module")
def tree(faults: Faults) -> Matrix:
    """A tree, and its copy."""
    boxes = faults.boxes
    boxes.dataset(TREE, 1)
    boxes.task(TREE, "", "--recursive")
    boxes.assert_good(faults.run(TREE))
    return Matrix(faults, boxes.pair.zfs, TREE, tree=True)


def test_a_kill_of_the_job_at_every_call(matrix: Matrix) -> None:
    for fault in boundaries("nas-a", matrix.recorded()["nas-a"], KILL_JOB):
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
        How("no-space", "the quota was raised", f"{REAL} set quota=none {COPY}"),
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
    for fault in boundaries("nas-b", matrix.recorded()["nas-b"], KILL_FAR):
        matrix.case("the far side is killed", fault)
    matrix.judge()


def test_kills_at_every_call_of_a_run_that_begins_a_copy_and_goes_on_with_another(tree: Matrix) -> None:
    calls = tree.recorded()
    for box, act, name in (("nas-a", KILL_JOB, "the job is killed"), ("nas-b", KILL_FAR, "the far side is killed")):
        for fault in boundaries(box, calls[box], act):
            tree.case(name, fault)
    tree.judge()


@pytest.mark.parametrize("chain", ["--raw", "--plain"])
def test_an_encryption_key_that_is_unloaded(faults: Faults, chain: str) -> None:
    name = f"secret{chain.strip('-')}"
    source = f"tank/{name}"
    faults.shell(
        "nas-a",
        "echo long-password >/root/pass\n"
        f"{REAL} create -o encryption=on -o keyformat=passphrase -o keylocation=file:///root/pass {source}",
    )
    boxes = faults.boxes
    boxes.fill(name, "first", 1)
    boxes.task(name, "", chain)
    boxes.assert_good(faults.run(name))
    matrix = Matrix(faults, boxes.pair.zfs, name)
    load = f"{REAL} load-key {source} 2>/dev/null; {REAL} mount {source} 2>/dev/null; :"
    if chain == "--raw":
        there = f"echo long-password | {REAL} load-key -L prompt {matrix.copy}"
        how = How(mended="the key was loaded on both boxes to compare", mend=there, mend_here=load)
    else:
        how = How("key-not-loaded", "the key was loaded again", mend_here=load)
    unload = f"{REAL} unmount -f {source}; {REAL} unload-key {source}"
    matrix.case("the encryption key is unloaded", Fault("nas-a", SEND, unload), how)
    matrix.judge()
