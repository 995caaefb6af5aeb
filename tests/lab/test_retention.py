"""Retention on real OpenZFS: both sides, with the right and without, and what is held or cloned stays."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from .replication_lab import Boxes

pytestmark = [pytest.mark.lab, pytest.mark.long]

DAYS = [f"dplane-2026-01-{day:02}T02-30-00Z" for day in range(1, 9)]


@pytest.fixture(scope="module")
def boxes(pair: Any) -> Iterator[Boxes]:
    """Both boxes with pools, paired without the right to prune; `photos` has eight days of history on both."""
    pair.reset()
    made = Boxes(pair)
    made.make_pools()
    made.pair_up()
    made.dataset("photos", 2)
    for day in DAYS:
        made.fill("photos", day, 1)
        made.a.ssh("zfs", "snapshot", f"tank/photos@{day}")
    made.task("photos")
    made.assert_good(made.run("photos"))
    yield made
    pair.heal()


def listed(box: Any, dataset: str) -> list[str]:
    """The names of a dataset's snapshots, as the box itself tells, oldest first."""
    lines = box.ssh("zfs", "list", "-Hpo", "name", "-s", "createtxg", "-t", "snapshot", dataset).stdout.splitlines()
    return [line.partition("@")[2] for line in lines]


def test_without_the_right_the_target_is_refused_and_nothing_goes_there(boxes: Boxes) -> None:
    refused = boxes.dplane("replicate", "set", "photos", "--keep-target", "3", status=4)
    assert "has not granted" in refused["message"]
    assert "--may-prune" in refused["next"]
    assert boxes.dplane("replicate", "set", "photos", "--keep-source", "hourly=x", status=2)["code"] == "usage"


def test_a_preview_then_a_run_that_prunes_both_sides(boxes: Boxes) -> None:
    assert boxes.pair_up("nas-b", "--may-prune")["may_prune"] is True
    boxes.a.ssh("zfs", "hold", "mine", f"tank/photos@{DAYS[1]}")
    boxes.b.ssh("zfs", "clone", "-o", "canmount=off", f"vault/backup/photos@{DAYS[2]}", "vault/look")
    before = listed(boxes.a, "tank/photos"), listed(boxes.b, "vault/backup/photos")
    told = boxes.a.ssh(
        "dplane", "replicate", "set", "photos", "--keep-source=2", "--keep-target=4", user="owner"
    ).stdout
    shown = boxes.dplane("replicate", "prune", "photos", "--dry-run")
    assert f"goes      tank/photos@{DAYS[0]}" in told, shown
    assert (listed(boxes.a, "tank/photos"), listed(boxes.b, "vault/backup/photos")) == before
    why = {(side["side"], one["snapshot"]): one["why"] for side in shown["sides"] for one in side["judged"]}
    assert why["source", DAYS[1]] == "it is held"
    assert why["target", DAYS[2]] == "vault/look is a clone of it"
    assert all(side["frees"] > 0 for side in shown["sides"]), "little: later snapshots have the same files"

    boxes.fill("photos", "more", 1)
    run = boxes.run("photos")
    boxes.assert_good(run)
    boxes.assert_equal(run)
    new = run["evidence"][0]["snapshot"]
    here, there = listed(boxes.a, "tank/photos"), listed(boxes.b, "vault/backup/photos")
    assert here == [DAYS[1], *[*before[0], new][-2:]]
    assert there == [DAYS[2], *[*before[1], new][-4:]]
    gone = {(one["side"], one["snapshot"]) for one in run["pruned"] if not one["error"]}
    assert gone == {("source", name) for name in {*before[0], new} - {*here}} | {
        ("target", name) for name in {*before[1], new} - {*there}
    }
    assert "destroyed at nas-b" in run["message"]


