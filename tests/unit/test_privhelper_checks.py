"""What is looked at right before an act, and read back after it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from privhelper import checks, readback, trees
from privhelper.failure import Failure
from privhelper.programs import Output
from privhelper.verbs import BY_NAME

from .privhelper_door import GUID, Door

GET = "get -H -p -o value"


def test_a_guid_that_changed_and_an_object_that_is_gone(door: Door) -> None:
    door.answers(("get", 0, "999\n", ""))
    status, answer = door.ask("pool-destroy", pool="tank", guid=GUID)
    assert (status, answer["error"]["code"]) == (4, "changed")
    assert "999" in answer["error"]["message"]
    door.answers(("get", 1, "", "cannot open 'tank': no such pool\n"))
    assert door.ask("pool-destroy", pool="tank", guid=GUID)[0] == 4
    door.answers(("get", 1, "", "cannot open 'tank/a': dataset does not exist\n"))
    assert door.ask("dataset-destroy", dataset="tank/a", guid=GUID)[0] == 4
    assert not any(start["argv"][1] == "destroy" for start in door.started())
    assert [line["code"] for line in door.audit() if line["phase"] == "done"] == [4, 4, 4]


def test_a_recursive_destroy_is_bound_to_what_its_dry_run_showed(door: Door) -> None:
    tree = f"tank/a\t{GUID}\ntank/a@x\t2\ntank/a/b\t3\n"
    door.answers(("get", 0, GUID + "\n", ""), ("list", 0, tree, ""))
    wanted = {"dataset": "tank/a", "guid": GUID, "recursive": True}
    status, answer = door.ask("dataset-destroy", **wanted)
    assert (status, answer["error"]["code"]) == (2, "refused")
    status, plan = door.ask("dataset-destroy", **wanted, dry_run=True)
    assert status == 0
    assert plan["destroys"] == ["tank/a", "tank/a/b", "tank/a@x"]
    door.answers(("get", 0, GUID + "\n", ""), ("list", 0, tree + "tank/a/b@new\t4\n", ""))
    assert door.ask("dataset-destroy", **wanted, plan=plan["plan"])[0] == 4
    door.answers(("get", 0, GUID + "\n", ""), ("list", 0, tree.replace("\t3", "\t33"), ""))
    assert door.ask("dataset-destroy", **wanted, plan=plan["plan"])[0] == 4
    assert not any(start["argv"][1:3] == ["destroy", "-r"] for start in door.started())
    door.answers(("get", 0, GUID + "\n", ""), ("list", 0, tree, ""))
    assert door.ask("dataset-destroy", **wanted, plan=plan["plan"])[0] == 0
    assert door.started()[-1]["argv"][1:] == ["destroy", "-r", "--", "tank/a"]


def test_a_rollback_that_destroys_newer_snapshots_is_bound_too(door: Door) -> None:
    rows = "t/a@1\t11\t100\nt/a@2\t12\t200\nt/a#2\t12\t200\nt/a@3\t13\t300\n"
    door.answers(("get", 0, "12\n", ""), ("list", 0, rows, ""))
    wanted = {"snapshot": "t/a@2", "guid": "12", "destroy_newer": True}
    plan = door.ask("snapshot-rollback", **wanted, dry_run=True)[1]
    assert plan["destroys"] == ["t/a@3"]
    assert door.ask("snapshot-rollback", **wanted)[0] == 2
    assert door.ask("snapshot-rollback", **wanted, plan=plan["plan"])[0] == 0
    door.answers(("get", 0, "12\n", ""), ("list", 0, rows + "t/a@4\t14\t400\n", ""))
    assert door.ask("snapshot-rollback", **wanted, plan=plan["plan"])[0] == 4


def test_what_is_read_back(door: Door) -> None:
    door.answers(("get -H -p -o value mountpoint", 0, "/srv/x\n", ""), ("get", 0, "77\n", ""))
    assert door.ask("dataset-create", dataset="tank/a")[1]["guid"] == "77"
    assert door.ask("snapshot-create", snapshot="tank/a@x")[1]["guid"] == "77"
    answer = door.ask("dataset-set", dataset="tank/a", guid="77", property="quota", value="1G")[1]
    assert answer["value"] == "77"
    door.answers(("get", 1, "", "I/O error\n"))
    status, answer = door.ask("snapshot-create", snapshot="tank/a@x")
    assert status == 1
    assert "done, but could not be read back" in answer["error"]["message"]


def test_an_import_mounts_in_order_and_only_where_it_may(door: Door) -> None:
    places = {
        "a0": "/srv/a/below",
        "b": "/srv/a",
        "evil": "/etc/cron.d",
        "foreign": "/other",
        "legacy": "legacy",
        "locked": "/tank/locked",
        "odd": "/srv/ok\ttank/evil\ton\tno\n/srv/odd",  # would vouch for another one in a table of mountpoints
    }
    rows = [f"tank/{name}\ton\tno" for name in places] + ["tank/off\tnoauto\tno", "tank/there\ton\tyes"]
    door.answers(
        ("list -H -p -o name,guid", 0, f"rpool\t1\ntank\t{GUID}\n", ""),
        ("list -H -p -r", 0, "\n".join(rows) + "\n", ""),
        *((f"get -H -p -o value mountpoint tank/{name}", 0, f"{path}\n", "") for name, path in places.items()),
        ("mount -- tank/locked", 1, "", "cannot mount 'tank/locked': encryption key not loaded\n"),
    )
    status, answer = door.ask("pool-import", guid=GUID)
    assert (status, answer["pool"]) == (0, "tank")
    assert [left.split(":")[0] for left in answer["not_mounted"]] == [
        *("tank/evil", "tank/foreign", "tank/odd", "tank/locked"),
    ]
    mounts = [start["argv"][3] for start in door.started() if start["argv"][1] == "mount"]
    assert mounts == ["tank/b", "tank/a0", "tank/locked"]
    # The next start would mount what was refused; a key may be there by then.
    noauto = [start["argv"][3] for start in door.started() if start["argv"][1:3] == ["set", "canmount=noauto"]]
    assert noauto == ["tank/evil", "tank/foreign", "tank/odd"]
    assert answer["not_mounted"][0].endswith("It has canmount=noauto now.")
    door.answers(("list -H -p -o name,guid", 0, "rpool\t1\n", ""))
    assert door.ask("pool-import", guid=GUID)[0] == 1


def test_an_imported_pool_covers_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[list[str]] = []

    def run(argv: list[str], _limit: int) -> Output:
        ran.append(argv[1:])
        return Output(0, b"", b"")

    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "index").write_text("hers")
    monkeypatch.setattr(readback, "problem", lambda *_args, **_more: "")  # it lies below /tmp, where nothing is mounted
    monkeypatch.setattr(readback, "ask", lambda _argv: "usb/www\ton\tno\n")
    monkeypatch.setattr(readback, "zfs_get", lambda _name, _prop: str(tmp_path / "www"))
    monkeypatch.setattr(readback, "run", run)
    [left] = readback._mount_all("usb", keep=False)
    assert "would cover" in left
    assert ran == [["set", "canmount=noauto", "usb/www"]]
    ran.clear()
    assert "noauto" not in readback._mount_all("usb", keep=True)[0]
    assert ran == [], "a pool that is read-only cannot be changed"


def test_an_imported_pool_shares_nothing_at_the_next_start(door: Door) -> None:
    hostile = "rw\n/ *(rw,no_root_squash)"
    door.answers(
        ("list -H -p -o name,guid", 0, f"tank\t{GUID}\n", ""),
        ("get -H -r -t filesystem -s local,received -o name,property sharenfs,sharesmb tank", 0,
         "tank/a\tsharenfs\ntank/a\tsharesmb\ntank/b\tsharenfs\n", ""),
        (f"{GET} sharenfs tank/a", 0, f"{hostile}\n", ""),
        (GET, 0, "off\n", ""),
    )  # fmt: skip
    status, answer = door.ask("pool-import", guid=GUID)
    assert (status, answer["unshared"]) == (0, ["tank/a: sharenfs was rw / *(rw,no_root_squash)"])
    did = [start["argv"][1:] for start in door.started() if start["argv"][1] in ("import", "set")]
    assert did == [
        ["import", "-N", "-o", "cachefile=none", "--", GUID],
        ["set", "sharenfs=off", "tank/a"],
        ["set", "cachefile=", "tank"],  # and only now may a start import it
    ]
    assert door.ask("pool-import", guid=GUID, readonly=True)[1]["unshared"] == []
    assert not any("set" in start["argv"] for start in door.started()[-3:])


def test_what_could_not_be_judged_is_imported_by_no_start(door: Door) -> None:
    door.answers(
        ("list -H -p -o name,guid", 0, f"tank\t{GUID}\n", ""),
        ("list -H -p -r", 1, "", "cannot open 'tank': I/O error\n"),
    )
    status, answer = door.ask("pool-import", guid=GUID)
    assert status == 1
    assert "No start imports tank now" in answer["error"]["message"]
    assert not any(start["argv"][1] == "set" for start in door.started())


@pytest.mark.parametrize(
    ("verb", "args"),
    [
        ("dataset-mount", {}),
        ("dataset-set", {"property": "canmount", "value": "on"}),
        ("dataset-set", {"property": "mountpoint"}),
        ("dataset-create", {}),
        ("dataset-create", {"properties": {}}),
    ],
)
def test_nothing_is_mounted_over_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str, args: dict[str, Any]
) -> None:
    place = tmp_path / "x"
    (place / "empty" / "below").mkdir(parents=True)
    monkeypatch.setattr(checks, "mountpoint_problem", lambda _path: "")  # it lies below /tmp, where nothing is mounted
    told = str(place if verb != "dataset-create" else tmp_path)
    monkeypatch.setattr(checks, "zfs_get", lambda _name, _prop: told)
    wanted: dict[str, Any] = {"dataset": "tank/x", **args}
    if args.get("property") == "mountpoint":
        wanted["value"] = str(place)
    if "properties" in args:
        wanted["properties"] = {"mountpoint": str(place)}
    checks.BEFORE["mount"](BY_NAME[verb], wanted)
    (place / "empty" / "below" / "authorized_keys").write_text("hers")
    with pytest.raises(Failure, match="would cover"):
        checks.BEFORE["mount"](BY_NAME[verb], wanted)


def tank_at(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """A pool whose mountpoint is `place` and that has nothing else."""

    def get(name: str, prop: str) -> str:
        if name != "tank":
            raise Failure("changed", f"{name} does not exist (any more).")
        return place if prop == "mountpoint" else "filesystem"

    monkeypatch.setattr(checks, "zfs_get", get)


PARENTS = [("dataset-create", {}), ("dataset-create", {"mount": False, "properties": {"canmount": "off"}}),
           ("dataset-create", {"properties": {"mountpoint": "/srv/not-there"}}),
           ("volume-create", {"size": "1M"})]  # fmt: skip


@pytest.mark.parametrize(("verb", "args"), PARENTS)
def test_parents_cover_nothing_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str, args: dict[str, Any]
) -> None:
    monkeypatch.setattr(checks, "mountpoint_problem", lambda _path: "")
    tank_at(monkeypatch, str(tmp_path))
    wanted = {"dataset": "tank/media/films/new", "parents": True, **args}
    checks.look(BY_NAME[verb], wanted)
    (tmp_path / "media" / "films").mkdir(parents=True)
    checks.look(BY_NAME[verb], wanted)
    (tmp_path / "media" / "films" / "holiday.mkv").write_text("hers")
    with pytest.raises(Failure, match="would cover"):
        checks.look(BY_NAME[verb], wanted)


@pytest.mark.parametrize(("verb", "args"), PARENTS)
def test_parents_are_not_mounted_in_a_place_of_the_system(
    monkeypatch: pytest.MonkeyPatch, verb: str, args: dict[str, Any]
) -> None:
    tank_at(monkeypatch, "/")  # a root file system on ZFS, with canmount=off
    with pytest.raises(Failure, match="tank/etc would be made and mounted at /etc"):
        checks.look(BY_NAME[verb], {"dataset": "tank/etc/x", "parents": True, **args})


def test_what_is_not_mounted_at_once_would_be_at_the_next_start(monkeypatch: pytest.MonkeyPatch) -> None:
    tank_at(monkeypatch, "/")
    wanted = {"dataset": "tank/etc", "mount": False}
    for properties in ({}, {"canmount": "on"}):
        with pytest.raises(Failure, match="mounted at /etc"):
            checks.look(BY_NAME["dataset-create"], {**wanted, "properties": properties})
    for value in ("off", "noauto"):
        checks.look(BY_NAME["dataset-create"], {**wanted, "properties": {"canmount": value}})


@pytest.mark.parametrize(
    ("act", "args"),
    [
        (trees.rename, {"dataset": "tank/old", "to": "tank/x"}),
        (trees.inherit, {"dataset": "tank/x", "property": "mountpoint"}),
        (trees.clone, {"snapshot": "tank/old@s", "dataset": "tank/x", "kind": "filesystem"}),
        (trees.clone, {"snapshot": "tank/old@s", "dataset": "tank/x", "kind": "filesystem", "properties": {}}),
    ],
)
def test_nor_by_another_name_a_clone_or_what_is_inherited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: Any, args: dict[str, Any]
) -> None:
    place = tmp_path / "x"
    place.mkdir()
    monkeypatch.setattr(trees, "mountpoint_problem", lambda _path: "")
    monkeypatch.setattr(trees, "zfs_get", lambda _name, _prop: "filesystem")
    monkeypatch.setattr(trees, "ask", lambda _argv: "default\n")
    monkeypatch.setattr(trees, "inherited_mountpoint", lambda _name: str(place))
    if "properties" in args:
        args["properties"]["mountpoint"] = str(place)
    act(None, args)
    (place / "authorized_keys").write_text("hers")
    with pytest.raises(Failure, match="would cover"):
        act(None, args)


def test_a_place_where_something_is_mounted_is_in_use_but_not_for_that_itself() -> None:
    with pytest.raises(Failure, match=r"is in use \(by proc\), which tank/x would cover; choose another\."):
        checks.nothing_is_hidden("/proc", "tank/x")
    checks.nothing_is_hidden("/proc", "proc")


def test_nobody_is_told_to_empty_what_is_mounted_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "x"
    (place / "a" / "deep").mkdir(parents=True)
    (place / "a" / "deep" / "photo.jpg").write_text("the only one")
    monkeypatch.setattr(checks, "_mounts", lambda: {str(place / "a"): "tank/x/\x1ba", str(tmp_path / "xy"): "tank/xy"})
    with pytest.raises(Failure) as refused:
        checks.nothing_is_hidden(str(place), "tank/x")
    assert str(refused.value) == (
        f"The mountpoint {place} has {place}/a (tank/x/ a) mounted below it, which tank/x would cover; "
        "unmount that first or choose another."
    )
    monkeypatch.setattr(checks, "_mounts", dict)  # it came between the two looks
    monkeypatch.setattr("privhelper.checks.os.lstat", lambda _path: SimpleNamespace(st_dev=-1))
    with pytest.raises(Failure, match=f"holds another file system, {place}/a, which tank/x would cover; unmount"):
        checks.nothing_is_hidden(str(place), "tank/x")
