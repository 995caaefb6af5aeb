"""`dplane replicate check`: the Nagios form, and that nothing unknown or unproven is ever OK."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dplane_tui.cli.replicate_check import answer, verdict
from dplane_tui.services.host import LocalHost
from dplane_tui.services.replication.model import Run, Task, TaskStatus
from dplane_tui.services.replication.service import LocalReplication

from .test_replication_service import TASK, proven_run, state

__all__ = ["state"]

NOW = 1_795_000_000.0
PHOTOS = Task("photos", "tank/photos", "attic", "vault/photos", rpo=86400)
FORM = re.compile(r"(OK|WARNING|CRITICAL|UNKNOWN) - [^|\n]+(?: \| [^|\n]+)?")


def status(age: float | None, last: str = "succeeded", message: str = "", task: Task = PHOTOS) -> TaskStatus:
    fresh = None if age is None else NOW - age
    run = Run("r1", task.name, last, NOW - 60, NOW, message=message) if last else None
    late = None if age is None else age > task.rpo
    return TaskStatus(task, run, fresh, "s1", fresh, late, fresh_at=fresh)


@pytest.mark.parametrize(
    ("item", "code", "line"),
    [
        (
            status(3600),
            0,
            "OK - photos is proven at attic:vault/photos up to 1h ago, its limit is 1d | 'photos'=3600s;;86400;0",
        ),
        (
            status(90000),
            2,
            "CRITICAL - photos is late: proven at attic:vault/photos up to 1d 1h ago, its limit is 1d"
            " | 'photos'=90000s;;86400;0",
        ),
        (
            status(3600, "failed", "The attic | refused."),
            1,
            "WARNING - photos is in time, but its last run failed: The attic / refused; "
            "proven at attic:vault/photos up to 1h ago, its limit is 1d | 'photos'=3600s;;86400;0",
        ),
        (
            status(None, "failed", "No."),
            2,
            "CRITICAL - photos was never proven at attic:vault/photos; its last run failed: No | 'photos'=U;;86400;0",
        ),
        (status(None, ""), 2, "CRITICAL - photos was never proven at attic:vault/photos | 'photos'=U;;86400;0"),
    ],
)
def test_one_task_in_one_line(item: TaskStatus, code: int, line: str) -> None:
    result = answer([item], NOW)
    assert (result.exit_code, result.text) == (code, line)


def test_a_run_that_was_stopped_or_died_is_a_warning_and_a_running_one_is_not() -> None:
    for last, code in (("died", 1), ("cancelled", 1), ("running", 0), ("queued", 0), ("nothing-new", 0), ("", 0)):
        assert answer([status(3600, last)], NOW).exit_code == code, last


def test_an_age_from_the_future_is_unknown_but_clocks_may_differ_a_little() -> None:
    assert answer([status(-3600)], NOW).exit_code == 3
    assert answer([status(-60)], NOW).exit_code == 0
    assert "=0s;" in answer([status(-60)], NOW).text


def test_without_a_task_nothing_is_known() -> None:
    result = answer([], NOW)
    assert result.exit_code == 3
    assert result.text.startswith("UNKNOWN - no replication task")


def test_of_several_the_worst_decides_and_only_the_bad_are_told() -> None:
    music = Task("music", "tank/music", None, "vault/music", rpo=3600)
    result = answer([status(60), status(7200, task=music)], NOW)
    assert result.exit_code == 2
    assert result.text.startswith("CRITICAL - 1 of 2 tasks: music is late: proven at vault/music up to 2h ago")
    assert result.text.endswith("| 'photos'=60s;;86400;0 'music'=7200s;;3600;0")
    assert "photos" not in result.text.partition("|")[0]
    good = answer([status(60), status(120, task=music)], NOW)
    assert good.exit_code == 0
    assert good.text.startswith("OK - all 2 tasks are in time; the oldest: music")
    late_and_unknown = answer([status(-9999), status(7200, task=music)], NOW)
    assert late_and_unknown.exit_code == 2, "what is known to be bad is not hidden by what is unknown"


@example("\xa0\u3000x", 60.0, "failed")
@given(st.text(max_size=80), st.floats(-1e7, 1e7), st.sampled_from(["failed", "succeeded", ""]))
def test_whatever_a_far_box_said_the_form_holds(message: str, age: float, last: str) -> None:
    item = status(age, last, message)
    result = answer([item], NOW)
    assert FORM.fullmatch(result.text), result.text
    assert result.text.isprintable()
    assert (result.exit_code == 0) == (result.error is None) == (verdict(item, NOW).state == "OK")


def check(*args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dplane_tui", "replicate", "check", *args]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


async def test_the_command_from_the_store(state: Path) -> None:
    done = check()
    assert (done.returncode, done.stdout[:9], done.stderr) == (3, "UNKNOWN -", "")
    service = LocalReplication(LocalHost())
    await service.add_task(TASK)
    done = check("photos")
    assert (done.returncode, done.stdout[:10]) == (2, "CRITICAL -")
    now = time.time()
    await proven_run("photos", "succeeded", now - 100, now - 100)
    done = check("--read-only")
    assert done.returncode == 0, done.stdout
    age = re.search(r"\| 'photos'=(\d+)s;;3600;0\n$", done.stdout)
    assert age
    assert 100 <= int(age[1]) < 200
    done = check("--json")
    told = json.loads(done.stdout)
    assert (told["ok"], told["data"]["state"], told["data"]["tasks"][0]["rpo"]) == (True, "OK", 3600)
    done = check("nothing", "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["ok"], told["data"]["state"]) == (3, False, "UNKNOWN")


def test_a_store_that_cannot_be_read_is_unknown_and_no_warning(state: Path) -> None:
    store = state / "state" / "store"
    store.mkdir(parents=True)
    (store / "dplane.db").mkdir()
    done = check()
    assert (done.returncode, done.stdout[:9], done.stderr) == (3, "UNKNOWN -", "")
