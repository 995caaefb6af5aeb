"""Restores as root: roles, races with who owns the folder, file systems that cannot exchange names, a full disk."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from privhelper import beneath, copying, linuxcalls, restoring
from privhelper.content import Teller
from privhelper.failure import Failure
from privhelper.request import allows, parse, role_needed
from privhelper.restoring import Restore
from privhelper.verbs_files import FILES

from .files_world import left_over


class Place:
    """A snapshot and its dataset as two folders."""

    def __init__(self, root: Path) -> None:
        self.snapshot, self.live = root / "snapshot", root / "live"
        for top in (self.snapshot, self.live):
            (top / "docs").mkdir(parents=True)
        (self.snapshot / "docs" / "f").write_text("old")
        self._out = os.open(root / "told", os.O_RDWR | os.O_CREAT)

    def restore(self, path: bytes = b"docs/f", *, over: bool = False) -> dict[str, object]:
        source, target = (os.open(top, beneath.DIRECTORY) for top in (self.snapshot, self.live))
        try:
            there = self.live / os.fsdecode(path)
            seen = there.lstat() if over and os.path.lexists(there) else None
            state = f"{seen.st_ino}:{seen.st_size}:{seen.st_mtime_ns}" if seen else ""
            restore = Restore(source, target, path.split(b"/"), "s1", Teller(self._out))
            return restore.run(over=over, replaces=state)
        finally:
            os.close(source)
            os.close(target)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_files_need_an_administrator() -> None:
    for verb in FILES:
        args = {arg.name: arg.example for arg in verb.args}
        assert not allows("operate", role_needed(verb, args))
    with pytest.raises(Exception, match="no argument 'dry"):
        parse(b'{"verb":"files-list","of":"t/a","guid":"1","dry_run":true}')


def test_an_old_file_system_that_cannot_exchange_names(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def old(*_args: object, **_more: object) -> None:
        raise OSError(errno.EINVAL, "")

    monkeypatch.setattr(linuxcalls, "rename", old)
    for path in (b"docs/f", b"docs"):
        there = place.live / os.fsdecode(path)
        if path == b"docs/f":
            there.write_text("new")
        done = place.restore(path, over=True)
        assert done["restored"] == path.decode()
        assert (place.live / "docs" / "f").read_text() == "old"
        assert os.path.lexists(place.live / str(done["kept"]))
        assert left_over(place.live) == []
    assert place.restore()["restored"] == "docs/f.restored-s1"


def test_somebody_makes_the_name_anew_at_that_moment(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    there = place.live / "docs" / "f"
    there.write_text("new")
    put = beneath.put

    def old(*_args: object, **_more: object) -> None:
        raise OSError(errno.EINVAL, "")

    def raced(source: int, one: bytes, target: int, other: bytes) -> None:
        if other == b"f":
            there.write_text("theirs")
        put(source, one, target, other)

    monkeypatch.setattr(linuxcalls, "rename", old)
    monkeypatch.setattr(beneath, "put", raced)
    with pytest.raises(Failure, match=r"made f anew|not what you saw|there"):
        place.restore(over=True)
    texts = sorted(path.read_text() for path in (place.live / "docs").iterdir() if path.is_file())
    assert "theirs" in texts
    assert left_over(place.live / "docs") == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EPERM])
@pytest.mark.parametrize("call", ["pwrite", "fsync", "fchmod", "utime"])
def test_whatever_fails_on_the_way_leaves_all_as_it_was(
    place: Place, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    there = place.live / "docs" / "f"
    there.write_text("new")

    def broken(*_args: object, **_more: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, broken)
    with pytest.raises(Failure, match="nothing was changed"):
        place.restore(over=True)
    monkeypatch.undo()
    assert there.read_text() == "new"
    assert os.listdir(place.live / "docs") == ["f"]


def test_what_reads_back_otherwise_never_gets_the_name(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    (place.live / "docs" / "f").write_text("new")
    monkeypatch.setattr(restoring, "read_back", lambda *_args: b"other")
    with pytest.raises(Failure, match="reads back differently"):
        place.restore(over=True)
    assert (place.live / "docs" / "f").read_text() == "new"
    assert os.listdir(place.live / "docs") == ["f"]


def test_a_folder_swapped_while_restoring_never_leads_out(place: Place, tmp_path: Path) -> None:
    """Whoever owns the folder swaps it for a link to elsewhere, all the time, and makes names of ours there."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "f").write_text("not to be touched")
    (place.live / "link").symlink_to(outside)
    handle = os.open(place.live, beneath.DIRECTORY)
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            linuxcalls.rename(handle, b"docs", handle, b"link", exchange=True)

    swapping = threading.Thread(target=swap)
    swapping.start()
    ended = []
    try:
        for turn in range(60):
            try:
                ended.append(place.restore(over=bool(turn % 2)))
            except (Failure, OSError) as why:
                ended.append({"failed": str(why)})
    finally:
        stop.set()
        swapping.join()
        os.close(handle)
    assert len(ended) == 60
    assert os.listdir(outside) == ["f"]
    assert (outside / "f").read_text() == "not to be touched"
    real = next(path for path in (place.live / "docs", place.live / "link") if not path.is_symlink())
    assert left_over(real) == []


