"""The audit log: the chain, what breaks it, crashes, rotation, and files that are not to be trusted."""

from __future__ import annotations

import json
import multiprocessing
import os
from pathlib import Path

import pytest

from privhelper.audit import GENESIS, NAME, AuditError, Log, Verification, files, own_hash, seal, verify

ME = os.getuid()


def lines(directory: Path) -> list[bytes]:
    return [line for file in files(str(directory)) for line in Path(file).read_bytes().splitlines(keepends=True)]


def checked(directory: Path, head: str = "") -> Verification:
    return verify(lines(directory), head)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    tmp_path.chmod(0o750)
    return Log(str(tmp_path), ME)


def test_an_empty_log_verifies() -> None:
    found = verify([])
    assert (found.problem, found.lines, found.head) == ("", 0, GENESIS)


def test_lines_are_chained(log: Log, tmp_path: Path) -> None:
    heads = [log.append({"verb": "noop", "n": n, "who": "a\x1b\n"}, durable=False)[1] for n in range(20)]
    written = [json.loads(line) for line in lines(tmp_path)]
    assert [entry["seq"] for entry in written] == list(range(1, 21))
    assert [entry["hash"] for entry in written] == heads
    assert [entry["prev"] for entry in written] == [GENESIS, *heads[:-1]]
    found = checked(tmp_path, heads[-1])
    assert (found.problem, found.lines, found.first, found.head) == ("", 20, 1, heads[-1])
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o640


def test_every_changed_byte_breaks_the_chain(log: Log, tmp_path: Path) -> None:
    for n in range(4):
        log.append({"verb": "pool-destroy", "args": {"pool": f"tank{n}"}}, durable=False)
    whole = (tmp_path / NAME).read_bytes()
    for at in range(len(whole)):
        if whole[at] == 10 and at == len(whole) - 1:
            continue  # the very last line end: cutting or changing it is the next test's matter
        changed = bytearray(whole)
        changed[at] ^= 1
        assert verify(bytes(changed).split(b"\n")[:-1]).problem, f"byte {at}"


def test_lines_removed_added_or_moved_break_the_chain(log: Log, tmp_path: Path) -> None:
    for n in range(5):
        log.append({"verb": "noop", "n": n}, durable=False)
    whole = lines(tmp_path)
    assert verify(whole[1:]).first == 2, "a log that begins late says so"
    assert verify([*whole[:2], *whole[3:]]).problem
    assert verify([whole[0], *whole]).problem
    assert verify([whole[1], whole[0], *whole[2:]]).problem
    assert verify([*whole, seal({"verb": "noop"}, 6, GENESIS)]).problem
    assert verify([*whole, b"\n"]).problem


def test_a_cut_end_shows_only_against_a_head_kept_elsewhere(log: Log, tmp_path: Path) -> None:
    heads = [log.append({"verb": "noop"}, durable=False)[1] for _ in range(5)]
    cut = lines(tmp_path)[:3]
    assert verify(cut).problem == ""
    assert "missing" in verify(cut, heads[-1]).problem
    assert verify(lines(tmp_path), heads[2]).problem == ""


def test_a_line_cut_short_by_a_crash_is_accounted_for(log: Log, tmp_path: Path) -> None:
    log.append({"verb": "noop"}, durable=False)
    whole = (tmp_path / NAME).read_bytes()
    for cut in (1, 10, len(whole) - 20):
        with (tmp_path / NAME).open("ab") as file:
            file.write(whole[:cut])
        assert checked(tmp_path).problem
        log.append({"verb": "noop", "after": "crash"}, durable=False)
        assert checked(tmp_path).problem == ""
    assert checked(tmp_path).torn == [2, 4, 6]
    damaged = (tmp_path / NAME).read_bytes().replace(whole[:10] + b"\n", whole[:9] + b"\n")
    assert verify(damaged.splitlines()).problem, "a torn line can't be changed later either"


def test_the_first_line_cut_short(log: Log, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b'{"seq":1,"ti')
    (tmp_path / NAME).chmod(0o640)
    log.append({"verb": "noop"}, durable=True)
    found = checked(tmp_path)
    assert (found.problem, found.torn, found.first) == ("", [1], 1)


