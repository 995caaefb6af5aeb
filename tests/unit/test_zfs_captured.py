"""The parsers on output captured from real OpenZFS (tests/fixtures/zfs/VERSION/CASE, made by capture.sh there)."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from dplane_tui.services.zfs.model import Pool, Vdev
from dplane_tui.services.zfs.parse_disks import parse_disks, parse_links
from dplane_tui.services.zfs.parse_json import parse_status as parse_json
from dplane_tui.services.zfs.parse_lists import DATASETS, merge, parse_datasets, parse_snapshots, parse_spaces
from dplane_tui.services.zfs.parse_text import parse_importable
from dplane_tui.services.zfs.parse_text import parse_status as parse_text

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "zfs"
VERSIONS = sorted(path.name for path in FIXTURES.iterdir() if path.is_dir())
FORMATS = [
    (version, name)
    for version in VERSIONS
    for name in ("status.json", "status.txt")
    if (FIXTURES / version / "classes" / name).exists()
]


def read(version: str, case: str, name: str) -> str:
    """A captured output."""
    return (FIXTURES / version / case / name).read_text("utf-8", "replace")


def pools(version: str, name: str, case: str) -> tuple[Pool, ...]:
    """The pools of a case, as the service puts them together."""
    told, spaces = read(version, case, name), parse_spaces(read(version, case, "list.txt"))
    if name == "status.json":
        return merge(parse_json(told), spaces)
    # Captured at once; the service asks for each by its name, and is told the same of it.
    each = (f"  pool: {one}" for one in told.split("  pool: ")[1:])
    return merge([parse_text(one, one.split("\n")[0].removeprefix("  pool: ")) for one in each], spaces)


def shape(vdev: Vdev) -> str:
    """A vdev and what is below it, on one line."""
    inner = f"[{' '.join(map(shape, vdev.children))}]" if vdev.children else ""
    return f"{vdev.kind}:{vdev.state}{inner}"


def shapes(pool: Pool) -> list[str]:
    """The top-level vdevs with their roles."""
    return [f"{vdev.role} {shape(vdev)}" for vdev in pool.vdevs]


def notes(pool: Pool) -> set[str]:
    """What is said behind the lines of a pool."""
    return {vdev.note for vdev in pool.leaves() if vdev.note}


def test_there_are_captures() -> None:
    assert {("2.1.11", "status.txt"), ("2.3.9", "status.txt"), ("2.3.9", "status.json")} <= set(FORMATS)


every = pytest.mark.parametrize(("version", "name"), FORMATS)
CLASSES = [
    "data mirror:ONLINE[file:ONLINE file:ONLINE]",
    "dedup mirror:ONLINE[file:ONLINE file:ONLINE]",
    "special mirror:ONLINE[file:ONLINE file:ONLINE]",
    "log file:ONLINE",
    "cache file:ONLINE",
    "spare file:AVAIL",
]


@every
def test_all_classes(version: str, name: str) -> None:
    [pool] = pools(version, name, "classes")
    assert (pool.name, pool.state, pool.data_errors, pool.trouble()) == ("tank", "ONLINE", 0, "")
    assert sorted(shapes(pool)) == sorted(CLASSES)
    assert pool.scan is None
    assert pool.guid.isdigit()
    assert pool.size is not None
    assert pool.allocated is not None
    assert 40 << 20 < pool.allocated < pool.size


@every
@pytest.mark.parametrize(
    ("case", "kind", "state"),
    [
        ("scrubbed", "scrub", "finished"),
        ("scrubbing", "scrub", "scanning"),
        ("scrub-paused", "scrub", "paused"),
        ("scrub-canceled", "scrub", "canceled"),
        ("replacing", "resilver", "scanning"),
        ("resilvering", "resilver", "scanning"),
        ("resilvered", "resilver", "finished"),
        ("spare-resilvering", "resilver", "scanning"),
        ("draid-spare", "resilver", "finished"),
    ],
)
def test_scans(version: str, name: str, case: str, kind: str, state: str) -> None:
    scan = pools(version, name, case)[0].scan
    assert scan is not None
    assert (scan.kind, scan.state) == (kind, state)
    running = state in ("scanning", "paused")
    assert (scan.percent is not None) is running
    if running:
        assert 0 <= (scan.percent or 0) <= 100
        assert scan.started is not None
        assert scan.ended is None
    else:
        assert scan.ended is not None
        assert scan.ended > 1_700_000_000
        assert state == "canceled" or scan.errors == 0


@every
@pytest.mark.parametrize(
    ("case", "state", "data"),
    [
        ("degraded", "DEGRADED", "data mirror:DEGRADED[file:OFFLINE file:ONLINE]"),
        ("faulted", "DEGRADED", "data mirror:DEGRADED[file:FAULTED file:ONLINE]"),
        ("spare-in-use", "DEGRADED", "data mirror:DEGRADED[spare:DEGRADED[file:FAULTED file:ONLINE] file:ONLINE]"),
        ("replacing", "ONLINE", "data mirror:ONLINE[file:ONLINE replacing:ONLINE[file:ONLINE file:ONLINE]]"),
        ("missing", "DEGRADED", "data mirror:DEGRADED[{}:UNAVAIL file:ONLINE]"),
        ("draid", "ONLINE", "data draid1:2d:5c:1s:ONLINE[file:ONLINE file:ONLINE file:ONLINE file:ONLINE file:ONLINE]"),
        ("removed", "DEGRADED", "data mirror:DEGRADED[disk:REMOVED disk:ONLINE]"),
        ("vdev-removed", "ONLINE", "data file:ONLINE"),
    ],
)
def test_states(version: str, name: str, case: str, state: str, data: str) -> None:
    pool = pools(version, name, case)[0]
    assert pool.state == state
    [found] = [shape for shape in shapes(pool) if shape.startswith("data ")]
    assert found in {data, data.format("file"), data.format("missing")}
    assert bool(pool.trouble()) is (state != "ONLINE")
    assert state == "ONLINE" or pool.status


@every
def test_notes(version: str, name: str) -> None:
    assert "resilvering" in notes(pools(version, name, "resilvering")[0])
    [spare] = [vdev for vdev in pools(version, name, "spare-in-use")[0].vdevs if vdev.role == "spare"]
    assert (spare.state, spare.note) == ("INUSE", "currently in use")
    assert any(note.startswith("was /") for note in notes(pools(version, name, "missing")[0]))


def test_disk_gone_but_not_yet_suspended() -> None:
    [pool] = pools("2.1.11", "status.txt", "write-errors")
    assert read("2.1.11", "write-errors", "kstat-state.txt") == "ONLINE\n"
    assert (pool.state, pool.data_errors) == ("ONLINE", 4)
    assert [leaf.write_errors for leaf in pool.leaves()] == [37473]
    assert pool.trouble()


@pytest.mark.parametrize(("version", "name"), [pair for pair in FORMATS if (FIXTURES / pair[0] / "suspended").is_dir()])
def test_suspended(version: str, name: str) -> None:
    assert read(version, "suspended", "kstat-state.txt") == "SUSPENDED\n"
    [pool] = pools(version, name, "suspended")
    assert pool.state == "SUSPENDED"
    assert pool.trouble() == "is SUSPENDED"


@every
def test_data_errors(version: str, name: str) -> None:
    [pool] = pools(version, name, "data-errors")
    assert pool.data_errors
    assert pool.trouble()
    assert any(leaf.checksum_errors for leaf in pool.leaves())


@every
def test_several_and_none(version: str, name: str) -> None:
    assert [pool.name for pool in pools(version, name, "two-pools")] == ["dragon", "z"]
    assert shapes(pools(version, name, "two-pools")[1])[0].startswith("data raidz3:ONLINE[")
    assert parse_spaces(read(version, "none", "list.txt")) == {}


@pytest.mark.parametrize("version", [version for version, name in FORMATS if name == "status.json"])
def test_text_and_json_of_one_moment_tell_the_same(version: str) -> None:
    """The two parsers are each other's proof: written apart, on formats that ZFS prints apart."""

    def known(vdev: Vdev) -> Vdev:
        kind = "file" if vdev.kind == "missing" else vdev.kind  # the text has only a number for a missing one
        same = dataclasses.replace(
            vdev,
            guid=None,
            path=None,
            slow_ios=None,
            size=None,
            least=None,
            kind=kind,
            children=tuple(map(known, vdev.children)),
        )
        if vdev.role != "spare":
            return same
        return dataclasses.replace(same, read_errors=None, write_errors=None, checksum_errors=None)

    for case in sorted(path.parent.name for path in (FIXTURES / version).glob("*/status.json")):
        if case == "none":
            continue
        for one, other in zip(pools(version, "status.json", case), pools(version, "status.txt", case), strict=True):
            assert set(map(known, one.vdevs)) == set(map(known, other.vdevs)), case
            assert (one.state, one.status, one.action) == (other.state, other.status, other.action), case
            assert one.data_errors == other.data_errors, case
            assert (one.scan is None) is (other.scan is None), case
            if one.scan is not None and other.scan is not None:
                assert (one.scan.kind, one.scan.state) == (other.scan.kind, other.scan.state), case
                assert one.scan.ended == other.scan.ended, case


