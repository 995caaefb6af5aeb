"""Datasets and snapshots on a real box, by `dplane … --json` there: life, keys, many at once, and every refusal."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .test_pools import Command

pytestmark = [pytest.mark.lab, pytest.mark.long]

SECRET = "correct horse battery"
OTHER = "staple and horse"


class Box(Command):
    """`dplane` on nas-a, with standard input where it is wanted."""

    def __init__(self, node: Any) -> None:
        super().__init__(node)
        self.node = node

    def given(self, secret: str, *words: str, status: int = 0) -> Any:
        """The same with a passphrase on standard input."""
        done = self.node.ssh("dplane", *words, "--stdin", "--json", user="owner", check=False, input=secret + "\n")
        assert done.returncode == status, (words, done.returncode, done.stdout, done.stderr)
        answer = json.loads(done.stdout)
        return answer["data"] if "data" in answer else answer["error"]

    def root(self, *argv: str) -> str:
        """Something that the box's root does beside us."""
        return str(self.node.ssh(*argv, user="root").stdout)

    def door(self, request: dict[str, object], secret: str = "") -> dict[str, Any]:
        """A request straight to the helper; its answer, or {} with the words of a stream."""
        line = json.dumps(request) + "\n" + (secret + "\n" if secret else "")
        helper = self.root("readlink", "-e", "/opt/dplane/current/libexec/privhelper").strip()
        done = self.node.ssh(helper, user="root", check=False, input=line)
        try:
            answer: dict[str, Any] = json.loads(done.stdout)
        except ValueError:
            return {"status": done.returncode, "said": done.stderr}
        return {"status": done.returncode, **answer}


@pytest.fixture
def box(fresh_pair: Any) -> Box:
    """nas-a with a mirror called tank."""
    found = Box(fresh_pair.nas_a)
    found("pool", "create", "tank", "mirror", *found.free_disks()[:2])
    return found


def test_create_properties_snapshot_rollback_destroy(box: Box) -> None:
    made = box("dataset", "create", "tank/data", "-o", "compression=lz4")
    assert made["mounted"] is True
    assert box("dataset", "set", "tank/data", "quota=64M")["value"] == str(64 << 20)
    got = {one["name"]: one for one in box("dataset", "get", "tank/data")}
    assert (got["quota"]["value"], got["quota"]["source"]) == (str(64 << 20), "local")
    assert box("dataset", "inherit", "tank/data", "compression")["source"] != "local"
    box.root("sh", "-c", "echo one > /tank/data/a; sync")
    first = box("snapshot", "create", "tank/data@first")
    box.root("sh", "-c", "echo two > /tank/data/a; echo more > '/tank/data/b \u00e4'; rm -f /tank/data/none; sync")
    box("snapshot", "create", "tank/data@second")
    changes = box("snapshot", "diff", "tank/data@first", "second")["changes"]
    assert {(one["kind"], one["path"]) for one in changes} >= {
        ("changed", "/tank/data/a"), ("added", "/tank/data/b \u00e4"),
    }  # fmt: skip
    assert box("snapshot", "rollback", "tank/data@first", status=2)["code"] == "usage"
    preview = box("snapshot", "rollback", "tank/data@first", "--dry-run")
    assert preview["objects"] == ["tank/data@second"]
    back = box("snapshot", "rollback", "tank/data@first", "--destroy-newer", "--confirm", "tank/data@first")
    assert back["guid"] == first["guid"]
    assert box.root("cat", "/tank/data/a") == "one\n"
    shown = box("dataset", "destroy", "tank/data", "-r", "--dry-run")
    assert shown["objects"] == ["tank/data", "tank/data@first"]
    kept = box("dataset", "set-aside", "tank/data")
    assert kept["name"].startswith("tank/data-kept-")
    assert kept["guid"] == made["guid"]
    assert box("dataset", "rename", kept["name"], "tank/data")["guid"] == made["guid"]
    assert box("dataset", "mount", "tank/data")["mounted"] is True
    assert box.root("cat", "/tank/data/a") == "one\n"
    box("dataset", "destroy", "tank/data", "-r", "--confirm", "tank/data")
    assert box("dataset", "show", "tank/data", status=6)["code"] == "missing"


