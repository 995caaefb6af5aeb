"""Schedules: what is typed is what systemd is told, and nothing else; a timer's start can be left out."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dplane_tui.cli import scheduled
from dplane_tui.cli.scheduled import left_out
from dplane_tui.errors import CommandError, UsageError
from dplane_tui.services.door import Door as RealDoor
from dplane_tui.services.host import Host, Output
from dplane_tui.services.replication import schedule, timer
from dplane_tui.services.replication.model import Options, Run, Task
from dplane_tui.services.replication.options import change
from dplane_tui.services.replication.records import GOOD
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

    local = True

    def __init__(self, status: int, text: str) -> None:
        self._answer = Output(status, text.encode(), b"")

    async def run(self, *_: object, **__: object) -> Output:
        return self._answer


async def test_the_next_start_is_what_systemd_tells_or_unknown() -> None:
    listed = [
        {"next": 1_795_000_000_000_000, "last": 1_794_900_000_000_000, "unit": "dplane-scheduled@task-photos.timer"},
        {"next": None, "unit": "dplane-scheduled@task-b.timer"},
        {"next": "soon", "unit": 7},
        "junk",
    ]
    starts = await schedule.starts(Systemd(0, json.dumps(listed)))  # type: ignore[arg-type]
    assert starts == {"task-photos": (1_795_000_000.0, 1_794_900_000.0), "task-b": (None, None)}
    assert schedule.next_run(starts, "photos", None) == 1_795_000_000.0
    assert (schedule.next_run(starts, "b", None), schedule.next_run(starts, "c", None)) == (None, None)
    for status, text in ((1, ""), (0, "no json"), (0, "{}")):
        assert await schedule.starts(Systemd(status, text)) == {}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("begun", "due"),
    [
        (None, 22.0),
        (3.0, 22.0),  # the last run was before the start at 9 that was outside of its hours
        (9.0, 26.0),
        (14.0, 26.0),  # somebody ran it since: nothing is made up
    ],
)
def test_what_is_made_up_is_a_next_start_only_while_it_is_missed(begun: float | None, due: float) -> None:
    starts: schedule.Starts = {"task-photos": (26.0, 9.0), "catchup-photos": (22.0, None)}
    assert schedule.next_run(starts, "photos", begun) == due
    boot: schedule.Starts = {"task-photos": (None, 9.0), "catchup-photos": (22.0, None)}
    assert schedule.next_run(boot, "photos", begun) == (22.0 if due == 22.0 else None)


@pytest.mark.parametrize(
    ("when", "window", "made_up"),
    [
        ("daily 02:30", "22:00-06:00", ["calendar:*-*-* 22:00:00"]),
        ("Mon..Fri 23:00 Europe/Berlin", "22:05-06:00", ["calendar:*-*-* 22:05:00"]),  # nobody here can read it
        ("boot 10m", "22:00-06:00", ["calendar:*-*-* 22:00:00"]),
        ("every 4h", "22:00-06:00", ["calendar:*-*-* 22:00:00"]),
        ("hourly", "22:00-06:00", []),  # one of its own starts comes soon after
        ("hourly", "22:10-22:50", ["calendar:*-*-* 22:10:00"]),
        ("every 15m; daily 02:30", "22:00-06:00", []),
        ("daily 02:30", "", []),
        ("daily 02:30", "04:00-04:00", []),
    ],
)
def test_a_missed_start_is_made_up_when_the_hours_begin(when: str, window: str, made_up: list[str]) -> None:
    found = timer.made_up_at(Options(schedule=when, window=window))
    assert found == made_up
    assert not found or WHEN.check(found) == ""


class Asked:
    """A box with one task, whose timer started last at 9: what its door was asked, and what was started."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, options: Options, *, begun: float | None) -> None:
        self.timers: list[tuple[str, str, list[str]]] = []
        self.started = 0
        self.broken = False
        self.host = cast("Host", Systemd(0, json.dumps([{"unit": "dplane-scheduled@task-photos.timer", "last": NINE}])))
        self._task = Task("photos", "tank/photos", None, "vault/photos", options=options)
        self._runs: tuple[Run, ...] = () if begun is None else (Run("1", "photos", "succeeded", begun),)
        monkeypatch.setattr(scheduled, "LocalReplication", lambda _host: self)
        monkeypatch.setattr(RealDoor, "call", lambda _door, verb, **args: self._call(verb, **args))

    def went(self, *runs: Run) -> None:
        """What the store has of its runs."""
        self._runs = runs

    async def _call(self, verb: str, *, timer: str, when: list[str] | None = None) -> dict[str, Any]:
        if self.broken:
            raise CommandError("systemd says no.")
        self.timers.append((verb, timer, when or []))
        return {}

    async def task(self, _name: str) -> Task:
        return self._task

    async def runs(self, _name: str, _limit: int) -> tuple[Run, ...]:
        return self._runs

    async def is_missed(self, name: str) -> bool:
        proven = max((run.started for run in self._runs if run.state in GOOD), default=None)
        return schedule.is_missed(await schedule.starts(self.host), name, proven)

    async def start(self, _name: str) -> str:
        self.started += 1
        return "2"

    async def fires(self, monkeypatch: pytest.MonkeyPatch, timer: str, hour: int) -> dict[str, Any]:
        monkeypatch.setattr(time, "time", lambda: today(hour))
        return (await scheduled._scheduled(self.host, argparse.Namespace(name=timer))).data  # type: ignore[no-any-return]


