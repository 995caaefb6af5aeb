"""Moving in: what syncoid, sanoid, zrepl, bzfs and others began is gone on with, and nothing of theirs is destroyed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dplane_tui.cli.peer_adopt import tell
from dplane_tui.errors import CommandError, MissingError, RefusedError
from dplane_tui.services.door import Door as DoorClient
from dplane_tui.services.host import LocalHost, Output
from dplane_tui.services.replication import adopt
from dplane_tui.services.replication.model import Options, Task
from dplane_tui.services.replication.plan import make_plan
from dplane_tui.services.replication.read import Dataset, Point, Side

from .privhelper_door import GUID, Door
from .replication_world.world import World
from .replication_world.zfs_model import new_dataset, state_of
from .test_agent import Far, far  # noqa: F401 (a fixture)
from .test_replication_plan import Zfs

TASK = Task("photos", "tank/photos", "nas-b", "vault/photos")
THEIRS = {
    "syncoid": ("syncoid_nas-a_2026-11-2{}:03:00:01-GMT00:00", "syncoid_nas-a_2026-11-2{}:03:00:01"),
    "sanoid": ("autosnap_2026-11-2{}_00:00:01_daily", "autosnap_2026-11-2{}_00:00:01_daily"),
    "zrepl": ("zrepl_2026112{}_000000_000", "zrepl_CURSOR_G_abc_J_push_2026112{}"),
    "bzfs": ("bzfs_2026-11-2{}_00:00:00_daily", "bzfs_2026-11-2{}_00:00:00_daily"),
    "zfs-autobackup": ("offsite1-202611{}000000", "offsite1-202611{}"),
    "zettarepl": ("auto-2026-11-2{}_00-00", "auto-2026-11-2{}_00-00"),
}


def side(name: str, snapshots: Sequence[Point], marks: Sequence[Point] = ()) -> Side:
    properties = {"type": "filesystem", "written": "0", "referenced": "9", "encryptionroot": "-"}
    return {name: Dataset(name, properties, tuple(snapshots), tuple(marks))}


def points(pattern: str, *numbers: int) -> list[Point]:
    return [Point(pattern.format(number), str(1000 + number), 10 * number) for number in numbers]


@pytest.mark.parametrize("tool", sorted(THEIRS))
def test_their_snapshots_are_a_base_and_stay(tool: str) -> None:
    snap, _ = THEIRS[tool]
    here, there = side("tank/photos", points(snap, 1, 2, 3)), side("vault/photos", points(snap, 1, 2))
    plan = make_plan(TASK, here, there, "dplane-new")
    assert not plan.conflicts
    assert not plan.aborts
    [step] = plan.steps
    assert (step.kind, step.base, step.base_guid) == ("incremental", f"@{snap.format(2)}", "1002")
    assert (step.snapshot, step.intermediates) == ("dplane-new", True)
    only = make_plan(replace(TASK, snapshot=False, options=Options(intermediates=False)), here, there, None)
    assert [(step.base, step.snapshot) for step in only.steps] == [(f"@{snap.format(2)}", snap.format(3))]


@pytest.mark.parametrize("tool", sorted(THEIRS))
def test_their_bookmarks_are_a_base_when_the_snapshot_is_gone(tool: str) -> None:
    snap, mark = THEIRS[tool]
    here = side("tank/photos", points(snap, 3, 4), points(mark, 2))
    plan = make_plan(TASK, here, side("vault/photos", points(snap, 1, 2)), None)
    assert not plan.conflicts
    assert [(step.base, step.snapshot) for step in plan.steps] == [
        (f"#{mark.format(2)}", snap.format(3)), (f"@{snap.format(3)}", snap.format(4)),
    ]  # fmt: skip


async def test_a_target_that_syncoid_began_is_gone_on_with_after_it_was_adopted(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        name = "syncoid_near_2026-11-20:03:00:01-GMT00:00"
        with world.edit("near") as near, world.edit("far") as other:
            snap = {"name": name, "guid": "77", "txg": 5, "size": 1000, "created": 1}
            near["txg"] = 10
            near["datasets"]["tank/photos"]["snaps"].append(snap)
            near["datasets"]["tank/photos"]["marks"].append({"name": "zrepl_CURSOR_G_1_J_x", "guid": "77", "txg": 5})
            other["datasets"]["vault/backup"] = new_dataset()
            other["datasets"]["vault/backup/photos"] = {**new_dataset(), "snaps": [{**snap, "txg": 3}]}
        refused = await world.run()
        assert (refused.state, refused.error_code) == ("failed", "refused")
        assert "was not made by this peer" in refused.message
        with world.edit("far") as other:  # what the verb peer-adopt sets
            other["datasets"]["vault/backup/photos"]["props"].update({"dplane:peer": "near-box", "readonly": "on"})
        run = await world.run()
        assert run.state == "succeeded", run.message
        assert run.evidence[0].base == f"@{name}"
        for box, dataset in (("near", "tank/photos"), ("far", "vault/backup/photos")):
            assert world.points(box, dataset)[0] == (name, "77"), "theirs stays"
        assert any(mark["name"] == "zrepl_CURSOR_G_1_J_x" for mark in world.datasets("near")["tank/photos"]["marks"])


def test_the_agent_opens_what_was_adopted_with_what_is_below(far: Far) -> None:  # noqa: F811
    read = {"op": "read", "dataset": "vault/nobody"}
    assert far.ask(read)["ok"] is False
    with state_of(far.path / "far") as state:
        state["datasets"]["vault/nobody"]["props"]["dplane:peer"] = "box-a"
        state["datasets"]["vault/nobody/below"] = new_dataset()
        state["datasets"]["vault/nobody/below"]["props"]["dplane:peer"] = "box-a"
        state["datasets"]["vault/nobody/mine"] = new_dataset()
    assert far.ask(read)["ok"] is True
    assert far.ask({**read, "dataset": "vault/nobody/below"})["ok"] is True
    assert far.ask({**read, "dataset": "vault/nobody/mine"})["ok"] is False, "made below by the owner, later"
    assert far.ask(read, peer="box-b")["ok"] is False


ADOPT = {"verb": "peer-adopt", "peer": "near-box", "dataset": "vault/old", "guid": GUID}
GET, LIST = "get -H -p -o value", "list -H -p -r -t filesystem,volume"
WHOSE = "get -H -p -r -t filesystem,volume -o name,value,source dplane:peer"
BACK = "get -H -p -r -t filesystem,volume -o value,source"


@pytest.mark.skipif(os.getuid() != 0, reason="sudo sets the caller; as root the helper is an administrator")
@pytest.mark.parametrize(
    ("owner", "mounts", "marks", "status", "said"),
    [
        ("-", "no\tnone\nyes\t/vault/old\n", "near-box\tlocal\n" * 2, 0, ""),
        (
            "-",
            "no\tnone\n",
            "near-box\tlocal\nnear-box\tinherited from vault/old\n",
            1,
            "does not have dplane:peer",
        ),
        ("near-box", "", "-\t-\n", 1, "does not have dplane:peer"),
        ("other-box", "", "", 2, "a copy of another peer"),
        ("-", "yes\t/\n", "", 2, "in a place of the system"),
        ("-", "yes\t/vault/old\nyes\t/usr\n", "", 2, "in a place of the system"),
    ],
)
def test_the_door_marks_only_what_is_nobodys_each_dataset_of_it_and_reads_it_back(
    door: Door, owner: str, mounts: str, marks: str, status: int, said: str
) -> None:
    door.answers(
        (WHOSE, 0, f"vault/old\t{owner}\t{'-' if owner == '-' else 'local'}\n", ""),
        (f"{GET} guid", 0, f"{GUID}\n", ""),
        (f"{BACK} dplane:peer", 0, marks, ""), (f"{BACK} readonly", 0, "on\tlocal\n" * 2, ""),
        (BACK, 0, "off\tlocal\n-\t-\n", ""), (f"{LIST} ", 0, mounts, ""),
        ("list -H -r -t filesystem,volume", 0, "vault/old\tfilesystem\nvault/old/a\tvolume\n", ""),
    )  # fmt: skip
    code, answer = door.ask(**ADOPT)
    assert code == status
    assert said in answer.get("error", {}).get("message", "")
    acts = [call["argv"][1:] for call in door.started() if call["argv"][1] == "set"]
    wanted = ["set", "readonly=on", "dplane:peer=near-box", "vault/old", "vault/old/a"]
    harmless = ["set", "setuid=off", "devices=off", "exec=off", "vault/old"]
    assert acts == ([wanted, harmless] if status < 2 else [])


@pytest.mark.skipif(os.getuid() != 0, reason="sudo sets the caller; as root the helper is an administrator")
@pytest.mark.parametrize(
    ("whose", "former", "status", "said"),
    [
        ("vault/old\t-\t-\nvault/old/a\tother-box\tlocal\n", "", 2, "a is a copy of another peer already: other-box"),
        ("vault/old\t-\t-\nvault/old/a\tother-box\treceived\n", "", 2, "vault/old/a is a copy of another"),
        ("vault/old\t-\t-\nvault/old/a\tother-box\tlocal\n", "third-box", 2, "vault/old/a is a copy of another"),
        ("vault/old\t-\t-\nvault/old/a\tx\ny\tlocal\n", "y", 2, "makes no sense"),
        ("vault/old\tother-box\tlocal\nvault/old/a\tother-box\tinherited from vault/old\n", "other-box", 0, ""),
        ("vault/old\t-\t-\nvault/old/a\tnear-box\tlocal\n", "", 0, ""),
    ],
)  # fmt: skip
def test_another_peers_copy_below_is_taken_only_from_a_peer_that_was_named(
    door: Door, whose: str, former: str, status: int, said: str
) -> None:
    door.answers(
        (WHOSE, 0, whose, ""), (f"{GET} guid", 0, f"{GUID}\n", ""),
        (f"{BACK} dplane:peer", 0, "near-box\tlocal\n" * 2, ""),
        (f"{BACK} readonly", 0, "on\tlocal\n" * 2, ""), (BACK, 0, "off\tlocal\n-\t-\n", ""),
        (f"{LIST} ", 0, "no\tnone\n" * 2, ""),
        ("list -H -r -t filesystem,volume", 0, "vault/old\tfilesystem\nvault/old/a\tvolume\n", ""),
    )  # fmt: skip
    code, answer = door.ask(**ADOPT, **({"former": former} if former else {}))
    assert code == status
    assert said in answer.get("error", {}).get("message", "")
    assert any(call["argv"][1] == "set" for call in door.started()) == (status == 0)


async def test_whose_copies_lie_below_is_told_before(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Here()
    host.owner_below = "other-box"
    seen = await adopt.look(host, "near-box", "vault/old")
    assert seen.refused == (("vault/old/b", "other-box"),)
    assert "vault/old/b belongs to the peer other-box: that is refused." in tell(seen)
    assert "`dplane peer adopt near-box vault/old --from other-box`" in tell(seen)
    named = await adopt.look(host, "near-box", "vault/old", "other-box")
    assert named.refused == ()
    assert "vault/old/b belong(s) to the peer other-box and is taken from it" in tell(named)
    asked: list[dict[str, Any]] = []

    async def call(_self: DoorClient, verb: str, **args: Any) -> dict[str, Any]:
        asked.append({"verb": verb, **args})
        host.owner = "near-box"
        return {"ok": True}

    monkeypatch.setattr(DoorClient, "call", call)
    with pytest.raises(CommandError, match="does not list it"):  # what is below is still the other's
        await adopt.adopt(host, named)
    host.owner_below = "near-box"
    assert (await adopt.adopt(host, named)).owner == "near-box"
    assert asked[0]["former"] == "other-box"
    with pytest.raises(RefusedError):
        await adopt.look(host, "near-box", "vault/old", "../x")


async def test_a_mark_below_that_speaks_for_another_dataset_keeps_nothing_from_being_seen() -> None:
    """It is another's copy, whatever it says, and so that is refused; what the other is, its own row says."""
    forged = "x\tlocal\nvault/old/c\tguid\t9\t-\nvault/old/c\tdplane:peer\tnear-box"
    there = {
        "vault/old": {"guid": "7"},
        "vault/old/b": {"dplane:peer": forged},
        "vault/old/c": {"dplane:peer": "other"},
    }
    host = Here()
    host.run = Zfs(there).run  # type: ignore[method-assign, assignment]  # it runs no program
    seen = await adopt.look(host, "near-box", "vault/old")
    assert (seen.guid, seen.below) == ("7", ("vault/old/b", "vault/old/c"))
    assert [name for name, _ in seen.refused] == ["vault/old/b", "vault/old/c"]
    assert dict(seen.refused)["vault/old/c"] == "other"


