"""Devices and guided repair against a box that is played: what is asked of the door, and what is believed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from dplane_tui.cli import run
from dplane_tui.errors import ChangedError, CommandError, MissingError, RefusedError
from dplane_tui.services.repair.service import RepairService
from dplane_tui.services.replication.model import Task, TaskStatus
from dplane_tui.services.zfs.model import Disk, Pool
from dplane_tui.services.zfs.requests import check_disk
from dplane_tui.services.zfs.vdevs import find_vdev
from tests.unit.test_zfs_service import PlayedBox

A, B, C = "101", "102", "103"


def disk(name: str, guid: str, state: str = "ONLINE", **more: Any) -> dict[str, Any]:
    """A disk as `zpool status -j` tells it."""
    path = f"/dev/disk/by-id/{name}-part1"
    return {"name": name, "vdev_type": "disk", "guid": int(guid), "state": state, "path": path, **more}


def mirror(*disks: dict[str, Any], state: str = "DEGRADED") -> dict[str, Any]:
    """The tree of a pool with one mirror."""
    inner = {one["name"]: one for one in disks}
    group = {"name": "mirror-0", "vdev_type": "mirror", "guid": 9, "state": state, "vdevs": inner}
    return {"tank": {"name": "tank", "vdev_type": "root", "guid": 7, "state": state, "vdevs": {"mirror-0": group}}}


@pytest.fixture
def box() -> PlayedBox:
    """A mirror of ata-a, and ata-gone, which is away; ata-b is free."""

    class Closing(PlayedBox):
        async def close(self) -> None:
            return None

    found = Closing()
    found.add_pool("tank", 7, state="DEGRADED", vdevs=mirror(disk("ata-a", A), disk("ata-gone", B, "REMOVED")))
    return found


def service(box: PlayedBox) -> RepairService:
    """The service on that box."""
    return RepairService(box)  # type: ignore[arg-type]  # it needs no `open`


def puts_in(box: PlayedBox, state: str = "ONLINE") -> None:
    """Let the door put ata-b in and tell its GUID."""
    box.answer = {"new_vdev": C, "state": state, "note": ""}
    box.does = lambda _request: box.pools["tank"].update(vdevs=mirror(disk("ata-a", A), disk("ata-b", C, state)))


async def test_the_advice_is_done_and_read_back(box: PlayedBox) -> None:
    advice = await service(box).advice("tank")
    assert (advice.act, [one.id for one in advice.fitting]) == ("replace", ["ata-b"])
    puts_in(box)
    done = await service(box).do(advice, "ata-b")
    assert done.good
    assert done.said == "ata-b is in tank now (ONLINE) and takes the place of ata-gone."
    assert box.requests == [{"verb": "vdev-replace", "pool": "tank", "guid": "7", "vdev": B, "new": "ata-b"}]


async def test_what_zfs_does_not_tell_of_is_no_success(box: PlayedBox) -> None:
    advice = await service(box).advice("tank")
    box.answer = {"new_vdev": C}
    with pytest.raises(ChangedError, match="no device with the GUID 103"):
        await service(box).do(advice, "ata-b")
    puts_in(box, "UNAVAIL")
    with pytest.raises(CommandError, match="was put into tank, but is UNAVAIL"):
        await service(box).do(advice, "ata-b")


async def test_only_a_disk_that_fits_is_taken(box: PlayedBox) -> None:
    advice = await service(box).advice("tank")
    for name in ("", "ata-a", "ata-nothing"):
        with pytest.raises(RefusedError):
            await service(box).do(advice, name)
    assert box.requests == []


async def test_an_advice_for_a_pool_that_is_another_now_does_nothing(box: PlayedBox) -> None:
    advice = await service(box).advice("tank")
    box.pools["tank"]["pool_guid"] = 8
    with pytest.raises(ChangedError, match="is gone"):
        await service(box).do(advice, "ata-b")
    assert box.requests == []


async def test_no_advice_for_a_pool_that_is_not_there(box: PlayedBox) -> None:
    with pytest.raises(MissingError):
        await service(box).advice("nope")


async def test_online_offline_detach_are_believed_when_zfs_tells_of_them(box: PlayedBox) -> None:
    zfs = service(box)
    pool = await zfs.whole("tank")
    gone, there = find_vdev(pool, "ata-gone"), find_vdev(pool, "ata-a")
    with pytest.raises(CommandError, match="ata-gone is REMOVED"):
        await zfs.online(pool, gone)
    with pytest.raises(CommandError, match="ata-a is ONLINE"):
        await zfs.offline(pool, there)
    with pytest.raises(CommandError, match="is still in tank"):
        await zfs.detach(pool, gone)
    box.pools["tank"]["vdevs"] = mirror(disk("ata-a", A, "OFFLINE"), disk("ata-gone", B))
    assert (await zfs.online(pool, gone, expand=True)).state == "ONLINE"
    assert box.requests[-1] == {"verb": "vdev-online", "pool": "tank", "guid": "7", "vdev": B, "expand": True}
    assert (await zfs.offline(pool, there)).state == "OFFLINE"
    box.pools["tank"]["vdevs"] = mirror(disk("ata-a", A))
    assert (await zfs.detach(pool, gone)).name == "tank"


def test_a_disk_that_is_used_right_now_is_never_taken() -> None:
    disks = [
        Disk("ata-root", "sda", 9, in_use="system disk (mounted on /)"),
        Disk("ata-mounted", "sdb", 9, in_use="mounted on /srv"),
        Disk("ata-tank", "sdc", 9, in_use="member of pool tank"),
        Disk("ata-old", "sdd", 9, in_use="member of pool old, which is not imported"),
        Disk("ata-parts", "sde", 9, in_use="has partitions"),
    ]
    for name in ("ata-root", "ata-mounted", "ata-tank"):
        for force in (False, True):
            with pytest.raises(RefusedError, match="is in use"):
                check_disk(name, disks, force)
    for name in ("ata-old", "ata-parts"):
        assert check_disk(name, disks, True).id == name
        with pytest.raises(RefusedError, match="or force it"):
            check_disk(name, disks)


async def test_vdev_guids_of_older_zfs_are_asked_for(box: PlayedBox) -> None:
    def status(*names: str) -> str:
        rows = "".join(
            f"\t    {name}  {state}  0  0  0  0\n" for name, state in zip(names, ("ONLINE", "REMOVED"), strict=True)
        )
        head = "  pool: tank\n state: DEGRADED\nconfig:\n\n\tNAME  STATE  READ WRITE CKSUM  SLOW\n"
        tree = f"\ttank  DEGRADED  0  0  0  0\n\t  mirror-0  DEGRADED  0  0  0  0\n{rows}"
        return f"{head}{tree}\nerrors: No known data errors\n"

    texts = {
        "-ps": status("ata-a", "ata-gone"),
        "-gps": status(A, B).replace("mirror-0", "9"),
        "-Pps": status("/dev/disk/by-id/ata-a-part1", "/dev/disk/by-id/ata-gone-part1"),
    }
    box.version = "zfs-2.1.11-1\nzfs-kmod-2.1.11-1\n"
    told = box._output
    box._output = lambda words: texts[words[4]] if "status" in words else told(words)  # type: ignore[method-assign]
    pool = await service(box).whole("tank")
    assert [(leaf.name, leaf.guid, leaf.path) for leaf in pool.leaves()] == [
        ("ata-a", A, "/dev/disk/by-id/ata-a-part1"),
        ("ata-gone", B, "/dev/disk/by-id/ata-gone-part1"),
    ]
    assert pool.vdevs[0].guid == "9"

    wrong = [texts["-gps"].replace("  mirror-0", "  x").replace("  9", "  x").split("\t    ")[0] + "\nerrors: none\n"]
    box._output = lambda words: (  # type: ignore[method-assign]  # the tree changes between two listings, once
        (wrong.pop() if "-gps" in words and wrong else texts[words[4]]) if "status" in words else told(words)
    )
    assert (await service(box).whole("tank")).vdevs == pool.vdevs
    assert not wrong


# -- the commands --------------------------------------------------------------------------------------------------


class Cli:
    """The command line on that box."""

    def __init__(self, box: PlayedBox, capsys: pytest.CaptureFixture[str]) -> None:
        self.box = box
        self._capsys = capsys

    def __call__(self, *words: str) -> tuple[int, str, str]:
        status = run(list(words))
        out, err = self._capsys.readouterr()
        return status, out, err

    def json(self, *words: str) -> tuple[int, Any]:
        """Exit code and the object that `--json` prints."""
        status, out, _ = self(*words, "--json")
        return status, json.loads(out)


@pytest.fixture
def cli(box: PlayedBox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """`dplane` on the box."""
    monkeypatch.setattr("dplane_tui.cli.main.connect", lambda _name: box)
    return Cli(box, capsys)


def test_repair_tells_and_does(cli: Cli) -> None:
    status, out, _ = cli("pool", "repair", "tank", "--read-only")
    assert status == 3
    assert "ata-gone is away" in out
    assert "Disk: ata-gone" in out
    assert "free: ata-b" in out
    assert "`dplane pool repair tank --do` does it." in out
    assert cli.box.requests == []
    assert cli("pool", "repair", "tank", "--do", "--read-only")[0] == 5
    status, _, err = cli("pool", "repair", "tank", "--do")
    assert (status, "everything on ata-b is overwritten" in err) == (2, True)  # nobody to ask
    assert cli("pool", "repair", "tank", "--do", "--confirm", "ata-gone")[0] == 4
    assert cli.box.requests == []
    puts_in(cli.box)
    status, answer = cli.json("pool", "repair", "tank", "--do", "--confirm", "ata-b")
    assert (status, answer["data"]["done"].split(" ")[0]) == (0, "ata-b")
    assert [request["verb"] for request in cli.box.requests] == ["vdev-replace"]


def test_repair_takes_no_disk_out_without_its_name(cli: Cli) -> None:
    inner = {one["name"]: one for one in (disk("ata-x", B, "FAULTED"), disk("ata-s", C))}
    spare = {"name": "spare-0", "vdev_type": "spare", "guid": 8, "state": "DEGRADED", "vdevs": inner}
    cli.box.pools["tank"]["vdevs"] = mirror(disk("ata-a", A), spare)
    cli.box.pools["tank"]["vdevs"]["tank"]["vdevs"]["mirror-0"]["vdevs"]["ata-b"] = disk("ata-b", "104")
    status, _, err = cli("pool", "repair", "tank", "--do")
    assert (status, "take ata-x out of tank for good" in err) == (2, True)
    assert cli("pool", "repair", "tank", "--do", "--confirm", "ata-s")[0] == 4
    assert cli.box.requests == []
    cli.box.does = lambda _request: cli.box.pools["tank"].update(vdevs=mirror(disk("ata-a", A), disk("ata-s", C)))
    assert cli("pool", "repair", "tank", "--do", "--confirm", "ata-x")[0] == 0
    assert cli.box.requests == [{"verb": "vdev-detach", "pool": "tank", "guid": "7", "vdev": B}]


def test_a_clear_that_mends_nothing_is_no_success(cli: Cli) -> None:
    cli.box.pools["tank"]["vdevs"] = mirror(disk("ata-x", A), disk("ata-b", B, "FAULTED"))
    cli.box._output = _nothing_free(cli.box)  # type: ignore[assignment, method-assign]
    status, answer = cli.json("pool", "repair", "tank", "--do")
    assert (status, answer["ok"], answer["data"]["done"]) == (
        3, False, "The errors were cleared; tank still is DEGRADED.",
    )  # fmt: skip
    cli.box.does = lambda _request: cli.box.pools["tank"].update(
        state="ONLINE", vdevs=mirror(disk("ata-x", A), disk("ata-b", B), state="ONLINE")
    )
    assert cli("pool", "repair", "tank", "--do")[:2] == (0, "The errors were cleared; tank is ONLINE.\n")


def _nothing_free(box: PlayedBox) -> Callable[[list[str]], str]:
    told = box._output
    return lambda words: '{"blockdevices": []}' if words[0] == "lsblk" else told(words)


def test_repair_wants_a_choice_where_there_is_one(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    cli.box.pools["tank"]["vdevs"] = mirror(disk("ata-x", A), disk("ata-gone", B, "REMOVED"))
    status, _, err = cli("pool", "repair", "tank", "--do")
    assert status == 2
    assert "2 disks could take the place. Choose: --with ata-a or ata-b." in err
    assert cli.box.requests == []


def test_a_healthy_pool_needs_no_repair(cli: Cli) -> None:
    cli.box.pools["tank"].update(state="ONLINE", vdevs=mirror(disk("ata-a", A), state="ONLINE"))
    assert cli("pool", "repair", "tank")[:2] == (0, "Nothing is wrong with tank.\n")
    assert cli("pool", "repair", "tank", "--do")[0] == 4


def test_dry_runs_say_what_and_do_nothing(cli: Cli) -> None:
    for words in (
        ("online", "tank", "ata-gone"),
        ("offline", "tank", "ata-a"),
        ("detach", "tank", "ata-gone"),
        ("replace", "tank", "ata-gone", "ata-b"),
        ("attach", "tank", "ata-a", "ata-b"),
    ):
        status, out, _ = cli("pool", *words, "--dry-run", "--read-only")
        assert status == 0, words
        assert out.startswith("Would ")
        assert "GUID 10" in out
    assert cli.box.requests == []


def test_a_disk_in_use_and_a_device_that_is_none_are_refused_before_anything(cli: Cli) -> None:
    status, _, err = cli("pool", "replace", "tank", "ata-gone", "ata-a")
    assert status == 4
    assert "is in use: member of pool tank" in err
    assert cli("pool", "replace", "tank", "ata-gone", "ata-a", "--force")[0] == 4
    assert cli("pool", "replace", "tank", "ata-gone", "ata-nothing")[0] == 4
    assert cli("pool", "replace", "tank", "ata-never", "ata-b")[0] == 6
    assert cli.box.requests == []


def test_taking_a_copy_away_needs_the_disks_name(cli: Cli) -> None:
    status, _, err = cli("pool", "detach", "tank", "ata-gone", "--confirm", "tank")
    assert status == 4
    assert "so nothing was done" in err
    assert cli.box.requests == []
    cli.box.does = lambda _request: cli.box.pools["tank"].update(vdevs=mirror(disk("ata-a", A)))
    assert cli("pool", "detach", "tank", "ata-gone", "--confirm", "ata-gone")[0] == 0
    assert cli.box.requests == [{"verb": "vdev-detach", "pool": "tank", "guid": "7", "vdev": B}]


def test_overwriting_a_disk_needs_force_and_its_name(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    lsblk = json.loads(cli.box._output(["lsblk"]))
    lsblk["blockdevices"][1]["fstype"] = "ext4"
    told = cli.box._output
    monkeypatch.setattr(cli.box, "_output", lambda words: json.dumps(lsblk) if words[0] == "lsblk" else told(words))
    words = ("pool", "replace", "tank", "ata-gone", "ata-b")
    assert cli(*words)[0] == 4
    assert cli(*words, "--force")[0] == 2  # nobody to ask
    status, _, err = cli(*words, "--force", "--confirm", "ata-gone")
    assert (status, cli.box.requests) == (4, [])
    assert "is not ata-b" in err
    puts_in(cli.box)
    assert cli(*words, "--force", "--confirm", "ata-b")[0] == 0
    assert cli.box.requests[0]["force"] is True


def test_damaged_files_are_listed_cleaned_with_what_is_known(cli: Cli) -> None:
    cli.box.pools["tank"].update(state="ONLINE", vdevs=mirror(disk("ata-a", A), state="ONLINE"), error_count=1)
    listing = "errors: Permanent errors have been detected in the following files:\n\n        /tank/a/evil\x1b[2J\n"
    cli.box.answer = {"stdout": listing}
    cli.box.datasets = ["tank/a\tfilesystem\t77\t1\t1\t1\t1\tyes\toff\t-\t-\t-\t-\ton\toff\t0\t-\t/tank/a\ttank/a"]
    cli.box.snapshots = ["tank/a@x\t5\t10\t1\t1\t1"]
    cli.box.fails["/usr/local/bin/dplane"] = "not found"
    status, out, _ = cli("pool", "repair", "tank")
    assert status == 3
    assert "/tank/a/evil\ufffd[2J" in out
    assert "\x1b" not in out
    assert "May be good in @x" in out
    assert "Copies elsewhere are not known" in out
    assert "start a scrub" in out


async def test_a_copy_is_named_only_when_something_was_proven_there(
    box: PlayedBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    proven = Task("home", "tank/a", "nas-b", "backup/a")
    never = Task("never", "tank/a", None, "vault/a")

    async def states(_host: object) -> tuple[TaskStatus, ...]:
        return (
            TaskStatus(proven, verified_at=time.time() - 3600, fresh_at=1.0, datasets=("tank/a",), guids=("7",)),
            TaskStatus(never),
        )

    monkeypatch.setattr("dplane_tui.services.replication.glance.task_states", states)
    found = await service(box)._copies(["tank/a", "tank/b"], {"tank/a": "7", "tank/b": "8"})
    assert found == {"tank/a": ["the copy nas-b:backup/a (task home), proven 1h ago"], "tank/b": []}
    assert await service(box)._copies(["tank/a"], {"tank/a": "9"}) == {"tank/a": []}, (
        "that copy is of the one before it"
    )


def test_who_may_not_read_the_names_still_gets_the_advice(box: PlayedBox, cli: Cli) -> None:
    box.pools["tank"].update(state="ONLINE", vdevs=mirror(disk("ata-a", A), state="ONLINE"), error_count=2)
    box.does = lambda _request: (_ for _ in ()).throw(RefusedError("No role."))
    status, out, _ = cli("pool", "repair", "tank")
    assert status == 3
    assert "Which ones is not known: No role." in out


async def test_a_pool_that_is_whole_is_not_asked_twice(box: PlayedBox) -> None:
    await service(box).whole("tank")
    assert sum("status" in words for words in box.ran) == 1
    assert await service(box)._with_ids(Pool("x", "1", "SUSPENDED")) == Pool("x", "1", "SUSPENDED")


def test_a_light_is_on_when_the_enclosure_says_so(cli: Cli) -> None:
    cli.box.answer = {"slot": "Slot 05", "on": True}
    assert cli("pool", "locate", "ata-a")[:2] == (0, "The light at Slot 05 is on.\n")
    assert cli.box.requests == [{"verb": "disk-locate", "disk": "ata-a", "on": True}]
    assert cli("pool", "locate", "ata-a", "off")[0] == 1
    assert cli("pool", "locate", "../x")[0] == 4
