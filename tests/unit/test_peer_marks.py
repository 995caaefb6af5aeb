"""A box stays the one it was: its copies and our bookmarks outlive its host key, and a pairing again."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dplane_tui import paths
from dplane_tui.errors import RefusedError
from dplane_tui.services.replication import chains, keys, records, rotation, worker
from dplane_tui.services.replication.bases import mark_of
from dplane_tui.services.replication.model import Evidence, PairRequest, Peer, Step, Task
from dplane_tui.services.replication.read import Dataset, Point
from dplane_tui.services.retention.claims import claims_of
from dplane_tui.services.store import Store, open_store, prepare

OLD, NEW, THIRD = (
    f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{rest}"
    for rest in (
        "Kl44SimUljxTNancmf8LXBy0aAE74Lk2lyMgch+cgmH",
        "CyFcsd5ElHMFgVcYnSQe+hOtsmWH6VGffZ0N7DRalSm",
        "IUFVYIbBilk4m5PVdMJfhkbk9sX+P8GyEZ5S2yDX6yi",
    )
)
TASK = Task("photos", "tank/photos", "attic", "vault/photos", snapshot=False)
STEP = Step("full", "tank/photos", "vault/photos", "filesystem", "s1", "11", raw=True)
LOCKED = {"type": "filesystem", "guid": "7", "encryptionroot": "vault/photos", "keyformat": "hex", "pbkdf2salt": "1"}


@pytest.fixture
async def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Store]:
    monkeypatch.setenv("DPLANE_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("DPLANE_RUN_DIR", str(tmp_path / "run"))

    async def let_in(_peer: Peer, _key: Path | None = None) -> dict[str, Any]:
        return {}

    for module in (worker, rotation):
        monkeypatch.setattr(module, "hello", let_in)
    async with open_store(paths.current().database, write=True) as made:
        peer = Peer("attic", "dplane", "10.0.0.2", 22, OLD, keys.fingerprint(OLD), "", True)
        await records.put_peer(made, peer)
        await records.add_task(made, TASK)
        there = {"vault/photos": Dataset("vault/photos", LOCKED, (Point("s1", "11", 1),))}
        await chains.proven(made, await attic(made), {"vault/photos": STEP}, there)
        yield made


async def attic(store: Store, name: str = "attic") -> Peer:
    return await records.peer(store, name)


def pairing(name: str = "attic", address: str = "10.0.0.2", key: str = NEW) -> PairRequest:
    return PairRequest(name, "dplane", address, 22, "", key)


@pytest.mark.parametrize("way", ["trust", "pair"])
async def test_a_new_host_key_forgets_neither_the_copies_nor_the_bookmarks(store: Store, way: str) -> None:
    before = await attic(store)
    known, mark = await chains.known(store, before), mark_of(before, TASK)
    for key in (NEW, THIRD):
        await (rotation.trust("attic", key) if way == "trust" else worker.adopt(pairing(key=key)))
        now = await attic(store)
        assert now.host_key == key
        assert mark_of(now, TASK) == mark, "its old bookmarks are found, and dropped when they are of no use"
        assert await chains.known(store, now) == known
    there = Dataset("vault/photos", {**LOCKED, "pbkdf2salt": "2"}, (Point("s1", "11", 1),))
    here = Dataset("tank/photos", {**LOCKED, "encryptionroot": "tank/photos"}, (Point("s1", "11", 1),))
    conflict = chains.key_conflict((await chains.known(store, now))["vault/photos"], here, there)
    assert conflict is not None
    assert conflict.kind == "key-changed", "the copy whose key was changed there is still not overwritten"


async def test_the_name_by_which_that_box_accepts_this_one_is_as_it_says(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: dict[str, Any] = {"peer": "nas-1a2b3c"}

    async def let_in(_peer: Peer, _key: Path | None = None) -> dict[str, Any]:
        return told

    monkeypatch.setattr(worker, "hello", let_in)
    assert (await attic(store)).own_name == "", "one that was paired by an older release"
    await worker.test("attic")
    assert (await attic(store)).own_name == "nas-1a2b3c"
    told["peer"] = "store-9f8e7d"
    assert (await worker.adopt(pairing("attic-2", key=OLD))).own_name == "store-9f8e7d"
    assert await records.alike(store, "attic") == {"attic"}
    await worker.test("attic")
    assert await records.alike(store, "attic") == {"attic", "attic-2"}
    for nonsense in ("a b", "\x1b[2J", ["a"], None):
        told["peer"] = nonsense
        await worker.test("attic")
        assert (await attic(store)).own_name == ""


@pytest.mark.parametrize("way", ["trust", "pair"])
async def test_what_was_proven_under_another_host_key_counts_no_more_until_the_next_run(store: Store, way: str) -> None:
    pull = replace(TASK, name="pull", source="vault/home", peer=None, target="tank/home", source_peer="attic")
    local = replace(TASK, name="local", peer=None, target="usb/photos")
    for task in (pull, local):
        await records.add_task(store, task)
    for name in ("photos", "pull", "local"):
        run = await records.new_run(store, name)
        await records.add_evidence(store, run.id, Evidence("d", "t", "s1", "11", "11", 1, None, 0.0, 1.0), 1.0)
        await records.update_run(store, run.id, state="succeeded")
    await worker.adopt(pairing(key=OLD))
    assert await proven(store) == {"photos", "pull", "local"}, "it is the same box"
    await (rotation.trust("attic", NEW) if way == "trust" else worker.adopt(pairing(key=NEW)))
    assert await proven(store) == {"local"}
    assert await records.last_run(store, "photos") is not None, "the run itself was this task's"
    await worker.adopt(pairing("loft", "10.0.0.3", THIRD))
    assert await proven(store) == {"local"}, "a new one changes nothing of the others"


async def proven(store: Store) -> set[str]:
    return {task.name for task in await records.tasks(store) if await records.newest_proof(store, task.name)}


async def test_a_box_that_is_forgotten_and_paired_again_has_its_copies(store: Store) -> None:
    known = await chains.known(store, await attic(store))
    await rotation.trust("attic", NEW)
    same = await worker.adopt(pairing("loft", "10.0.0.3"))
    assert await chains.known(store, same) == known, "the same box under another name"
    await records.delete_task(store, TASK.name)
    await records.delete_peer(store, "attic")
    assert await chains.known(store, same) == known
    await records.delete_peer(store, "loft")
    assert await chains.known(store, await worker.adopt(pairing())) == known


async def test_a_task_of_the_same_box_under_another_name_has_its_claim_on_what_it_pulls(
    store: Store, tmp_path: Path
) -> None:
    await rotation.trust("attic", NEW)  # by this key alone nobody could tell
    await worker.adopt(pairing("loft", "10.0.0.3"))
    await records.add_task(store, Task("pull", "a/home", None, "tank/home", source_peer="attic"))
    side = {"a/home": Dataset("a/home")}
    for box, names in (("loft", ["pull"]), ("attic", ["pull"]), (None, []), ("nobody", [])):
        found = await claims_of(store, side, tmp_path, "", box)
        assert [claim.task for claim in found["a/home"]] == names


async def test_another_box_under_the_name_of_a_former_one_has_copies_of_its_own(store: Store) -> None:
    with pytest.raises(RefusedError, match="taken by"):
        await worker.adopt(pairing(address="10.0.0.9"))
    await records.delete_task(store, TASK.name)
    other = await worker.adopt(pairing(address="10.0.0.9"))
    assert await chains.known(store, other) == {}


async def test_a_box_with_the_former_key_of_another_shares_nothing_with_it(store: Store) -> None:
    await rotation.trust("attic", NEW)  # because the old key leaked, say
    thief = await worker.adopt(pairing("other", "10.9.9.9", OLD))
    assert await chains.known(store, thief) == {}
    theirs = replace(TASK, name="theirs", peer="other")
    assert mark_of(thief, theirs) != mark_of(await attic(store), TASK), "each drops only its own bookmarks"
    again = await worker.adopt(pairing("other", "10.9.9.8", OLD))
    assert mark_of(again, theirs) == mark_of(thief, theirs), "and stays what it is"


async def test_a_store_of_an_older_release_keeps_its_marks(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with sqlite3.connect(path, isolation_level=None) as db:
        for version, sql in prepare.migrations():
            if version < 12:
                db.executescript(sql)
        db.execute("PRAGMA user_version=11")
        db.execute(
            "INSERT INTO peers (name, user, address, port, host_key, host_fingerprint, key_fingerprint, product, "
            "created) VALUES ('attic', 'dplane', '10.0.0.2', 22, ?, 'f', 'k', 1, 0)",
            (OLD,),
        )
        db.execute("INSERT INTO chains VALUES (?, 'vault/photos', 'tank/photos', 1, 'key', 0)", (OLD,))
    db.close()
    async with open_store(path, write=True) as store:
        peer = await attic(store)
        assert peer.mark == OLD
        assert list(await chains.known(store, replace(peer, host_key=NEW))) == ["vault/photos"]
        unmarked = replace(peer, mark="")
        assert mark_of(peer, TASK) == mark_of(unmarked, TASK), "bookmarks that are there are still ours"
