"""Files of snapshots through the installed helper, with a person's own rights, on real mounts (files_world.py)."""

from __future__ import annotations

import base64
import json
import os
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from .files_world import DATASET, RED, World, acl, left_over
from .privhelper_door import GUID

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.getuid() != 0, reason="mounts file systems")]
NOBODY = 65534


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    # Below /tmp itself, whose folders another user may enter.
    with tempfile.TemporaryDirectory(prefix="dplane-files-") as folder:
        Path(folder).chmod(0o755)
        made = World(Path(folder))
        (Path(folder) / "door").chmod(0o755)
        try:
            yield made
        finally:
            made.close()


def fill(top: Path) -> None:
    """A folder with one of everything."""
    docs = top / "docs"
    (docs / "deep" / "er").mkdir(parents=True)
    (docs / "a.txt").write_text("one\ntwo\n")
    (docs / "deep" / "b.bin").write_bytes(os.urandom(3_000_000))
    (docs / "deep" / "hole").write_bytes(b"")
    os.truncate(docs / "deep" / "hole", 50 << 20)
    os.link(docs / "a.txt", docs / "deep" / "er" / "same")
    (docs / "link").symlink_to("/etc/shadow")
    os.mkfifo(docs / "pipe")
    (docs / "with \udcff and \n").write_text("odd")
    os.setxattr(docs / "a.txt", *RED)
    os.setxattr(docs / "a.txt", "system.posix_acl_access", acl(1000))
    os.setxattr(docs / "deep", "system.posix_acl_default", acl(1001))
    os.chown(docs / "a.txt", 1234, 4321)
    (docs / "deep" / "b.bin").chmod(0o4751)
    os.chown(docs / "link", 77, 78, follow_symlinks=False)
    os.chmod(docs / "deep" / "er", 0o500)
    for path in (docs / "a.txt", docs / "deep" / "er", docs / "deep", docs / "link", docs):
        os.utime(path, ns=(10**18, 10**18 + 5), follow_symlinks=False)


def state(path: Path) -> tuple[Any, ...]:
    """Everything of a file or link that a restore has to bring back."""
    seen = path.lstat()
    names = sorted(os.listxattr(path, follow_symlinks=False))
    attributes = [(name, os.getxattr(path, name, follow_symlinks=False)) for name in names]
    content: object = None
    if stat.S_ISREG(seen.st_mode):
        content = sha256(path.read_bytes()).hexdigest()
    elif stat.S_ISLNK(seen.st_mode):
        content = os.readlink(path)
    return (seen.st_mode, seen.st_uid, seen.st_gid, seen.st_mtime_ns, attributes, content)


def states(top: Path) -> dict[str, tuple[Any, ...]]:
    return {str(path.relative_to(top)): state(path) for path in [top, *top.rglob("*")] if not path.is_fifo()}


def test_a_folder_is_listed_and_zfs_own_folder_is_not(world: World) -> None:
    fill(world.snapshot("s1"))
    code, lines, said = world.ask("files-list", of="tank/a@s1")
    assert (code, said) == (0, "")
    assert lines[0] == {"begin": "tank/a@s1", "guid": world.guids["s1"]}
    assert [line["name"] for line in lines[1:-1]] == ["docs"]
    code, lines, _ = world.ask("files-list", of="tank/a@s1", path="docs")
    by_name = {line["name"]: line for line in lines[1:-1]}
    assert list(by_name) == ["a.txt", "deep", "link", "pipe", "with %FF and %0A"]
    assert by_name["link"]["link"] == "/etc/shadow"
    assert (by_name["a.txt"]["uid"], by_name["a.txt"]["size"]) == (1234, "8")
    assert lines[-1]["end"] is True
    code, lines, _ = world.ask("files-list", of=DATASET)
    assert (code, lines[1:-1]) == (0, [])


