"""Snapshot policies against a model box: a run does what its preview said, whatever the clock and the timers do."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dplane_tui.errors import BusyError, CommandError, RefusedError, TimedOutError, UsageError
from dplane_tui.services import door as door_of
from dplane_tui.services.notify.model import Alarm
from dplane_tui.services.policies import alarms, news, records, wording
from dplane_tui.services.policies import read as policies_read
from dplane_tui.services.policies import run as run_of
from dplane_tui.services.policies import service as service_of
from dplane_tui.services.policies.model import PolicyRun, Wish
from dplane_tui.services.policies.run import Runner, summary
from dplane_tui.services.policies.service import LocalPolicies
from dplane_tui.services.replication import records as task_records
from dplane_tui.services.replication.lending import mark_prefix
from dplane_tui.services.replication.model import Options, Peer, Task
from dplane_tui.services.retention.pruners import LocalPruner
from dplane_tui.services.store import Store, open_store

from .policy_world.model import ModelBox

VIENNA = ZoneInfo("Europe/Vienna")
DATA = "tank/data"
START = datetime(2026, 10, 10, 9, 0, tzinfo=VIENNA)  # the clock goes back on the 25th


class Clock:
    """A clock that is set by hand; it counts in UTC, as a machine does."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def go(self, **by: float) -> None:
        """On (or back) by real time."""
        self.now = (self.now.astimezone(UTC) + timedelta(**by)).astimezone(VIENNA)


class World:
    """A box with a clock, a store of its own, and the service on both."""

    def __init__(self, folder: Path, now: datetime = START) -> None:
        self.clock = Clock(now)
        self.box = ModelBox(self.clock)
        self.box.add("tank", DATA, "tank/home", "vault", "vault/a")
        self.service = LocalPolicies(self.box, self.clock)
        self.store = folder / "state" / "store" / "dplane.db"

    async def run(self) -> PolicyRun:
        """A run; it is stored as it ended."""
        done = await self.service.run(Wish(dry=False))
        assert (await self.service.runs(1))[0].state == done.state
        return done

    async def agreed(self, store: Store | None = None) -> PolicyRun:
        """A preview, then a run: it takes and destroys exactly what the preview said, and leaves exactly what stays."""
        before = {name: self.box.names(name) for name in self.box.datasets}
        shown = await (self.bare(store, dry=True) if store else self.service.preview(Wish()))
        assert {name: self.box.names(name) for name in self.box.datasets} == before, "a preview changes nothing"
        done = await (self.bare(store) if store else self.run())
        for one in shown.datasets:
            stays = [item.snapshot for item in one.judged if item.keep]
            assert self.box.names(one.dataset) == stays, one.dataset
        assert [(one.dataset, one.taken) for one in shown.datasets] == [
            (one.dataset, one.taken) for one in done.datasets
        ]
        return done

    async def bare(self, store: Store, *, dry: bool = False) -> PolicyRun:
        """A run, or its preview, without its record: a disk that is asked to sync each time makes a month long."""

        async def keep(_run: PolicyRun) -> None:
            """Not kept."""

        blank = PolicyRun("", "preview" if dry else "running", self.clock().timestamp())
        runner = Runner(self.box, store, self.store.parent, clock=self.clock)
        done = await runner.apply(Wish(dry), blank, keep)
        return done if dry else replace(done, state=summary(done)[0], message=summary(done)[1])

    def ages(self, dataset: str = DATA) -> list[float]:
        """Hours since each snapshot of the policy, the newest first."""
        times = [at for name in self.box.names(dataset) if (at := wording.taken_at(name)) is not None]
        return [(self.clock().timestamp() - at) / 3600 for at in reversed(times)]


@pytest.fixture(autouse=True)
def own_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DPLANE_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("DPLANE_RUN_DIR", str(tmp_path / "run"))

    async def argv(_self: object) -> tuple[str, ...]:
        return ("sudo", "-n", "privhelper")

    monkeypatch.setattr(door_of.Door, "argv", argv)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


