"""The service against a box that is played: what it asks, and that it believes only what it reads back.

Played, because a system that takes an order and does not follow it, or hangs, cannot be had from a real ZFS at will;
the real one is in tests/lab/test_pools.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from dplane_tui.errors import CommandError, MissingError, RefusedError, TimedOutError
from dplane_tui.services.host.base import DEFAULT_TIMEOUT, Output
from dplane_tui.services.zfs.model import Dataset, Importable, Pool, Scan, Snapshot
from dplane_tui.services.zfs.parse_lists import DATASET_COLUMNS, SNAPSHOT_COLUMNS
from dplane_tui.services.zfs.requests import CreateDataset, CreatePool, VdevSpec
from dplane_tui.services.zfs.service import ZfsService

HELPER = "/opt/dplane/releases/1/libexec/privhelper"
LSBLK = {
    "blockdevices": [
        {"name": name, "type": "disk", "size": 1 << 33, "ro": False, "rota": True, "mountpoints": [None]}
        for name in ("vda", "vdb")
    ]
}


class PlayedBox:
    """A box of which the test says what is on it, what the door answers, and which commands hang."""

    name = "box"
    local = False

    def __init__(self) -> None:
        self.pools: dict[str, dict[str, Any]] = {}
        self.datasets: list[str] = []
        self.snapshots: list[str] = []
        self.files: dict[str, str] = {"/proc/uptime": "100.0 1.0\n", "/proc/stat": "cpu 1\nbtime 1790000000\n"}
        self.values: dict[str, str] = {}
        self.texts: dict[str, str] = {}
        """What `zpool status -ps` says of each pool."""
        self.version = "zfs-2.3.9-1\nzfs-kmod-2.3.9-1\n"
        self.answer: dict[str, Any] = {}
        self.does: Callable[[dict[str, Any]], None] = lambda _request: None
        self.requests: list[dict[str, Any]] = []
        self.ran: list[list[str]] = []
        self.hangs: Callable[[Sequence[str]], bool] = lambda _argv: False
        self.fails: dict[str, str] = {}

    def add_pool(self, name: str, guid: int, **more: Any) -> None:
        """Put an imported pool on the box."""
        self.pools[name] = {"name": name, "state": "ONLINE", "pool_guid": guid, "error_count": 0, **more}
        self.files[f"/proc/spl/kstat/zfs/{name}/state"] = self.pools[name]["state"] + "\n"

    async def read_files(self, _paths: Sequence[str]) -> dict[str, str]:
        return dict(self.files)

    async def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = DEFAULT_TIMEOUT) -> Output:
        words = list(argv)
        if words[:3] == ["sudo", "-n", HELPER]:
            request = json.loads(stdin)
            self.requests.append(request)
            self.does(request)
            return Output(0, json.dumps({"ok": True, "verb": request["verb"], **self.answer}).encode(), b"")
        self.ran.append(words)
        if self.hangs(words):
            raise TimedOutError(f"{words[0]} did not answer within {timeout:.0f} s on box.")
        if words[0] in self.fails:
            return Output(1, b"", self.fails[words[0]].encode())
        return Output(0, self._output(words).encode(), b"")

    def _output(self, words: list[str]) -> str:
        only = [name for name in self.pools if name in words] or list(self.pools)
        if words[0] == "readlink":
            return HELPER
        if words[0] == "id":
            return "1000"
        if words[:2] == ["zfs", "version"]:
            return self.version
        if words[:2] == ["zpool", "list"]:
            return "".join(
                f"{name}\t{self.pools[name]['pool_guid']}\t100\t40\t60\t40\t1\t{self.pools[name]['state']}\toff\n"
                for name in only
            )
        if "-ps" in words:
            return "\n".join(self.texts[name] for name in only)
        if "status" in words:
            return json.dumps({"pools": {name: self.pools[name] for name in only}})
        if words[0] == "lsblk":
            return json.dumps(LSBLK)
        if words[0] == "find":
            return "ata-a\t../../vda\nata-b\t../../vdb\n"
        if words[:2] == ["zpool", "get"]:
            return self.values[words[4]] + "\n"
        if words[:2] == ["zfs", "get"]:
            return self.values[words[4]] + "\n"
        if DATASET_COLUMNS in words:
            return "".join(line + "\n" for line in self.datasets)
        assert SNAPSHOT_COLUMNS in words, words
        return "".join(line + "\n" for line in self.snapshots)


@pytest.fixture
def box() -> PlayedBox:
    """A box with one pool."""
    found = PlayedBox()
    found.add_pool("tank", 7)
    return found


def service(box: PlayedBox) -> ZfsService:
    """The service on that box."""
    return ZfsService(box)  # type: ignore[arg-type]  # it needs no `open`


def row(name: str, guid: int, mountpoint: str = "") -> str:
    """A file system as `zfs list` prints it."""
    texts = f"-\t{mountpoint or f'/{name}'}\t{name}"
    return f"{name}\tfilesystem\t{guid}\t1\t1\t1\t1\tyes\toff\t-\t-\t-\t-\ton\toff\t0\t{texts}"


TANK = Pool("tank", "7", "ONLINE")
DATA = Dataset("tank/a", "filesystem", "77")
SNAP = Snapshot("tank/a@x", "5", 10)


async def test_pools_with_space_and_eta_on_the_boxs_own_clock(box: PlayedBox) -> None:
    scan = {"function": "SCRUB", "state": "SCANNING", "to_examine": 100, "issued": 50, "pass_start": 1790000050}
    box.pools["tank"]["scan_stats"] = {**scan, "issued_bytes_per_scan": 50}
    [pool] = await service(box).pools()
    assert (pool.guid, pool.size, pool.capacity, pool.fragmentation) == ("7", 100, 40, 1)
    assert pool.scan is not None
    assert pool.scan.eta == 50.0


async def test_older_zfs_is_read_as_text_in_utc(box: PlayedBox) -> None:
    box.version = "zfs-2.1.11-1\nzfs-kmod-2.1.11-1\n"
    box.texts = {"tank": as_text("tank", "ONLINE", "/dev/sda1  ONLINE  0  0  0")}
    [pool] = await service(box).pools()
    assert (pool.guid, pool.size, pool.trouble(), [leaf.name for leaf in pool.leaves()]) == ("7", 100, "", ["sda1"])
    assert [words for words in box.ran if "status" in words] == [["env", "TZ=UTC", "zpool", "status", "-ps", "tank"]]


def as_text(name: str, state: str, device: str) -> str:
    """A pool with one device as `zpool status -ps` prints it."""
    config = f"\tNAME  STATE  READ WRITE CKSUM\n\t{name}  {state}  0  0  0\n\t  {device}\n"
    return f"  pool: {name}\n state: {state}\nconfig:\n\n{config}\nerrors: No known data errors\n"


async def test_what_a_label_holds_speaks_for_no_other_pool(box: PlayedBox) -> None:
    """The path of a device that is missing is the label's text, raw, in ZFS before 2.3."""
    box.version = "zfs-2.1.11-1\nzfs-kmod-2.1.11-1\n"
    box.add_pool("tank", 7, state="DEGRADED")
    box.add_pool("usb", 8, state="DEGRADED")
    scrubbed = " scan: scrub repaired 0B in 00:10:00 with 0 errors on Wed Nov 25 10:00:00 2026\n"
    forged = as_text("tank", "ONLINE", "/dev/sda1  ONLINE  0  0  0").replace("config:", f"{scrubbed}config:")
    path = f"/dev/x\n\nerrors: No known data errors\n\n{forged}\n{as_text('zz', 'ONLINE', '/dev/x  ONLINE')}"
    box.texts = {
        "tank": as_text("tank", "DEGRADED", "/dev/sda1  FAULTED  12  0  0  too many errors"),
        "usb": as_text("usb", "DEGRADED", f"123456789  UNAVAIL  0  0  0  was {path}"),
    }
    tank, usb = await service(box).pools()
    assert (tank.guid, tank.state, tank.scan, [leaf.state for leaf in tank.leaves()]) == (
        "7",
        "DEGRADED",
        None,
        ["FAULTED"],
    )
    assert (usb.guid, usb.state, usb.vdevs[0].note) == ("8", "DEGRADED", "was /dev/x")