def test_an_encrypted_dataset_is_locked_and_unlocked(box: Box) -> None:
    made = box.given(SECRET, "dataset", "create", "tank/safe", "--encrypt")
    assert (made["encryption"], made["key_status"], made["mounted"]) == ("aes-256-gcm", "available", True)
    box("dataset", "create", "tank/safe/deep")
    box.root("sh", "-c", "echo hidden > /tank/safe/deep/x; sync")
    locked = box("dataset", "unload-key", "tank/safe")
    assert (locked["key_status"], locked["mounted"]) == ("unavailable", False)
    [waits] = box("dataset", "locked", status=3)
    assert (waits["dataset"], waits["below"]) == ("tank/safe", ["tank/safe/deep"])
    wrong = box.given("nothing like it", "dataset", "load-key", "tank/safe", status=1)
    assert "Incorrect key" in wrong["message"]
    done = box.given(SECRET, "dataset", "load-key", "tank/safe")
    assert sorted(done["mounted"]) == ["tank/safe", "tank/safe/deep"]
    assert box.root("cat", "/tank/safe/deep/x") == "hidden\n"
    box.given(OTHER, "dataset", "change-key", "tank/safe")
    box("dataset", "unload-key", "tank/safe")
    box.given(SECRET, "dataset", "load-key", "tank/safe", status=1)
    box.given(OTHER, "dataset", "load-key", "tank/safe")
    assert box("dataset", "locked") == []
    log = box.root("sh", "-c", "cat /var/log/dplane/*; journalctl --no-pager | grep -i dplane || true")
    assert SECRET not in log
    assert OTHER not in log


def test_holds_clones_promotion_and_many_at_once(box: Box) -> None:
    box("dataset", "create", "tank/data")
    for at in range(4):
        box.root("sh", "-c", f"dd if=/dev/urandom of=/tank/data/x bs=64k count=8 status=none; sync; echo {at}")
        box("snapshot", "create", f"tank/data@auto-{at}")
    box("snapshot", "hold", "tank/data@auto-0")
    assert box("snapshot", "holds", "tank/data@auto-0") == ["dplane-keep"]
    shown = box("snapshot", "destroy", "tank/data@auto-1%auto-2", "--dry-run")
    assert shown["objects"] == ["tank/data@auto-1", "tank/data@auto-2"]
    alone = [box("snapshot", "destroy", f"tank/data@auto-{at}", "--dry-run")["reclaim"] for at in (1, 2)]
    assert shown["reclaim"] >= sum(alone) > 0
    done = box("snapshot", "destroy", "tank/data@auto-1%auto-2", "--snapshot-first", "--confirm", "tank/data")
    assert done["kept"].startswith("tank/data@before-")
    names = [one["name"] for one in box("snapshot", "list", "tank/data")]
    assert names == ["tank/data@auto-0", "tank/data@auto-3", done["kept"]]
    assert box("snapshot", "destroy", "tank/data@auto-*", "--confirm", "tank/data", status=4)["code"] == "refused"
    assert [one["name"] for one in box("snapshot", "list", "tank/data")] == names  # all or none: one is held
    box("snapshot", "release", "tank/data@auto-0")
    assert box("snapshot", "rename", "tank/data@auto-0", "old")["name"] == "tank/data@old"
    box("snapshot", "clone", "tank/data@old", "tank/try")
    assert box("dataset", "promote", "tank/try")["origin"] is None
    assert box("dataset", "show", "tank/data")["origin"] == "tank/try@old"


def value(box: Box, dataset: str, name: str) -> str:
    """One property as the box's own `zfs` tells it."""
    return box.root("zfs", "get", "-Hpo", "value", name, dataset).strip()


def test_a_clone_of_what_was_received_is_as_harmless(box: Box) -> None:
    box("dataset", "create", "tank/data")
    box("snapshot", "create", "tank/data@x")
    box.root(
        *("sh", "-c"),
        "zfs send tank/data@x | zfs receive -u -o setuid=off -o devices=off -o exec=off -o canmount=noauto tank/in",
    )
    box("snapshot", "clone", "tank/in@x", "tank/look")
    assert [value(box, "tank/look", name) for name in ("setuid", "devices", "exec", "mounted")] == [
        *("off", "off", "off", "yes"),
    ]
    assert "nosuid" in box.root("findmnt", "-no", "OPTIONS", "/tank/look")
    box("snapshot", "clone", "tank/data@x", "tank/plain")
    assert [value(box, "tank/plain", name) for name in ("setuid", "exec")] == ["off", "on"]
    box.root("zfs", "create", "-V", "1M", "tank/vol")
    box("snapshot", "create", "tank/vol@x")
    box("snapshot", "clone", "tank/vol@x", "tank/vol2")
    assert value(box, "tank/vol2", "type") == "volume"


def test_parents_and_what_is_not_mounted_at_once_cover_nothing(box: Box) -> None:
    box.root("sh", "-c", "mkdir -p /tank/media && echo hers > /tank/media/holiday")
    for request in (
        {"verb": "dataset-create", "dataset": "tank/media/films", "parents": True},
        {"verb": "volume-create", "dataset": "tank/media/disk", "size": "1M", "parents": True},
        {"verb": "dataset-create", "dataset": "tank/media", "mount": False},
    ):
        answer = box.door(request)
        assert (answer["status"], answer["error"]["code"]) == (2, "refused"), request
    assert box.root("zfs", "list", "-Ho", "name").split() == ["tank"]
    assert box.door({"verb": "dataset-create", "dataset": "tank/a/b/c", "parents": True, "mount": False})["ok"] is True
    assert [value(box, name, "mounted") for name in ("tank/a", "tank/a/b", "tank/a/b/c")] == ["yes", "yes", "no"]


