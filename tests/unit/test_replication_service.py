"""What screens and commands call: tasks and runs in the store, their age, and the same through `dplane … --json`."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from dplane_tui import paths
from dplane_tui.errors import CommandError, MissingError, RefusedError
from dplane_tui.services.host import LocalHost, Output
from dplane_tui.services.jobs import Progress, files
from dplane_tui.services.replication import records
from dplane_tui.services.replication.codec import decode, dumps
from dplane_tui.services.replication.model import Evidence, Options, Peer, Plan, Run, Step, Task
from dplane_tui.services.replication.remote import DPLANE, RemoteReplication
from dplane_tui.services.replication.service import LocalReplication, ReplicationService
from dplane_tui.services.store import open_store


class FarHost(LocalHost):
    """This machine, spoken to as a far one: its `dplane` command is a real process."""

    local = False

    async def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = 30.0) -> Output:
        words = [sys.executable, "-m", "dplane_tui", *argv[1:]] if argv[0] == DPLANE else argv
        return await super().run(words, stdin=stdin, timeout=timeout)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DPLANE_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("DPLANE_RUN_DIR", str(tmp_path / "run"))
    return tmp_path


@pytest.fixture(params=["local", "remote"])
def service(request: pytest.FixtureRequest, state: Path) -> ReplicationService:
    return LocalReplication(LocalHost()) if request.param == "local" else RemoteReplication(FarHost())


TASK = Task("photos", "tank/photos", None, "vault/photos", True, None, 3600)


async def proven_run(task: str, state: str, started: float, snapshot_created: float) -> str:
    """A run in the store with one proof."""
    async with open_store(paths.current().database, write=True) as store:
        run = await records.new_run(store, task)
        await records.update_run(store, run.id, state=state, started=started, ended=started + 5)
        proof = Evidence("tank/photos", "vault/photos", "s1", "7", "7", 5, None, 1.0, started + 4)
        await records.add_evidence(store, run.id, proof, snapshot_created)
    return run.id


async def test_a_task_is_stored_listed_and_forgotten(service: ReplicationService) -> None:
    assert await service.tasks() == ()
    made = await service.add_task(TASK)
    (status,) = await service.tasks()
    assert status.task == made
    assert (status.last, status.late, status.verified_at) == (None, None, None)
    with pytest.raises(RefusedError, match="already"):
        await service.add_task(TASK)
    with pytest.raises(MissingError, match="no peer called nas-x"):
        await service.add_task(Task("other", "tank/other", "nas-x", "vault/other"))
    await service.remove_task("photos")
    assert await service.tasks() == ()
    with pytest.raises(MissingError):
        await service.remove_task("photos")


async def test_a_task_is_made_recursive_and_shallow_and_patterns_that_would_do_nothing_are_refused(
    service: ReplicationService,
) -> None:
    patterns = Options(exclude=("cache",))
    for refused in (service.add_task, service.preview):
        with pytest.raises(RefusedError, match="takes tank/photos alone, so there is nothing below it to include"):
            await refused(replace(TASK, recursive=False, options=patterns))
    await service.add_task(replace(TASK, recursive=False))
    with pytest.raises(RefusedError, match="alone") as told:
        await service.set_options("photos", patterns)
    assert "--recursive" in told.value.next_step
    changed = await service.set_options("photos", patterns, recursive=True)
    assert (changed.recursive, changed.options, changed.rpo) == (True, patterns, TASK.rpo)
    assert (await service.set_options("photos", patterns, 7200)).recursive, "not given is not changed"
    with pytest.raises(RefusedError, match="alone"):
        await service.set_options("photos", patterns, recursive=False)
    assert (await service.task("photos")).recursive
    assert not (await service.set_options("photos", Options(), recursive=False)).recursive
    async with open_store(paths.current().database, write=True) as store:
        await records.set_options(store, "photos", patterns)  # as an earlier release let it be
    paused = await service.set_options("photos", replace(patterns, paused=True))
    assert paused.options == replace(patterns, paused=True)


async def test_the_depth_of_a_task_and_its_snapshots_are_not_changed_while_it_runs(state: Path) -> None:
    service = LocalReplication(LocalHost())
    await service.add_task(TASK)
    async with open_store(paths.current().database, write=True) as store:
        run = await records.new_run(store, "photos")
    paths.current().jobs.mkdir(parents=True)
    files.write(paths.current().jobs, Progress(run.id, "replicate", "running", updated=time.time(), pid=os.getpid()))
    with pytest.raises(RefusedError, match="is running"):
        await service.set_options("photos", Options(), recursive=False)
    with pytest.raises(RefusedError, match="is running"):
        await service.set_options("photos", Options(), snapshot=False)
    same = await service.set_options("photos", Options(limit="1M"), recursive=True, snapshot=True)
    assert same.recursive, "that is no change"


async def test_a_task_is_told_to_take_no_snapshots_and_to_take_them_again(service: ReplicationService) -> None:
    await service.add_task(TASK)
    assert not (await service.set_options("photos", Options(), snapshot=False)).snapshot
    assert (await service.set_options("photos", Options(limit="1M"), snapshot=True)).snapshot


async def test_a_pull_takes_no_snapshots_where_that_box_does_not_let_it(state: Path) -> None:
    service = LocalReplication(LocalHost())
    attic = Peer("attic", "dplane", "10.0.0.2", 22, "ssh-ed25519 AAAA", "SHA256:a", "SHA256:b", True, may_read="tank")
    async with open_store(paths.current().database, write=True) as store:
        await records.put_peer(store, attic)
    await service.add_task(replace(TASK, source_peer="attic"))
    with pytest.raises(RefusedError, match="attic lets this box take no snapshots"):
        await service.set_options("photos", Options(), snapshot=True)
    assert not (await service.set_options("photos", Options(limit="1M"))).snapshot, "not given is not changed"
    async with open_store(paths.current().database, write=True) as store:
        await records.put_peer(store, replace(attic, may_snapshot=True))
    assert (await service.set_options("photos", Options(), snapshot=True)).snapshot


async def test_a_preview_is_refused_like_the_task_would_be_and_stores_no_task(service: ReplicationService) -> None:
    with pytest.raises(MissingError, match="no peer called nas-x"):
        await service.preview(replace(TASK, peer="nas-x"))
    async with open_store(paths.current().database, write=True) as store:
        await records.put_peer(store, Peer("nas-b", "dplane", "10.0.0.1", 22, "k", "f", "g", True, "vault/mine"))
    with pytest.raises(RefusedError, match="paired for vault/mine only"):
        await service.preview(replace(TASK, peer="nas-b"))
    with pytest.raises(RefusedError, match="lies inside the source"):
        await service.preview(replace(TASK, target="tank/photos/copy"))
    assert await service.tasks() == ()
    assert await service.runs() == ()
    await service.add_task(TASK)
    with pytest.raises(RefusedError, match="already"):
        await service.preview(TASK)


async def test_runs_come_with_their_evidence_and_an_age_that_is_true(service: ReplicationService) -> None:
    await service.add_task(TASK)
    now = time.time()
    old = await proven_run("photos", "succeeded", now - 8000, now - 8000)
    (status,) = await service.tasks()
    assert status.late is True
    assert status.verified_snapshot == "s1"
    new = await proven_run("photos", "nothing-new", now - 100, now - 8000)
    (status,) = await service.tasks()
    assert status.late is False, "nothing was written since: the old snapshot holds everything"
    assert status.verified_at == pytest.approx(now - 96)
    assert status.fresh_at == pytest.approx(now - 100)
    runs = await service.runs("photos")
    assert [run.id for run in runs] == [new, old]
    assert runs[0].evidence[0].proven
    assert await service.run(old) == runs[1]
    with pytest.raises(MissingError):
        await service.run("replicate-none")


async def test_a_failed_run_proves_nothing_and_foreign_snapshots_age(state: Path) -> None:
    service = LocalReplication(LocalHost())
    await service.add_task(Task("photos", "tank/photos", None, "vault/photos", rpo=3600, snapshot=False))
    now = time.time()
    await proven_run("photos", "failed", now, now)
    assert (await service.tasks())[0].late is None
    await proven_run("photos", "nothing-new", now, now - 8000)
    (status,) = await service.tasks()
    assert status.late is True, "without snapshots of its own a task is as old as what it sends"
    assert status.fresh_at == pytest.approx(now - 8000)


async def test_a_run_whose_process_is_gone_died_and_makes_way(state: Path) -> None:
    service = LocalReplication(LocalHost())
    await service.add_task(TASK)
    run = await service.queue("photos")
    folder = paths.current().jobs
    folder.mkdir(parents=True)
    pid, created = files.own_process()
    files.write(folder, Progress(run.id, "replicate", "running", pid=pid, pid_created=created))
    assert (await service.run(run.id)).state == "queued"
    with pytest.raises(RefusedError, match="is running"):
        await service.queue("photos")
    with pytest.raises(RefusedError, match="is running"):
        await service.remove_task("photos")
    files.write(folder, Progress(run.id, "replicate", "running", pid=pid, pid_created=1.0))
    assert (await service.run(run.id)).state == "died"
    assert (await service.queue("photos")).id != run.id


async def test_a_run_that_cannot_be_started_is_recorded_as_failed(service: ReplicationService) -> None:
    await service.add_task(TASK)
    with pytest.raises(MissingError, match="not installed"):
        await service.start("photos")
    (run,) = await service.runs("photos")
    assert run.state == "failed"
    assert "not installed" in run.message


async def test_a_peer_in_use_is_not_forgotten(state: Path) -> None:
    async with open_store(paths.current().database, write=True) as store:
        peer = Peer("nas-b", "dplane", "10.0.0.1", 22, "k", "f", "g", True)
        await records.put_peer(store, peer)
        await records.add_task(store, Task("photos", "tank/photos", "nas-b", "vault/photos"))
        with pytest.raises(RefusedError, match="used by 1 task"):
            await records.delete_peer(store, "nas-b")
        await records.put_peer(store, peer)
        assert await records.peers(store) == (replace(peer, mark="k"),)


async def test_a_far_command_that_says_nonsense_is_a_sentence(state: Path) -> None:
    class Nonsense(FarHost):
        said = b"\x1b[2J"

        async def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = 30.0) -> Output:
            return Output(0, self.said, b"")

    host = Nonsense()
    for said in (b"\x1b[2J", b"", b"[]", b'{"ok": true, "data": [{"name": 7}]}', b'{"ok": false, "error": 7}'):
        host.said = said
        with pytest.raises(CommandError) as raised:
            await RemoteReplication(host).peers()
        assert raised.value.message.isprintable()


def test_a_plan_survives_being_stored() -> None:
    step = Step("full", "tank/a b", "vault/a", "filesystem", "s1", "7", size=3)
    plan = Plan("photos", "dplane-x", True, steps=(step,), notes=("ü",), available=9)
    import json

    assert decode(Plan, json.loads(dumps(plan))) == plan
    with pytest.raises(ValueError, match=r"Step\.size"):
        decode(Plan, {"task": "x", "steps": [{**json.loads(dumps(step)), "size": "big"}]})
    with pytest.raises(ValueError, match="missing"):
        decode(Run, {"id": "x"})
