"""Paths of requests, and looking them up: no name, link or race leads out of the top."""

from __future__ import annotations

import errno
import os
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privhelper import beneath, linuxcalls
from privhelper.copying import Copy, read_back, remove
from privhelper.counting import count
from privhelper.restoring import _cut

names = st.binary(min_size=1, max_size=60).filter(lambda name: not {b"/", b"\0"} & {name[i : i + 1] for i in range(60)})


@given(st.binary(max_size=200))
def test_any_bytes_are_written_in_one_way(raw: bytes) -> None:
    text = beneath.shown(raw)
    assert text.isascii()
    assert text.isprintable() or not text
    assert beneath.raw(text) == raw


@given(st.text(max_size=40))
def test_what_is_taken_is_what_would_be_written(text: str) -> None:
    try:
        raw = beneath.raw(text)
    except ValueError:
        return
    assert beneath.shown(raw) == text


@given(st.lists(names, min_size=1, max_size=6))
def test_names_of_any_bytes_pass_and_those_that_lead_elsewhere_do_not(path: list[bytes]) -> None:
    text = beneath.shown(b"/".join(path))
    leads = path[0] == b".zfs" or {b".", b".."} & set(path)
    assert (beneath.item_problem(text) == "") != bool(leads)
    if not leads:
        assert beneath.parts(text) == path


@pytest.mark.parametrize(
    "text", ["/a", "a/", "a//b", "..", "a/../b", ".", "a/.", ".zfs", ".zfs/x", "a%00", "%2e%2e", "%2E%2E", "%c3", "é",
             "a\n", "%", "%4", "x" * 256, "/".join(["x" * 200] * 21)]
)  # fmt: skip
def test_paths_that_are_refused(text: str) -> None:
    assert beneath.item_problem(text)
    assert beneath.path_problem(text)


def test_the_top_is_a_folder_and_no_item() -> None:
    assert beneath.path_problem("") == ""
    assert beneath.item_problem("")
    assert beneath.path_problem(7)


