"""A stored schedule and its timer: one is not there without the other, and setting it again mends what came apart."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from dplane_tui import paths
from dplane_tui.errors import CommandError, MissingError
from dplane_tui.services.door import Door
from dplane_tui.services.host import Host, LocalHost, Output
from dplane_tui.services.replication import codec, records
from dplane_tui.services.replication.model import Evidence, Options, Task
from dplane_tui.services.replication.remote import RemoteReplication
from dplane_tui.services.replication.service import LocalReplication
from dplane_tui.services.store import open_store

DAILY, WEEKLY = Options(schedule="daily 02:30"), Options(schedule="weekly Sun 03:00")
TASK = Task("photos", "tank/photos", None, "vault/photos")
AT = {"daily 02:30": ["calendar:*-*-* 02:30:00"], "weekly Sun 03:00": ["calendar:Sun *-*-* 03:00:00"]}


class Systemd:
    """What the door did to timers; `broken`, it refuses to set one."""

    def __init__(self) -> None:
        self.timers: dict[str, list[str]] = {}
        self.broken = False

    async def call(self, _door: Door, verb: str, **args: Any) -> dict[str, Any]:
        if verb == "timer-remove":
            self.timers.pop(args["timer"], None)
        else:
            assert verb == "timer-set"
            if self.broken:
                raise CommandError("systemd says no.", "Look at its journal.")
            self.timers[args["timer"]] = args["when"]
        return {"ok": True}


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Systemd:
    monkeypatch.setenv("DPLANE_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("DPLANE_RUN_DIR", str(tmp_path / "run"))
    made = Systemd()

    async def call(door: Door, verb: str, **args: Any) -> dict[str, Any]:
        return await made.call(door, verb, **args)

    monkeypatch.setattr(Door, "call", call)
    return made


async def stored() -> str:
    async with open_store(paths.current().database) as store:
        return (await records.task(store, "photos")).options.schedule


async def test_a_task_whose_timer_fails_is_not_made_and_is_to_be_made_again(systemd: Systemd) -> None:
    service = LocalReplication(LocalHost())
    systemd.broken = True
    with pytest.raises(CommandError, match="so the task was not made: systemd says no") as raised:
        await service.add_task(replace(TASK, options=DAILY))
    assert raised.value.next_step.endswith("Then make it again.")
    assert await service.tasks() == ()


async def test_a_schedule_whose_timer_fails_is_not_stored_and_setting_it_again_makes_the_timer(
    systemd: Systemd,
) -> None:
    service = LocalReplication(LocalHost())
    await service.add_task(TASK)
    systemd.broken = True
    for _ in range(2):
        with pytest.raises(CommandError, match="so nothing was changed: systemd says no") as raised:
            await service.set_options("photos", DAILY)
        assert raised.value.next_step.endswith("Then set the schedule again.")
        assert (await stored(), systemd.timers) == ("", {})
    systemd.broken = False
    await service.set_options("photos", DAILY)
    assert (await stored(), systemd.timers) == ("daily 02:30", {"task-photos": AT["daily 02:30"]})


class Listed:
    """A host whose systemd says when a task's timer last went off, and when its missed start is made up."""

    local = True

    async def run(self, *_: object, **__: object) -> Output:
        timers = {"task-photos": {"last": 9_000_000, "next": 26_000_000}, "catchup-photos": {"next": 22_000_000}}
        said = [{**times, "unit": f"dplane-scheduled@{name}.timer"} for name, times in timers.items()]
        return Output(0, json.dumps(said).encode(), b"")


@pytest.mark.usefixtures("systemd")
async def test_what_ran_for_another_place_or_task_makes_up_for_nothing_and_the_next_start_says_so() -> None:
    service = LocalReplication(cast("Host", Listed()))

    async def missed() -> bool:
        (status,) = await service.tasks()
        said = await service.is_missed("photos")
        assert status.next_run == (22.0 if said else 26.0), "what is shown is what the timer does"
        return said

    async with open_store(paths.current().database, write=True) as store:
        await records.add_task(store, replace(TASK, options=DAILY))
        assert await missed()
        run = await records.new_run(store, "photos")
        proof = Evidence("tank/photos", "vault/photos", "s1", "1", "1", 5, None, 1.0, 15.0)
        await records.add_evidence(store, run.id, proof, 14.0)
        await records.update_run(store, run.id, state="succeeded", started=14.0, ended=15.0)
        assert not await missed()
        await records.place_changed(store, "photos")
        assert await missed()
        again = await records.new_run(store, "photos")
        await records.add_evidence(store, again.id, proof, 14.0)
        await records.update_run(store, again.id, state="nothing-new", started=16.0, ended=17.0)
        assert not await missed()
        await records.delete_task(store, "photos")
        await records.add_task(store, replace(TASK, options=DAILY))
        assert await missed()


