"""Retention from the command line: what is shown of it, when it is an error, and what is refused before it is kept."""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dplane_tui import paths
from dplane_tui.cli import replicate_prune
from dplane_tui.cli.main import build_parser, run
from dplane_tui.errors import RefusedError, UsageError
from dplane_tui.screens.replication_prune import going_lines, prune_lines
from dplane_tui.services.host import LocalHost
from dplane_tui.services.replication import records
from dplane_tui.services.replication.model import Options, Peer, Task
from dplane_tui.services.replication.remote import RemoteReplication
from dplane_tui.services.replication.service import LocalReplication
from dplane_tui.services.retention.model import SOURCE, TARGET, Judged, PruneWish, Pruning, SideReport
from dplane_tui.services.store import open_store

PEER = Peer("attic", "dplane", "192.0.2.7", 22, "ssh-ed25519 AAAA", "SHA256:x", "SHA256:y", True)
TASK = Task("photos", "tank/photos", "attic", "vault/photos")
GOES = Judged("tank/photos", "dplane-1", "1", False, "not among the newest 2")
STAYS = Judged("tank/photos", "dplane-2", "2", True, "it is held")


def report(*judged: Judged, side: str = SOURCE, problem: str = "") -> Pruning:
    return Pruning("photos", True, (SideReport(side, "this machine", "2", judged, 2048, problem),))


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DPLANE_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("DPLANE_RUN_DIR", str(tmp_path / "run"))
    return tmp_path


async def known(peer: Peer) -> LocalReplication:
    async with open_store(paths.current().database, write=True) as store:
        await records.put_peer(store, peer)
    return LocalReplication(LocalHost())


def test_a_preview_lists_what_goes_and_what_stays_with_the_reason() -> None:
    said = replicate_prune.describe(report(GOES, STAYS))
    assert said.splitlines() == [
        "source    this machine, keeping 2",
        "goes      tank/photos@dplane-1  not among the newest 2",
        "stays     tank/photos@dplane-2  it is held",
        "in all    1 would go, 1 kept by the policy, about 2.00K free by it",
    ]
    assert "stays" not in replicate_prune.describe(report(GOES, STAYS), only_going=True)
    assert replicate_prune.trouble(report(GOES, STAYS)) is None


def test_what_a_clock_may_have_made_old_is_told_wherever_one_is_asked_about_it() -> None:
    plain = report(GOES, STAYS)
    noted = replace(plain, sides=(replace(plain.sides[0], note="a clock that is wrong looks the same"),))
    assert replicate_prune.describe(noted, only_going=True).endswith("\nNOTE      a clock that is wrong looks the same")
    assert replicate_prune.trouble(noted) is None, "nothing was left undone"
    assert "  a clock that is wrong looks the same" in going_lines(noted)
    assert ["  a clock that is wrong looks the same"] in [[text for text, _ in line] for line in prune_lines(noted)]


def test_what_could_not_be_done_is_an_error_and_stands_in_the_text() -> None:
    left = replace(GOES, error="tank/photos@dplane-1 is busy\x1b[2J")
    done = replace(report(left, replace(STAYS, keep=False, destroyed=True)), dry=False)
    said = replicate_prune.describe(done)
    assert "LEFT      tank/photos@dplane-1  tank/photos@dplane-1 is busy" in said
    assert "1 destroyed, 1 of those to go are still there" in said
    assert "\x1b" not in said
    told = replicate_prune.trouble(done)
    assert told is not None
    assert (told.exit_code, told.message.startswith("1 snapshot(s) could not be destroyed")) == (1, True)
    told = replicate_prune.trouble(report(side=TARGET, problem="attic has not granted it."))
    assert told is not None
    assert "attic has not granted it." in told.message


async def test_a_keep_target_at_a_peer_that_did_not_grant_it_is_refused_with_the_way_to(state: Path) -> None:
    service = await known(PEER)
    with pytest.raises(RefusedError) as told:
        await service.add_task(replace(TASK, options=Options(keep_target="5")))
    assert "attic has not granted" in told.value.message
    assert "dplane peer add attic USER@192.0.2.7 --may-prune" in told.value.next_step
    await service.add_task(replace(TASK, options=Options(keep_source="5")))
    with pytest.raises(RefusedError, match="has not granted"):
        await service.set_options("photos", Options(keep_target="5"))
    service = await known(replace(PEER, may_prune=True))
    assert (await service.peers())[0].may_prune is True
    assert (await service.set_options("photos", Options(keep_target="5"))).options.keep_target == "5"
    service = await known(replace(PEER, product=False))
    await service.set_options("photos", Options(keep_target="6"))


async def test_the_rpo_of_a_task_is_changed_alone_and_with_its_options(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service = await known(PEER)
    await service.add_task(replace(TASK, options=Options(limit="2M")))
    assert await asyncio.to_thread(run, ("replicate", "set", "photos", "--rpo", "36h")) == 0
    assert "RPO       1d 12h" in capsys.readouterr().out
    task = await service.task("photos")
    assert (task.rpo, task.options) == (129600, Options(limit="2M"))
    assert (await service.set_options("photos", Options(), 3600)).rpo == 3600
    assert (await service.set_options("photos", Options(limit="1M"))).rpo == 3600, "not given is not changed"
    with pytest.raises(RefusedError, match="at least one minute"):
        await service.set_options("photos", Options(), 5)
    assert await asyncio.to_thread(run, ("replicate", "set", "photos", "--rpo", "soon")) == 2


async def test_without_a_policy_there_is_nothing_to_prune_and_a_bad_one_is_no_policy(state: Path) -> None:
    service = await known(PEER)
    await service.add_task(TASK)
    with pytest.raises(RefusedError, match="keeps every snapshot"):
        await service.prune("photos", PruneWish())
    with pytest.raises(UsageError, match="weakly"):
        await service.prune("photos", PruneWish(keep_source="weakly=3"))
    async with open_store(paths.current().database) as store:
        assert await store.rows("SELECT 1 FROM runs") == []


def test_other_policies_than_the_tasks_own_are_only_tried(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(("replicate", "prune", "photos", "--keep-source=5")) == 2
    assert "--dry-run" in capsys.readouterr().err
    assert run(("replicate", "prune", "photos", "--dry-run", "--backlog=x")) == 2


async def test_a_far_box_is_asked_for_just_what_was_wished(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    service = RemoteReplication(LocalHost())

    async def ask(*words: str, **_more: Any) -> Any:
        asked.extend(words)
        return {"task": "photos", "dry": True, "sides": []}

    monkeypatch.setattr(service, "_ask", ask)
    wish = PruneWish(True, "5", "", 7, ahead=True)
    await service.prune("photos", wish)
    args: argparse.Namespace = build_parser((), every_group=True).parse_args(asked)
    assert (args.dry_run, args.keep_source, args.keep_target, args.backlog, args.ahead) == (True, "5", "", "7", True)
    asked.clear()
    await service.prune("photos", PruneWish(False))
    assert asked == ["replicate", "prune", "photos"]