@pytest.fixture(params=["the kernel's call", "step by step"])
def top(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    if request.param != "the kernel's call":

        def missing(*_args: object) -> int:
            raise OSError(errno.ENOSYS, "")

        monkeypatch.setattr(linuxcalls, "open_beneath", missing)
    inside = tmp_path / "top"
    inside.mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("secret")
    return inside


def opened(top: Path, path: bytes, flags: int = beneath.FILE) -> int:
    handle = os.open(top, beneath.DIRECTORY)
    try:
        return beneath.open_at(handle, path.split(b"/"), flags)
    finally:
        os.close(handle)


def test_links_are_told_and_not_followed(top: Path) -> None:
    (top / "a").mkdir()
    (top / "a" / "f").write_text("x")
    (top / "inner").symlink_to("a")
    (top / "outer").symlink_to("../outside")
    (top / "file").symlink_to("../outside/secret")
    os.close(opened(top, b"a/f"))
    for path in (b"inner/f", b"outer/secret", b"file"):
        with pytest.raises(OSError) as caught:
            opened(top, path)
        assert caught.value.errno == errno.ELOOP
    with pytest.raises(OSError) as caught:
        opened(top, b"inner", beneath.DIRECTORY)
    assert caught.value.errno in (errno.ELOOP, errno.ENOTDIR)
    handle = opened(top, b"outer", beneath.LOOK)
    assert os.readlink("", dir_fd=handle) == "../outside"
    os.close(handle)
    with pytest.raises(FileNotFoundError):
        opened(top, b"a/none")
    with pytest.raises(NotADirectoryError):
        opened(top, b"a/f/x")


def test_a_path_longer_than_the_kernel_takes_at_once(top: Path) -> None:
    at = os.open(top, beneath.DIRECTORY)
    path = [b"x" * 200] * 30
    for name in path:
        os.mkdir(name, dir_fd=at)
        below = os.open(name, beneath.DIRECTORY, dir_fd=at)
        os.close(at)
        at = below
    os.close(at)
    handle = os.open(top, beneath.DIRECTORY)
    deep = beneath.open_at(handle, path, beneath.DIRECTORY)
    assert os.listdir(deep) == []
    os.close(deep)
    remove_all(handle, path[0])
    assert os.listdir(handle) == []
    os.close(handle)


def remove_all(at: int, name: bytes) -> None:
    below = os.open(name, beneath.DIRECTORY, dir_fd=at)
    remove(at, name, below)
    os.close(below)


def test_a_folder_that_is_swapped_for_a_link_never_leads_out(top: Path) -> None:
    (top / "a").mkdir()
    (top / "a" / "secret").write_text("inside")
    (top / "link").symlink_to("../outside")
    handle = os.open(top, beneath.DIRECTORY)
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            linuxcalls.rename(handle, b"a", handle, b"link", exchange=True)

    swapping = threading.Thread(target=swap)
    swapping.start()
    read, codes = 0, []
    try:
        for _ in range(500):
            try:
                found = beneath.open_at(handle, [b"a", b"secret"], beneath.FILE)
            except OSError as error:
                codes.append(error.errno)
                continue
            assert os.read(found, 100) == b"inside"
            os.close(found)
            read += 1
    finally:
        stop.set()
        swapping.join()
        os.close(handle)
    assert read + len(codes) == 500
    assert set(codes) <= {errno.ELOOP, errno.ENOTDIR, errno.ENOENT}


def test_nothing_is_ever_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at = os.open(tmp_path, beneath.DIRECTORY)

    def ways() -> None:
        for kind in ("file", "folder"):
            one, two = tmp_path / f"{kind}1", tmp_path / f"{kind}2"
            for path, word in ((one, "1"), (two, "2")):
                if kind == "folder":
                    path.mkdir()
                    (path / "in").write_text(word)
                else:
                    path.write_text(word)
            with pytest.raises(FileExistsError):
                beneath.put(at, one.name.encode(), at, two.name.encode())
            beneath.exchange(at, one.name.encode(), two.name.encode())
            told = [(path / "in" if kind == "folder" else path).read_text() for path in (one, two)]
            assert told == ["2", "1"]
            beneath.put(at, one.name.encode(), at, b"free")
            assert not one.exists()
            remove_all(at, b"free") if kind == "folder" else (tmp_path / "free").unlink()
            remove_all(at, two.name.encode()) if kind == "folder" else two.unlink()
        assert os.listdir(at) == []

    ways()

    def old(*_args: object, **_more: object) -> None:
        raise OSError(errno.EINVAL, "")  # what ZFS before 2.2 says

    monkeypatch.setattr(linuxcalls, "rename", old)
    ways()
    os.close(at)


@given(st.text(max_size=200), st.integers(min_value=1, max_value=300))
def test_a_name_is_cut_at_the_border_of_a_character(name: str, limit: int) -> None:
    raw = name.encode("utf-8", "surrogatepass")
    cut = _cut(raw, limit)
    assert len(cut) <= limit
    assert raw.startswith(cut)
    assert cut.decode("utf-8", "surrogatepass") in name


tree = st.recursive(
    st.one_of(st.binary(max_size=50), st.just("link"), st.just("fifo")),
    lambda inner: st.dictionaries(names.filter(lambda name: name not in (b".", b"..")), inner, max_size=4),
    max_leaves=12,
)


def build(at: bytes, what: object) -> None:
    if isinstance(what, dict):
        os.mkdir(at)
        for name, inner in what.items():
            build(at + b"/" + name, inner)
    elif what == "link":
        os.symlink(b"../" * 9 + b"etc", at)
    elif what == "fifo":
        os.mkfifo(at)
    else:
        assert isinstance(what, bytes)
        Path(os.fsdecode(at)).write_bytes(what)


@given(st.dictionaries(names.filter(lambda name: name not in (b".", b"..")), tree, max_size=5))
def test_any_tree_is_copied_counted_read_back_and_removed(what: dict[bytes, object]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        at = os.fsencode(folder)
        build(at + b"/source", what)
        handle = os.open(folder, beneath.DIRECTORY)
        before = os.listdir("/proc/self/fd")
        copy = Copy(lambda _count: None)
        copy.make(handle, b"source", handle, b"copy")
        assert read_back(handle, b"copy", lambda _count: None) == copy.digest()
        counted, tally = count(handle, b"source", lambda: None), copy.counts()
        assert [counted[k] for k in ("files", "folders", "links")] == [tally[k] for k in ("files", "folders", "links")]
        assert counted["others"] == tally["left_out"]
        assert int(str(counted["size"])) == tally["bytes"]
        remove_all(handle, b"copy")
        assert os.listdir(handle) == ["source"]
        assert os.listdir("/proc/self/fd") == before, "no descriptor is left"
        os.close(handle)


def test_a_byte_that_was_not_written_as_read_is_found(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "f").write_bytes(b"x" * 5000)
    handle = os.open(tmp_path, beneath.DIRECTORY)
    copy = Copy(lambda _count: None)
    copy.make(handle, b"a", handle, b"b")
    times = os.stat(tmp_path / "b" / "f")
    with (tmp_path / "b" / "f").open("r+b") as file:
        file.seek(4000)
        file.write(b"y")
    os.utime(tmp_path / "b" / "f", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert read_back(handle, b"b", lambda _count: None) != copy.digest()
    os.close(handle)
