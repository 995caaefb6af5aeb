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
        ({"mine": "12"}, "refused", "not a snapshot of ours"),
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
