"""The parsers: what each case looks like in the model, and that nothing else ever comes out of garbage.

The texts here are small and written for one point each, after the formats in OpenZFS's own sources; output captured
from real systems is in test_zfs_captured.py.
"""

from __future__ import annotations

# ruff: noqa: E101, W291 (zpool indents with a tab and spaces)
import json
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dplane_tui.errors import CommandError
from dplane_tui.services.zfs import parse_json, parse_lists, parse_text
from dplane_tui.services.zfs.model import Dataset, Importable, Pool
from dplane_tui.text import clean

NOW = 1_790_000_000.0


def status(**pool: Any) -> str:
    """`zpool status -j --json-int` of one pool."""
    body = {"name": "tank", "state": "ONLINE", "pool_guid": 17305904361437293000, "error_count": 0, **pool}
    return json.dumps({"output_version": {"command": "zpool status"}, "pools": {"tank": body}})


def only(text: str) -> Pool:
    """The one pool in that output."""
    [pool] = parse_json.parse_status(text, NOW)
    return pool


def leaf(name: str, **more: Any) -> dict[str, Any]:
    """A disk as `zpool status -j` shows it."""
    return {"name": name, "vdev_type": "disk", "guid": 5, "state": "ONLINE", "path": f"/dev/{name}1", **more}


def test_json_tree_kinds_roles_and_guids() -> None:
    inner = {"name": "raidz2-0", "vdev_type": "raidz", "guid": 9, "state": "DEGRADED", "vdevs": {"sda": leaf("sda")}}
    root = {"name": "tank", "vdev_type": "root", "state": "DEGRADED", "vdevs": {"raidz2-0": inner}}
    pool = only(
        status(
            state="DEGRADED",
            vdevs={"tank": root},
            logs={"sdb": leaf("sdb")},
            l2cache={"sdc": leaf("sdc")},
            special={"sdd": leaf("sdd")},
            dedup={"sde": leaf("sde")},
            spares={"sdf": leaf("sdf", state="AVAIL")},
        )
    )
    assert pool.guid == "17305904361437293000"
    assert [(top.name, top.role, top.kind, top.state) for top in pool.vdevs] == [
        ("raidz2-0", "data", "raidz2", "DEGRADED"),
        ("sde", "dedup", "disk", "ONLINE"),
        ("sdd", "special", "disk", "ONLINE"),
        ("sdb", "log", "disk", "ONLINE"),
        ("sdc", "cache", "disk", "ONLINE"),
        ("sdf", "spare", "disk", "AVAIL"),
    ]
    assert [leaf.path for leaf in pool.leaves()][:1] == ["/dev/sda1"]


@pytest.mark.parametrize(
    ("told", "state", "note"),
    [
        ({"state": "CANT_OPEN", "not_present": 1, "was": "/dev/sdq1"}, "UNAVAIL", "was /dev/sdq1"),
        ({"state": "CANT_OPEN", "aux": "CORRUPT_DATA"}, "FAULTED", "corrupted data"),
        ({"state": "CANT_OPEN", "aux": "OPEN_FAILED"}, "UNAVAIL", "cannot open"),
        ({"state": "FAULTED", "aux": "ERR_EXCEEDED"}, "FAULTED", "too many errors"),
        ({"state": "REMOVED"}, "REMOVED", ""),
        ({"state": "INUSE", "aux": "SPARED", "used_by": "dozer"}, "INUSE", "in use by pool dozer"),
        ({"configured_ashift": 9, "physical_ashift": 12}, "ONLINE", "block size: 512B configured, 4096B native"),
        ({"aux": "SOMETHING_NEW"}, "ONLINE", "something new"),
    ],
)
def test_json_states_and_notes_are_worded_as_without_json(told: dict[str, Any], state: str, note: str) -> None:
    [top] = only(status(spares={"sdf": leaf("sdf", **told)})).vdevs
    assert (top.state, top.note) == (state, note)