def today(hour: int) -> float:
    return time.mktime((2026, 11, 24, hour, 0, 10, 0, 0, -1))


NINE = int(today(9) * 1_000_000)
NIGHTLY = Options(schedule="daily 02:30", window="22:00-06:00")
SET = ("timer-set", "catchup-photos", ["calendar:*-*-* 22:00:00"])


async def test_a_box_that_is_off_at_night_runs_what_it_missed_when_the_hours_begin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """systemd starts at 9 what it missed at 2:30, which is outside of the hours, and would never do so again."""
    box = Asked(monkeypatch, NIGHTLY, begun=today(9) - 86400)
    why = (await box.fires(monkeypatch, "task-photos", 9))["why"]
    assert why == "it may start only at 22:00-06:00"
    assert (box.timers, box.started) == ([("timer-set", "catchup-photos", ["calendar:*-*-* 22:00:00"])], 0)
    assert (await box.fires(monkeypatch, "catchup-photos", 22))["started"] == "2"
    assert box.timers[1:] == [("timer-remove", "catchup-photos", [])]


async def test_what_ran_since_is_not_made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    box = Asked(monkeypatch, NIGHTLY, begun=today(14))
    assert (await box.fires(monkeypatch, "catchup-photos", 22))["started"] is None
    assert (box.started, box.timers) == (0, [("timer-remove", "catchup-photos", [])])


async def test_what_is_to_be_made_up_waits_for_the_hours_and_for_the_end_of_a_pause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """systemd starts at once what it takes for missed, as after a boot."""
    box = Asked(monkeypatch, NIGHTLY, begun=None)
    await box.fires(monkeypatch, "catchup-photos", 10)
    again = [("timer-set", "catchup-photos", ["calendar:*-*-* 22:00:00"])]  # they may be other hours than before
    paused = Asked(monkeypatch, replace(NIGHTLY, paused=True), begun=None)
    await paused.fires(monkeypatch, "catchup-photos", 22)
    await paused.fires(monkeypatch, "task-photos", 9)
    assert [box.started, box.timers, paused.started, paused.timers] == [0, again, 0, []]


@pytest.mark.parametrize("state", ["failed", "cancelled", "died"])
async def test_what_brought_nothing_home_since_is_made_up(monkeypatch: pytest.MonkeyPatch, state: str) -> None:
    box = Asked(monkeypatch, NIGHTLY, begun=None)
    box.went(Run("1", "photos", state, today(14)))
    assert (await box.fires(monkeypatch, "catchup-photos", 22))["started"] == "2"


async def test_a_restore_in_the_way_makes_up_nothing_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    box = Asked(monkeypatch, NIGHTLY, begun=None)
    box.went(Run("r", "photos", "running", today(8), kind="restore"))
    assert "its run r goes on" in (await box.fires(monkeypatch, "task-photos", 9))["why"]
    assert "its run r goes on" in (await box.fires(monkeypatch, "catchup-photos", 22))["why"]
    assert box.timers == [SET], "it stays for tomorrow"


async def test_a_run_at_work_makes_nothing_up_before_it_has_ended_well(monkeypatch: pytest.MonkeyPatch) -> None:
    box = Asked(monkeypatch, NIGHTLY, begun=None)
    box.went(Run("1", "photos", "running", today(8)))
    assert "its run 1 goes on" in (await box.fires(monkeypatch, "task-photos", 9))["why"]
    box.went(Run("1", "photos", "running", today(21)))
    assert "its run 1 goes on" in (await box.fires(monkeypatch, "catchup-photos", 22))["why"]
    assert (box.timers, box.started) == ([SET], 0)
    box.went(Run("1", "photos", "failed", today(21)))
    assert (await box.fires(monkeypatch, "catchup-photos", 23))["started"] == "2"
    box.went(Run("1", "photos", "succeeded", today(21)))
    assert (await box.fires(monkeypatch, "catchup-photos", 23))["why"] == "it has run since it was outside of its hours"
    assert box.timers == [SET, *[("timer-remove", "catchup-photos", [])] * 2]


async def test_scheduled_work_is_started_on_its_own_box() -> None:
    far = cast("Host", SimpleNamespace(local=False))
    with pytest.raises(UsageError, match="not with --host"):
        await scheduled._scheduled(far, argparse.Namespace(name="task-photos"))


async def test_a_door_that_does_not_open_keeps_nothing_from_running(monkeypatch: pytest.MonkeyPatch) -> None:
    box = Asked(monkeypatch, NIGHTLY, begun=None)
    box.broken = True
    said: list[str] = []
    monkeypatch.setattr(scheduled, "aside", said.append)
    assert (await box.fires(monkeypatch, "task-photos", 9))["started"] is None
    assert (await box.fires(monkeypatch, "catchup-photos", 22))["started"] == "2"
    assert (len(said), box.started) == (2, 1)
