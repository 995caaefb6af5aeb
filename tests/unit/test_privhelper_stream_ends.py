"""However a receive ends, the caller learns it, the log has it, and no process is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import pytest

from .privhelper_door import Door
from .zfs_streams import FILESYSTEM, NEW, VOLUME, head, line, stream


@pytest.fixture
def taking(door: Door) -> Door:
    door.answers(("get", 0, "filesystem\n", ""), ("receive", 0, "TAKE", ""))
    return door


def test_a_program_that_ends_early_is_not_fed_any_more(taking: Door) -> None:
    taking.answers(("get", 0, "filesystem\n", ""), ("receive", 1, "", "cannot receive: out of \x1b[31mspace\n"))
    with subprocess.Popen([str(taking.file)], stdin=subprocess.PIPE, stderr=subprocess.PIPE) as helper:
        assert helper.stdin
        assert helper.stderr
        helper.stdin.write(line(NEW) + head(FILESYSTEM, size=1 << 40))
        helper.stdin.flush()
        for _ in range(200):  # more than the pipes hold: the caller learns it, whatever it still has to say
            try:
                helper.stdin.write(bytes(1 << 16))
            except BrokenPipeError:
                break
        else:
            pytest.fail("the helper still takes the stream")
        assert helper.stderr.read() == b"zfs receive failed: cannot receive: out of [31mspace\n"
        assert helper.wait(timeout=30) == 1
        helper.stdin = None
    assert taking.left_over() == []


def test_a_program_that_ends_early_ends_the_helper_while_the_caller_is_silent(taking: Door) -> None:
    taking.answers(("get", 0, "filesystem\n", ""), ("receive", 1, "", "cannot receive: out of space\n"))
    with subprocess.Popen([str(taking.file)], stdin=subprocess.PIPE, stderr=subprocess.PIPE) as helper:
        assert helper.stdin
        helper.stdin.write(line(NEW) + head(FILESYSTEM, size=1 << 40))
        helper.stdin.flush()
        assert helper.wait(timeout=30) == 1


def test_warnings_of_a_receive_that_succeeds_are_passed_on_clean(taking: Door) -> None:
    (taking.root / "zfs").write_text(
        '#!/bin/sh\n[ "$1" = get ] && exec echo filesystem\nprintf "Warning: \\033[31mone\\nand two\\n" >&2\n'
    )
    done = taking.run(line(NEW) + stream())
    assert (done.returncode, done.stderr) == (0, b"Warning: [31mone and two\n")


def ended_by(door: Door, victim: str, number: int) -> tuple[int, bytes]:
    """How the helper ends when one of the two gets a signal while both wait for more of a stream."""
    with subprocess.Popen([str(door.file)], stdin=subprocess.PIPE, stderr=subprocess.PIPE) as helper:
        assert helper.stdin
        assert helper.stderr
        helper.stdin.write(line(NEW) + head(FILESYSTEM, size=1 << 40))
        helper.stdin.flush()
        while not any(call["argv"][1] == "receive" for call in door.started()):
            time.sleep(0.02)
        [program] = set(door.left_over()) - {helper.pid}
        os.kill(helper.pid if victim == "helper" else program, number)
        said = helper.stderr.read()
        status = helper.wait(timeout=30)
        for _ in range(500):  # a process that gets SIGKILL from the kernel needs a moment
            if not door.left_over():
                break
            time.sleep(0.02)
    return status, said


@pytest.mark.parametrize(
    ("victim", "number", "status", "said"),
    [
        ("program", signal.SIGKILL, 1, b"ended by signal 9"),
        ("program", signal.SIGTERM, 1, b"ended by signal 15"),
        ("helper", signal.SIGTERM, 1, b"ended by a signal; what had arrived of the stream is kept"),
        ("helper", signal.SIGHUP, 1, b"ended by a signal"),
        ("helper", signal.SIGINT, 1, b"interrupted"),
        ("helper", signal.SIGKILL, -9, b""),
    ],
)
def test_a_signal_leaves_no_process_behind(taking: Door, victim: str, number: int, status: int, said: bytes) -> None:
    ended, heard = ended_by(taking, victim, number)
    assert ended == status
    assert said in heard
    assert taking.left_over() == []
    phases = [entry["phase"] for entry in taking.audit()]
    assert phases == (["intent"] if number == signal.SIGKILL and victim == "helper" else ["intent", "done"])


def test_the_program_gets_nothing_but_its_pipe(taking: Door) -> None:
    assert taking.run(line(NEW) + stream()).returncode == 0
    [call] = [call for call in taking.started() if call["argv"][1] == "receive"]
    assert call["stdin"].startswith("pipe:")
    assert set(call["fds"]) <= {0, 1, 2, 3}, "3 is the stand-in's own look at its descriptors"
    assert (call["umask"], call["blocked"]) == (0o022, 0)


def test_a_program_that_is_missing(taking: Door) -> None:
    (taking.root / "zfs").unlink()
    done = taking.run(line({**NEW, "kind": "volume"}) + head(VOLUME))
    assert done.returncode == 5
    assert b"zfs cannot be started" in done.stderr
