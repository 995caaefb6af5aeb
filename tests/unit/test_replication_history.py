"""What the store keeps of the past: enough for every question that is asked of it, and no more."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dplane_tui.services.replication import history, records
from dplane_tui.services.replication.model import Evidence
from dplane_tui.services.retention.claims import _proven, record
from dplane_tui.services.retention.model import Pruned
from dplane_tui.services.store import Store, open_store, prepare

A, B = "tank/a", "tank/b"


@pytest.fixture
async def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Store]:
    monkeypatch.setattr(history, "RUNS_KEPT", 5)
    monkeypatch.setattr(history, "_AT_ONCE", 1)
    async with open_store(tmp_path / "store" / "dplane.db", write=True) as made:
        yield made


class Past:
    """Writes runs, one after the other, oldest first."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.at = time.time() - 1e6

    async def run(
        self,
        *proofs: tuple[str, str],
        state: str = "succeeded",
        mode: str = "run",
        task: str = "photos",
        bad: bool = False,
    ) -> str:
        """One that proved these datasets' snapshots (dataset and GUID) at the target."""
        self.at += 10
        run = await records.new_run(self.store, task, mode, "{}" if mode == "restore" else "")
        await records.update_run(self.store, run.id, state=state, started=self.at, plan="a plan")
        for dataset, guid in proofs:
            there = "0" if bad else guid
            one = Evidence(dataset, f"vault/{dataset[5:]}", f"s{guid}", guid, there, 1, None, 0.0, self.at)
            await records.add_evidence(self.store, run.id, one, self.at)
        return run.id

    async def several(self, count: int, *proofs: tuple[str, str], state: str = "nothing-new") -> list[str]:
        return [await self.run(*proofs, state=state) for _ in range(count)]


async def ids(store: Store, task: str = "photos") -> list[str]:
    return [run.id for run in reversed(await records.runs(store, task, 1000))]


async def test_the_newest_runs_stay_whole_and_of_older_ones_what_the_target_still_has(store: Store) -> None:
    past = Past(store)
    first = await past.run((A, "1"), (B, "11"))
    again = await past.run((A, "1"), (B, "12"))
    await past.run((A, "2"), state="failed", bad=True)
    await past.run((A, "9"), mode="restore", state="failed")
    other = await past.run((A, "5"), task="other")
    newest = await past.several(5, (A, "3"), (B, "12"))
    before = await records.runs(store, "photos", 5)
    known = await records.proven_guids(store, "photos")
    await history.trim(store, "photos")
    assert await ids(store) == [first, again, *newest]
    assert await records.runs(store, "photos", 5) == before
    assert await records.proven_guids(store, "photos") == known, "when each was last proven"
    emptied = await records.run(store, first)
    assert (emptied.plan, [proof.source_guid for proof in emptied.evidence]) == ("", ["11"]), (
        "@1 was proven later again"
    )
    assert [proof.source_guid for proof in (await records.run(store, again)).evidence] == ["1"]
    assert await ids(store, "other") == [other], "each task has its own"


async def test_what_was_pruned_at_the_target_is_forgotten_and_the_newest_proof_of_each_copy_never(store: Store) -> None:
    past = Past(store)
    first = await past.run((A, "1"), (B, "11"))
    second = await past.run((A, "2"))
    await record(store, second, "photos", [Pruned("target", "vault/a", "s1", "1", past.at, "")])
    await record(store, second, "photos", [Pruned("target", "vault/b", "s11", "11", past.at, "")])
    await record(store, second, "photos", [Pruned("target", "vault/a", "s2", "2", past.at, "it is held")])
    await past.several(6, (A, "3"))
    await history.trim(store, "photos")
    found = await _proven(store, [A, B])
    assert found == {("photos", A, "vault/a"): "3", ("photos", B, "vault/b"): "11"}, "B fails since: its base is known"
    assert [proof.source_guid for proof in (await records.run(store, first)).evidence] == ["11"]
    assert [proof.source_guid for proof in (await records.run(store, second)).evidence] == ["2"]
    assert await store.rows("SELECT * FROM pruned") == []


async def test_the_last_success_stays_whole_whatever_failed_since(store: Store) -> None:
    past = Past(store)
    await past.run((A, "1"))
    good = await past.run((A, "1"), (B, "11"))
    verified = await past.run(mode="verify")
    await past.several(9, state="failed")
    before = await records.newest_proof(store, "photos")
    await history.trim(store, "photos")
    assert (await ids(store))[:2] == [good, verified]
    assert await records.newest_proof(store, "photos") == before
    assert before is not None
    assert before.run.plan == "a plan"


async def test_no_more_old_proofs_stay_than_are_allowed_and_a_second_look_changes_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "PROOFS_KEPT", 3)
    past = Past(store)
    for guid in range(1, 11):
        await past.run((A, str(guid)))
    await past.several(5, (A, "11"))
    for _ in range(2):
        await history.trim(store, "photos")
        assert sorted(int(guid) for _, guid in await records.proven_guids(store, "photos")) == [8, 9, 10, 11]
        assert len(await ids(store)) == 8


async def test_nothing_is_looked_through_for_a_few_and_what_goes_on_or_is_held_stays(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    past = Past(store)
    running = await past.run(state="running")
    holds = await past.run(state="failed")
    async with store.transaction() as db:
        await db.execute("INSERT INTO holds (run, tag, snapshot, guid) VALUES (?, 't', 'tank/a@s', '1')", (holds,))
    await past.several(4, state="failed")
    monkeypatch.setattr(history, "_AT_ONCE", 3)
    await history.trim(store, "photos")
    assert len(await ids(store)) == 6
    monkeypatch.setattr(history, "_AT_ONCE", 1)
    newest = await past.several(5, state="failed")
    await history.trim(store, "photos")
    assert await ids(store) == [running, holds, *newest]


async def test_a_backup_that_is_young_enough_is_not_made_again(store: Store) -> None:
    first = await store.backup(seconds=3600)
    assert await store.backup(seconds=3600) == first
    assert prepare.backups(store.path) == [first]

    old = time.time() - 3601
    os.utime(first, (old, old))
    second = await store.backup(seconds=3600)
    assert second != first
    os.utime(second, (time.time() + 9999,) * 2)  # the clock was wrong
    assert await store.backup(seconds=3600) != second
    assert await store.backup() not in (first, second)


async def test_an_answer_is_forgotten_after_an_hour_but_never_while_it_is_worked_on(store: Store) -> None:
    """A prune by hand of many snapshots may take longer than that, and its end is still asked for."""
    hours = {
        "done": ("succeeded", 2.0),
        "fresh": ("succeeded", 0.5),
        "works": ("running", 30.0),
        "died": ("running", 200.0),
    }
    made: dict[str, str] = {}
    for name, (state, ago) in hours.items():
        run = await records.new_run(store, name, "prune")
        await records.update_run(store, run.id, state=state, started=time.time() - ago * 3600)
        made[name] = run.id
    await records.new_run(store, "other", "plan")
    left = {row["id"] for row in await store.rows("SELECT id FROM runs WHERE mode = 'prune'")}
    assert left == {made["fresh"], made["works"]}