# Words and values


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("hourly=24, daily=30,monthly=12", "hourly:24,daily:30,monthly:12"),
        ("daily=1", "daily:1"),
        ("yearly=2,frequently=4", "frequently:4,yearly:2"),
    ],
)
def test_what_is_typed_is_what_the_property_says_and_the_door_takes_it(typed: str, kept: str) -> None:
    from privhelper import properties

    policy = wording.check(typed)
    assert wording.value_of(policy) == kept
    assert wording.read_value(f"{kept}@production") == (policy, "production")
    assert properties.problem(wording.PROPERTY, f"{kept}@production", DATA, ("filesystem",), birth=False) == ""
    assert wording.read_value(wording.value_of(None)) == (None, "")


@pytest.mark.parametrize("typed", ["", "all", "10,1d1w", "1x1h(keep=all) | 24x1h", "hourly=0", "hourly", "none"])
def test_a_policy_that_does_not_say_how_often_is_refused(typed: str) -> None:
    with pytest.raises(UsageError):
        wording.check(typed)


@given(st.text(max_size=40))
def test_whatever_stands_in_the_property_it_is_a_policy_or_an_error_of_ours(value: str) -> None:
    try:
        policy, template = wording.read_value(value)
    except UsageError:
        return
    assert policy is None or wording.read_value(wording.value_of(policy, template)) == (policy, template)


# 30 days


async def test_thirty_days_keep_what_the_preview_said_and_what_the_policy_is_called(world: World) -> None:
    await world.service.set(DATA, "hourly=24,daily=10,monthly=2")
    async with open_store(world.store) as store:
        for _ in range(30 * 24 + 1):  # one more: the night of the 25th has an hour twice
            assert (await world.agreed(store)).state == "succeeded"
            world.clock.go(hours=1)
    world.clock.go(hours=-1)
    times = [world.clock().timestamp() - age * 3600 for age in world.ages()]
    local = [datetime.fromtimestamp(at, VIENNA) for at in times]
    hours = [at for at in local if world.clock() - at < timedelta(hours=24)]
    assert len(hours) == 24
    days = sorted({at.date() for at in local if at.hour == 0}, reverse=True)
    assert days[:10] == [(world.clock() - timedelta(days=back)).date() for back in range(10)], "the first of each day"
    assert datetime(2026, 11, 1, tzinfo=VIENNA) in [at.replace(minute=0, second=0) for at in local], "the month's first"
    assert min(local).date() == START.date(), "the first month's first, the day it began"
    assert len(times) <= 24 + 10 + 2


MOVES = st.sampled_from(
    [
        *({"minutes": 15}, {"hours": 1}, {"hours": 1}, {"hours": 6}, {"days": 1}, {"days": 3}),
        *({"hours": -1}, {"hours": -5}, {"days": -2}, {"days": 400}, {"seconds": 1}),
    ]
)


