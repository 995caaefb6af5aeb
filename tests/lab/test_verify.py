"""Comparing and verifying on real OpenZFS: what is equal is equal, one flipped byte is found, nothing stays mounted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from .replication_lab import Boxes

pytestmark = pytest.mark.lab
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


def test_a_tree_with_a_volume_is_equal_and_a_flipped_byte_is_not(boxes: Boxes) -> None:
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

    # Somebody changes one byte of the copy and gives its snapshot the name of the true one.
    short = files["snapshot"]
    for name, path in (("photos", "/vault/look/first"), ("photos/disk", "/dev/zvol/vault/disk")):
        place = "vault/look" if name == "photos" else "vault/disk"
        more = ["-o", "mountpoint=/vault/look"] if name == "photos" else ["-o", "volmode=dev"]
        b.ssh("zfs", "clone", *more, "-o", "readonly=off", f"vault/backup/{name}@{short}", place)
        b.ssh("udevadm", "settle")
        b.ssh("sh", "-c", f"printf Z | dd of={path} bs=1 seek=1400000 conv=notrunc,fsync status=none")
        b.ssh("zfs", "snapshot", f"{place}@{short}")
    stored = content(boxes, "vault/look", short)
    honest = content(boxes, "vault/backup/photos", short)
    assert [line["path"] for line in honest if line.get("sha256") not in {other.get("sha256") for other in stored}] == [
        "first"
    ]
    assert content(boxes, "vault/disk", short) != content(boxes, "vault/backup/photos/disk", short)


def content(boxes: Boxes, dataset: str, short: str) -> list[dict[str, Any]]:
    """What the far helper tells of a snapshot."""
    helper = boxes.b.ssh("readlink", "-e", "/opt/dplane/current/libexec/privhelper").stdout.strip()
    guid = boxes.guid(boxes.b, f"{dataset}@{short}")
    request = json.dumps({"verb": "content", "snapshot": f"{dataset}@{short}", "guid": guid}) + "\n"
    lines = boxes.b.ssh(helper, input=request).stdout.splitlines()
    assert json.loads(lines[-1])["end"] is True
    return [json.loads(line) for line in lines[1:-1]]


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
