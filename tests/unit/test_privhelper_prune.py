"""Pruning: our own snapshots only, each the one that was chosen, never the newest, and read back."""

from __future__ import annotations

from pathlib import Path

import pytest

from .privhelper_door import Door

LIST = "list -H -p -d 1 -t snapshot -o name,guid,createtxg -- tank/a"
ROWS = "tank/a@dplane-1\t11\t1\ntank/a@mine\t12\t2\ntank/a@dplane-3\t13\t3\ntank/a@dplane-4\t14\t4\n"


@pytest.fixture
def door(tmp_path: Path) -> Door:
    made = Door(tmp_path)
    made.answers((LIST, 0, ROWS, ""))
    return made


def destroyed(door: Door) -> list[list[str]]:
    return [call["argv"][1:] for call in door.started() if call["argv"][1] == "destroy"]


def test_what_zfs_still_lists_was_not_destroyed(door: Door) -> None:
    status, answer = door.ask("snapshot-prune", dataset="tank/a", snapshots={"dplane-1": "11", "dplane-3": "13"})
    assert destroyed(door) == [["destroy", "--", "tank/a@dplane-1,dplane-3"]]
    assert status == 1
    assert "still listed" in answer["error"]["message"]
    assert [line["phase"] for line in door.audit()] == ["intent", "done"]


def test_what_is_gone_is_told_as_it_was_read_back(door: Door) -> None:
    left = "tank/a@dplane-3\\t13\\t3\\n"
    (door.root / "zfs").write_text(
        f"""#!/bin/sh
if [ "$1" = destroy ]; then touch {door.root}/gone; echo "$*" > {door.root}/said; exit 0; fi
if [ -e {door.root}/gone ]; then printf '{left}'; else printf 'tank/a@dplane-1\\t11\\t1\\n{left}'; fi
"""
    )
    status, answer = door.ask("snapshot-prune", dataset="tank/a", snapshots={"dplane-1": "11"})
    assert (status, answer["destroyed"]) == (0, ["dplane-1"]), answer
    assert (door.root / "said").read_text() == "destroy -- tank/a@dplane-1\n"


@pytest.mark.parametrize(
    ("snapshots", "code", "said"),
    [
        ({"dplane-4": "14"}, "refused", "newest"),
        ({"dplane-1": "99"}, "changed", "not what you saw"),
        ({"dplane-2": "11"}, "changed", "gone"),
        ({"mine": "12"}, "refused", "no snapshot of ours"),
        ({"dplane-1,mine": "11"}, "refused", "not allowed"),
        ({"dplane-1%dplane-3": "11"}, "refused", "not allowed"),
        ({"dplane-1": 11}, "refused", "GUID"),
        ({}, "refused", "1 to 100"),
        ({f"dplane-{number}": "11" for number in range(101)}, "refused", "1 to 100"),
        (["dplane-1"], "refused", "object"),
    ],
)
def test_nothing_is_destroyed_that_must_stay(door: Door, snapshots: object, code: str, said: str) -> None:
    _, answer = door.ask("snapshot-prune", dataset="tank/a", snapshots=snapshots)
    assert answer["error"]["code"] == code
    assert said in answer["error"]["message"]
    assert destroyed(door) == []


MARK = "get -H -p -o value,source dplane:may-prune"


def marked(door: Door, *said: tuple[str, str]) -> None:
    door.answers((LIST, 0, ROWS, ""), *((f"{MARK} {name}", 0, told, "") for name, told in said))


@pytest.mark.parametrize(
    "said", [[("tank/a", "min,old_\tlocal\n")], [("tank/a", "min\tinherited from tank\n"), ("tank", "min\tlocal\n")]]
)
def test_what_an_administrator_named_may_go_as_well(door: Door, said: list[tuple[str, str]]) -> None:
    marked(door, *said)
    door.ask("snapshot-prune", dataset="tank/a", snapshots={"dplane-1": "11", "mine": "12"})
    assert destroyed(door) == [["destroy", "--", "tank/a@dplane-1,mine"]]


@pytest.mark.parametrize(
    "said",
    [
        [("tank/a", "min\treceived\n")],
        [("tank/a", "min\tinherited from tank\n"), ("tank", "min\treceived\n")],
        [("tank/a", "min\tinherited from other\n"), ("other", "min\tlocal\n")],
        [("tank/a", "mi\tlocal\n")],
        [("tank/a", "min\nx\tlocal\n")],
        [("tank/a", "none\tlocal\n")],
        [("tank/a", "other_\tlocal\n")],
    ],
)
def test_what_a_stream_brought_or_nobody_named_stays(door: Door, said: list[tuple[str, str]]) -> None:
    marked(door, *said)
    _, answer = door.ask("snapshot-prune", dataset="tank/a", snapshots={"dplane-1": "11", "mine": "12"})
    assert answer["error"]["code"] == "refused"
    assert "tank/a@mine is no snapshot of ours" in answer["error"]["message"]
    assert destroyed(door) == []


def test_no_snapshot_gets_a_name_that_may_go(door: Door) -> None:
    guid = ("get -H -p -o value guid tank/a@mine", 0, "12\n", "")
    door.answers(guid, (f"{MARK} tank/a", 0, "autosnap_\tlocal\n", ""))
    _, answer = door.ask("snapshot-rename", snapshot="tank/a@mine", guid="12", to="tank/a@autosnap_1")
    assert answer["error"]["code"] == "refused"
    assert "dplane:may-prune lets retention destroy" in answer["error"]["message"]
    door.ask("snapshot-rename", snapshot="tank/a@mine", guid="12", to="tank/a@yours")
    renames = [call["argv"][1:] for call in door.started() if call["argv"][1] == "rename"]
    assert renames == [["rename", "--", "tank/a@mine", "tank/a@yours"]]
