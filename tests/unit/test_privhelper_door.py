"""The installed form of the helper, run as a process the way sudo runs it.

ZFS is not on every machine that runs these tests, so `zfs` and `zpool` are a stand-in that notes how it was started
and answers as it is told; the real programs get the same requests on the practice pair (tests/lab/test_door.py).
"""

from __future__ import annotations

import grp
import json
import os
import pwd
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from privhelper.audit import files, verify
from privhelper.build import build, installed
from privhelper.streamhead import is_volume, peek

PYTHON = "/usr/bin/python3"
GUID = "1234567890123456789"
STAND_IN = """#!/usr/bin/python3 -IS
import json, os, sys
here = os.path.dirname(os.path.abspath(__file__))
umask = os.umask(0)
with open(here + "/started", "a") as out:
    out.write(json.dumps({
        "argv": sys.argv, "env": dict(os.environ), "cwd": os.getcwd(), "umask": umask,
        "fds": sorted(int(fd) for fd in os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd/" + fd)),
        "stdin": os.readlink("/proc/self/fd/0"),
    }) + "\\n")
line = " ".join(sys.argv[1:])
for start, status, out, err in json.load(open(here + "/answers")):
    if line.startswith(start):
        if out == "SLEEP":
            import time
            time.sleep(60)
        if out == "COPY":
            out = "received " + sys.stdin.read()
        sys.stdout.write(out)
        sys.stderr.write(err)
        sys.exit(status)
sys.exit(0)
"""


class Door:
    """A helper of our own under a directory of the test, and everything it touches."""

    def __init__(self, root: Path, **places: object) -> None:
        self.root = root
        self.file = root / "privhelper"
        self.log = root / "log"
        self.log.mkdir(mode=0o750)
        (root / "disks").mkdir()
        (root / "state").mkdir()
        for name in ("zfs", "zpool"):
            (root / name).write_text(STAND_IN)
            (root / name).chmod(0o755)
        self.answers()
        here = {name.upper(): str(root / name) for name in ("zfs", "zpool")}
        where = {"AUDIT_DIR": str(self.log), "STATE_DIR": str(root / "state"), "DISKS": str(root / "disks")}
        self.digest = build(str(self.file), {**here, **where, "OWNER_UID": os.getuid(), **places})

    def answers(self, *answers: tuple[str, int, str, str]) -> None:
        """What the stand-in says to command lines that start so; the first that fits counts."""
        (self.root / "answers").write_text(json.dumps(answers))

    def run(self, request: object, **more: Any) -> subprocess.CompletedProcess[bytes]:
        raw = request if isinstance(request, bytes) else json.dumps(request).encode() + b"\n"
        return subprocess.run([str(self.file)], input=raw, capture_output=True, check=False, timeout=60, **more)

    def ask(self, verb: str, **args: object) -> tuple[int, dict[str, Any]]:
        done = self.run({"verb": verb, **args})
        return done.returncode, json.loads(done.stdout)

    def started(self) -> list[dict[str, Any]]:
        file = self.root / "started"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def audit(self) -> list[dict[str, Any]]:
        """The audit log's lines; the chain must be whole."""
        lines = [line for file in files(str(self.log)) for line in Path(file).read_bytes().splitlines()]
        assert verify(lines).problem == ""
        return [json.loads(line) for line in lines]


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path)


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


def test_programs_start_clean(door: Door, tmp_path: Path) -> None:
    door.answers(("get", 0, GUID + "\n", ""))
    with (tmp_path / "leak").open("w") as leak:
        os.set_inheritable(leak.fileno(), True)
        hostile = {
            "LD_PRELOAD": "",
            "PYTHONPATH": str(tmp_path),
            "PATH": str(tmp_path),
            "LC_ALL": "de_DE",
            "ZPOOL_X": "1",
        }
        raw = json.dumps({"verb": "scrub-start", "pool": "tank", "guid": GUID}).encode() + b"\n"
        command = [str(door.file)]
        subprocess.run(command, input=raw, env=hostile, pass_fds=[leak.fileno()], capture_output=True, check=True)
    for start in door.started():
        assert start["env"] == {"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"} | (
            {"PWD": start["env"]["PWD"]} if "PWD" in start["env"] else {}
        )
        assert start["stdin"] == "/dev/null"
        assert set(start["fds"]) <= {0, 1, 2, 3}, "3 is the stand-in's own look at its descriptors"
        assert start["umask"] == 0o022


