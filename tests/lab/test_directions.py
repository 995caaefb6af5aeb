"""Pulled copies, pasted lines and keys that change, between two real boxes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .replication_lab import Boxes

pytestmark = [pytest.mark.lab, pytest.mark.long]
KEYS = str(Path("/root") / ".ssh" / "authorized_keys")  # of the account that a plain peer is
ACCEPTED = "/var/lib/dplane/ssh-accept/authorized_keys"


@pytest.fixture(scope="module")
def boxes(pair: Any) -> Boxes:
    """Both boxes with pools, not paired; nas-b has a home to be pulled, and what nobody may pull."""
    pair.reset()
    made = Boxes(pair)
    made.make_pools()
    made.b.ssh("zfs", "create", "-p", "vault/home/a b")
    made.b.ssh("zfs", "create", "vault/private")
    fill(made, "vault/home", 4)
    fill(made, "vault/home/a b", 1)
    return made


def fill(boxes: Boxes, dataset: str, megabytes: int) -> None:
    """One more file of random bytes on nas-b."""
    name = boxes.b.ssh("mktemp", "-p", f"/{dataset}").stdout.strip()
    boxes.b.ssh("dd", "if=/dev/urandom", f"of={name}", "bs=1M", f"count={megabytes}", "status=none")


def on_b(boxes: Boxes, *words: str) -> Any:
    """`dplane … --json` on nas-b."""
    answer = json.loads(boxes.b.ssh("dplane", *words, "--json", user="owner").stdout)
    assert answer["ok"]
    return answer["data"]


def assert_pulled(boxes: Boxes, run: Any, state: str = "succeeded") -> None:
    """Both boxes say what the evidence says, and hold the same files."""
    assert run["state"] == state, run["message"]
    assert run["evidence"]
    for proof in run["evidence"]:
        assert proof["source_guid"] == boxes.guid(boxes.b, f"{proof['dataset']}@{proof['snapshot']}")
        assert proof["target_guid"] == boxes.guid(boxes.a, f"{proof['target']}@{proof['snapshot']}")
        assert proof["source_guid"] == proof["target_guid"]
    proof = run["evidence"][0]
    here = boxes.checksums(boxes.a, f"{proof['target']}@{proof['snapshot']}")
    assert here == boxes.checksums(boxes.b, f"{proof['dataset']}@{proof['snapshot']}") != {}


def new_host_key(boxes: Boxes) -> None:
    """Give nas-b another host key, as a new installation would; this machine's own way in is told of it."""
    file = "/etc/ssh/ssh_host_ed25519_key"
    made = f"rm {file}; ssh-keygen -q -t ed25519 -N '' -f {file} && systemctl restart ssh && cut -d' ' -f1,2 {file}.pub"
    key = boxes.b.ssh("sh", "-c", made).stdout
    known = boxes.pair.ssh_config.parent / "known_hosts"
    names = next(line.split()[0] for line in known.read_text().splitlines() if line.startswith(boxes.b.name))
    with known.open("a") as pinned:
        pinned.write(f"{names} {key}")


def ask(boxes: Boxes, request: dict[str, Any]) -> Any:
    """What the agent of nas-b answers to our key."""
    folder = "/var/lib/dplane/ssh"
    options = ["-F", "/dev/null", "-i", f"{folder}/nas-b.key", "-o", f"UserKnownHostsFile={folder}/nas-b.known"]
    options += ["-o", "HostKeyAlias=dplane-peer", "-o", "BatchMode=yes", "-T"]
    login = f"dplane@{boxes.b.address}"
    return json.loads(boxes.a.ssh("ssh", *options, login, json.dumps(request), check=False, input="").stdout)


