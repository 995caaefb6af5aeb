"""A box with 512 MB: ZFS, a pool, Docker and a replication under way, and every screen opens; nothing swaps or dies.

`LAB_MEMORY=512 make test T="tests/lab/test_small_box.py"` (the pair is built for it first, and left as it is).
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.lab.conftest import PracticePair
from tests.lab.replication_lab import Boxes
from tests.pty import conftest as line
from tests.pty.conftest import Terminal

pytestmark = [pytest.mark.lab, pytest.mark.long]
SCREENS = {
    "1": "[devices]", "2": "[tasks]", "3": "Containers of Docker", "4": "[disks]", "5": "─ Datasets",
    "6": "─ Snapshots", "O": "olicies", "J": "[jobs]", "N": "ession", "0": "─ What to know",
}  # fmt: skip
OVER = "ON"
"""Those that lie over a section until Esc."""
STORY = ("pswpin", "pswpout", "oom_kill")


@pytest.fixture
def boxes(pair: PracticePair) -> Boxes:
    """The pair, if its boxes are that small."""
    state = pair.pair.state()
    assert state is not None
    if state.config.memory > 512:
        pytest.skip("these boxes have more memory; LAB_MEMORY=512 builds smaller ones")
    pair.reset()
    made = Boxes(pair)
    made.make_pools()
    made.pair_up()
    return made


def counts(boxes: Boxes) -> dict[str, int]:
    """What the kernel counted since it started: pages swapped, and programs it ended for want of memory."""
    rows = (row.split() for row in boxes.a.ssh("cat", "/proc/vmstat").stdout.splitlines())
    return {name: int(value) for name, value in rows if name in STORY}


def available(boxes: Boxes) -> int:
    """MB that could be had without swapping."""
    text = boxes.a.ssh("cat", "/proc/meminfo").stdout
    return next(int(row.split()[1]) for row in text.splitlines() if row.startswith("MemAvailable")) // 1024


def test_every_screen_opens_while_a_replication_runs(
    boxes: Boxes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "PATIENCE", 600.0)
    boxes.dataset("photos", 60)
    boxes.task("photos")
    boxes.limit("photos", "40K")  # so that it lasts as long as the tour
    run = boxes.start("photos")
    boxes.until_bytes(run, 0.5)
    before = counts(boxes)
    argv = ["ssh", "-tt", "-F", str(boxes.pair.ssh_config), "owner@nas-a", "dplane"]
    one = Terminal(argv, {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TERM": "xterm-256color"}, (80, 24))
    try:
        one.until_text("nas-a: ")
        least = available(boxes)
        for key, mark in SCREENS.items():
            one.send(key.encode())
            one.until_text(mark)
            one.quiet(2.0)
            least = min(least, available(boxes))
            if key in OVER:
                one.send(b"\x1b")
                one.quiet(2.0)
        one.send(b"q")
        assert one.ended() == 0
    finally:
        one.close()
    print(f"at least {least} MB of {boxes.pair.pair.state().config.memory} were to be had")
    assert counts(boxes) == before
    assert boxes.progress(run)["state"] == "running"
    boxes.limit("photos", "full")
    boxes.assert_good(boxes.until_ended(run))
    assert counts(boxes)["oom_kill"] == before["oom_kill"]
    assert "Out of memory" not in boxes.a.ssh("dmesg").stdout
