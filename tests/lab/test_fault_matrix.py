"""A fault at each call of a whole run, one run each, and the run after it: `make matrix`, docs/fault-matrix.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .fault_case import PLAIN, How, Matrix
from .faults_lab import KILL_FAR, KILL_JOB, REAL, WAIT, Fault, Faults, boundaries
from .replication_lab import Boxes

pytestmark = [pytest.mark.lab, pytest.mark.matrix]
TASK, SOURCE, TARGET = "photos", "tank/photos", "vault/backup"
COPY = f"{TARGET}/{TASK}"
TREE = "album"


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
    kind = "raw" if chain == "--raw" else "plain"
    matrix.case(f"the encryption key is unloaded ({kind})", Fault("nas-a", SEND, unload), how)
    matrix.judge()
