"""Whether a dataset may get another key: one that is a copy may not, for its streams bring the key of its original.

The privileged helper refuses by itself what ZFS shows to be a copy, in the same words. Here it is told before anyone
types a passphrase, and so are copies of which only this box's tasks know.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from privhelper.copied import BREAKS, key_problem

from ...errors import MissingError, RefusedError
from ...text import clean
from ..zfs.model import Dataset
from ..zfs.properties import Setting
from .coverage import copies_here
from .model import Task, TaskStatus


class Settings(Protocol):
    """What tells how a dataset is set."""

    async def settings(self, dataset: str) -> tuple[Setting, ...]:
        """Every property with its value and source. Raises DPlaneError."""
        ...


class Tasks(Protocol):
    """What tells the tasks of the same box."""

    async def tasks(self) -> tuple[TaskStatus, ...]:
        """All of them. Raises DPlaneError."""
        ...


async def refuse_copy(storage: Settings, replication: Tasks, root: Dataset, listed: Sequence[Dataset]) -> None:
    """Raise RefusedError when `root`, out of all that is `listed` on its box, is a copy; other DPlaneErrors when nobody
    can tell."""
    told = {one.name: (one.value, one.source) for one in await storage.settings(root.name)}
    if problem := key_problem(root.name, told):
        raise RefusedError(problem)
    try:
        tasks = await replication.tasks()
    except MissingError:
        return  # nothing is set up to replicate there
    if problem := task_problem(root, listed, [one.task for one in tasks]):
        raise RefusedError(problem)


def task_problem(root: Dataset, listed: Sequence[Dataset], tasks: Iterable[Task]) -> str:
    """Why its key stays, sentences, when one of this box's tasks sends to it; empty when none does."""
    writable = frozenset(one.name for one in listed if not one.readonly)
    task = copies_here([one.name for one in listed], tasks, writable).get(root.name)
    if task is None:
        return ""
    return (
        f"{clean(root.name)} is the copy that the task {task} keeps here. {BREAKS} Change the key at the original: the "
        f"next increment brings it here. If it is to be a copy no more: `dplane replicate remove {task}`."
    )
