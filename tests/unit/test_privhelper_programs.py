"""The programs that the helper starts: clean, within limits, and what they say when they fail."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .privhelper_door import GUID, Door


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
    probe = "from privhelper import programs, session; session.steady(); " + how.format(
        ["/bin/grep", "SigIgn", "/proc/self/status"]
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, cwd=root)
    ignored = int(done.stdout.split()[1], 16)
    assert not ignored & (1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1 | 1 << signal.SIGTSTP - 1)


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


def test_what_a_caller_does_with_signals_beforehand_changes_nothing(door: Door) -> None:
    """With SIGCHLD ignored, how a program ended could not be told; with SIGTERM blocked, none could be ended gently."""

    def hostile() -> None:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())

    door.answers(("get", 0, GUID + "\n", ""), ("scrub", 1, "", "cannot scrub\n"))
    request = {"verb": "scrub-start", "pool": "tank", "guid": GUID}
    done = door.run(request, preexec_fn=hostile)
    assert json.loads(done.stdout)["error"]["message"] == "zpool scrub failed: cannot scrub"
    for call in door.started():
        assert call["blocked"] == 0


def test_a_terminal_cannot_stop_the_helper(door: Door) -> None:
    with subprocess.Popen([str(door.file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as helper:
        assert helper.stdin
        status = Path(f"/proc/{helper.pid}/status")
        stops = sum(1 << number - 1 for number in (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU))
        while True:  # until it has come so far
            ignored = next(line for line in status.read_text().splitlines() if line.startswith("SigIgn"))
            if int(ignored.split()[1], 16) & stops == stops:
                break
        helper.stdin.write(b'{"verb":"noop"}\n')
        helper.stdin.close()
        assert helper.wait(timeout=30) == 0
