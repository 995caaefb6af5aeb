"""Pairing two real boxes, and every way in which it must fail with a sentence."""

from __future__ import annotations

from typing import Any

import pytest

from .replication_lab import Boxes

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def boxes(pair: Any) -> Boxes:
    """Both boxes with pools, not paired."""
    pair.reset()
    made = Boxes(pair)
    made.make_pools()
    return made


def test_what_goes_wrong_is_told_and_nothing_is_stored(boxes: Boxes) -> None:
    wrong = boxes.pair_up(password="not-this", status=7)
    assert wrong["code"] == "authentication"
    assert "password of owner" in wrong["message"]
    away = boxes.dplane("peer", "probe", "10.77.0.77", status=7)
    assert away["code"] == "unreachable"
    other = boxes.dplane(
        "peer", "add", "nas-b", f"owner@{boxes.b.address}", "--password-stdin", "--fingerprint", "SHA256:" + "A" * 43,
        input="practice\n", status=7,
    )  # fmt: skip
    assert other["code"] == "host-key"
    assert boxes.dplane("peer", "list") == []
    assert boxes.b.ssh("cat", "/var/lib/dplane/ssh-accept/authorized_keys", check=False).stdout == ""


def test_a_box_is_paired_confined_and_tested(boxes: Boxes) -> None:
    peer = boxes.pair_up("nas-b", "--root", "vault/from-a")
    assert (peer["user"], peer["product"], peer["root"]) == ("dplane", True, "vault/from-a")
    (listed,) = boxes.dplane("peer", "list", user="viewer")
    assert listed == peer
    lines = boxes.b.ssh("cat", "/var/lib/dplane/ssh-accept/authorized_keys").stdout.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith('restrict,command="/opt/dplane/current/bin/dplane agent --peer nas-a-')
    assert "--root vault/from-a" in lines[0]
    modes = boxes.a.ssh("stat", "-c", "%a %U", "/var/lib/dplane/ssh", "/var/lib/dplane/ssh/nas-b.key").stdout
    assert modes.split() == ["700", "dplane", "600", "dplane"]
    for place in ("/var/lib/dplane", "/var/log/dplane"):
        assert boxes.a.ssh("grep", "-rlaw", "practice", place, check=False).stdout == "", "the password is kept nowhere"
    assert boxes.dplane("peer", "test", "nas-b", user="viewer", status=5)["code"] == "not-allowed"
    assert "let us in as dplane" in boxes.dplane("peer", "test", "nas-b")["message"]
    refused = boxes.dplane("replicate", "add", "out", "--source", "tank", "--to", "nas-b:vault/elsewhere", status=4)
    assert "vault/from-a" in refused["message"]


@pytest.mark.long  # test_replication_run.py has a host key that changed, over a real sshd of Python
def test_a_host_key_that_changed_stops_everything(boxes: Boxes) -> None:
    boxes.dataset("photos", 1)
    boxes.task("photos", "nas-b:vault/from-a/photos")
    boxes.b.ssh("rm", "/etc/ssh/ssh_host_ed25519_key")
    boxes.b.ssh("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/etc/ssh/ssh_host_ed25519_key")
    boxes.b.ssh("systemctl", "restart", "ssh")
    changed = boxes.dplane("peer", "test", "nas-b", status=7)
    assert changed["code"] == "host-key"
    assert "installed anew" in changed["next"]
    run = boxes.run("photos")
    assert (run["state"], run["error_code"]) == ("failed", "host-key")
    assert "nothing was sent" in run["message"]
    boxes.pair_up("nas-b", "--root", "vault/from-a")
    run = boxes.run("photos")
    boxes.assert_good(run)


@pytest.mark.long  # goes on from the one above
def test_a_forgotten_peer_cannot_be_used(boxes: Boxes) -> None:
    assert "is used by" in boxes.dplane("peer", "remove", "nas-b", "--yes", status=4)["message"]
    boxes.dplane("replicate", "remove", "photos")
    boxes.dplane("peer", "remove", "nas-b", "--yes")
    assert boxes.dplane("peer", "list") == []
    assert boxes.a.ssh("ls", "/var/lib/dplane/ssh").stdout.split() == []
