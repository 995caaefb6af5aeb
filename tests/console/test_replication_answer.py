"""The Replication screen at a glance and in detail: the answer in words, a task alone, why a run failed, what helps."""

from __future__ import annotations

import dataclasses
import time

import pytest

from dplane_tui.errors import UnreachableError
from dplane_tui.services.jobs.model import Progress
from dplane_tui.services.replication import codec
from dplane_tui.services.replication.model import Conflict, LogLine, Options, Plan, Run, Step, Task, TaskStatus
from tests.console.conftest import MONO, Opener
from tests.console.fake_looks import diverged
from tests.console.fakes import EVIDENCE, FakeServices, M

DAY = 86400


def late_photos() -> FakeServices:
    """Four tasks: one late after a failure, one running, one fine, one never proven."""
    now = time.time()
    services = FakeServices()
    failed = Run("p0", "photos", "failed", now - 4000, now - 3990, 0,
                 "nas-b (10.9.0.2) cannot be reached: timed out. Is it on?", "unreachable")  # fmt: skip
    proof = dataclasses.replace(EVIDENCE, dataset="tank/photos", target="backup/photos", verified_at=now - 2.1 * DAY)
    services.fake_replication.run_list = [
        failed,
        *(
            Run(f"p{n}", "photos", "succeeded", now - n * DAY, now - n * DAY + 60 * n, n * M, "Proven.", "", (proof,))
            for n in range(2, 8)
        ),
    ]
    since = now - 2 * DAY - 3 * 3600 - 30
    daily = Options(schedule="daily 02:30", keep_source="24h,14d")
    services.fake_replication.task_list = [
        TaskStatus(Task("home", "tank/home", "nas-b", "backup/home", options=Options(schedule="every 1h")),
                   Run("r1", "home", "running", now - 60), now, "s", now - 7200, False, None, now - 7210),
        TaskStatus(Task("photos", "tank/photos", "nas-b", "backup/photos", True, rpo=DAY, options=daily),
                   failed, since, "dplane-1", since, True, now + 4 * 3600 + 30, since),
        TaskStatus(Task("vm", "tank/vm", None, "vault/vm", rpo=7 * DAY),
                   Run("v1", "vm", "nothing-new", now - DAY),
                   now - DAY, "s", now - DAY, False, None, now - DAY - 30),
        TaskStatus(Task("docs", "tank/docs", "nas-b", "backup/docs")),
    ]  # fmt: skip
    services.fake_jobs.jobs = [
        Progress("r1", "replicate", "running", "replicate home", "sending", bytes_done=12 * M, bytes_total=40 * M,
                 rate_bps=2.0 * M, eta_s=14.0, updated=now)
    ]  # fmt: skip
    return services


async def test_the_answer_comes_first_in_words_and_worst_first(console: Opener) -> None:
    async with console(late_photos(), section="replication", profile=MONO) as seen:
        await seen.until_text("2 of 4 tasks are in time; photos is late: 2d 3h, allowed 1d; docs was never")
        await seen.until_text("Now running: home 30%.")
        await seen.until_text("Only within this box: tank/vm.")
        lines = seen.text.split("\n")
        assert "photos is late" in lines[1]
        (photos,) = [line for line in lines if "LATE 2d 3h / 1d" in line]
        assert "in 4h" in photos
        (docs,) = [line for line in lines if "never run" in line]
        assert "unknown / 1d" in docs
        assert "by hand" in docs
        (home,) = [line for line in lines if "running 30%" in line]
        assert "12.0M/40.0M 2.00M/s ETA 14s" in home
        assert "2h / 1d" in home


async def test_every_task_is_in_sight_while_there_is_room(console: Opener) -> None:
    services = FakeServices()
    services.fake_replication.task_list = [
        TaskStatus(Task(f"t{number}", f"tank/t{number}", "nas-b", f"backup/t{number}"), None, 1.0, "s", time.time())
        for number in range(7)
    ] + [TaskStatus(Task("unproven", "tank/new", "nas-b", "backup/new"))]
    async with console(services, section="replication") as seen:
        await seen.until_text("runs of")
        await seen.until_text("t6")
        lines = seen.text.split("\n")
        (first,) = [number for number, line in enumerate(lines) if "SOURCE" in line]
        assert "unproven" in lines[first + 1]
        assert "t6" in lines[first + 8]
        assert "↓" not in seen.text


