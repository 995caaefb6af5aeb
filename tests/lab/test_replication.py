"""Replication between two real boxes: proven by GUID and by checksum, and honest when something breaks midway."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from .replication_lab import WAIT, Boxes

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def boxes(pair: Any) -> Iterator[Boxes]:
    """Both boxes with pools, paired. Each test has its own dataset and task."""
    pair.reset()
    made = Boxes(pair)
    made.make_pools()
    made.pair_up()
    yield made
    pair.heal()


def until(seen: Callable[[], bool]) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + WAIT
    while not seen():
        assert time.monotonic() < deadline
        time.sleep(2)


def test_full_then_incremental_then_nothing_new(boxes: Boxes) -> None:
    boxes.dataset("photos", 10)
    boxes.task("photos")
    assert boxes.dplane("replicate", "list", "--check", status=3)[0]["late"] is None, "never proven is not good"
    plan = boxes.dplane("replicate", "run", "photos", "--dry-run")
    assert [(step["kind"], step["target"]) for step in plan["steps"]] == [("full", "vault/backup/photos")]
    assert boxes.a.ssh("zfs", "list", "-H", "-t", "snapshot", "-r", "tank").stdout == "", "a dry run changes nothing"

    first = boxes.run("photos")
    boxes.assert_good(first)
    boxes.assert_equal(first)
    assert first["evidence"][0]["base"] is None
    got = boxes.b.ssh(
        "zfs",
        "get",
        "-Hpo",
        "property,value",
        "readonly,canmount,setuid,exec,devices,mounted,dplane:peer",
        "vault/backup/photos",
    ).stdout
    values = dict(line.split("\t") for line in got.splitlines())
    assert values.pop("dplane:peer").startswith("nas-a-")
    assert values == {
        "readonly": "on", "canmount": "noauto", "setuid": "off", "exec": "off", "devices": "off", "mounted": "no",
    }  # fmt: skip

    boxes.fill("photos", "second", 2)
    second = boxes.run("photos")
    boxes.assert_good(second)
    boxes.assert_equal(second)
    assert second["evidence"][0]["base"] == f"@{first['evidence'][0]['snapshot']}"
    assert second["bytes"] < 4 * 1024 * 1024 < first["bytes"]

    third = boxes.run("photos")
    boxes.assert_good(third, "nothing-new")
    assert third["bytes"] == 0
    status = boxes.dplane("replicate", "list", "--check")[0]
    assert status["late"] is False
    assert status["verified_snapshot"] == second["evidence"][0]["snapshot"]
    assert status["verified_at"] > second["ended"]

    assert boxes.dplane("replicate", "runs", "photos", user="viewer")[0]["id"] == third["id"]
    assert boxes.dplane("replicate", "run", "photos", user="viewer", status=5)["code"] == "not-allowed"


@pytest.mark.long  # four minutes: keepalives and pauses as they are
def test_a_cable_that_is_cut_midway_is_told_and_the_next_run_resumes(boxes: Boxes) -> None:
    boxes.dataset("film", 30)
    boxes.task("film", "", "--limit", "2M")
    run = boxes.start("film")
    boxes.until_bytes(run, 4)
    boxes.pair.cut()
    failed = boxes.until_ended(run)
    boxes.pair.heal()
    boxes.limit("film", "full")
    assert failed["state"] == "failed"
    assert failed["error_code"] == "unreachable"
    assert "The connection to nas-b was lost after" in failed["message"]
    assert not failed["evidence"]
    again = boxes.run("film")
    boxes.assert_good(again)
    boxes.assert_equal(again)
    assert json.loads(again["plan"])["steps"][0]["kind"] == "resume"
    assert again["bytes"] < 30 * 1024 * 1024, "what had arrived was not sent again"


@pytest.mark.long  # the unit tests kill a job at each of its commands, on the model
def test_a_killed_job_died_and_the_next_run_finishes_its_work(boxes: Boxes) -> None:
    boxes.dataset("music", 20)
    boxes.task("music", "", "--limit", "1M")
    run = boxes.start("music")
    boxes.until_bytes(run, 3)
    boxes.a.ssh("systemctl", "kill", "--signal=KILL", "--kill-whom=all", f"dplane-job@{run}.service")
    boxes.limit("music", "full")
    assert boxes.dplane("replicate", "run-show", run)["state"] == "died"
    again = boxes.run("music")
    boxes.assert_good(again)
    boxes.assert_equal(again)
    assert boxes.dplane("replicate", "run-show", run)["state"] == "died", "what died stays dead in the history"


@pytest.mark.long  # long, and the held and stopped runs of the unit tests are of the same engine
def test_a_run_can_be_held_and_stopped_and_goes_on_later(boxes: Boxes) -> None:
    boxes.dataset("books", 20)
    boxes.task("books", "", "--limit", "150K")
    run = boxes.start("books")
    boxes.until_bytes(run, 1)
    assert "is running" in boxes.dplane("replicate", "run", "books", "--detach", status=4)["message"]
    boxes.dplane("replicate", "pause", "books")
    boxes.until_stage(run, "held")
    boxes.dplane("replicate", "cancel", run)
    assert boxes.dplane("replicate", "run-show", run)["state"] == "cancelled"
    boxes.dplane("replicate", "resume", "books")
    boxes.limit("books", "full")
    again = boxes.run("books")
    boxes.assert_good(again)
    boxes.assert_equal(again)


def test_a_target_that_is_too_small_is_left_alone_with_figures(boxes: Boxes) -> None:
    boxes.b.ssh("zfs", "create", "-o", "quota=6M", "-o", "canmount=off", "vault/small")
    boxes.dataset("large", 12)
    boxes.task("large", "nas-b:vault/small/large")
    refused = boxes.run("large")
    assert (refused["state"], refused["error_code"]) == ("failed", "no-space")
    assert "free for vault/small/large" in refused["message"]
    assert boxes.b.ssh("zfs", "list", "vault/small/large", check=False).returncode != 0, "not a byte was received"


@pytest.mark.long  # test_conflicts.py has all of it
def test_a_target_that_went_its_own_way_is_left_alone(boxes: Boxes) -> None:
    boxes.dataset("notes", 1)
    boxes.task("notes")
    boxes.assert_good(boxes.run("notes"))
    boxes.b.ssh("zfs", "snapshot", "vault/backup/notes@mine")
    boxes.fill("notes", "more", 1)
    before = boxes.b.ssh("zfs", "list", "-Hpro", "name,guid", "-t", "all", "vault/backup/notes").stdout
    refused = boxes.run("notes")
    assert (refused["state"], refused["error_code"]) == ("failed", "diverged")
    assert "@mine" in refused["message"]
    assert boxes.b.ssh("zfs", "list", "-Hpro", "name,guid", "-t", "all", "vault/backup/notes").stdout == before


def test_a_destroyed_base_is_replaced_by_its_bookmark_and_a_tree_goes_whole(boxes: Boxes) -> None:
    boxes.dataset("tree", 1)
    boxes.dataset("tree/a b", 1)
    boxes.a.ssh("zfs", "create", "-s", "-V", "8M", "tank/tree/disk")
    boxes.task("tree", "", "--recursive")
    first = boxes.run("tree")
    boxes.assert_good(first)
    assert {proof["target"] for proof in first["evidence"]} == {
        "vault/backup/tree", "vault/backup/tree/a b", "vault/backup/tree/disk",
    }  # fmt: skip
    boxes.fill("tree/a b", "more", 1)
    boxes.a.ssh("zfs", "destroy", "-r", f"tank/tree@{first['evidence'][0]['snapshot']}")
    second = boxes.run("tree")
    boxes.assert_good(second)
    assert all(proof["base"].startswith("#dplane-") for proof in second["evidence"])


def test_the_key_gives_no_shell_and_nothing_that_is_not_ours(boxes: Boxes) -> None:
    boxes.b.ssh("zfs", "create", "vault/private")

    def ask(request: str) -> Any:
        key, known = "/var/lib/dplane/ssh/nas-b.key", "/var/lib/dplane/ssh/nas-b.known"
        options = ["-F", "/dev/null", "-i", key, "-o", f"UserKnownHostsFile={known}", "-o", "HostKeyAlias=dplane-peer"]
        options += ["-o", "BatchMode=yes", "-T"]
        done = boxes.a.ssh("ssh", *options, f"dplane@{boxes.b.address}", request, check=False, input="")
        return json.loads(done.stdout)

    for request in ("id", "sh -c id", "zfs destroy -r vault", "", '{"op": "shell"}', "{" * 3000):
        answer = ask(request) if request else ask(" ")
        assert answer["ok"] is False
        assert answer["error"]["code"] == "refused"
    for name in ("vault/private", "vault", "vault/../rpool", "-r"):
        for op in ("read", "receive"):
            answer = ask(json.dumps({"op": op, "dataset": name, "kind": "filesystem"}))
            assert answer["error"]["code"] == "refused", (op, name)
    forward = boxes.a.ssh(
        "ssh", "-F", "/dev/null", "-i", "/var/lib/dplane/ssh/nas-b.key", "-o", "BatchMode=yes",
        "-o", "UserKnownHostsFile=/var/lib/dplane/ssh/nas-b.known", "-o", "HostKeyAlias=dplane-peer",
        "-W", "127.0.0.1:22", f"dplane@{boxes.b.address}", check=False, input="",
    )  # fmt: skip
    assert forward.returncode != 0
    assert "SSH-2.0" not in forward.stdout


@pytest.mark.long
def test_a_start_outside_of_its_hours_is_made_up_by_systemd_when_they_begin(boxes: Boxes) -> None:
    boxes.dataset("nightly", 1)
    clock = ("3 minutes", "40 minutes", "1 hour")
    opens, at, ends = (boxes.a.ssh("date", f"--date={when}", "+%H:%M").stdout.strip() for when in clock)
    boxes.task("nightly", "", "--schedule", f"daily {at}", "--window", f"{opens}-{ends}")
    again = "dplane-scheduled@catchup-nightly.timer"
    assert boxes.a.ssh("systemctl", "is-active", again, check=False).stdout.strip() == "inactive"
    boxes.a.ssh("systemctl", "start", "dplane-scheduled@task-nightly.service")  # as it would what the box slept through
    assert boxes.dplane("replicate", "runs", "nightly") == [], "it is not within its hours"
    shown = boxes.a.ssh("systemctl", "show", "-p", "NextElapseUSecRealtime", again).stdout
    assert f" {opens}:" in shown, shown  # and some seconds, by its random delay
    due = boxes.dplane("replicate", "show", "nightly")["next_run"]
    assert boxes.a.ssh("date", f"--date=@{due:.0f}", "+%H:%M").stdout.strip() == opens
    until(lambda: bool(boxes.dplane("replicate", "runs", "nightly")))
    (run,) = boxes.dplane("replicate", "runs", "nightly")
    boxes.assert_good(boxes.until_ended(run["id"]))
    until(lambda: boxes.a.ssh("systemctl", "is-active", again, check=False).stdout.strip() == "inactive")


@pytest.mark.long
def test_the_far_box_loses_its_power_midway(boxes: Boxes) -> None:
    """Last: it takes a boot. Nothing that was proven before is lost, and the next run finishes."""
    boxes.dataset("archive", 20)
    boxes.task("archive", "", "--limit", "1M")
    run = boxes.start("archive")
    boxes.until_bytes(run, 4)
    boxes.b.power_cut()
    failed = boxes.until_ended(run)
    boxes.limit("archive", "full")
    assert failed["state"] == "failed"
    assert failed["error_code"] == "unreachable"
    boxes.b.power_on()
    if boxes.b.ssh("zpool", "list", "vault", check=False).returncode != 0:
        boxes.b.ssh("zpool", "import", "-f", "vault")
    again = boxes.run("archive")
    boxes.assert_good(again)
    boxes.assert_equal(again)
