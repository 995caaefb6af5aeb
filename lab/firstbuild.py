"""The background of the first `make run`: build the practice pair, start it, and tell the progress as one job.

Run as `python -m lab.firstbuild FOLDER` in a session of its own. The job has succeeded only when both boxes answer.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from dplane_tui.services.jobs import files
from dplane_tui.services.jobs.report import Reporter
from dplane_tui.text import clean

from .run import JOB, LAB

EVERY = 1.0
TITLE = "Building the practice pair"


def last_words(text: bytes) -> str:
    """The last line of what a program said, safe to show."""
    lines = text.decode("utf-8", "replace").strip().splitlines()
    return clean(lines[-1], 300) if lines else ""


def relay(report: Reporter, file: Path) -> None:
    """Tell what the build tells of itself, with the start of the boxes as one stage more."""
    try:
        text = file.read_text("utf-8", "replace")
        inner = files.parse(str(json.loads(text)["id"]), text)
    except (OSError, ValueError, LookupError, TypeError):
        return  # not written yet
    if not inner.active:
        return  # its end says nothing of stages, and its status is waited for
    total = inner.stages_total
    report.update(
        stage=inner.stage,
        stages_done=inner.stages_done,
        stages_total=total + 1 if total else None,
        eta_s=inner.eta_s,
        message=inner.message,
    )


def run(report: Reporter, command: list[str], watch: Path | None) -> str:
    """Run one lab command to its end; returns its last words when it failed, else nothing."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen([LAB, *command], stdin=subprocess.DEVNULL, stdout=sys.stdout, stderr=said)
        while True:
            try:
                status = process.wait(EVERY)
                break
            except subprocess.TimeoutExpired:
                if watch is not None:
                    relay(report, watch)
        said.seek(0)
        words = said.read()
        sys.stderr.buffer.write(words)
        return "" if status == 0 else last_words(words) or f"lab/lab {command[0]} ended with status {status}."


def main(folder: Path) -> int:
    """Build, then start; the progress is in FOLDER."""
    report = Reporter(folder, JOB, "lab-build", TITLE)
    with tempfile.TemporaryDirectory() as inner:
        watch = Path(inner) / "build.json"
        wrong = run(report, ["build", "--progress", str(watch)], watch)
    if not wrong:
        total = report.progress.stages_total
        report.update(stage="starting the boxes", stages_done=total - 1 if total else None, eta_s=None, message="")
        wrong = run(report, ["up"], None)
    if wrong:
        report.end("failed", error=wrong)
        return 1
    report.update(stages_done=report.progress.stages_total)
    report.end("succeeded", "Both boxes answer.")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
