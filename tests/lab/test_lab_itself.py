"""The practice pair itself: it resumes, it is isolated; its cable, power, disks, serial line and screen are real."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.lab.conftest import PracticeBox, PracticePair

pytestmark = [pytest.mark.lab, pytest.mark.long]

LAB = Path(__file__).parents[2] / "lab" / "lab"


def lab(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the tool as a person does."""
    return subprocess.run([str(LAB), *words], capture_output=True, text=True, timeout=600, check=False)


def mirror(box: PracticeBox) -> None:
    """A pool `tank` on a mirror of disks 1 and 2, with some synced data in it."""
    box.ssh("zpool", "create", "-f", "tank", "mirror", box.disk(1), box.disk(2))
    box.ssh("sh", "-c", "head -c 4000000 /dev/urandom > /tank/data && sync /tank/data && zpool sync tank")


def health(box: PracticeBox) -> str:
    return box.ssh("zpool", "list", "-H", "-o", "health", "tank").stdout.strip()


def until(box: PracticeBox, wanted: str, *argv: str, seconds: float = 120) -> str:
    """Wait for a command in the box to say `wanted`; returns what it said last."""
    deadline = time.monotonic() + seconds
    while True:
        said = box.ssh(*argv, check=False).stdout
        if wanted in said or time.monotonic() > deadline:
            return said
        time.sleep(1)


def test_a_reset_brings_both_boxes_back_reachable_and_as_they_were_saved(pair: PracticePair) -> None:
    pair.nas_a.ssh("touch", "/root/was-here")
    began = time.monotonic()
    pair.reset()
    took = time.monotonic() - began
    print(f"both boxes reset, resumed and reachable in {took:.1f} s")
    for box in (pair.nas_a, pair.nas_b):
        assert box.ssh("hostname").stdout.strip() == box.name
        assert abs(float(box.ssh("date", "+%s.%N").stdout) - time.time()) < 120
    assert pair.nas_a.ssh("test", "-e", "/root/was-here", check=False).returncode == 1


def test_the_boxes_have_what_a_nas_has(pair: PracticePair) -> None:
    assert f"zfs-kmod-{pair.zfs}" in pair.nas_a.ssh("zfs", "version").stdout
    assert len(pair.nas_a.ssh("sh", "-c", "ls -d /dev/disk/by-id/virtio-nas-a-disk*").stdout.split()) >= 4
    assert pair.nas_a.ssh("dplane", "--version").stdout.startswith("dplane ")
    told = pair.nas_a.ssh("docker", "ps", "-a", "--format", "{{.Names}} {{.State}}").stdout.splitlines()
    assert sorted(told) == ["sample-done exited", "sample-web running"]
    assert {"docker", "dplane-admin"} <= set(pair.nas_a.ssh("id", "-nG", user="owner").stdout.split())
    viewer = set(pair.nas_a.ssh("id", "-nG", "viewer").stdout.split())
    assert "dplane-view" in viewer
    assert not viewer & {"dplane-operate", "dplane-admin", "docker"}
    assert "running" in pair.nas_b.ssh("systemctl", "is-system-running").stdout


def test_the_boxes_are_two_and_not_one_twice(pair: PracticePair) -> None:
    for path in ("/etc/machine-id", "/etc/hostid", "/etc/ssh/ssh_host_ed25519_key.pub"):
        said = [box.ssh("sha256sum", path).stdout for box in (pair.nas_a, pair.nas_b)]
        assert said[0] != said[1], path


def test_a_box_reaches_the_other_and_nothing_else(fresh_pair: PracticePair) -> None:
    box = fresh_pair.nas_a
    assert box.ssh("ping", "-c", "1", "-W", "20", "nas-b").returncode == 0
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        reach = f"exec 3<>/dev/tcp/10.0.2.2/{port}"
        assert box.ssh("timeout", "8", "bash", "-c", reach, check=False).returncode != 0
        listener.settimeout(0.1)
        with pytest.raises(TimeoutError):
            listener.accept()
    assert "default" not in box.ssh("ip", "route").stdout
    ports = subprocess.run(["ss", "-Hltn"], capture_output=True, text=True, check=True).stdout
    ours = [line.split()[3] for line in ports.splitlines() if line.split()[3].endswith(f":{box.port}")]
    assert ours == [f"127.0.0.1:{box.port}"]


def test_a_cut_cable_carries_nothing_until_it_is_healed(fresh_pair: PracticePair) -> None:
    ping = ("ping", "-c", "1", "-W", "5", fresh_pair.nas_b.address)
    assert fresh_pair.nas_a.ssh(*ping).returncode == 0
    fresh_pair.cut()
    assert fresh_pair.nas_a.ssh(*ping, check=False).returncode != 0
    fresh_pair.heal()
    assert until(fresh_pair.nas_a, "1 received", "ping", "-c", "1", "-W", "5", "nas-b")


