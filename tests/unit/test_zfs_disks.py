"""Disks by their stable names, and each reason why one is not free."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dplane_tui.errors import CommandError
from dplane_tui.services.host import LocalHost
from dplane_tui.services.zfs.model import Disk, Pool, Vdev
from dplane_tui.services.zfs.parse_disks import LSBLK_COLUMNS, parse_disks, parse_links, stable_name

LINKS = {"virtio-a": "vda", "virtio-b": "vdb", "virtio-b-part1": "vdb1"}


def node(name: str, kind: str = "disk", **more: Any) -> dict[str, Any]:
    """A device as lsblk tells it."""
    return {"name": name, "type": kind, "size": 1 << 30, "rota": False, "ro": False, "mountpoints": [None], **more}


def why(*, pools: tuple[Pool, ...] = (), name: str = "vda", **more: Any) -> str:
    """The reason that one disk is in use."""
    [disk] = parse_disks(json.dumps({"blockdevices": [node(name, **more)]}), LINKS, pools)
    return disk.in_use


@pytest.mark.parametrize(
    ("disk", "reason"),
    [
        ({}, ""),
        ({"children": [node("vda1", "part")]}, "has partitions"),
        ({"children": [node("vda1", "part", mountpoints=["/boot/efi", "/"])]}, "system disk (mounted on /boot/efi, /)"),
        ({"children": [node("vda1", "part", mountpoints=["[SWAP]"])]}, "swap"),
        ({"mountpoints": ["/mnt/x"]}, "mounted on /mnt/x"),
        ({"fstype": "ext4", "label": "old"}, "holds ext4 “old”"),
        ({"children": [node("vda1", "part", fstype="LVM2_member")]}, "holds LVM2_member"),
        (
            {"children": [node("vda1", "part", fstype="zfs_member", label="tank")]},
            "member of pool tank, which is not imported",
        ),
        ({"fstype": "zfs_member"}, "member of a pool"),
        ({"ro": True}, "read-only"),
        ({"name": "vdz"}, "has no stable name under /dev/disk/by-id"),
    ],
)
def test_reasons(disk: dict[str, Any], reason: str) -> None:
    assert why(**disk) == reason


@pytest.mark.parametrize(
    "vdev",
    [
        Vdev("virtio-b", "disk", "ONLINE", path="/dev/disk/by-id/virtio-b-part1"),
        Vdev("virtio-b", "disk", "ONLINE"),
        Vdev("vdb", "disk", "ONLINE", path="/dev/vdb1"),
        Vdev("mirror-0", "mirror", "ONLINE", children=(Vdev("vdb", "disk", "AVAIL", role="spare"),)),
    ],
)
def test_an_imported_pool_holds_its_disk_whatever_the_label_says(vdev: Vdev) -> None:
    pools = (Pool("tank", "1", "ONLINE", vdevs=(vdev,)),)
    assert why(name="vdb", pools=pools) == "member of pool tank"
    assert why(name="vdb", fstype="zfs_member", label="other", pools=pools) == "member of pool tank"
    assert why(name="vda", pools=pools) == ""


@pytest.mark.parametrize(("state", "note"), [("FAULTED", "corrupted data"), ("UNAVAIL", "invalid label")])
def test_a_disk_whose_label_is_lost_may_be_forced_but_is_never_free(state: str, note: str) -> None:
    vdev = Vdev("virtio-b", "disk", state, path="/dev/disk/by-id/virtio-b-part1", note=note)
    pools = (Pool("tank", "1", "DEGRADED", vdevs=(vdev,)),)
    told = why(name="vdb", pools=pools)
    assert told == "was in pool tank, its label is lost"
    assert not Disk("virtio-b", "vdb", 1, in_use=told).untouchable
    others = (Pool("tank", "1", "ONLINE", vdevs=(Vdev("virtio-b", "disk", state, note="too many errors"),)),)
    assert why(name="vdb", pools=others) == "member of pool tank"


def test_what_is_no_disk_is_left_out() -> None:
    nodes = [node("zd0"), node("zram0"), node("loop0", "loop"), node("sr0", "rom"), node("sdc", size=0), node("vda")]
    assert [disk.device for disk in parse_disks(json.dumps({"blockdevices": nodes}), LINKS)] == ["vda"]


def test_the_name_on_the_sticker_comes_before_a_number() -> None:
    links = {
        "wwn-0x5000c500": "sda",
        "ata-ST4000_ZDH1": "sda",
        "scsi-35000c500": "sda",
        "nvme-eui.0025": "nvme0n1",
        "nvme-Samsung_980_S64": "nvme0n1",
        "lvm-pv-uuid-x": "sda",
    }
    assert stable_name("sda", links) == "ata-ST4000_ZDH1"
    assert stable_name("nvme0n1", links) == "nvme-Samsung_980_S64"
    assert stable_name("sdb", links) == ""


def test_links_whose_names_the_door_would_refuse_are_left_out() -> None:
    assert parse_links("ata-a\t../../sda\n-rf\t../../sdb\nbad name\t../../sdc\nnotab\n") == {"ata-a": "sda"}


@given(
    st.text(max_size=80)
    | st.recursive(
        st.none() | st.text(max_size=5),
        lambda x: (
            st.lists(x) | st.dictionaries(st.sampled_from(["blockdevices", "name", "type", "size", "children"]), x)
        ),
        max_leaves=9,
    ).map(json.dumps)
)
def test_garbage_is_told(text: str) -> None:
    try:
        found: object = parse_disks(text, LINKS)
    except CommandError as error:
        found = error.message
    assert isinstance(found, tuple) or "was not understood" in str(found)


async def test_lsblk_and_find_of_this_machine_are_understood() -> None:
    listed = await LocalHost().run(["lsblk", "-J", "-b", "-o", LSBLK_COLUMNS])
    assert listed.status == 0
    disks = parse_disks(listed.text, {})
    sizes = {disk.device: disk.size for disk in disks}
    for device, size in sizes.items():
        [sectors] = (await LocalHost().read_files([f"/sys/block/{device}/size"])).values()
        assert int(sectors) * 512 == size