def test_a_line_that_lost_only_its_end(log: Log, tmp_path: Path) -> None:
    log.append({"verb": "noop"}, durable=False)
    whole = (tmp_path / NAME).read_bytes()
    (tmp_path / NAME).write_bytes(whole[:-1])
    log.append({"verb": "noop"}, durable=False)
    found = checked(tmp_path)
    assert (found.problem, found.lines, found.torn) == ("", 2, [])


def test_a_damaged_last_line_stays_damaged(log: Log, tmp_path: Path) -> None:
    for _ in range(3):
        log.append({"verb": "noop"}, durable=False)
    whole = (tmp_path / NAME).read_bytes()
    (tmp_path / NAME).write_bytes(whole[:-2] + b"x\n")
    log.append({"verb": "noop"}, durable=False)
    assert checked(tmp_path).problem


def test_rotation_goes_on_with_the_chain(tmp_path: Path) -> None:
    log = Log(str(tmp_path), ME, rotate_at=2000)
    tmp_path.chmod(0o750)
    for n in range(40):
        log.append({"verb": "noop", "n": n}, durable=False)
    assert len(files(str(tmp_path))) > 3
    found = checked(tmp_path)
    assert (found.problem, found.lines, found.first) == ("", 40, 1)
    Path(files(str(tmp_path))[1]).unlink()
    assert checked(tmp_path).problem


def test_arguments_that_are_too_long_for_a_line(log: Log) -> None:
    with pytest.raises(AuditError):
        log.append({"verb": "x" * 40_000}, durable=False)


def test_a_log_that_is_not_roots_own_file_is_not_written(log: Log, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("")
    (tmp_path / NAME).symlink_to(elsewhere)
    with pytest.raises(AuditError):
        log.append({"verb": "noop"}, durable=False)
    assert elsewhere.read_text() == ""
    (tmp_path / NAME).unlink()
    (tmp_path / NAME).hardlink_to(elsewhere)
    with pytest.raises(AuditError):
        log.append({"verb": "noop"}, durable=False)
    (tmp_path / NAME).unlink()
    os.mkfifo(tmp_path / NAME, 0o600)
    with pytest.raises(AuditError):
        log.append({"verb": "noop"}, durable=False)
    (tmp_path / NAME).unlink()
    tmp_path.chmod(0o777)
    with pytest.raises(AuditError):
        log.append({"verb": "noop"}, durable=False)
    tmp_path.chmod(0o750)
    with pytest.raises(AuditError):
        Log(str(tmp_path), ME + 1).append({"verb": "noop"}, durable=False)
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    with pytest.raises(AuditError):
        Log(str(link), ME).append({"verb": "noop"}, durable=False)


def _append_many(directory: str, count: int) -> None:
    log = Log(directory, ME, rotate_at=3000)
    for n in range(count):
        log.append({"verb": "noop", "n": n, "pid": os.getpid()}, durable=False)


def test_many_processes_write_one_chain(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=_append_many, args=(str(tmp_path), 40)) for _ in range(6)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    found = checked(tmp_path)
    assert (found.problem, found.lines) == ("", 240)


def test_a_full_disk_is_a_sentence_and_leaves_the_chain_whole(log: Log, tmp_path: Path) -> None:
    import resource
    import signal

    log.append({"verb": "noop"}, durable=False)
    size = (tmp_path / NAME).stat().st_size
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    # A limit on the size of files stops a write in the middle, as a full disk does.
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 50, old[1]))
    try:
        with pytest.raises(AuditError):
            log.append({"verb": "noop"}, durable=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)
    log.append({"verb": "noop"}, durable=False)
    found = checked(tmp_path)
    assert (found.problem, found.lines, found.torn) == ("", 2, [])


def test_own_hash_takes_only_whole_lines() -> None:
    line = seal({"verb": "noop"}, 1, GENESIS)
    assert len(own_hash(line)) == 64
    assert own_hash(line[:-1]) == ""
    assert own_hash(b"") == ""
    assert own_hash(line.replace(b'"hash":"', b'"hash":"Z')) == ""
