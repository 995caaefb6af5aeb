"""`dplane dataset|snapshot`: what came with storage, its exit codes and JSON, and that no passphrase is an argument."""

from __future__ import annotations

import io
import os
import sys
from typing import Any

import pytest

from dplane_tui.services.host.base import Output
from dplane_tui.services.policies.model import Policies, PolicyStatus
from dplane_tui.services.replication.model import Task, TaskStatus

from .storage_box import StorageBox, line, row
from .test_zfs_cli import Cli


@pytest.fixture
def box() -> StorageBox:
    """The box behind the command line."""
    return StorageBox()


@pytest.fixture
def cli(box: StorageBox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """The command line on a box with one dataset and three snapshots."""
    box.datasets = [row("tank/a", 77)]
    box.tree = [line("tank"), line("tank/a", guid="77", usedbychildren="0")]
    box.snapshots = [f"tank/a@s{at}\t{100 + at}\t{at}\t1\t1\t1" for at in range(3)]
    box.shelf = [f"tank/a@s{at}\t{100 + at}\t{at + 1}\t{1_700_000_000 + at}\t{at}\t6\t0" for at in range(3)]
    monkeypatch.setattr("dplane_tui.cli.main.connect", lambda _name: box)
    return Cli(box, capsys)


def pipe(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Standard input is a pipe with that in it."""
    reading, writing = os.pipe()
    os.write(writing, text.encode())
    os.close(writing)
    monkeypatch.setattr(sys, "stdin", os.fdopen(reading))


def test_tree_get_and_space(cli: Cli, box: StorageBox) -> None:
    status, out, _ = cli("dataset", "tree")
    assert status == 0
    assert out.splitlines()[2].split()[0] == "tank/a"
    assert cli.json("dataset", "tree")[1]["data"][1]["by_snapshots"] == 50
    box.values = {"all": "atime\ton\tdefault\nused\t5\t-\n"}
    status, answer = cli.json("dataset", "get", "tank/a")
    told = [(one["name"], one["editable"]) for one in answer["data"]]
    assert told == [("atime", True), ("dplane:may-prune", True), ("used", False)]
    box.tree = [line("tank/a", usedbychildren="0")]
    status, answer = cli.json("dataset", "space", "tank/a")
    assert [share["bytes"] for share in answer["data"]["shares"]] == [100, 50]


def test_what_waits_for_a_key_is_bad_news(cli: Cli, box: StorageBox) -> None:
    assert cli("dataset", "locked")[0] == 0
    key = {"encryption": "aes", "keystatus": "unavailable", "encryptionroot": "tank/a"}
    box.tree = [line("tank/a", **key)]
    status, answer = cli.json("dataset", "locked")
    assert (status, answer["error"]["code"], answer["data"][0]["dataset"]) == (3, "bad-news", "tank/a")


def test_protection_judges_and_checks(cli: Cli, box: StorageBox, monkeypatch: pytest.MonkeyPatch) -> None:
    class Replication:
        async def tasks(self) -> tuple[TaskStatus, ...]:
            return (TaskStatus(Task("a", "tank/a", "attic", "b/a")),)

    monkeypatch.setattr("dplane_tui.services.replication.service.open_replication", lambda _host: Replication())
    late = PolicyStatus("tank/a", "77", "on", "hourly=24", late=True)

    class Kept:
        async def status(self) -> Policies:
            return Policies((PolicyStatus("tank", "1", "none"), late))

    monkeypatch.setattr("dplane_tui.services.policies.service.open_policies", lambda _host: Kept())
    status, answer = cli.json("dataset", "protection")
    assert status == 0
    assert answer["data"]["tank"]["protection"] == "not"
    assert any("never proven" in reason["text"] for reason in answer["data"]["tank/a"]["reasons"])
    assert any("hourly=24 is late" in reason["text"] for reason in answer["data"]["tank/a"]["reasons"])
    assert cli("dataset", "protection", "--check")[0] == 3


def test_a_passphrase_comes_by_pipe_and_never_by_argument(
    cli: Cli, box: StorageBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = {"encryption": "aes", "keystatus": "available", "encryptionroot": "tank/a"}
    box.datasets = [row("tank/a", 77).replace("\toff\t-\t-\t", "\taes\tavailable\ttank/a\t", 1)]
    box.tree = [line("tank/a", guid="77", **key)]
    pipe(monkeypatch, "correct horse\nmore\n")
    status, answer = cli.json("dataset", "load-key", "tank/a", "--stdin")
    assert (status, answer["data"]["root"]) == (0, "tank/a")
    assert box.secrets == [b"correct horse\n"]
    monkeypatch.setattr(sys, "stdin", io.StringIO("correct horse\n"))
    assert cli("dataset", "load-key", "tank/a")[0] == 2  # a pipe counts only when it is said
    pipe(monkeypatch, "")
    assert cli("dataset", "load-key", "tank/a", "--stdin")[0] == 4
    monkeypatch.setattr("dplane_tui.services.replication.service.open_replication", lambda _host: Tasks())
    box.values["all"] = "atime\ton\tdefault"
    pipe(monkeypatch, "short\n")
    assert cli("dataset", "change-key", "tank/a", "--stdin")[0] == 4
    assert cli.verbs() == ["key-load"]


class Tasks:
    """The replication of a box that has no task."""

    async def tasks(self) -> tuple[TaskStatus, ...]:
        return ()


def test_nobody_is_asked_for_the_new_passphrase_of_a_copy(
    cli: Cli, box: StorageBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dplane_tui.services.replication.service.open_replication", lambda _host: Tasks())
    box.values["all"] = "readonly\ton\tlocal\ndplane:peer\tnas-a\tlocal"
    status, answer = cli.json("dataset", "change-key", "tank/a")
    assert (status, answer["error"]["code"]) == (4, "refused")
    assert "tank/a is a copy that nas-a sends here" in answer["error"]["message"]
    assert cli.verbs() == []


def test_a_range_is_previewed_confirmed_and_kept_by_a_snapshot_first(cli: Cli, box: StorageBox) -> None:
    box.answer = {"stdout": "destroy\ttank/a@s0\ndestroy\ttank/a@s1\nreclaim\t4096\n", "guid": "109"}
    status, answer = cli.json("snapshot", "destroy", "tank/a@%s1", "--dry-run")
    assert (status, answer["data"]["reclaim"]) == (0, 4096)
    assert cli.verbs() == []
    assert cli("snapshot", "destroy", "tank/a@s*", "--confirm", "tank/b")[0] == 4
    assert cli("snapshot", "destroy", "tank/a@nope*", "--confirm", "tank/a")[0] == 2
    assert cli.verbs() == []

    def does(request: dict[str, Any]) -> None:
        if request["verb"] == "snapshot-create":
            box.snapshots = [f"{request['snapshot']}\t109\t9\t1\t1\t1"]

    box.does = does
    status, answer = cli.json("snapshot", "destroy", "tank/a@%s1", "--snapshot-first", "--confirm", "tank/a")
    assert status == 0
    assert answer["data"]["kept"].startswith("tank/a@before-")
    assert cli.verbs() == ["snapshot-create", "snapshots-destroy"]


def test_lists_of_all_in_any_order(cli: Cli, box: StorageBox) -> None:
    assert [one["used"] for one in cli.json("snapshot", "list", "--sort", "used")[1]["data"]] == [2, 1, 0]
    assert [one["name"] for one in cli.json("snapshot", "list")[1]["data"]] == [f"tank/a@s{at}" for at in (2, 1, 0)]


def test_a_difference_stops_where_it_is_told(cli: Cli, box: StorageBox) -> None:
    box.snapshots = box.snapshots[:1]
    box.changes = Output(0, b"+\tF\t/a\\0033[2J\n" * 5, b"")
    status, out, _ = cli("snapshot", "diff", "tank/a@s0", "--most", "2")
    assert status == 0
    assert "\x1b" not in out
    assert out.count("added") == 2
    assert cli.json("snapshot", "diff", "tank/a@s0")[1]["data"]["complete"] is True


@pytest.mark.parametrize("words", [("dataset", "rename", "tank/a", "tank/b"), ("dataset", "load-key", "tank/a"),
                                   ("snapshot", "hold", "tank/a@s0"), ("dataset", "set-aside", "tank/a")])  # fmt: skip
def test_read_only_forbids_what_changes(cli: Cli, box: StorageBox, words: tuple[str, ...]) -> None:
    assert cli(*words, "--read-only")[0] == 5
    assert cli.verbs() == []
