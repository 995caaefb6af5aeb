"""The time machine on real OpenZFS: a deleted file found in an older snapshot, restored with owner and attributes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .replication_lab import Boxes

pytestmark = [pytest.mark.lab, pytest.mark.long]
MAKE = """
import os
os.chdir("/tank/files")
os.makedirs("docs/deep", exist_ok=True)
open("docs/letter", "w").write("first\\n")
os.chown("docs/letter", 1234, 4321)
os.chmod("docs/letter", 0o640)
os.setxattr("docs/letter", "user.colour", b"red")
open("docs/deep/other", "w").write("x" * 300000)
os.symlink("/etc/shadow", "docs/link")
os.mkfifo("docs/pipe")
"""
STATE = """
import hashlib, json, os, sys
path = sys.argv[1]
seen = os.lstat(path)
names = sorted(os.listxattr(path))
print(json.dumps([seen.st_mode, seen.st_uid, seen.st_gid, seen.st_mtime_ns, seen.st_size,
    [[name, os.getxattr(path, name).hex()] for name in names], hashlib.sha256(open(path, "rb").read()).hexdigest()]))
"""


@pytest.fixture(scope="module")
def boxes(pair: Any) -> Boxes:
    """A box with a dataset, two snapshots with two versions of a file, and the file gone since."""
    pair.reset()
    made = Boxes(pair)
    made.make_pools()
    a = made.a
    a.ssh("zfs", "create", "-o", "xattr=sa", "-o", "acltype=posixacl", "tank/files")
    a.ssh("python3", "-c", MAKE)
    a.ssh("zfs", "snapshot", "tank/files@one")
    a.ssh("sh", "-c", "echo second >>/tank/files/docs/letter")
    a.ssh("zfs", "snapshot", "tank/files@two")
    a.ssh("zfs", "snapshot", "tank/files@three")
    a.ssh("rm", "/tank/files/docs/letter")
    return made


def files(boxes: Boxes, *words: str, user: str = "root", status: int = 0) -> Any:
    """`dplane files … --json` on the box; its data, or the error where another exit code is expected."""
    done = boxes.a.ssh("dplane", "files", *words, "--json", check=False, user=user)
    assert done.returncode == status, f"{words}: {done.returncode}\\n{done.stdout}{done.stderr}"
    told = json.loads(done.stdout)
    return told["error"] if status else told["data"]


def state(boxes: Boxes, path: str) -> Any:
    return json.loads(boxes.a.ssh("python3", "-c", STATE, path).stdout)


@pytest.mark.parametrize("as_root", [(), ("--as-root",)], ids=["own", "root"])
def test_a_deleted_file_is_found_and_restored_with_owner_and_attributes(boxes: Boxes, as_root: tuple[str, ...]) -> None:
    mounts = boxes.a.ssh("cat", "/proc/mounts").stdout
    found = files(boxes, "versions", "/tank/files/docs/letter", *as_root)
    assert [one["holders"] for one in found["versions"]] == [
        ["tank/files@three", "tank/files@two"], ["tank/files@one"],
    ]  # fmt: skip
    done = files(boxes, "restore", "tank/files@one", "docs/letter", "--over", *as_root)
    assert done["path"] == "docs/letter"
    assert state(boxes, "/tank/files/docs/letter") == state(boxes, "/tank/files/.zfs/snapshot/one/docs/letter")
    if as_root:
        now = boxes.a.ssh("cat", "/proc/mounts").stdout.splitlines()
        assert {line for line in now if ".zfs/snapshot" not in line} == {
            line for line in mounts.splitlines() if ".zfs/snapshot" not in line
        }, "the helper's own mount is nowhere to be seen"
    boxes.a.ssh("rm", "/tank/files/docs/letter")


def test_a_folder_over_the_original_keeps_it(boxes: Boxes) -> None:
    done = files(boxes, "restore", "tank/files@one", "docs", "--over", "--confirm", "docs", "--as-root")
    assert (done["path"], done["files"], done["left_out"]) == ("docs", 2, 1)
    assert done["kept"].startswith("docs.kept-")
    assert boxes.a.ssh("cat", "/tank/files/docs/letter").stdout == "first\n"
    assert boxes.a.ssh("test", "-d", f"/tank/files/{done['kept']}/deep").returncode == 0
    assert ".dplane" not in boxes.a.ssh("ls", "-a", "/tank/files").stdout


def test_who_may_what_and_the_log_has_it(boxes: Boxes) -> None:
    assert files(boxes, "ls", "tank/files@one", "docs", "--as-root", user="viewer", status=5)["code"] == "not-allowed"
    names = [one["name"] for one in files(boxes, "ls", "tank/files@one", "docs", user="viewer")["entries"]]
    assert names == ["deep", "letter", "link", "pipe"]
    assert files(boxes, "cat", "tank/files@one", "docs/letter", user="viewer", status=5)["code"] == "not-allowed"
    log = boxes.a.ssh("cat", "/var/log/dplane/audit.jsonl").stdout
    assert "files-restore" in log
    assert boxes.a.ssh("dplane", "audit", "verify").returncode == 0


def test_a_snapshot_of_the_same_name_made_anew_is_another(boxes: Boxes) -> None:
    boxes.a.ssh("zfs", "destroy", "tank/files@three")
    boxes.a.ssh("zfs", "snapshot", "tank/files@three")
    guid = boxes.a.ssh("zfs", "get", "-Hpo", "value", "guid", "tank/files@two").stdout.strip()
    request = json.dumps({"verb": "files-list", "of": "tank/files@three", "guid": guid}) + "\n"
    done = boxes.a.ssh("/opt/dplane/current/libexec/privhelper", "files", check=False, input=request)
    assert (done.returncode, done.stdout) == (4, "")