def test_a_folder_of_somebody_that_has_a_name_of_ours_stays(place: Place) -> None:
    diary = place.live / "docs" / (".dplane-restoring-" + "a" * 16)  # renamed so by whoever may write to docs
    diary.mkdir(0o700)
    (diary / "years.txt").write_text("irreplaceable")
    (diary / "new").write_text("the same")
    place.restore()
    assert (diary / "years.txt").read_text() == "irreplaceable"


@pytest.mark.parametrize("fails", [False, True])
def test_what_gets_the_name_of_our_folder_meanwhile_stays(
    place: Place, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    docs = place.live / "docs"
    (docs / "alice" / "deep").mkdir(parents=True)
    (docs / "alice" / "deep" / "work").write_text("irreplaceable")
    real = copying.read_back

    def swapped(*args: object) -> bytes:
        mine = next(path for path in docs.iterdir() if path.name.startswith(".dplane-restoring-"))
        mine.rename(docs / "moved")
        (docs / "alice").rename(mine)
        return b"other" if fails else real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(restoring, "read_back", swapped)
    if fails:
        with pytest.raises(Failure, match="reads back differently"):
            place.restore()
    else:
        assert place.restore()["restored"] == "docs/f.restored-s1" or (docs / "f").read_text() == "old"
    [alice] = [path for path in docs.iterdir() if path.name.startswith(".dplane-restoring-")]
    assert (alice / "deep" / "work").read_text() == "irreplaceable"
    assert list((docs / "moved").iterdir()) == [], "what was copied is gone from our own"


def test_a_folder_swapped_before_it_is_open_is_not_taken_for_ours(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.mkdir

    def swapped(name: bytes, mode: int = 0o777, *, dir_fd: int) -> None:
        real(name, mode, dir_fd=dir_fd)
        if name.startswith(restoring.OURS):
            os.rename(name, b"gone", src_dir_fd=dir_fd, dst_dir_fd=dir_fd)
            real(name, 0o777, dir_fd=dir_fd)
            real(name + b"/theirs", 0o777, dir_fd=dir_fd)

    monkeypatch.setattr(os, "mkdir", swapped)
    with pytest.raises(Failure, match="changed the folder"):
        place.restore()
    assert not (place.live / "docs" / "f.restored-s1").exists()
    [theirs] = [path for path in (place.live / "docs").iterdir() if path.name.startswith(".dplane-restoring-")]
    assert (theirs / "theirs").is_dir()


def test_a_tree_that_is_moved_while_it_is_removed_leads_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("work/new/deep", "hers/kept"):
        (tmp_path / name).mkdir(parents=True)
    real, parent = copying._changed, os.open(tmp_path, beneath.DIRECTORY)

    def moved(at: int, name: bytes) -> int:
        below = real(at, name)
        if name == b"deep":
            (tmp_path / "work" / "new" / "deep").rename(tmp_path / "hers" / "deep")
        return below

    monkeypatch.setattr(copying, "_changed", moved)
    work = os.open("work", beneath.DIRECTORY, dir_fd=parent)
    with pytest.raises(Failure, match="Somebody moved deep"):
        copying.remove(parent, b"work", work)
    os.close(work)
    os.close(parent)
    assert (tmp_path / "hers" / "kept").is_dir()


def test_names_at_their_longest(place: Place) -> None:
    name = "é" * 127
    (place.snapshot / "docs" / name).write_text("old")
    done = place.restore(f"docs/{name}".encode())
    made = [path for path in (place.live / "docs").iterdir() if path.name.endswith(".restored-s1")]
    assert len(made) == 1
    assert len(made[0].name.encode()) <= 255
    assert beneath.raw(str(done["restored"])).decode() == f"docs/{made[0].name}"


def test_devices_pipes_and_sockets_alone_are_refused(place: Place) -> None:
    os.mkfifo(place.snapshot / "docs" / "pipe")
    with pytest.raises(Failure, match="device, pipe or socket"):
        place.restore(b"docs/pipe")
    assert os.listdir(place.live / "docs") == []
