"""A dataset that was made anew under its name since it was proven is never in time, and asking ZFS stops nothing."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dplane_tui import paths
from dplane_tui.cli.main import run
from dplane_tui.cli.replicate import _describe
from dplane_tui.cli.replicate_check import answer
from dplane_tui.cli.replicate_list import in_time, late
from dplane_tui.errors import CommandError, DPlaneError, MissingError, TimedOutError
from dplane_tui.screens import replication_answer
from dplane_tui.screens.replication_detail import detail_lines
from dplane_tui.services.health import news
from dplane_tui.services.host import LocalHost, Output
from dplane_tui.services.jobs import files
from dplane_tui.services.jobs.model import Progress
from dplane_tui.services.notify import observe
from dplane_tui.services.notify.look import look
from dplane_tui.services.notify.records import alarms
from dplane_tui.services.replication import anew, codec, freshness, records
from dplane_tui.services.replication.model import Evidence, Options, Run, Task, TaskStatus
from dplane_tui.services.replication.service import LocalReplication
from dplane_tui.services.store import open_store

from .test_replication_service import state

__all__ = ["state"]

NOW = time.time()
TASK = Task("photos", "tank/photos", "nas", "b/photos", recursive=True, rpo=36 * 3600, created=NOW - 9e5)
SAID = "tank/photos was made anew or brought back since it was proven"


class Box(LocalHost):
    """A machine whose `zfs get` answers so, or fails so."""

    def __init__(self, guids: dict[str, str] | DPlaneError, status: int = 0) -> None:
        super().__init__()
        self.guids, self.status = guids, status
        self.suspended: tuple[str, ...] = ()
        self.asked: list[Sequence[str]] = []

    async def read_files(self, paths: Sequence[str]) -> dict[str, str]:
        pools = ("tank", *self.suspended)
        return {
            f"/proc/spl/kstat/zfs/{pool}/state": "SUSPENDED\n" if pool in self.suspended else "ONLINE\n"
            for pool in pools
            if paths == ["/proc/spl/kstat/zfs/*/state"]
        }

    async def run(self, argv: Sequence[str], **_options: Any) -> Output:
        if argv[0] == "systemctl":
            return Output(0, b"[]", b"")
        self.asked.append(argv)
        if isinstance(self.guids, DPlaneError):
            raise self.guids
        return Output(self.status, "".join(f"{name}\t{guid}\n" for name, guid in self.guids.items()).encode(), b"x")


def proven(task: Task = TASK, last: str = "succeeded", **guids: str) -> TaskStatus:
    """A task whose datasets, by their names below its source, had these GUIDs when they were proven."""
    known = {task.source: "1", **{f"{task.source}/{name}": guid for name, guid in guids.items()}}
    ended = Run("r1", task.name, last, NOW - 7200, NOW - 7100, message="It broke." if last == "failed" else "")
    return TaskStatus(
        *(task, ended, NOW - 7100, "s9", NOW - 7200, False),
        fresh_at=NOW - 7200,
        datasets=tuple(known),
        guids=tuple(known.values()),
    )


async def looked(box: Box, *statuses: TaskStatus) -> list[tuple[str, ...] | None]:
    return [one.anew for one in await anew.looked(box, statuses)]


async def test_what_was_made_anew_is_found_by_one_question_for_all_tasks() -> None:
    music = replace(TASK, name="music", source="tank/music", recursive=False)
    box = Box({"tank/photos": "1", "tank/photos/a": "9", "tank/photos/b": "3", "tank/music": "8", "tank/music/x": "7"})
    found = await looked(box, proven(a="2", b="", gone="5"), proven(music, x="2"), proven(replace(music, name="again")))
    assert found == [("tank/photos/a",), ("tank/music",), ("tank/music",)]
    assert [list(argv) for argv in box.asked] == [
        ["zfs", "get", "-Hp", "-r", "-t", "filesystem,volume", "-o", "name,value", "guid", "tank/photos", "tank/music"]
    ]
    box = Box({})
    await looked(box, proven(music))
    assert "-r" not in box.asked[0], "nothing below it is copied"
    left = proven(replace(TASK, options=Options(exclude=("a",))), a="2")
    assert await looked(Box({"tank/photos": "1", "tank/photos/a": "9"}), left) == [()], "it is not copied any more"


async def test_what_the_task_takes_and_no_run_has_proven_is_found_with_it() -> None:
    box = Box(dict.fromkeys(("tank/photos", "tank/photos/a", "tank/photos/left", "tank/photos/left/x"), "1"))
    task = replace(TASK, options=Options(exclude=("left",)))
    [as_set, later, narrow] = await anew.looked(
        box, [proven(task, a="1"), proven(a="1"), proven(replace(TASK, recursive=False))]
    )
    assert (as_set.unproven, narrow.unproven) == ((), ())
    assert later.unproven == ("tank/photos/left", "tank/photos/left/x"), "it is left out no more, and was by the run"
    assert answer([later], NOW).exit_code == 0, "a dataset that is new since the last run is no news by itself"
    assert codec.decode(TaskStatus, json.loads(codec.dumps(later))) == later


async def test_nobody_asks_where_the_answer_would_change_nothing() -> None:
    box = Box({"tank/photos": "9"})
    pulled = proven(replace(TASK, source_peer="nas", peer=None))
    unknown = replace(proven(), guids=("",))
    assert await looked(box, pulled, unknown, replace(proven(), late=True), replace(proven(), late=None)) == [()] * 4
    assert await looked(box, TaskStatus(TASK)) == [()]
    assert box.asked == []


@pytest.mark.parametrize("error", [TimedOutError("zfs hangs."), MissingError("No zfs."), CommandError("It failed.")])
async def test_a_zfs_that_fails_or_hangs_changes_no_answer_and_ends_no_alarm(error: DPlaneError) -> None:
    for box in (Box(error), Box({}, 1), Box({"tank/photos/a": "2"}, 1)):
        [status] = await anew.looked(box, [proven(a="2")])
        assert status.anew is None
        assert answer([status], NOW).exit_code == 0
        assert in_time(status, NOW) == "yes"
        assert observe.of_task(status, NOW)[-1].active is None, "what is not known neither begins nor ends one"
        assert codec.decode(TaskStatus, json.loads(codec.dumps(status))) == status


async def test_a_suspended_pool_hides_nothing_of_the_others() -> None:
    stuck = proven(replace(TASK, name="stuck", source="usb/stuck"))
    box = Box({"tank/photos": "9"})
    box.suspended = ("usb",)
    assert await looked(box, stuck, proven()) == [None, ("tank/photos",)]
    assert [argv[-1] for argv in box.asked] == ["tank/photos"]
    assert "usb/stuck" not in box.asked[0]
    assert await looked(box, stuck) == [None]
    assert len(box.asked) == 1, "a command would hang"


def test_the_check_says_of_which_tasks_it_is_not_known() -> None:
    unknown = replace(proven(), anew=None)
    said = answer([unknown], NOW)
    why = "; whether a dataset of photos was made anew since is not known: ZFS did not tell"
    assert (said.exit_code, said.text.partition(" | ")[0].endswith(f"its limit is 1d 12h{why}")) == (0, True)
    assert [one.anew_known for one in said.data["tasks"]] == [False]
    well = replace(proven(replace(TASK, name="music")), fresh_at=NOW - 9000)
    both = answer([unknown, well], NOW)
    assert (both.exit_code, why in both.text) == (0, True)
    failed = answer([unknown, replace(well, last=Run("r2", "music", "failed", NOW - 60, NOW))], NOW)
    assert (failed.exit_code, why in failed.text) == (1, True)
    assert "not known" not in answer([well], NOW).text
    pulled = proven(replace(TASK, peer=None, source_peer="nas"))
    unasked = [pulled, replace(proven(), guids=("",)), replace(proven(), late=True), TaskStatus(TASK)]
    said = answer([well, *unasked], NOW)
    assert [one.anew_known for one in said.data["tasks"]] == [True, False, False, False, False]
    assert "not known" not in said.text, "ZFS was not asked"


async def test_a_zfs_that_never_answers_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hung = tmp_path / "zfs"
    hung.write_text("#!/bin/sh\nexec sleep 600\n")
    hung.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(anew, "_SECONDS", 0.2)
    [status] = await anew.looked(LocalHost(), [proven()])
    assert status.anew is None


async def test_it_is_told_wherever_it_is_told_how_old_a_copy_is() -> None:
    [status] = await anew.looked(Box({"tank/photos": "9"}), [proven()])
    assert freshness.standing(status, NOW) == freshness.ANEW
    assert freshness.standing(status, NOW + 40 * 3600) == freshness.LATE
    said = answer([status], NOW)
    assert said.exit_code == 1
    assert said.text.startswith(
        f"WARNING - photos is not proven: {SAID}; before, it was proven at nas:b/photos up to 2h"
    )
    assert in_time(status, NOW) == "no: made anew"
    assert late([status], NOW) is not None
    assert f"NOT       {SAID}" in _describe(status)
    told = news._task(status, NOW)
    assert (told.level, told.text) == ("warn", f"Replication photos is not proven: {SAID}.")
    alarm = observe.of_task(status, NOW)[-1]
    assert (alarm.key, alarm.active, alarm.title) == ("late:photos", True, f"replication photos: {SAID}")
    assert "of what is there now nothing is" in alarm.text
    words, role = replication_answer.verdict([status], NOW)
    assert (words, role) == (f"photos is not proven: {SAID}.", "warn")
    lines = ["".join(text for text, _ in line) for line in detail_lines(status, (), (), NOW, 200, 99)]
    assert any(f"not proven: {SAID}" in line for line in lines)
    for text in (said.text, in_time(status, NOW), told.text, alarm.title, alarm.text, words, *lines):
        assert "in time" not in text


async def test_a_run_that_did_not_end_well_is_told_along() -> None:
    [status] = await anew.looked(Box({"tank/photos": "9"}), [proven(last="failed")])
    assert "its last run failed: It broke; before, it was proven" in answer([status], NOW).text
    [status] = await anew.looked(Box({"tank/photos": "9"}), [proven(last="cancelled")])
    assert news._task(status, NOW).text == f"Replication photos is not proven: {SAID}; its last run was cancelled."


def test_several_are_counted_and_no_name_brings_its_own_escapes() -> None:
    status = replace(proven(), anew=("tank/\x1b[2J", "tank/b", "tank/c"))
    assert freshness.anew_words(status) == "tank/�[2J (and 2 more) was made anew or brought back since it was proven"


def test_a_listing_that_is_older_than_the_proof_says_nothing() -> None:
    one = proven()
    assert [status.anew for status in anew.marked([one], {"tank/photos": "9"}, NOW - 7200)] == [None]
    assert [status.anew for status in anew.marked([one], {"tank/photos": "9"}, NOW)] == [("tank/photos",)]


async def ran(guid: str) -> None:
    """A good run of the task that took the dataset with that GUID."""
    async with open_store(paths.current().database, write=True) as store:
        run = await records.new_run(store, "photos")
        proof = Evidence("tank/photos", "vault/photos", "s1", "7", "7", 5, None, 1.0, time.time())
        await records.add_evidence(store, run.id, proof, time.time())
        plan = json.dumps({"steps": [{"dataset": "tank/photos", "dataset_guid": guid}]})
        await records.update_run(store, run.id, state="succeeded", ended=time.time(), plan=plan)


async def test_the_service_asks_only_when_it_is_to_look_and_the_next_run_heals_it(state: Path) -> None:
    box = Box({"tank/photos": "9"})
    service = LocalReplication(box)
    await service.add_task(replace(TASK, peer=None, target="vault/photos"))
    await ran("1")
    assert [one.anew for one in await service.tasks()] == [()]
    assert box.asked == [], "what a screen reads often starts nothing"
    assert [one.anew for one in await service.tasks(look=True)] == [("tank/photos",)]
    await ran("9")
    [status] = await service.tasks(look=True)
    assert (status.anew, answer([status], time.time()).exit_code) == ((), 0)
    assert observe.of_task(status, time.time())[-1].active is False


async def test_a_run_that_is_at_work_hides_nothing_of_how_the_one_before_it_ended(state: Path) -> None:
    service = LocalReplication(Box({"tank/photos": "1"}))
    paths.current().jobs.mkdir(parents=True)
    await service.add_task(replace(TASK, peer=None, target="vault/photos"))

    async def found() -> tuple[TaskStatus, str]:
        [status] = await service.tasks(look=True)
        return status, freshness.doubt(status)

    async def begun() -> Run:
        run = await service.queue("photos")
        files.write(paths.current().jobs, Progress(run.id, "replicate", "queued", updated=time.time()))
        return run

    await ran("1")
    first = await begun()
    assert (await found())[1] == ""
    async with open_store(paths.current().database, write=True) as store:
        await records.update_run(store, first.id, state="failed", ended=time.time(), error_code="diverged")
    assert (await found())[0].before is None
    again = await begun()
    for run_state in ("queued", "running"):
        async with open_store(paths.current().database, write=True) as store:
            await records.update_run(store, again.id, state=run_state)
        status, said = await found()
        assert (status.last and status.last.state, said) == (run_state, "its last run failed")
        assert answer([status], time.time()).exit_code == 1
        assert news._task(status, time.time()).level == "bad"
        assert replication_answer.verdict([status], time.time())[1] == "bad"
        assert observe.of_task(status, time.time())[0].active is None, "whether it works again is not known yet"
    async with open_store(paths.current().database, write=True) as store:
        await records.update_run(store, again.id, state="nothing-new", ended=time.time())
    assert (await found())[1] == ""


async def test_every_command_and_the_alarms_look(
    state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    zfs = state / "zfs"
    zfs.write_text("#!/bin/sh\n[ $1 = get ] && printf 'tank/photos\\t9\\n'\n")
    zfs.chmod(0o755)
    monkeypatch.setenv("PATH", f"{state}:/usr/bin:/bin")
    await LocalReplication(LocalHost()).add_task(replace(TASK, peer=None, target="vault/photos"))

    async def told(*words: str) -> tuple[int, str]:
        return await asyncio.to_thread(run, words), "".join(capsys.readouterr())

    async def alarm() -> bool:
        async with open_store(paths.current().database, write=True) as store:
            await look(LocalHost(), store)
            return next(one.active for one in await alarms(store) if one.key == "late:photos")

    for guid, is_anew in (("1", True), ("9", False)):
        await ran(guid)
        status, said = await told("replicate", "check")
        assert (status, SAID in said) == (int(is_anew), is_anew)
        status, said = await told("replicate", "list", "--check")
        assert (status, "no: made anew" in said) == (3 * is_anew, is_anew)
        assert (SAID in (await told("replicate", "show", "photos"))[1]) == is_anew
        assert ("photos is not proven" in (await told("health"))[1]) == is_anew
        assert await alarm() == is_anew
