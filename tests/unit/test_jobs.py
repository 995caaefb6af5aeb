"""Jobs: progress files written whole and read with distrust; jobs that died told from those that run."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dplane_tui.errors import MissingError, RefusedError
from dplane_tui.services.host import LocalHost
from dplane_tui.services.jobs import JobService, Progress, files
from dplane_tui.services.jobs.report import Reporter


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DPLANE_RUN_DIR", str(tmp_path))
    (tmp_path / "jobs").mkdir()
    return tmp_path / "jobs"


def test_what_is_written_is_read(folder: Path) -> None:
    pid, created = files.own_process()
    progress = Progress("a-1", "replicate", "running", "Bilder → nas-b", bytes_done=5, pid=pid, pid_created=created)
    files.write(folder, progress)
    assert files.read(folder, "a-1") == progress
    assert files.file_of(folder, "a-1").stat().st_mode & 0o777 == 0o664
    assert [path.name for path in folder.iterdir()] == ["a-1.json"]


def test_a_link_under_the_name_it_writes_first_is_not_written_through(folder: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    victim.chmod(0o600)
    (folder / f".a-1.json.{os.getpid()}").symlink_to(victim)
    files.write(folder, Progress("a-1", "replicate", "queued", "x"))
    assert (victim.read_text(), victim.stat().st_mode & 0o777) == ("mine", 0o600)
    assert not files.file_of(folder, "a-1").is_symlink()


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda x: st.lists(x) | st.dictionaries(st.text(), x),
)
FIELDS = st.fixed_dictionaries(
    {"id": st.just("job"), "state": st.sampled_from(["running", "queued", "succeeded", "failed", "died", "x"])},
    optional=dict.fromkeys(("title", "stage", "error", "pid", "eta_s", "bytes_done", "updated", "rate_bps"), JSON),
)


@given(st.text() | JSON.map(json.dumps) | FIELDS.map(json.dumps))
def test_a_hostile_file_is_never_an_error_and_never_reaches_a_terminal(text: str) -> None:
    progress = files.parse("job", text)
    for value in (progress.title, progress.stage, progress.error, progress.message, progress.state):
        assert value.isprintable()
        assert len(value) <= 500
    assert progress.state in {"running", "queued", "succeeded", "failed", "unknown"}
    assert progress.percent is None or 0 <= progress.percent <= 100
    assert progress.eta_s is None or progress.eta_s >= 0


def test_a_file_that_cannot_be_understood_is_unknown_not_running() -> None:
    assert files.parse("job", '{"id": "other", "state": "running"}').state == "unknown"
    assert files.parse("job", "[" * 100_000).state == "unknown"
    assert files.parse("job", " " * 70_000 + '{"id": "job", "state": "running"}').state == "unknown"


async def test_a_job_whose_process_is_gone_died(folder: Path) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "input()", stdin=asyncio.subprocess.PIPE)
    alive = Progress("b-1", "replicate", "running", pid=process.pid)
    files.write(folder, alive)
    assert [job.state for job in await JobService(LocalHost()).list()] == ["running"]
    process.kill()
    await process.wait()
    (found,) = await JobService(LocalHost()).list()
    assert found.state == "died"
    assert found.error


def test_a_number_that_another_process_got_is_not_the_job() -> None:
    pid, created = files.own_process()
    for other in (1.0, created + 1, time.time() - 86400.0):
        assert files.buried(Progress("b-1", "replicate", "running", pid=pid, pid_created=other)).state == "died"
    for same in (created, psutil.Process().create_time(), None):
        assert files.buried(Progress("b-1", "replicate", "running", pid=pid, pid_created=same)).state == "running"


def test_a_job_that_was_queued_and_never_started_died() -> None:
    fresh = Progress("b-1", "replicate", "queued", updated=time.time())
    assert files.buried(fresh).state == "queued"
    assert files.buried(replace(fresh, updated=time.time() - 1000)).state == "died"


async def test_a_job_is_watched_to_its_end_and_an_unknown_one_is_a_sentence(folder: Path) -> None:
    reporter = Reporter(folder, "c-1", "replicate", "photos")
    service = JobService(LocalHost())
    states = []
    async for progress in service.watch("c-1", 0.01):
        states.append((progress.state, progress.stage))
        if progress.state == "running" and progress.stage:
            reporter.end("succeeded", "done")
        elif progress.state == "running":
            reporter.update(stage="sending")
    assert states == [("running", ""), ("running", "sending"), ("succeeded", "sending")]
    with pytest.raises(MissingError, match="no job nothing"):
        await service.get("nothing")
    with pytest.raises(RefusedError, match="not running"):
        await service.stop("c-1")


def test_rate_and_eta_come_from_what_was_moved(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    reporter = Reporter(folder, "c-1", "replicate", "photos")
    for second in range(5):
        clock[0] += 1.0
        reporter.bytes(second * 1000, 10_000)
    assert reporter.progress.rate_bps == pytest.approx(1000)
    assert reporter.progress.eta_s == pytest.approx(6.0)
    reporter.end("failed", error="lost")
    assert reporter.progress.rate_bps is None


def test_old_jobs_are_swept_and_running_ones_never(folder: Path) -> None:
    pid, created = files.own_process()
    files.write(folder, Progress("old", "replicate", "succeeded", updated=1.0))
    files.write(folder, Progress("new", "replicate", "failed", updated=time.time()))
    files.write(folder, Progress("running", "replicate", "running", updated=1.0, pid=pid, pid_created=created))
    files.sweep(folder)
    assert sorted(path.stem for path in folder.glob("*.json")) == ["new", "running"]


def test_a_full_disk_does_not_stop_a_job(tmp_path: Path) -> None:
    reporter = Reporter(tmp_path / "file" / "jobs", "c-1", "replicate", "photos")
    (tmp_path / "not-a-folder").write_text("")
    other = Reporter(tmp_path / "not-a-folder" / "jobs", "c-2", "replicate", "photos")
    for each in (reporter, other):
        each.end("succeeded")
        assert each.progress.state == "succeeded"
