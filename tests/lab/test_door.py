"""The privileged door on a real box: real sudo with its digest, real groups, real OpenZFS, the real audit log.

Many requests go in one login, because a login takes seconds on an emulated machine.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from privhelper.audit import verify

pytestmark = pytest.mark.lab

HELPER = "/opt/dplane/current/libexec/privhelper"
POOL = "doortest"
# Runs on the box: takes requests as JSON and calls the helper for each the way the console does.
RUNNER = """
import json, os, subprocess, sys
helper = os.path.realpath({helper!r})
prefix = [] if os.geteuid() == 0 else ["sudo", "-n"]
for request in json.load(sys.stdin):
    raw = request["raw"].encode() if "raw" in request else json.dumps(request).encode() + b"\\n"
    done = subprocess.run([*prefix, helper], input=raw, capture_output=True)
    print(json.dumps([done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")]))
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the helper answered: its exit code, its JSON answer if it gave one, its standard error."""

    code: int
    data: dict[str, Any]
    stderr: str


class Box:
    """A practice box, as the tests of the door use it."""

    def __init__(self, node: Any) -> None:
        self._node = node

    def shell(self, script: str, *, user: str = "root", stdin: str = "", check: bool = True) -> str:
        """Run a line of shell on the box and return what it printed."""
        done = self._node.ssh("sh", "-c", script, user=user, input=stdin, check=False)
        out, err = (
            x.decode("utf-8", "replace") if isinstance(x, bytes) else x or "" for x in (done.stdout, done.stderr)
        )
        assert not check or done.returncode == 0, f"{script}: {done.returncode} {out} {err}"
        return str(out)

    def ask(self, *requests: dict[str, Any], user: str = "owner") -> list[Answer]:
        """Send requests through sudo as that user, in one login."""
        runner = RUNNER.format(helper=HELPER)
        done = self._node.ssh("python3", "-I", "-c", runner, user=user, input=json.dumps(requests), check=True)
        text = done.stdout.decode() if isinstance(done.stdout, bytes) else done.stdout
        answers = []
        for line in text.splitlines():
            code, out, err = json.loads(line)
            answers.append(Answer(code, json.loads(out) if out.startswith("{") else {}, err))
        assert len(answers) == len(requests)
        return answers

    def one(self, verb: str, *, user: str = "owner", **args: Any) -> Answer:
        return self.ask({"verb": verb, **args}, user=user)[0]

    def audit(self) -> list[bytes]:
        text = self.shell("cat $(ls /var/log/dplane/audit.0*.jsonl 2>/dev/null) /var/log/dplane/audit.jsonl")
        return [line.encode() for line in text.splitlines()]


def free_disks(box: Box) -> list[str]:
    """Names in /dev/disk/by-id of disks that hold nothing but perhaps what a destroyed pool left."""
    script = (
        "used=$(zpool status -LP 2>/dev/null); for link in /dev/disk/by-id/*; do "
        'case $link in *-part*) continue;; esac; dev=$(readlink -f "$link"); '
        'case $used in *"$dev"*) continue;; esac; '
        'lsblk -nro FSTYPE,MOUNTPOINT "$dev" | grep -qv "^\\(zfs_member\\)\\? *$" || echo "$dev ${link##*/}"; done'
    )
    found = dict(line.split(" ", 1) for line in box.shell(script).splitlines())
    return sorted(found.values())


@pytest.fixture(scope="module")
def box(pair: Any) -> Box:
    return Box(pair.nas_a)


@pytest.fixture(scope="module")
def pool_guid(box: Box) -> Iterator[str]:
    """A pool made through the door; its GUID is the one the box itself reports."""
    disks = free_disks(box)[:2]
    assert len(disks) == 2, "the box has no two empty disks"
    made = box.one("pool-create", pool=POOL, vdevs=["mirror", *disks], properties={"compression": "lz4"}, force=True)
    assert made.code == 0, made
    assert made.data["guid"] == box.shell(f"zpool get -Hp -o value guid {POOL}").strip()
    assert box.shell(f"zfs get -H -o value compression,mounted {POOL}").split() == ["lz4", "yes"]
    yield made.data["guid"]
    guid = box.shell(f"zpool get -Hp -o value guid {POOL}").strip()
    gone = box.one("pool-destroy", pool=POOL, guid=guid)
    assert gone.code == 0, gone
    assert POOL not in box.shell("zpool list -H -o name", check=False).split()


def test_sudo_takes_no_arguments(box: Box) -> None:
    for user in ("owner", "viewer"):
        said = box.shell(f"sudo -n $(readlink -e {HELPER}) help 2>&1; echo status $?", user=user)
        assert "status 1" in said
        assert "scrub-start" not in said
    assert [answer.code for answer in box.ask({"verb": "noop"}, user="viewer")] == [0]


def test_sudo_refuses_an_altered_helper(box: Box) -> None:
    alter = f"f=$(readlink -e {HELPER}); cp -p $f /root/helper.kept && printf '\\n# changed\\n' >>$f"
    mend = f"f=$(readlink -e {HELPER}); cp -p /root/helper.kept $f; rm /root/helper.kept"
    box.shell(alter)
    try:
        altered = box.one("noop")
    finally:
        box.shell(mend)
    assert altered.code == 1
    assert altered.data == {}
    assert "password" in altered.stderr
    assert box.one("noop").code == 0


def test_what_is_refused_leaves_its_line_in_an_unbroken_chain(box: Box, pool_guid: str) -> None:
    before = len(box.audit())
    hostile = [
        f"{POOL}/a;id",
        f" {POOL}/a",
        f"{POOL}/a\t",
        f"{POOL}/../a",
        "-r",
        f"{POOL}/a\nb",
        f"{POOL}/" + "a" * 256,
    ]
    requests: list[dict[str, Any]] = [{"verb": "dataset-create", "dataset": name} for name in hostile]
    requests += [
        {"verb": "snapshot-create", "snapshot": f"{POOL}@a@b"},
        {"verb": "dataset-set", "dataset": POOL, "guid": "1", "property": "sharenfs", "value": "on"},
        {"verb": "dataset-set", "dataset": POOL, "guid": "1", "property": "mountpoint", "value": "/etc"},
        {"verb": "nonsense"},
        {"raw": "no json\n"},
    ]
    answers = box.ask(*requests)
    assert [answer.code for answer in answers] == [2] * len(requests)
    assert all(answer.data["error"]["code"] == "refused" for answer in answers)
    changed = box.ask(
        {"verb": "pool-destroy", "pool": POOL, "guid": "12345"},
        {"verb": "dataset-destroy", "dataset": f"{POOL}/none", "guid": "12345"},
        {"verb": "snapshot-destroy", "snapshot": f"{POOL}@none", "guid": "12345"},
        {"verb": "scrub-start", "pool": "nopool", "guid": "12345"},
    )
    assert [answer.code for answer in changed] == [4] * 4
    outside = box.ask(
        {"verb": "scrub-start", "pool": POOL, "guid": pool_guid},
        {"verb": "pool-destroy", "pool": POOL, "guid": pool_guid},
        {"verb": "noop"},
        user="viewer",
    )
    assert [answer.code for answer in outside] == [3, 3, 0]
    lines = box.audit()
    new = [json.loads(line) for line in lines[before:]]
    assert [line["code"] for line in new if line["phase"] == "refused"] == [2] * len(requests) + [3, 3]
    assert [line["code"] for line in new if line["phase"] == "done"] == [4] * 4
    assert {line["user"] for line in new} == {"owner", "viewer"}
    assert verify(lines).problem == ""
    text = lines[before]
    for at in (2, len(text) // 2, len(text) - 3):
        flipped = text[:at] + bytes([text[at] ^ 1]) + text[at + 1 :]
        assert verify([*lines[:before], flipped, *lines[before + 1 :]]).problem


def test_datasets_snapshots_and_bookmarks(box: Box, pool_guid: str) -> None:
    made = box.one("dataset-create", dataset=f"{POOL}/d/e", parents=True, properties={"recordsize": "64K"})
    assert made.code == 0, made
    guid = made.data["guid"]
    assert box.shell(f"zfs get -Hp -o value guid {POOL}/d/e").strip() == guid
    taken, set_to, volume, again = box.ask(
        {"verb": "snapshot-create", "snapshot": f"{POOL}/d@one", "recursive": True},
        {"verb": "dataset-set", "dataset": f"{POOL}/d/e", "guid": guid, "property": "quota", "value": "10M"},
        {"verb": "volume-create", "dataset": f"{POOL}/v", "size": "8M", "sparse": True},
        {"verb": "dataset-create", "dataset": f"{POOL}/d/e"},
    )
    assert (taken.code, set_to.code, volume.code, again.code) == (0, 0, 0, 1)
    assert set_to.data["value"] == str(10 << 20)
    assert "exists" in again.data["error"]["message"]
    one, snapshot = f"{POOL}/d@one", taken.data["guid"]
    steps = box.ask(
        {"verb": "bookmark-create", "snapshot": one, "guid": snapshot, "bookmark": f"{POOL}/d#dplane-one"},
        {"verb": "hold-add", "snapshot": one, "guid": snapshot, "tag": "dplane-t"},
        {"verb": "snapshot-destroy", "snapshot": one, "guid": snapshot},
        {"verb": "hold-release", "snapshot": one, "guid": snapshot, "tag": "dplane-t"},
        {"verb": "snapshot-create", "snapshot": f"{POOL}/d@two"},
        {"verb": "snapshot-rollback", "snapshot": one, "guid": snapshot, "destroy_newer": True, "dry_run": True},
        {
            "verb": "dataset-set",
            "dataset": f"{POOL}/v",
            "guid": volume.data["guid"],
            "property": "volsize",
            "value": "4M",
        },
        {"verb": "bookmark-destroy", "bookmark": f"{POOL}/d#dplane-one", "guid": snapshot},
    )
    assert [step.code for step in steps] == [0, 0, 1, 0, 0, 0, 2, 0], steps
    assert steps[0].data["guid"] == snapshot
    assert steps[5].data["destroys"] == [f"{POOL}/d@two"]
    back = {"verb": "snapshot-rollback", "snapshot": one, "guid": snapshot, "destroy_newer": True}
    whole: dict[str, Any] = {"verb": "dataset-destroy", "dataset": f"{POOL}/d", "recursive": True}
    whole["guid"] = box.shell(f"zfs get -Hp -o value guid {POOL}/d").strip()
    rolled, seen = box.ask({**back, "plan": steps[5].data["plan"]}, {**whole, "dry_run": True})
    assert rolled.code == 0, rolled
    assert sorted(seen.data["destroys"]) == sorted([f"{POOL}/d", f"{POOL}/d/e", one, f"{POOL}/d/e@one"])
    box.shell(f"zfs snapshot {POOL}/d@unseen")
    assert box.one(**whole, plan=seen.data["plan"]).code == 4
    box.shell(f"zfs destroy {POOL}/d@unseen")
    assert box.one(**whole, plan=seen.data["plan"]).code == 0
    assert f"{POOL}/d" not in box.shell("zfs list -H -o name").split()


def stream(source: str, target: str, cut: str = "") -> str:
    """A line of shell that joins a sending and a receiving request, as a run does; `cut` stands between them."""
    helper = f"sudo -n $(readlink -e {HELPER})"
    return f"printf '%s\\n' '{source}' | {helper} 2>/dev/null {cut}| ( printf '%s\\n' '{target}'; cat ) | {helper}"


def test_send_receive_and_resume(box: Box, pool_guid: str) -> None:
    box.shell(f"zfs create {POOL}/src && head -c 3000000 /dev/urandom >/{POOL}/src/f && zfs snapshot {POOL}/src@1")
    snapshot = f"{POOL}/src@1"
    guid = box.shell(f"zfs get -Hp -o value guid {snapshot}").strip()
    send = {"verb": "send", "snapshot": snapshot, "guid": guid, "progress": True}
    receive = {"verb": "receive", "dataset": f"{POOL}/dst", "kind": "filesystem", "first": True, "peer": "nas-b"}
    estimate = box.one("send-estimate", snapshot=snapshot, user="viewer")
    assert estimate.code == 0
    assert "size" in estimate.data["stdout"]
    cut = stream(json.dumps(send), json.dumps(receive), "| head -c 1500000 ")
    box.shell(cut, user="owner", check=False)
    token = box.shell(f"zfs get -Hp -o value receive_resume_token {POOL}/dst").strip()
    assert token.startswith("1-")
    resume = {"snapshot": snapshot, "guid": guid, "token": token}
    left, foreign, wrong_token = box.ask(
        {"verb": "send-resume-estimate", **resume},
        {"verb": "send-resume", **resume, "snapshot": f"{POOL}/other@1"},
        {"verb": "receive-abort", "dataset": f"{POOL}/dst", "token": token.replace("1-", "1-0", 1)},
    )
    assert left.code == 0, left
    assert (foreign.code, wrong_token.code) == (2, 2)
    later = {**receive, "first": False}
    box.shell(stream(json.dumps({"verb": "send-resume", **resume}), json.dumps(later)), user="owner")
    assert box.shell(f"zfs get -Hp -o value guid {POOL}/dst@1").strip() == guid
    wanted = "readonly,canmount,setuid,devices,exec,dplane:peer,mounted"
    assert box.shell(f"zfs get -H -o value {wanted} {POOL}/dst").split() == [
        "on",
        "noauto",
        "off",
        "off",
        "off",
        "nas-b",
        "no",
    ]
    box.shell(f"echo more >/{POOL}/src/g && zfs snapshot {POOL}/src@2")
    second = box.shell(f"zfs get -Hp -o value guid {POOL}/src@2").strip()
    increment = {"verb": "send", "snapshot": f"{POOL}/src@2", "guid": second, "from": "@1"}
    box.shell(stream(json.dumps(increment), json.dumps(later)), user="owner")
    assert box.shell(f"zfs get -Hp -o value guid {POOL}/dst@2").strip() == second


def test_an_interrupted_receive_can_be_thrown_away(box: Box, pool_guid: str) -> None:
    box.shell(f"zfs create {POOL}/big && head -c 3000000 /dev/urandom >/{POOL}/big/f && zfs snapshot {POOL}/big@1")
    guid = box.shell(f"zfs get -Hp -o value guid {POOL}/big@1").strip()
    send = {"verb": "send", "snapshot": f"{POOL}/big@1", "guid": guid}
    receive = {"verb": "receive", "dataset": f"{POOL}/half", "kind": "filesystem", "first": True}
    box.shell(stream(json.dumps(send), json.dumps(receive), "| head -c 1500000 "), user="owner", check=False)
    token = box.shell(f"zfs get -Hp -o value receive_resume_token {POOL}/half").strip()
    assert box.one("receive-abort", dataset=f"{POOL}/half", token=token).code == 0
    assert f"{POOL}/half" not in box.shell("zfs list -H -o name").split()


def test_scrub_clear_export_and_import(box: Box, pool_guid: str) -> None:
    named = {"pool": POOL, "guid": pool_guid}
    disk = box.shell(f"zpool status {POOL} | awk '$1 ~ /^mirror/ {{ getline; print $1 }}'").strip()
    steps = box.ask(
        {"verb": "scrub-start", **named},
        {"verb": "pool-clear", **named},
        {"verb": "pool-clear", **named, "vdev": disk},
        {"verb": "smart-read", "disk": free_disks(box)[0]},
        {"verb": "pool-export", **named},
        {"verb": "pool-scan"},
    )
    assert [step.code for step in steps] == [0] * 6, steps
    assert POOL in steps[5].data["stdout"]
    assert pool_guid in steps[5].data["stdout"]
    imported = box.one("pool-import", guid=pool_guid)
    assert (imported.code, imported.data["pool"], imported.data["not_mounted"]) == (0, POOL, [])
    assert box.shell(f"zfs get -H -o value mounted {POOL}").strip() == "yes"


def test_an_imported_pool_cannot_mount_over_the_system(box: Box, pool_guid: str) -> None:
    box.shell(f"zfs create -o canmount=noauto -o mountpoint=/etc/cron.d {POOL}/evil && zfs set canmount=on {POOL}/evil")
    box.shell(f"zfs unmount {POOL}/evil 2>/dev/null; zpool export {POOL}")
    imported = box.one("pool-import", guid=pool_guid)
    assert imported.code == 0, imported
    assert len(imported.data["not_mounted"]) == 1
    assert imported.data["not_mounted"][0].startswith(f"{POOL}/evil: ")
    assert "/etc/cron.d" not in box.shell("cat /proc/mounts")
    box.shell(f"zfs destroy {POOL}/evil")