def test_json_running_scrub_has_percent_and_eta_from_its_own_pass() -> None:
    scan = {
        "function": "SCRUB",
        "state": "SCANNING",
        "start_time": NOW - 500,
        "to_examine": 11000,
        "skipped": 1000,
        "issued": 4000,
        "issued_bytes_per_scan": 1000,
        "pass_start": int(NOW) - 120,
        "scrub_spent_paused": 20,
        "errors": 0,
    }
    found = only(status(scan_stats=scan, vdevs={"tank": {"vdevs": {"sda": leaf("sda", scan_processed=7)}}}))
    assert found.scan is not None
    assert (found.scan.state, found.scan.percent, found.scan.eta) == ("scanning", 40.0, 600.0)
    assert [top.note for top in found.vdevs] == ["repairing"]
    [unknown] = parse_json.parse_status(status(scan_stats=scan), None)
    assert unknown.scan is not None
    assert unknown.scan.eta is None


def test_json_paused_scrub_and_sequential_resilver() -> None:
    paused = {"function": "SCRUB", "state": "SCANNING", "scrub_pause": int(NOW), "to_examine": 10, "issued": 5}
    first = only(status(scan_stats=paused)).scan
    assert first is not None
    assert (first.kind, first.state, first.percent, first.eta) == ("scrub", "paused", 50.0, None)
    rebuild = {"draid1:2d:3c:0s-0": {"state": "ACTIVE", "scanned": 25, "to_scan": 100, "errors": 0}}
    done = {"function": "SCRUB", "state": "FINISHED", "end_time": int(NOW), "errors": 0, "rebuild_stats": rebuild}
    second = only(status(scan_stats=done)).scan
    assert second is not None
    assert (second.kind, second.state, second.percent) == ("resilver", "scanning", 25.0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no pools available\n",
        "[]",
        "{}",
        '{"pools": []}',
        '{"pools": {"a": 1}}',
        '{"pools": {"a": {}}}',
        "[" * 99999,
    ],
)
def test_json_garbage_is_told(text: str) -> None:
    with pytest.raises(CommandError, match="was not understood"):
        parse_json.parse_status(text)


TEXT = """\
  pool: tank
 state: DEGRADED
status: One or more devices is currently being resilvered.  The pool will
	continue to function, possibly in a degraded state.
action: Wait for the resilver to complete.
  scan: resilver in progress since Sat Sep 19 11:33:20 2026
	1.50G scanned at 100M/s, 512M issued at 50M/s, 2.00G total
	512M resilvered, 25.00% done, 00:01:30 to go
config:

	NAME                        STATE     READ WRITE CKSUM  SLOW
	tank                        DEGRADED     0     0     0     -
	  mirror-0                  DEGRADED     0     0     0     -
	    sda                     ONLINE       0     0     3     0
	    spare-1                 UNAVAIL      0     0     0     -
	      replacing-0           UNAVAIL      0     0     0     -
	        9012345678901234567  UNAVAIL      0     0     0     0  was /dev/sdq1
	        sdb                 ONLINE       0     0     0     0  (resilvering)
	      sdh                   ONLINE       0     0     0     1
	special	
	  mirror-1                  ONLINE       0     0     0     -
	    sdc                     ONLINE       0     0     0     0
	    sdd                     ONLINE       0     0     0     0
	logs	
	  sde                       FAULTED      1    22     0     0  too many errors
	cache
	  sdf                       ONLINE       0     0     0     0
	spares
	  sdg                       AVAIL   
	  sdh                       INUSE     currently in use

errors: 4 data errors, use '-v' for a list

  pool: second
 state: ONLINE
  scan: scrub repaired 0B in 1 days 00:00:04 with 2 errors on Sun Nov 22 10:00:04 2026
config:

	NAME                  STATE     READ WRITE CKSUM  SLOW
	second                ONLINE       0     0     0     -
	  draid1:2d:4c:1s-0   ONLINE       0     0     0     -
	    /var/a b          ONLINE       0     0     0     0
	spares
	  draid1-0-0          AVAIL   

errors: No known data errors
"""


def both() -> list[Pool]:
    """The two pools of TEXT, each as it is told when it is asked for by its name."""
    second = TEXT.index("  pool: second")
    return [parse_text.parse_status(TEXT[:second], "tank"), parse_text.parse_status(TEXT[second:], "second")]