def test_an_imported_pool_does_nothing_at_the_next_start(box: Box) -> None:
    box.root("sh", "-c", "mkdir -p /srv/www && echo hers > /srv/www/index")
    for name, place in (("evil", "/etc/cron.d"), ("www", "/srv/www")):
        box.root("zfs", "create", "-o", "canmount=noauto", "-o", f"mountpoint={place}", f"tank/{name}")
        box.root("zfs", "set", "canmount=on", f"tank/{name}")
        box.root("sh", "-c", f"zfs unmount tank/{name} 2>/dev/null || true")
    box.root("zfs", "create", "-o", "canmount=off", "-o", "sharenfs=rw", "tank/shared")
    box("dataset", "create", "tank/fine")
    box("pool", "export", "tank")
    told = box("pool", "import", "tank", status=3)
    assert [one.partition(":")[0] for one in told["not_mounted"]] == ["tank/evil", "tank/www"]
    assert told["unshared"] == ["tank/shared: sharenfs was rw"]
    assert [value(box, f"tank/{name}", "canmount") for name in ("evil", "www", "fine")] == ["noauto", "noauto", "on"]
    assert value(box, "tank/shared", "sharenfs") == "off"
    assert value(box, "tank/fine", "mounted") == "yes"
    box.root("zfs", "mount", "-a")
    assert "hers" in box.root("cat", "/srv/www/index")
    assert "/etc/cron.d" not in box.root("cat", "/proc/mounts")
    assert box.root("zpool", "get", "-Hpo", "value", "cachefile", "tank").strip() == "-"
    assert box.root("sh", "-c", "grep -c tank /etc/zfs/zpool.cache || true").strip() != "0"
    box("pool", "export", "tank")
    box("pool", "import", "tank", "--readonly", status=0)
    assert box.root("zpool", "get", "-Hpo", "value", "cachefile", "tank").strip() == "none"


REPLACED = [
    {"verb": "dataset-rename", "dataset": "tank/data", "to": "tank/other"},
    {"verb": "dataset-promote", "dataset": "tank/data"},
    {"verb": "dataset-unmount", "dataset": "tank/data"},
    {"verb": "dataset-inherit", "dataset": "tank/data", "property": "atime"},
    {"verb": "dataset-destroy", "dataset": "tank/data"},
    {"verb": "key-load", "dataset": "tank/data"},
    {"verb": "key-unload", "dataset": "tank/data"},
    {"verb": "key-change", "dataset": "tank/data"},
]
REPLACED_SNAPSHOT = [
    {"verb": "snapshot-destroy", "snapshot": "tank/data@x"},
    {"verb": "snapshot-rollback", "snapshot": "tank/data@x"},
    {"verb": "snapshot-rename", "snapshot": "tank/data@x", "to": "tank/data@y"},
    {"verb": "snapshot-clone", "snapshot": "tank/data@x", "dataset": "tank/try", "kind": "filesystem"},
]


def test_every_act_is_refused_when_the_guid_changed(box: Box) -> None:
    old = box("dataset", "create", "tank/data")
    seen = box("snapshot", "create", "tank/data@x")
    box.root("zfs", "destroy", "-r", "tank/data")
    new = box("dataset", "create", "tank/data")
    box("snapshot", "create", "tank/data@x")
    for request in REPLACED:
        answer = box.door({**request, "guid": old["guid"]}, SECRET if request["verb"].startswith("key") else "")
        assert (answer["status"], answer["error"]["code"]) == (4, "changed"), request
    for request in REPLACED_SNAPSHOT:
        answer = box.door({**request, "guid": seen["guid"]})
        assert (answer["status"], answer["error"]["code"]) == (4, "changed"), request
    answer = box.door({"verb": "snapshots-destroy", "dataset": "tank/data", "snapshots": {"x": seen["guid"]}})
    assert (answer["status"], answer["error"]["code"]) == (4, "changed")
    answer = box.door({"verb": "snapshot-diff", "snapshot": "tank/data@x", "guid": seen["guid"]})
    assert (answer["status"], "is not what you saw" in answer["said"]) == (4, True)
    assert box("dataset", "show", "tank/data")["guid"] == new["guid"]
    assert len(box("snapshot", "list", "tank/data")) == 1


def test_protection_says_what_lacks(box: Box) -> None:
    box("dataset", "create", "tank/data")
    assert box("dataset", "protection", "tank/data")["tank/data"]["protection"] == "not"
    box("snapshot", "create", "tank/data@manual-1")
    found = box("dataset", "protection", "tank/data")["tank/data"]
    assert found["protection"] == "partly"
    assert any(one["state"] == "good" and "loss of a disk" in one["text"] for one in found["reasons"])
    box("dataset", "protection", "--check", status=3)
