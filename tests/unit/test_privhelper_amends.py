"""Setting a copy aside, rolling one back for its peer, holding several: only what was seen, and read back."""

from __future__ import annotations

from pathlib import Path

import pytest

from privhelper.audit import sha256
from privhelper.grammar import KEY
from privhelper.kinds import HELD_LIMIT

from .privhelper_door import Door

OWNER = "get -H -p -o value,source dplane:peer tank/a"
LIST = "list -H -p -d 1 -t snapshot,bookmark -o name,guid,createtxg -- tank/a"
ROWS = "tank/a@s1\t11\t1\ntank/a@mine\t12\t2\ntank/a#mark\t12\t2\n"
PLAN = sha256(b"tank/a#mark\t12\ntank/a@mine\t12")
AFTER = "list -H -p -d 1 -t snapshot -o name,guid,createtxg -- tank/a"


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path)


def acts(door: Door, word: str) -> list[list[str]]:
    return [call["argv"][1:] for call in door.started() if call["argv"][1] == word]


def guid(name: str, value: str) -> tuple[str, int, str, str]:
    return (f"get -H -p -o value guid {name}", 0, f"{value}\n", "")


def prepared(door: Door, *, right: bool, owner: str = "nas-a\tlocal\n", after: str = "tank/a@s1\t11\t1\n") -> None:
    assert door.ask("peer-accept", peer="nas-a", key=KEY.example, may_rollback=right)[0] == 0
    door.answers((OWNER, 0, owner, ""), (LIST, 0, ROWS, ""), (AFTER, 0, after, ""), guid("tank/a@s1", "11"))


def test_a_peer_with_the_right_takes_its_copy_back_by_the_plan(door: Door) -> None:
    prepared(door, right=True)
    status, answer = door.ask("replica-rollback", snapshot="tank/a@s1", guid="11", peer="nas-a", plan=PLAN)
    assert (status, answer.get("newest")) == (0, "s1"), answer
    assert acts(door, "rollback") == [["rollback", "-r", "--", "tank/a@s1"]]
    assert [line["phase"] for line in door.audit()][-2:] == ["intent", "done"]


@pytest.mark.parametrize(
    ("right", "owner", "args", "code", "said"),
    [
        (False, "nas-a\tlocal\n", {}, "refused", "was not given the right"),
        (True, "nas-b\tlocal\n", {}, "refused", "not a copy that nas-a made"),
        (True, "nas-a\tinherited from tank\n", {}, "refused", "not a copy that nas-a made"),
        (True, "nas-a\tlocal\nnas-a\tlocal\n", {}, "refused", "not a copy that nas-a made"),
        (True, "nas-a\tlocal\n", {"plan": "0" * 64}, "changed", "not what the dry run showed"),
        (True, "nas-a\tlocal\n", {"guid": "99"}, "changed", "not what you saw"),
        (True, "nas-a\tlocal\n", {"snapshot": "tank/a@gone"}, "changed", "gone"),
        (True, "nas-a\tlocal\n", {"peer": "nas"}, "refused", "not a copy that nas made"),
    ],
)
def test_nothing_is_rolled_back_otherwise(
    door: Door, right: bool, owner: str, args: dict[str, str], code: str, said: str
) -> None:
    prepared(door, right=right, owner=owner)
    wanted = {"snapshot": "tank/a@s1", "guid": "11", "peer": "nas-a", "plan": PLAN, **args}
    _, answer = door.ask("replica-rollback", **wanted)
    assert answer["error"]["code"] == code, answer
    assert said in answer["error"]["message"]
    assert acts(door, "rollback") == []


def test_a_rollback_that_left_something_newer_is_no_success(door: Door) -> None:
    prepared(door, right=True, after="tank/a@s1\t11\t1\ntank/a@mine\t12\t2\n")
    status, answer = door.ask("replica-rollback", snapshot="tank/a@s1", guid="11", peer="nas-a", plan=PLAN)
    assert status == 1
    assert "still has newer snapshots" in answer["error"]["message"]


def test_the_right_is_taken_away_with_a_new_pairing(door: Door) -> None:
    prepared(door, right=True)
    prepared(door, right=False)
    status, _ = door.ask("replica-rollback", snapshot="tank/a@s1", guid="11", peer="nas-a", plan=PLAN)
    assert status == 2
    (line,) = (door.root / "state/ssh-accept/authorized_keys").read_text().splitlines()
    assert "--may-rollback" not in line


TO = "tank/a-kept-2026"


def aside(door: Door, *answers: tuple[str, int, str, str], **args: str) -> tuple[int, str]:
    there = (
        *(("get -H -p -o value type", 0, "filesystem\n", ""), ("get -H -p -o value canmount", 0, "noauto\n", "")),
        *(guid("tank/a", "11"), ("list -H -o name -- tank/a", 1, "", "cannot open 'tank/a': dataset does not exist")),
    )
    door.answers(*answers, guid(TO, "11"), *there)
    wanted = {"dataset": "tank/a", "guid": "11", "to": TO, "kind": "filesystem", **args}
    status, answer = door.ask("dataset-set-aside", **wanted)
    return status, "" if status == 0 else str(answer["error"]["message"])