def test_text_tree_of_every_kind() -> None:
    tank, second = both()
    rows = [(d, v.name, v.kind, v.state, v.role, v.note) for top in tank.vdevs for d, v in top.walk()]
    assert rows == [
        (0, "mirror-0", "mirror", "DEGRADED", "data", ""),
        (1, "sda", "disk", "ONLINE", "data", ""),
        (1, "spare-1", "spare", "UNAVAIL", "data", ""),
        (2, "replacing-0", "replacing", "UNAVAIL", "data", ""),
        (3, "9012345678901234567", "missing", "UNAVAIL", "data", "was /dev/sdq1"),
        (3, "sdb", "disk", "ONLINE", "data", "resilvering"),
        (2, "sdh", "disk", "ONLINE", "data", ""),
        (0, "mirror-1", "mirror", "ONLINE", "special", ""),
        (1, "sdc", "disk", "ONLINE", "special", ""),
        (1, "sdd", "disk", "ONLINE", "special", ""),
        (0, "sde", "disk", "FAULTED", "log", "too many errors"),
        (0, "sdf", "disk", "ONLINE", "cache", ""),
        (0, "sdg", "disk", "AVAIL", "spare", ""),
        (0, "sdh", "disk", "INUSE", "spare", "currently in use"),
    ]
    sda = tank.vdevs[0].children[0]
    assert (sda.read_errors, sda.write_errors, sda.checksum_errors, sda.slow_ios) == (0, 0, 3, 0)
    assert tank.vdevs[0].slow_ios is None
    assert tank.vdevs[-2].read_errors is None
    assert tank.data_errors == 4
    assert tank.status.startswith("One or more devices is currently being resilvered. The pool will continue")
    assert [(v.kind, v.name, v.path) for top in second.vdevs for _, v in top.walk()] == [
        ("draid1:2d:4c:1s", "draid1:2d:4c:1s-0", None),
        ("file", "/var/a b", "/var/a b"),
        ("dspare", "draid1-0-0", None),
    ]


def test_text_scans() -> None:
    tank, second = both()
    assert tank.scan is not None
    assert second.scan is not None
    assert (tank.scan.kind, tank.scan.state, tank.scan.percent, tank.scan.eta) == ("resilver", "scanning", 25.0, 90.0)
    assert (tank.scan.started, tank.scan.done, tank.scan.total) == (1_789_817_600.0, 512 << 20, 2 << 30)
    assert (second.scan.kind, second.scan.state, second.scan.errors) == ("scrub", "finished", 2)
    assert second.scan.ended == 1_795_341_604.0
    assert second.scan.started == 1_795_341_604.0 - 86_404


@pytest.mark.parametrize(
    ("said", "kind", "state", "when"),
    [
        ("none requested", "", "", None),
        ("scrub canceled on Sun Nov 22 10:00:04 2026", "scrub", "canceled", 1_795_341_604.0),
        ("resilver (mirror-0) canceled on Sun Nov 22 10:00:04 2026", "resilver", "canceled", 1_795_341_604.0),
        (
            "resilvered (mirror-0) 1.5M in 00:00:02 with 0 errors on Sun Nov 22 10:00:04 2026",
            "resilver",
            "finished",
            None,
        ),
        (
            "scrub paused since Sun Nov 22 10:00:04 2026\n\tscrub started on Sun Nov 22 09:00:04 2026\n"
            "\t1G scanned, 512M issued, 2G total\n\t0B repaired, 25.00% done",
            "scrub",
            "paused",
            None,
        ),
    ],
)
def test_text_scan_words(said: str, kind: str, state: str, when: float | None) -> None:
    pool = parse_text.parse_status(f"  pool: a\n state: ONLINE\n  scan: {said}\nerrors: No known data errors\n", "a")
    if not kind:
        assert pool.scan is None
        return
    assert pool.scan is not None
    assert (pool.scan.kind, pool.scan.state) == (kind, state)
    assert when is None or pool.scan.ended == when
    if state == "paused":
        assert (pool.scan.started, pool.scan.percent, pool.scan.eta) == (1_795_341_604.0 - 3600, 25.0, None)


def test_text_scan_as_2_2_words_it() -> None:
    said = (
        "resilver in progress since Sat Sep 19 11:33:20 2026\n\t1.5G / 2G scanned, 512M / 1G issued at 2.35M/s\n"
        "\t5.50M resilvered, 50.00% done, no estimated completion time"
    )
    pool = parse_text.parse_status(f"  pool: a\n state: ONLINE\n  scan: {said}\nerrors: No known data errors\n", "a")
    assert pool.scan is not None
    assert (pool.scan.done, pool.scan.total, pool.scan.percent, pool.scan.eta) == (512 << 20, 1 << 30, 50.0, None)