@pytest.mark.parametrize("how", ["print(programs.run({}, 9).text)", "programs.become({}, {{}}, empty_input=True)"])
def test_no_signal_stays_ignored_in_programs(how: str) -> None:
    # Python ignores SIGPIPE and SIGXFSZ; a zfs send that inherits that would not end with its reader.
    probe = "from privhelper import programs; " + how.format(["/bin/grep", "SigIgn", "/proc/self/status"])
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, cwd=root)
    ignored = int(done.stdout.split()[1], 16)
    assert not ignored & (1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1)


def test_a_guid_that_changed_and_an_object_that_is_gone(door: Door) -> None:
    door.answers(("get", 0, "999\n", ""))
    status, answer = door.ask("pool-destroy", pool="tank", guid=GUID)
    assert (status, answer["error"]["code"]) == (4, "changed")
    assert "999" in answer["error"]["message"]
    door.answers(("get", 1, "", "cannot open 'tank': no such pool\n"))
    assert door.ask("pool-destroy", pool="tank", guid=GUID)[0] == 4
    door.answers(("get", 1, "", "cannot open 'tank/a': dataset does not exist\n"))
    assert door.ask("dataset-destroy", dataset="tank/a", guid=GUID)[0] == 4
    assert not any(start["argv"][1] == "destroy" for start in door.started())
    assert [line["code"] for line in door.audit() if line["phase"] == "done"] == [4, 4, 4]


def test_a_recursive_destroy_is_bound_to_what_its_dry_run_showed(door: Door) -> None:
    tree = f"tank/a\t{GUID}\ntank/a@x\t2\ntank/a/b\t3\n"
    door.answers(("get", 0, GUID + "\n", ""), ("list", 0, tree, ""))
    wanted = {"dataset": "tank/a", "guid": GUID, "recursive": True}
    status, answer = door.ask("dataset-destroy", **wanted)
    assert (status, answer["error"]["code"]) == (2, "refused")
    status, plan = door.ask("dataset-destroy", **wanted, dry_run=True)
    assert status == 0
    assert plan["destroys"] == ["tank/a", "tank/a/b", "tank/a@x"]
    door.answers(("get", 0, GUID + "\n", ""), ("list", 0, tree + "tank/a/b@new\t4\n", ""))
    assert door.ask("dataset-destroy", **wanted, plan=plan["plan"])[0] == 4
    door.answers(("get", 0, GUID + "\n", ""), ("list", 0, tree.replace("\t3", "\t33"), ""))
    assert door.ask("dataset-destroy", **wanted, plan=plan["plan"])[0] == 4
    assert not any(start["argv"][1:3] == ["destroy", "-r"] for start in door.started())
    door.answers(("get", 0, GUID + "\n", ""), ("list", 0, tree, ""))
    assert door.ask("dataset-destroy", **wanted, plan=plan["plan"])[0] == 0
    assert door.started()[-1]["argv"][1:] == ["destroy", "-r", "--", "tank/a"]


def test_a_rollback_that_destroys_newer_snapshots_is_bound_too(door: Door) -> None:
    rows = "t/a@1\t11\t100\nt/a@2\t12\t200\nt/a#2\t12\t200\nt/a@3\t13\t300\n"
    door.answers(("get", 0, "12\n", ""), ("list", 0, rows, ""))
    wanted = {"snapshot": "t/a@2", "guid": "12", "destroy_newer": True}
    plan = door.ask("snapshot-rollback", **wanted, dry_run=True)[1]
    assert plan["destroys"] == ["t/a@3"]
    assert door.ask("snapshot-rollback", **wanted)[0] == 2
    assert door.ask("snapshot-rollback", **wanted, plan=plan["plan"])[0] == 0
    door.answers(("get", 0, "12\n", ""), ("list", 0, rows + "t/a@4\t14\t400\n", ""))
    assert door.ask("snapshot-rollback", **wanted, plan=plan["plan"])[0] == 4


