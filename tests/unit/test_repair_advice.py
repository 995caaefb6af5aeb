"""What is advised for a pool in trouble: on statuses captured from real ZFS, and on some that cannot be had at will."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from dplane_tui.services.repair.advise import advise, needs_advice
from dplane_tui.services.repair.damage import judge, parse_errors, place, sentences
from dplane_tui.services.repair.model import LABEL, ROLE, Advice, Damage
from dplane_tui.services.repair.words import advice_lines, damage_lines
from dplane_tui.services.zfs.model import Dataset, Disk, Pool, Scan, Snapshot, Vdev
from dplane_tui.services.zfs.parse_json import parse_status as parse_json
from dplane_tui.services.zfs.vdevs import can_lose, disk_name, find_disk, find_vdev, fitting
from tests.unit.test_zfs_captured import FORMATS, pools

NOW = 1_800_000_000.0
G = 1 << 30
FREE = Disk("ata-free", "sdx", 20 * G, "WDC", "W1")
SMALL = Disk("ata-small", "sdy", G, "WDC", "W2")
TAKEN = Disk("ata-taken", "sdz", 20 * G, in_use="mounted on /srv")


def leaf(name: str, state: str = "ONLINE", note: str = "", **more: Any) -> Vdev:
    """A disk of 10 GiB."""
    given = {"read_errors": 0, "write_errors": 0, "checksum_errors": 0, "least": 10 * G, **more}
    return Vdev(
        name, "disk", state, guid=str(100 + sum(name.encode())), path=f"/dev/disk/by-id/{name}-part1", note=note,
        **given,
    )  # fmt: skip


def group(kind: str, *children: Vdev, state: str = "DEGRADED", role: str = "data") -> Vdev:
    """A mirror or raidz."""
    return Vdev(f"{kind}-0", kind, state, role=role, guid="9", children=children)


def pool(*vdevs: Vdev, state: str = "DEGRADED", errors: int | None = 0, scan: Scan | None = None) -> Pool:
    """A pool called tank."""
    return Pool("tank", "1", state, vdevs=vdevs, data_errors=errors, scan=scan)


def here(*names: str) -> list[Disk]:
    """Disks of the pool that are connected."""
    return [
        Disk(name, f"sd{place}", 10 * G + (20 << 20), in_use="member of pool tank") for place, name in enumerate(names)
    ]


def text(advice: Advice) -> str:
    """All of it."""
    return "\n".join(advice_lines(advice))


every = pytest.mark.parametrize(("version", "name"), FORMATS)


@every
@pytest.mark.parametrize(
    ("case", "act", "words"),
    [
        ("classes", "nothing", "Nothing is wrong"),
        ("scrubbed", "nothing", "Nothing is wrong"),
        ("scrubbing", "nothing", "Nothing is wrong"),
        ("draid", "nothing", "Nothing is wrong"),
        ("degraded", "online", "taken offline by an administrator"),
        ("faulted", "replace", "no redundancy left"),
        ("missing", "replace", "is away"),
        ("removed", "replace", "is away"),
        ("replacing", "wait", "takes the place of"),
        ("resilvering", "wait", "stands in, as a spare, for"),
        ("spare-resilvering", "wait", "ZFS cannot tell yet how long it takes"),
        ("spare-in-use", "replace", "holds all its data"),
        ("data-errors", "scrub", "came back other than they were written"),
    ],
)
def test_captured_pools(version: str, name: str, case: str, act: str, words: str) -> None:
    [one] = [pool for pool in pools(version, name, case) if pool.name != "z"]
    advice = advise(one, [FREE, SMALL, TAKEN], NOW)
    if case == "data-errors":
        assert advice.act == "scrub"
        assert "damaged" in text(advice)
        return
    assert (advice.act, advice.pool, advice.guid) == (act, one.name, one.guid)
    assert words in text(advice)
    assert needs_advice(one) is (act != "nothing")
    if act == "replace" and case != "spare-in-use":
        assert FREE in advice.fitting
        assert TAKEN not in advice.fitting


def test_a_captured_suspended_pool_says_what_to_connect_and_clears() -> None:
    [one] = pools("2.3.9", "status.json", "suspended")
    one = dataclasses.replace(one, state="SUSPENDED")
    advice = advise(one, [FREE], NOW)
    assert advice.act == "clear"
    assert "Away now: virtio-nas-a-disk3" in text(advice)
    assert "whether all of it is there shows when they are back" in text(advice)
    assert "is lost" not in text(advice)
    back = advise(one, [Disk("virtio-nas-a-disk3", "vdd", G, in_use="member of pool stuck")], NOW)
    assert back.act == "clear"
    assert "Its disks are connected" in text(back)
    unknown = advise(Pool("stuck", "3", "SUSPENDED"), [], NOW)
    assert (unknown.act, unknown.vdev) == ("clear", None)
    assert "its commands wait as well" in text(unknown)


@pytest.mark.parametrize("kind", ["mirror", "raidz1", "raidz2"])
def test_a_pulled_disk_is_named_and_replaced_by_what_fits(kind: str) -> None:
    lost = leaf("ata-b", "REMOVED")
    members = (leaf("ata-a"), lost, leaf("ata-c"))[: 2 if kind == "mirror" else 3]
    advice = advise(pool(group(kind, *members)), [*here("ata-a", "ata-c"), SMALL, FREE, TAKEN], NOW)
    assert (advice.act, advice.vdev, advice.fitting) == ("replace", lost, (FREE,))
    assert advice.disk is not None
    assert (advice.disk.name, advice.disk.guid, advice.disk.device) == ("ata-b", lost.guid, "")
    assert ("no redundancy left" in text(advice)) is (kind != "raidz2")
    none = advise(pool(group(kind, *members)), [*here("ata-a", "ata-c"), SMALL], NOW)
    assert (none.act, none.vdev) == ("nothing", None)
    assert "no free disk of 10.0G or more" in text(none)
    assert none.disk is not None
    assert none.disk.name == "ata-b"


def test_a_disk_that_came_back_is_brought_online() -> None:
    for state, note in (("REMOVED", ""), ("UNAVAIL", "cannot open"), ("UNAVAIL", "was /dev/disk/by-id/ata-b-part1")):
        lost = dataclasses.replace(leaf("ata-b", state, note), name="4711")
        advice = advise(pool(group("mirror", leaf("ata-a"), lost)), [*here("ata-a", "ata-b"), FREE], NOW)
        assert (advice.act, advice.vdev) == ("online", lost)
        assert "connected again" in text(advice)
        assert advice.disk is not None
        assert (advice.disk.name, advice.disk.device) == ("ata-b", "sd1")
    aliased = dataclasses.replace(here("wwn-x")[0], aliases=("ata-b",))
    assert advise(pool(group("mirror", leaf("ata-a"), leaf("ata-b", "REMOVED"))), [aliased], NOW).act == "online"


def test_a_disk_that_was_written_over_is_not_brought_online() -> None:
    lost = leaf("ata-b", "FAULTED", "corrupted data")
    assert advise(pool(group("mirror", leaf("ata-a"), lost)), [*here("ata-a", "ata-b"), FREE], NOW).act == "replace"
    lost = leaf("ata-b", "UNAVAIL", "invalid label")
    advice = advise(pool(group("mirror", leaf("ata-a"), lost)), [*here("ata-a", "ata-b"), FREE], NOW)
    assert advice.act == "replace"
    assert "it was overwritten" in text(advice)


def test_too_many_lost_says_that_nothing_can_be_rebuilt_and_formats_nothing() -> None:
    top = group(
        "raidz1", leaf("ata-a"), leaf("ata-b", "REMOVED"), leaf("ata-c", "UNAVAIL", "cannot open"), state="UNAVAIL"
    )
    advice = advise(pool(top, state="UNAVAIL", errors=None), [*here("ata-a"), FREE], NOW)
    assert (advice.act, advice.fitting) == ("nothing", ())
    assert "2 disks of raidz1-0 are away" in text(advice)
    assert "Do not create, replace or format" in text(advice)
    back = advise(pool(top, state="UNAVAIL"), [*here("ata-a", "ata-c"), FREE], NOW)
    assert (back.act, back.vdev) == ("online", top.children[2])
    single = advise(pool(leaf("ata-a", "FAULTED", "too many errors"), state="UNAVAIL"), [FREE], NOW)
    assert single.act == "clear"
    assert "The disk ata-a is away" in text(single)
    assert "Replace none of them before" in text(single)


def test_a_disk_with_too_many_errors_is_replaced_or_tried_again() -> None:
    bad = leaf("ata-b", "FAULTED", "too many errors", write_errors=128)
    advice = advise(pool(group("raidz1", leaf("ata-a"), bad, leaf("ata-c"))), [*here("ata-b"), FREE], NOW)
    assert advice.act == "replace"
    assert "128 blocks that could not be written" in text(advice)
    alone = advise(pool(group("raidz1", leaf("ata-a"), bad, leaf("ata-c"))), here("ata-b"), NOW)
    assert (alone.act, alone.vdev) == ("clear", bad)
    assert "There is no free disk" in text(alone)


def test_a_disk_that_vanished_counts_as_away_before_zfs_says_so() -> None:
    lost = leaf("ata-b", write_errors=4)
    one = pool(group("mirror", leaf("ata-a"), lost, state="ONLINE"), state="ONLINE")
    advice = advise(one, [*here("ata-a"), FREE], NOW)
    assert (advice.act, advice.vdev) == ("replace", lost)
    assert "is away" in text(advice)
    assert advise(one, [*here("ata-a", "ata-b"), FREE], NOW).act == "scrub"
    mapped = dataclasses.replace(lost, name="dm-name-x", path="/dev/disk/by-id/dm-name-x")
    assert advise(pool(group("mirror", leaf("ata-a"), mapped), state="ONLINE"), here("ata-a"), NOW).act == "scrub"


def test_a_waiting_spare_is_offered_where_no_disk_is_free() -> None:
    spare = dataclasses.replace(leaf("ata-s", "AVAIL"), role="spare")
    advice = advise(pool(group("mirror", leaf("ata-a"), leaf("ata-b", "REMOVED")), spare), here("ata-a", "ata-s"), NOW)
    assert (advice.act, advice.fitting, advice.spares) == ("replace", (), ("ata-s",))


def test_a_spare_in_use_is_made_permanent_where_no_disk_is_free() -> None:
    failed = leaf("ata-b", "FAULTED", "too many errors")
    inner = Vdev("spare-0", "spare", "DEGRADED", guid="8", children=(failed, leaf("ata-s")))
    used = dataclasses.replace(leaf("ata-s", "INUSE"), role="spare")
    one = pool(group("mirror", leaf("ata-a"), inner), used)
    assert (advise(one, [FREE], NOW).act, advise(one, [FREE], NOW).vdev) == ("replace", failed)
    advice = advise(one, here("ata-a", "ata-s"), NOW)
    assert (advice.act, advice.vdev) == ("detach", failed)
    assert "stays in its place for good" in text(advice)


def test_a_spare_that_fails_is_taken_out_and_the_original_stays() -> None:
    def with_inner(first: Vdev, spare: Vdev) -> Advice:
        inner = Vdev("spare-0", "spare", "DEGRADED", guid="8", children=(first, spare))
        return advise(pool(group("mirror", leaf("ata-a"), inner)), [FREE], NOW)

    lost = leaf("ata-s", "REMOVED")
    for state in ("ONLINE", "DEGRADED"):
        advice = with_inner(leaf("ata-b", state), lost)
        assert (advice.act, advice.vdev) == ("detach", lost)
        assert f"ata-s, the spare that stands in for ata-b, is REMOVED; ata-b itself is {state}." in text(advice)
        assert "ata-s goes back to the spares" in text(advice)
    failed = leaf("ata-b", "FAULTED", "too many errors")
    both = with_inner(failed, lost)
    assert (both.act, both.vdev) == ("replace", failed)
    assert "ata-b is FAULTED; ata-s, the spare for it, is REMOVED." in text(both)


def test_a_replacement_that_fails_itself_is_taken_out() -> None:
    new = leaf("ata-n", "FAULTED", "too many errors")
    inner = Vdev("replacing-1", "replacing", "DEGRADED", guid="8", children=(leaf("ata-b", "OFFLINE"), new))
    troubles = pool(group("mirror", leaf("ata-a"), inner))
    advice = advise(troubles, [FREE], NOW)
    assert (advice.act, advice.vdev) == ("detach", new)
    only = Vdev("replacing-1", "replacing", "DEGRADED", guid="8", children=(leaf("ata-b"), new))
    advice = advise(pool(group("mirror", leaf("ata-a"), only)), [FREE], NOW)
    assert (advice.act, advice.vdev) == ("detach", new)


def test_a_resilver_is_waited_for_with_the_time_that_zfs_tells() -> None:
    scan = Scan("resilver", "scanning", percent=41.6, eta=3700.0)
    inner = Vdev("replacing-1", "replacing", "DEGRADED", guid="8", children=(leaf("ata-b", "REMOVED"), leaf("ata-n")))
    other = leaf("ata-c", "FAULTED", "too many errors")
    advice = advise(pool(group("raidz2", leaf("ata-a"), inner, other), scan=scan), [FREE], NOW)
    assert advice.act == "wait"
    assert "42 % is done; at the rate so far it takes 1h 1m more." in text(advice)
    assert "ata-n takes the place of ata-b." in text(advice)
    assert advice.besides == ("ata-c of raidz2-0 is FAULTED (too many errors), too.",)


def test_errors_with_data_intact_are_scrubbed_then_cleared() -> None:
    bad = leaf("ata-b", checksum_errors=7)
    tops = group("raidz1", leaf("ata-a"), bad, leaf("ata-c"), state="ONLINE")
    never = advise(pool(tops, state="ONLINE"), [FREE], NOW)
    assert (never.act, never.vdev) == ("scrub", bad)
    assert "7 blocks that came back other than they were written" in text(never)
    assert "no file is known to be damaged" in text(never)
    assert "was written over by something else" in text(never)
    ago = {hours: Scan("scrub", "finished", ended=NOW - hours * 3600, errors=0) for hours in (1, 100)}
    assert advise(pool(tops, state="ONLINE", scan=ago[1]), [FREE], NOW).act == "clear"
    assert advise(pool(tops, state="ONLINE", scan=ago[100]), [FREE], NOW).act == "scrub", "errors may be newer than it"
    ahead = Scan("scrub", "finished", ended=NOW + 9000, errors=0)
    assert advise(pool(tops, state="ONLINE", scan=ahead), [FREE], NOW).act == "scrub", "a clock was wrong"
    running = Scan("scrub", "scanning", percent=10.0)
    assert advise(pool(tops, state="ONLINE", scan=running), [FREE], NOW).act == "wait"
    unknown = advise(pool(tops, state="ONLINE", errors=None), [FREE], NOW)
    assert "Whether files are damaged is not known." in text(unknown)


def test_permanent_errors_come_after_a_lost_disk_and_are_not_forgotten() -> None:
    lost = leaf("ata-b", "REMOVED")
    advice = advise(pool(group("mirror", leaf("ata-a"), lost), errors=3), [FREE], NOW)
    assert advice.act == "replace"
    assert advice.besides == ("3 files of tank have permanent errors.",)
    alone = advise(
        pool(group("mirror", leaf("ata-a"), leaf("ata-b"), state="ONLINE"), state="ONLINE", errors=1), [], NOW
    )
    assert alone.act == "scrub"
    assert "1 file of tank is damaged" in text(alone)


def test_what_holds_no_data_is_no_loss_of_data() -> None:
    data = group("mirror", leaf("ata-a"), leaf("ata-b"), state="ONLINE")
    cache = dataclasses.replace(leaf("ata-l", "REMOVED"), role="cache")
    advice = advise(pool(data, cache, state="ONLINE"), [FREE], NOW)
    assert (advice.act, advice.fitting) == ("nothing", ())
    assert "nothing is lost with it" in text(advice)
    log = dataclasses.replace(leaf("ata-l", "REMOVED"), role="log")
    advice = advise(pool(data, log), [FREE], NOW)
    assert advice.act == "replace"
    assert "the pool goes on without it" in text(advice)


def test_a_lost_log_is_not_a_lost_pool() -> None:
    data = group("mirror", leaf("ata-a"), leaf("ata-b"), state="ONLINE")
    logs = group("mirror", leaf("ata-l", "REMOVED"), leaf("ata-m", "REMOVED"), state="UNAVAIL", role="log")
    advice = advise(pool(data, logs), [FREE], NOW)
    assert "destroy the pool" not in text(advice)
    assert "cannot be rebuilt" not in text(advice)
    assert "the pool goes on without it" in text(advice)
    for state in ("UNAVAIL", "FAULTED"):
        waits = advise(pool(data, logs, state=state), [FREE], NOW)
        assert (waits.act, waits.vdev) == ("nothing", None)
        assert f"tank is {state} and waits for its log (ata-l, ata-m)" in text(waits)
        assert "are lost then" in text(waits)
        assert "goes on without it, synchronous" not in text(waits)
    back = advise(pool(data, logs, state="UNAVAIL"), here("ata-m"), NOW)
    assert (back.act, back.vdev) == ("online", logs.children[1])


def test_where_it_sits_is_told_only_where_sysfs_tells() -> None:
    bad = leaf("ata-b", "FAULTED", "too many errors")
    one = pool(group("mirror", leaf("ata-a"), bad))
    advice = advise(one, here("ata-a", "ata-b"), NOW, {"sd1": "slot 5 (Slot 05)"})
    assert "In slot 5 (Slot 05)" in text(advice)
    assert "slot" not in text(advise(one, here("ata-a", "ata-b"), NOW))


def test_a_hint_of_zfs_is_no_trouble() -> None:
    hint = dataclasses.replace(
        pool(leaf("ata-a"), state="ONLINE"), status="Some features are not enabled.", action="No."
    )
    advice = advise(hint, [], NOW)
    assert (advice.act, advice.broken, needs_advice(hint)) == ("nothing", False, False)
    assert "Nothing is wrong with tank.\nZFS says: Some features are not enabled." in text(advice)


def test_every_act_has_a_role_and_only_doing_ones_a_label() -> None:
    assert set(ROLE) == set(LABEL)
    assert {act for act, role in ROLE.items() if not role} == {act for act, label in LABEL.items() if not label}


# -- disks ---------------------------------------------------------------------------------------------------------


def test_sizes_of_2_1_are_taken_from_the_disks_beside() -> None:
    members = [dataclasses.replace(leaf(name), least=None) for name in ("ata-a", "ata-b")]
    one = pool(group("mirror", *members))
    assert fitting(one, members[1], [*here("ata-a"), SMALL, FREE]) == (FREE,)
    assert fitting(one, members[1], [SMALL, FREE]) == (FREE, SMALL)  # nothing is known: ZFS refuses it


def test_a_whole_disk_by_its_kernel_name_is_found() -> None:
    plain = Vdev("sda", "disk", "REMOVED", guid="4", path="/dev/sda1", least=10 * G)
    connected = Disk("", "sda", 20 * G, in_use="has no stable name under /dev/disk/by-id")
    assert find_disk(plain, [Disk("", "sdb", G), connected]) is connected
    assert find_disk(dataclasses.replace(plain, name="sdc"), [connected]) is None


def test_devices_are_found_by_every_name() -> None:
    one = pool(group("mirror", leaf("ata-a"), leaf("ata-b")))
    wanted = one.vdevs[0].children[0]
    for word in ("ata-a", wanted.guid or "", "/dev/disk/by-id/ata-a-part1"):
        assert find_vdev(one, word) is wanted
    assert find_vdev(one, "mirror-0") is one.vdevs[0]
    assert disk_name(Vdev("17", "missing", "UNAVAIL", note="was /dev/disk/by-id/ata-z-part1")) == "ata-z"


def test_what_a_group_can_lose() -> None:
    assert can_lose(group("mirror", leaf("a"), leaf("b"), leaf("c"))) == 2
    assert [can_lose(group(kind)) for kind in ("raidz1", "raidz3", "draid2:4d:8c:1s", "disk")] == [1, 3, 2, 0]


# -- damaged files -------------------------------------------------------------------------------------------------

LISTED = """  pool: tank
config:

\tNAME STATE
\ttank ONLINE

errors: Permanent errors have been detected in the following files:

        /srv/data/photos/1.jpg
        tank/data@new:/photos/1.jpg
        tank/data/deep:/x y
        tank/data:<0x22>
        <metadata>:<0x3d>
        /srv/data/evil\x1b[2J
/etc/passwd
        /other/file
"""
DATASETS = (
    Dataset("tank", "filesystem", "1", mountpoint="/srv", mounted=True),
    Dataset("tank/data", "filesystem", "2", mountpoint="/srv/data", mounted=True),
    Dataset("tank/data/deep", "filesystem", "3", mountpoint="/srv/data/deep", mounted=False),
)


def test_names_of_damaged_files_are_placed() -> None:
    names = parse_errors(LISTED)
    assert len(names) == 7
    found = [(one.dataset, one.snapshot, one.path) for one in (place(name, DATASETS) for name in names)]
    assert found == [
        ("tank/data", "", "photos/1.jpg"),
        ("tank/data", "new", "photos/1.jpg"),
        ("tank/data/deep", "", "x y"),
        ("tank/data", "", ""),
        ("", "", ""),
        ("tank/data", "", "evil\x1b[2J\n/etc/passwd"),
        ("", "", ""),
    ]
    assert parse_errors("errors: No known data errors\n") == ()


def test_only_what_is_known_is_said_of_good_copies() -> None:
    snaps = [Snapshot(f"tank/data@{name}", name, place) for place, name in enumerate(("old", "middle", "new"))]
    judged = judge(parse_errors(LISTED), DATASETS, {"tank/data": snaps}, {"tank/data": ["the copy vault/data"]})
    assert judged[0].snapshots == ("middle", "old")
    assert judged[0].copies == ("the copy vault/data",)
    said = " ".join(sentences(judged[0]))
    assert "@middle, @old" in said
    assert "it was not read" in said
    assert "destroying that snapshot" in sentences(judged[1])[0]
    assert "No snapshot of its dataset is known" in sentences(judged[2])[0]
    assert "no file with a name" in sentences(judged[3])[0]
    lines = damage_lines(Damage(judged, 30, "Copies elsewhere are not known: x."))
    assert "(30)" in lines[0]
    assert lines[-2:] == ["  … and 10 more", "Copies elsewhere are not known: x."]


def test_real_json_tells_what_a_successor_needs() -> None:
    body = {"name": "a", "vdev_type": "disk", "guid": 5, "state": "ONLINE", "rep_dev_size": 7, "phys_space": 9}
    tree = {"tank": {"name": "tank", "vdev_type": "root", "vdevs": {"a": body}}}
    status = {"pools": {"tank": {"state": "ONLINE", "pool_guid": 1, "vdevs": tree}}}
    [found] = parse_json(json.dumps(status))
    assert (found.vdevs[0].least, found.vdevs[0].size) == (7, 9)