def test_text_unreadable_error_list_is_unknown_not_zero() -> None:
    pool = parse_text.parse_status(
        "  pool: a\n state: ONLINE\nerrors: List of errors unavailable: permission denied\n", "a"
    )
    assert pool.data_errors is None
    assert pool.trouble() == "does not tell whether files have errors"


def test_pool_called_like_a_section_is_a_pool() -> None:
    config = "\tlogs  ONLINE  0 0 0\n\t  sda  ONLINE  0 0 0\n\tlogs\n\t  sdb  ONLINE  0 0 0\n"
    pool = parse_text.parse_status(f"  pool: logs\n state: ONLINE\nconfig:\n\n{config}", "logs")
    assert [(top.name, top.role) for top in pool.vdevs] == [("sda", "data"), ("sdb", "log")]


IMPORT = """\
   pool: tank
     id: 12345678901234567890
  state: DEGRADED
status: One or more devices are missing from the system.
 action: The pool can be imported despite missing or damaged devices.  The
	fault tolerance of the pool may be compromised if imported.
   see: https://openzfs.github.io/openzfs-docs/msg/ZFS-8000-2Q
 config:

	tank                      DEGRADED
	  mirror-0                DEGRADED
	    virtio-a              ONLINE
	    virtio-b              UNAVAIL  cannot open
	cache
	  virtio-c
	spares
	  virtio-d
"""


def test_importable() -> None:
    [found] = parse_text.parse_importable(IMPORT)
    assert (found.name, found.guid, found.state) == ("tank", "12345678901234567890", "DEGRADED")
    assert found.disks == ("virtio-a", "virtio-b", "virtio-c", "virtio-d")
    assert found.note.startswith("One or more devices are missing")
    assert parse_text.parse_importable("no pools available to import\n") == ()


def importable(name: str = "tank", guid: str = "7", disk: str = "sda", comment: str = "") -> str:
    """What `zpool import` prints of one pool, each text as the label has it."""
    told = f"comment: {comment}\n" if comment else ""
    return (
        f"   pool: {name}\n     id: {guid}\n  state: ONLINE\n action: The pool can be imported.\n{told}"
        f" config:\n\n\t{name:10}  ONLINE\n\t  {disk:8}  UNAVAIL  cannot open\n"
    )


def as_read(*told: str) -> dict[str, Importable]:
    """The pools in that by what they go by."""
    return {one.name: one for one in parse_text.parse_importable("\n".join(told))}


GOOD = as_read(importable())["tank"]


@pytest.mark.parametrize(
    "spoilt",
    [
        importable("evil", "9", disk="/dev/evil\nhello"),
        importable("evil", "9", disk="/dev/evil\n\tlogos\n\t  sdb"),
        importable("evil", "9", comment="x\n  state: ONLINE"),
        importable("evil", "9", comment="x\n     id: 9"),
        importable("evil\nhello", "9"),
        importable("ev“il", "9"),
        importable("7", "9"),
        importable("evil\n     id: 9", "9"),
        importable("evil", "9") + "\tfuture\n\t  sdb  ONLINE\n",
    ],
)
def test_the_label_of_one_disk_hides_no_other_pool(spoilt: str) -> None:
    for told in ((spoilt, importable()), (importable(), spoilt)):
        found = as_read(*told)
        assert found["tank"] == GOOD
        assert (set(found), found["9"].guid, found["9"].state) == ({"tank", "9"}, "9", "UNKNOWN")
        assert "was not understood" in found["9"].note
        assert found["9"].note.endswith("it goes by its GUID here.")
        assert found["9"].note.count("”") <= 1, "the label's words end no quotes"


def test_a_pool_that_a_label_poses_as_goes_by_its_guid() -> None:
    posing = "/dev/x\n\n" + importable("safe", "7", disk="/dev/y")
    found = as_read(importable(), importable("evil", "9", disk=posing))
    assert set(found) == {"7", "evil"}
    assert (found["7"].disks, found["7"].state) == ((), "UNKNOWN")
    found = as_read(importable("evil", "9", disk="/dev/x\n     id: 7\n"), importable())
    assert set(found) == {"7", "9"}