class Here(LocalHost):
    """A box with one accepted peer and a dataset."""

    def __init__(self) -> None:
        super().__init__()
        self.owner = "-"
        self.owner_below: str | None = None
        self.guid = "7"
        self.keys = 'restrict,command="x agent --peer near-box" ssh-ed25519 AAAA dplane:near-box\n'

    async def read_files(self, patterns: Sequence[str]) -> dict[str, str]:
        assert patterns == [adopt.ACCEPTED]
        return {adopt.ACCEPTED: self.keys}

    async def run(self, argv: Sequence[str], **_more: Any) -> Output:
        if argv[-1] != "vault/old":
            return Output(1, b"", b"cannot open: dataset does not exist")
        if argv[1] == "list":
            return Output(0, b"vault/old@syncoid_x\t5\t9\nvault/old/b@syncoid_x\t6\t9\n", b"")
        rows = []
        for name, guid in (("vault/old", self.guid), ("vault/old/b", "8")):
            owner = self.owner if name == "vault/old" or self.owner_below is None else self.owner_below
            for key, value in (("guid", guid), ("written", "4096"), ("mounted", "yes"), ("dplane:peer", owner)):
                source = "local" if key == "dplane:peer" and value != "-" else "-"
                rows.append(f"{name}\t{key}\t{value}\t{source}\n")
        return Output(0, "".join(rows).encode(), b"")


