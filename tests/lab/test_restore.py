"""A lost tree comes home on real OpenZFS: its places, settings and files, and nothing of it into a wider share.

`make test T="tests/lab/test_restore.py"`.
"""

from __future__ import annotations

from typing import Any

import pytest

from .replication_lab import Boxes

pytestmark = [pytest.mark.lab, pytest.mark.long]
TOP = "tank/trip"
PLACES = {
    TOP: "/srv/trip",
    f"{TOP}/cache": "/srv/site/cache",  # in the place of one that comes behind it by name
    f"{TOP}/days": "/srv/trip/days",
    f"{TOP}/days/first": "/srv/trip/days/first",
    f"{TOP}/site": "/srv/site",
}
NARROW, WIDE = "ro=10.0.0.5", "rw=@10.0.0.0/8"


@pytest.fixture
def boxes(pair: Any) -> Boxes:
    """Paired, and a tree with places and settings of its own that was sent."""
    pair.reset()
    made = Boxes(pair)
    made.make_pools()
    made.pair_up()
    own = {TOP: "/srv/trip", f"{TOP}/site": "/srv/site", f"{TOP}/cache": "/srv/site/cache"}
    for name in (TOP, f"{TOP}/site", f"{TOP}/cache", f"{TOP}/days", f"{TOP}/days/first"):
        place = ["-o", f"mountpoint={own[name]}"] if name in own else []
        made.a.ssh("zfs", "create", *place, name)
        made.a.ssh("dd", "if=/dev/urandom", f"of={PLACES[name]}/file", "bs=100K", "count=1", "status=none")
    made.a.ssh("zfs", "set", "atime=off", "quota=1G", f"{TOP}/days")
    made.a.ssh("zfs", "set", f"sharenfs={NARROW}", f"{TOP}/days", check=False)  # there is no server that could share it
    assert value(made, "sharenfs", f"{TOP}/days") == NARROW
    made.task("trip", "", "--recursive")
    made.assert_good(made.run("trip"))
    return made


def value(boxes: Boxes, prop: str, dataset: str) -> str:
    """A property on nas-a, as ZFS tells it."""
    return str(boxes.a.ssh("zfs", "get", "-Hpo", "value", prop, dataset).stdout).strip()


def sums(boxes: Boxes) -> dict[str, str]:
    """SHA-256 of the file in each place where the tree was."""
    lines = boxes.a.ssh("sha256sum", *(f"{place}/file" for place in PLACES.values())).stdout.splitlines()
    return {line[66:]: line[:64] for line in lines}


def lose(boxes: Boxes) -> None:
    """All of it, with the places."""
    boxes.a.ssh("zfs", "destroy", "-r", f"{TOP}/cache")  # zfs would unmount what it lies in first
    boxes.a.ssh("zfs", "destroy", "-r", TOP)
    boxes.a.ssh("rm", "-rf", "/srv/trip", "/srv/site")


def test_a_tree_comes_home_to_its_places_and_a_part_not_into_a_wider_share(boxes: Boxes) -> None:
    was = sums(boxes)
    lose(boxes)
    back = boxes.dplane("replicate", "restore", "trip")
    assert back["state"] == "succeeded", back["message"]
    for name, place in PLACES.items():
        found = {prop: value(boxes, prop, name) for prop in ("mountpoint", "mounted", "canmount", "readonly")}
        assert found == {"mountpoint": place, "mounted": "yes", "canmount": "on", "readonly": "off"}, name
    assert sums(boxes) == was
    assert (value(boxes, "atime", f"{TOP}/days"), value(boxes, "quota", f"{TOP}/days")) == ("off", str(2**30))
    assert value(boxes, "sharenfs", f"{TOP}/days") == "off", "a share is only told"
    assert f"`dplane dataset share-nfs {TOP}/days --ro 10.0.0.5`" in back["message"]

    # A level of it is back without its share: what inherited that is not to be in the wider one above.
    boxes.a.ssh("zfs", "set", f"sharenfs={WIDE}", "tank", check=False)
    assert value(boxes, "sharenfs", f"{TOP}/days/first") == WIDE
    boxes.a.ssh("zfs", "destroy", "-r", f"{TOP}/days/first")
    part = boxes.dplane("replicate", "restore", "trip", "--dataset", "days/first")
    assert part["state"] == "succeeded", part["message"]
    assert value(boxes, "mounted", f"{TOP}/days/first") == "no"
    assert f"{TOP}/days/first would be in" in part["message"]
    assert f"noted at {TOP}/days is “sharenfs={NARROW}”" in part["message"]
    boxes.dplane("dataset", "set", f"{TOP}/days/first", "canmount=on")
    boxes.dplane("dataset", "mount", f"{TOP}/days/first")
    assert sums(boxes) == was
    good = boxes.run("trip")
    assert good["state"] in {"succeeded", "nothing-new"}, good["message"]
