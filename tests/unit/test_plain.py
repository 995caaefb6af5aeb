"""Every screen as text: all rows, words only, and what cannot be read said in a sentence."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from dplane_tui.cli import run
from dplane_tui.errors import MissingError
from dplane_tui.plain import SCREENS, screen
from tests.console.fake_policies import troubled
from tests.console.fakes import FakeServices
from tests.unit.test_import_hygiene import loaded

WANTED = {
    "pools": (
        "Pools: 2.",
        "vault, State DEGRADED, Capacity 91%",
        "Datasets of tank: 4.",
        "tank/home/anna, Used",
        "tank has 3.00G of 9.00G allocated (33 %).",
        "It is full about 20",
    ),
    "replication": (
        "home is in time",
        "Tasks: 1.",
        "home, Source tank/home, Target nas-b:backup/home",
        "Runs of home: 2.",
    ),
    "docker": ("Containers of Docker 26.1: 2.", "web, State running", "job, State exited (1)"),
    "start": (
        "nas-a: Something is wrong. 4 of 6 things need you.",
        "Copies: home is in time",
        "What to know: 6.",
        "bad: Pool vault is DEGRADED.",
        "Well: 1 pool online without errors: tank",
        "At work: nothing.",
        "vault, State DEGRADED, Used 91%",
    ),
    "datasets": (
        "tank/safe and 1 below wait for their passphrase",
        "Datasets: 7.",
        "tank/home, Used 2.00G, Avail 6.00G, Refer 1.00G, Quota 50%",
        "tank/try (clone of tank/home@daily-1), Used",
        "Mount locked, Key locked, Protected not",
        "What their protection lacks",
        "tank: It has no snapshot. No task copies it anywhere.",
    ),
    "snapshots": ("Snapshots: 8.", "tank/home/anna@daily-3, Taken 2d ago, Used 3.00M, Refer 1.00G"),
    "files": (
        "Datasets with files: 4.",
        "tank/home, Mounted at /tank/home, Newest snapshot @daily-3",
        "dplane files ls",
    ),
    "policies": (
        "2 datasets with a policy, none late.",
        "tank/home, Policy hourly=24,daily=30, Newest 10m ago, State in time, Count 54, From itself",
        "tank, Policy none",
    ),
    "health": ("Memory 22% of 1000M", "bad: Pool vault is DEGRADED.", "Disks: 2.", "ssh.service, State active"),
}


async def test_pools_of_a_box_that_keeps_no_history_are_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    services = FakeServices()

    async def none(_pool: str) -> None:
        raise MissingError("There is no dplane on nas-b.")

    monkeypatch.setattr(services, "history", none)
    page = await screen("pools", services)
    assert "Not known: There is no dplane on nas-b." in page.lines
    assert not page.errors


@pytest.mark.parametrize("name", SCREENS)
async def test_every_screen_prints_itself_in_words(name: str) -> None:
    page = await screen(name, FakeServices())
    text = "\n".join(page.lines)
    for wanted in WANTED[name]:
        assert wanted in text
    assert not page.errors
    assert not re.search("[\u2500-\u28ff\x00-\x09\x0b-\x1f\x7f-\x9f]", text), "something is drawn"
    assert not any(line != line.strip() for line in page.lines)


async def test_what_cannot_be_read_says_so_and_the_rest_is_there() -> None:
    services = FakeServices()
    services.fake_zfs.failure = MissingError("ZFS is not here.", "Install it.")
    page = await screen("health", services)
    text = "\n".join(page.lines)
    assert "ZFS is not here." in text
    assert "Pools: unknown." in text
    assert "web" not in text
    assert "Services: 2." in text
    assert page.errors[0].exit_code == 6


@pytest.mark.parametrize("name", ["start", "datasets", "snapshots", "files", "policies"])
async def test_the_reason_stands_there_when_nothing_can_be_read(name: str) -> None:
    services = FakeServices()
    gone = MissingError("ZFS is not here.", "Install it.")

    async def lost(*_: object) -> Any:
        raise gone

    services.fake_zfs.failure = services.fake_storage.failure = gone
    services.fake_storage.newest = lost  # type: ignore[method-assign]  # the fault
    services.fake_storage.shelf = lost  # type: ignore[method-assign,assignment]  # the fault
    services.fake_policies.status = lost  # type: ignore[method-assign]  # the fault
    page = await screen(name, services)
    text = "\n".join(page.lines)
    assert "ZFS is not here." in text
    assert page.errors[0].exit_code == 6
    assert "All is well" not in text
    assert "none late" not in text


async def test_a_late_policy_and_its_reason_are_words() -> None:
    services = FakeServices()
    services.fake_policies.found = troubled()
    text = "\n".join((await screen("policies", services)).lines)
    assert "LATE: 1 of 2 datasets lack a snapshot that is due." in text
    assert "tank/late, Policy daily=7, Newest 9d ago, State LATE" in text
    assert "tank/copy: it is a copy that nas-b sends." in text
    assert "bad: tank/late has no snapshot within 2d" in "\n".join((await screen("start", services)).lines)


async def test_a_hostile_name_is_shown_and_never_obeyed() -> None:
    services = FakeServices()
    services.fake_zfs.pool_list[0] = services.fake_zfs.pool_list[0].__class__("ta\x1b[2Jnk\nx", "1", "ONLINE")
    page = await screen("pools", services)
    assert "ta\ufffd[2Jnk x, State ONLINE" in page.lines[1]


def test_no_such_screen_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["show", "pols"]) == 2
    assert f"There is no screen “pols”. There are: {', '.join(SCREENS)}, keys." in capsys.readouterr().err


def test_the_keys_can_be_read_with_the_names_that_the_file_of_keys_has(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    assert run(["show", "keys"]) == 0
    said = capsys.readouterr().out
    assert "global/quit, Keys q f10 ctrl+q, close the console" in said
    assert "pools.datasets/snapshot-create, Keys p, take a snapshot" in said


def test_text_needs_no_textual() -> None:
    names = ("pool", "replication", "docker", "health", "dataset", "snapshot", "policies")
    code = "import dplane_tui.plain, dplane_tui.plain_box, dplane_tui.plain_storage, dplane_tui.cli.show\n"
    found = loaded(code + "\n".join(f"import dplane_tui.screens.{name}_rows" for name in names))
    assert "textual" not in found


@pytest.mark.parametrize("size", ["80", "80x", "3x24", "80x9999", "x", "80x24x1"])
def test_a_size_that_is_none_is_a_sentence(size: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--size", size]) == 2
    assert "dplane --size 80x24" in capsys.readouterr().err
