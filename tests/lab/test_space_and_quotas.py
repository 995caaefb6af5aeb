"""Where space goes, and who may use how much of it, on a real box: by `dplane … --json` there, judged by ZFS itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .test_storage import Box

pytestmark = [pytest.mark.lab, pytest.mark.long]

M = 1 << 20


@pytest.fixture
def box(fresh_pair: Any) -> Box:
    """nas-a with a mirror called tank, and tank/data on it."""
    found = Box(fresh_pair.nas_a)
    found("pool", "create", "tank", "mirror", *found.free_disks()[:2])
    found("dataset", "create", "tank/data", "-o", "compression=off")
    return found


def figure(box: Box, prop: str, name: str) -> int:
    """What ZFS itself says."""
    return int(box.root("zfs", "get", "-Hpo", "value", prop, name))


def test_space_is_explained_and_what_a_destroy_frees_comes_true(box: Box) -> None:
    for at in range(3):
        box.root("sh", "-c", f"dd if=/dev/urandom of=/tank/data/x bs=1M count={at + 1} status=none; sync")
        box("snapshot", "create", f"tank/data@s{at}")
    box.root("sh", "-c", "dd if=/dev/urandom of=/tank/data/x bs=1M count=1 status=none; zpool sync tank")
    told = box("dataset", "space", "tank/data")
    assert told["by_itself"] == figure(box, "usedbydataset", "tank/data")
    assert told["by_snapshots"] == figure(box, "usedbysnapshots", "tank/data")
    assert told["written"] == figure(box, "written", "tank/data")
    assert told["logical_used"] == figure(box, "logicalused", "tank/data")
    assert told["largest"][0]["name"] == "tank/data@s2"  # 3 MB that only it holds
    freed = told["without_snapshots"]
    assert (freed["objects"], freed["why"]) == (3, "")
    assert freed["bytes"] == pytest.approx(told["by_snapshots"], rel=0.05)
    whole = told["without_it"]
    assert (whole["objects"], whole["bytes"]) == (4, figure(box, "used", "tank/data"))
    before = figure(box, "used", "tank/data")
    box("snapshot", "destroy", "tank/data@%s2", "--confirm", "tank/data")
    box.root("zpool", "sync", "tank")
    assert before - figure(box, "used", "tank/data") == pytest.approx(freed["bytes"], rel=0.05)


def test_what_stands_in_the_way_is_told_instead_of_a_number(box: Box) -> None:
    box("snapshot", "create", "tank/data@kept")
    box("snapshot", "hold", "tank/data@kept")
    told = box("dataset", "space", "tank/data")["without_snapshots"]
    assert (told["bytes"], "is held" in told["why"]) == (None, True)
    box("snapshot", "release", "tank/data@kept")
    box("snapshot", "clone", "tank/data@kept", "tank/try")
    told = box("dataset", "space", "tank/data")
    assert "is a clone of" in told["without_snapshots"]["why"]
    assert told["without_it"]["bytes"] is None
    assert "clone" in told["without_it"]["why"]


def test_a_user_and_a_group_have_a_quota_that_zfs_keeps(box: Box) -> None:
    box.root("sh", "-c", "chmod 1777 /tank/data; dd if=/dev/zero of=/tank/data/x bs=1M count=4 status=none")
    box.root("sh", "-c", "chown nobody:nogroup /tank/data/x; zpool sync tank")
    told = box("dataset", "user-quota", "tank/data", "nobody", "6M")
    assert told["quota"] == 6 * M == figure(box, "userquota@nobody", "tank/data")
    [used] = [one for one in box("dataset", "users", "tank/data") if one["name"] == "nobody"]
    assert (used["used"], used["quota"]) == (figure(box, "userused@nobody", "tank/data"), 6 * M)
    assert used["used"] >= 4 * M
    assert used["state"] in ("within its quota", "nearly full")
    write = "dd if=/dev/zero of=/tank/data/y bs=1M count=8 conv=fsync"
    box.root("sh", "-c", f"setpriv --reuid=nobody --regid=nogroup --clear-groups {write} || true; zpool sync tank")
    again = write.replace("/y", "/z")
    done = box.root("sh", "-c", f"setpriv --reuid=nobody --regid=nogroup --clear-groups {again} 2>&1 || true")
    assert "quota" in done
    [used] = [one for one in box("dataset", "users", "tank/data") if one["name"] == "nobody"]
    assert used["state"] == "over its quota"
    assert box("dataset", "user-quota", "tank/data", "nobody", "none")["quota"] == 0
    assert box.root("zfs", "get", "-Hpo", "value", "userquota@nobody", "tank/data").strip() in ("0", "none")
    box("dataset", "group-quota", "tank/data", "4711", "1G")
    assert {one["name"]: one["quota"] for one in box("dataset", "groups", "tank/data")}["4711"] == 1 << 30
    assert box("dataset", "user-quota", "tank/data", "nobody-here", "1G", status=1)["code"] == "failed"
    assert box("dataset", "user-quota", "tank/data", "a=b", "1G", status=4)["code"] == "refused"
    old = box("dataset", "show", "tank/data")["guid"]
    box("dataset", "destroy", "tank/data", "-r", "--confirm", "tank/data")
    box("dataset", "create", "tank/data")
    request = {"verb": "account-quota", "dataset": "tank/data", "guid": old, "kind": "user", "account": "nobody"}
    assert box.door({**request, "quota": "1G"})["error"]["code"] == "changed"


def test_rights_are_told_as_zfs_keeps_them(box: Box) -> None:
    assert box("dataset", "allow", "tank/data") == []
    box("dataset", "create", "tank/data/deep")
    for words in (
        ("-s", "@backup", "send,hold", "tank"),
        ("-d", "-g", "nogroup", "@backup", "tank"),
        ("-u", "nobody", "snapshot,mount", "tank/data"),
        ("-l", "-e", "userprop", "tank/data"),
        ("-c", "destroy", "tank/data"),
        ("-l", "-u", "4711", "rename", "tank/data/deep"),
    ):
        box.root("zfs", "allow", *words)
    # A name that can be read in two ways, where this ZFS takes it.
    box.node.ssh("zfs", "allow", "-s", "@two words", "create", "tank/data/deep", user="root", check=False)
    told = [(one["kind"], one["who"], tuple(one["means"]), one["given_on"], one["for"], one["counts_here"])
            for one in box("dataset", "allow", "tank/data/deep")]  # fmt: skip
    assert set(told) - {("set", "@two words", ("create",), "tank/data/deep", "below", False)} == {
        ("set", "@backup", ("hold", "send"), "tank", "below", False),
        ("group", "nogroup", ("hold", "send"), "tank", "below", True),
        ("user", "nobody", ("mount", "snapshot"), "tank/data", "here and below", True),
        ("everyone", "", ("userprop",), "tank/data", "here", False),
        ("creator", "", ("destroy",), "tank/data", "below", False),
        ("user", "(unknown: 4711)", ("rename",), "tank/data/deep", "here", True),
    }


def test_what_waits_for_its_key_is_told_by_health_and_is_no_alarm(box: Box) -> None:
    box.given("correct horse battery", "dataset", "create", "tank/safe", "--encrypt")
    box("dataset", "create", "tank/safe/deep")

    def told() -> list[dict[str, Any]]:
        done = box.node.ssh("dplane", "health", "--json", user="owner", check=False)
        return [one for one in json.loads(done.stdout)["data"]["news"] if one["where"] == "datasets"]

    assert [one["level"] for one in told()] == ["ok"]
    box("dataset", "unload-key", "tank/safe")
    [one] = told()
    assert (one["level"], one["about"]) == ("note", "tank/safe")
    assert "tank/safe and 1 below wait for their key" in one["text"]


def test_a_share_is_told_only_when_the_export_table_has_it(box: Box) -> None:
    told = box("dataset", "shares", "tank/data")
    if told["nfs_server"] == "not installed":
        assert box("dataset", "share-nfs", "tank/data", "--rw", "10.0.0.0/8", status=6)["code"] == "missing"
        assert box.root("zfs", "get", "-Ho", "value", "sharenfs", "tank/data").strip() == "off"
    else:
        box.root("systemctl", "start", "nfs-server")
        done = box("dataset", "share-nfs", "tank/data", "--rw", "10.0.0.0/8", "--ro", "nas-b")
        assert done["sharenfs"] == "rw=@10.0.0.0/8,ro=nas-b"
        assert ("10.0.0.0/8 (rw)" in done["exported"]) == done["nfs"].startswith("shared with")
        assert "/tank/data" in box.root("exportfs", "-s")
        box.root("zfs", "unmount", "tank/data")
        assert not box("dataset", "shares", "tank/data")["datasets"][0]["nfs"].startswith("shared")
        box("dataset", "share-nfs", "tank/data", "--off")
        assert "/tank/data" not in box.root("exportfs", "-s")
    if told["smb_server"] == "not installed":
        assert box("dataset", "share-smb", "tank/data", "on", status=6)["code"] == "missing"
    for wild in ("*", "0.0.0.0/0", "@everybody", "10.0.0.1/8", "a:b"):
        assert box("dataset", "share-nfs", "tank/data", "--rw", wild, status=4)["code"] == "refused"
