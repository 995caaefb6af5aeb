"""Policies on real OpenZFS and systemd: the preview is what happens, inheritance is ZFS's, the timer runs it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from .replication_lab import Boxes

pytestmark = [pytest.mark.lab, pytest.mark.long]


@pytest.fixture(scope="module")
def boxes(pair: Any) -> Iterator[Boxes]:
    """Both boxes with pools; `tank/kept` with two below it, and six hours of a policy's snapshots, by their names."""
    pair.reset()
    made = Boxes(pair)
    made.make_pools()
    made.pair_up()
    for name in ("kept", "kept/a", "kept/b"):
        made.dataset(name, 1)
    now = int(made.a.ssh("date", "+%s").stdout)
    for hours in range(6, 0, -1):
        name = time.strftime("dplane-auto-%Y-%m-%dT%H-%M-%SZ", time.gmtime(now - hours * 3600))
        made.a.ssh("zfs", "snapshot", "-r", f"tank/kept@{name}")
        made.fill("kept", f"hour{hours}", 1)
    yield made
    made.a.ssh("dplane", "policy", "unset", "tank/kept", user="owner", check=False)
    pair.heal()


def listed(box: Any, dataset: str) -> list[tuple[str, str, str]]:
    """Name, GUID and transaction group of each snapshot, oldest first."""
    argv = ("zfs", "list", "-Hpo", "name,guid,createtxg", "-s", "createtxg", "-t", "snapshot", dataset)
    rows = [line.split("\t") for line in box.ssh(*argv).stdout.splitlines()]
    return [(name.partition("@")[2], guid, txg) for name, guid, txg in rows]


def test_a_preview_changes_nothing_and_a_run_does_just_that(boxes: Boxes) -> None:
    held, cloned = (listed(boxes.a, "tank/kept")[index][0] for index in (0, 1))
    boxes.a.ssh("zfs", "hold", "mine", f"tank/kept@{held}")
    boxes.a.ssh("zfs", "clone", "-o", "canmount=off", f"tank/kept@{cloned}", "tank/look")
    before = listed(boxes.a, "tank/kept")
    shown = boxes.dplane("policy", "preview", "tank/kept", "hourly=2")
    assert listed(boxes.a, "tank/kept") == before
    by_name = {one["dataset"]: one for one in shown["datasets"]}
    assert set(by_name) == {"tank/kept", "tank/kept/a", "tank/kept/b"}
    why = {item["snapshot"]: item["why"] for item in by_name["tank/kept"]["judged"]}
    assert (why[held], why[cloned]) == ("it is held", "tank/look is a clone of it")
    assert "mine" not in json.dumps(shown)

    refused = boxes.dplane("policy", "set", "tank/kept", "hourly=2", status=2)
    assert "--confirm" in refused["next"], "something would go, so it is asked"
    done = boxes.dplane("policy", "set", "tank/kept", "hourly=2", "--confirm", "tank/kept")
    assert (done["policy"], done["set_on"]) == ("hourly=2", "tank/kept")
    assert boxes.a.ssh("zfs", "get", "-Ho", "source", "dplane:policy", "tank/kept/a").stdout.split() == [
        *("inherited", "from", "tank/kept")
    ]
    run = boxes.dplane("policy", "run", "tank/kept")
    assert run["state"] == "succeeded", run
    for dataset, one in by_name.items():
        stays = [item["snapshot"] for item in one["judged"] if item["keep"] and item["guid"].isdigit()]
        assert [name for name, _, _ in listed(boxes.a, dataset)][: len(stays)] == stays
    newest = {dataset: listed(boxes.a, dataset)[-1] for dataset in by_name}
    assert len({txg for _, _, txg in newest.values()}) == 1, "one transaction"
    taken = {one["dataset"]: one["taken_guid"] for one in run["datasets"]}
    assert taken == {dataset: guid for dataset, (_, guid, _) in newest.items()}


def test_systemd_runs_it_and_the_run_is_stored(boxes: Boxes) -> None:
    timer = "dplane-scheduled@policy-snapshots.timer"
    assert boxes.a.ssh("systemctl", "is-active", timer).stdout.strip() == "active"
    boxes.a.ssh("systemd-analyze", "verify", f"/etc/systemd/system/{timer}")
    before = len(boxes.dplane("policy", "runs"))
    boxes.a.ssh("systemctl", "start", "dplane-scheduled@policy-snapshots.service")
    runs = boxes.dplane("policy", "runs")
    assert len(runs) == before + 1
    assert runs[0]["state"] == "succeeded", runs[0]


def test_a_copy_on_the_other_box_gets_no_snapshots(boxes: Boxes) -> None:
    boxes.task("kept")
    boxes.assert_good(boxes.run("kept"))
    boxes.b.ssh("zfs", "set", "dplane:policy=hourly:2", "vault")
    answer = json.loads(boxes.b.ssh("dplane", "policy", "list", "--json", user="owner", check=False).stdout)
    state = {one["dataset"]: one["state"] for one in answer["data"]["datasets"]}
    assert state["vault/backup/kept"] == "replica"
    boxes.b.ssh("zfs", "inherit", "dplane:policy", "vault")


def test_the_newest_that_the_target_has_stays(boxes: Boxes) -> None:
    base = listed(boxes.b, "vault/backup/kept")[-1]
    shown = boxes.dplane("policy", "preview", "tank/kept", "hourly=1")
    kept = {item["guid"]: item for one in shown["datasets"] for item in one["judged"]}
    assert kept[base[1]]["keep"] is True


def test_a_scrub_by_its_timer_is_read_back_from_the_pool(boxes: Boxes) -> None:
    boxes.dplane("schedule", "set", "scrub", "tank", "monthly 1 03:00")
    boxes.a.ssh("systemctl", "start", "dplane-scheduled@scrub-tank.service")
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        (found,) = boxes.dplane("schedule", "list")
        if found["outcome"]["state"] == "good":
            break
        time.sleep(2)
    assert found["outcome"]["text"].endswith("with 0 error(s)")
    assert found["start"]["state"] == "started"
    assert found["next_run"] > time.time()
    boxes.dplane("schedule", "unset", "scrub", "tank")
    assert boxes.dplane("schedule", "list") == []