def test_what_is_read_back(door: Door) -> None:
    door.answers(("get -H -p -o value mountpoint", 0, "/srv/x\n", ""), ("get", 0, "77\n", ""))
    assert door.ask("dataset-create", dataset="tank/a")[1]["guid"] == "77"
    assert door.ask("snapshot-create", snapshot="tank/a@x")[1]["guid"] == "77"
    answer = door.ask("dataset-set", dataset="tank/a", guid="77", property="quota", value="1G")[1]
    assert answer["value"] == "77"
    door.answers(("get", 1, "", "I/O error\n"))
    status, answer = door.ask("snapshot-create", snapshot="tank/a@x")
    assert status == 1
    assert "done, but could not be read back" in answer["error"]["message"]


def test_an_import_mounts_in_order_and_only_where_it_may(door: Door) -> None:
    rows = [
        "/srv/a/below\ttank/a0\ton\tno",
        "/srv/a\ttank/b\ton\tno",
        "/etc/cron.d\ttank/evil\ton\tno",
        "/other\ttank/foreign\ton\tno",
        "/tank/off\ttank/off\tnoauto\tno",
        "legacy\ttank/legacy\ton\tno",
        "/tank/there\ttank/there\ton\tyes",
        "/tank/locked\ttank/locked\ton\tno",
    ]
    door.answers(
        ("list -H -p -o name,guid", 0, f"rpool\t1\ntank\t{GUID}\n", ""),
        ("list -H -p -r", 0, "\n".join(rows) + "\n", ""),
        ("mount -- tank/locked", 1, "", "cannot mount 'tank/locked': encryption key not loaded\n"),
    )
    status, answer = door.ask("pool-import", guid=GUID)
    assert (status, answer["pool"]) == (0, "tank")
    assert [left.split(":")[0] for left in answer["not_mounted"]] == ["tank/evil", "tank/foreign", "tank/locked"]
    mounts = [start["argv"][3] for start in door.started() if start["argv"][1] == "mount"]
    assert mounts == ["tank/b", "tank/a0", "tank/locked"]
    door.answers(("list -H -p -o name,guid", 0, "rpool\t1\n", ""))
    assert door.ask("pool-import", guid=GUID)[0] == 1


def test_a_program_that_fails_speaks_for_itself_without_control_characters(door: Door) -> None:
    door.answers(("get", 0, GUID + "\n", ""), ("scrub", 1, "", "cannot scrub tank: \x1b[31mbusy\n"))
    status, answer = door.ask("scrub-start", pool="tank", guid=GUID)
    assert status == 1
    assert answer["error"]["message"] == "zpool scrub failed: cannot scrub tank: [31mbusy"


def test_a_program_that_is_missing_or_without_its_module(door: Door) -> None:
    door.answers(("get", 1, "", "The ZFS modules cannot be auto-loaded.\nTry running 'modprobe zfs' as root.\n"))
    assert door.ask("scrub-start", pool="tank", guid=GUID)[0] == 5
    (door.root / "zpool").unlink()
    status, answer = door.ask("scrub-start", pool="tank", guid=GUID)
    assert (status, answer["error"]["code"]) == (5, "unavailable")


def test_a_program_that_hangs_or_floods_is_ended() -> None:
    probe = (
        "from privhelper import programs\nfrom privhelper.failure import Failure\n"
        "try:\n    programs.run(['/bin/sleep', '50'], 1)\n"
        "except Failure as failure:\n    print(failure.code, failure)\n"
        "try:\n    programs.MAX_OUTPUT = 1000\n    programs.run(['/usr/bin/yes'], 20)\n"
        "except Failure as failure:\n    print(failure.code, failure)\n"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, cwd=root)
    hung, loud = done.stdout.splitlines()
    assert hung.startswith("timeout /bin/sleep 50 took longer than 1 s")
    assert loud.startswith("failed /usr/bin/yes wrote more than 1000 bytes")


def test_receive_leaves_the_stream_untouched_and_becomes_the_program(door: Door) -> None:
    door.answers(("receive", 0, "COPY", ""))
    request = {"verb": "receive", "dataset": "tank/a", "kind": "filesystem", "first": True}
    stream = "\n{not json}\nstream " + "x" * 100_000
    done = door.run(json.dumps(request).encode() + b"\n" + stream.encode())
    assert done.returncode == 0
    assert done.stdout.decode() == "received " + stream
    [intent] = door.audit()
    assert (intent["phase"], intent["verb"]) == ("intent", "receive")
    refused = door.run(json.dumps(request).encode())
    assert refused.returncode == 2
    assert refused.stdout == b""