def test_a_file_is_read_and_what_is_none_is_refused_unopened(world: World) -> None:
    top = world.snapshot("s1")
    fill(top)
    code, lines, _ = world.ask("files-read", of="tank/a@s1", path="docs/deep/b.bin")
    whole = b"".join(base64.b64decode(line["data"]) for line in lines if "data" in line)
    assert (code, whole) == (0, (top / "docs/deep/b.bin").read_bytes())
    assert lines[-2] == {"sha256": sha256(whole).hexdigest()}
    code, lines, _ = world.ask("files-read", of="tank/a@s1", path="docs/a.txt", length=3)
    assert [base64.b64decode(line["data"]) for line in lines if "data" in line] == [b"one"]
    for path, why in (
        ("docs", "a folder"),
        ("docs/link", "a symbolic link"),
        ("docs/pipe", "pipe"),
        ("docs/no", "not there"),
    ):
        code, lines, said = world.ask("files-read", of="tank/a@s1", path=path)
        assert code in (2, 4)
        assert why in said
        assert lines == []


def test_versions_of_a_file_newest_first(world: World) -> None:
    for name, text in (("s1", "a"), ("s2", "a"), ("s3", "bb")):
        top = world.snapshot(name)
        (top / "f").write_text(text)
        os.utime(top / "f", ns=(0, 10**18 + len(text)))
    world.snapshot("s4")
    (world.live / "f").write_text("ccc")
    code, lines, _ = world.ask("files-versions", dataset=DATASET, path="f")
    assert code == 0
    assert lines[0]["snapshots"] == 4
    told = [(line["snapshot"], line["type"], line.get("size")) for line in lines[1:-1]]
    assert told == [
        ("", "file", "3"),
        ("s4", "absent", None),
        ("s3", "file", "2"),
        ("s2", "file", "1"),
        ("s1", "file", "1"),
    ]
    _, lines, _ = world.ask("files-versions", dataset=DATASET, path="f", newest=2)
    assert [line["snapshot"] for line in lines[1:-1]] == ["", "s4", "s3"]


def test_a_deleted_file_comes_back_with_everything(world: World) -> None:
    top = world.snapshot("s1")
    fill(top)
    (world.live / "docs").mkdir()
    code, lines, said = world.ask("files-measure", snapshot="tank/a@s1", path="docs/a.txt")
    assert (code, said) == (0, "")
    assert lines[1] == {"files": 1, "folders": 0, "links": 0, "others": 0, "size": "8"}
    assert lines[3] == {"there": ""}
    code, lines, said = world.ask("files-restore", snapshot="tank/a@s1", path="docs/a.txt", over=True)
    assert (code, said) == (0, "")
    done = lines[-2]
    assert done["restored"] == "docs/a.txt"
    assert done["sha256"] == sha256(b"one\ntwo\n").hexdigest()
    assert "kept" not in done
    assert state(world.live / "docs/a.txt") == state(top / "docs/a.txt")
    assert left_over(world.live / "docs") == []


def test_a_folder_comes_back_whole_beside_the_original(world: World) -> None:
    top = world.snapshot("s1")
    fill(top)
    (world.live / "docs").mkdir()
    (world.live / "docs" / "new").write_text("since")
    os.setxattr(world.live, "system.posix_acl_default", acl(1005))  # nothing of ours may inherit it
    for suffix in ("", "-2"):
        code, lines, said = world.ask("files-restore", snapshot="tank/a@s1", path="docs")
        assert (code, said) == (0, "")
        done = lines[-2]
        assert done["restored"] == f"docs.restored-s1{suffix}"
        assert (done["files"], done["folders"], done["links"], done["left_out"]) == (5, 3, 1, 1)
        back = world.live / f"docs.restored-s1{suffix}"
        assert states(back) == states(top / "docs")
        assert (back / "a.txt").stat().st_ino == (back / "deep/er/same").stat().st_ino
        assert (back / "deep/hole").stat().st_blocks == 0
        assert not (back / "pipe").exists()
    assert (world.live / "docs/new").read_text() == "since"
    assert left_over(world.live) == []


