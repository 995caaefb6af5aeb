"""What is proven of which dataset, of which task and by which clock: evidence counts only for what it was read of."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from dplane_tui.cli.replicate_check import answer
from dplane_tui.services.notify import observe
from dplane_tui.services.protection.gather import copies_of, verdicts
from dplane_tui.services.replication import codec, freshness, records
from dplane_tui.services.replication.execute import nothing_new
from dplane_tui.services.replication.model import Evidence, Match, Options, Peer, Plan, Scope, Task, TaskStatus
from dplane_tui.services.replication.plan import make_plan
from dplane_tui.services.replication.read import Dataset as Near
from dplane_tui.services.retention.claims import claims_of
from dplane_tui.services.store import Store, open_store, prepare
from dplane_tui.services.zfs.model import Dataset

NOW = time.time()
TASK = Task("photos", "tank/photos", None, "vault/photos", recursive=True, rpo=3600, created=NOW - 900)
OLD = replace(TASK, created=NOW - 9e5)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(tmp_path / "store.db", write=True) as opened:
        yield opened


def proof(dataset: str = "tank/photos") -> Evidence:
    target = dataset.replace("tank/", "vault/", 1)
    return Evidence(dataset, target, "s1", "1", "1", 5, None, 1.0, NOW)


async def ran(store: Store, state: str, *datasets: str, started: float = NOW - 60, plan: str = "") -> None:
    run = await records.new_run(store, "photos")
    proofs = [(proof(name), started) for name in datasets]
    await records.add_all_evidence(store, run.id, proofs)
    await records.update_run(store, run.id, state=state, started=started, ended=started + 5, plan=plan)


async def stands(store: Store, task: Task) -> TaskStatus:
    (last, restore), found = await records.last_run(store, task.name), await records.newest_proof(store, task.name)
    status = TaskStatus(task, last, restore=restore)
    return status if found is None else freshness.with_proof(status, found, NOW)


async def test_a_dataset_made_since_is_not_proven_by_the_run_before_it(store: Store) -> None:
    await records.add_task(store, OLD)
    await ran(store, "succeeded", "tank/photos", "tank/photos/a")
    status = await stands(store, OLD)
    assert freshness.standing(status, NOW) == freshness.IN_TIME
    assert status.datasets == ("tank/photos", "tank/photos/a")
    assert [copy.verified_at for copy in copies_of("tank/photos/a", [status])] == [NOW]
    [copy] = copies_of("tank/photos/new", [status])
    assert (copy.verified_at, copy.fresh_at, copy.late) == (None, None, None)
    new = Dataset("tank/photos/new", "filesystem", "9")
    said = verdicts([new], None, [status], {new.name: ("s", NOW)}, None, NOW)[new.name]
    assert any("never proven there" in reason.text and reason.state == "lacking" for reason in said.reasons)


async def test_a_dataset_made_anew_under_an_old_name_is_not_proven_by_what_was_before_it(store: Store) -> None:
    await records.add_task(store, OLD)
    plan = {
        "steps": [{"dataset": "tank/photos/a", "dataset_guid": "8"}, {"dataset": 5, "dataset_guid": "6"}, None],
        "matches": [{"dataset": "tank/photos", "dataset_guid": "7"}, {"dataset": "tank/photos/b"}],
    }
    names = ("tank/photos", "tank/photos/a", "tank/photos/b")
    await ran(store, "succeeded", *names, plan=json.dumps(plan))
    status = codec.decode(TaskStatus, json.loads(codec.dumps(await stands(store, OLD))))
    assert dict(zip(status.datasets, status.guids, strict=True)) == dict(zip(names, ("7", "8", ""), strict=True))
    proven = {name: copies_of(name, [status], guid)[0].verified_at for name, guid in zip(names, "789", strict=True)}
    assert proven == dict.fromkeys(names, NOW), "a run that kept no GUID counts as before"
    assert copies_of("tank/photos/a", [status])[0].verified_at == NOW
    new = Dataset("tank/photos/a", "filesystem", "9")
    said = verdicts([new], None, [status], {new.name: ("s", NOW)}, None, NOW)[new.name]
    assert [reason.text for reason in said.reasons if reason.fix == "section-replication"] == [
        "photos copies it to vault/photos/a, but was never proven there since it was made anew."
    ]
    for broken in ('{"steps": {"a": 1}, "matches": [[]]}', "[]", ""):
        await ran(store, "succeeded", *names, plan=broken)
        assert (await stands(store, OLD)).guids == ("", "", "")


def test_what_a_stored_plan_took_is_known_only_as_far_as_it_was_kept() -> None:
    def took(plan: str) -> Scope | None:
        return codec.told_by(plan)[0]

    new = make_plan(
        replace(TASK, options=Options(include=("a*",), exclude=("ab",))), {"tank/photos": Near("x")}, {}, None
    )
    assert took(codec.dumps(new)) == Scope(True, ("a*",), ("ab",))
    assert took('{"recursive": false}') == Scope(False, (), ()), "there was nothing to choose from"
    for older in ('{"recursive": true}', '{"recursive": true, "include": [], "exclude": [5]}', "{}", "[]", "", "no"):
        assert took(older) is None


async def test_a_task_of_the_same_name_starts_with_nothing_proven(store: Store, tmp_path: Path) -> None:
    await records.add_task(store, OLD)
    await ran(store, "succeeded", "tank/photos")
    await records.delete_task(store, "photos")
    await records.add_task(store, replace(TASK, source="tank/taxes", target="vault/taxes"))
    status = await stands(store, TASK)
    assert (status.last, status.verified_at, status.late) == (None, None, None)
    assert answer([status], NOW).data["state"] == "CRITICAL"
    assert len(await records.runs(store, "photos")) == 1, "its history stays"
    await records.delete_task(store, "photos")
    await records.add_task(store, OLD)  # the same places; it may be another box
    [claim] = (await claims_of(store, {"tank/photos": Near("tank/photos")}, tmp_path, ""))["tank/photos"]
    assert claim.newest == "", "nothing is proven for pruning either"


async def test_a_dataset_of_another_box_is_claimed_by_every_task_that_pulls_it_from_there(
    store: Store, tmp_path: Path
) -> None:
    for name, host_key in (("attic", "k1"), ("attic-2", "k1"), ("cellar", "k2")):
        await records.put_peer(store, Peer(name, "dplane", "10.0.0.2", 22, host_key, "", "", True))
        await records.add_task(store, replace(TASK, name=f"from-{name}", source_peer=name))
    await records.add_task(store, replace(TASK, name="local"))
    run = await records.new_run(store, "from-attic-2")
    await records.update_run(store, run.id, state="succeeded")
    await records.add_all_evidence(store, run.id, [(proof(), NOW)])
    side = {"tank/photos": Near("tank/photos"), "tank/other": Near("tank/other")}
    found = await claims_of(store, side, tmp_path, "", "attic")
    assert {claim.task: claim.newest for claim in found["tank/photos"]} == {"from-attic": "", "from-attic-2": "1"}
    assert all(claim.waits and not claim.certain for claim in found["tank/photos"])
    assert found["tank/other"] == []
    here = await claims_of(store, side, tmp_path, "")
    assert [claim.task for claim in here["tank/photos"]] == ["local"]


async def test_what_was_proven_of_another_place_counts_no_more(store: Store) -> None:
    await records.add_task(store, OLD)
    await ran(store, "succeeded", "tank/photos")
    await records.place_changed(store, "photos")
    status = await stands(store, OLD)
    assert status.verified_at is None
    assert status.last is not None, "the run itself was this task's"
    await ran(store, "succeeded", "tank/photos")
    assert (await stands(store, OLD)).verified_at == NOW


async def test_a_run_of_a_clock_that_was_ahead_hides_none_after_it(store: Store) -> None:
    await records.add_task(store, OLD)
    await ran(store, "succeeded", "tank/photos", started=NOW + 86400)
    for _ in range(2):
        await ran(store, "failed", started=NOW - 30)
    status = await stands(store, OLD)
    assert status.last is not None
    assert status.last.state == "failed"
    assert status.late is None
    assert freshness.standing(status, NOW) == freshness.AHEAD
    run, late = observe.of_task(status, NOW)
    assert run.active
    assert late.active
    assert "clock" in late.title
    assert answer([status], NOW).data["state"] == "UNKNOWN"
    await ran(store, "succeeded", "tank/photos", started=NOW - 20)
    assert freshness.standing(await stands(store, OLD), NOW) == freshness.IN_TIME, "the next good run heals it"


def test_a_task_made_by_a_clock_that_was_ahead_is_an_alarm() -> None:
    late = observe.of_task(TaskStatus(replace(TASK, created=NOW + 86400)), NOW)[1]
    assert late.active
    assert "clock" in late.title


async def test_what_a_good_run_left_out_is_told_until_it_is_sent(store: Store) -> None:
    await records.add_task(store, OLD)
    note = "tank/photos/x has no snapshot, and the task takes none: it is not sent."
    await ran(store, "nothing-new", "tank/photos", plan=json.dumps({"notes": [note]}))
    status = await stands(store, OLD)
    assert status.notes == (note,)
    said = answer([status], NOW)
    assert said.data["state"] == "WARNING"
    assert "tank/photos/x has no snapshot" in said.data["line"]
    await ran(store, "succeeded", "tank/photos", plan='{"notes": [')
    assert (await stands(store, OLD)).notes == (), "a plan that cannot be read tells nothing"


async def test_a_task_made_recursive_is_not_plainly_in_time_before_it_ran_as_one(store: Store) -> None:
    await records.add_task(store, OLD)
    await ran(store, "succeeded", "tank/photos", plan='{"recursive": false, "notes": []}')
    assert "below tank/photos is sent from the next run on" in " ".join((await stands(store, OLD)).notes)
    assert answer([await stands(store, OLD)], NOW).data["state"] == "WARNING"
    assert (await stands(store, replace(OLD, recursive=False))).notes == ()
    await ran(store, "succeeded", "tank/photos", plan='{"recursive": true, "notes": []}')
    assert answer([await stands(store, OLD)], NOW).data["state"] == "OK"


def test_a_run_with_nothing_new_says_what_it_left_out() -> None:
    plan = Plan("photos", None, True, matches=(Match("tank/photos", "vault/photos", "s1", "1"),), notes=("x is not.",))
    assert nothing_new(plan).message.endswith("x is not.")


async def test_an_older_store_keeps_what_belongs_to_its_tasks(tmp_path: Path, store: Store) -> None:
    await records.add_task(store, OLD)
    await ran(store, "succeeded", "tank/photos")
    run = await records.new_run(store, "gone")
    await records.update_run(store, run.id, state="succeeded")
    sql = next(text for number, text in prepare.migrations() if number == 13)
    with sqlite3.connect(tmp_path / "store.db") as db:
        db.executescript("DROP INDEX runs_of_task; ALTER TABLE runs DROP COLUMN former;"
                         "CREATE INDEX runs_of_task ON runs (task, started);")  # fmt: skip
        db.executescript(sql)
        assert dict(db.execute("SELECT task, former FROM runs")) == {"photos": 0, "gone": 2}
    assert (await stands(store, OLD)).verified_at == NOW


async def test_a_proof_is_as_fresh_as_its_own_run_says_after_the_task_takes_snapshots_or_none(store: Store) -> None:
    sends = replace(OLD, snapshot=False)
    await records.add_task(store, sends)
    old = NOW - 7200  # of the snapshot that was there; the run itself is new
    run = await records.new_run(store, "photos")
    await records.add_all_evidence(store, run.id, [(proof(), old)])
    plan = '{"notes": ["x"], "recursive": true, "include": [], "exclude": []}'
    await records.update_run(store, run.id, state="succeeded", started=NOW - 60, ended=NOW - 50, plan=plan)
    for own in (True, False, True):
        await records.set_options(store, "photos", OLD.options, snapshot=own)
        task = await records.task(store, "photos")
        status = await stands(store, task)
        assert (task.snapshot, status.fresh_at, status.late) == (own, old, True), "no run has taken any since"
        assert status.scope == task.scope, "the rest of the record stays"
    await ran(store, "nothing-new", "tank/photos")
    assert (await stands(store, await records.task(store, "photos"))).fresh_at == NOW - 60
    await records.set_options(store, "photos", OLD.options, snapshot=False)
    assert (await stands(store, await records.task(store, "photos"))).fresh_at == NOW - 60, "that run took its own"


async def test_a_run_at_work_says_itself_whether_it_took_its_own(store: Store) -> None:
    await records.add_task(store, replace(OLD, snapshot=False))
    run = await records.new_run(store, "photos")
    await records.update_run(store, run.id, state="running", started=NOW - 60)
    for _ in range(6):
        looked = await records.new_run(store, "photos", "verify")
        await records.update_run(store, looked.id, state="failed", ended=NOW)
    assert [one.id for one in await records.active_runs(store, "photos")] == [run.id], "however many came after it"
    await records.set_options(store, "photos", OLD.options, snapshot=True)
    old = NOW - 30 * 86400
    await records.add_all_evidence(store, run.id, [(proof(), old)])
    await records.update_run(store, run.id, state="succeeded", ended=NOW, plan=codec.dumps(Plan("photos", own=False)))
    status = await stands(store, await records.task(store, "photos"))
    assert (status.fresh_at, status.late) == (old, True)
