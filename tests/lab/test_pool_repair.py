"""Pools mended and changed on a real box: by `dplane pool …` there, and by the same service from here."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from dplane_tui.errors import ChangedError
from dplane_tui.services.host.ssh import SshHost
from dplane_tui.services.repair.service import RepairService
from dplane_tui.services.zfs.growth_rules import AddVdevs
from dplane_tui.services.zfs.model import Pool, Vdev
from dplane_tui.services.zfs.requests import VdevSpec
from dplane_tui.services.zfs.vdevs import disk_name
from tests.lab.test_console import FromHere
from tests.lab.test_pools import Command

pytestmark = [pytest.mark.lab, pytest.mark.long]

MANY = 40  # looks at something that takes its time; each costs a second or two in a box


@pytest.fixture
def dplane(fresh_pair: Any) -> Command:
    """The command on nas-a."""
    return Command(fresh_pair.nas_a)


@pytest.fixture
async def service(fresh_pair: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RepairService]:
    """The service over SSH."""
    monkeypatch.setenv("DPLANE_SSH_CONFIG", str(fresh_pair.ssh_config))
    host = SshHost(fresh_pair.nas_a.name)
    yield RepairService(host)
    await host.close()


@pytest.fixture
def keys(fresh_pair: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FromHere]:
    """The console, opened on nas-a."""
    monkeypatch.setattr("tests.pty.conftest.PATIENCE", 900.0)  # emulated boxes take their time
    one = FromHere(fresh_pair, tmp_path)
    yield one
    one.terminal.close()


def advice(box: Any, pool: str = "tank") -> dict[str, Any]:
    """What `dplane pool repair` says now, whatever it ends with."""
    done = box.ssh("dplane", "pool", "repair", pool, "--json", user="owner", check=False)
    assert done.returncode in (0, 3), (done.returncode, done.stdout, done.stderr)
    answer = json.loads(done.stdout)
    assert isinstance(answer["data"]["advice"], dict)
    return dict(answer["data"]["advice"], damage=answer["data"]["damage"])


def settled(box: Any, pool: str = "tank") -> dict[str, Any]:
    """The advice when no resilver runs any more and ZFS has let go of what was replaced."""
    for _ in range(MANY):
        found = advice(box, pool)
        if found["act"] != "wait":
            return found
        time.sleep(2)
    pytest.fail(f"it went on and on: {found}")


def fill(box: Any, where: str = "/tank/data", size: int = 40) -> str:
    """Some megabytes that cannot be compressed, on the disks; returns their checksum."""
    box.ssh("sh", "-c", f"head -c {size}000000 /dev/urandom > {where} && sync {where} && zpool sync")
    return str(box.ssh("sha256sum", where).stdout.split()[0])


def read_again(box: Any, pool: str, where: str) -> str:
    """The checksum as the disks tell it, not the cache."""
    box.ssh("zpool", "export", pool)
    box.ssh("zpool", "import", "-d", "/dev/disk/by-id", pool)
    return str(box.ssh("sha256sum", where).stdout.split()[0])


def until_noticed(box: Any, pool: str = "tank") -> dict[str, Any]:
    """Write until ZFS has seen that a disk is away."""
    for _ in range(MANY):
        box.ssh("sh", "-c", f"head -c 1000000 /dev/urandom > /{pool}/noticed; zpool sync {pool}", check=False)
        found = advice(box, pool)
        if found["broken"] and found["act"] not in ("scrub", "clear"):  # counted errors come first
            return found
        time.sleep(1)
    pytest.fail("ZFS never noticed that the disk is away")


def scrubbed(dplane: Command, pool: str = "tank") -> dict[str, Any]:
    """The pool after a whole scrub."""
    dplane("pool", "scrub", pool)
    for _ in range(MANY):
        found: dict[str, Any] = dplane("pool", "show", pool)
        if found["scan"]["state"] == "finished" and found["scan"]["kind"] == "scrub":
            return found
        time.sleep(2)
    pytest.fail("the scrub never ended")


def appears(box: Any, path: str) -> str:
    """The name by-id of a disk that was just put in."""
    name = path.rpartition("/")[2]
    for _ in range(MANY):
        if name in box.ssh("ls", "/dev/disk/by-id").stdout.split():
            return name
        time.sleep(1)
    pytest.fail(f"{name} never appeared")


def leaves(pool: dict[str, Any]) -> dict[str, str]:
    """State by name of each disk."""
    found: dict[str, str] = {}

    def walk(vdev: dict[str, Any]) -> None:
        if not vdev["children"]:
            found[vdev["name"]] = vdev["state"]
        for child in vdev["children"]:
            walk(child)

    for top in pool["vdevs"]:
        walk(top)
    return found


def test_a_pulled_disk_of_a_raidz_is_repaired_by_the_guide_with_a_new_one(dplane: Command, fresh_pair: Any) -> None:
    box = fresh_pair.nas_a
    disks = dplane.free_disks()[:4]
    dplane("pool", "create", "tank", "raidz1", *disks)
    before = fill(box)
    assert not advice(box)["broken"]
    number = int(disks[1][-1])
    box.pull_disk(number)
    found = until_noticed(box)
    assert found["disk"]["name"] == disks[1]
    assert found["disk"]["device"] == ""
    box.insert_disk(number, blank=True)
    new = appears(box, box.disk(number))
    found = advice(box)
    assert (found["act"], new in [disk["id"] for disk in found["fitting"]]) == ("replace", True)
    told = box.ssh("dplane", "pool", "repair", "tank", user="owner", check=False).stdout
    assert f"Disk: {disks[1]}" in told
    assert f"free: {new}" in told

    done = dplane("pool", "repair", "tank", "--do", "--with", new, "--confirm", new)
    assert done["done"].startswith(f"{new} is in tank now (ONLINE)")
    found = settled(box)
    assert not found["broken"], found
    pool = scrubbed(dplane)
    assert (pool["state"], pool["data_errors"], pool["scan"]["errors"]) == ("ONLINE", 0, 0)
    assert leaves(pool) == dict.fromkeys((disks[0], new, disks[2], disks[3]), "ONLINE")
    assert read_again(box, "tank", "/tank/data") == before
    assert dplane("audit", "verify")["unbroken"]
    assert "vdev-replace" in [entry["verb"] for entry in dplane("audit", "show", "-n", "50")]


def test_the_same_with_keys_alone(keys: FromHere, dplane: Command, fresh_pair: Any) -> None:
    box = fresh_pair.nas_a
    keys.see("nas-a: ")
    keys.press("1")
    keys.see("This box has no pools")
    keys.press("n")
    keys.see("New pool")
    keys.press("clear", "tank", "tab", "right", "right")
    keys.see("raidz1: one disk may fail")
    keys.press("tab")
    keys.mark_free_disks(4)
    keys.see("any 1 of 4 disks may fail")
    keys.keep("storage-create")
    keys.press("enter", "enter")
    keys.see("zpool create tank raidz1")
    keys.press("tab", "enter")
    keys.see("tank was created and is ONLINE")
    before = fill(box, "/tank/data", 20)
    lost = list(leaves(dplane("pool", "show", "tank")))[2]
    number = int(lost[-1])
    box.pull_disk(number)
    until_noticed(box)
    box.insert_disk(number, blank=True)
    new = appears(box, box.disk(number))
    keys.open_form("y", "Repair of tank")
    keys.see(f"Disk: {lost}")
    keys.see("y replace it")
    keys.keep("storage-replace")
    keys.press("y")
    keys.see("Which disk takes the place?")
    for _ in range(6):
        if any("> " in text and new in text for text in keys.terminal.text.split("\n")):
            break
        keys.press("down")
    keys.press("enter")
    keys.see("Everything on")
    keys.press("tab", "enter")
    keys.see("r looks again")
    settled(box)
    keys.open_form("r", "Nothing is wrong with tank.")
    pool = scrubbed(dplane)
    assert (pool["state"], pool["data_errors"], pool["scan"]["errors"]) == ("ONLINE", 0, 0)
    assert new in leaves(pool)
    assert read_again(box, "tank", "/tank/data") == before


def test_a_disk_that_was_pulled_and_put_back_is_brought_online(dplane: Command, fresh_pair: Any) -> None:
    box = fresh_pair.nas_a
    disks = dplane.free_disks()[:2]
    dplane("pool", "create", "tank", "mirror", *disks)
    before = fill(box, size=10)
    number = int(disks[0][-1])
    box.pull_disk(number)
    until_noticed(box)
    box.ssh("systemctl", "stop", "zfs-zed")  # it would bring it online by itself
    box.insert_disk(number)
    appears(box, box.disk(number))
    found = advice(box)
    assert (found["act"], found["disk"]["name"]) == ("online", disks[0])
    assert "ONLINE again" in dplane("pool", "repair", "tank", "--do")["done"]
    settled(box)
    dplane("pool", "clear", "tank")
    pool = dplane("pool", "list", "--check")[0]
    assert set(leaves(pool).values()) == {"ONLINE"}
    assert read_again(box, "tank", "/tank/data") == before


def test_a_disk_written_over_underneath_is_found_by_a_scrub_and_explained(dplane: Command, fresh_pair: Any) -> None:
    box = fresh_pair.nas_a
    disks = dplane.free_disks()[:3]
    dplane("pool", "create", "tank", "raidz1", *disks)
    before = fill(box)
    # Labels at both ends stay as they are.
    box.ssh(
        "dd",
        "if=/dev/zero",
        f"of=/dev/disk/by-id/{disks[2]}-part1",
        "bs=1M",
        "seek=16",
        "count=400",
        "conv=notrunc,fsync",
    )
    pool = scrubbed(dplane)
    assert pool["data_errors"] == 0
    found = advice(box)
    assert found["disk"]["name"] == disks[2]
    assert found["act"] in ("clear", "replace")  # zfs-zed may have taken it for too bad meanwhile
    assert "came back other than they were written" in " ".join(found["happened"])
    if found["act"] == "clear":
        assert "written over" in " ".join(found["happened"])
        dplane("pool", "repair", "tank", "--do")
    else:
        dplane("pool", "clear", "tank")
    settled(box)
    pool = scrubbed(dplane)
    assert (pool["data_errors"], pool["scan"]["errors"]) == (0, 0)
    assert not advice(box)["broken"]
    assert read_again(box, "tank", "/tank/data") == before


def test_files_that_are_damaged_for_good_are_named_with_what_may_be_good(dplane: Command, fresh_pair: Any) -> None:
    box = fresh_pair.nas_a
    disk = dplane.free_disks()[0]
    dplane("pool", "create", "bad", disk, "-o", "compression=off")
    dplane("dataset", "create", "bad/data")
    fill(box, "/bad/data/photo", 60)
    box.ssh("zpool", "export", "bad")
    box.ssh(
        "dd", "if=/dev/zero", f"of=/dev/disk/by-id/{disk}-part1", "bs=1M", "seek=24", "count=24", "conv=notrunc,fsync"
    )
    box.ssh("zpool", "import", "-d", "/dev/disk/by-id", "bad")
    scrubbed(dplane, "bad")
    found = advice(box, "bad")
    assert found["act"] in ("scrub", "clear", "replace"), found
    assert found["damage"]["total"] > 0
    assert "/bad/data/photo" in [one["name"] for one in found["damage"]["found"]]
    told = box.ssh("dplane", "pool", "repair", "bad", user="owner", check=False).stdout
    assert "Damaged for good" in told
    viewed = box.ssh("dplane", "pool", "repair", "bad", user="viewer", check=False)
    assert (viewed.returncode, "Which ones is not known" in viewed.stdout) == (3, True)


def test_a_spare_takes_the_place_and_the_guide_goes_on_from_there(dplane: Command, fresh_pair: Any) -> None:
    box = fresh_pair.nas_a
    first, second, spare, *_ = dplane.free_disks()
    dplane("pool", "create", "tank", "mirror", first, second, "spare", spare)
    before = fill(box, size=10)
    box.ssh("systemctl", "stop", "zfs-zed")  # it would put the spare in by itself
    box.ssh("zpool", "offline", "-f", "tank", first)
    found = advice(box)
    assert (found["act"], spare in found["spares"]) == ("replace", True)
    dplane("pool", "repair", "tank", "--do", "--with", spare, "--confirm", spare)
    found = settled(box)
    assert found["act"] == "replace"  # there are free disks, which set the spare free again
    assert "stands in for it" in " ".join(found["happened"])
    dplane("pool", "detach", "tank", first, "--confirm", first)
    pool = dplane("pool", "show", "tank")
    assert pool["state"] == "ONLINE"
    assert leaves(pool) == {second: "ONLINE", spare: "ONLINE"}
    assert read_again(box, "tank", "/tank/data") == before


def test_a_mirror_is_made_wider_and_narrower_by_command(dplane: Command, fresh_pair: Any) -> None:
    box = fresh_pair.nas_a
    first, second, third, *_ = dplane.free_disks()
    dplane("pool", "create", "tank", first)
    before = fill(box, size=10)
    assert dplane("pool", "attach", "tank", first, second)["state"] == "ONLINE"
    settled(box)
    assert dplane("pool", "offline", "tank", second)["state"] == "OFFLINE"
    assert dplane("pool", "list", "--check", status=3)[0]["state"] == "DEGRADED"
    assert dplane("pool", "offline", "tank", first, status=1)["code"] == "failed"  # ZFS's own refusal
    assert advice(box)["act"] == "online"
    assert dplane("pool", "online", "tank", second)["state"] == "ONLINE"
    settled(box)
    refused = dplane("pool", "replace", "tank", second, first, status=4)
    assert "is in use: member of pool tank" in refused["message"]
    dplane("pool", "replace", "tank", second, third)
    settled(box)
    assert leaves(dplane("pool", "show", "tank")) == {first: "ONLINE", third: "ONLINE"}
    assert dplane("pool", "detach", "tank", third, status=2)["code"] == "usage"
    dplane("pool", "detach", "tank", third, "--confirm", third)
    assert leaves(dplane("pool", "show", "tank")) == {first: "ONLINE"}
    assert read_again(box, "tank", "/tank/data") == before
    assert dplane("pool", "offline", "tank", first, user="viewer", status=5)["code"] == "not-allowed"


def test_a_pool_grows_and_shrinks_by_command(dplane: Command, fresh_pair: Any) -> None:
    box = fresh_pair.nas_a
    one, two, three, four, five, six = dplane.free_disks()[:6]
    dplane("pool", "create", "tank", "mirror", one, two)
    before = fill(box)
    refused = dplane("pool", "add", "tank", three, "--confirm", "tank", status=4)
    assert "as weak as its weakest group" in refused["message"]
    drawn = dplane("pool", "add", "tank", "mirror", three, four, "--dry-run")
    assert three in drawn["preview"]
    assert set(leaves(dplane("pool", "show", "tank"))) == {one, two}
    dplane("pool", "add", "tank", "mirror", three, four, "log", five, "spare", six, "--confirm", "tank")
    pool = dplane("pool", "show", "tank")
    assert set(leaves(pool)) == {one, two, three, four, five, six}
    for device in (five, six):
        assert dplane("pool", "remove", "tank", device, "--confirm", device)["outcome"] == "removed"
    assert dplane("pool", "remove", "tank", "mirror-1", "--confirm", "mirror-1")["outcome"] in ("removed", "removing")
    for _ in range(MANY):
        if set(leaves(dplane("pool", "show", "tank"))) - {"indirect-1"} == {one, two}:
            break
        time.sleep(2)
    else:
        pytest.fail("the group never left")
    assert dplane("pool", "set", "tank", "autoexpand=on")["autoexpand"] == "on"
    assert dplane("pool", "checkpoint", "tank")["checkpoint"] is not None
    assert dplane("pool", "detach", "tank", two, "--confirm", two, status=1)["code"] == "failed"  # ZFS: not meanwhile
    assert dplane("pool", "checkpoint", "tank", "--discard", "--confirm", "tank")["pool"] == "tank"
    assert dplane("pool", "upgrade", "tank")["features"] == []
    assert read_again(box, "tank", "/tank/data") == before


def test_a_raidz_is_widened_where_this_zfs_can(dplane: Command, fresh_pair: Any) -> None:
    box = fresh_pair.nas_a
    disks = dplane.free_disks()[:4]
    dplane("pool", "create", "tank", "raidz1", *disks[:3])
    before = fill(box, size=10)
    if fresh_pair.zfs == "2.1":
        assert "cannot widen a raidz" in dplane("pool", "attach", "tank", "raidz1-0", disks[3], status=4)["message"]
        return
    assert dplane("pool", "attach", "tank", "raidz1-0", disks[3])["state"] == "ONLINE"
    box.ssh("zpool", "wait", "-t", "raidz_expand", "tank")
    assert set(leaves(dplane("pool", "show", "tank"))) == set(disks)
    refused = dplane("pool", "remove", "tank", "raidz1-0", status=4)
    assert "raidz1 in it" in refused["message"] or "only group" in refused["message"]
    assert read_again(box, "tank", "/tank/data") == before


def test_pools_are_split_renamed_taken_back_and_brought_back(dplane: Command, fresh_pair: Any) -> None:
    box = fresh_pair.nas_a
    one, two, *_ = dplane.free_disks()
    dplane("pool", "create", "tank", "mirror", one, two)
    before = fill(box, size=10)
    half = dplane("pool", "split", "tank", "half", "--confirm", "tank")
    assert list(leaves(dplane("pool", "show", "tank"))) == [one]
    assert dplane("pool", "import", "half", "--readonly", "--folder", "by-id")["guid"] == half["guid"]
    assert str(box.ssh("sha256sum", "/half/data").stdout.split()[0]) == before
    dplane("pool", "export", "half")
    guid = dplane("pool", "show", "tank")["guid"]
    renamed = dplane("pool", "rename", "tank", "vault")
    assert (renamed["name"], renamed["guid"]) == ("vault", guid)

    dplane("pool", "checkpoint", "vault")
    fill(box, "/vault/later", 2)
    dplane("pool", "export", "vault")
    assert dplane("pool", "import", "vault", "--rewind", "--dry-run")["preview"]
    assert dplane("pool", "import", "vault", "--checkpoint", status=2)["code"] == "usage"
    assert dplane("pool", "import", "vault", "--checkpoint", "--confirm", "vault")["guid"] == guid
    assert box.ssh("ls", "/vault").stdout.split() == ["data"]

    dplane("pool", "destroy", "vault", "--confirm", "vault")
    assert guid in [found["guid"] for found in dplane("pool", "importable", "--destroyed")]
    assert dplane("pool", "import", guid, "--destroyed")["guid"] == guid
    assert str(box.ssh("sha256sum", "/vault/data").stdout.split()[0]) == before


async def test_each_verb_is_refused_when_pool_or_device_is_another(service: RepairService, fresh_pair: Any) -> None:
    box = fresh_pair.nas_a
    free = [disk.id for disk in await service.disks() if not disk.in_use]
    box.ssh("zpool", "create", "-f", "tank", "mirror", *(f"/dev/disk/by-id/{name}" for name in free[:2]))
    pool = await service.whole("tank")
    first = next(iter(pool.leaves()))
    assert disk_name(first) == free[0]
    other_pool = dataclasses.replace(pool, guid=str(int(pool.guid) ^ 1))
    other_disk = dataclasses.replace(first, guid=str(int(first.guid or "0") ^ 1))
    history = box.ssh("zpool", "history", "tank").stdout

    async def refused(pool: Pool, vdev: Vdev) -> None:
        for act in (
            service.online(pool, vdev),
            service.offline(pool, vdev),
            service.detach(pool, vdev),
            service.replace(pool, vdev, free[2]),
            service.attach(pool, vdev, free[2]),
        ):
            with pytest.raises(ChangedError):
                await act

    await refused(other_pool, first)
    for act in (
        service.add(other_pool, AddVdevs((VdevSpec("", (free[2],), "spare"),))),
        service.set_habit(other_pool, "autoexpand", True),
        service.upgrade(other_pool),
        service.checkpoint(other_pool),
        service.checkpoint(other_pool, discard=True),
        service.split(other_pool, "half"),
        service.work(other_pool, "initialize", "start"),
        service.work(other_pool, "trim", "stop"),
    ):
        with pytest.raises(ChangedError):
            await act
    await refused(pool, other_disk)
    assert box.ssh("zpool", "history", "tank").stdout == history
    assert [leaf.state for leaf in (await service.whole("tank")).leaves()] == ["ONLINE", "ONLINE"]