def test_over_the_original_keeps_what_is_there(world: World) -> None:
    top = world.snapshot("s1")
    fill(top)
    (world.live / "docs").mkdir()
    (world.live / "docs" / "new").write_text("since")
    _, lines, _ = world.ask("files-measure", snapshot="tank/a@s1", path="docs")
    seen = lines[3]["there"]
    code, _, said = world.ask("files-restore", snapshot="tank/a@s1", path="docs", over=True)
    assert code == 4, "something is there, and nothing was said to have been seen"
    os.utime(world.live / "docs", ns=(1, 1))
    code, _, said = world.ask("files-restore", snapshot="tank/a@s1", path="docs", over=True, replaces=seen)
    assert code == 4
    assert "not what you saw" in said
    assert (world.live / "docs" / "new").exists()
    _, lines, _ = world.ask("files-measure", snapshot="tank/a@s1", path="docs")
    seen = lines[3]["there"]
    code, lines, said = world.ask("files-restore", snapshot="tank/a@s1", path="docs", over=True, replaces=seen)
    assert (code, said) == (0, "")
    assert lines[-2]["restored"] == "docs"
    assert lines[-2]["kept"].startswith("docs.kept-")
    assert (world.live / lines[-2]["kept"] / "new").read_text() == "since"
    assert states(world.live / "docs") == states(top / "docs")
    code, _, said = world.ask("files-restore", snapshot="tank/a@s1", path="gone", over=True, replaces="1:2:3")
    assert code == 4


def test_another_user_reads_only_what_is_theirs(world: World) -> None:
    top = world.snapshot("s1")
    for name, owner, mode in (("mine", NOBODY, 0o600), ("roots", 0, 0o600), ("all", 0, 0o644)):
        (top / name).write_text(name)
        os.chown(top / name, owner, owner)
        os.chmod(top / name, mode)
    world.live.chmod(0o777)
    assert world.ask("files-read", of="tank/a@s1", path="mine", user=NOBODY)[0] == 0
    code, lines, said = world.ask("files-read", of="tank/a@s1", path="roots", user=NOBODY)
    assert (code, lines) == (3, [])
    assert "own rights" in said
    assert world.ask("files-restore", snapshot="tank/a@s1", path="mine", user=NOBODY)[0] == 0
    assert state(world.live / "mine.restored-s1") == state(top / "mine")
    code, _, said = world.ask("files-restore", snapshot="tank/a@s1", path="all", user=NOBODY)
    assert code == 3, "its owner cannot be given back, so it is not restored as somebody else's"
    assert sorted(os.listdir(world.live)) == [".zfs", "mine.restored-s1"]