async def test_an_adoption_is_seen_first_and_read_back(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Here()
    asked: list[dict[str, Any]] = []

    async def call(_self: DoorClient, verb: str, **args: Any) -> dict[str, Any]:
        asked.append({"verb": verb, **args})
        host.owner = "near-box" if len(asked) > 1 else "-"
        return {"ok": True}

    monkeypatch.setattr(DoorClient, "call", call)
    seen = await adopt.look(host, "near-box", "vault/old")
    shown = tell(seen)
    for words in ("the 1 dataset(s) below it", "2 snapshot(s)", "@syncoid_x", "4.00K were written", "Mounted now"):
        assert words in shown
    assert asked == []
    with pytest.raises(CommandError, match="does not list it"):
        await adopt.adopt(host, seen)
    after = await adopt.adopt(host, seen)
    assert after.owner == "near-box"
    assert asked[0] == {"verb": "peer-adopt", "peer": "near-box", "dataset": "vault/old", "guid": "7"}
    with pytest.raises(MissingError, match="No box is let in here as the peer nobody"):
        await adopt.look(host, "nobody", "vault/old")
    with pytest.raises(MissingError, match="There is no dataset"):
        await adopt.look(host, "near-box", "vault/none")
    with pytest.raises(RefusedError):
        await adopt.look(host, "near-box", "-r")
