"""health, doctor and docker on a real box, as its owner, as a viewer and as root."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

pytestmark = [pytest.mark.lab, pytest.mark.long]

IMAGE_PARTS = "usr/bin/sleep lib64/ld-linux-x86-64.so.2 lib/x86_64-linux-gnu/libc.so.6"


def _text(out: bytes | str | None) -> str:
    return out.decode("utf-8", "replace") if isinstance(out, bytes) else out or ""


class Box:
    """nas-a, seen through `dplane … --json`."""

    def __init__(self, node: Any) -> None:
        self._node = node

    def dplane(self, *args: str, user: str = "owner") -> tuple[int, dict[str, Any]]:
        """Exit code and the one JSON object."""
        done = self._node.ssh("dplane", *args, "--json", user=user, check=False)
        assert "Traceback" not in _text(done.stderr)
        return done.returncode, json.loads(_text(done.stdout))

    def shell(self, script: str, *, check: bool = True) -> str:
        """What a line of shell prints, as root."""
        done = self._node.ssh("sh", "-c", script, user="root", check=False)
        assert not check or done.returncode == 0, _text(done.stderr)
        return _text(done.stdout).strip()


@pytest.fixture(scope="module")
def box(pair: Any) -> Box:
    return Box(pair.nas_a)


@pytest.mark.parametrize("user", ["owner", "viewer"])
def test_health_is_what_the_box_says(box: Box, user: str) -> None:
    code, answer = box.dplane("health", user=user)
    health, news = answer["data"]["health"], answer["data"]["news"]
    assert answer["ok"] is (code == 0)
    truth = box.shell(
        "uname -r; hostname; nproc; cat /sys/module/zfs/version; grep MemTotal /proc/meminfo"
    ).splitlines()
    assert [health["kernel"], health["hostname"], str(health["cpus"]), health["zfs_version"]] == truth[:4]
    assert health["memory"]["total"] == int(truth[4].split()[1]) * 1024
    assert health["memory"]["arc"] > 0
    assert 0 <= health["cpu_percent"] <= 100
    services = {service["unit"]: service["state"] for service in health["services"]}
    assert services["ssh"] == "active"
    assert answer["data"]["pools"] is not None
    assert answer["data"]["tasks"] is not None
    # Virtual disks tell no SMART state: unknown with a reason, and nothing about disks is green.
    assert health["disks"]
    assert all(disk["verdict"] == "unknown" and disk["note"] for disk in health["disks"]), health["disks"]
    assert {item["level"] for item in news if item["where"] == "disks"} == {"unknown"}
    assert (code == 3) == any(
        item["level"] in {"bad", "warn"} or (item["level"] == "unknown" and item["where"] in {"pools", "replication"})
        for item in news
    )


def test_health_tells_of_a_service_that_is_gone(box: Box) -> None:
    box.shell("systemctl stop zfs-zed")
    try:
        code, answer = box.dplane("health")
    finally:
        box.shell("systemctl start zfs-zed")
    assert code == 3
    assert any("zfs-zed" in item["text"] and item["level"] == "warn" for item in answer["data"]["news"])
    code, answer = box.dplane("health")
    assert not any("zfs-zed" in item["text"] for item in answer["data"]["news"])


@pytest.mark.parametrize("user", ["owner", "viewer", "root"])
def test_doctor(box: Box, user: str) -> None:
    code, answer = box.dplane("doctor", user=user)
    checks = {check["name"]: check for check in answer["data"]["checks"]}
    for name in ("python", "zfs", "ssh", "systemd", "sudo", "door", "groups"):
        assert checks[name]["level"] == "ok", checks[name]
    assert checks["store"]["level"] == ("warn" if user == "viewer" else "ok"), checks["store"]
    # The rule is root's to read: only root can compare the digest, and for root it fits.
    assert checks["helper"]["level"] == ("ok" if user == "root" else "unknown"), checks["helper"]
    assert (code == 6) == any(check["level"] == "bad" for check in checks.values())


def test_doctor_finds_an_altered_helper(box: Box) -> None:
    box.shell("f=$(readlink -e /opt/dplane/current/libexec/privhelper); cp -p $f /root/h && echo >>$f")
    try:
        code, answer = box.dplane("doctor", user="root")
    finally:
        box.shell("f=$(readlink -e /opt/dplane/current/libexec/privhelper); cp -p /root/h $f; rm /root/h")
    checks = {check["name"]: check for check in answer["data"]["checks"]}
    assert checks["helper"]["level"] == "bad"
    assert "digest differs" in checks["helper"]["text"]
    assert code == 6


@pytest.fixture(scope="module")
def container(box: Box) -> Iterator[str]:
    """A container made of the box's own `sleep`: nothing can be pulled there."""
    box.shell(f"systemctl start docker && tar -ch -C / {IMAGE_PARTS} | docker import - lab-sleep")
    yield box.shell("docker run -d --network none --name napper lab-sleep /usr/bin/sleep 9999")
    box.shell("docker rm -f napper; docker rmi lab-sleep", check=False)


def test_docker(box: Box, container: str) -> None:
    code, answer = box.dplane("docker", "list")
    assert code == 0
    (found,) = [item for item in answer["data"]["containers"] if item["id"] == container]
    assert (found["name"], found["state"]) == ("napper", "running")
    assert found["cpu_percent"] is not None
    code, answer = box.dplane("docker", "restart", "napper")
    assert (code, answer["data"]["state"]) == (0, "running")
    box.shell("docker kill napper")
    code, answer = box.dplane("docker", "start", "napper")
    assert (code, answer["data"]["state"]) == (0, "running")
    assert box.shell("docker inspect -f '{{.State.Running}}' napper") == "true"


def test_docker_is_not_for_everybody(box: Box) -> None:
    code, answer = box.dplane("docker", "list", user="viewer")
    assert code == 5
    assert answer["error"]["code"] == "not-allowed"
    assert "root on the box" in answer["error"]["next"]


def test_docker_that_is_stopped_says_how_to_start_it(box: Box) -> None:
    box.shell("systemctl stop docker.socket docker.service")
    try:
        code, answer = box.dplane("docker", "list")
    finally:
        box.shell("systemctl start docker.socket docker.service")
    assert code == 6
    assert "systemctl start docker" in answer["error"]["next"]