async def test_a_label_that_cannot_be_read_hides_only_its_own_pool(box: PlayedBox) -> None:
    box.version = "zfs-2.1.11-1\nzfs-kmod-2.1.11-1\n"
    box.add_pool("usb", 8)
    box.texts = {
        "tank": as_text("tank", "ONLINE", "/dev/sda1  FAULTED  12  0  0"),
        "usb": as_text("usb", "ONLINE", "123456789  UNAVAIL  0  0  0  was /dev/x\nwhat fits nothing"),
    }
    tank, usb = await service(box).pools()
    assert tank.trouble() == "has a device that is FAULTED: sda1"
    assert (usb.guid, usb.state, usb.size, usb.vdevs) == ("8", "ONLINE", 100, ())
    assert "was not understood" in usb.status
    assert usb.trouble() == "does not tell whether files have errors"


async def test_suspended_pool_that_hangs_is_told_from_the_kernel_and_not_asked_again(box: PlayedBox) -> None:
    box.add_pool("stuck", 9, state="SUSPENDED")
    box.files["/proc/spl/kstat/zfs/stuck/guid"] = "9\n"
    box.hangs = lambda argv: argv[0] == "zpool" and ("stuck" in argv or "tank" not in argv)
    zfs = service(box)
    for _ in range(3):
        tank, stuck = await zfs.pools()
        assert (tank.name, tank.state, tank.size) == ("tank", "ONLINE", 100)
        assert (stuck.name, stuck.state, stuck.guid) == ("stuck", "SUSPENDED", "9")
        assert (stuck.size, stuck.data_errors) == (None, None)
        assert stuck.trouble() == "is SUSPENDED"
    assert len([argv for argv in box.ran if box.hangs(argv)]) == 2  # list and status, once each
    box.files["/proc/spl/kstat/zfs/stuck/state"] = "ONLINE\n"
    box.hangs = lambda _argv: False
    assert [pool.size for pool in await zfs.pools()] == [100, 100]