def test_a_copy_is_set_aside_and_read_back_under_its_new_name(door: Door) -> None:
    assert aside(door) == (0, "")
    assert acts(door, "rename") == [["rename", "-u", "--", "tank/a", TO]]
    marked = ("get -H -p -o source dplane:peer tank/a", 0, "local\n", "")
    assert aside(door, marked, ("list -H -p -r", 0, "yes\ttank/a\n", "")) == (0, ""), (
        "a peer's copy is known by its mark"
    )


def test_a_volume_that_is_no_peers_is_set_aside_too(door: Door) -> None:
    volume = (
        ("get -H -p -o value type", 0, "volume\n", ""), ("get -H -p -o value volmode", 0, "none\n", ""),
        # What zfs says when a volume is the top of a listing of file systems.
        ("list -H -p -r -t filesystem -o", 1, "", "cannot open 'tank/a': operation not applicable to datasets"),
        ("list -H -p -r -t filesystem,volume -o mounted", 0, "-\ttank/a\n", ""),
    )  # fmt: skip
    assert aside(door, *volume, kind="volume") == (0, "")


@pytest.mark.parametrize(
    ("answers", "args", "said", "renamed"),
    [
        ((), {"to": "tank/b-kept-1"}, "must be tank/a-kept-", 0),
        ((), {"to": "tank/a-kept-1/b"}, "must be tank/a-kept-", 0),
        ((), {"to": "tank/a-kept-"}, "must be tank/a-kept-", 0),
        ((), {"guid": "12"}, "not what you saw", 0),
        ((), {"kind": "volume"}, "not a volume", 0),
        ((("get -H -p -o value canmount", 0, "on\n", ""),), {}, "may be in use", 0),
        ((("list -H -p -r", 0, "no\ttank/a\nyes\ttank/a/b\n", ""),), {}, "tank/a/b is mounted", 0),
        ((guid(TO, "99"),), {}, "is not what was tank/a", 1),
        ((("list -H -o name -- tank/a", 0, "tank/a\n", ""),), {}, "still listed", 1),
    ],
)
def test_what_is_in_use_or_was_not_seen_is_not_set_aside(
    door: Door, answers: tuple[tuple[str, int, str, str], ...], args: dict[str, str], said: str, renamed: int
) -> None:
    status, message = aside(door, *answers, **args)
    assert status != 0
    assert said in message
    assert len(acts(door, "rename")) == renamed


def test_several_are_held_at_once_each_as_it_was_seen(door: Door) -> None:
    also = {"tank/a@s2": "12", "tank/b@s1": "21"}
    rows = "tank/a@s2\t12\ntank/b@s1\t21\n"
    door.answers(("get -H -p -o name,value guid tank/a@s2 tank/b@s1", 0, rows, ""), guid("tank/a@s1", "11"))
    args = {"snapshot": "tank/a@s1", "guid": "11", "tag": "dplane-r"}
    assert door.ask("hold-add", **args, also=also)[0] == 0
    assert door.ask("hold-release", **args, also=also)[0] == 0
    assert acts(door, "hold") == [["hold", "--", "dplane-r", "tank/a@s1", "tank/a@s2", "tank/b@s1"]]
    assert acts(door, "release") == [["release", "--", "dplane-r", "tank/a@s1", "tank/a@s2", "tank/b@s1"]]
    status, answer = door.ask("hold-add", **args, also={**also, "tank/b@s1": "22"})
    assert (status, answer["error"]["code"]) == (4, "changed")
    for broken in ({}, {"-r": "1"}, {"tank/a@s2": 12}, {f"tank/a@s{number}": "1" for number in range(HELD_LIMIT + 1)}):
        assert door.ask("hold-add", **args, also=broken)[0] == 2
    assert len(acts(door, "hold")) == 1


def test_many_are_held_side_by_side_and_one_that_fails_is_told(door: Door) -> None:
    also = {f"tank/a@t{number}": str(100 + number) for number in range(30)}
    rows = "".join(f"{name}\t{number}\n" for name, number in also.items())
    door.answers(("get -H -p -o name,value guid", 0, rows, ""), guid("tank/a@s1", "11"))
    args = {"snapshot": "tank/a@s1", "guid": "11", "tag": "dplane-r", "also": also}
    assert door.ask("hold-add", **args)[0] == 0
    started = acts(door, "hold")
    assert len(started) == 8
    assert all(words[:3] == ["hold", "--", "dplane-r"] for words in started)
    assert sorted(name for words in started for name in words[3:]) == sorted(["tank/a@s1", *also])
    door.answers(
        ("get -H -p -o name,value guid", 0, rows, ""), guid("tank/a@s1", "11"),
        ("release -- dplane-r tank/a@t1", 1, "", "cannot release: no such tag on this dataset"),
    )  # fmt: skip
    status, answer = door.ask("hold-release", **args)
    assert status != 0
    assert "no such tag" in answer["error"]["message"]
    assert len(acts(door, "release")) == 8
