"""Peers with only ZFS and sshd, by an account that is not root: through `sudo`, and with what `zfs allow` gives."""

from __future__ import annotations

from typing import Any

import pytest

from .replication_lab import PASSWORD, Boxes

pytestmark = [pytest.mark.lab, pytest.mark.long]

ALLOWED = "receive,create,mount,userprop,readonly,canmount,setuid,devices,exec,volmode,destroy"
"""What docs/replication.md says that such an account needs."""
ACCOUNTS = ("sudoer", "delegate")
MADE = {"readonly": "on", "canmount": "noauto", "setuid": "off", "devices": "off", "exec": "off", "mounted": "no"}


@pytest.fixture(scope="module")
def boxes(pair: Any) -> Boxes:
    """nas-b has no product any more, and two accounts that are not root, each with a place of its own."""
    pair.reset()
    made = Boxes(pair)
    made.make_pools()
    made.b.ssh("mv", "/opt/dplane/current", "/opt/dplane/away")
    for name in ACCOUNTS:
        made.b.ssh("useradd", "--create-home", "--shell", "/bin/sh", name)
        made.b.ssh("chpasswd", input=f"{name}:{PASSWORD}\n")
        made.b.ssh("zfs", "create", "-u", "-o", "canmount=off", f"vault/{name}")
    made.b.ssh("tee", "/etc/sudoers.d/sudoer", input="sudoer ALL=(root) NOPASSWD: /usr/sbin/zfs\n")
    made.b.ssh("zfs", "allow", "-u", "delegate", ALLOWED, "vault/delegate")
    for name in ACCOUNTS:
        made.dataset(name, 4)
        made.a.ssh("zfs", "set", "compression=zstd", f"tank/{name}")
        made.a.ssh("zfs", "create", "-s", "-V", "8M", "-b", "16K", f"tank/{name}/disk")
        login = f"{name}@{made.b.address}"
        shown = made.b.ssh("ssh-keygen", "-lf", "/etc/ssh/ssh_host_ed25519_key.pub").stdout.split()[1]
        words = ("peer", "add", name, login, "--password-stdin", "--fingerprint", shown)
        peer = made.dplane(*words, input=f"{PASSWORD}\n")
        assert (peer["product"], peer["user"]) == (False, name)
        made.task(name, f"{name}:vault/{name}/copy", "--recursive")
    return made


@pytest.mark.parametrize("name", ACCOUNTS)
def test_a_tree_with_a_volume_goes_there_and_goes_on(boxes: Boxes, name: str) -> None:
    first = boxes.run(name)
    boxes.assert_good(first)
    assert {proof["target"] for proof in first["evidence"]} == {f"vault/{name}/copy", f"vault/{name}/copy/disk"}
    got = boxes.b.ssh("zfs", "get", "-Hpo", "property,value", ",".join(MADE), f"vault/{name}/copy").stdout
    assert dict(line.split("\t") for line in got.splitlines()) == MADE
    noted = boxes.b.ssh("zfs", "get", "-Hpo", "value,source", "dplane:was-compression", f"vault/{name}/copy").stdout
    assert noted == "zstd\tlocal\n"
    boxes.fill(name, "second", 1)
    boxes.a.ssh("zfs", "destroy", f"tank/{name}@{first['evidence'][0]['snapshot']}")
    second = boxes.run(name)
    boxes.assert_good(second)
    base = next(proof["base"] for proof in second["evidence"] if proof["dataset"] == f"tank/{name}")
    assert base.startswith("#dplane-")
    snapshot = second["evidence"][0]["snapshot"]
    assert boxes.checksums(boxes.a, f"tank/{name}@{snapshot}") == boxes.checksums(
        boxes.b, f"vault/{name}/copy@{snapshot}"
    )
    boxes.assert_good(boxes.run(name), "nothing-new")


@pytest.mark.parametrize("name", ACCOUNTS)
def test_a_receive_that_is_killed_goes_on_from_what_had_arrived(boxes: Boxes, name: str) -> None:
    assert boxes.run(name)["state"] in {"succeeded", "nothing-new"}, "only the next is cut"
    boxes.fill(name, "third", 6)
    boxes.limit(name, "1M")
    run = boxes.start(name)
    boxes.until_bytes(run, 2)
    boxes.b.ssh("pkill", "-KILL", "-x", "zfs")
    boxes.limit(name, "full")
    killed = boxes.until_ended(run)
    assert killed["state"] == "failed", "a program there that is killed may be killed each time"
    assert "Killed" in killed["message"]
    token = ("zfs", "get", "-Hpo", "value", "receive_resume_token", f"vault/{name}/copy")
    assert boxes.b.ssh(*token).stdout.startswith("1-")
    ended = boxes.run(name)
    boxes.assert_good(ended)
    assert ended["bytes"] < 6 * 1024 * 1024, "it went on from what had arrived"
    snapshot = ended["evidence"][0]["snapshot"]
    assert boxes.checksums(boxes.a, f"tank/{name}@{snapshot}") == boxes.checksums(
        boxes.b, f"vault/{name}/copy@{snapshot}"
    )


@pytest.mark.parametrize("name", ACCOUNTS)
def test_it_is_pruned_there_and_a_copy_that_was_changed_is_left_alone(boxes: Boxes, name: str) -> None:
    boxes.a.ssh("dplane", "replicate", "set", name, "--keep-target=2", user="owner")
    boxes.fill(name, "fourth", 1)
    boxes.assert_good(boxes.run(name))
    left = boxes.b.ssh("zfs", "list", "-Ho", "name", "-t", "snapshot", f"vault/{name}/copy").stdout.splitlines()
    assert len(left) == 2
    boxes.b.ssh("zfs", "snapshot", f"vault/{name}/copy@theirs")
    boxes.fill(name, "fifth", 1)
    run = boxes.run(name)
    assert (run["state"], run["error_code"]) == ("failed", "diverged"), run["message"]
    assert f"vault/{name}/copy@theirs" in boxes.b.ssh("zfs", "list", "-Ho", "name", "-t", "snapshot").stdout


def test_what_was_not_allowed_is_told_and_nothing_is_claimed(boxes: Boxes) -> None:
    boxes.b.ssh("zfs", "destroy", "vault/delegate/copy@theirs")
    boxes.b.ssh("zfs", "unallow", "-u", "delegate", "vault/delegate")
    run = boxes.run("delegate")
    assert run["state"] == "failed"
    assert "permission denied" in run["message"], run["message"]
    assert not run["evidence"]
