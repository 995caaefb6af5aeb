"""The table of faults keeps one row a fault and place, and each call of a run gives its boundaries."""

from __future__ import annotations

import pytest

from tests.lab.fault_table import HEAD, Row, with_row
from tests.lab.faults_lab import State, assert_no_false_success, assert_nothing_lost, boundaries, pattern_of


def row(run: str = "died", zfs: str = "2.3", where: str = "nas-a: before zfs send") -> Row:
    return Row(zfs, "the job is killed", where, run, "succeeded")


def test_a_row_takes_the_place_of_the_one_before() -> None:
    page = with_row(with_row("", row()), row(zfs="2.1"))
    page = with_row(with_row(page, row(where="nas-b: after zfs receive")), row("failed | with a\nbar"))
    assert page.startswith(HEAD)
    assert page.removeprefix(HEAD).splitlines() == [
        "| 2.1 | the job is killed | nas-a: before zfs send | died | succeeded |",
        "| 2.3 | the job is killed | nas-a: before zfs send | failed / with a bar | succeeded |",
        "| 2.3 | the job is killed | nas-b: after zfs receive | died | succeeded |",
    ]
    assert with_row(page, row("failed / with a bar")) == page


def test_each_call_is_a_boundary_and_what_changes_something_is_two() -> None:
    calls = ["zpool sync -- tank", "zfs get -H guid tank", "zfs bookmark -- a@b a#c", "zfs get -H guid tank#c"]
    calls.append('ssh -F /dev/null -- 10.77.0.2 {"op": "read", "dataset": "vault/x"}')
    found = [(fault.pattern, fault.turn, fault.when) for fault in boundaries("nas-a", calls, ":")]
    assert found == [
        ("zpool sync*", 1, "before"),
        ("zfs get*", 1, "before"),
        ("zfs bookmark*", 1, "before"),
        ("zfs bookmark*", 1, "after"),
        ("zfs get*", 2, "before"),
        ('ssh *"op": "read"*', 1, "before"),
    ]
    assert pattern_of("zfs version") == "zfs version*"


def test_what_is_lost_or_claimed_wrongly_is_noticed() -> None:
    before = State({"a@1": "1", "a#dplane-x": "1"}, {"b@1": "1"})
    assert_nothing_lost(before, State({"a@1": "1"}, {"b@1": "1", "b@2": "2"}))
    for after in (State({}, {"b@1": "1"}), State({"a@1": "1"}, {"b@1": "9"})):
        with pytest.raises(AssertionError):
            assert_nothing_lost(before, after)
    proof = {"dataset": "a", "target": "b", "snapshot": "1", "source_guid": "1", "target_guid": "1"}
    assert_no_false_success({"state": "succeeded", "evidence": [proof]}, before)
    for run, state in (
        ({"state": "succeeded", "evidence": []}, before),
        ({"state": "succeeded", "evidence": [{**proof, "target_guid": ""}]}, before),
        ({"state": "failed", "evidence": [proof]}, State(before.here, {})),
    ):
        with pytest.raises(AssertionError):
            assert_no_false_success(run, state)
