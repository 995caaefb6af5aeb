"""`make run`: where the console opens, and the background of the first time. The pair's own tool is a script here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dplane_tui.services.jobs import files
from lab import run
from lab.run import Choice, Facts, choose


def facts(*arguments: str, zfs: bool = False, built: bool = False, cannot: str = "", terminal: bool = True) -> Facts:
    return Facts(zfs, built, cannot, terminal, arguments)


def test_a_machine_with_zfs_gets_the_console_here_and_arguments_pass_through() -> None:
    assert choose(facts(zfs=True)) == Choice("here")
    assert choose(facts("pool", "list", zfs=True, built=True)) == Choice("here", ("pool", "list"))


def test_a_built_pair_gets_the_console_on_its_first_box() -> None:
    assert choose(facts(built=True)) == Choice("pair", ("--host", "nas-a"))
    assert choose(facts("pool", "list", built=True)) == Choice("pair", ("--host", "nas-a", "pool", "list"))


@pytest.mark.parametrize("words", [("--host", "nas-b"), ("--host=nas-b", "pool", "list")])
def test_a_host_that_was_named_wins(words: tuple[str, ...]) -> None:
    assert choose(facts(*words, built=True)) == Choice("here", words)


def test_the_first_time_builds() -> None:
    assert choose(facts()) == Choice("build")


def test_the_first_time_with_a_command_says_whom_it_is_about() -> None:
    choice = choose(facts("pool", "list"))
    assert (choice.where, choice.arguments) == ("here", ("pool", "list"))
    assert "make lab" in choice.note


def test_a_machine_that_cannot_run_the_pair_says_why_and_opens_here() -> None:
    choice = choose(facts(cannot="This one is a toaster."))
    assert (choice.where, choice.arguments) == ("here", ())
    assert "toaster" in choice.note


@pytest.mark.parametrize(("built", "where"), [(True, "pair"), (False, "here")])
def test_without_a_terminal_health_is_printed_and_nothing_is_built(built: bool, where: str) -> None:
    choice = choose(facts(built=built, terminal=False))
    assert choice.where == where
    assert choice.arguments[-1:] == ("health",)


def test_another_processor_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert "aarch64" in run.cannot_run_pair()


# -- the background of the first time -------------------------------------------------------------------------


def lab_tool(folder: Path, build: str, up: str = "pass") -> Path:
    """A stand-in for lab/lab whose two commands are these lines of Python; `tell(**fields)` writes the progress."""
    tool = folder / "lab"
    tool.write_text(
        f"""#!{sys.executable}
import json, os, sys, time
def tell(**fields):
    path = sys.argv[3]
    with open(path + ".new", "w") as file:
        json.dump({{"id": "lab-build-1", "kind": "lab-build", "state": "running", **fields}}, file)
    os.replace(path + ".new", path)
if sys.argv[1] == "build":
    assert sys.argv[2] == "--progress"
    {build}
elif sys.argv[1:] == ["up"]:
    {up}
else:
    sys.exit(9)
"""
    )
    tool.chmod(0o755)
    return tool


BACKGROUND = """
import sys
from pathlib import Path
import lab.run
lab.run.LAB = Path(sys.argv[1])
from lab import firstbuild
firstbuild.EVERY = 0.05
sys.exit(firstbuild.main(Path(sys.argv[2])))
"""


def background(tool: Path, jobs: Path) -> subprocess.Popen[str]:
    argv = [sys.executable, "-c", BACKGROUND, str(tool), str(jobs)]
    pipe = subprocess.PIPE
    return subprocess.Popen(argv, cwd=run.ROOT, stdout=pipe, stderr=pipe, text=True, start_new_session=True)


def test_the_job_has_succeeded_only_when_the_boxes_are_up(tmp_path: Path) -> None:
    up = f"open({str(tmp_path / 'seen')!r}, 'w').write(open({str(tmp_path / 'jobs/lab-build.json')!r}).read())"
    build = f"""tell(stage='kernel', stages_done=3, stages_total=4, eta_s=60)
    while 'kernel' not in open({str(tmp_path / "jobs/lab-build.json")!r}).read(): time.sleep(0.02)
    tell(state='succeeded')
    time.sleep(0.3)"""  # seen, that says nothing of stages
    job = background(lab_tool(tmp_path, build, up), tmp_path / "jobs")
    out, err = job.communicate()
    assert job.returncode == 0, out + err
    while_starting = json.loads((tmp_path / "seen").read_text())
    assert while_starting["state"] == "running", "the build alone is not success"
    assert while_starting["stage"] == "starting the boxes"
    assert (while_starting["stages_done"], while_starting["stages_total"]) == (4, 5)
    end = files.read(tmp_path / "jobs", run.JOB)
    assert end is not None
    assert (end.state, end.stages_done, end.stages_total) == ("succeeded", 5, 5)


@pytest.mark.parametrize("step", ["build", "up"])
def test_a_failure_is_told_in_the_tools_own_words(tmp_path: Path, step: str) -> None:
    lines = {step: "sys.exit('lab: there is no room on the disk \\x1b[31m')"}
    job = background(lab_tool(tmp_path, **{"build": "pass", **lines}), tmp_path / "jobs")
    job.communicate()
    assert job.returncode == 1
    end = files.read(tmp_path / "jobs", run.JOB)
    assert end is not None
    assert end.state == "failed"
    assert end.error.startswith("lab: there is no room on the disk")
    assert "\x1b" not in end.error


def test_a_build_that_was_killed_is_dead_and_can_be_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = tmp_path / "jobs"
    tool = lab_tool(tmp_path, "tell(stage='kernel', stages_done=0, stages_total=4); time.sleep(60)")
    job = background(tool, jobs)
    while (now := files.read(jobs, run.JOB)) is None or now.stage != "kernel":
        assert job.poll() is None
        time.sleep(0.02)
    assert now.state == "running"

    def not_again(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("a build that runs is not started a second time")

    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "Popen", not_again)
        assert run.start_build(jobs) == files.file_of(jobs, run.JOB)
    os.killpg(job.pid, 9)
    job.communicate()
    dead = files.read(jobs, run.JOB)
    assert dead is not None
    assert dead.state == "died"
    assert not dead.active, "so the next `make run` starts it again"
