"""What is told of a task when it is stored, changed and shown: what it copies, when it runs, what it leaves out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dplane_tui.cli.main import run
from dplane_tui.cli.replicate_list import _lacking, _row, in_time, late
from dplane_tui.cli.task_words import next_run, stored
from dplane_tui.errors import MissingError
from dplane_tui.services.host import LocalHost, Output
from dplane_tui.services.replication import depth, own_snapshots
from dplane_tui.services.replication.depth import Tree, change_lines, reach
from dplane_tui.services.replication.model import Options, Run, Task, TaskStatus
from dplane_tui.services.replication.service import LocalReplication

from .test_zfs_service import row

TASK = Task("photos", "tank/photos", None, "vault/photos")
NOW = 1_800_000_000.0
NIGHTLY = Options(schedule="daily 02:30")


class Box(LocalHost):
    """A machine whose `zfs list` answers so; None: it has no ZFS."""

    def __init__(self, listed: str | None) -> None:
        super().__init__()
        self.listed = listed
        self.asked: list[Sequence[str]] = []

    async def run(self, argv: Sequence[str], **_options: Any) -> Output:
        self.asked.append(argv)
        if self.listed is None:
            raise MissingError("zfs is not installed.")
        return Output(0, self.listed.encode(), b"")


async def test_a_task_without_schedule_is_said_to_run_by_hand_with_its_own_name() -> None:
    said = await stored(Box("tank/photos\n"), TASK)
    assert "runs only by hand" in said
    assert "`dplane replicate set photos --schedule 'daily 02:30'`" in said
    assert "alone" not in said, "there is nothing below it"
    assert "by hand" not in await stored(Box("tank/photos\n"), replace(TASK, options=NIGHTLY))
    lets_go = "It lets no snapshot go, on either side: `dplane replicate set photos --keep-source daily=30"
    assert lets_go in said
    assert lets_go not in await stored(Box("tank/photos\n"), replace(TASK, options=Options(keep_target="daily=3")))
    assert "set photos --schedule" in next_run(TaskStatus(TASK), time.time())


async def test_what_is_below_and_not_taken_is_named() -> None:
    box = Box("tank/photos\ntank/photos/a\ntank/photos/b\x1b[2J\ntank/photos/c\ntank/photos/d\n")
    said = await stored(box, TASK)
    assert "copies tank/photos alone, NOT what is below it (tank/photos/a, tank/photos/b" in said
    assert "and 1 more): `dplane replicate set photos --recursive`" in said
    assert "\x1b" not in said
    assert "alone" not in await stored(box, replace(TASK, recursive=True))
    assert len(box.asked) == 1, "a recursive task leaves nothing out"
    assert "alone" not in await stored(Box(None), TASK), "unknown is not told as something"
    far = await stored(Box(None), replace(TASK, source_peer="attic"))
    assert "If there are datasets below it, `dplane replicate set photos --recursive`" in far


def test_what_a_task_copies() -> None:
    assert reach(TASK) == "tank/photos, nothing below it"
    assert reach(replace(TASK, recursive=True, source_peer="attic")) == "attic:tank/photos and below"


async def test_the_command_makes_it_recursive_and_says_what_becomes_of_the_copies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DPLANE_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("DPLANE_RUN_DIR", str(tmp_path / "run"))
    await LocalReplication(LocalHost()).add_task(TASK)

    async def told(*words: str) -> tuple[int, str]:
        status = await asyncio.to_thread(run, ("replicate", *words))
        return status, "".join(capsys.readouterr())

    assert await told("set", "photos", "--exclude", "cache") == (
        4,
        "dplane: The task photos takes tank/photos alone, so there is nothing below it to include or exclude. "
        "Take the datasets below as well (--recursive), or clear the patterns (--include '' --exclude '').\n",
    )
    status, said = await told("set", "photos", "--recursive", "--exclude", "cache")
    assert (status, "tank/photos and below" in said, "until then only the source itself is proven" in said) == (
        *(0, True, True),
    )
    status, said = await told("set", "photos", "--no-snapshot")
    assert (status, "it takes no snapshot: it sends those that are there" in said) == (0, True)
    assert "snapshots sends those that are there, takes none" in (await told("show", "photos"))[1]
    status, said = await told("set", "photos", "--no-recursive", "--exclude", "", "--snapshot")
    assert "it takes a snapshot of its own before it sends" in said
    assert (status, "Their copies stay as they are, and grow old; nothing is destroyed." in said) == (0, True)
    assert "source    tank/photos, nothing below it" in (await told("show", "photos"))[1]
    assert "PAUSED: `dplane replicate resume photos` lets it go on" in (await told("pause", "photos"))[1]


def test_what_becomes_of_snapshots_of_its_own_is_told_only_where_that_changes() -> None:
    none = replace(TASK, snapshot=False)
    assert own_snapshots.change_lines(TASK, replace(TASK, rpo=5)) == own_snapshots.change_lines(none, none) == []
    assert "its copy is as old as that one, and late by that" in own_snapshots.change_lines(TASK, none)[0]
    assert len(own_snapshots.change_lines(none, TASK)) == 1


def test_the_list_says_whether_the_copy_is_in_time() -> None:
    proven = TaskStatus(TASK, verified_at=NOW)
    aged = {old: replace(proven, snapshot_created=NOW - old) for old in (3600, 90 * 3600, -90_000)}
    assert in_time(TaskStatus(TASK), NOW) == "never proven"
    assert in_time(aged[3600], NOW) == "yes"
    assert in_time(aged[90 * 3600], NOW) == "LATE"
    assert in_time(proven, NOW) == "unknown", "it was proven, and nobody knows how old it is"
    assert in_time(aged[-90_000], NOW) == "unknown: a clock is wrong"
    assert late([aged[3600]], NOW) is None
    found = late([aged[90 * 3600], aged[-90_000], TaskStatus(TASK), proven], NOW)
    assert found is not None
    assert found.message == (
        "photos is late, photos is proven up to a time that has not come yet: a clock is wrong, "
        "photos was never proven, photos does not tell how old its copy is."
    )


def test_the_list_says_how_old_each_copy_is_and_what_it_may_be() -> None:
    failed = Run("r", "photos", "failed", NOW - 60, NOW - 50, error_code="diverged")
    status = TaskStatus(TASK, failed, NOW, "s1", NOW - 7200)
    assert _row(status, NOW)[3:] == ("diverged", "2h", "1d", "yes", "by hand", "s1")
    paused = replace(TASK, options=Options(schedule="every 1h", paused=True))
    assert _row(replace(status, task=paused, snapshot_created=None), NOW)[4:8] == ("?", "1d", "unknown", "paused")


async def test_the_list_says_what_is_in_no_task_or_that_nobody_knows() -> None:
    box = Box("\n".join([row("tank", 1), row("tank/photos", 2).replace("\t1\tyes", f"\t{5 << 20}\tyes")]))
    away = replace(TASK, peer="nas-b")
    assert await _lacking(box, []) == "In no task: tank/photos."
    assert await _lacking(box, [TaskStatus(TASK)]) == "Only within this box: tank/photos."
    assert await _lacking(box, [TaskStatus(away)]) == ""
    assert (await _lacking(Box(None), [])).startswith("Which datasets are in no task is unknown: ZFS is not installed")


BELOW = ("tank/photos", "tank/photos/a", "tank/photos/a/x", "tank/photos/b", "tank/photos/cache")


def test_what_comes_in_and_what_leaves_is_what_the_runs_would_take() -> None:
    deep = replace(TASK, recursive=True)
    without = replace(deep, options=Options(exclude=("cache", "a")))
    only = replace(deep, options=Options(include=("a/x",)))
    assert depth.moved(TASK, without, BELOW) == (["tank/photos/b"], [])
    assert depth.moved(without, TASK, BELOW) == ([], ["tank/photos/b"])
    assert depth.moved(without, only, BELOW) == (["tank/photos/a", "tank/photos/a/x"], ["tank/photos/b"])
    assert change_lines(deep, replace(deep, rpo=5), Tree(BELOW, whole=True)) == []


def test_a_change_of_the_depth_says_what_becomes_of_the_copies_and_who_lets_them_go() -> None:
    deep = replace(TASK, recursive=True, options=Options(keep_target="daily=3"))
    alone = replace(deep, recursive=False)
    many = (*BELOW, *(f"tank/photos/n{number}" for number in range(4)))
    lines = change_lines(deep, alone, Tree(many, whole=True))
    assert lines[0].startswith("8 datasets leave: not copied any more. Their copies stay as they are")
    assert lines[1:7] == [*(f"  {name}" for name in many[1:6]), "  and 3 more"]
    assert lines[7].startswith("No policy of this task lets go what there is of them")
    (head, *_) = change_lines(alone, deep, Tree(BELOW[:2], whole=True))
    assert head == "1 dataset comes in, copied from the next run on; until then only the source itself is proven:"


def test_what_is_below_a_source_that_cannot_be_read_is_told_as_not_known() -> None:
    pulled = replace(TASK, source_peer="attic")
    deep = replace(pulled, recursive=True)
    none, some = Tree((), whole=False), Tree(BELOW[:3], whole=False)
    assert change_lines(pulled, deep, none)[1].startswith(
        "All that is below tank/photos is not known here (it is at attic)"
    )
    assert change_lines(deep, pulled, none)[0].startswith(
        "The datasets below are not copied any more. Their copies stay"
    )
    assert change_lines(deep, pulled, some)[0].startswith("At least 2 datasets leave")
    (line,) = change_lines(deep, replace(deep, options=Options(exclude=("z",))), none)
    assert "is not known here" in line, "that nothing comes in or leaves is not claimed"


async def test_the_tree_is_read_at_the_source_or_taken_from_the_copies() -> None:
    box = Box("\n".join((*BELOW, "tank/photos2")) + "\n")
    assert await depth.known(box, TASK, ("tank/photos",)) == Tree(BELOW, whole=True)
    proven = ("tank/photos", "tank/photos/a", "old/photos")
    assert await depth.known(Box(None), TASK, proven) == Tree(proven[:2], whole=False)
    assert await depth.known(box, replace(TASK, source_peer="attic"), proven) == Tree(proven[:2], whole=False)
    assert len(box.asked) == 1, "what lies on another box is not looked for here"
