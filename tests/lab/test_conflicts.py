"""Copies that went their own way on real boxes: seen before a byte is sent, and each way out is proven."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from .replication_lab import WAIT, Boxes

pytestmark = [pytest.mark.lab, pytest.mark.long]


@pytest.fixture(scope="module")
def boxes(pair: Any) -> Iterator[Boxes]:
    """Both boxes with pools, paired with the right to roll back. Each test has its own dataset and task."""
    pair.reset()
    made = Boxes(pair)
    made.make_pools()
    made.pair_up("nas-b", "--may-rollback")
    yield made
    pair.heal()


def conflict(boxes: Boxes, name: str) -> tuple[Any, dict[str, Any]]:
    """The one conflict of a task, and its ways out by name."""
    (found,) = boxes.dplane("replicate", "resolve", name)
    return found, {way["way"]: way for way in found["ways"]}


def take(boxes: Boxes, name: str, way: dict[str, Any], status: int = 0) -> Any:
    """Take a way out as a script does."""
    return boxes.dplane("replicate", "resolve", name, f"--{way['way']}", "--plan", way["plan"], "--yes", status=status)


def test_both_sides_are_kept_and_a_rollback_destroys_only_what_was_shown(boxes: Boxes) -> None:
    copy = "vault/backup/notes"
    boxes.dataset("notes", 1)
    boxes.task("notes")
    first = boxes.run("notes")
    boxes.assert_good(first)
    common = first["evidence"][0]["snapshot"]
    boxes.b.ssh("zfs", "snapshot", f"{copy}@mine")
    boxes.fill("notes", "more", 1)
    refused = boxes.run("notes")
    assert (refused["state"], refused["error_code"], refused["bytes"]) == ("failed", "diverged", 0)

    found, ways = conflict(boxes, "notes")
    assert (found["kind"], found["since"], [extra["name"] for extra in found["only_target"]]) == (
        "target-newer", common, ["mine"],
    )  # fmt: skip
    assert ways["roll-back"]["destroys"] == [f"{copy}@mine"]
    assert ways["keep-both"]["sends"] > 2 * 1024 * 1024 > ways["roll-back"]["sends"] > 1024 * 1024
    boxes.b.ssh("zfs", "snapshot", f"{copy}@mine-too")
    assert take(boxes, "notes", ways["roll-back"], status=4)["code"] == "changed"
    assert boxes.b.ssh("zfs", "list", f"{copy}@mine", f"{copy}@mine-too").returncode == 0

    _, ways = conflict(boxes, "notes")
    take(boxes, "notes", ways["roll-back"])
    left = boxes.b.ssh("zfs", "list", "-Hpo", "name", "-d", "1", "-t", "snapshot", copy).stdout.split()
    assert left == [f"{copy}@{common}"]
    good = boxes.run("notes")
    boxes.assert_good(good)
    boxes.assert_equal(good)
    assert good["evidence"][0]["base"] == f"@{common}"

    boxes.b.ssh("zfs", "snapshot", f"{copy}@mine")
    boxes.fill("notes", "third", 1)
    guid = boxes.guid(boxes.b, copy)
    assert boxes.run("notes")["error_code"] == "diverged"
    _, ways = conflict(boxes, "notes")
    take(boxes, "notes", ways["keep-both"])
    names = boxes.b.ssh("zfs", "list", "-Hpo", "name,guid", "-r", "vault/backup").stdout.splitlines()
    (kept,) = [line.split("\t") for line in names if line.startswith(f"{copy}-kept-")]
    assert kept[1] == guid
    assert boxes.b.ssh("zfs", "list", f"{kept[0]}@mine").returncode == 0
    afresh = boxes.run("notes")
    boxes.assert_good(afresh)
    boxes.assert_equal(afresh)
    assert afresh["evidence"][0]["base"] is None


def token(boxes: Boxes, copy: str) -> str:
    """The resume token at nas-b, `-` for none."""
    return str(boxes.b.ssh("zfs", "get", "-Hpo", "value", "receive_resume_token", copy).stdout).strip()


def cut_an_increment(boxes: Boxes, name: str, file: str) -> str:
    """Kill a run in the middle of an increment; returns the token that nas-b keeps of the part that arrived."""
    copy = f"vault/backup/{name}"
    boxes.fill(name, file, 12)
    boxes.limit(name, "1M")
    run = boxes.start(name)
    boxes.until_bytes(run, 4)
    boxes.a.ssh("systemctl", "kill", "--signal=KILL", "--kill-whom=all", f"dplane-job@{run}.service")
    boxes.limit(name, "full")
    deadline = time.monotonic() + WAIT
    while boxes.b.ssh("pgrep", "-x", "zfs", check=False).returncode == 0:  # it takes what is under way, then ends
        assert time.monotonic() < deadline
        time.sleep(1)
    half = token(boxes, copy)
    assert half != "-"
    return half


def test_an_increment_that_was_cut_before_the_copy_went_its_own_way_is_told_and_goes_on_after_a_way_out(
    boxes: Boxes,
) -> None:
    copy = "vault/backup/album"
    boxes.dataset("album", 1)
    boxes.task("album")
    first = boxes.run("album")
    boxes.assert_good(first)
    common = first["evidence"][0]["snapshot"]
    half = cut_an_increment(boxes, "album", "second")
    boxes.b.ssh("zfs", "snapshot", f"{copy}@mine")

    refused = boxes.run("album")
    assert (refused["state"], refused["error_code"], refused["bytes"]) == ("failed", "diverged", 0)
    assert "that had arrived stays there as it is" in refused["message"]
    assert token(boxes, copy) == half
    found, ways = conflict(boxes, "album")
    assert (found["kind"], found["since"], [extra["name"] for extra in found["only_target"]]) == (
        "target-newer", common, ["mine"],
    )  # fmt: skip
    assert ways["roll-back"]["destroys"] == [f"{copy}@mine"]
    assert 12 * 1024 * 1024 > ways["roll-back"]["sends"] > 1024 * 1024

    take(boxes, "album", ways["roll-back"])
    assert token(boxes, copy) == half
    healed = boxes.run("album")
    boxes.assert_good(healed)
    boxes.assert_equal(healed)
    assert '"kind":"resume"' in healed["plan"]
    assert token(boxes, copy) == "-"

    half = cut_an_increment(boxes, "album", "third")
    boxes.b.ssh("zfs", "snapshot", f"{copy}@mine-too")
    assert boxes.run("album")["error_code"] == "diverged"
    _, ways = conflict(boxes, "album")
    assert "that had arrived" in ways["keep-both"]["text"]
    take(boxes, "album", ways["keep-both"])
    names = boxes.b.ssh("zfs", "list", "-Hpo", "name", "-r", "vault/backup").stdout.split()
    (kept,) = [name for name in names if name.startswith(f"{copy}-kept-")]
    assert token(boxes, kept) != "-"
    assert boxes.b.ssh("zfs", "list", f"{kept}@mine-too").returncode == 0
    afresh = boxes.run("album")
    boxes.assert_good(afresh)
    boxes.assert_equal(afresh)
    assert afresh["evidence"][0]["base"] is None


def test_what_was_written_to_a_copy_while_an_increment_was_cut_is_a_conflict_before_a_byte_is_sent(
    boxes: Boxes,
) -> None:
    copy = "vault/backup/ledger"
    boxes.dataset("ledger", 1)
    boxes.task("ledger")
    boxes.assert_good(boxes.run("ledger"))
    half = cut_an_increment(boxes, "ledger", "second")
    boxes.b.ssh("zfs", "set", "readonly=off", copy)
    boxes.b.ssh("zfs", "mount", copy)
    boxes.b.ssh("dd", "if=/dev/urandom", f"of=/{copy}/mine", "bs=100K", "count=1", "status=none")
    boxes.b.ssh("zpool", "sync", "vault")
    refused = boxes.run("ledger")
    assert (refused["state"], refused["error_code"], refused["bytes"]) == ("failed", "diverged", 0)
    found, ways = conflict(boxes, "ledger")
    assert found["kind"] == "target-written"
    take(boxes, "ledger", ways["roll-back"])
    assert token(boxes, copy) == half
    good = boxes.run("ledger")
    boxes.assert_good(good)
    boxes.assert_equal(good)


def test_looking_at_a_copy_is_no_conflict_and_writing_to_it_is(boxes: Boxes) -> None:
    copy = "vault/backup/diary"
    boxes.dataset("diary", 1)
    boxes.task("diary")
    boxes.assert_good(boxes.run("diary"))
    boxes.b.ssh("zfs", "mount", copy)
    boxes.b.ssh("ls", f"/{copy}")
    boxes.b.ssh("zfs", "unmount", copy)
    boxes.fill("diary", "more", 1)
    boxes.assert_good(boxes.run("diary"))

    boxes.b.ssh("zfs", "set", "readonly=off", copy)
    boxes.b.ssh("zfs", "mount", copy)
    boxes.b.ssh("dd", "if=/dev/urandom", f"of=/{copy}/mine", "bs=100K", "count=1", "status=none")
    boxes.b.ssh("zpool", "sync", "vault")
    boxes.fill("diary", "third", 1)
    refused = boxes.run("diary")
    assert (refused["state"], refused["error_code"], refused["bytes"]) == ("failed", "diverged", 0)
    assert "was written to at the target" in refused["message"]
    found, ways = conflict(boxes, "diary")
    assert found["kind"] == "target-written"
    assert ways["roll-back"]["loses"] == found["written"] >= 100 * 1024
    assert ways["roll-back"]["destroys"] == []
    take(boxes, "diary", ways["roll-back"])
    good = boxes.run("diary")
    boxes.assert_good(good)
    boxes.assert_equal(good)


def test_a_copy_beside_it_on_this_box_is_brought_back_with_the_persons_own_rights(boxes: Boxes) -> None:
    boxes.dataset("inside", 1)
    boxes.task("inside", "tank/copies/inside")
    assert boxes.run("inside")["state"] == "succeeded"
    boxes.a.ssh("zfs", "snapshot", "tank/copies/inside@mine")
    boxes.fill("inside", "more", 1)
    assert boxes.run("inside")["error_code"] == "diverged"
    _, ways = conflict(boxes, "inside")
    take(boxes, "inside", ways["roll-back"])
    assert boxes.run("inside")["state"] == "succeeded"
    assert boxes.dplane("audit", "verify")


def test_raw_copies_whose_key_was_changed_or_that_were_snapshotted_there_are_left_alone(boxes: Boxes) -> None:
    copy = "vault/backup/secret"
    boxes.a.ssh("sh", "-c", "echo long-password > /root/pass")
    boxes.b.ssh("sh", "-c", "echo long-password > /root/pass; echo another-password > /root/other")
    encrypted = ["-o", "encryption=on", "-o", "keyformat=passphrase", "-o", "keylocation=file:///root/pass"]
    boxes.a.ssh("zfs", "create", *encrypted, "tank/secret")
    boxes.fill("secret", "first", 1)
    boxes.task("secret")
    boxes.assert_good(boxes.run("secret"))
    assert boxes.dplane("replicate", "show", "secret")["task"]["raw"] is True
    boxes.fill("secret", "second", 1)
    boxes.assert_good(boxes.run("secret"))

    boxes.a.ssh("sh", "-c", "echo newer-password > /root/newer")
    boxes.a.ssh("zfs", "change-key", "-o", "keylocation=file:///root/newer", "tank/secret")
    boxes.fill("secret", "third", 1)
    boxes.assert_good(boxes.run("secret"))  # the source's own change goes along
    boxes.b.ssh("sh", "-c", "echo newer-password | zfs load-key -L prompt vault/backup/secret")
    boxes.b.ssh("zfs", "unload-key", copy)

    boxes.b.ssh("zfs", "snapshot", f"{copy}@mine")
    boxes.fill("secret", "fourth", 1)
    named = boxes.run("secret")
    assert named["error_code"] == "diverged"
    assert "Raw copies cannot go on from a snapshot that was taken of them there" in named["message"]
    boxes.b.ssh("zfs", "destroy", f"{copy}@mine")
    boxes.assert_good(boxes.run("secret"))

    boxes.b.ssh("sh", "-c", "echo newer-password | zfs load-key -L prompt vault/backup/secret")
    boxes.b.ssh("zfs", "change-key", "-o", "keylocation=file:///root/other", copy)
    boxes.fill("secret", "fifth", 1)
    blocked = boxes.run("secret")
    assert (blocked["error_code"], blocked["bytes"]) == ("diverged", 0)
    assert "was changed at the target itself" in blocked["message"]
    found, ways = conflict(boxes, "secret")
    assert found["kind"] == "key-changed"
    assert [way for way in ways if ways[way]["possible"]] == ["keep-both", "beside"]


def test_what_is_sent_is_held_meanwhile_and_not_afterwards(boxes: Boxes) -> None:
    boxes.dataset("film", 12)
    boxes.task("film", "", "--limit", "1M")
    run = boxes.start("film")
    boxes.until_bytes(run, 2)
    (snapshot,) = boxes.a.ssh("zfs", "list", "-Hpo", "name", "-d", "1", "-t", "snapshot", "tank/film").stdout.split()
    assert boxes.a.ssh("zfs", "holds", "-H", snapshot).stdout.split("\t")[1] == f"dplane-{run}"
    assert boxes.a.ssh("zfs", "destroy", snapshot, check=False).returncode != 0
    boxes.a.ssh("systemctl", "kill", "--signal=KILL", "--kill-whom=all", f"dplane-job@{run}.service")
    boxes.limit("film", "full")
    boxes.assert_good(boxes.run("film"))
    assert boxes.a.ssh("zfs", "holds", "-H", snapshot).stdout == ""
