"""Alarms: told once when they begin, again after a day, and once when they end, whoever looks and however many."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from dplane_tui.services.health.model import DiskHealth
from dplane_tui.services.notify import compose, observe, records
from dplane_tui.services.notify.model import (
    DEFAULT_EVENTS,
    FAILED,
    LATE,
    NTFY,
    PING,
    POOL,
    RECOVERED,
    WEBHOOK,
    Alarm,
    Channel,
    ChannelState,
    Delivery,
    Observation,
)
from dplane_tui.services.notify.records import CLAIM_SECONDS, Due
from dplane_tui.services.notify.service import found_in
from dplane_tui.services.notify.tell import batches
from dplane_tui.services.replication import codec
from dplane_tui.services.replication.compare import Compared, Comparison
from dplane_tui.services.replication.model import Options, Run, Task, TaskStatus
from dplane_tui.services.retention.model import Pruning, SideReport
from dplane_tui.services.store import Notice, Store, open_store
from dplane_tui.services.zfs.model import Pool, Vdev

NOW = 1_795_000_000.0
DAY = 86400.0
HOOK = Channel("hook", WEBHOOK)
PHONE = Channel("phone", NTFY)
BAD = Observation("late:photos", LATE, True, "photos", 2, "photos is late", "It is old.")
GOOD = replace(BAD, active=False, title="photos is in time again", text="It is new.")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(tmp_path / "store" / "dplane.db", write=True) as made:
        yield made


async def see(store: Store, item: Observation, at: float) -> None:
    await records.observe(store, [item], at, at)


async def due(store: Store, at: float, *channels: Channel, remind: float | None = DAY) -> list[tuple[str, str, str]]:
    """What is due at that time: channel, state and title; all of it is accepted."""
    found = await records.claim(store, channels or (HOOK,), remind, at)
    await records.settle(store, found, True, at)
    return [(item.channel.name, item.state, item.alarm.title) for item in found]


async def test_once_when_it_begins_each_day_while_it_lasts_and_once_when_it_ends(store: Store) -> None:
    await see(store, GOOD, NOW)
    assert await due(store, NOW) == [], "what was always well is no news"
    await see(store, BAD, NOW + 1)
    assert await due(store, NOW + 1) == [("hook", "begin", "photos is late")]
    for hours in range(1, 24):
        await see(store, BAD, NOW + hours * 3600)
        assert await due(store, NOW + hours * 3600) == []
    await see(store, replace(BAD, title="photos is still late"), NOW + DAY + 2)
    assert await due(store, NOW + DAY + 2) == [("hook", "reminder", "photos is still late")]
    assert await due(store, NOW + DAY + 900) == []
    assert await due(store, NOW + 9 * DAY, remind=None) == []
    await see(store, GOOD, NOW + DAY + 1000)
    assert await due(store, NOW + DAY + 1000) == [("hook", "end", "photos is in time again")]
    await see(store, GOOD, NOW + DAY + 2000)
    assert await due(store, NOW + 3 * DAY) == []
    (alarm,) = await records.alarms(store)
    assert (alarm.active, alarm.since) == (False, NOW + DAY + 1000)


async def test_what_no_server_took_is_tried_again_and_its_end_is_not_told_to_who_never_heard(store: Store) -> None:
    await see(store, BAD, NOW)
    for later in (0, 10, 20):
        first = await records.claim(store, [HOOK], DAY, NOW + later)
        assert [item.state for item in first] == ["begin"]
        await records.settle(store, first, False, NOW + later)
    await see(store, GOOD, NOW + 30)
    assert await due(store, NOW + 30) == []
    await see(store, BAD, NOW + 40)
    assert await due(store, NOW + 40) == [("hook", "begin", "photos is late")]
    await see(store, GOOD, NOW + 50)
    ends = await records.claim(store, [HOOK], DAY, NOW + 50)
    await records.settle(store, ends, False, NOW + 50)
    assert await due(store, NOW + 60) == [("hook", "end", "photos is in time again")], "an end is tried again too"


async def test_an_alarm_that_begins_anew_before_its_end_was_told_is_told_as_new(store: Store) -> None:
    await see(store, BAD, NOW)
    await due(store, NOW)
    await see(store, GOOD, NOW + 10)
    await see(store, BAD, NOW + 20)
    assert await due(store, NOW + 20) == [("hook", "begin", "photos is late")]


async def test_worse_is_told_at_once_and_better_waits(store: Store) -> None:
    degraded = Observation("pool:1", POOL, True, "tank", 2, "tank is DEGRADED", "x")
    await see(store, degraded, NOW)
    await due(store, NOW)
    await see(store, replace(degraded, level=3, title="tank is SUSPENDED"), NOW + 10)
    assert await due(store, NOW + 10) == [("hook", "worse", "tank is SUSPENDED")]
    await see(store, degraded, NOW + 20)
    assert await due(store, NOW + 20) == []


async def test_each_channel_hears_what_it_chose(store: Store) -> None:
    only_late = replace(PHONE, events=(LATE,))
    of_music = Channel("music", WEBHOOK, tasks=("music",))
    ping = Channel("hc", PING)
    await see(store, BAD, NOW)
    await see(store, Observation("pool:1", POOL, True, "tank", 2, "tank is DEGRADED", "x"), NOW)
    told = await due(store, NOW, HOOK, only_late, of_music, ping)
    assert sorted(told) == [
        ("hook", "begin", "photos is late"),
        ("hook", "begin", "tank is DEGRADED"),
        ("music", "begin", "tank is DEGRADED"),
        ("phone", "begin", "photos is late"),
    ]
    await see(store, GOOD, NOW + 10)
    assert await due(store, NOW + 10, HOOK, only_late, of_music, ping) == [("hook", "end", "photos is in time again")]
    assert RECOVERED in DEFAULT_EVENTS


async def test_news_is_told_once_and_never_again(store: Store) -> None:
    await see(store, replace(BAD, key="store:1", once=True), NOW)
    assert [state for _, state, _ in await due(store, NOW)] == ["once"]
    assert await due(store, NOW + 9 * DAY) == []


async def test_an_older_look_does_not_overrule_a_newer_one_but_a_clock_set_back_does_not_stop_it(store: Store) -> None:
    await records.observe(store, [GOOD], NOW + 100, NOW + 100)
    await records.observe(store, [BAD], NOW + 50, NOW + 110)
    assert await due(store, NOW + 110) == [], "it was read before the run that mended it had ended"
    await records.observe(store, [BAD], NOW - DAY, NOW - DAY)
    assert await due(store, NOW - DAY) == [("hook", "begin", "photos is late")]


async def test_what_a_process_died_over_is_sent_by_another_after_a_while(store: Store) -> None:
    await see(store, BAD, NOW)
    lost = await records.claim(store, [HOOK], DAY, NOW)
    assert len(lost) == 1
    assert await due(store, NOW + CLAIM_SECONDS - 1) == []
    assert await due(store, NOW + CLAIM_SECONDS + 1) == [("hook", "begin", "photos is late")]
    await records.settle(store, lost, False, NOW + CLAIM_SECONDS + 2)  # the dead one comes back
    assert await due(store, NOW + CLAIM_SECONDS + 3) == []


async def test_an_alarm_that_ended_while_it_was_being_told_is_ended_to_who_heard_it(store: Store) -> None:
    await see(store, BAD, NOW)
    sending = await records.claim(store, [HOOK], DAY, NOW)
    await see(store, GOOD, NOW + 1)
    assert await due(store, NOW + 1) == [], "nobody else meddles meanwhile"
    await records.settle(store, sending, True, NOW + 2)
    assert await due(store, NOW + 3) == [("hook", "end", "photos is in time again")]


async def test_what_is_not_known_changes_nothing(store: Store) -> None:
    await see(store, BAD, NOW)
    await due(store, NOW)
    await see(store, replace(BAD, active=None), NOW + 10)
    assert await due(store, NOW + 10) == []
    assert (await records.alarms(store))[0].active


async def test_tasks_that_were_removed_are_forgotten_without_a_word(store: Store) -> None:
    await see(store, BAD, NOW)
    await due(store, NOW)
    await records.forget(store, ["photos"], NOW)
    assert len(await records.alarms(store)) == 1
    await records.forget(store, ["music"], NOW)
    assert await records.alarms(store) == ()
    assert await due(store, NOW + 10) == []


RACER = """
import asyncio, pathlib, sys
from dplane_tui.services.notify import records
from dplane_tui.services.notify.model import LATE, Channel, Observation
from dplane_tui.services.store import open_store
async def main():
    async with open_store(pathlib.Path(sys.argv[1]), write=True) as store:
        bad = [Observation(f"late:{n}", LATE, True, str(n), 2, "t", "x") for n in range(20)]
        await records.observe(store, bad, 1e9, 1e9)
        for at in (1e9, 1e9 + 1):
            due = await records.claim(store, [Channel("a", "webhook"), Channel("b", "ntfy")], 86400.0, at)
            print(*(f"{one.alarm.key}/{one.channel.name}" for one in due))
            await records.settle(store, due, True, at)
