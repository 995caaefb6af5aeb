"""The running pair, without running it: argv, state, ssh configuration, stale processes, ports, pictures, sentences."""

from __future__ import annotations

import json
import shlex
import socket
import struct
import subprocess
import sys
import threading
import time
import zlib
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "lab"))

from dplane_lab import cli, screen, ssh, state, vm
from dplane_lab.config import NODES, Config
from dplane_lab.errors import LabError
from dplane_lab.pair import Pair
from dplane_lab.paths import ensure_private, run_dir
from dplane_lab.progress import start_ticks
from dplane_lab.qemu import Box, Disk, qemu_argv
from dplane_lab.qmp import Qmp
from dplane_lab.state import NodeState, PairState

NAS_A, NAS_B = NODES


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("DPLANE_LAB_CACHE", str(tmp_path / "cache"))


def a_box(tmp_path: Path, **changes: object) -> Box:
    disks = (Disk(1, "nas-a-disk1", tmp_path / "d1"), Disk(2, "nas-a-disk2", tmp_path / "d,2", present=False))
    values: dict[str, object] = {
        "node": NAS_A,
        "memory": 512,
        "accel": "tcg",
        "kernel": tmp_path / "vmlinuz",
        "initrd": tmp_path / "initrd",
        "machine_id": "0" * 32,
        "identity": tmp_path / "identity.tar",
        "root": tmp_path / "root,1.qcow2",
        "disks": disks,
        "run_dir": tmp_path,
        "port": 2201,
        **changes,
    }
    return Box(**values)  # type: ignore[arg-type]  # values of one test table


def test_a_box_reaches_nothing_and_only_loopback_reaches_it(tmp_path: Path) -> None:
    argv = qemu_argv(a_box(tmp_path))
    users = [word for word in argv if word.startswith("user,")]
    assert users == ["user,id=login,restrict=on,hostfwd=tcp:127.0.0.1:2201-:22"]
    backends = [argv[place + 1].split(",")[0] for place, word in enumerate(argv) if word == "-netdev"]
    assert backends == ["user", "dgram"]
    assert not any(word.startswith(("tap", "bridge", "vnc", "tcp:0")) for word in argv)


def test_disks_are_named_by_serial_flushed_for_real_and_absent_when_pulled(tmp_path: Path) -> None:
    argv = " ".join(qemu_argv(a_box(tmp_path)))
    assert "serial=nas-a-disk1,addr=0x8" in argv
    assert "nas-a-disk2" not in argv
    assert "cache.no-flush=off" in argv
    assert "cache.no-flush=on" not in argv
    assert "root,,1.qcow2" in argv
    assert "cache.no-flush=on" in " ".join(qemu_argv(a_box(tmp_path, safe=False)))


def test_the_ends_of_the_cable_meet(tmp_path: Path) -> None:
    ends = {}
    for node in NODES:
        argv = qemu_argv(a_box(tmp_path, node=node))
        options = next(word for word in argv if word.startswith("dgram,"))
        ends[node.name] = {part.split("=")[0]: part.split("=")[1] for part in options.split(",")[2:]}
    assert ends["nas-a"]["local.path"] == ends["nas-b"]["remote.path"]
    assert ends["nas-b"]["local.path"] == ends["nas-a"]["remote.path"]


def test_a_saved_box_has_the_same_devices_as_the_one_that_was_saved(tmp_path: Path) -> None:
    def devices(argv: list[str]) -> list[str]:
        return [argv[place + 1] for place, word in enumerate(argv) if word == "-device"]

    first, resumed = a_box(tmp_path), a_box(tmp_path / "elsewhere", port=9, incoming=tmp_path / "memory")
    assert devices(qemu_argv(first)) == devices(qemu_argv(resumed))
    assert qemu_argv(resumed)[-2:] == ["-incoming", "defer"]


def a_state(tmp_path: Path) -> PairState:
    nodes = {
        "nas-a": NodeState(vm.Process(77, 88), 2201, True, True, [Disk(1, "s", tmp_path / "d", present=False)], 7),
        "nas-b": NodeState(),
    }
    return PairState(Config("2.1", 512, "tcg"), tmp_path / "i", tmp_path / "b", tmp_path / "r", nodes, cut=True)


def test_the_state_survives_its_file(tmp_path: Path) -> None:
    state.store(tmp_path, a_state(tmp_path))
    assert state.load(tmp_path) == a_state(tmp_path)
    assert state.load(tmp_path / "none") is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 99}', '{"schema": 1, "nodes": {}}'])
def test_a_damaged_state_is_named_and_not_believed(tmp_path: Path, text: str) -> None:
    (tmp_path / "state.json").write_text(text)
    with pytest.raises(LabError, match=r"state\.json is damaged.*lab/lab up"):
        state.load(tmp_path)