def test_a_box_is_paired_by_pasted_lines_and_pulled_from(boxes: Boxes) -> None:
    offer = boxes.dplane("peer", "offer", "nas-b")
    confirmed = ("--line", offer["line"], "--fingerprint", offer["fingerprint"])
    done = on_b(boxes, "peer", "accept", *confirmed, "--may-read", "vault/home", "--may-snapshot",
                "--address", boxes.b.address)  # fmt: skip
    shown = boxes.b.ssh("ssh-keygen", "-lf", "/etc/ssh/ssh_host_ed25519_key.pub").stdout.split()[1]
    assert done["answer"]["host_fingerprint"] == shown
    assert on_b(boxes, "peer", "accepted") == [done["accepted"]]
    peer = boxes.dplane("peer", "import", "nas-b", "--line", done["answer"]["line"], "--fingerprint", shown)
    assert (peer["may_read"], peer["may_snapshot"], peer["root"]) == ("vault/home", True, None)
    assert peer["key_fingerprint"] == offer["fingerprint"] == done["accepted"]["key_fingerprint"]

    source = f"root@{boxes.b.address}:vault/home"
    boxes.dplane("replicate", "add", "home", "--source", source, "--to", "tank/pulled/home", "--recursive")
    first = boxes.run("home")
    assert_pulled(boxes, first)
    assert {proof["target"] for proof in first["evidence"]} == {"tank/pulled/home", "tank/pulled/home/a b"}
    got = boxes.a.ssh("zfs", "get", "-Hpo", "property,value", "readonly,mounted,setuid", "tank/pulled/home").stdout
    assert dict(one.split("\t") for one in got.splitlines()) == {"readonly": "on", "mounted": "no", "setuid": "off"}

    fill(boxes, "vault/home", 1)
    boxes.b.ssh("zfs", "destroy", f"vault/home@{first['evidence'][0]['snapshot']}")
    second = boxes.run("home")
    assert_pulled(boxes, second)
    assert second["evidence"][0]["base"].startswith("#dplane-"), "the bookmark that the agent made is the base"
    assert_pulled(boxes, boxes.run("home"), "nothing-new")
    assert boxes.dplane("replicate", "show", "home")["late"] is False

    before = boxes.b.ssh("zfs", "list", "-Hpro", "name,guid", "-t", "all", "vault").stdout
    for request in (
        {"op": "read", "dataset": "vault/private"},
        {"op": "snapshot", "dataset": "vault/private", "name": "dplane-2026-01-01T00-00-00Z"},
        {"op": "snapshot", "dataset": "vault/home", "name": "mine"},
        {"op": "receive", "dataset": "vault/new", "kind": "filesystem"},
        {"op": "receive", "dataset": "vault/home/new", "kind": "filesystem"},
    ):
        assert ask(boxes, request)["error"]["code"] == "refused", request
    assert boxes.b.ssh("zfs", "list", "-Hpro", "name,guid", "-t", "all", "vault").stdout == before


def test_a_new_key_a_new_host_key_and_the_end(boxes: Boxes) -> None:
    old = boxes.a.ssh("cat", "/var/lib/dplane/ssh/nas-b.key").stdout
    line = boxes.b.ssh("cat", ACCEPTED).stdout
    changed = boxes.dplane("peer", "key", "rotate", "nas-b")
    (now,) = on_b(boxes, "peer", "accepted")
    assert now["key_fingerprint"] == changed["key_fingerprint"]
    assert (now["may_read"], now["may_snapshot"]) == ("vault/home", True), "the rights stay"
    assert boxes.a.ssh("cat", "/var/lib/dplane/ssh/nas-b.key").stdout != old
    assert line.split('" ')[0] == boxes.b.ssh("cat", ACCEPTED).stdout.split('" ')[0]

    new_host_key(boxes)
    told = boxes.dplane("peer", "test", "nas-b", status=7)
    assert (told["code"], "dplane peer trust nas-b" in told["next"]) == ("host-key", True)
    wrong = boxes.dplane("peer", "trust", "nas-b", "--fingerprint", changed["host_fingerprint"], status=7)
    assert "nothing changed" in wrong["message"]
    shown = boxes.b.ssh("ssh-keygen", "-lf", "/etc/ssh/ssh_host_ed25519_key.pub").stdout.split()[1]
    assert boxes.dplane("peer", "trust", "nas-b", "--fingerprint", shown)["host_fingerprint"] == shown
    fill(boxes, "vault/home", 1)
    assert_pulled(boxes, boxes.run("home"))

    on_b(boxes, "peer", "revoke", now["name"], "--yes")
    assert on_b(boxes, "peer", "accepted") == []
    shut = boxes.run("home")
    assert (shut["state"], shut["error_code"]) == ("failed", "authentication")
    assert not shut["evidence"]


def test_a_box_with_only_zfs_and_sshd_is_pulled_from(boxes: Boxes) -> None:
    """Last: nas-b's product is put out of sight, and with it all that could confine a key."""
    boxes.b.ssh("mv", "/opt/dplane/current", "/opt/dplane/away")
    before = boxes.b.ssh("cat", KEYS).stdout
    shown = boxes.b.ssh("ssh-keygen", "-lf", "/etc/ssh/ssh_host_ed25519_key.pub").stdout.split()[1]
    words = ("peer", "add", "plain", f"root@{boxes.b.address}", "--password-stdin", "--fingerprint", shown)
    peer = boxes.dplane(*words, input="practice\n")
    assert (peer["product"], peer["user"]) == (False, "root")
    boxes.dplane("replicate", "add", "plain", "--source", "plain:vault/home", "--to", "tank/plain/home")
    first = boxes.run("plain")
    assert_pulled(boxes, first)

    changed = boxes.dplane("peer", "key", "rotate", "plain")
    lines = boxes.b.ssh("cat", KEYS).stdout.splitlines()
    assert [line for line in lines if " dplane:nas-a-" not in line] == before.splitlines()
    (ours,) = [line for line in lines if " dplane:nas-a-" in line]
    assert ours.startswith("restrict ssh-ed25519 ")
    assert changed["key_fingerprint"] != peer["key_fingerprint"]

    fill(boxes, "vault/home", 1)
    boxes.b.ssh("zfs", "destroy", f"vault/home@{first['evidence'][-1]['snapshot']}")
    second = boxes.run("plain")
    assert_pulled(boxes, second)
    assert second["evidence"][0]["base"].startswith("#dplane-")
