"""What the helper tells of a snapshot: everything, in one order, whatever the names are; and nothing beside it."""

from __future__ import annotations

import json
import os
import struct
import sys
import tempfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dplane_tui.services.replication.content import path_of
from privhelper import content, linuxcalls
from privhelper.failure import Failure

from .privhelper_door import GUID, Door


def told(act: Callable[[content.Teller], None]) -> list[dict[str, Any]]:
    with tempfile.TemporaryFile() as out:
        teller = content.Teller(out.fileno())
        act(teller)
        teller.end()
        out.seek(0)
        lines = [json.loads(line) for line in out.read().splitlines()]
    assert lines[-1] == {"end": True, "items": len(lines) - 1, "bytes": lines[-1]["bytes"]}
    return lines[:-1]


def tree(folder: Path, percent: int = 100, seed: str = "a") -> list[dict[str, Any]]:
    root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    before = os.listdir("/proc/self/fd")
    try:
        return told(lambda teller: content.files(root, teller, content.sampled(seed, percent)))
    finally:
        assert os.listdir("/proc/self/fd") == before, "no descriptor is left"
        os.close(root)


def test_everything_is_told_and_no_link_is_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    top = tmp_path / "top"
    (top / "a" / "b").mkdir(parents=True)
    (top / "a" / "b" / "file").write_bytes(b"x" * 3_000_000)
    (top / "a.b").write_text("between a and a/b, were paths compared as texts")
    (top / "link").symlink_to(outside)
    (top / "to-file").symlink_to(outside / "secret")
    os.mkfifo(top / "pipe")  # a reader that opened it would wait for ever
    (top / "empty").touch()
    (top / ".zfs").mkdir()
    items = tree(top)
    assert [(item["path"], item["type"]) for item in items] == [
        ("", "dir"), ("a", "dir"), ("a/b", "dir"), ("a/b/file", "file"), ("a.b", "file"), ("empty", "file"),
        ("link", "link"), ("pipe", "fifo"), ("to-file", "link"),
    ]  # fmt: skip
    by_path = {item["path"]: item for item in items}
    assert by_path["a/b/file"]["sha256"] == sha256(b"x" * 3_000_000).hexdigest()
    assert by_path["link"]["link"] == str(outside)
    assert "secret" not in json.dumps([item.get("sha256") for item in items])
    seen = (top / "a.b").stat()
    about = by_path["a.b"]
    assert (about["size"], about["mtime"], about["uid"]) == (seen.st_size, str(seen.st_mtime_ns), seen.st_uid)


names = st.binary(min_size=1, max_size=40).filter(lambda name: b"/" not in name and b"\0" not in name)