async def test_suspended_pool_that_answers_is_shown_whole(box: PlayedBox) -> None:
    box.files["/proc/spl/kstat/zfs/tank/state"] = "SUSPENDED\n"
    [pool] = await service(box).pools()
    assert (pool.state, pool.size) == ("SUSPENDED", 100)


async def test_a_hang_without_a_suspended_pool_is_an_error(box: PlayedBox) -> None:
    box.hangs = lambda argv: argv[0] == "zpool"
    with pytest.raises(TimedOutError):
        await service(box).pools()


@pytest.mark.parametrize(
    ("stderr", "kind", "words"),
    [
        ("The ZFS modules cannot be auto-loaded.\nTry running 'modprobe zfs'", MissingError, "module is not loaded"),
        ("cannot open 'tank/a': dataset does not exist", MissingError, "no dataset tank/a on box"),
        ("cannot open\x1b[2J 'x': I/O error", CommandError, "I/O error"),
    ],
)
async def test_zfs_failures_are_sentences(box: PlayedBox, stderr: str, kind: type[Exception], words: str) -> None:
    box.fails["zfs"] = stderr
    with pytest.raises(kind, match=words) as caught:
        await service(box).dataset("tank/a")
    assert "\x1b" not in str(caught.value)


async def test_disks_without_zfs(box: PlayedBox) -> None:
    box.fails["zpool"] = "The ZFS modules are not loaded."
    assert [disk.id for disk in await service(box).disks()] == ["ata-a", "ata-b"]


def scan(state: str, started: int = 5) -> dict[str, Any]:
    """A scrub as ZFS tells it."""
    return {"function": "SCRUB", "state": state, "start_time": started, "end_time": 9, "to_examine": 10, "issued": 1}


async def test_scrub_is_believed_when_zfs_tells_of_it(box: PlayedBox) -> None:
    box.does = lambda _request: box.pools["tank"].update(scan_stats=scan("SCANNING"))
    assert (await service(box).scrub(TANK, "start")).state == "scanning"
    assert box.requests == [{"verb": "scrub-start", "pool": "tank", "guid": "7"}]
    before = Pool("tank", "7", "ONLINE", scan=Scan("scrub", "finished", started=4))
    box.does = lambda _request: box.pools["tank"].update(scan_stats=scan("FINISHED"))
    assert (await service(box).scrub(before, "start")).state == "finished"  # so small that it ended at once


