"""The devices of a pool at the door: looked up by GUID right before, read back after, on output of real ZFS."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from privhelper.devices import _lines

from .privhelper_door import GUID, Door

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "zfs"
OLD, NEW = "9876543210987654321", "5555555555555555555"


def told(*rows: str) -> str:
    """`zpool status` with these device lines."""
    config = "".join(f"\t{line}\n" for line in ("NAME  STATE  READ WRITE CKSUM", *rows))
    return f"  pool: tank\n state: ONLINE\nstatus: Words.\n\tNAME of something.\nconfig:\n\n{config}\nerrors: none\n"


def devices(door: Door, by_guid: str, by_path: str, *more: tuple[str, int, str, str]) -> None:
    """Let zpool tell these."""
    by_path = by_path.replace("/dev/disk/by-id", str(door.root / "disks"))
    door.answers(*more, ("get", 0, GUID + "\n", ""), ("status -g", 0, by_guid, ""), ("status -P", 0, by_path, ""))


TWO = (
    told("tank  ONLINE  0 0 0", f"  {OLD}  FAULTED  0 0 0  too many errors", f"  {NEW}  ONLINE  0 0 0  (resilvering)"),
    told(
        "tank  ONLINE  0 0 0",
        "  /dev/disk/by-id/ata-old-part1  FAULTED  0 0 0  too many errors",
        "  /dev/disk/by-id/ata-new-part1  ONLINE  0 0 0  (resilvering)",
    ),
)


@pytest.fixture
def disk(door: Door) -> str:
    """A name in by-id that leads to a device of this machine, which nobody touches."""
    os.symlink("/dev/loop0" if os.path.exists("/dev/loop0") else _any_block(), door.root / "disks" / "ata-new")
    return "ata-new"


def _any_block() -> str:
    for name in os.listdir("/sys/block"):
        if os.path.exists(f"/dev/{name}"):
            return f"/dev/{name}"
    pytest.skip("this machine shows no block device")


def acts(door: Door) -> list[list[str]]:
    """What was run that is no question."""
    return [start["argv"][1:] for start in door.started() if start["argv"][1] not in ("get", "status")]


VERBS: list[tuple[str, dict[str, Any], list[str]]] = [
    ("vdev-online", {}, ["online", "--", "tank", OLD]),
    ("vdev-online", {"expand": True}, ["online", "-e", "--", "tank", OLD]),
    ("vdev-offline", {}, ["offline", "--", "tank", OLD]),
    ("vdev-spare", {"spare": "draid1-0-0"}, ["replace", "--", "tank", OLD, "draid1-0-0"]),
    ("vdev-detach", {}, ["detach", "--", "tank", OLD]),
]


@pytest.mark.parametrize(("verb", "more", "argv"), VERBS)
def test_each_is_refused_when_pool_or_device_is_another(
    door: Door, verb: str, more: dict[str, Any], argv: list[str]
) -> None:
    wanted = {"pool": "tank", "guid": GUID, "vdev": OLD, **more}
    devices(door, *TWO)
    for other in ({"guid": "7"}, {"vdev": "7"}):
        status, answer = door.ask(verb, **{**wanted, **other})
        assert (status, answer["error"]["code"]) == (4, "changed")
    assert acts(door) == []
    door.ask(verb, **wanted)
    assert acts(door) == [argv]
    assert {line["phase"] for line in door.audit()} == {"intent", "done"}


def test_the_state_of_a_device_is_read_back(door: Door) -> None:
    devices(door, *TWO)
    status, answer = door.ask("vdev-online", pool="tank", guid=GUID, vdev=OLD)
    assert (status, answer["state"], answer["note"]) == (0, "FAULTED", "too many errors")


def test_a_detached_disk_that_is_still_there_is_no_success(door: Door) -> None:
    devices(door, *TWO)
    status, answer = door.ask("vdev-detach", pool="tank", guid=GUID, vdev=OLD)
    assert status == 1
    assert "still has the device" in answer["error"]["message"]


@pytest.mark.parametrize("state", ["AVAIL", "UNAVAIL  cannot open", "INUSE  currently in use"])
def test_a_detached_spare_goes_back_to_the_spares(door: Door, state: str) -> None:
    tree = told("tank  ONLINE  0 0 0", f"  {NEW}  ONLINE  0 0 0", "spares", f"  {OLD}  {state}")
    used = tree.replace("\tspares\n", f"\t  spare-0  ONLINE  0 0 0\n\t    {OLD}  ONLINE  0 0 0\n\tspares\n")
    devices(door, tree, tree)
    assert door.ask("vdev-detach", pool="tank", guid=GUID, vdev=OLD)[0] == 0
    devices(door, used, used)
    assert door.ask("vdev-detach", pool="tank", guid=GUID, vdev=OLD)[0] == 1, "it still stands in"


@pytest.mark.parametrize("verb", ["vdev-replace", "vdev-attach"])
def test_the_new_disk_is_told_with_its_state(door: Door, disk: str, verb: str) -> None:
    devices(door, *TWO)
    status, answer = door.ask(verb, pool="tank", guid=GUID, vdev=OLD, new=disk)
    assert (status, answer["new_vdev"], answer["state"]) == (0, NEW, "ONLINE")
    assert answer["note"] == "(resilvering)"
    assert acts(door)[0][0] == verb.removeprefix("vdev-")
    assert acts(door)[0][1:4] == ["--", "tank", OLD]
    assert "-f" not in acts(door)[0]
    door.ask(verb, pool="tank", guid=GUID, vdev=OLD, new=disk, force=True)
    assert acts(door)[1][1] == "-f"


def test_a_disk_that_zpool_took_and_does_not_tell_of_is_no_success(door: Door, disk: str) -> None:
    devices(door, TWO[0], TWO[1].replace("ata-new", "ata-newer"))
    status, answer = door.ask("vdev-replace", pool="tank", guid=GUID, vdev=OLD, new=disk)
    assert status == 1
    assert "is not among the devices" in answer["error"]["message"]


@pytest.mark.parametrize("version", ["2.1.11", "2.3.9"])
def test_a_missing_disk_told_by_its_number_is_not_the_new_one(door: Door, disk: str, version: str) -> None:
    missing = (FIXTURES / version / "missing" / "status.txt").read_text()
    devices(door, missing.replace("mirror-0", OLD), missing)
    for verb, more in (("vdev-replace", {"vdev": OLD, "new": disk}), ("pool-add", {"vdevs": ["spare", disk]})):
        status, answer = door.ask(verb, pool="tank", guid=GUID, **more)
        assert status == 1, verb
        assert f"{disk} is not among the devices" in answer["error"]["message"]


def test_a_new_disk_must_be_one(door: Door) -> None:
    devices(door, *TWO)
    (door.root / "disks" / "ata-file").write_text("")
    for name in ("ata-file", "ata-nothing"):
        status, answer = door.ask("vdev-replace", pool="tank", guid=GUID, vdev=OLD, new=name)
        assert (status, answer["error"]["code"]) == (4, "changed")
    assert acts(door) == []


def test_a_tree_that_changes_while_it_is_read_is_not_believed(door: Door) -> None:
    devices(door, TWO[0], told("tank  ONLINE  0 0 0"))
    status, answer = door.ask("vdev-offline", pool="tank", guid=GUID, vdev=OLD)
    assert (status, answer["error"]["code"]) == (4, "changed")
    assert acts(door) == []


def test_a_tree_that_changed_between_two_listings_is_read_again(door: Door) -> None:
    devices(door, *TWO, ("status -P", 0, "ONCE " + told("tank  ONLINE  0 0 0"), ""))
    status, answer = door.ask("vdev-offline", pool="tank", guid=GUID, vdev=OLD)
    assert (status, answer["state"]) == (0, "FAULTED"), answer
    assert acts(door) == [["offline", "--", "tank", OLD]]


def test_zfs_own_words_are_passed_on(door: Door) -> None:
    devices(door, *TWO, ("offline", 1, "", "cannot offline ata-old: no valid replicas\n"))
    status, answer = door.ask("vdev-offline", pool="tank", guid=GUID, vdev=OLD)
    assert status == 1
    assert "no valid replicas" in answer["error"]["message"]


def test_who_may_what(door: Door) -> None:
    from privhelper.verbs import BY_NAME

    roles = {name: BY_NAME[name].role for name in BY_NAME if name.startswith("vdev-")}
    assert roles["vdev-online"] == roles["vdev-offline"] == "operate"
    assert {roles[name] for name in ("vdev-replace", "vdev-attach", "vdev-detach", "vdev-spare")} == {"admin"}
    assert BY_NAME["pool-errors"].role == "operate"


@pytest.mark.parametrize("version", ["2.1.11", "2.3.9"])
def test_lines_of_real_pools(version: str) -> None:
    def lines(case: str) -> list[tuple[int, str, str, str, str]]:
        return _lines((FIXTURES / version / case / "status.txt").read_text())

    first, *rest = lines("spare-in-use")
    assert first[:3] == (0, "tank", "DEGRADED")
    named = {name: (depth, state, note) for depth, name, state, note, _ in rest}
    assert named["spare-0"][:2] == (4, "DEGRADED")
    assert named["/var/tmp/dplane-capture/b"][1] == "ONLINE"
    assert "logs" not in named
    assert {line[4] for line in rest} == {"", "spares", "logs", "cache", "special", "dedup"}
    missing = next(line for line in lines("missing") if line[2] == "UNAVAIL")
    assert missing[3].endswith("was /var/tmp/dplane-capture/a")  # behind the count of slow I/Os, which -s adds


# -- pools as a whole ----------------------------------------------------------------------------------------------

WHOLE: list[tuple[str, dict[str, Any], list[str]]] = [
    ("pool-add", {"vdevs": ["log", "ata-new"]}, ["add", "--", "tank", "log", "DISKS/ata-new"]),
    ("pool-add", {"vdevs": ["ata-new"], "mismatch": True},
     ["add", "--allow-replication-mismatch", "--", "tank", "DISKS/ata-new"]),
    ("pool-split", {"to": "half"}, ["split", "--", "tank", "half"]),
    ("pool-set", {"setting": "autoexpand=on"}, ["set", "autoexpand=on", "tank"]),
    ("pool-upgrade", {}, ["upgrade", "--", "tank"]),
    ("pool-checkpoint", {}, ["checkpoint", "--", "tank"]),
    ("pool-checkpoint-discard", {}, ["checkpoint", "-d", "--", "tank"]),
    ("trim-stop", {}, ["trim", "-c", "--", "tank"]),
    ("initialize-start", {}, ["initialize", "--", "tank"]),
    ("initialize-start", {"vdev": OLD}, ["initialize", "--", "tank", OLD]),
    ("initialize-stop", {}, ["initialize", "-c", "--", "tank"]),
]  # fmt: skip


@pytest.mark.parametrize(("verb", "more", "argv"), WHOLE)
def test_each_act_on_a_pool_is_refused_when_it_is_another(
    door: Door, disk: str, verb: str, more: dict[str, Any], argv: list[str]
) -> None:
    devices(door, *TWO)
    status, answer = door.ask(verb, pool="tank", guid="7", **more)
    assert (status, answer["error"]["code"]) == (4, "changed")
    assert acts(door) == []
    door.ask(verb, pool="tank", guid=GUID, **more)
    assert acts(door)[0] == [word.replace("DISKS", str(door.root / "disks")) for word in argv]


def test_what_was_added_removed_split_and_set_is_read_back(door: Door, disk: str) -> None:
    devices(door, *TWO)
    wanted = {"pool": "tank", "guid": GUID}
    status, answer = door.ask("pool-add", **wanted, vdevs=["spare", disk])
    assert (status, answer["added"]) == (0, {disk: NEW})
    status, answer = door.ask("vdev-remove", **wanted, vdev=OLD)
    assert (status, "no removal goes on" in answer["error"]["message"]) == (1, True)
    goes_on = "remove: Evacuation of x in progress since Mon\nconfig:"
    devices(door, TWO[0], TWO[1].replace("config:", goes_on))
    assert door.ask("vdev-remove", **wanted, vdev=OLD)[1]["outcome"] == "removing"
    devices(door, TWO[0], TWO[1].replace("config:", "remove: Removal of x canceled on Mon\nconfig:"))
    assert door.ask("vdev-remove", **wanted, vdev=OLD)[0] == 1
    gone = told("tank  ONLINE  0 0 0", "  indirect-0  ONLINE  0 0 0")
    devices(door, gone.replace("indirect-0", OLD), gone)
    assert door.ask("vdev-remove", **wanted, vdev=OLD)[1]["outcome"] == "removed"
    listing = "   pool: other\n     id: 5\n   pool: half\n     id: 6\n  state: ONLINE\n"
    devices(door, *TWO, ("import", 0, listing, ""))
    assert door.ask("pool-split", **wanted, to="half")[1]["split"] == "6"
    status, answer = door.ask("pool-split", **wanted, to="third")
    assert (status, "no pool third" in answer["error"]["message"]) == (1, True)
    devices(
        door, *TWO, ("get -H -p -o value autotrim", 0, "off\n", ""), ("get -H -p -o value checkpoint", 0, "9\n", "")
    )
    status, answer = door.ask("pool-set", **wanted, setting="autotrim=on")
    assert (status, "autotrim of tank is off" in answer["error"]["message"]) == (1, True)
    assert door.ask("pool-set", **wanted, setting="autotrim=off")[1]["setting"] == "autotrim=off"
    assert door.ask("pool-checkpoint", **wanted)[1]["checkpoint"] == "9"


@pytest.mark.parametrize(
    ("held", "words", "status"),
    [("-", "", 0), ("4096", "checkpoint: discarding, 4K remaining.", 0), ("4096", "checkpoint: created Mon", 1)],
)
def test_a_checkpoint_that_is_kept_is_not_told_as_given_up(door: Door, held: str, words: str, status: int) -> None:
    listed = f"  pool: tank\n state: ONLINE\n{words}\nconfig:\n"
    devices(door, *TWO, ("get -H -p -o value checkpoint", 0, f"{held}\n", ""), ("status --", 0, listed, ""))
    found, answer = door.ask("pool-checkpoint-discard", pool="tank", guid=GUID)
    assert found == status
    if status:
        assert "tank keeps its checkpoint" in answer["error"]["message"]
    else:
        assert answer["checkpoint"] == held


def test_a_dry_run_asks_zpool_to_do_nothing(door: Door, disk: str) -> None:
    devices(door, *TWO)
    status, _ = door.ask("pool-add", pool="tank", guid=GUID, vdevs=["spare", disk], dry_run=True)
    assert status == 0
    assert acts(door) == [["add", "-n", "--", "tank", "spare", str(door.root / "disks" / disk)]]


def test_an_upgrade_that_left_a_feature_off_is_no_success(door: Door) -> None:
    features = "feature@a\tactive\nsize\t1\nfeature@b\tdisabled\n"
    devices(door, *TWO, ("get -H -p -o property,value all tank", 0, features, ""))
    status, answer = door.ask("pool-upgrade", pool="tank", guid=GUID)
    assert (status, "feature@b is still disabled" in answer["error"]["message"]) == (1, True)
    devices(door, *TWO, ("get -H -p -o property,value all tank", 0, features.replace("disabled", "enabled"), ""))
    assert door.ask("pool-upgrade", pool="tank", guid=GUID)[1]["features"] == 2


def test_imports_of_other_kinds(door: Door) -> None:
    preview = "Would be able to return tank to its state as of Mon.\n"
    door.answers(
        ("import -N -o readonly=on -F -n", 1, preview, "more\n"),
        ("list -H -p -o name,guid", 0, f"tank\t{GUID}\n", ""),
        ("list -H -p -r", 0, "", ""),
    )
    status, answer = door.ask("pool-rewind-preview", guid=GUID, folder="by-path")
    assert (status, answer["stdout"], answer["status"]) == (0, preview, 1)
    looked = ["import", "-N", "-o", "readonly=on", "-F", "-n", "-d", "/dev/disk/by-path", "--", GUID]
    assert acts(door) == [looked], "a pool that was imported before is left alone"
    for verb, more, flags in (
        ("pool-rewind", {}, ["-F"]),
        ("pool-rewind-checkpoint", {}, ["--rewind-to-checkpoint"]),
        ("pool-import", {"destroyed": True}, ["-D", "-f"]),
    ):
        assert door.ask(verb, guid=GUID, **more)[1]["pool"] == "tank"
        ran = [words for words in acts(door) if words[0] == "import"][-1]
        assert ran == ["import", "-N", "-o", "cachefile=none", *flags, "--", GUID]
    for folder in ("/etc", "../by-id", "by-nothing", ""):
        assert door.ask("pool-import", guid=GUID, folder=folder)[0] == 2


def test_a_pool_that_a_look_imported_goes_back(door: Door) -> None:
    door.answers(("list -H -p -o name,guid", 0, f"other\t1\ntank\t{GUID}\n", ""))
    assert door.ask("pool-rewind-preview", guid=GUID)[0] == 0
    assert [words for words in acts(door) if words[0] == "export"] == [["export", "--", "tank"]]


def test_a_light_is_switched_where_the_kernel_has_one(tmp_path: Path) -> None:
    door = Door(tmp_path, BLOCKS=str(tmp_path / "blocks"))
    device = Path(_any_block())
    os.symlink(device, tmp_path / "disks" / "ata-x")
    folder = tmp_path / "blocks" / device.name / "device"
    status, answer = door.ask("disk-locate", disk="ata-x", on=True)
    assert (status, "no light for ata-x" in answer["error"]["message"]) == (2, True)
    light = folder / "enclosure_device:Slot 05" / "locate"
    light.parent.mkdir(parents=True)
    assert door.ask("disk-locate", disk="ata-x", on=True)[0] == 2, "a place without a light"
    light.write_text("0")
    status, answer = door.ask("disk-locate", disk="ata-x", on=True)
    assert (status, answer["slot"], answer["on"], light.read_text()) == (0, "Slot 05", True, "1")
    assert door.ask("disk-locate", disk="ata-x", on=False)[1]["on"] is False
    assert light.read_text() == "0"
    assert door.ask("disk-locate", disk="ata-none", on=True)[0] == 4


def test_a_disk_that_takes_its_own_place_is_told_as_the_new_one(door: Door, disk: str) -> None:
    by_path = TWO[1].replace("ata-old", "ata-new")
    devices(door, TWO[0], by_path)
    status, answer = door.ask("vdev-replace", pool="tank", guid=GUID, vdev=OLD, new=disk, force=True)
    assert (status, answer["new_vdev"], answer["state"]) == (0, NEW, "ONLINE")
