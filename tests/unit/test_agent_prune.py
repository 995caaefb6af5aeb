"""What the agent destroys for a peer: without the right nothing, with it only what is that peer's and not needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dplane_tui.services.replication.agent import main

from .replication_world.zfs_model import state_of
from .test_agent import AGENT, ROOT, Far

OLD = [f"dplane-2026-01-0{day}T02-30-00Z" for day in range(1, 6)]
GRANT = ("--may-prune", "yes")


@pytest.fixture
def far(tmp_path: Path) -> Far:
    made = Far(tmp_path)
    with made_state(made) as state:
        for dataset in ("vault/mine", "vault/mine/below", "vault/theirs", "vault/nobody"):
            for index, name in enumerate([*OLD, "by hand"]):
                snap = {"name": name, "guid": str(100 + index), "txg": 10 + index, "size": 7, "created": 1}
                state["datasets"][dataset]["snaps"].append(snap)
    return made


def made_state(far: Far) -> Any:
    return state_of(far.path / "far")


def ask(
    far: Far, chosen: Any, *, dataset: str = "vault/mine", dry: bool = False, grant: tuple[str, ...] = GRANT
) -> Any:
    request = {"op": "prune", "dataset": dataset, "snapshots": chosen, "dry_run": dry}
    return far.ask(request, more=[*grant])


def left(far: Far, dataset: str = "vault/mine") -> list[str]:
    return [snap["name"] for snap in far.state["datasets"][dataset]["snaps"]]


def test_without_the_right_it_is_no_request_at_all(far: Far) -> None:
    before = far.state
    for dry in (True, False):
        answer = ask(far, {OLD[0]: "100"}, dry=dry, grant=())
        assert answer["error"]["code"] == "refused"
        assert "not one of its requests" in answer["error"]["message"]
    assert far.state == before
    assert far.ask({"op": "hello"})["may_prune"] is False
    assert far.ask({"op": "hello"}, more=[*GRANT])["may_prune"] is True


def test_with_it_the_chosen_ones_go_and_no_other(far: Far) -> None:
    shown = ask(far, {OLD[0]: "100", OLD[2]: "102"}, dry=True)
    assert shown == {"ok": True, "kept": {}, "frees": 14}
    assert len(left(far)) == 6
    assert ask(far, {OLD[0]: "100", OLD[2]: "102"}) == {"ok": True, "destroyed": [OLD[0], OLD[2]]}
    assert left(far) == [OLD[1], OLD[3], OLD[4], "by hand"]
    assert len(left(far, "vault/mine/below")) == 6


LENT = ("--may-read", "vault/nobody", "--may-snapshot", "yes")


def test_of_what_a_peer_reads_only_what_was_taken_for_it_goes(far: Far) -> None:
    with made_state(far) as state:
        snaps = state["datasets"]["vault/nobody"]["snaps"]
        for index, peer in enumerate(("box-a", "box-b", "", "box-a")):
            snaps[index]["peer"] = peer
    chosen = {name: str(100 + index) for index, name in enumerate(OLD[:3])}
    shown = ask(far, chosen, dataset="vault/nobody", dry=True, grant=(*LENT, *GRANT))
    assert shown["kept"] == dict.fromkeys(OLD[1:3], "it was not taken for this peer")
    assert ask(far, chosen, dataset="vault/nobody", grant=(*LENT, *GRANT))["error"]["code"] == "changed"
    before = far.state
    for less in (LENT, LENT[:2], (*LENT[:2], *GRANT)):  # without the one right, without both, without the other
        assert ask(far, {OLD[0]: "100"}, dataset="vault/nobody", grant=less)["ok"] is False
    assert ask(far, {OLD[0]: "100"}, dataset="vault/theirs", grant=(*LENT, *GRANT))["ok"] is False
    assert far.state == before
    assert ask(far, {OLD[0]: "100"}, dataset="vault/nobody", grant=(*LENT, *GRANT))["ok"] is True
    assert left(far, "vault/nobody") == [*OLD[1:], "by hand"]
    with made_state(far) as state:  # a mark of the whole dataset is no mark of its snapshots
        state["datasets"]["vault/nobody"]["props"]["dplane:peer"] = "box-b"
        state["datasets"]["vault/nobody"]["snaps"][0]["peer"] = ""
    held = ask(far, {OLD[1]: "101"}, dataset="vault/nobody", dry=True, grant=(*LENT, *GRANT))
    assert held["kept"] == {OLD[1]: "it was not taken for this peer"}


def test_what_another_peer_had_taken_of_its_copies_is_not_its_to_destroy(far: Far) -> None:
    with made_state(far) as state:
        for index, peer in enumerate(("box-b", "box-a")):
            state["datasets"]["vault/mine"]["snaps"][index]["peer"] = peer
    chosen = {OLD[index]: str(100 + index) for index in range(3)}
    assert ask(far, chosen, dry=True)["kept"] == {OLD[0]: "it was not taken for this peer"}
    assert ask(far, chosen)["error"]["code"] == "changed"
    del chosen[OLD[0]]
    assert ask(far, chosen)["destroyed"] == [OLD[1], OLD[2]]


def test_holds_are_of_what_a_peer_reads_with_a_tag_of_its_own(far: Far) -> None:
    def held(op: str, snapshots: Any, *, peer: str = "box-a", grant: tuple[str, ...] = LENT, **more: Any) -> Any:
        request = {"op": op, "dataset": "vault/nobody", "run": "run-1", "tag": "0" * 8, "snapshots": snapshots, **more}
        return far.ask(request, peer=peer, more=[*grant])

    point = {f"vault/nobody@{OLD[0]}": "100"}
    assert held("hold", point)["ok"]
    (tag,) = far.state["datasets"]["vault/nobody"]["snaps"][0]["holds"]
    assert tag.startswith("dplane-")
    assert tag.endswith("-run-1")
    before = far.state
    assert held("release", point, peer="box-b")["ok"] is False, "that is no tag of box-b"
    assert held("hold", point, grant=LENT[:2], run="run-2")["ok"] is False, "it may take no snapshots either"
    bad: tuple[Any, ...] = ({f"vault/theirs@{OLD[0]}": "100"}, {"vault/nobody": "100"}, {}, [], None, {"-r@x": "1"})
    for wrong in bad:
        assert held("hold", wrong, run="run-2")["error"]["code"] == "refused", wrong
    for more in ({"run": "../x"}, {"tag": "x"}, {"run": None}):
        assert held("hold", point, **more)["error"]["code"] == "refused", more
    assert far.state == before
    assert held("release", point)["ok"]
    assert not far.state["datasets"]["vault/nobody"]["snaps"][0]["holds"]


@pytest.mark.parametrize("dataset", ["vault/theirs", "vault/nobody", "vault", "vault/gone", "vault/mine@x", "-r", None])
def test_what_is_not_this_peers_is_not_touched(far: Far, dataset: Any) -> None:
    before = far.state
    assert ask(far, {OLD[0]: "100"}, dataset=dataset)["ok"] is False
    assert far.state == before


def test_a_key_that_is_confined_prunes_only_there(far: Far) -> None:
    request = json.dumps({"op": "prune", "dataset": "vault/mine", "snapshots": {OLD[0]: "100"}})
    argv = [sys.executable, str(AGENT), str(far.path), "box-a", "vault/mine/below", *GRANT]
    environment = {**os.environ, "SSH_ORIGINAL_COMMAND": request, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(argv, env=environment, capture_output=True, check=False, timeout=60)
    assert "receive into vault/mine/below and below" in json.loads(done.stdout)["error"]["message"]
    assert len(left(far)) == 6


@pytest.mark.parametrize(
    "chosen",
    [
        {}, [], None, [OLD[0]], {OLD[0]: 100}, {OLD[0]: "100", "by hand": "105"}, {"by hand": "105"},
        {f"{OLD[0]},by hand": "100"}, {f"{OLD[0]}%{OLD[3]}": "100"}, {"@": "100"}, {"": "100"},
        {f"dplane-{number}": "1" for number in range(101)}, {OLD[0]: "9" * 40}, {"dplane-mine": "100"},
        {OLD[0]: "999"}, {"dplane-2025-01-01T02-30-00Z": "100"},
    ],
)  # fmt: skip
def test_a_hostile_list_destroys_nothing(far: Far, chosen: Any) -> None:
    before = far.state
    answer = ask(far, chosen)
    assert answer["ok"] is False
    assert answer["error"]["message"].isprintable()
    assert far.state == before


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"holds": ["by hand"]}, "held"),
        ({"clones": "vault/x"}, "clone"),
        ({"name": OLD[1] + "x"}, "gone"),
        ({"guid": "7"}, "name now"),
    ],
)
def test_what_must_stay_stays_and_keeps_the_others_of_its_list(far: Far, fields: dict[str, Any], why: str) -> None:
    with made_state(far) as state:
        state["datasets"]["vault/mine"]["snaps"][1].update(fields)
    before = far.state
    chosen = {OLD[0]: "100", OLD[1]: "101"}
    assert why in ask(far, chosen, dry=True)["kept"][OLD[1]]
    answer = ask(far, chosen)
    assert answer["error"]["code"] == "changed"
    assert why in answer["error"]["message"]
    assert far.state == before


def test_the_newest_and_what_a_bookmark_of_ours_is_of_stay(far: Far) -> None:
    with made_state(far) as state:
        mine = state["datasets"]["vault/mine"]
        mine["snaps"].pop()
        mine["marks"].append({"name": "dplane-12345678-1", "guid": "101", "txg": 11})
    kept = ask(far, dict(zip(OLD, ["100", "101", "102", "103", "104"], strict=True)), dry=True)["kept"]
    assert kept == {OLD[1]: "an increment may start from it", OLD[4]: "the newest snapshot"}


@pytest.mark.parametrize(
    "words",
    [
        ["--may-prune"],
        ["--peer", "--may-prune"],
        ["--may-prune", "--peer", "a"],
        ["--peer", "a", "--may-prune", "x"],
        ["--peer", "a", "--may-prune"],
    ],
)
def test_a_forced_command_that_is_wrong_starts_nothing(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert "usage" in capsys.readouterr().err


def sanoids(far: Far, mark: str = "autosnap_", at: str = "vault/mine") -> dict[str, str]:
    """Snapshots of another tool in a copy, and the mark that lets them go."""
    with made_state(far) as state:
        for index, name in enumerate(("autosnap_1", "autosnap_2", "mine_1")):
            snap = {"name": name, "guid": str(200 + index), "txg": 2 + index, "size": 7, "created": 5}
            state["datasets"]["vault/mine"]["snaps"].insert(index, snap)
        state["datasets"][at]["props"]["dplane:may-prune"] = mark
    return {"autosnap_1": "200", "autosnap_2": "201", "mine_1": "202"}


def let_go(far: Far, dataset: str = "vault/mine", grant: tuple[str, ...] = GRANT, **more: Any) -> Any:
    return far.ask({"op": "prune", "dataset": dataset, "let_go": True, **more}, more=[*grant])


def test_what_this_boxs_administrator_named_may_go_from_a_peers_copies(far: Far) -> None:
    there = sanoids(far)
    assert let_go(far) == {"ok": True, "let_go": "vault/mine\tautosnap_\n"}
    assert let_go(far, recursive=True)["let_go"] == "vault/mine\tautosnap_\nvault/mine/below\tautosnap_\n"
    kept = ask(far, there, dry=True)["kept"]
    assert list(kept) == ["mine_1"]
    assert ask(far, there)["error"]["code"] == "changed"
    del there["mine_1"]
    assert ask(far, {**there, OLD[0]: "100"})["destroyed"] == ["autosnap_1", "autosnap_2", OLD[0]]
    assert left(far) == ["mine_1", *OLD[1:], "by hand"]


@pytest.mark.parametrize("mark", ["received autosnap_", "none", "dplane-", "other_", "a\tb"])
def test_what_nobody_there_named_stays(far: Far, mark: str) -> None:
    there = sanoids(far, mark)
    before = far.state
    assert "autosnap_" not in let_go(far)["let_go"]
    assert set(ask(far, there, dry=True)["kept"]) == set(there)
    assert ask(far, there)["ok"] is False
    assert far.state == before


def test_of_what_a_peer_only_reads_nothing_else_goes_whatever_the_mark(far: Far) -> None:
    with made_state(far) as state:
        nobody = state["datasets"]["vault/nobody"]
        nobody["snaps"].insert(0, {"name": "autosnap_1", "guid": "200", "txg": 2, "size": 7, "created": 5})
        nobody["props"]["dplane:may-prune"] = "autosnap_"
    before = far.state
    assert let_go(far, "vault/nobody", (*LENT, *GRANT)) == {"ok": True, "let_go": ""}
    assert let_go(far, "vault/nobody", GRANT)["ok"] is False
    assert (
        "autosnap_1" in ask(far, {"autosnap_1": "200"}, dataset="vault/nobody", dry=True, grant=(*LENT, *GRANT))["kept"]
    )
    assert ask(far, {"autosnap_1": "200"}, dataset="vault/nobody", grant=(*LENT, *GRANT))["ok"] is False
    assert let_go(far, grant=())["error"]["code"] == "refused"
    assert far.state == before