def test_a_process_of_another_name_or_another_start_is_never_killed(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    named = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", "dplane-lab-nas-a"])
    try:
        for pid in (child.pid, named.pid):
            vm.Process(pid, 1).kill(NAS_A)
        foreign = vm.Process(child.pid, start_ticks(child.pid) or 0)
        assert not foreign.alive(NAS_A)
        foreign.kill(NAS_A)
        ours = vm.Process(named.pid, start_ticks(named.pid) or 0)
        assert child.poll() is None
        assert named.poll() is None
        deadline = time.monotonic() + 30
        while not ours.alive(NAS_A) and time.monotonic() < deadline:
            time.sleep(0.01)  # just after exec a process has no argv yet
        assert ours.alive(NAS_A)
        assert not ours.alive(NAS_B)
        ours.kill(NAS_A)
        assert not ours.alive(NAS_A)
    finally:
        for process in (child, named):
            process.kill()
            process.wait()


def test_a_dead_box_is_told_from_one_that_is_off(tmp_path: Path) -> None:
    pair = Pair()
    state.store(pair.folder, a_state(tmp_path))
    with pytest.raises(LabError, match=r"nas-a has died.*reset"):
        pair.running(NAS_A)
    with pytest.raises(LabError, match="nas-b is off"):
        pair.running(NAS_B)


def test_a_taken_port_is_not_used() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert vm.free_port(port) != port
    assert vm.free_port(port) == port


def test_the_ssh_configuration_is_what_openssh_understands(tmp_path: Path) -> None:
    config = tmp_path / "ssh_config"
    config.write_text(ssh.config_text({"nas-a": 2201, "nas-b": 2202}, tmp_path / "a key", tmp_path / "known"))
    done = subprocess.run(["ssh", "-G", "-F", str(config), "nas-b"], capture_output=True, text=True, check=True)
    told = dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)
    assert (told["hostname"], told["port"], told["user"]) == ("127.0.0.1", "2202", "owner")
    assert (told["stricthostkeychecking"], told["hostkeyalias"]) == ("true", "nas-b")
    assert told["identityfile"] == str(tmp_path / "a key")
    known = ssh.known_hosts_text({"nas-a": "nas-a ssh-ed25519 KEY"}, {"nas-a": 2201})
    assert known == "nas-a,[127.0.0.1]:2201 ssh-ed25519 KEY\n"


def test_a_command_reaches_the_box_word_by_word(tmp_path: Path) -> None:
    words = ["printf", "%s", "a b", "$(reboot)", "'; rm -rf /", "--"]
    argv = ssh.Login(tmp_path, tmp_path).argv(NAS_A, words)
    assert argv[-3:-1] == ["nas-a", "--"]
    assert shlex.split(argv[-1]) == words


def test_the_run_folder_is_short_private_and_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / ("x" * 60)))
    folder = run_dir(tmp_path)
    try:
        assert len(str(folder / "nas-a.serial")) < 100
        assert folder.stat().st_mode & 0o777 == 0o700
    finally:
        folder.rmdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    with pytest.raises(LabError, match="belongs to someone else"):
        ensure_private(link)


def test_a_picture_becomes_a_png_with_the_same_pixels() -> None:
    pixels = bytes(range(18))
    png = screen.png_of(b"P6\n3 2\n255\n" + pixels)
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", png[16:24]) == (3, 2)
    start = png.index(b"IDAT") + 4
    length = struct.unpack(">I", png[start - 8 : start - 4])[0]
    rows = zlib.decompress(png[start : start + length])
    assert rows == b"\0" + pixels[:9] + b"\0" + pixels[9:]
    for bad in (b"", b"P5\n3 2\n255\n" + pixels, b"P6\n3 2\n255\n" + pixels[:-1]):
        with pytest.raises(LabError, match="picture"):
            screen.png_of(bad)


def serve(path: Path, answers: list[str]) -> threading.Thread:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def answer() -> None:
        connection, _ = listener.accept()
        connection.sendall(b'{"QMP": {}}\n')
        for text in ['{"return": {}}', *answers]:
            connection.recv(4096)
            connection.sendall(text.encode() + b"\n")
        connection.close()
        listener.close()

    thread = threading.Thread(target=answer)
    thread.start()
    return thread


def test_what_qemu_refuses_or_leaves_unanswered_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "qmp"
    event = json.dumps({"event": "DEVICE_DELETED", "data": {"device": "disk1-dev"}})
    thread = serve(path, ['{"return": {"status": "running"}}', f'{event}\n{{"error": {{"desc": "no such device"}}}}'])
    with Qmp(path, "nas-a") as qmp:
        assert qmp.command("query-status") == {"status": "running"}
        with pytest.raises(LabError, match=r"nas-a: no such device \(device_del\)"):
            qmp.command("device_del", id="x")
        assert qmp.wait_event(lambda found: found["event"] == "DEVICE_DELETED", 1.0)
        with pytest.raises(LabError, match="nas-a ended"):
            qmp.command("query-status")
    thread.join()
    with pytest.raises(LabError, match="nas-a does not answer"):
        Qmp(tmp_path / "none", "nas-a")


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["up"], "There is no pair with ZFS 2.3 and 1024 MB yet; build it with:"),
        (["up", "--memory", "64"], "cannot have 64 MB"),
        (["up", "nas-x"], "There is no box called 'nas-x'"),
        (["reset"], "never started"),
        (["ssh", "nas-a", "--", "true"], "never started"),
        (["cut"], "never started"),
        (["pull-disk", "nas-a", "1"], "never started"),
        (["deploy"], "never started"),
        (["ssh-config"], "no ssh configuration yet"),
    ],
)
def test_commands_without_a_pair_say_what_to_do(
    argv: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(argv) == 1
    told = capsys.readouterr().err
    assert told.startswith("lab: ")
    assert words in told
    assert told.count("\n") == 1


def test_status_and_down_work_before_anything_was_started(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["down"]) == 0
    assert cli.main(["status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["up"] is False


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    for name in cli.COMMANDS:
        with pytest.raises(SystemExit) as left:
            cli.main([name, "--help"])
        assert left.value.code == 0
    assert "pull" in capsys.readouterr().out