async def test_a_terminal_too_small_for_the_list_still_gets_the_answer(console: Opener) -> None:
    async with console(late_photos(), section="replication", size=(40, 12)) as seen:
        await seen.until(lambda: "photos is late: 2d 3h, allowed 1d;" in seen.text.replace("\n", ""))
        assert "too small" in seen.text


async def test_datasets_that_no_task_copies_are_named(console: Opener) -> None:
    async with console(section="replication") as seen:
        await seen.until_text("home is in time: 10m, allowed 1d.")
        await seen.until_text("In no task: tank, tank/home/anna, tank/vm.")
        assert "all-datasets" in seen.app.poller.watched
        await seen.press("1")
        await seen.until_text("vault")
        assert seen.app.poller.watched == {"pools"}


async def test_what_was_read_long_ago_is_called_old_and_unknown_stays_unknown(console: Opener) -> None:
    services = FakeServices()
    services.fake_zfs.failure = UnreachableError("The pools cannot be read.")

    async def unread(pool: str | None = None) -> tuple[()]:
        raise UnreachableError("The datasets cannot be listed.")

    services.fake_zfs.datasets = unread  # type: ignore[method-assign]  # the fault to test
    async with console(services, section="replication") as seen:
        await seen.until_text("Which datasets have no task is unknown: The datasets cannot be listed.")
        services.fake_replication.failure = UnreachableError("The store cannot be read.")
        await seen.press("r")
        await seen.until_text("The last reading failed, so this is old: The store cannot be read.")


async def test_a_run_whose_progress_cannot_be_read_is_not_given_one(console: Opener) -> None:
    services = late_photos()

    async def unread() -> tuple[Progress, ...]:
        raise UnreachableError("The jobs cannot be listed.")

    services.fake_jobs.list = unread  # type: ignore[method-assign]  # the fault to test
    async with console(services, section="replication") as seen:
        await seen.until_text("Now running: home")
        await seen.press("down", "down")
        await seen.until_text("How far it is, is unknown: The jobs cannot be listed.")
        (home,) = [line for line in seen.text.split("\n") if line.startswith("> home")]
        assert "no report" in home
        assert "%" not in home


async def test_a_task_opens_to_its_options_failure_keys_and_history(console: Opener) -> None:
    async with console(late_photos(), section="replication") as seen:
        await seen.until_text("photos is late")
        await seen.press("home", "enter")
        await seen.until_text("task photos")
        await seen.until_text("longest 7m, newest right")
        text = seen.text
        assert "tank/photos and all below it → nas-b:backup/photos" in text
        assert "LATE: the copy is 2d 3h old, allowed is 1d" in text
        assert "daily 02:30; next in 4h" in text
        assert "FAILED      nas-b (10.9.0.2) cannot be reached: timed out." in text
        assert "class       network: The other box could not be reached" in text
        assert "helps       e test peer   u run now" in text
        assert "keep-source: 24h,14d" in text
        assert "took        █" in text
        assert "most 7.00M, · did not end well" in text
        assert "docs" not in text
        await seen.press("e")
        await seen.until_text("nas-b answered: D-Plane")
        await seen.press("escape")
        await seen.until_text("photos is late")
        assert "> photos" in seen.text


async def test_a_failed_run_opens_to_a_sentence_its_class_and_keys_that_work_there(console: Opener) -> None:
    services = late_photos()
    runs = services.fake_replication.run_list
    plan = Plan("photos", steps=(Step("full", "tank/photos", "backup/photos", "filesystem", "s1", "7", size=3 * M),))
    log = tuple(LogLine(time.time(), f"again in {number}s: it\x1b[2J is away") for number in range(40))
    runs[0] = dataclasses.replace(runs[0], plan=codec.dumps(plan), log=log)
    async with console(services, section="replication") as seen:
        await seen.until_text("photos is late")
        await seen.press("home", "enter")
        await seen.until_text("> 1h ago")
        await seen.press("enter")
        await seen.until_text("Run of photos")
        assert "class       network" in seen.text
        assert "Nothing was proven by this run." in seen.text
        assert "plan, as it was made last" in seen.text
        assert "tank/photos@s1 → backup/photos, about 3.00M" in seen.text
        await seen.press("G")
        await seen.until_text("again in 39s: it\ufffd[2J is away")
        await seen.press("u")
        await seen.until_text("The run r1 was started.")
    assert ("start", "photos") in seen.services.fake_replication.calls