def test_what_the_target_lacks_stays_and_by_hand_it_is_the_same_policy(boxes: Boxes) -> None:
    for _ in range(2):  # named by the clock: one that says it is older than the one before it stops all pruning
        boxes.a.ssh("bash", "-c", 'zfs snapshot "tank/photos@dplane-$(date -u +%Y-%m-%dT%H-%M-%SZ)"; sleep 1.1')
    before = listed(boxes.a, "tank/photos")
    done = boxes.dplane("replicate", "prune", "photos")
    assert [side["problem"] for side in done["sides"]] == ["", ""]
    left = listed(boxes.a, "tank/photos")
    assert left[-3:] == before[-3:], "the base, and what waits behind it"
    boxes.assert_good(boxes.run("photos"))


def test_what_an_administrator_names_goes_as_well_and_only_at_that_box(boxes: Boxes) -> None:
    autosnaps = [f"autosnap_2026-01-0{day}_00:00:00_daily" for day in (1, 2, 3)]
    for name in (*autosnaps, "by-hand"):
        boxes.a.ssh("zfs", "snapshot", f"tank/photos@{name}")
    boxes.a.ssh("dplane", "replicate", "set", "photos", "--keep-target=2", user="owner")
    shown = boxes.dplane("replicate", "prune", "photos", "--dry-run", "--ahead", "--let-go", "autosnap_")
    goes = {one["snapshot"] for side in shown["sides"] for one in side["judged"] if not one["keep"]}
    assert autosnaps[0] in goes
    assert not goes & {autosnaps[2], "by-hand"}, "the newest of sanoid stays, and by-hand was not named"
    boxes.a.ssh("dplane", "dataset", "set", "tank", "dplane:may-prune=autosnap_", user="owner")
    boxes.fill("photos", "once more", 1)  # so that the task takes one of its own behind them
    run = boxes.run("photos")
    boxes.assert_good(run)
    strange = [name for name in listed(boxes.a, "tank/photos") if not name.startswith("dplane-")]
    assert strange == [autosnaps[2], "by-hand"], "it counts below, and by-hand was not named"
    assert [name for name in listed(boxes.b, "vault/backup/photos") if not name.startswith("dplane-")] == [
        *autosnaps,
        "by-hand",
    ], "what goes there its own administrator says"
    boxes.b.ssh("dplane", "dataset", "set", "vault/backup/photos", "dplane:may-prune=autosnap_", user="owner")
    boxes.fill("photos", "again", 1)
    boxes.assert_good(boxes.run("photos"))
    strange = [name for name in listed(boxes.b, "vault/backup/photos") if not name.startswith("dplane-")]
    assert strange == [autosnaps[2], "by-hand"]


def test_the_far_box_itself_keeps_what_no_peer_may_destroy(boxes: Boxes) -> None:
    """As if this box were in other hands: its key, and any request."""
    key, known = "/var/lib/dplane/ssh/nas-b.key", "/var/lib/dplane/ssh/nas-b.known"
    options = ["-F", "/dev/null", "-i", key, "-o", f"UserKnownHostsFile={known}", "-o", "HostKeyAlias=dplane-peer"]
    boxes.b.ssh("zfs", "snapshot", "vault@dplane-2026-01-01T02-30-00Z")
    boxes.b.ssh("zfs", "hold", "mine", f"vault/backup/photos@{DAYS[2]}")
    names = listed(boxes.b, "vault/backup/photos")
    guid = {name: boxes.guid(boxes.b, f"vault/backup/photos@{name}") for name in names}
    for dataset, chosen in (
        ("vault", {"dplane-2026-01-01T02-30-00Z": boxes.guid(boxes.b, "vault@dplane-2026-01-01T02-30-00Z")}),
        ("vault/backup/photos", {names[-1]: guid[names[-1]]}),
        ("vault/backup/photos", {DAYS[2]: guid[DAYS[2]]}),
        ("vault/backup/photos", {names[1]: guid[names[2]]}),
    ):
        request = json.dumps({"op": "prune", "dataset": dataset, "snapshots": chosen})
        words = ["ssh", *options, "-o", "BatchMode=yes", "-T", f"dplane@{boxes.b.address}", request]
        assert json.loads(boxes.a.ssh(*words, check=False, input="").stdout)["ok"] is False, chosen
    assert listed(boxes.b, "vault/backup/photos") == names
    assert listed(boxes.b, "vault") == ["dplane-2026-01-01T02-30-00Z"]