def test_errors_of_streaming_verbs_are_a_sentence_on_standard_error(door: Door) -> None:
    door.answers(("get", 0, "1\n", ""))
    done = door.run({"verb": "send", "snapshot": "tank/a@x", "guid": GUID})
    assert (done.returncode, done.stdout) == (4, b"")
    assert done.stderr.count(b"\n") == 1
    door.answers(("get", 0, GUID + "\n", ""), ("send", 0, "STREAM", ""))
    done = door.run({"verb": "send", "snapshot": "tank/a@x", "guid": GUID})
    assert (done.returncode, done.stdout) == (0, b"STREAM")
    assert door.started()[-1]["stdin"] == "/dev/null"


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


def stream_head(objset: int, package: int = 1) -> bytes:
    """The first record of a stream: of one dataset (`package` 1) or of several (2), a file system (2) or volume (3)."""
    words = (0x2F5BACBAC, package, 0)
    return bytes(8) + b"".join(word.to_bytes(8, "little") for word in words) + objset.to_bytes(4, "little")


RECEIVE = {"verb": "receive", "dataset": "tank/a", "kind": "volume", "first": True}


def test_a_volume_is_received_untouched(door: Door) -> None:
    door.answers(("receive", 0, "COPY", ""))
    body = stream_head(3) + b" and what follows"
    done = door.run(json.dumps(RECEIVE).encode() + b"\n" + body)
    assert (done.returncode, done.stdout) == (0, b"received " + body)


@pytest.mark.parametrize("head", [stream_head(2), stream_head(3, package=2), b"", b"short", b"x" * 400])
def test_another_stream_does_not_pass_as_a_volume(door: Door, head: bytes) -> None:
    """A file system received as a volume would keep the mountpoint and the setuid files that its sender chose."""
    done = door.run(json.dumps(RECEIVE).encode() + b"\n" + head)
    assert done.returncode == 2
    assert b"not that of one volume" in done.stderr
    assert not any(call["argv"][1] == "receive" for call in door.started())


def test_a_package_of_properties_and_children_is_refused(door: Door) -> None:
    head = bytearray(stream_head(2, package=2))
    head[4:8] = (800).to_bytes(4, "little")
    door.answers(("get", 0, "filesystem\n", ""))
    for first in (True, False):
        request = {**RECEIVE, "kind": "filesystem", "first": first}
        done = door.run(json.dumps(request).encode() + b"\n" + bytes(head))
        assert done.returncode == 2
        assert not any(call["argv"][1] == "receive" for call in door.started())


def test_the_head_of_a_stream_may_come_in_pieces(door: Door) -> None:
    door.answers(("receive", 0, "COPY", ""))
    body = stream_head(3)
    with subprocess.Popen([str(door.file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as helper:
        assert helper.stdin is not None
        assert helper.stdout is not None
        for piece in (json.dumps(RECEIVE).encode() + b"\n", body[:7], body[7:]):
            helper.stdin.write(piece)
            helper.stdin.flush()
        helper.stdin.close()
        assert helper.stdout.read() == b"received " + body


def test_a_head_is_looked_at_on_a_socket_too() -> None:
    near, far = socket.socketpair()
    with near, far:
        near.sendall(stream_head(3))
        assert is_volume(peek(far.fileno()))
        assert far.recv(100) == stream_head(3)


def test_only_a_first_receive_makes_a_dataset(door: Door) -> None:
    request = {"verb": "receive", "dataset": "tank/a", "kind": "filesystem"}
    for answer, code in (((1, "", "cannot open 'tank/a': dataset does not exist\n"), 4), ((0, "volume\n", ""), 2)):
        door.answers(("get", *answer))
        assert door.run(request).returncode == code
    assert not any(call["argv"][1] == "receive" for call in door.started())
    door.answers(("get", 0, "filesystem\n", ""))
    assert door.run(request).returncode == 0
    assert any(call["argv"][1] == "receive" for call in door.started())
