"""Comparing and verifying on real OpenZFS: what is equal is equal, one flipped byte is found, nothing stays mounted."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any

import pytest

from privhelper import content

from .replication_lab import Boxes

pytestmark = [pytest.mark.lab, pytest.mark.long]
STRANGE = """
import os
os.chdir("/tank/photos")
os.mkdir(b"a b")
open(b"a b/n\\nl \\xff", "w").write("x")
os.symlink("/etc/shadow", "s")
os.mkfifo("pipe")
os.setxattr("first", "user.colour", b"red")
"""


@pytest.fixture(scope="module")
def boxes(pair: Any) -> Iterator[Boxes]:
    """Both boxes with pools, paired."""
    pair.reset()
    made = Boxes(pair)
    made.make_pools()
    made.pair_up()
    yield made
    pair.heal()


def verify(boxes: Boxes, name: str, *more: str) -> tuple[Any, Any]:
    """A verification to its end: the run, and what it found."""
    run = boxes.dplane("replicate", "verify", name, "--content", "--detach", *more)["id"]
    ended = boxes.until_ended(run)
    return ended, json.loads(ended["plan"]) if ended["plan"] else None


def test_a_tree_with_a_volume_is_read_on_both_boxes_and_equal(boxes: Boxes) -> None:
    a, b = boxes.a, boxes.b
    boxes.dataset("photos", 3)
    a.ssh("python3", "-c", STRANGE)
    a.ssh("zfs", "create", "-s", "-V", "8M", "tank/photos/disk")
    a.ssh("udevadm", "settle")
    a.ssh("dd", "if=/dev/urandom", "of=/dev/zvol/tank/photos/disk", "bs=64k", "count=3", "seek=20", "conv=fsync")
    boxes.task("photos", "", "--recursive")
    boxes.assert_good(boxes.run("photos"))
    compared = boxes.dplane("replicate", "compare", "photos")
    assert {one["state"] for one in compared["datasets"]} == {"equal"}
    assert compared["datasets"][0]["both"][0]["taken"]

    mounts = [box.ssh("cat", "/proc/mounts").stdout for box in (a, b)]
    run, found = verify(boxes, "photos")
    assert run["state"] == "succeeded", run["message"]
    files, disk = found["datasets"]
    assert files["equal"]
    assert disk["equal"]
    assert files["hashed"] == 2
    assert files["bytes"] > 3 << 20
    assert disk["hashed"] >= 1
    assert files["guid"] == boxes.guid(b, f"vault/backup/photos@{files['snapshot']}")
    assert [box.ssh("cat", "/proc/mounts").stdout for box in (a, b)] == mounts, "nothing stays mounted"
    assert boxes.dplane("replicate", "runs", "photos", user="viewer")[0]["kind"] == "verify"


def number(record: bytes, place: int, count: int) -> int:
    return int.from_bytes(record[place : place + count], "little")


def doctored(stream: bytes) -> bytes:
    """A stream of `zfs send` with one letter of its data changed, and its checksums made right again.

    Layout: dmu_replay_record, 312 bytes. A record's own checksum may be zero; that of the end record is a fletcher4.
    """
    records, at, changed = bytearray(), 0, False
    while True:
        record = bytearray(stream[at : at + 312])
        kind = int.from_bytes(record[:4], "little")
        if kind == 5:
            break
        size = content._payload(kind, lambda place, count=8, r=bytes(record): number(r, place, count), bytes(record))
        payload = stream[at + 312 : at + 312 + size]
        if kind == 3 and not changed and b"NEEDLE" in payload:
            payload, changed = payload.replace(b"NEEDLE", b"NEEDLf", 1), True
        if kind:
            record[280:] = bytes(32)
        records += record + payload
        at += 312 + size
    assert changed
    sums = [0, 0, 0, 0]
    for (word,) in struct.iter_unpack("<I", records):
        sums[0] += word
        for place in (1, 2, 3):
            sums[place] += sums[place - 1]
        if word & 7 == 0:  # keeps the numbers small
            sums = [one % 2**64 for one in sums]
    record[8:40] = struct.pack("<4Q", *(one % 2**64 for one in sums))
    record[280:] = bytes(32)
    return bytes(records + record)


def test_one_changed_letter_under_the_same_guid_is_found(boxes: Boxes) -> None:
    """ZFS itself lists both snapshots as the same: only reading them tells."""
    a, b = boxes.a, boxes.b
    a.ssh("zfs", "create", "tank/flip")
    a.ssh("zfs", "create", "-V", "8M", "tank/flip/disk")
    a.ssh("udevadm", "settle")
    a.ssh("python3", "-c", "open('/tank/flip/a letter', 'wb').write(b'NEEDLE' * 50000)")
    a.ssh("dd", "of=/dev/zvol/tank/flip/disk", "conv=fsync", "status=none", input="NEEDLE" * 20000)
    a.ssh("zfs", "snapshot", "-r", "tank/flip@dplane-same")
    peer = b.ssh("zfs", "get", "-Hpo", "value", "dplane:peer", "vault/backup/photos").stdout.strip()
    for name in ("flip", "flip/disk"):
        sent = a.pair.login.run(a.node, ("zfs", "send", f"tank/{name}@dplane-same"), None, "root", 600).stdout
        argv = ("zfs", "receive", "-u", "-o", "readonly=on", "-o", f"dplane:peer={peer}", f"vault/backup/{name}")
        done = b.pair.login.run(b.node, argv, doctored(sent), "root", 600)
        assert done.returncode == 0, done.stderr
    boxes.task("flip", "", "--recursive", "--no-snapshot")
    assert {one["state"] for one in boxes.dplane("replicate", "compare", "flip")["datasets"]} == {"equal"}
    boxes.assert_good(boxes.run("flip"), "nothing-new")
    run, found = verify(boxes, "flip")
    assert (run["state"], run["error_code"]) == ("failed", "bad-news")
    assert [(item["dataset"], item["path"], item["what"]) for item in found["differences"]] == [
        ("tank/flip", "a letter", "not the same: content"),
        ("tank/flip/disk", f"{0:020d}", "not the same: content"),
    ]
    assert not any(one["equal"] for one in found["datasets"])


def test_a_copy_whose_key_is_not_loaded_is_unknown_until_it_is(boxes: Boxes) -> None:
    boxes.a.ssh(
        "zfs", "create", "-o", "encryption=on", "-o", "keyformat=passphrase", "tank/secret", input="passpass\n" * 2
    )
    boxes.fill("secret", "first", 1)
    boxes.task("secret")
    boxes.assert_good(boxes.run("secret"))
    run, found = verify(boxes, "secret")
    assert (run["state"], run["error_code"]) == ("failed", "failed")
    assert "its key is not loaded there" in found["datasets"][0]["problem"]
    boxes.b.ssh("zfs", "load-key", "vault/backup/secret", input="passpass\n")
    run, found = verify(boxes, "secret", "--sample=50%")
    assert run["state"] == "succeeded", run["message"]
    assert found["percent"] == 50


def test_a_copy_that_another_tool_made_is_gone_on_with_once_it_is_adopted(boxes: Boxes) -> None:
    a, b = boxes.a, boxes.b
    boxes.dataset("moved", 1)
    boxes.task("moved")
    first = boxes.run("moved")
    boxes.assert_good(first)
    copy, theirs = "vault/backup/moved", "syncoid_nas-a_2026-11-20:03:00:01-GMT00:00"
    peer = b.ssh("zfs", "get", "-Hpo", "value", "dplane:peer", copy).stdout.strip()
    # As syncoid leaves it: its own names, no mark and no bookmark of ours, writable.
    for box, dataset in ((a, "tank/moved"), (b, copy)):
        box.ssh("zfs", "rename", f"{dataset}@{first['evidence'][0]['snapshot']}", f"{dataset}@{theirs}")
    for mark in a.ssh("zfs", "list", "-H", "-t", "bookmark", "-o", "name", "-r", "tank/moved").stdout.split():
        a.ssh("zfs", "destroy", mark)
    b.ssh("zfs", "inherit", "dplane:peer", copy)
    b.ssh("zfs", "set", "readonly=off", copy)
    boxes.fill("moved", "more", 1)
    refused = boxes.run("moved")
    assert (refused["state"], refused["error_code"]) == ("failed", "refused")

    def adopt(*more: str, user: str = "owner") -> tuple[int, Any]:
        done = b.ssh("dplane", "peer", "adopt", peer, copy, *more, "--json", user=user, check=False)
        return done.returncode, json.loads(done.stdout)

    status, seen = adopt("--dry-run", user="viewer")
    assert (status, seen["data"]["newest"], seen["data"]["owner"]) == (0, theirs, "")
    assert adopt("--confirm", copy, user="viewer")[0] == 5
    status, done = adopt("--confirm", copy)
    assert (status, done["data"]["owner"]) == (0, peer)
    again = boxes.run("moved")
    boxes.assert_good(again)
    boxes.assert_equal(again)
    assert again["evidence"][0]["base"] == f"@{theirs}"
    assert theirs in b.ssh("zfs", "list", "-H", "-t", "snapshot", "-o", "name", copy).stdout
