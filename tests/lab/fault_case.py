"""One case of the fault matrix: something new to send, a fault in the run that sends it, and the run after it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from .fault_table import Row, record
from .faults_lab import REAL, Fault, Faults, assert_no_false_success, assert_nothing_lost, outcome


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

    def __init__(self, faults: Faults, zfs: str, task: str, *, tree: bool = False, pulled: bool = False) -> None:
        """In a tree, each case brings a dataset that the copy lacks, beside an increment of its parent. `pulled`: nas-a
        fetches it from nas-b."""
        self.faults = faults
        self.zfs = zfs
        self.task, self.pulled = task, pulled
        self.box = "nas-b" if pulled else "nas-a"
        self.source, self.target = (f"vault/{task}", "tank/pulled") if pulled else (f"tank/{task}", "vault/backup")
        self.copy = f"{self.target}/{task}"
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
        self.faults.shell(self.box, "\n".join(["set -e", *lines]))

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
        before = faults.state(self.source, self.target, pulled=self.pulled)
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
        after = faults.state(self.source, self.target, pulled=self.pulled)
        lost = tuple(
            name for name in before.here if how.lost and name.startswith(f"{self.source}@") and name not in after.here
        )
        assert len(lost) <= 1
        assert_nothing_lost(before, after, lost)
        assert_no_false_success(first, after)
        second = faults.run(self.task)
        healed = faults.state(self.source, self.target, pulled=self.pulled)
        assert_nothing_lost(after, healed, lost)
        assert_no_false_success(second, healed)
        assert second["state"] in {"succeeded", "nothing-new"}, f"it did not heal: {second['message']}"
        for below in ("", f"/{os.getpid()}-{self.cases}") if self.tree else ("",):
            faults.assert_whole(f"{self.source}{below}", f"{self.copy}{below}", healed, pulled=self.pulled)
        then = f"{outcome(second)}{f', when {how.mended}' if how.mended else ''}"
        what = f"{', a tree' if self.tree else ''}{', pulled' if self.pulled else ''}"
        place = f"{fault.place}{what}".replace(str(os.getpid()), "N")
        record(Row(self.zfs, name, place, outcome(first), then))

    def recorded(self) -> dict[str, list[str]]:
        """What an undisturbed run calls in each box."""
        self.write()
        self.faults.arm()
        self.faults.boxes.assert_good(self.faults.run(self.task), pulled=self.pulled)
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