@settings(max_examples=25)
@given(st.data())
async def test_missed_runs_and_jumps_of_the_clock_break_no_promise(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DPLANE_STATE_DIR", str(folder / "state"))
        patch.setenv("DPLANE_RUN_DIR", str(folder / "run"))
        starts = [START, datetime(2026, 10, 25, 1, 30, tzinfo=VIENNA), datetime(2027, 3, 28, 0, 50, tzinfo=VIENNA)]
        world = World(folder, data.draw(st.sampled_from([*starts, datetime(2028, 2, 28, 22, 0, tzinfo=VIENNA)])))
        await world.service.set(
            "tank", data.draw(st.sampled_from(["frequently=2,hourly=3", "hourly=4,daily=3", "daily=2"]))
        )
        foreign = world.box.snap(DATA, "autosnap_2020-01-01_daily")
        task = world.box.snap(DATA, "dplane-2020-01-01T00-00-00Z")
        async with open_store(world.store) as store:
            for move in data.draw(st.lists(MOVES, min_size=1, max_size=14)):
                held = data.draw(st.booleans())
                if held and (names := world.box.names(DATA)):
                    world.box.datasets[DATA].snaps[data.draw(st.sampled_from(names))].holds = 1
                kept = {name for name, snap in world.box.datasets[DATA].snaps.items() if snap.holds}
                newest = world.box.names(DATA)[-1]
                now = world.clock()
                done = await world.agreed(store)
                there = set(world.box.names(DATA))
                assert kept <= there
                assert newest in there or any(one.dataset == DATA and one.taken for one in done.datasets)
                assert {foreign.guid, task.guid} <= {snap.guid for snap in world.box.datasets[DATA].snaps.values()}
                says = [when for name in world.box.names(DATA) if (when := wording.taken_at(name)) is not None]
                due = [when for when in says if when <= now.timestamp() + 3600]
                ahead, behind = len(due) < len(says), bool(due) and says[-1] < max(due) - 7200
                assert (done.state == "failed") is (ahead or behind), done.message
                assert not wording.is_due(wording.check("daily=1"), there, now), "today has one"
                again = await world.bare(store)
                assert not any(one.taken for one in again.datasets), "a second run at once takes nothing"
                world.clock.go(**move)


# What stays, and what is told


async def test_datasets_of_a_pool_are_one_transaction_and_children_inherit(world: World) -> None:
    await world.service.set("tank", "hourly=2")
    await world.service.set("vault/a", "daily=2")
    await world.service.set("tank/home", wording.NONE)
    done = await world.run()
    taken = [call for call in world.box.calls if call["verb"] == "policy-snapshots"]
    assert [call["datasets"] for call in taken] == [["tank", DATA], ["vault/a"]]
    assert len({snap.txg for name in ("tank", DATA) for snap in world.box.datasets[name].snaps.values()}) == 1
    assert world.box.names("tank/home") == []
    assert done.message.startswith("3 snapshot(s) taken, 0 let go, in 3 dataset(s)")
    found = {one.dataset: one for one in (await world.service.status()).datasets}
    assert (found[DATA].set_on, found[DATA].policy, found[DATA].late) == ("tank", "hourly=2", False)
    assert (found["tank/home"].state, found["tank/home"].why) == ("none", "it is told to have none")
    assert (await world.service.unset("tank/home")).set_on == "tank"


async def test_a_copy_and_a_policy_from_a_stream_are_left_alone(world: World) -> None:
    world.box.add("tank/backup")
    world.box.add("tank/backup/nas", peer="nas-b")
    world.box.add("tank/came")
    world.box.datasets["tank/came"].received["dplane:policy"] = "hourly:1"
    async with open_store(world.store, write=True) as store:
        task = Task("local", "vault/a", None, "tank/backup/a", True, None, 3600, True, 0.0, Options())
        await task_records.add_task(store, task)
        await task_records.put_peer(store, Peer("nas-b", "root", "10.0.0.2", 22, "key", "", "", False))
        await task_records.add_task(store, replace(task, name="pull", target="tank/pulled", source_peer="nas-b"))
    world.box.add("tank/backup/a", "tank/backup/a/was", "tank/backup/nas/was", "tank/backup/a/mine", "vault/a")
    world.box.add("tank/backup/nas/mine", "tank/backup/a/sent", "vault/a/sent", "tank/pulled", "tank/pulled/sent")
    for below in ("a/was", "nas/was"):
        world.box.datasets[f"tank/backup/{below}"].readonly = True
    await world.service.set("tank", "hourly=2")
    await world.run()
    copies = ("nas", "nas/was", "a", "a/was", "a/sent")
    assert not any(world.box.names(f"tank/backup/{name}") for name in copies)
    assert not any(world.box.names(name) for name in ("tank/pulled", "tank/pulled/sent")), "as syncoid leaves them"
    assert world.box.names("tank/came") == []
    assert world.box.names("tank/backup/a/mine"), "what was made below a copy is written to, and no copy"
    assert world.box.names("tank/backup/nas/mine")
    found = {one.dataset: one for one in (await world.service.status()).datasets}
    assert found["tank/backup/nas"].state == "replica"
    assert "nas-b" in found["tank/backup/nas"].why
    assert "task local" in found["tank/backup/a"].why
    assert "stream" in found["tank/came"].why
    with pytest.raises(RefusedError, match="gets no policy"):
        await world.service.set("tank/backup/nas", "hourly=2")


async def test_a_task_s_snapshot_from_the_future_stays_and_the_run_says_so(world: World) -> None:
    await world.service.set(DATA, "hourly=1")
    await world.run()
    world.clock.go(hours=2)
    world.box.snap(DATA, "dplane-2099-01-01T00-00-00Z")  # as a peer that may take snapshots could have named one
    done = await world.run()
    assert done.state == "failed"
    assert "but dplane-2099-01-01T00-00-00Z says that it was taken 2099-01-01" in done.message
    assert "set the clock, or, if it is right, destroy that" in done.message
    assert done.datasets[0].taken
    assert "1 let go" in done.message, "it keeps the others from nothing"
    assert "dplane-2099-01-01T00-00-00Z" in world.box.names(DATA)


async def test_what_a_peer_marked_keeps_nothing_once_it_is_let_in_no_more(world: World) -> None:
    """A peer with --may-snapshot bookmarks what it likes; `peer revoke` must end what that does to the owner's pool."""
    await world.service.set(DATA, "hourly=1")
    old = ["dplane-auto-2026-10-01T00-00-00Z", "dplane-auto-2026-10-02T00-00-00Z"]
    for peer, name in zip(("nas-b", "nas-c"), old, strict=True):
        made = world.box.snap(DATA, name)
        world.box.datasets[DATA].bookmarks[f"{mark_prefix(peer, '01234567')}{int(made.guid):016x}"] = made
    both = [f'restrict,command="/x agent --peer {peer}" ssh-ed25519 A dplane:{peer}\n' for peer in ("nas-b", "nas-c")]
    marks = set(world.box.datasets[DATA].bookmarks)
    for accepted, left in ((None, old), ("".join(both), old), (both[1], old[1:]), (None, old[1:]), ("", [])):
        world.box.accepted = accepted
        world.clock.go(hours=1)
        done = await world.agreed()
        assert [name for name in world.box.names(DATA) if name in old] == left
        why = {item.snapshot: item.why for item in done.datasets[0].judged}
        assert ("of the peer nas-c, which is let in here" in why.get(old[1], "")) is bool(accepted)
    assert set(world.box.datasets[DATA].bookmarks) == marks, "each is base enough if its peer comes again"


async def test_a_value_with_line_ends_speaks_for_no_other_dataset(world: World) -> None:
    kept = "hourly:24,daily:30"
    world.box.datasets[DATA].local["dplane:policy"] = kept
    lie = f"none\tlocal\n{DATA}\tdplane:policy\tfrequently:1\tlocal\n{DATA}\tfrequently:1\nghost\tdplane:policy\tnone"
    world.box.datasets["vault"].local["dplane:policy"] = lie
    world.box.add("vault/b", peer=f"x\tlocal\n{DATA}\tdplane:policy\tfrequently:1\tlocal\n{DATA}\tfrequently:1")
    world.box.datasets["vault/b"].received["dplane:policy"] = f"hourly:1\tlocal\n{DATA}\thourly:1"
    found = {one.dataset: one for one in (await world.service.status()).datasets}
    assert set(found) == set(world.box.datasets)
    assert (found[DATA].state, found[DATA].policy) == ("on", "hourly=24,daily=30")
    assert found["vault"].state == "broken"
    assert found["vault/b"].state == "none", "what was received does not count as set here"
    done = await world.run()
    assert [one.dataset for one in done.datasets] == [DATA]


async def test_a_dataset_that_goes_while_it_is_read_stops_no_other(world: World) -> None:
    await world.service.set(DATA, "hourly=2")
    await world.service.set("tank/home", "hourly=2")
    world.box.vanished.add("tank/home")
    done = await world.run()
    assert [(one.dataset, bool(one.taken)) for one in done.datasets] == [(DATA, True)]
    found = {one.dataset: one for one in (await world.service.status()).datasets}
    assert found["tank/home"].state == "broken"


@pytest.mark.parametrize("name", ["dplane-auto-9999-12-31T23-59-59Z", "dplane-auto-0001-01-01T00-00-00Z"])
@pytest.mark.parametrize("zone", ["Europe/Vienna", "America/New_York"])
async def test_a_name_with_a_date_that_none_can_be_stops_no_other_dataset(world: World, name: str, zone: str) -> None:
    world.clock.now = world.clock.now.astimezone(ZoneInfo(zone))
    for dataset in ("vault/a", DATA):
        await world.service.set(dataset, "hourly=2")
    world.box.snap("vault/a", name)
    done = await world.run()
    assert done.state == "succeeded", done.message
    assert [(one.dataset, bool(one.taken)) for one in done.datasets] == [(DATA, True), ("vault/a", True)]
    assert name in world.box.names("vault/a")
    assert {one.snapshot: one.why for one in done.datasets[1].judged}[name] == "no task or policy gives such a name"


@pytest.mark.parametrize("place", ["is_due", "clock_stops"])
async def test_a_mistake_about_one_dataset_is_its_problem_alone(
    world: World, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for dataset in ("vault/a", DATA):
        await world.service.set(dataset, "hourly=2")
    world.box.snap("vault/a", "dplane-auto-2026-01-01T00-00-00Z")
    module = wording if place == "is_due" else run_of
    real = getattr(module, place)

    def breaks(*given: Any) -> Any:
        if "2026-01-01" in str(given):
            raise OverflowError
        return real(*given)

    monkeypatch.setattr(module, place, breaks)
    done = await world.run()
    assert done.state == "failed"
    assert "vault/a: " in done.message
    assert "cannot be told (OverflowError)" in done.message
    assert len(world.box.names(DATA)) == 1
    assert not any(one.destroyed for one in done.datasets[1].judged)


async def test_a_run_that_breaks_is_not_recorded_as_one_that_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def breaks(*_given: Any, **_more: Any) -> Any:
        raise KeyError

    monkeypatch.setattr(run_of, "read_box", breaks)
    with pytest.raises(KeyError):
        await world.service.run(Wish(dry=False))
    (kept,) = await world.service.runs(1)
    assert (kept.state, "made a mistake (KeyError)" in kept.message) == ("failed", True)


async def test_what_is_held_cloned_or_a_base_stays_with_its_reason(world: World) -> None:
    await world.service.set(DATA, "hourly=1")
    for _ in range(4):
        await world.run()
        world.clock.go(hours=1)
    # hourly=1 would have let them go one by one: made again as they were, and now needed.
    names = []
    for hours in (9, 8, 7, 6):
        world.clock.go(hours=-hours)
        names.append(wording.name_at(world.clock()))
        world.clock.go(hours=hours)
    snaps = world.box.datasets[DATA].snaps
    newest = snaps.copy()
    snaps.clear()
    snaps.update({name: world.box.snap(DATA, name) for name in names})
    snaps[names[0]].holds = 1
    snaps[names[1]].clones = "tank/clone"
    world.box.datasets[DATA].bookmarks["dplane-x"] = snaps[names[2]]
    for name in newest:
        world.box.snap(DATA, name)
    shown = await world.service.preview(Wish())
    why = {item.snapshot: (item.keep, item.why) for item in shown.datasets[0].judged}
    assert why[names[0]] == (True, "it is held")
    assert why[names[1]] == (True, "tank/clone is a clone of it")
    assert why[names[2]][0] is True
    assert "the bookmark #dplane-x of no task that is known here" in why[names[2]][1]
    assert why[names[3]][0] is False
    assert shown.datasets[0].frees is None or shown.datasets[0].frees > 0
    await world.agreed()


async def test_what_cannot_be_taken_or_destroyed_is_a_failed_run_and_an_alarm(world: World) -> None:
    await world.service.set("tank", "hourly=1")
    await world.service.set("vault", "hourly=1")
    await world.run()
    world.clock.go(hours=1)
    await world.run()
    world.clock.go(hours=1)
    oldest = world.box.names(DATA)[0]
    world.box.busy.add(f"{DATA}@{oldest}")
    world.box.broken.add("vault/a")
    done = await world.run()
    assert done.state == "failed"
    what = {one.dataset: one.problem for one in done.datasets}
    assert "busy" in what[DATA]
    assert "no snapshots were created" in what["vault/a"]
    assert "nothing of it is let go" in what["vault"], "its pool's transaction failed as a whole"
    assert what["tank/home"] == ""
    found = await world.service.status()
    now = world.clock().timestamp()
    assert [item.level for item in news.news(found, now)].count("bad") == 1
    told = {one.key: one for one in alarms.observations(found, (), now)}
    assert (told["policy:run"].active, told["policy:run"].event) == (True, "failed")
    world.box.busy.clear()
    world.box.broken.clear()
    world.clock.go(hours=1)
    assert (await world.run()).state == "succeeded"
    known = Alarm("policy:run", "failed", "policies", True, 2, "", "", False, 0.0, 0.0)
    assert alarms.observations(await world.service.status(), (known,), now)[0].active is False


async def test_late_is_twice_the_interval_and_is_news(world: World) -> None:
    await world.service.set(DATA, "hourly=3")
    await world.run()
    world.clock.go(minutes=119)
    assert [one.late for one in (await world.service.status()).datasets if one.dataset == DATA] == [False]
    world.clock.go(minutes=2)
    found = await world.service.status()
    assert [one.dataset for one in found.datasets if one.late] == [DATA]
    now = world.clock().timestamp()
    assert any(item.level == "bad" and DATA in item.text for item in news.news(found, now))
    late = next(one for one in alarms.observations(found, (), now) if one.event == "late")
    assert late.active is True
    await world.service.unset(DATA)
    known = Alarm(late.key, "late", DATA, True, 2, "", "", False, 0.0, 0.0)
    ended = alarms.observations(await world.service.status(), (known,), now)
    assert [(one.active, one.title) for one in ended if one.key == late.key] == [(False, "")], "it ends without a word"


async def test_a_new_policy_is_not_late_and_one_that_never_worked_is() -> None:
    policy = wording.check("hourly=1")
    assert wording.is_late(policy, None, None, 10.0) is None
    assert wording.is_late(policy, None, 0.0, 7200.0) is False
    assert wording.is_late(policy, None, 0.0, 7201.0) is True
    assert wording.is_late(policy, 90_000.0, None, 7201.0) is None, "a time that lies ahead says nothing"


async def test_the_timer_follows_the_policies(world: World) -> None:
    await world.service.set(DATA, "daily=3")
    assert world.box.timers == {"policy-snapshots": ["calendar:*-*-* *:00:00"]}
    await world.service.set("vault", "frequently=4")
    assert world.box.timers == {"policy-snapshots": ["calendar:*-*-* *:00/15:00"]}
    await world.service.unset("vault")
    assert world.box.timers == {"policy-snapshots": ["calendar:*-*-* *:00:00"]}
    assert (await world.service.status()).next_run is not None
    await world.service.unset(DATA)
    assert world.box.timers == {}
    # A pool that came from another box brings its policies; a run by hand sets the timer.
    world.box.datasets["vault"].local["dplane:policy"] = "hourly:1@production"
    assert "No timer" in (await world.service.status()).problems[0]
    await world.run()
    assert world.box.timers


async def test_a_suspended_pool_does_not_keep_the_others(world: World) -> None:
    await world.service.set(DATA, "hourly=3")
    world.box.suspended.add("vault")
    done = await world.run()
    assert done.state == "failed"
    assert "vault is suspended" in done.message
    assert len(world.box.names(DATA)) == 1


async def test_two_runs_at_once_are_one_and_a_dead_one_is_told(world: World, tmp_path: Path) -> None:
    await world.service.set(DATA, "hourly=3")
    with service_of._alone(tmp_path / "run" / "jobs"), pytest.raises(BusyError):
        await world.run()
    async with open_store(world.store, write=True) as store:
        await records.begin(store, PolicyRun("policy-dead", "running", 1.0))
    await world.run()
    assert [(run.id == "policy-dead", run.state) for run in await world.service.runs()] == [
        (False, "succeeded"),
        (True, "died"),
    ]


async def test_a_preview_of_another_policy_is_of_that_dataset_and_what_inherits(world: World) -> None:
    await world.service.set("tank", "hourly=3")
    for _ in range(3):
        await world.run()
        world.clock.go(hours=1)
    await world.service.set("tank/home", wording.NONE)
    shown = await world.service.preview(Wish(True, "tank", "hourly=1"))
    assert [one.dataset for one in shown.datasets] == ["tank", DATA]
    assert all(sum(not item.keep for item in one.judged) >= 1 for one in shown.datasets)
    assert len(world.box.names(DATA)) == 3


async def three_hours(world: World) -> None:
    """Two datasets whose next run takes one and lets one go."""
    for name in (DATA, "vault/a"):
        await world.service.set(name, "hourly=1")
    for _ in range(3):
        await world.run()
        world.clock.go(hours=1)


async def test_what_went_is_on_record_though_it_could_not_be_read_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await three_hours(world)
    real, asked = policies_read.read_box, 0

    async def read_box(*args: Any, **more: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked == 3:
            raise CommandError("zfs list timed out.")
        return await real(*args, **more)

    monkeypatch.setattr(run_of, "read_box", read_box)
    done = await world.service.run(Wish(dry=False))
    assert done.state == "failed"
    assert "could not be read back: zfs list timed out" in done.message
    for one in (done, (await world.service.runs(1))[0]):
        assert [(len(item.judged) > 0, bool(item.taken_guid)) for item in one.datasets] == [(True, True)] * 2
        assert sum(item.destroyed for part in one.datasets for item in part.judged) == 2


async def test_what_went_is_on_record_of_a_run_that_was_stopped(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await three_hours(world)
    real = run_of.Runner._dataset

    async def dataset(runner: Runner, wish: Wish, place: Any, *more: Any) -> Any:
        if place.name != DATA:
            raise asyncio.CancelledError
        return await real(runner, wish, place, *more)

    monkeypatch.setattr(run_of.Runner, "_dataset", dataset)
    before = world.box.names(DATA)
    with pytest.raises(asyncio.CancelledError):
        await world.service.run(Wish(dry=False))
    (kept,) = await world.service.runs(1)
    assert (kept.state, kept.message) == ("failed", "It was stopped.")
    first, second = kept.datasets
    assert (
        {item.snapshot for item in first.judged if item.destroyed} == set(before) - set(world.box.names(DATA)) != set()
    )
    assert (bool(second.taken_guid), second.judged) == (True, ())


async def test_what_was_under_way_is_on_record_of_a_run_that_was_stopped_there(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await three_hours(world)
    real = LocalPruner.prune

    async def stopped(pruner: LocalPruner, dataset: str, chosen: Mapping[str, str]) -> None:
        await real(pruner, dataset, chosen)
        raise asyncio.CancelledError

    monkeypatch.setattr(LocalPruner, "prune", stopped)
    with pytest.raises(asyncio.CancelledError):
        await world.service.run(Wish(dry=False))
    (kept,) = await world.service.runs(1)
    assert [[item.fate(dry=False) for item in one.judged] for one in kept.datasets] == [["unclear"], []]


async def test_of_a_pool_that_hangs_when_it_is_read_back_nothing_is_called_destroyed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await three_hours(world)

    async def late(_pruner: LocalPruner, _dataset: str, _chosen: Mapping[str, str]) -> None:
        world.box.suspended.add("vault")
        raise TimedOutError("The helper did not end within 600 s.")

    monkeypatch.setattr(LocalPruner, "prune", late)
    done = await world.service.run(Wish(dry=False))
    assert [[item.fate(dry=False) for item in one.judged if not item.keep] for one in done.datasets] == [
        ["unclear"], ["unclear"],
    ]  # fmt: skip
    assert "0 let go" in done.message
    assert "The pool vault is suspended" in " ".join(done.problems)


async def test_a_preview_keeps_the_newest_of_today_where_the_run_will_for_another_reason(world: World) -> None:
    await three_hours(world)
    world.clock.go(hours=2)
    held = world.box.names(DATA)[-1]
    world.box.datasets[DATA].snaps[held].holds = 1
    done = await world.agreed()
    assert "it is held" in [item.why for one in done.datasets for item in one.judged if item.snapshot == held]


async def test_a_snapshot_that_may_have_gone_is_settled_by_what_is_listed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await three_hours(world)
    real = LocalPruner.prune

    async def late(pruner: LocalPruner, dataset: str, chosen: Mapping[str, str]) -> None:
        if dataset == DATA:
            await real(pruner, dataset, chosen)
        raise TimedOutError("The helper did not end within 600 s.")

    monkeypatch.setattr(LocalPruner, "prune", late)
    done = await world.service.run(Wish(dry=False))
    gone, left = done.datasets
    assert [(item.destroyed, item.error) for item in gone.judged if not item.keep] == [(True, "")]
    assert gone.problem == ""
    assert "still listed right after that: The helper did not end" in left.problem
