"""The door from start to end: who asks, what is written down, what is answered."""

from __future__ import annotations

import grp
import json
import os
import pwd
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from privhelper.build import installed

from .privhelper_door import GUID, PYTHON, Door


def test_noop(door: Door) -> None:
    assert door.ask("noop") == (0, {"ok": True, "verb": "noop"})
    [line] = door.audit()
    assert (line["verb"], line["phase"], line["code"], line["user"], line["role"]) == (
        "noop",
        "call",
        0,
        "root",
        "admin",
    )


def test_the_build_is_deterministic(tmp_path: Path, door: Door) -> None:
    commands = [[PYTHON, "-m", "privhelper", "build", str(tmp_path / name)] for name in ("one", "two")]
    for command, extra in zip(commands, ({}, {"PYTHONHASHSEED": "7", "LC_ALL": "C"}), strict=True):
        subprocess.run(
            command, check=True, capture_output=True, cwd=Path(__file__).parents[2], env={**os.environ, **extra}
        )
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert len(door.digest) == 64


def test_another_python_takes_the_sources(tmp_path: Path, door: Door) -> None:
    text = door.file.read_bytes()
    at = text.rindex(b"\n#code ") + 7
    door.file.write_bytes(text[:at] + b"00000000" + text[at + 8 :])
    assert door.ask("noop")[0] == 0
    helped = subprocess.run([str(door.file), "help"], capture_output=True, check=True)
    assert b"scrub-start" in helped.stdout
    assert b"\n#== privhelper.verbs\n#|" in installed({})


def test_the_installed_file_helps_and_checks_but_builds_nothing(door: Door) -> None:
    for words, status in ((["help", "--json"], 0), (["build", "/tmp/x"], 2), (["noop"], 2), (["--", "check"], 2)):
        done = subprocess.run([str(door.file), *words], capture_output=True, check=False, stdin=subprocess.DEVNULL)
        assert done.returncode == status
    done = subprocess.run([str(door.file), "check"], input=b'{"verb":"noop"}', capture_output=True, check=True)
    assert json.loads(done.stdout) == {"argv": ["privhelper", "noop"]}


def test_acting_reads_the_guid_writes_the_intent_acts_and_writes_the_outcome(door: Door) -> None:
    door.answers(("get -H -p -o value guid tank", 0, GUID + "\n", ""))
    assert door.ask("scrub-start", pool="tank", guid=GUID) == (0, {"ok": True, "verb": "scrub-start", "stdout": ""})
    first, second = door.started()
    assert first["argv"][1:] == ["get", "-H", "-p", "-o", "value", "guid", "tank"]
    assert second["argv"][1:] == ["scrub", "--", "tank"]
    intent, done = door.audit()
    assert (intent["phase"], intent["args"]) == ("intent", {"pool": "tank", "guid": GUID})
    assert (done["phase"], done["intent"], done["code"]) == ("done", intent["seq"], 0)


def test_without_the_log_nothing_acts_and_reads_say_so(door: Door) -> None:
    door.log.chmod(0o777)
    door.answers(("get", 0, GUID + "\n", ""))
    status, answer = door.ask("scrub-start", pool="tank", guid=GUID)
    assert (status, answer["error"]["code"]) == (5, "unavailable")
    assert door.started() == []
    assert door.ask("noop") == (0, {"ok": True, "verb": "noop", "audited": False})


def test_a_request_that_never_ends_is_not_waited_for(door: Door) -> None:
    # Without its compiled modules the helper takes its sources, in which the test shortens the wait.
    text = door.file.read_bytes().replace(b"#|READ_LIMIT = 10.0", b"#|READ_LIMIT = 0.5")
    at = text.rindex(b"\n#code ") + 7
    door.file.write_bytes(text[:at] + b"00000000" + text[at + 8 :])
    with subprocess.Popen([str(door.file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(b'{"verb":')
        process.stdin.flush()
        assert process.wait(timeout=30) == 6


@pytest.mark.root
def test_roles_come_from_groups_that_sudo_vouches_for(door: Door) -> None:
    nobody = pwd.getpwnam("nobody")
    assert not set(os.getgrouplist("nobody", nobody.pw_gid)) & {
        group.gr_gid for group in grp.getgrall() if group.gr_name.startswith("dplane-")
    }
    for said in (str(nobody.pw_uid), "4000000000", "x", "-1", "", "0x0", "00 "):
        done = door.run({"verb": "noop"}, env={"SUDO_UID": said, "SUDO_USER": "root", "USER": "root"})
        assert done.returncode == 3, said
        assert json.loads(done.stdout)["error"]["code"] == "role"
    assert door.run({"verb": "noop"}, env={"SUDO_UID": "0"}).returncode == 0
    assert [line["code"] for line in door.audit()] == [3] * 7 + [0]


def test_destructive_acts_come_one_at_a_time(door: Door) -> None:
    door.answers(("get", 0, GUID + "\n", ""), ("destroy", 0, "SLEEP", ""))
    raw = json.dumps({"verb": "pool-destroy", "pool": "tank", "guid": GUID}).encode() + b"\n"
    with subprocess.Popen([str(door.file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:
        assert first.stdin is not None
        first.stdin.write(raw)
        first.stdin.close()
        while not any(start["argv"][1] == "destroy" for start in door.started()):
            time.sleep(0.05)
        second = door.run(raw)
        assert second.returncode == 1
        assert "still running" in json.loads(second.stdout)["error"]["message"]
        first.terminate()
    for start in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = start.read_bytes().split(b"\0")
        except OSError:
            continue
        if str(door.root / "zpool").encode() in words:
            os.kill(int(start.parent.name), signal.SIGKILL)


def test_syslog_hears_of_every_act(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as syslog:
        syslog.bind(str(tmp_path / "s"))
        syslog.settimeout(10)
        door = Door(tmp_path, SYSLOG=str(tmp_path / "s"))
        door.answers(("get", 0, GUID + "\n", ""))
        assert door.ask("scrub-start", pool="tank", guid=GUID)[0] == 0
        heard = [syslog.recv(1000).decode() for _ in range(2)]
    for line, said in zip(door.audit(), heard, strict=True):
        assert f"audit {line['seq']} {line['hash']}" in said


def test_errors_of_streaming_verbs_are_a_sentence_on_standard_error(door: Door) -> None:
    door.answers(("get", 0, "1\n", ""))
    done = door.run({"verb": "send", "snapshot": "tank/a@x", "guid": GUID})
    assert (done.returncode, done.stdout) == (4, b"")
    assert done.stderr.count(b"\n") == 1
    door.answers(("get", 0, GUID + "\n", ""), ("send", 0, "STREAM", ""))
    done = door.run({"verb": "send", "snapshot": "tank/a@x", "guid": GUID})
    assert (done.returncode, done.stdout) == (0, b"STREAM")
    assert door.started()[-1]["stdin"] == "/dev/null"
