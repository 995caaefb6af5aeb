"""Streams that come in: what `zfs receive` reads was looked at, and is what was asked for."""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import random
import socket
import subprocess
import threading
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from privhelper import streamhead

from .privhelper_door import Door
from .zfs_streams import END, FILESYSTEM, MORE, NEW, ONE, RESUMING, SEVERAL, VOLUME, head, line, package, stream


def receives(door: Door) -> list[list[str]]:
    return [call["argv"] for call in door.started() if call["argv"][1] == "receive"]


@pytest.fixture
def taking(door: Door) -> Door:
    door.answers(("get", 0, "filesystem\n", ""), ("receive", 0, "TAKE", ""))
    return door


def test_a_stream_arrives_whole_and_its_end_is_written_down(taking: Door) -> None:
    sent = stream(size=20_000_000)
    done = taking.run(line(NEW) + sent)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert [took["sha256"] for took in taking.received()] == [sha256(sent).hexdigest()]
    intent, ended = taking.audit()
    assert (intent["phase"], intent["verb"]) == ("intent", "receive")
    assert (ended["phase"], ended["code"], ended["snapshots"], ended["intent"]) == ("done", 0, 1, intent["seq"])
    assert ended["bytes"] == len(sent)


@pytest.mark.parametrize("objset", [FILESYSTEM, VOLUME])
def test_a_package_is_taken_apart(taking: Door, objset: int) -> None:
    kind = "volume" if objset == VOLUME else "filesystem"
    taking.answers(("get", 0, f"{kind}\n", ""), ("receive", 0, "TAKE", ""))
    sent = [stream(objset, origin, size=origin * 100_000) for origin in (1, 2, 3)]
    done = taking.run(line({**MORE, "kind": kind}) + package(*sent))
    assert (done.returncode, done.stderr) == (0, b"")
    assert [took["sha256"] for took in taking.received()] == [sha256(one).hexdigest() for one in sent]
    assert len({tuple(argv) for argv in receives(taking)}) == 1
    assert taking.audit()[-1]["snapshots"] == 3
    assert taking.run(line({**MORE, "kind": kind}) + package()).returncode == 0


def test_what_was_looked_at_cannot_be_swapped(taking: Door) -> None:
    """The caller keeps the pipe's reading end, and could take out of it and put into it whatever it likes."""
    taking.answers(("get", 0, "filesystem\n", ""), ("receive", 0, "SLEEP", ""))
    source, sink = os.pipe()
    os.set_blocking(source, False)
    with subprocess.Popen([str(taking.file)], stdin=source, stderr=subprocess.PIPE) as helper:
        os.write(sink, line({**NEW, "kind": "volume"}) + head(VOLUME))
        while not receives(taking):
            time.sleep(0.02)
        with pytest.raises(BlockingIOError):
            os.read(source, 1)
        own = [os.readlink(f"/proc/{pid}/fd/0") for pid in taking.left_over() if pid != helper.pid]
        assert own
        assert os.readlink(f"/proc/self/fd/{source}") not in own
        helper.kill()
    os.close(source)
    os.close(sink)


class Part(ctypes.Structure):
    """An iovec."""

    _fields_ = (("base", ctypes.c_void_p), ("size", ctypes.c_size_t))


def test_lent_pages_are_copied(taking: Door) -> None:
    """Pages lent to a pipe (vmsplice) can be changed by their owner while they lie there: only a copy is safe."""
    sent = stream(VOLUME)
    page = mmap.mmap(-1, mmap.PAGESIZE)
    page[: len(sent)] = sent
    part = Part(ctypes.addressof(ctypes.c_char.from_buffer(page)), len(sent))
    source, sink = os.pipe()
    os.write(sink, line({**NEW, "kind": "volume"}))
    assert ctypes.CDLL(None, use_errno=True).vmsplice(sink, ctypes.byref(part), ctypes.c_ulong(1), 0) == len(sent)
    taking.answers(("get", 0, "filesystem\n", ""), ("receive", 0, "WAIT", ""))
    with subprocess.Popen([str(taking.file)], stdin=source, stderr=subprocess.PIPE) as helper:
        while not receives(taking):
            time.sleep(0.02)
        page[:400] = bytes(400)  # the program has started and not yet read
        (taking.root / "go").touch()
        os.close(sink)
        assert helper.wait(timeout=30) == 0
    os.close(source)
    assert [took["sha256"] for took in taking.received()] == [sha256(sent).hexdigest()]