def test_a_signal_ends_it_and_nothing_is_left(world: World) -> None:
    top = world.snapshot("s1")
    (top / "big").write_bytes(b"")
    os.truncate(top / "big", 60 << 30)
    request = {"verb": "files-restore", "snapshot": "tank/a@s1", "guid": world.guids["s1"], "path": "big"}
    for stop in ("signal", "word"):
        with subprocess.Popen(
            [str(world.door.file), "files"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as running:
            assert running.stdin is not None
            assert running.stderr is not None
            running.stdin.write(json.dumps(request).encode() + b"\n")
            running.stdin.flush()
            while not left_over(world.live):
                assert running.poll() is None
                time.sleep(0.01)
            if stop == "signal":
                running.terminate()
            else:
                running.stdin.write(b"stop\n")
                running.stdin.flush()
            assert running.wait(60) == 1
            assert running.stderr.read().count(b"\n") == 1
        assert os.listdir(world.live) == [".zfs"]


def test_what_a_loss_of_power_left_goes_with_the_next_restore(world: World) -> None:
    top = world.snapshot("s1")
    (top / "f").write_text("x")
    left = world.live / (".dplane-restoring-" + "0" * 16)
    (left / "new" / "in").mkdir(parents=True, mode=0o755)
    (left / "new" / "out").symlink_to("/etc")
    (left / "new" / "in").chmod(0o000)
    left.chmod(0o700)
    not_ours = world.live / (".dplane-restoring-" + "1" * 16)
    not_ours.mkdir(mode=0o755)
    assert world.ask("files-restore", snapshot="tank/a@s1", path="f")[0] == 0
    assert not left.exists()
    assert not_ours.exists()
    assert Path("/etc").exists()


def test_what_is_asked_must_be_in_the_grammar_and_of_that_guid(world: World) -> None:
    fill(world.snapshot("s1"))
    for path in ("/etc", "../x", "docs/../..", "docs//a", ".zfs/snapshot", "a%2Fb", "%41", "a\n", "%ff", "docs/"):
        code, lines, said = world.ask("files-list", of="tank/a@s1", path=path)
        assert (code, lines) == (2, []), path
        assert said.startswith("files-list: path ")
    assert world.ask("files-list", of="tank/a@s1", guid="77")[0] == 4
    assert world.ask("files-restore", snapshot="tank/a@s1", guid="77", path="docs/a.txt")[0] == 4
    assert world.ask("noop", guid=GUID)[0] == 2
    assert world.ask("content", snapshot="tank/a@s1")[0] == 2


def test_links_and_mounts_on_the_way_are_not_followed(world: World, tmp_path: Path) -> None:
    top = world.snapshot("s1")
    fill(top)
    (tmp_path / "docs").mkdir()
    (world.live / "docs").symlink_to(tmp_path / "docs")
    (top / "out").symlink_to("/etc")
    code, _, said = world.ask("files-list", of="tank/a@s1", path="out")
    assert code == 2
    assert "symbolic link" in said
    code, _, said = world.ask("files-restore", snapshot="tank/a@s1", path="docs/a.txt")
    assert code == 2
    assert "symbolic link" in said
    assert os.listdir(tmp_path / "docs") == []
    (world.live / "docs").unlink()
    world._mount("tank/other", world.live / "docs")
    code, _, said = world.ask("files-restore", snapshot="tank/a@s1", path="docs/a.txt")
    assert code == 2
    assert "another file system" in said
    code, _, said = world.ask("files-restore", snapshot="tank/a@s1", path="docs", over=True, replaces="1:2:3")
    assert code == 2
    assert os.listdir(world.live / "docs") == []


def test_a_snapshot_that_is_something_else_is_not_taken_for_it(world: World) -> None:
    fill(world.snapshot("s1"))
    world._mount("tank/a@other", world.live / ".zfs" / "snapshot" / "s1")
    code, lines, said = world.ask("files-list", of="tank/a@s1")
    assert (code, lines) == (1, [])
    assert "something else" in said
    world._mount("tank/x", world.live)
    assert world.ask("files-list", of=DATASET)[0] == 1, "covered by another mount, it cannot be reached"


def test_through_the_door_it_mounts_for_itself_alone_and_is_written_down(world: World) -> None:
    fill(world.snapshot("s1"))  # what the door mounts is another one here, and empty: no ZFS puts the files there
    before = Path("/proc/self/mountinfo").read_text()
    request = {"verb": "files-list", "of": "tank/a@s1", "guid": world.guids["s1"]}
    done = world.door.run(request)
    assert (done.returncode, done.stderr) == (0, b"")
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"begin": "tank/a@s1", "guid": world.guids["s1"]},
        {"end": True, "items": 0, "bytes": 0},
    ]
    assert Path("/proc/self/mountinfo").read_text() == before
    restore = {**request, "verb": "files-restore", "snapshot": "tank/a@s1", "path": "docs/a.txt"}
    del restore["of"]
    (world.live / "docs").mkdir()
    done = world.door.run(restore)
    assert (done.returncode, done.stdout.count(b"\n")) == (4, 1)
    assert b"not there" in done.stderr
    assert os.listdir(world.live / "docs") == []
    told = [(line["verb"], line["phase"], line.get("code")) for line in world.door.audit()]
    assert told == [
        ("files-list", "intent", None),
        ("files-list", "done", 0),
        ("files-restore", "intent", None),
        ("files-restore", "done", 4),
    ]
    assert world.door.audit()[-1]["args"]["path"] == "docs/a.txt"
