"""Schedules: what is typed is what systemd is told, and nothing else; a timer's start can be left out."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dplane_tui.cli.scheduled import left_out
from dplane_tui.errors import UsageError
from dplane_tui.services.host import Output
from dplane_tui.services.replication import schedule
from dplane_tui.services.replication.model import Options
from dplane_tui.services.replication.options import change
from privhelper.kinds import WHEN
from privhelper.timers import content

from .privhelper_door import Door


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("", []),
        ("every 15m", ["every:900"]),
        ("every 2h; boot 10m", ["every:7200", "boot:600"]),
        ("hourly", ["calendar:hourly"]),
        ("daily 2:30", ["calendar:*-*-* 02:30:00"]),
        ("weekly sun 03:00", ["calendar:Sun *-*-* 03:00:00"]),
        ("monthly 1 04:05", ["calendar:*-*-01 04:05:00"]),
        ("Mon..Fri 22:00", ["calendar:Mon..Fri 22:00"]),
        ("*-*-* 00/6:00", ["calendar:*-*-* 00/6:00"]),
    ],
)
def test_what_is_typed_is_what_systemd_is_told(text: str, when: list[str]) -> None:
    assert schedule.parse(text) == when
    assert not when or WHEN.check(when) == ""


@pytest.mark.parametrize(
    "text",
    [
        *("soon", "every 1m", "every 5", "daily 25:00", "daily 2", "weekly someday 03:00", "monthly 31 04:00"),
        *("boot 0m", "daily 02:61", "* * * * $(id)", "Mon\nOnBootSec=1", "-x"),
    ],
)
def test_what_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        schedule.parse(text)


@pytest.mark.parametrize(
    ("when", "window", "never"),
    [
        ("daily 02:30", "22:00-06:00", False),
        ("daily 14:00", "22:00-06:00", True),
        ("daily 06:00", "22:00-06:00", True),
        ("daily 02:30; weekly Sun 12:00", "22:00-06:00", True),
        ("monthly 1 04:00; boot 10m; every 1h", "22:00-06:00", False),
        ("Mon..Fri 22:00", "08:00-18:00", True),
        ("Mon..Fri 9:15:00", "08:00-18:00", False),
        ("daily", "08:00-18:00", True),
        ("hourly", "08:00-18:00", False),
        ("*-*-* 00/6:00", "08:00-10:00", False),  # several times: systemd's to tell
        ("Mon 20,9:30", "08:00-10:00", False),
        ("daily 14:00", "", False),
        ("", "08:00-10:00", False),
    ],
)
def test_a_time_that_never_lies_in_the_hours_is_refused_when_it_is_set(when: str, window: str, never: bool) -> None:
    for before in (Options(), Options(window=window), Options(schedule=when)):
        if never:
            with pytest.raises(UsageError, match="would never start the task"):
                change(before, {"schedule": when, "window": window})
        else:
            assert change(before, {"schedule": when, "window": window}).schedule == when
    stored = Options(schedule=when, window=window)
    assert change(stored, {"limit": "1M"}).limit == "1M", "one from before stands in the way of nothing else"


@given(st.text(max_size=60))
def test_whatever_is_typed_the_door_never_gets_what_it_would_refuse(text: str) -> None:
    try:
        when = schedule.parse(text)
    except UsageError:
        return
    assert not when or WHEN.check(when) == ""
    lines = content("task-x", when).splitlines()
    assert all("\n" not in line and "%" not in line for line in lines)
    assert sum(line.startswith(("OnCalendar=", "OnBootSec=", "OnUnitActiveSec=")) for line in lines) == len(when)


SYSTEMCTL = """#!/bin/sh
echo "$0 $*" >> "$(dirname "$0")/asked"
case "$*" in
    calendar*bad*) echo "Failed to parse calendar specification" >&2; exit 1 ;;
    show*) echo "ActiveState=$(cat "$(dirname "$0")/said")" ;;