@pytest.mark.parametrize(
    ("request_", "sent", "why"),
    [
        ({**NEW, "kind": "volume"}, stream(FILESYSTEM), "not that of a volume"),
        (NEW, stream(VOLUME), "not that of a filesystem"),
        (NEW, stream(4), "not that of a filesystem"),
        (MORE, stream(VOLUME, 7), "not that of a filesystem"),
        (NEW, stream(origin=7), "goes on from something"),
        (NEW, stream(origin=7, flags=1), "goes on from something"),
        (NEW, stream(flags=1), "goes on from something"),
        (NEW, stream(origin=7, version=ONE | RESUMING), "goes on from something"),
        (MORE, stream(), "would make a new dataset"),
        (MORE, stream(origin=7, flags=1), "would make a new dataset"),
        (MORE, stream(origin=7, name=b"x" * 256), "names no snapshot"),
        (MORE, stream(origin=7, name=b"pool/a"), "names no snapshot"),
        (NEW, package(stream()), "a new dataset begins with one"),
        (NEW, package(stream(), payload=800), "properties or children"),
        (MORE, package(stream(origin=7), payload=800), "properties or children"),
        (MORE, package(package(stream(origin=7), payload=800)), "package inside of a package"),
        (MORE, package(package(stream(origin=7))), "package inside of a package"),
        (MORE, package(stream()), "would make a new dataset"),
        (MORE, package(stream(VOLUME, 7)), "not that of a filesystem"),
        (MORE, head(0, version=SEVERAL) + head(2) + head(2), "cannot be understood"),
        (MORE, stream(origin=7, version=3), "none that ZFS sends"),
        (MORE, stream(origin=7, version=0), "none that ZFS sends"),
        (NEW, b"x" * 400, "none that ZFS sends"),
        (NEW, END * 2, "none that ZFS sends"),
    ],
)
def test_what_is_refused_never_reaches_the_program(
    taking: Door, request_: dict[str, Any], sent: bytes, why: str
) -> None:
    taking.answers(("get", 0, f"{request_['kind']}\n", ""), ("receive", 0, "TAKE", ""))
    done = taking.run(line(request_) + sent)
    assert done.returncode == 2
    assert why in done.stderr.decode()
    assert receives(taking) == []
    [refused] = taking.audit()
    assert (refused["phase"], refused["code"]) == ("refused", 2)


def test_a_package_ends_where_something_else_begins(taking: Door) -> None:
    """A second stream that is to become a dataset beside the target, or a volume, gets no further than its head."""
    for evil in (stream(name=b"pool/b@x"), stream(VOLUME, 7), package(stream(), payload=8)):
        done = taking.run(line(MORE) + package(stream(origin=7), evil))
        assert done.returncode == 2
        assert b"1 snapshot of it arrived" in done.stderr
    assert len(receives(taking)) == 3
    assert [(entry["phase"], entry.get("code")) for entry in taking.audit()] == [("intent", None), ("done", 2)] * 3


def test_both_byte_orders_are_read() -> None:
    for order in ("little", "big"):
        begun = streamhead.parse(head(VOLUME, origin=7, version=ONE | RESUMING, flags=1, order=order))
        assert begun
        assert (begun.kind, begun.full, begun.clone, begun.resuming, begun.alone) == ("volume", False, True, True, True)
    assert streamhead.parse(head(VOLUME)[:-1]) is None