LABELS = st.lists(
    st.text(max_size=20)
    | st.sampled_from(
        ["\n", "\t", "   pool: tank", "     id: 7", "     id: 8", "  state: ONLINE", " config:", "\n\ttank  ONLINE"]
    ),
    max_size=12,
).map("".join)


@given(name=LABELS, disk=LABELS, comment=LABELS, first=st.booleans())
def test_no_label_takes_a_pool_out_of_the_list(name: str, disk: str, comment: str, first: bool) -> None:
    evil = importable(name, "9", disk, comment)
    told = [evil, importable()] if first else [importable(), evil]
    found = parse_text.parse_importable("\n".join(told))
    guids = [one.guid for one in found]
    assert {"7", "9"} <= set(guids)
    assert len(set(guids)) == len(guids)
    [good] = [one for one in found if one.guid == "7"]
    assert good == GOOD or (good.name == "7" and "id: 7" in evil)


def test_a_pool_of_which_a_disk_is_not_there_at_all_is_read() -> None:
    rest = (
        "\n\tAdditional devices are known to be part of this pool, though their\n"
        "\texact configuration cannot be determined.\n"
    )
    assert as_read(importable() + rest, importable("b", "8")) == as_read(importable(), importable("b", "8"))


def test_long_texts_of_labels_are_read_in_one_go() -> None:
    """Neither takes time by the square, or the cube, of its length: half an hour for these."""
    wide, many = "/dev/a" + " " * 200_000 + "b", "x\n" + "see: y\n" * 30_000
    found = as_read(importable(disk=wide), importable("evil", "9", comment=many))
    assert set(found) == {"tank", "9"}
    ids = "".join(f"\nid:{100 + number}" for number in range(12_000))
    found = as_read(importable(), importable("evil", "9", comment="x" + ids))
    assert (len(found), found["tank"]) == (12_002, GOOD)
    assert "it tells 12001 ids" in found["9"].note
    spoilt = f"  pool: a\n state: ONLINE\nconfig:\n\n\ta  ONLINE\n\t  {many}"
    assert parse_text.parse_status(spoilt, "a").state == "ONLINE"


def member_gone(path: str) -> str:
    """What `zpool status -ps` prints before 2.3 of a pool with a member that is not there, by the path on its label."""
    return (
        "  pool: a\n state: DEGRADED\n  scan: none requested\nconfig:\n\n\tNAME   STATE     READ WRITE CKSUM\n"
        f"\ta      DEGRADED     0     0     0\n\t  123  UNAVAIL      0     0     0  was {path}\n\n"
        "errors: 7 data errors, use '-v' for a list\n"
    )


CLEAN = "errors: No known data errors"
SCRUBBED = "  scan: scrub repaired 0B in 00:10:00 with 0 errors on Sun Nov 22 10:00:00 2026"


@pytest.mark.parametrize(
    "label",
    [
        *(f"x\n{CLEAN}", f"x\n{CLEAN}\n  pool: b\n state: ONLINE", f"x\nconfig:\n{CLEAN}", "x\n  pool: a"),
        *(f"x\nstatus: {CLEAN}\naction: all is well", "x\n state: ONLINE"),
    ],
)
def test_a_label_says_of_its_own_pool_neither_that_it_was_scrubbed_nor_that_it_is_free_of_errors(label: str) -> None:
    told = member_gone(f"{label}\n{SCRUBBED}")
    found = parse_text.parse_status(told, "a")
    assert (found.state, found.status, found.action, found.scan) == ("DEGRADED", "", "", None)
    assert found.data_errors in (None, 7)
    if CLEAN in label.splitlines():
        assert found.data_errors is None
    scrubbed = parse_text.parse_status(
        told.replace("  scan: none requested", SCRUBBED.replace("0 errors", "3 errors")), "a"
    )
    assert scrubbed.scan is not None
    assert scrubbed.scan.errors == 3


def test_a_pool_with_a_member_that_is_gone_tells_its_own_errors() -> None:
    found = parse_text.parse_status(member_gone("/dev/x"), "a")
    assert (found.data_errors, found.scan, [leaf.note for leaf in found.vdevs]) == (7, None, ["was /dev/x"])