def apart(listed: str) -> list[list[str]]:
    """The rows of a listing that was captured with no peer nor what snapshots hold, the mountpoint alone at its end."""
    begins = re.compile(r"^(?=[^\t\n]+\t(?:filesystem|volume)\t\d+\t\d+\t)", re.MULTILINE)
    cells = DATASETS.plain.count(",")
    rows = [row.removesuffix("\n").split("\t", cells) for row in begins.split(listed) if row]
    return [[*row[:cells], "-", "-", row[cells]] for row in rows]


@pytest.mark.parametrize("version", VERSIONS)
def test_encrypted_and_odd_datasets(version: str) -> None:
    found = {dataset.name: dataset for dataset in parse_datasets(apart(read(version, "encrypted", "datasets.txt")))}
    assert set(found) == {
        "crypt",
        *(f"crypt/{name}" for name in ("locked", "odd", "open", "open/below", "open/clone", "volume", "with space")),
    }
    locked, below = found["crypt/locked"], found["crypt/open/below"]
    assert (locked.encryption, locked.key_status, locked.mounted) == ("aes-256-gcm", "unavailable", False)
    assert (below.encryption, below.key_status, below.encryption_root) == ("aes-128-gcm", "available", "crypt/open")
    assert (found["crypt"].encryption, found["crypt"].key_status, found["crypt"].compression) == ("off", None, "lz4")
    assert (found["crypt/volume"].kind, found["crypt/volume"].mountpoint) == ("volume", None)
    assert found["crypt/open/clone"].origin == "crypt/open@first"
    assert found["crypt/with space"].readonly
    assert found["crypt/odd"].mountpoint == "/var/tmp/dplane-capture/odd\ttab\nand line"
    snapshot, bookmark = sorted(
        parse_snapshots(read(version, "encrypted", "snapshots.txt")), key=lambda one: one.bookmark
    )
    assert (snapshot.name, bookmark.name) == ("crypt/open@first", "crypt/open#mark")
    assert snapshot.guid == bookmark.guid
    assert snapshot.createtxg == bookmark.createtxg


@pytest.mark.parametrize("version", VERSIONS)
def test_importable(version: str) -> None:
    [found] = parse_importable(read(version, "importable", "import.txt"))
    assert (found.name, found.state) == ("tank", "DEGRADED")
    assert len(found.disks) >= 8
    assert found.note


@pytest.mark.parametrize("version", VERSIONS)
def test_disks(version: str) -> None:
    links = parse_links(read(version, "disks", "links.txt"))
    name = "status.json" if (version, "status.json") in FORMATS else "status.txt"
    listed = read(version, "disks", "lsblk.json")
    with_pools = parse_disks(listed, links, pools(version, name, "disks"))
    by_label = parse_disks(listed, links)
    assert len([disk for disk in with_pools if disk.in_use == "member of pool real"]) == 2
    assert len([disk for disk in by_label if disk.in_use == "member of pool real, which is not imported"]) == 2
    assert len([disk for disk in with_pools if disk.in_use.startswith("system disk")]) == 1
    assert [disk for disk in with_pools if not disk.in_use]
