"""Another key is not for copies: who is told that, by what, and who is not."""

from __future__ import annotations

import pytest

from dplane_tui.errors import CommandError, MissingError, RefusedError
from dplane_tui.services.replication.model import Task, TaskStatus
from dplane_tui.services.replication.own_keys import refuse_copy, task_problem
from dplane_tui.services.zfs.model import Dataset
from dplane_tui.services.zfs.properties import Setting

COPY = Dataset("vault/photos", "filesystem", "7", encryption_root="vault/photos")
LISTED = (Dataset("vault", "filesystem", "1"), COPY, Dataset("vault/photos/own", "filesystem", "8"))
PULL = Task("home", "tank/photos", None, "vault/photos", source_peer="attic")
AWAY = Task("away", "vault/photos", "attic", "backup/photos")


class Told:
    """A box's settings and tasks, as the test says them."""

    def __init__(self, *settings: Setting, tasks: tuple[Task, ...] = (), fails: Exception | None = None) -> None:
        self._settings, self._tasks, self._fails = settings, tasks, fails

    async def settings(self, _dataset: str) -> tuple[Setting, ...]:
        return self._settings

    async def tasks(self) -> tuple[TaskStatus, ...]:
        if self._fails is not None:
            raise self._fails
        return tuple(TaskStatus(task) for task in self._tasks)


async def test_what_zfs_shows_is_told_in_the_helpers_words() -> None:
    told = Told(Setting("dplane:peer", "nas-a", "local"))
    with pytest.raises(RefusedError, match=r"a copy that nas-a sends here.*Change the key at the original"):
        await refuse_copy(told, told, COPY, LISTED)


async def test_a_copy_that_only_a_task_knows_is_refused_and_an_original_is_not() -> None:
    told = Told(tasks=(PULL,))
    with pytest.raises(RefusedError, match=r"the copy that the task home keeps here.*`dplane replicate remove home`"):
        await refuse_copy(told, told, COPY, LISTED)
    for tasks in ((), (AWAY,)):
        await refuse_copy(Told(tasks=tasks), Told(tasks=tasks), COPY, LISTED)


async def test_unknown_tasks_are_not_no_tasks_but_nothing_installed_is() -> None:
    with pytest.raises(CommandError):
        await refuse_copy(Told(), Told(fails=CommandError("The store cannot be read.")), COPY, LISTED)
    await refuse_copy(Told(), Told(fails=MissingError("Nothing is installed there.")), COPY, LISTED)


def test_a_key_from_above_a_copy_is_its_owners() -> None:
    assert task_problem(LISTED[0], LISTED, [PULL]) == "", "the copies came plain: their streams do not know this key"
    assert task_problem(LISTED[0], LISTED, [AWAY]) == ""