NUMBERS = ["7", "9" * 21, "9" * 400, "9" * 5000, "9" * 400 + "Z", "9" * 30 + "." + "9" * 30 + "K", "\u0669"]
SPOKEN = [
    *("x", "\n", "{}", "\n\tNAME  STATE  READ", "\n\t  y  ONLINE  {}  0  0", "\nerrors: {} data errors"),
    "\n  scan: scrub repaired 0B in {} days 00:00:00 with {} errors on Sun Nov {} 10:00:04 {}",
    "\n  scan: scrub in progress since x\n\t{} issued, {} total, {}% done, {} days 00:00:00 to go",
    "\n   pool: b\n     id: 8\n  state: ONLINE\n config:\n\n\tb  ONLINE  {}",
]


@given(
    st.lists(
        st.builds(lambda line, number: line.replace("{}", number), st.sampled_from(SPOKEN), st.sampled_from(NUMBERS)),
        max_size=5,
    ).map("".join)
)
def test_a_number_of_any_length_in_a_label_is_unknown_and_hides_nothing(label: str) -> None:
    with suppress(CommandError):
        assert parse_text.parse_status(member_gone(label), "a").state == "DEGRADED"
    for evil in (importable("evil", "9", disk=label), importable(f"evil{label}", "9")):
        assert as_read(importable(), evil)["tank"] == GOOD


@pytest.mark.parametrize("number", ["9" * 21, "9" * 400, "9" * 5000])
def test_a_number_that_zfs_cannot_have_written_is_unknown(number: str) -> None:
    told = "  pool: a\n state: ONLINE\n  scan: {}\nerrors: {} data errors\n".format
    scrub = "scrub repaired 0B in {} days 00:00:00 with {} errors on Sun Nov 22 10:00:04 2026".format
    found = parse_text.parse_status(told(scrub(number[:400], 0), number), "a")
    assert found.data_errors is None
    assert found.scan is not None
    assert (found.scan.ended, found.scan.started, found.scan.errors) == (1_795_341_604.0, None, 0)
    found = parse_text.parse_status(told(scrub(1, number[:400]), 3), "a")
    assert found.data_errors == 3
    assert found.scan is not None
    assert (found.scan.started, found.scan.errors) == (1_795_341_604.0 - 86_400, None)
    tree = f"config:\n\n\tNAME  STATE  READ WRITE CKSUM\n\ta  ONLINE  0  0  0\n\t  b  ONLINE  {number}  0  0\n"
    assert parse_text.parse_status(f"  pool: a\n state: ONLINE\n{tree}", "a").vdevs[0].read_errors is None


@pytest.mark.parametrize(
    "text", ["what?\n", "     id: 7\n", "  pool: a\n", "  pool: a\n     id: ²\n", "  pool: a\n     id: 07\n", "\tx\n"]
)
def test_what_tells_of_no_pool_is_not_taken_for_none(text: str) -> None:
    with pytest.raises(CommandError, match="`zpool import` said was not understood"):
        parse_text.parse_importable(text)


@pytest.mark.parametrize(
    "text", ["what?\n", " state: ONLINE\n", "  pool: a\n", "  pool: a\n state: ONLINE\nconfig:\n\n\t???\n", "\tx\n", ""]
)
def test_text_garbage_is_told(text: str) -> None:
    with pytest.raises(CommandError, match="was not understood"):
        parse_text.parse_status(text, "a")


def test_text_of_another_pool_is_not_taken() -> None:
    with pytest.raises(CommandError, match="does not begin with the pool second"):
        parse_text.parse_status(TEXT, "second")


PARSERS = [
    parse_json.parse_status,
    partial(parse_text.parse_status, name="a"),
    parse_text.parse_importable,
    parse_lists.parse_spaces,
    partial(parse_lists.rows, columns=parse_lists.DATASETS.plain, program="zfs"),
    lambda text: parse_lists.parse_datasets(parse_lists.DATASETS.whole(text) or ()),
    parse_lists.parse_snapshots,
]
PIECES = st.sampled_from(
    [*TEXT.splitlines(keepends=True), *IMPORT.splitlines(keepends=True), "\t", "\n", "  pool: ", "\0"]
)
NESTED = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["pools", "a", "state", "pool_guid", "vdevs", "logs", "scan_stats", "name", "function", "was"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)


