"""Commands on this machine: limits, time-outs, and that everything a command started is ended."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dplane_tui.errors import CommandError, MissingError, NotAllowedError, TimedOutError
from dplane_tui.services.host import LocalHost, local
from dplane_tui.services.host.lines import LINE_LIMIT, LineReader


def alive(pid: int) -> bool:
    """Whether that process still runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


async def until(true: Callable[[], bool]) -> None:
    """Wait for something outside of this process; the time is only there to end a test that fails."""
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110 (other processes set no events)
            await asyncio.sleep(0.02)


async def gone(pid: int) -> None:
    """Wait for that process to end."""
    await until(lambda: not alive(pid))


async def test_run_gives_status_and_both_streams() -> None:
    output = await LocalHost().run(["sh", "-c", "cat; echo oops >&2; exit 3"], stdin=b"in\n")
    assert (output.status, output.text, output.error) == (3, "in\n", "oops\n")


async def test_run_in_the_c_locale_with_sbin_on_the_path() -> None:
    output = await LocalHost().run(["sh", "-c", 'echo "$LC_ALL $PATH"'])
    assert output.text.startswith("C ")
    assert ":/usr/sbin:" in output.text


async def test_killed_command_has_a_negative_status() -> None:
    assert (await LocalHost().run(["sh", "-c", "kill -9 $$"])).status == -9


async def test_missing_and_forbidden_programs_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MissingError, match="no-such-program is not installed"):
        await LocalHost().run(["no-such-program"])
    script = tmp_path / "forbidden-program"
    script.write_text("#!/bin/sh\n")
    with pytest.raises(NotAllowedError, match="may not be run"):
        await LocalHost().run([str(script)])
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin")
    with pytest.raises(NotAllowedError, match="may not be run"):
        await LocalHost().run(["forbidden-program"])


@pytest.mark.skipif(os.geteuid() == 0, reason="no folder is closed to root")
async def test_a_closed_folder_on_the_path_forbids_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    monkeypatch.setenv("PATH", f"{tmp_path}/closed:/usr/bin")
    with pytest.raises(MissingError, match="no-such-program is not installed"):
        await LocalHost().run(["no-such-program"])


async def test_nul_in_an_argument_is_an_error_of_ours() -> None:
    with pytest.raises(CommandError, match="could not be started"):
        await LocalHost().run(["echo", "a\0b"])


async def test_time_out_ends_the_whole_group(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = f"trap '' TERM; sleep 60 & echo $! $$ >{pids}; wait"
    with pytest.raises(TimedOutError, match="sh did not answer within 1 s"):
        await LocalHost().run(["sh", "-c", script], timeout=1)
    for pid in map(int, pids.read_text().split()):
        await gone(pid)


async def test_cancelled_run_ends_its_command(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    task = asyncio.create_task(LocalHost().run(["sh", "-c", f"echo $$ >{pids}; exec sleep 60"]))
    await until(lambda: pids.exists() and bool(pids.read_text().strip()))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await gone(int(pids.read_text()))


async def test_too_much_output_is_refused_and_the_writer_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(local, "OUTPUT_LIMIT", 1 << 20)
    pids = tmp_path / "pids"
    with pytest.raises(CommandError, match="wrote more than"):
        await LocalHost().run(["sh", "-c", f"echo $$ >{pids}; exec yes"])
    await gone(int(pids.read_text()))


async def test_large_standard_error_is_read_and_cut() -> None:
    output = await LocalHost().run([sys.executable, "-c", "import sys; sys.stderr.write('x' * 3_000_000)"])
    assert output.stderr == b"x" * LINE_LIMIT


async def test_program_that_does_not_read_its_input_ends_all_the_same() -> None:
    assert (await LocalHost().run(["true"], stdin=b"x" * 5_000_000)).status == 0


async def test_lines_follow_and_the_rest_is_left_for_wait() -> None:
    process = await LocalHost().open(["sh", "-c", "read a; echo got $a; read b; echo got $b; echo more"])
    lines = process.lines()
    await process.write(b"1\n")
    assert await anext(lines) == "got 1"
    await process.write(b"2\n")
    assert await anext(lines) == "got 2"
    await process.close_stdin()
    assert (await process.wait()).stdout == b"more\n"


async def test_stop_is_safe_twice_and_ends_the_deaf() -> None:
    process = await LocalHost().open(["sh", "-c", "trap '' TERM; echo $$; while :; do sleep 1; done"])
    pid = int(await anext(process.lines()))
    await process.stop()
    await process.stop()
    await gone(pid)


class Source:
    """A stream that gives pieces of its own choice, and tells how much a reader held at most."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)

    async def read(self, size: int) -> bytes:
        piece = self.pieces.pop(0) if self.pieces else b""
        assert len(piece) <= size
        return piece


async def test_over_long_line_is_cut_and_its_tail_dropped() -> None:
    tail = [b"y" * 60_000] * 50
    reader = LineReader(Source(b"one\ntw", b"o\r\n", b"x" * 60_000, *tail, b"z\nlast").read)
    lines = [line async for line in reader.lines()]
    assert [len(line) for line in lines] == [3, 3, LINE_LIMIT, 4]
    assert lines[:2] == ["one", "two"]
    assert lines[3] == "last"


async def test_over_long_line_is_never_held_whole() -> None:
    held = 0
    reader = LineReader(Source(*[b"x" * 60_000] * 100, b"\n").read)
    async for line in reader.lines():
        held = max(held, len(line), len(reader._buffer))
    assert 0 < held <= 2 * LINE_LIMIT


async def test_bytes_that_are_not_utf8_do_not_break_a_line() -> None:
    assert [line async for line in LineReader(Source(b"a\xff\n").read).lines()] == ["a�"]


async def test_read_files_expands_patterns_and_leaves_out_what_is_not_there(tmp_path: Path) -> None:
    for name in ("a/state", "b/state", "b/other"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    found = await LocalHost().read_files([f"{tmp_path}/*/state", f"{tmp_path}/none", "/proc/uptime"])
    assert found.pop("/proc/uptime")
    assert found == {f"{tmp_path}/a/state": "a/state", f"{tmp_path}/b/state": "b/state"}


async def test_read_files_leaves_out_what_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "nowhere").symlink_to("none")
    assert await LocalHost().read_files([f"{tmp_path}/*", f"{tmp_path}/folder"]) == {}


async def test_a_writer_that_belongs_to_root_ends_when_nobody_reads_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    process = await LocalHost().open(["yes"])
    lines = process.lines()
    assert await anext(lines) == "y"
    pid = process._process.pid

    def not_ours(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "killpg", not_ours)
    monkeypatch.setattr(subprocess.Popen, "send_signal", not_ours)
    await process.stop()
    await gone(pid)