@pytest.mark.parametrize(("action", "left"), [("start", "CANCELED"), ("pause", "SCANNING"), ("stop", "SCANNING")])
async def test_scrub_that_did_not_follow_is_no_success(box: PlayedBox, action: str, left: str) -> None:
    box.pools["tank"]["scan_stats"] = scan(left)
    with pytest.raises(CommandError, match="ZFS took the order, but"):
        await service(box).scrub(TANK, action)


async def test_scrub_of_before_is_no_evidence(box: PlayedBox) -> None:
    box.pools["tank"]["scan_stats"] = scan("FINISHED", started=5)
    before = Pool("tank", "7", "ONLINE", scan=Scan("scrub", "finished", started=5))
    with pytest.raises(CommandError, match="is finished"):
        await service(box).scrub(before, "start")


async def test_clear_of_a_pool_that_stays_suspended_is_no_success(box: PlayedBox) -> None:
    assert (await service(box).clear(TANK, "vdb")).name == "tank"
    assert box.requests[-1] == {"verb": "pool-clear", "pool": "tank", "guid": "7", "vdev": "vdb"}
    box.files["/proc/spl/kstat/zfs/tank/state"] = "SUSPENDED\n"
    with pytest.raises(CommandError, match="still suspended"):
        await service(box).clear(TANK)


async def test_create_pool(box: PlayedBox) -> None:
    request = CreatePool("new", (VdevSpec("mirror", ("ata-a", "ata-b")),), {"compression": "lz4"})
    box.answer = {"guid": "11"}
    with pytest.raises(CommandError, match="the new pool new is not listed"):
        await service(box).create_pool(request)
    box.does = lambda _request: box.add_pool("new", 11)
    assert (await service(box).create_pool(request)).guid == "11"
    assert box.requests[-1] == {
        "verb": "pool-create",
        "pool": "new",
        "vdevs": ["mirror", "ata-a", "ata-b"],
        "properties": {"compression": "lz4"},
    }


async def test_create_pool_on_an_unknown_disk_reaches_no_door(box: PlayedBox) -> None:
    with pytest.raises(RefusedError):
        await service(box).create_pool(CreatePool("new", (VdevSpec("mirror", ("ata-a", "ata-z")),)))
    assert box.requests == []


async def test_import_export_and_destroy_are_read_back(box: PlayedBox) -> None:
    zfs = service(box)
    with pytest.raises(CommandError, match="still there, not exported"):
        await zfs.export(TANK)
    with pytest.raises(CommandError, match="still there, not destroyed"):
        await zfs.destroy_pool(TANK)
    box.does = lambda _request: box.pools.clear()
    await zfs.export(TANK)
    box.does = lambda _request: None
    with pytest.raises(CommandError, match="is not listed"):
        await zfs.import_pool(Importable("tank", "7", "ONLINE"))
    box.does = lambda _request: box.add_pool("other", 7)
    box.answer = {"not_mounted": ["other/x: it is locked."], "unshared": ["other: sharenfs was on"]}
    made = await zfs.import_pool(Importable("tank", "7", "ONLINE"), "other", readonly=True)
    assert made.name == "other"
    assert made.left() == ("Not mounted: other/x: it is locked.", "No longer shared by itself: other: sharenfs was on.")
    assert box.requests[-1] == {"verb": "pool-import", "guid": "7", "name": "other", "readonly": True}


async def test_create_dataset_is_the_one_the_helper_made(box: PlayedBox) -> None:
    box.datasets, box.answer = [row("tank/a", 77)], {"guid": "77"}
    assert (await service(box).create_dataset(CreateDataset("tank/a", parents=True, mount=False))).guid == "77"
    assert box.requests[-1] == {"verb": "dataset-create", "dataset": "tank/a", "parents": True, "mount": False}
    await service(box).create_dataset(CreateDataset("tank/a", volume_size="1G", sparse=True))
    assert box.requests[-1] == {"verb": "volume-create", "dataset": "tank/a", "size": "1G", "sparse": True}
    box.answer = {"guid": "78"}
    with pytest.raises(CommandError, match="another dataset has that name"):
        await service(box).create_dataset(CreateDataset("tank/a"))


