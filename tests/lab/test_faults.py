"""A run in which many things go wrong at once, each at one dataset of a tree, and a next one that is killed.

The long version, one fault at each call of a run, is test_fault_matrix.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from .faults_lab import KILL_JOB, REAL, Fault, Faults, assert_no_false_success, assert_nothing_lost
from .replication_lab import Boxes

pytestmark = [pytest.mark.lab, pytest.mark.long]
SOURCE, TARGET = "tank/many", "vault/many"


@dataclass(frozen=True, slots=True)
class Case:
    """What goes wrong with the dataset `name` below the source, and what a person does before the next run."""

    name: str
    fault: Fault
    harmless: bool = False
    """Whether the run stands it: what it sends and what it goes on from is held."""
    mended: str = ""
    """Shell words for nas-b."""


def at_send(name: str, act: str, when: str = "before") -> Fault:
    """A fault at nas-a's `zfs send` of a dataset; in a stream after 200 KB."""
    return Fault("nas-a", f"zfs send *-- {SOURCE}/{name}@*", act, when=when, bytes=200_000)


def at_receive(name: str, act: str, when: str = "before") -> Fault:
    """A fault at nas-b's `zfs receive` of a dataset."""
    return Fault("nas-b", f"zfs receive *-- {TARGET}/{name}", act, when=when, bytes=200_000)


def destroyed(name: str, which: str) -> str:
    """Destroys the oldest (`head`) or newest (`tail`) snapshot of a dataset at the source."""
    return f"{REAL} list -H -t snapshot -o name -s createtxg -d 1 {SOURCE}/{name} | {which} -n 1 | xargs {REAL} destroy"


DIRTY = f"""
{REAL} set readonly=off {TARGET}/dirty && mkdir -p /mnt/dirty && mount -t zfs -o zfsutil {TARGET}/dirty /mnt/dirty &&
echo mine >/mnt/dirty/mine; sync; umount /mnt/dirty; {REAL} set readonly=on {TARGET}/dirty; zpool sync vault
"""
FULL = f"{REAL} set quota=$({REAL} get -Hpo value used {TARGET}/full) {TARGET}/full"
CASES = (
    Case("base", at_send("base", destroyed("base", "head")), harmless=True),
    Case(
        "dirty",
        at_receive("dirty", DIRTY),
        mended=f"{REAL} rollback $({REAL} list -H -t snapshot -o name {TARGET}/dirty)",
    ),
    Case("full", at_receive("full", FULL), mended=f"{REAL} set quota=none {TARGET}/full"),
    Case("garbled", at_send("garbled", ":", "garbled")),
    Case(
        "killed",
        at_receive("killed", f"pkill -KILL -f '^/usr/local/lib/faults/zfs receive .*{TARGET}/killed'", "within-input"),
    ),
)


@pytest.fixture(scope="module")
def faults(pair: Any) -> Iterator[Faults]:
    """Both boxes with pools and the shim, paired, and a tree to replicate."""
    pair.reset()
    boxes = Boxes(pair)
    boxes.make_pools()
    boxes.pair_up()
    made = Faults(boxes)
    made.install()
    made.shell("nas-a", "\n".join(["set -e", *(f"zfs create -p {SOURCE}/{case.name}" for case in CASES)]))
    fill(made, "first")
    boxes.dplane("replicate", "add", "many", "--source", SOURCE, "--to", f"nas-b:{TARGET}", "--recursive")
    yield made
    made.remove()


def fill(faults: Faults, file: str) -> None:
    """A new file in each dataset."""
    lines = [f"head -c 600000 /dev/urandom >/{SOURCE}/{case.name}/{file}" for case in CASES]
    faults.shell("nas-a", "\n".join(["set -e", *lines, f"echo {file} >/{SOURCE}/{file}"]))


def assert_whole(faults: Faults, run: Any) -> None:
    """Each dataset of the tree has its newest snapshot proven at the target, with the same files."""
    assert run["state"] == "succeeded", run["message"]
    state = faults.state(SOURCE, TARGET)
    assert_no_false_success(run, state)
    for name in ("", *(f"/{case.name}" for case in CASES)):
        faults.assert_whole(f"{SOURCE}{name}", f"{TARGET}{name}", state)


def test_many_faults_in_one_run_and_a_kill_in_the_next_lose_nothing_and_heal(faults: Faults) -> None:
    first = faults.run("many")
    assert_whole(faults, first)

    fill(faults, "second")
    before = faults.state(SOURCE, TARGET)
    faults.arm(*(case.fault for case in CASES))
    second = faults.run("many")
    assert faults.struck() == set(range(len(CASES)))
    after = faults.state(SOURCE, TARGET)
    assert_nothing_lost(before, after)
    assert_no_false_success(second, after)
    assert second["state"] == "failed"
    proven = {proof["dataset"] for proof in second["evidence"]}
    stood = {SOURCE, *(f"{SOURCE}/{case.name}" for case in CASES if case.harmless)}
    assert stood <= proven, second["message"]
    # What broke the streams that go together is tried again alone, and may arrive then; these two need a person.
    assert not proven & {f"{SOURCE}/{case.name}" for case in CASES if case.mended}
    assert f"{len(CASES) + 1 - len(proven)} of {len(CASES) + 1} datasets" in second["message"]

    faults.shell("nas-b", "\n".join(["set -e", *(case.mended for case in CASES if case.mended)]))
    faults.arm(Fault("nas-a", f'ssh *"op": "receive"*{TARGET}/dirty*', KILL_JOB, when="after"))
    third = faults.run("many")
    assert faults.struck() == {0}
    faults.disarm()
    assert third["state"] == "died"
    killed = faults.state(SOURCE, TARGET)
    assert_nothing_lost(after, killed)
    assert_no_false_success(third, killed)
    missing = {f"{SOURCE}/{case.name}" for case in CASES} - proven
    claimed = {proof["dataset"] for proof in third["evidence"]}
    assert not claimed & missing, "what was sent and not read back is not claimed"
    fourth = faults.run("many")
    assert_whole(faults, fourth)
    assert_nothing_lost(killed, faults.state(SOURCE, TARGET))
    assert missing <= {proof["dataset"] for proof in fourth["evidence"]}