def test_a_power_cut_keeps_what_was_synced(fresh_pair: PracticePair) -> None:
    box = fresh_pair.nas_b
    mirror(box)
    before = box.ssh("sha256sum", "/tank/data").stdout
    boot = box.ssh("cat", "/proc/sys/kernel/random/boot_id").stdout
    box.power_cut()
    assert json.loads(lab("status", "--json").stdout)["nodes"]["nas-b"]["state"] == "off"
    refused = lab("ssh", "nas-b", "--", "true")
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "power-on nas-b" in refused.stderr
    began = time.monotonic()
    box.power_on()
    print(f"nas-b booted from its disks in {time.monotonic() - began:.0f} s")
    assert box.ssh("cat", "/proc/sys/kernel/random/boot_id").stdout != boot
    assert "tank" in until(box, "tank", "zpool", "list", "-H", "-o", "name")
    assert box.ssh("sha256sum", "/tank/data").stdout == before
    assert until(box, "1 received", "ping", "-c", "1", "-W", "5", "nas-a")


def test_a_pulled_disk_degrades_a_mirror_and_its_return_heals_it(fresh_pair: PracticePair) -> None:
    box = fresh_pair.nas_a
    mirror(box)
    assert health(box) == "ONLINE"
    box.pull_disk(2)
    assert box.ssh("test", "-e", "/dev/disk/by-id/virtio-nas-a-disk2", check=False).returncode == 1
    box.ssh("sh", "-c", "head -c 1000000 /dev/urandom > /tank/more && zpool sync tank")
    assert "DEGRADED" in until(box, "DEGRADED", "zpool", "list", "-H", "-o", "health", "tank")
    again = lab("pull-disk", "nas-a", "2")
    assert again.returncode == 1
    assert "out already" in again.stderr
    box.insert_disk(2)
    until(box, "disk2", "ls", "/dev/disk/by-id")
    box.ssh("zpool", "online", "tank", box.disk(2), check=False)
    assert "ONLINE" in until(box, "ONLINE", "zpool", "list", "-H", "-o", "health", "tank")


def test_a_blank_disk_replaces_a_pulled_one(fresh_pair: PracticePair) -> None:
    box = fresh_pair.nas_a
    mirror(box)
    old = box.disk(1)
    box.pull_disk(1)
    box.insert_disk(1, blank=True)
    assert box.disk(1) != old
    until(box, box.disk(1).rpartition("/")[2], "ls", "/dev/disk/by-id")
    box.ssh("zpool", "replace", "tank", old, box.disk(1))
    assert "ONLINE" in until(box, "ONLINE", "zpool", "list", "-H", "-o", "health", "tank")
    added = lab("add-disk", "nas-a")
    assert "virtio-nas-a-disk7" in added.stdout
    assert "disk7" in until(box, "disk7", "ls", "/dev/disk/by-id")


def test_the_screen_is_a_picture_and_the_serial_line_has_a_login(fresh_pair: PracticePair, tmp_path: Path) -> None:
    target = tmp_path / "screen.png"
    assert lab("screen", "nas-a", str(target)).returncode == 0
    picture = target.read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 1000
    said = subprocess.run(
        [str(LAB), "serial", "nas-a"], input=b"\n\n", capture_output=True, timeout=60, check=False
    ).stdout
    assert b"nas-a login:" in said


def test_files_go_in_and_out_and_words_arrive_as_they_are(fresh_pair: PracticePair, tmp_path: Path) -> None:
    (tmp_path / "one file").write_text("content")
    assert lab("copy", "nas-b", str(tmp_path / "one file"), "/root/").returncode == 0
    assert lab("copy", "nas-b", ":/root/one file", str(tmp_path / "back")).returncode == 0
    assert (tmp_path / "back").read_text() == "content"
    said = lab("ssh", "nas-b", "--", "printf", "%s|", "a b", "$HOME", "'")
    assert said.stdout == "a b|$HOME|'|"
    assert lab("ssh", "nas-b", "--", "sh", "-c", "exit 7").returncode == 7


def test_the_written_ssh_configuration_lets_owner_in(pair: PracticePair) -> None:
    argv = ["ssh", "-F", str(pair.ssh_config), "-o", "BatchMode=yes", "nas-a", "whoami"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.strip() == "owner"


def test_a_box_that_died_is_told_and_reset_mends_it(fresh_pair: PracticePair) -> None:
    state = fresh_pair.pair.state()
    assert state is not None
    process = state.nodes["nas-b"].process
    assert process is not None
    process.kill(fresh_pair.nas_b.node)
    assert json.loads(lab("status", "--json").stdout)["nodes"]["nas-b"]["state"] == "died"
    refused = lab("ssh", "nas-b", "--", "true")
    assert "nas-b has died" in refused.stderr
    fresh_pair.reset()
    assert fresh_pair.nas_b.ssh("hostname").stdout.strip() == "nas-b"


def test_a_start_that_was_killed_half_way_leaves_nothing_the_next_one_trips_over(fresh_pair: PracticePair) -> None:
    assert lab("down").returncode == 0
    starting = subprocess.Popen([str(LAB), "up"], stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        until_started = time.monotonic() + 120
        while not fresh_pair.nas_a.serial_socket.exists() and time.monotonic() < until_started:
            time.sleep(0.05)
    finally:
        starting.kill()
        starting.communicate()
    again = lab("up")
    assert again.returncode == 0, again.stderr
    for box in (fresh_pair.nas_a, fresh_pair.nas_b):
        assert box.ssh("hostname").stdout.strip() == box.name
        found = subprocess.run(
            ["ps", "-ww", "-eo", "args"], capture_output=True, text=True, check=True
        ).stdout.splitlines()
        assert sum(f"{fresh_pair.pair.sockets / box.name}.qmp" in line for line in found) == 1