@settings(max_examples=60)
@given(st.sets(st.lists(names, min_size=1, max_size=4).map(tuple), max_size=12))
def test_hostile_names_stay_what_they_are(paths: set[tuple[bytes, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        top = os.fsencode(folder)
        wanted: set[bytes] = set()
        for parts in paths:
            if {b".", b"..", b".zfs"}.intersection(parts):
                continue
            for depth in range(1, len(parts) + 1):
                path = b"/".join((top, *parts[:depth]))
                if os.path.lexists(path) and not os.path.isdir(path):
                    break
                if depth < len(parts):
                    os.makedirs(path, exist_ok=True)
                elif not os.path.lexists(path):
                    with open(path, "wb") as file:
                        file.write(parts[-1])
                wanted.add(b"/".join(parts[:depth]))
        items = tree(Path(folder))[1:]
        assert all(item["path"].isascii() and item["path"].isprintable() for item in items)
        found = [path_of(item["path"]) for item in items]
        assert set(map(b"/".join, found)) == wanted
        assert found == sorted(found), "the order is that of the names' bytes, part by part"


def test_a_tree_deeper_than_any_path_and_than_the_descriptors(tmp_path: Path) -> None:
    at = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("deep-and-deeper", dir_fd=at)
        inside = os.open("deep-and-deeper", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = inside
    items = tree(tmp_path)
    for _ in range(1500):  # what tidies up behind a test goes no deeper than its stack
        above = os.open("..", os.O_RDONLY, dir_fd=at)
        os.close(at)
        os.rmdir("deep-and-deeper", dir_fd=above)
        at = above
    os.close(at)
    assert items[-1]["type"] == "unread"
    assert items[-1]["error"] == "ENAMETOOLONG"
    assert all(item["type"] == "dir" for item in items[:-1])
    assert len(items) > 1000


def test_what_cannot_be_read_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bad").write_text("x")
    (tmp_path / "good").write_text("y")
    readv = os.readv

    def broken(handle: int, buffers: Any) -> int:
        if os.readlink(f"/proc/self/fd/{handle}").endswith("bad"):
            raise OSError(5, "Input/output error")  # what ZFS says when no copy has the right checksum
        return readv(handle, buffers)

    monkeypatch.setattr(os, "readv", broken)
    _, bad, good = tree(tmp_path)
    assert (bad["type"], bad["error"]) == ("unread", "EIO")
    assert "sha256" in good


def test_attributes_are_part_of_it(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    before = tree(tmp_path)[1]
    try:
        os.setxattr(file, "user.colour", b"red")
    except OSError:
        pytest.skip("the file system of this machine's temporary folder has no extended attributes")
    after = tree(tmp_path)[1]
    assert before["xattr"] == ""
    assert len(after["xattr"]) == 64
    assert {**before, "xattr": None} == {**after, "xattr": None}


def test_a_sample_is_the_same_everywhere_and_another_one_with_another_seed(tmp_path: Path) -> None:
    for number in range(400):
        (tmp_path / f"f{number}").write_text(str(number))

    def hashed(percent: int, seed: str) -> set[str]:
        return {item["path"] for item in tree(tmp_path, percent, seed) if "sha256" in item}

    assert hashed(10, "a") == hashed(10, "a")
    assert hashed(10, "a") != hashed(10, "b")
    assert hashed(10, "a") <= hashed(50, "a") <= hashed(100, "a")
    assert len(hashed(100, "a")) == 400
    assert 10 < len(hashed(10, "a")) < 80


def record(kind: int, fields: bytes = b"", payload: bytes = b"", length: int = 0) -> bytes:
    return struct.pack("=II", kind, length) + fields.ljust(304, b"\0") + payload


def write(offset: int, data: bytes, *, object: int = 1, compression: int = 0) -> bytes:
    fields = struct.pack("=QIIQQQBBB", object, 23, 0, offset, len(data), 0, 7, 0, compression)
    return record(3, fields, data)


def volume(*records: bytes) -> bytes:
    begin = record(0, b"", b"nvlist..", 8)
    about = record(1, struct.pack("=QIIII", 1, 23, 0, 16384, 10), b"b" * 16)
    spilled = record(7, struct.pack("=QQQBB", 1, 512, 0, 0, 0), b"s" * 512)
    return b"".join((begin, about, spilled, *records, record(4), record(5)))


def ranges(stream: bytes, percent: int = 100) -> list[dict[str, Any]]:
    at = 0

    def read(size: int) -> bytes:
        nonlocal at
        at += size
        if at > len(stream):
            raise EOFError
        return stream[at - size : at]

    return told(lambda teller: content.blocks(read, teller, content.sampled("a", percent)))


def test_a_volume_is_told_by_ranges_and_zeros_are_nothing() -> None:
    size = content.RANGE
    data = os.urandom(size // 2)
    sparse = ranges(volume(write(0, data), write(5 * size, data)))
    assert [(item["path"], item["type"]) for item in sparse] == [
        (f"{0:020d}", "range"), (f"{5 * size:020d}", "range"),
    ]  # fmt: skip
    assert sparse[0]["sha256"] == sha256(data.ljust(size, b"\0")).hexdigest()
    zeros = ranges(volume(write(0, data + bytes(size // 2)), write(2 * size, bytes(size)), write(5 * size, data)))
    assert zeros == sparse, "a hole and written zeros are the same content"
    other = ranges(volume(write(0, data), write(5 * size, data[:-1] + bytes([data[-1] ^ 1]))))
    assert (other[0], other[1]["path"]) == (sparse[0], sparse[1]["path"])
    assert other[1]["sha256"] != sparse[1]["sha256"]
    across = ranges(volume(write(size // 2, b"\1" * (3 * size))))
    assert len(across) == 4
    assert ranges(volume(write(0, b"\1", object=2))) == []


@pytest.mark.parametrize(
    "records",
    [
        (write(1 << 21, b"\1"), write(0, b"\1")),
        (write(0, b"\1", compression=15),),
        (record(8),),
        (record(3, struct.pack("=QIIQQ", 1, 23, 0, 0, 2**62)),),
        (record(99),),
    ],
)
def test_a_stream_that_is_not_one_of_a_volume_is_refused(records: tuple[bytes, ...]) -> None:
    with pytest.raises(Failure):
        ranges(volume(*records))


def test_a_stream_that_breaks_off_is_not_whole() -> None:
    whole = volume(write(0, b"\1" * 4096))
    for cut in (1, 311, 312, 320, len(whole) - 1, len(whole) - 312):
        with pytest.raises(EOFError):
            ranges(whole[:cut])


def ask(door: Door, **more: Any) -> tuple[int, bytes, bytes]:
    done = door.run({"verb": "content", "snapshot": "tank/a@s1", "guid": GUID, **more})
    return done.returncode, done.stdout, done.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="sudo sets the caller; as root the helper is an administrator")
def test_the_verb_says_why_it_cannot(door: Door) -> None:
    get = "get -H -p -o value"
    door.answers((f"{get} guid", 0, "77\n", ""))
    assert ask(door)[0] == 4
    same = (f"{get} guid", 0, f"{GUID}\n", "")
    door.answers(same, (f"{get} type", 0, "filesystem\n", ""), (f"{get} keystatus", 0, "unavailable\n", ""))
    status, out, said = ask(door)
    assert (status, out) == (1, b"")
    assert b"its key is not loaded" in said
    assert said.count(b"\n") == 1
    door.answers(same, (f"{get} type", 0, "filesystem\n", ""), (f"{get} keystatus", 0, "-\n", ""))
    status, out, said = ask(door)
    assert (status, out) == (1, b""), "there is no ZFS here to mount"
    assert b"cannot be opened for reading" in said
    door.answers(same, (f"{get} type", 0, "volume\n", ""), (f"{get} keystatus", 0, "-\n", ""), ("send", 1, "", "no"))
    status, out, said = ask(door)
    assert status == 1
    assert b'"end"' not in out, "what is not whole does not say so"
    for bad in ({"percent": 0}, {"percent": 101}, {"percent": True}, {"seed": "a b"}, {"seed": ""}, {"path": "/etc"}):
        assert ask(door, **bad)[0] == 2


@pytest.mark.skipif(os.getuid() != 0, reason="needs root")
def test_the_mount_is_read_only_and_nowhere_to_be_seen() -> None:
    before = Path("/proc/self/mountinfo").read_text()
    try:
        root = linuxcalls.mount_for_oneself("tmpfs", "test")
    except PermissionError:
        pytest.skip("this machine lets root mount nothing")
    try:
        assert Path("/proc/self/mountinfo").read_text() == before
        with pytest.raises(OSError, match="Read-only"):
            os.open("new", os.O_CREAT | os.O_WRONLY, dir_fd=root)
    finally:
        os.close(root)
    with pytest.raises(OSError, match=r"No such device|not permitted"):
        linuxcalls.mount_for_oneself("no-such-kind", "test")


def test_the_stand_ins_byte_order_is_this_machines() -> None:
    assert struct.pack("=I", 1) == (1).to_bytes(4, sys.byteorder)