@pytest.mark.parametrize("sent", [b"", b"x", head(FILESYSTEM)[:311]])
def test_a_head_that_is_cut_short(taking: Door, sent: bytes) -> None:
    done = taking.run(line(NEW) + sent)
    assert done.returncode == 1
    assert b"ended before its first record" in done.stderr
    assert receives(taking) == []


def test_a_stream_that_is_cut_short_is_the_programs_to_judge(taking: Door) -> None:
    done = taking.run(line(NEW) + stream()[:-1])
    assert done.returncode == 1
    assert done.stderr == b"zfs receive failed: cannot receive: failed to read from stream\n"
    ended = taking.audit()[-1]
    assert (ended["phase"], ended["code"]) == ("done", 1)
    assert "failed to read" in ended["message"]
    cut = taking.run(line(MORE) + package(stream(origin=7))[:-10])
    assert cut.returncode == 1
    assert b"1 snapshot of it arrived" in cut.stderr


def test_the_head_may_come_byte_by_byte(taking: Door) -> None:
    sent = package(stream(origin=1), stream(origin=2))
    with subprocess.Popen([str(taking.file)], stdin=subprocess.PIPE, bufsize=0) as helper:
        assert helper.stdin
        helper.stdin.write(line(MORE))
        for at in range(len(sent)):
            helper.stdin.write(sent[at : at + 1])
        helper.stdin.close()
        assert helper.wait(timeout=60) == 0
    assert len(taking.received()) == 2


def test_a_slow_sender_loses_nothing(taking: Door) -> None:
    sent = stream(size=3_000_000)
    chance = random.Random(5)  # noqa: S311
    with subprocess.Popen([str(taking.file)], stdin=subprocess.PIPE, bufsize=0) as helper:
        assert helper.stdin
        helper.stdin.write(line(NEW))

        def write() -> None:
            assert helper.stdin
            at = 0
            while at < len(sent):
                at += helper.stdin.write(sent[at : at + chance.choice((1, 7, 4096, 65537, 200_000))])
            helper.stdin.close()

        writer = threading.Thread(target=write)
        writer.start()
        assert helper.wait(timeout=60) == 0
        writer.join()
    assert [took["sha256"] for took in taking.received()] == [sha256(sent).hexdigest()]


def test_a_socket_or_a_file_will_do(taking: Door, tmp_path: Path) -> None:
    near, far = socket.socketpair()
    with near, far:
        near.sendall(line(NEW) + stream())
        near.shutdown(socket.SHUT_WR)
        assert subprocess.run([str(taking.file)], stdin=far.fileno(), check=False).returncode == 0
    (tmp_path / "stream").write_bytes(line(NEW) + stream())
    with (tmp_path / "stream").open("rb") as file:
        assert subprocess.run([str(taking.file)], stdin=file, check=False).returncode == 0
    assert len(taking.received()) == 2


def test_only_a_first_receive_makes_a_dataset(taking: Door) -> None:
    sent = line(MORE) + stream(origin=7)
    for answer, code in (((1, "", "cannot open 'tank/a': dataset does not exist\n"), 4), ((0, "volume\n", ""), 2)):
        taking.answers(("get", *answer))
        assert taking.run(sent).returncode == code
    assert receives(taking) == []


def test_the_target_is_looked_at_again_after_the_wait_for_the_stream(taking: Door) -> None:
    """Meanwhile it may have been given up and made anew, as something else."""
    with subprocess.Popen([str(taking.file)], stdin=subprocess.PIPE, stderr=subprocess.PIPE) as helper:
        assert helper.stdin
        helper.stdin.write(line(MORE))
        helper.stdin.flush()
        while not taking.started():
            time.sleep(0.02)
        taking.answers(("get", 0, "volume\n", ""), ("receive", 0, "TAKE", ""))
        helper.stdin.write(stream(origin=7))
        helper.stdin.close()
        assert helper.wait(timeout=30) == 2
    assert receives(taking) == []


def test_a_request_without_its_line_end_is_no_request_with_a_stream(taking: Door) -> None:
    done = taking.run(json.dumps(NEW).encode())
    assert (done.returncode, done.stdout) == (2, b"")
