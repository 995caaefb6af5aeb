"""How far apart the runs of a task are by its schedule and its hours, and the RPO that fits, or that nobody knows."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from dplane_tui.cli.main import run
from dplane_tui.cli.task_words import stored
from dplane_tui.errors import UsageError
from dplane_tui.screens.replication_protect import promise
from dplane_tui.services.host import LocalHost
from dplane_tui.services.replication import gaps, timer
from dplane_tui.services.replication.model import Options, Task

HOUR, DAY = 3600, 86400
TASK = Task("photos", "tank/photos", None, "vault/photos", recursive=True)


@pytest.mark.parametrize(
    ("text", "gap"),
    [
        ("", None),
        ("boot 10m", None),
        ("every 15m", HOUR / 4),
        ("hourly", HOUR),
        ("daily 02:30", DAY),
        ("daily", DAY),
        ("daily 02:30; every 1h", HOUR),
        ("boot 10m; daily 02:30", DAY),
        ("weekly sun 03:00", 7 * DAY),
        ("weekly", 7 * DAY),
        ("monthly 1 04:00", 31 * DAY),
        ("quarterly", 92 * DAY),
        ("yearly", 366 * DAY),
        ("*-01-01 00:00:00", 366 * DAY),
        ("*-02-29 01:00:00", (4 * 365 + 1) * DAY),
        ("*-*-* *:00/15:00", HOUR / 4),
        ("*-*-* 00/6:00", 6 * HOUR),
        ("*-*-* 0/7:00", 7 * HOUR),
        ("8/4:00", 12 * HOUR),
        ("*-*-* 08..20/4:00:00", 12 * HOUR),
        ("*-*-* 08..18:00", 14 * HOUR),
        ("*-*-* 22:30,45", DAY - HOUR / 4),
        ("*-*-* 01,13:00:00", 12 * HOUR),
        ("*-*-01/2 03:30:00", 2 * DAY),
        ("*-*-01,15 04:00:00", 17 * DAY),
        ("*-*-31 02:00", 61 * DAY),
        ("Mon..Fri 22:00", 3 * DAY),
        ("Mon..Fri *:00", 2 * DAY + HOUR),
        ("Mon,Thu *-*-* 03:00:00", 4 * DAY),
        ("Sat,Sun *-*-* 01:00:00", 6 * DAY),
        ("Mon..Sun *-*-* *:30", HOUR),
        ("Fri *-*-13 01:00:00", 427 * DAY),
        ("Sun *-02-29 01:00:00", 28 * 365.25 * DAY),
        ("*-*-13 01:00; Fri *-*-* 01:00", 7 * DAY),
        ("*-02-30 01:00:00", None),
        ("2026-*-* 01:00:00", None),
        ("*-*~01 01:00:00", None),
        ("*-*-* 01:00 UTC", None),
    ],
)
def test_how_far_apart_the_runs_are_is_told_from_the_schedule_or_not_known(text: str, gap: float | None) -> None:
    assert gaps.longest_gap(text) == gap


@pytest.mark.parametrize(
    ("text", "window", "gap"),
    [
        ("hourly", "22:00-06:00", 17 * HOUR),
        ("every 1h", "22:00-06:00", 17 * HOUR),
        ("every 15m", "08:00-18:00", 14 * HOUR + HOUR / 4),
        ("every 12h", "22:00-06:00", None),
        ("every 1h", "06:00-06:00", HOUR),
        ("hourly", "06:00-06:00", HOUR),
        ("*-*-* 00/6:00", "22:00-06:00", DAY),
        ("*-*-* 00/6:00", "22:00-06:01", 18 * HOUR),
        ("Mon..Fri *:00", "08:00-18:00", 3 * DAY - 9 * HOUR),
        ("daily 02:30", "22:00-06:00", DAY),
        ("daily 14:00", "22:00-06:00", None),
        ("daily 02:30; hourly", "22:00-06:00", 17 * HOUR),
    ],
)
def test_runs_are_further_apart_where_they_may_start_only_at_some_hours(
    text: str, window: str, gap: float | None
) -> None:
    assert gaps.longest_gap(text, window) == gap


@pytest.mark.parametrize(
    ("text", "window", "rpo"),
    [
        ("", "", DAY),
        ("boot 10m", "", DAY),
        ("every 15m", "", 8100),
        ("hourly", "", 3 * HOUR),
        ("hourly", "22:00-06:00", 25.5 * HOUR),
        ("daily 02:30", "", 36 * HOUR),
        ("weekly sun 03:00", "", 9 * DAY),
        ("monthly 1 04:00", "", 33 * DAY),
        ("8/4:00", "", 18 * HOUR),
    ],
)
def test_how_old_a_copy_may_get_follows_the_gap_with_room_for_a_run_that_fails(
    text: str, window: str, rpo: float
) -> None:
    assert gaps.usual_rpo(text, window) == rpo
    task = Task("a", "tank/a", None, "vault/a", rpo=gaps.usual_rpo(text, window), options=Options(schedule=text))
    assert (gaps.doubt(task) == "") == (text != "boot 10m")


def test_hours_that_make_no_sense_are_refused() -> None:
    with pytest.raises(UsageError):
        gaps.usual_rpo("hourly", "always")


async def test_a_task_is_made_with_a_word_about_an_rpo_that_may_not_fit() -> None:
    async def said(rpo: int, **options: str) -> tuple[str, str]:
        task = replace(TASK, rpo=rpo, options=Options(**options))  # type: ignore[arg-type]
        return await stored(LocalHost(), task), promise(task)

    for told in await said(DAY, schedule="boot 10m"):
        assert "cannot be told from its schedule, nor whether its RPO of 1d fits" in told
    for told in await said(3 * HOUR, schedule="hourly", window="22:00-06:00"):
        assert "up to 17h apart: with an RPO of 3h" in told
    by_hand = await said(DAY)
    assert "by hand" in by_hand[0]
    assert all("older than 1d" in told for told in by_hand)
    for told in await said(36 * HOUR, schedule="daily 02:30"):
        assert "apart" not in told
    command = (await said(DAY, schedule="boot 10m"))[0]
    assert "`dplane replicate set photos --rpo TIME` changes that" in command


async def test_the_commands_take_the_hours_into_account_and_say_when_those_set_later_do_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def nobody(*_words: object) -> None:
        """There is no systemd to tell."""

    monkeypatch.setenv("DPLANE_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("DPLANE_RUN_DIR", str(tmp_path / "run"))
    monkeypatch.setattr(timer, "follow", nobody)

    async def told(*words: str) -> str:
        await asyncio.to_thread(run, ("replicate", *words))
        return "".join(capsys.readouterr())

    ends = ("--source", "tank/a", "--to", "vault/a", "--recursive")
    said = await told("add", "a", *ends, "--schedule", "hourly", "--window", "22:00-06:00")
    assert "The task a is stored" in said
    assert "apart" not in said
    said = await told("set", "a", "--limit", "2M")
    assert "RPO       1d 1h" in said, "17 hours by day, and room for a run that fails"
    assert "apart" not in said
    assert "up to 1d apart: with an RPO of 3h" in await told("set", "a", "--rpo", "3h", "--schedule", "daily 02:30")
    assert "apart" not in await told("pause", "a")
    assert "cannot be told" in await told("add", "b", *ends, "--schedule", "boot 10m")


@pytest.mark.parametrize(
    ("ours", "other", "surely"),
    [
        ("every 1h", "*-*-* *:07:00", True),
        ("daily 02:30", "daily 04:00", True),
        ("daily 02:30", "weekly Sun 03:00", True),
        ("boot 10m; hourly", "daily 02:30", True),
        ("boot 10m", "boot 10m", True),
        ("hourly; boot 5m", "hourly", True),
        ("*-*-* *:07:00", "every 15m", False),
        ("hourly", "*-*-* *:00/10:00", False),
        ("weekly Sun 03:00", "daily 02:30", False),
        ("*-01-01 00:00:00", "daily 02:30", False),
        ("boot 10m", "weekly Sun 03:00", False),
        ("daily 02:30", "*-*-* 01,13:00:00", False),
        ("daily 02:30", "hourly; daily 02:30", False),
        ("", "daily 02:30", False),
        ("every 5m", "*-*-* *:00/15:00", True),
        ("every 15m", "*-*-* *:00/15:00", True),
        ("every 16m", "*-*-* *:00/15:00", False),
        ("hourly", "*-*-* 00/6:00:00", True),
        ("every 5h", "*-*-* 00/5:00:00", False),
        ("every 4h", "*-*-* 00/5:00:00", True),
        ("daily 03:00", "Mon,Tue,Wed,Thu,Fri *-*-* 03:00:00", True),
        ("Mon..Fri 03:00", "daily 03:00", False),
        ("every 31d", "monthly", False),
        ("every 28d", "monthly", True),
        ("every 30d", "yearly", True),
        ("every 1h", "*-*-* 00:00,30:00", False),
        ("hourly", "*-*-* 08:00/30:00", False),
        ("hourly", "*-*-* 00:00:00/30", False),
        ("daily 01:00", "*-*-13 04:00:00; Fri *-*-* 04:00:00", True),
        ("every 2d", "*-*-13 04:00:00; Fri *-*-* 04:00:00", False),
        ("daily 01:00", "*-*-13 04:00:00; Fri *-*-* 05:00:00", False),
        ("every 2d", "*-*-20 04:00:00; Mon *-*-* 04:00:00", False),
        ("every 15d", "Mon *-*-01 00:00:00; *-01-15 00:00:00", False),
        ("hourly", "boot 10m", False),
        ("hourly", "2026-*-* 01:00:00", False),
    ],
)
def test_as_often_is_only_said_where_it_is_sure(ours: str, other: str, surely: bool) -> None:
    assert gaps.as_often(ours, other) is surely