asyncio.run(main())
"""


async def test_of_many_processes_one_tells_it(tmp_path: Path) -> None:
    path = tmp_path / "store" / "dplane.db"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    racers = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", RACER, str(path), stdout=asyncio.subprocess.PIPE, env=env
        )
        for _ in range(4)
    ]
    said = [(await one.communicate())[0].decode().split() for one in racers]
    assert all(one.returncode == 0 for one in racers)
    told = sorted(word for words in said for word in words)
    assert told == sorted(f"late:{n}/{name}" for n in range(20) for name in "ab")


TASK = Task("photos", "tank/photos", "attic", "vault/photos", rpo=3600, created=NOW - 10 * DAY)


def status(last: str, age: float | None, message: str = "", task: Task = TASK) -> TaskStatus:
    fresh = None if age is None else NOW - age
    run = Run("r1", "photos", last, NOW - 60, NOW - 30, message=message) if last else None
    late = None if age is None else age > task.rpo
    return TaskStatus(task, run, fresh, "s", fresh, late, fresh_at=fresh)


def test_a_task_is_an_alarm_when_its_run_failed_and_another_when_it_is_late() -> None:
    def active(item: TaskStatus) -> tuple[bool | None, bool | None]:
        run, late = observe.of_task(item, NOW)
        assert (run.key, late.key) == ("run:photos", "late:photos")
        return run.active, late.active

    assert active(status("succeeded", 60)) == (False, False)
    assert active(status("nothing-new", 60)) == (False, False)
    assert active(status("failed", 60)) == (True, False)
    assert active(status("died", 7200)) == (True, True)
    assert active(status("running", 60)) == (None, False), "a new try does not end the alarm of the last one"
    assert active(status("cancelled", 7200)) == (None, True)
    assert active(status("", None)) == (False, True), "ten days old and never proven"
    young = replace(TASK, created=NOW - 60)
    assert active(status("failed", None, task=young)) == (True, None), "what was never proven is never in time"


def test_a_task_s_alarm_says_what_a_person_needs() -> None:
    run, late = observe.of_task(status("failed", 7200, "attic: \x1b[31mconnection\nlost."), NOW)
    assert run.title == "replication photos failed"
    assert "attic: �[31mconnection lost." in run.text
    assert "What is proven at attic:vault/photos is 2h old." in run.text
    assert "Its limit is 1h." in late.text
    assert "The last run failed 30s ago: attic" in late.text
    paused = replace(TASK, options=Options(paused=True))
    assert "paused" in observe.of_task(status("succeeded", 7200, task=paused), NOW)[1].text
    never = observe.of_task(status("", None), NOW)[1]
    assert "Nothing is proven at attic:vault/photos." in never.text


DISKS = (Vdev("mirror-0", "mirror", "ONLINE", children=(Vdev("a", "disk", "ONLINE"), Vdev("b", "disk", "ONLINE"))),)
TANK = Pool("tank", "1", "ONLINE", capacity=50, free=1 << 30, vdevs=DISKS, data_errors=0)


def of_pools(*pools: Pool, known: tuple[Alarm, ...] = ()) -> dict[str, Observation]:
    return {item.key: item for item in observe.of_pools(pools, known)}


def test_a_pool_is_an_alarm_as_bad_as_it_is() -> None:
    assert {key: item.active for key, item in of_pools(TANK).items()} == {
        "zfs": False,
        "pool:1": False,
        "full:1": False,
        "gone:1": False,
    }
    levels = [
        of_pools(pool)["pool:1"].level
        for pool in (
            replace(TANK, vdevs=(Vdev("a", "disk", "ONLINE", checksum_errors=3),)),
            replace(TANK, state="DEGRADED"),
            replace(TANK, state="SUSPENDED"),
        )
    ]
    assert levels == [1, 2, 3]
    assert of_pools(replace(TANK, data_errors=None))["pool:1"].active, "what is not known is not well"
    assert of_pools(replace(TANK, data_errors=2))["pool:1"].level == 3


def test_a_pool_at_the_edge_of_full_does_not_ring_all_day() -> None:
    assert [of_pools(replace(TANK, capacity=value))["full:1"].active for value in (90, 89, 87, 86, None)] == [
        True, None, None, False, None,
    ]  # fmt: skip


async def test_a_pool_that_goes_away_is_told_once_and_its_return_too(store: Store) -> None:
    async def look(at: float, *pools: Pool) -> list[tuple[str, str, str]]:
        await records.observe(store, observe.of_pools(pools, await records.alarms(store)), at, at)
        return await due(store, at)

    assert await look(NOW, TANK) == []
    assert await look(NOW + 1, replace(TANK, state="DEGRADED")) == [("hook", "begin", "pool tank is DEGRADED")]
    assert await look(NOW + 2) == [("hook", "once", "pool tank is not there any more")]
    gone = next(one for one in await records.alarms(store) if one.key == "gone:1")
    assert "pool tank is DEGRADED" in gone.text
    assert await look(NOW + 2 * DAY) == []
    assert await look(NOW + 2 * DAY + 1, replace(TANK, state="DEGRADED")) == [
        ("hook", "begin", "pool tank is DEGRADED"),
        ("hook", "end", "pool tank is there again"),
    ]
    assert await look(NOW + 3 * DAY) == [("hook", "once", "pool tank is not there any more")]
    await records.forget(store, [], NOW + 40 * DAY)
    assert {one.key for one in await records.alarms(store)} == {"zfs"}


def test_pools_that_cannot_be_read_are_an_alarm_only_where_there_were_some() -> None:
    assert observe.unreadable("The ZFS module is not loaded.", True).active is True
    assert observe.unreadable("ZFS is not installed.", False).active is None


def test_disks() -> None:
    gone = Alarm("disk:ata-OLD", "disk", "ata-OLD", True, 3, "t", "x", False, NOW, NOW)
    found = {
        item.key: (item.active, item.level, item.once)
        for item in observe.of_disks(
            [
                DiskHealth("ata-A", "sda", "passed"),
                DiskHealth("ata-B", "sdb", "failing", "the disk itself says that it fails"),
                DiskHealth("ata-C", "sdc", "passed", "8 sectors wait to be rewritten"),
                DiskHealth("ata-D", "sdd", "unknown", "no SMART"),
                DiskHealth("", "vda", "unknown"),
            ],
            (gone,),
        )
    }
    assert found == {
        "disk:ata-A": (False, 1, False),
        "disk:ata-B": (True, 3, False),
        "disk:ata-C": (True, 1, True),
        "disk:ata-D": (None, 1, False),
        "disk:ata-OLD": (False, 1, False),
    }


def test_old_notices_are_no_news() -> None:
    fresh, old = Notice(NOW - 60, "The store was damaged."), Notice(NOW - 30 * DAY, "Long ago.")
    assert [item.key for item in observe.of_notices([(7, fresh), (2, old)], NOW)] == ["store:7"]


def test_people_get_a_digest_and_programs_get_each() -> None:
    items = [
        Due(PHONE, Alarm(f"late:{n}", LATE, str(n), n != 2, 2, f"task {n}", f"text {n}", False, NOW, NOW), state, NOW)
        for n, state in ((0, "begin"), (1, "begin"), (2, "end"))
    ]
    (bad, first), (good, second) = batches(PHONE, items, "nas")
    assert bad.title == "2 things need you: task 0; task 1"
    assert bad.text == "Task 0\ntext 0\n\nTask 1\ntext 1"
    assert (good.title, good.event, good.level) == ("task 2", RECOVERED, 0)
    assert [item.alarm.key for item in [*first, *second]] == ["late:0", "late:1", "late:2"]
    each = batches(HOOK, items, "nas")
    assert [(message.title, message.event, len(group)) for message, group in each] == [
        ("task 0", LATE, 1),
        ("task 1", LATE, 1),
        ("task 2", RECOVERED, 1),
    ]


def test_a_reminder_says_since_when() -> None:
    alarm = Alarm("run:a", FAILED, "a", True, 2, "replication a failed", "x", False, NOW - 2 * DAY, NOW)
    message = compose.of_alarm(Due(HOOK, alarm, "reminder", NOW), "nas", NOW)
    assert message.title == "still: replication a failed"
    assert message.text.endswith("This began 2d ago and goes on.")


def told(
    kind: str, state: str, message: str = "", code: str = "", found: str = ""
) -> list[tuple[bool | None, bool, str]]:
    run = Run("r7", "photos", state, NOW - 60, NOW - 30, message=message, error_code=code, kind=kind)
    return [(one.active, one.once, one.title) for one in observe.of_other(run, found)]


def test_what_failed_is_called_by_its_name_and_a_conflict_is_called_one() -> None:
    assert told("restore", "failed") == [(True, True, "the restore of photos failed")]
    assert told("restore", "died") == [(True, True, "the restore of photos died")]
    assert told("prune", "failed") == [(True, True, "the retention of photos failed")]
    assert told("prune", "succeeded", found="1 is busy.") == [
        (True, True, "the retention of photos could not do all of it")
    ]
    assert told("compare", "failed") == [(True, True, "the comparison of photos failed")]
    assert told("compare", "succeeded", found="vault/a: x") == [
        (True, True, "the comparison of photos found a conflict")
    ]
    assert told("verify", "failed") == [(True, False, "the verification of photos failed")]
    assert told("verify", "failed", code="bad-news") == [(True, False, "the verification of photos found differences")]
    assert told("verify", "succeeded") == [(False, False, "the verification of photos is good again")]
    for kind in ("restore", "prune", "compare"):
        assert told(kind, "succeeded") == []
    for kind in ("plan", "conflicts", "resolve", "copies"):
        assert told(kind, "failed") == []
    assert told("verify", "cancelled") == []
    stopped = replace(status("failed", 60), last=Run("r1", "photos", "failed", 1.0, 2.0, error_code="diverged"))
    run, _ = observe.of_task(stopped, NOW)
    assert (run.active, run.title) == (True, "replication photos found a conflict and stopped")
    assert "dplane replicate resolve photos" in run.text
    back = replace(status("failed", 60), restore=Run("r2", "photos", "succeeded", 3.0, 4.0, kind="restore"))
    found = observe.of_task(back, NOW)
    assert [(one.key, one.active) for one in found] == [("run:photos", True), ("late:photos", False)]
    back = replace(status("failed", 60), restore=Run("r2", "photos", "died", 3.0, 4.0, kind="restore"))
    assert [one.key for one in observe.of_task(back, NOW)] == ["restore:r2", "run:photos", "late:photos"]


async def test_each_failure_is_news_of_its_own_and_old_news_is_forgotten(store: Store) -> None:
    for run in ("r1", "r2"):
        (item,) = observe.of_other(Run(run, "photos", "failed", NOW, NOW, kind="restore"))
        await see(store, item, NOW)
        assert await due(store, NOW) == [("hook", "once", "the restore of photos failed")]
        assert await due(store, NOW + 9 * DAY) == []
    await records.forget(store, ["photos"], NOW + 20 * DAY)
    assert len(await records.alarms(store)) == 2
    await records.forget(store, ["photos"], NOW + 31 * DAY)
    assert await records.alarms(store) == ()


def test_what_a_comparison_or_pruning_found_is_told_though_it_came_to_its_end() -> None:
    bad = Compared("tank/a", "vault/a", "ahead", "it has @mine.")
    run = Run("r", "photos", "succeeded", 1.0, 2.0, kind="compare", message="Compared.")
    assert found_in(replace(run, plan=codec.dumps(Comparison("photos", (bad,))))) == (
        "vault/a cannot simply be continued: it has @mine."
    )
    assert found_in(replace(run, plan=codec.dumps(Comparison("photos", (replace(bad, state="behind"),))))) == ""
    side = SideReport("target", "attic", "5", problem="It is full.")
    pruned = replace(run, kind="prune", message="Retention was left undone: It is full.")
    assert found_in(replace(pruned, plan=codec.dumps(Pruning("photos", False, (side,))))) == pruned.message
    assert found_in(replace(pruned, plan=codec.dumps(Pruning("photos", True, (side,))))) == "", "a preview is no news"
    assert found_in(replace(pruned, plan=codec.dumps(Pruning("photos", False, (replace(side, problem=""),))))) == ""


async def test_a_channel_of_an_old_name_is_not_taken_for_the_old_one(store: Store) -> None:
    await see(store, BAD, NOW)
    assert await due(store, NOW, HOOK, PHONE) == [(one.name, "begin", BAD.title) for one in (HOOK, PHONE)]
    await records.delivered(store, [Delivery(one.name, True, "250 ok", NOW) for one in (HOOK, PHONE)])
    (_, phone) = await records.states(store)
    assert phone.of_one_made(NOW - 1, NOW + 9) == phone
    assert phone.of_one_made(NOW + 5, NOW + 9) == ChannelState("phone"), "nothing was sent on that one"
    assert phone.of_one_made(NOW + 50, NOW + 9) == phone, "a clock that was set back hides nothing"
    anew = replace(PHONE, made=True, since=NOW + 5)
    await records.forget_channels(store, [anew], NOW + 1, others=False)
    assert len(await records.states(store)) == 2
    await records.forget_channels(store, [anew], NOW + 9, others=False)
    assert [one.channel for one in await records.states(store)] == ["hook"], "which may be left out for a mistake"
    assert await due(store, NOW + 10, HOOK, anew) == [("phone", "begin", BAD.title)]
    await records.forget_channels(store, [anew], NOW + 11, others=True)
    assert await records.states(store) == ()
    assert await due(store, NOW + 12, HOOK, anew) == [("hook", "begin", BAD.title)]
    await records.forget_channels(store, [], NOW + 13, others=True)
    assert len(await due(store, NOW + 14, HOOK, anew)) == 2