@pytest.mark.parametrize("there", [{}, {"task-photos": AT["weekly Sun 03:00"]}])
async def test_the_same_schedule_set_again_brings_the_timer_back(systemd: Systemd, there: dict[str, list[str]]) -> None:
    """As the console advises when systemd tells no next run, and after a store was brought to a new installation."""
    service = LocalReplication(LocalHost())
    await service.add_task(Task(**{**_fields(TASK), "options": DAILY}))
    systemd.timers = dict(there)
    await service.set_options("photos", DAILY)
    assert systemd.timers == {"task-photos": AT["daily 02:30"]}
    systemd.timers = dict(there)
    await service.set_options("photos", Options(schedule="daily 02:30", limit="2M"))
    assert systemd.timers == there, "this was not about when it runs"
    await service.set_options("photos", Options(schedule="daily 02:30", limit="1M"), timed=True)
    assert systemd.timers == {"task-photos": AT["daily 02:30"]}
    systemd.timers["catchup-photos"] = ["calendar:*-*-* 22:00:00"]
    await service.set_options("photos", Options())
    assert (await stored(), systemd.timers) == ("", {})
    await service.set_options("photos", DAILY)
    systemd.timers["catchup-photos"] = ["calendar:*-*-* 22:00:00"]
    await service.remove_task("photos")
    assert systemd.timers == {}


async def test_a_task_whose_timer_cannot_be_made_is_not_made(systemd: Systemd) -> None:
    service = LocalReplication(LocalHost())
    systemd.broken = True
    new = Task(**{**_fields(TASK), "options": DAILY})
    for _ in range(2):  # and the second attempt is not told that it is there already
        with pytest.raises(CommandError, match="so the task was not made: systemd says no"):
            await service.add_task(new)
        with pytest.raises(MissingError):
            await stored()
    systemd.broken = False
    await service.add_task(new)
    assert systemd.timers == {"task-photos": AT["daily 02:30"]}


async def test_what_was_typed_reaches_the_far_box_also_when_it_is_not_new(
    systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, ...]] = []
    service = RemoteReplication(LocalHost())
    task = Task(**{**_fields(TASK), "options": DAILY})

    async def ask(_self: RemoteReplication, *words: str, **_: Any) -> Any:
        asked.append(words)
        return json.loads(codec.dumps(task))

    async def known(_self: RemoteReplication, _name: str) -> Task:
        return task

    monkeypatch.setattr(RemoteReplication, "_ask", ask)
    monkeypatch.setattr(RemoteReplication, "task", known)
    await service.set_options("photos", DAILY, timed=True)
    await service.set_options("photos", WEEKLY, timed=True)
    assert asked == [
        ("replicate", "set", "photos", "--schedule=daily 02:30"),
        ("replicate", "set", "photos", "--schedule=weekly Sun 03:00"),
    ]


def test_the_command_line_says_that_the_timer_is_missing(systemd: Systemd) -> None:
    """Nothing is installed here, so the door does not open: the second attempt fails as the first."""
    argv = [sys.executable, "-m", "dplane_tui", "replicate"]
    add = [*argv, "add", "photos", "--source", "tank/photos", "--to", "vault/photos"]
    assert subprocess.run(add, capture_output=True, check=False).returncode == 0
    for _ in range(2):
        words = [*argv, "set", "photos", "--schedule", "daily 02:30"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert (done.returncode, "nothing was changed" in done.stderr) == (6, True), done.stderr


def _fields(task: Task) -> dict[str, Any]:
    return {name: getattr(task, name) for name in task.__dataclass_fields__}