async def test_read_only_and_too_low_a_role_are_offered_only_what_they_may(console: Opener) -> None:
    async with console(late_photos(), section="replication", read_only=True) as seen:
        await seen.until_text("photos is late")
        await seen.press("home", "enter")
        await seen.until_text("helps       e test peer")
        assert "run now" not in seen.text.split("helps")[1].split("\n")[0]
        assert "run now" not in seen.text.split("\n")[-1], "the hints offer nothing that changes things"
        for key in ("u", "p", "l", "w", "o", "b", "a", "x", "d"):
            await seen.press(key)
            assert "read-only" in seen.text, key
        await seen.press("question_mark")
        await seen.until_text("Keys that work here")
        assert "what a run would do now" in seen.text
        assert "run the task now" not in seen.text
        await seen.press("escape", "colon")
        await seen.type("task")
        assert "dry run" in seen.text
        assert "pause" not in seen.text
    assert not seen.services.fake_replication.calls


async def test_a_diverged_run_names_the_way_out_and_shows_what_diverged(console: Opener) -> None:
    services = FakeServices()
    now = time.time()
    run = Run("d1", "home", "failed", now - 60, now - 50, 0, "backup/home has @mine, which home has not.", "diverged")
    services.fake_replication.run_list = [run]
    services.fake_replication.task_list = [TaskStatus(Task("home", "tank/home", "nas-b", "backup/home"), run)]
    conflict = Conflict("tank/home", "backup/home", "target-newer", "backup/home has @mine since then.", "daily-1")
    services.fake_replication.plan_made = Plan("home", conflicts=(conflict,))
    async with console(services, section="replication") as seen:
        await seen.until_text("home was never proven, and its last run failed.")
        await seen.press("enter")
        await seen.until_text("class       diverged")
        assert "helps       m ways out   y dry run" in seen.text
        assert "dplane replicate" not in seen.text
        assert "u run now" not in seen.text.split("helps")[1].split("\n")[0]
        await seen.press("y")
        await seen.until_text("What a run of home would do")
        assert "1 of its datasets cannot be sent" in seen.text
        assert "backup/home has @mine since then. Both sides have @daily-1." in seen.text
        assert "Nothing will be sent." in seen.text
        assert "Nothing is lost by itself: m shows the ways out." in seen.text
        services.fake_replication.in_conflict = [diverged()]
        await seen.press("m")
        await seen.until_text("Why nas-b:backup/home cannot go on")


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ("SHA256:farfarfar", "Both are the same"),
        ("SHA256:another", "The two differ. Until you know why, nothing is sent"),
        ("", "Whether the key changed is not known"),
    ],
)
async def test_the_host_key_story(console: Opener, shown: str, said: str) -> None:
    services = FakeServices()
    services.fake_replication.shown_key = shown
    if not shown:

        async def unreached(address: str, port: int) -> None:
            raise UnreachableError("nas-b is off.")

        services.fake_replication.probe = unreached  # type: ignore[method-assign]  # the fault to test
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("f")
        await seen.until_text("pinned when paired")
        assert "SHA256:farfarfar" in seen.text
        assert said in seen.text
        assert ("SHA256:another" in seen.text) == (shown == "SHA256:another")


async def test_an_opened_task_that_is_removed_gives_its_place_to_no_other(console: Opener) -> None:
    services = late_photos()
    async with console(services, section="replication") as seen:
        await seen.until_text("photos is late")
        await seen.press("home", "enter")
        await seen.until_text("task photos")
        del services.fake_replication.task_list[1]
        await seen.press("r")
        await seen.until_text("2 of 3 tasks are in time")
        assert "Esc back" not in seen.text
        assert seen.app.current.focused is seen.app.current.query_one("#list")