async def test_property_that_reads_back_otherwise_is_no_success(box: PlayedBox) -> None:
    box.values["quota"] = "1073741824"
    assert await service(box).set_property(DATA, "quota", "1G") == "1073741824"
    assert box.requests[-1] == {
        "verb": "dataset-set",
        "dataset": "tank/a",
        "guid": "77",
        "property": "quota",
        "value": "1G",
    }
    with pytest.raises(CommandError, match="reads back as 1073741824"):
        await service(box).set_property(DATA, "quota", "2G")


async def test_destroy_goes_by_the_plan_of_its_preview(box: PlayedBox) -> None:
    box.answer = {
        "stdout": "destroy\ttank/a/b\ndestroy\ttank/a\nreclaim\t4096\n",
        "plan": "f" * 64,
        "destroys": ["tank/a", "tank/a/b"],
    }
    zfs = service(box)
    preview = await zfs.destroy_preview(DATA, recursive=True)
    assert (preview.objects, preview.reclaim, preview.plan) == (("tank/a", "tank/a/b"), 4096, "f" * 64)
    assert box.requests[-1]["dry_run"] is True
    box.datasets = [row("tank", 1), row("tank/a", 77)]
    with pytest.raises(CommandError, match="tank/a is still listed"):
        await zfs.destroy(preview)
    box.datasets = [row("tank", 1), row("tank/a", 78)]  # another one of that name is not it
    await zfs.destroy(preview)
    assert box.requests[-1] == {
        "verb": "dataset-destroy",
        "dataset": "tank/a",
        "guid": "77",
        "recursive": True,
        "plan": "f" * 64,
    }


async def test_destroy_of_a_snapshot_is_read_back(box: PlayedBox) -> None:
    box.answer = {"stdout": "destroy\ttank/a@x\nreclaim\t0\n"}
    preview = await service(box).destroy_preview(SNAP)
    assert preview.objects == ("tank/a@x",)
    box.snapshots = ["tank/a@x\t5\t10\t1\t1\t1"]
    with pytest.raises(CommandError, match="still listed"):
        await service(box).destroy(preview)
    box.snapshots = []
    await service(box).destroy(preview)


async def test_rollback_is_believed_when_the_snapshot_is_the_newest(box: PlayedBox) -> None:
    box.answer = {"plan": "e" * 64, "destroys": ["tank/a@y"]}
    preview = await service(box).rollback_preview(SNAP)
    assert (preview.act, preview.objects, preview.plan) == ("rollback", ("tank/a@y",), "e" * 64)
    box.snapshots = ["tank/a@x\t5\t10\t1\t1\t1", "tank/a@y\t6\t11\t1\t1\t1"]
    with pytest.raises(CommandError, match="is not the newest snapshot"):
        await service(box).rollback(preview)
    box.snapshots = box.snapshots[:1]
    assert (await service(box).rollback(preview)).guid == "5"
    assert box.requests[-1]["plan"] == "e" * 64


async def test_snapshot_is_the_one_the_helper_took(box: PlayedBox) -> None:
    box.snapshots, box.answer = ["tank/a@x\t5\t10\t1\t1\t1"], {"guid": "5"}
    assert (await service(box).snapshot(DATA, "x", recursive=True)).guid == "5"
    assert box.requests[-1] == {"verb": "snapshot-create", "snapshot": "tank/a@x", "recursive": True}
    box.answer = {"guid": "6"}
    with pytest.raises(CommandError, match="another snapshot has that name"):
        await service(box).snapshot(DATA, "x")
    with pytest.raises(RefusedError):
        await service(box).snapshot(DATA, "x@y")


async def test_snapshots_come_oldest_first(box: PlayedBox) -> None:
    box.snapshots = ["tank/a@b\t6\t11\t1\t1\t1", "tank/a#a\t5\t10\t1\t-\t-", "tank/a@a\t5\t10\t1\t1\t1"]
    assert [one.name for one in await service(box).snapshots("tank/a")] == ["tank/a#a", "tank/a@a", "tank/a@b"]