esac
"""


@pytest.fixture
def door(tmp_path: Path) -> Door:
    for name in ("systemctl", "systemd-analyze"):
        (tmp_path / name).write_text(SYSTEMCTL)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "units").mkdir()
    made = Door(
        tmp_path,
        SYSTEMCTL=str(tmp_path / "systemctl"),
        SYSTEMD_ANALYZE=str(tmp_path / "systemd-analyze"),
        UNITS=str(tmp_path / "units"),
    )
    (tmp_path / "said").write_text("active")
    return made


def test_the_door_writes_the_timer_starts_it_and_reads_back_that_it_is_active(door: Door) -> None:
    status, answer = door.ask("timer-set", timer="task-photos", when=["calendar:*-*-* 02:30:00", "boot:600"])
    assert (status, answer["timer"]["ActiveState"]) == (0, "active"), answer
    file = door.root / "units" / "dplane-scheduled@task-photos.timer"
    assert file.stat().st_mode & 0o777 == 0o644
    assert {"OnCalendar=*-*-* 02:30:00", "OnBootSec=600s", "Persistent=true"} <= set(file.read_text().splitlines())
    asked = (door.root / "asked").read_text()
    assert "systemd-analyze calendar -- *-*-* 02:30:00" in asked
    assert asked.index("daemon-reload") < asked.index("enable -- dplane-scheduled@task-photos.timer")

    (door.root / "said").write_text("inactive")
    assert door.ask("timer-remove", timer="task-photos")[0] == 0
    assert not file.exists()
    assert door.ask("timer-remove", timer="task-photos")[0] == 0, "what is not there is removed"


def test_a_timer_that_systemd_does_not_run_is_no_success(door: Door) -> None:
    (door.root / "said").write_text("failed")
    status, answer = door.ask("timer-set", timer="task-photos", when=["every:3600"])
    assert status == 1
    assert "is failed, not active" in answer["error"]["message"]


def test_an_expression_that_systemd_refuses_leaves_no_file(door: Door) -> None:
    status, answer = door.ask("timer-set", timer="task-photos", when=["calendar:bad 1:1"])
    assert (status, answer["ok"]) == (1, False)
    assert not list((door.root / "units").iterdir())


@pytest.mark.parametrize(
    ("timer", "when"),
    [
        ("photos", ["boot:600"]),
        ("task-../x", ["boot:600"]),
        ("task-a b", ["boot:600"]),
        ("task-a@b", ["boot:600"]),
        ("check-a", ["boot:600"]),
        ("task-a", []),
        ("task-a", ["boot:5"]),
        ("task-a", ["calendar:x\nExecStart=/bin/sh"]),
        ("task-a", ["calendar:%n"]),
        ("task-a", ["reboot:600"]),
        ("task-a", "boot:600"),
    ],
)
def test_the_door_refuses_what_is_no_timer(door: Door, timer: str, when: Any) -> None:
    status, answer = door.ask("timer-set", timer=timer, when=when)
    assert (status, answer["error"]["code"]) == (2, "refused")
    assert not list((door.root / "units").iterdir())


def test_a_paused_task_and_one_outside_its_hours_are_left_out() -> None:
    noon = time.mktime((2026, 11, 24, 12, 0, 0, 0, 0, -1))
    assert left_out(Options(), noon) == ""
    assert left_out(Options(window="11:00-13:00"), noon) == ""
    assert "22:00-06:00" in left_out(Options(window="22:00-06:00"), noon)
    assert left_out(Options(paused=True), noon) == "it is paused"


class Systemd:
    """A host whose systemctl says that."""

    def __init__(self, status: int, text: str) -> None:
        self._answer = Output(status, text.encode(), b"")

    async def run(self, *_: object, **__: object) -> Output:
        return self._answer


async def test_the_next_start_is_what_systemd_tells_or_unknown() -> None:
    listed = [
        {"next": 1_795_000_000_000_000, "unit": "dplane-scheduled@task-photos.timer"},
        {"next": None, "unit": "dplane-scheduled@task-b.timer"},
        {"next": "soon", "unit": 7},
        "junk",
    ]
    assert await schedule.next_runs(Systemd(0, json.dumps(listed))) == {"photos": 1_795_000_000.0}  # type: ignore[arg-type]
    for status, text in ((1, ""), (0, "no json"), (0, "{}")):
        assert await schedule.next_runs(Systemd(status, text)) == {}  # type: ignore[arg-type]