@pytest.mark.parametrize("parser", PARSERS)
@given(
    text=st.text(max_size=300)
    | st.lists(PIECES, max_size=30).map("".join)
    | NESTED.map(json.dumps)
    | NESTED.map(
        lambda body: json.dumps({"pools": {"a": {"state": "ONLINE", "pool_guid": 1, "vdevs": body, "logs": body}}})
    )
    | NESTED.map(lambda body: json.dumps({"pools": {"a": {"state": "ONLINE", "pool_guid": 1, "scan_stats": body}}}))
)
def test_garbage_gives_a_result_or_a_sentence(parser: Any, text: str) -> None:
    try:
        found = parser(text)
    except CommandError as error:
        found = error.message
    if isinstance(found, str):
        assert "was not understood" in found
        assert clean(found) == found
    else:
        assert isinstance(found, (tuple, dict, list, Pool))


DATASET = "tank/a\tfilesystem\t77\t12\t100\t200\t50\tyes\toff\t-\t-\t-\t-\tlz4\toff\t40\t-\t/tank/a\ttank/a"


def datasets(text: str) -> tuple[Dataset, ...]:
    """Those of a listing in which every text fits."""
    listed = parse_lists.DATASETS.whole(text)
    assert listed is not None
    return parse_lists.parse_datasets(listed)


def test_datasets_volumes_and_encrypted_ones() -> None:
    encrypted = (
        "tank/e\tfilesystem\t78\t13\t1\t2\t3\tno\taes-256-gcm\tunavailable\ttank/e\t1-abc\t-\ton\ton\t0\tattic\tnone"
        "\ttank/e"
    )
    volume = "tank/v\tvolume\t79\t14\t1\t2\t3\t-\toff\tnone\t-\t-\ttank/a@x\tzstd-3\toff\t-\t-\t-\ttank/v"
    a, e, v = datasets("\n".join([DATASET, encrypted, volume, ""]))
    assert (a.mountpoint, a.mounted, a.encryption, a.key_status, a.readonly) == ("/tank/a", True, "off", None, False)
    assert (e.encryption, e.key_status, e.encryption_root) == ("aes-256-gcm", "unavailable", "tank/e")
    assert (e.resume_token, e.mounted, e.readonly, e.peer) == ("1-abc", False, True, "attic")
    assert a.peer == v.peer == ""
    assert (a.by_snapshots, e.by_snapshots, v.by_snapshots) == (40, 0, None)
    assert (v.kind, v.mounted, v.mountpoint, v.origin, v.compression) == ("volume", None, None, "tank/a@x", "zstd-3")


@pytest.mark.parametrize("wrong", [{1: "snapshot"}, {2: "0"}, {2: "x"}, {3: "-"}])
def test_a_row_that_is_of_no_dataset_is_told(wrong: dict[int, str]) -> None:
    row = DATASET.split("\t")[:-1]
    with pytest.raises(CommandError, match="was not understood"):
        parse_lists.parse_datasets([[wrong.get(at, cell) for at, cell in enumerate(row)]])


def test_pools_between_two_commands() -> None:
    spaces = parse_lists.parse_spaces("a\t1\t10\t4\t6\t40\t-\tONLINE\toff\nb\t2\t-\t-\t-\t-\t-\tFAULTED\ton\n")
    pools = parse_lists.merge([Pool("a", "", "ONLINE"), Pool("gone", "", "ONLINE")], spaces)
    assert [(pool.name, pool.guid, pool.state, pool.readonly) for pool in pools] == [
        ("a", "1", "ONLINE", False),
        ("b", "2", "FAULTED", True),
    ]
    assert (pools[0].size, pools[0].capacity, pools[0].fragmentation) == (10, 40, None)
    assert pools[1].size is None
    reborn = parse_lists.merge([Pool("a", "9", "ONLINE", data_errors=0)], spaces)[0]
    assert (reborn.guid, reborn.data_errors) == (
        "1",
        None,
    )  # destroyed and made anew in between: the tree is the old one's


def test_snapshots_and_bookmarks() -> None:
    found = parse_lists.parse_snapshots("t/a@x\t5\t10\t1700000000\t1\t2\nt/a#y\t5\t10\t1700000000\t-\t-\n")
    assert [(one.dataset, one.short, one.bookmark, one.used) for one in found] == [
        ("t/a", "x", False, 1),
        ("t/a", "y", True, None),
    ]
