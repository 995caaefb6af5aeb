"""Where space goes, and who may use how much of it, on a real box: by `dplane … --json` there, judged by ZFS itself."""

from __future__ import annotations

from typing import Any

import pytest

from .test_storage import Box

pytestmark = [pytest.mark.lab, pytest.mark.unproven]

M = 1 << 20


@pytest.fixture
def box(fresh_pair: Any) -> Box:
    """nas-a with a mirror called tank, and tank/data on it."""
    found = Box(fresh_pair.nas_a)
    found("pool", "create", "tank", "mirror", *found.free_disks()[:2])
    found("dataset", "create", "tank/data", "-o", "compression=off")
    return found


def figure(box: Box, prop: str, name: str) -> int:
    """What ZFS itself says."""
    return int(box.root("zfs", "get", "-Hpo", "value", prop, name))


def test_space_is_explained_and_what_a_destroy_frees_comes_true(box: Box) -> None:
    for at in range(3):
        box.root("sh", "-c", f"dd if=/dev/urandom of=/tank/data/x bs=1M count={at + 1} status=none; sync")
        box("snapshot", "create", f"tank/data@s{at}")
    box.root("sh", "-c", "dd if=/dev/urandom of=/tank/data/x bs=1M count=1 status=none; zpool sync tank")
    told = box("dataset", "space", "tank/data")
    assert told["by_itself"] == figure(box, "usedbydataset", "tank/data")
    assert told["by_snapshots"] == figure(box, "usedbysnapshots", "tank/data")
    assert told["written"] == figure(box, "written", "tank/data")
    assert told["logical_used"] == figure(box, "logicalused", "tank/data")
    assert told["largest"][0]["name"] == "tank/data@s2"  # 3 MB that only it holds
    freed = told["without_snapshots"]
    assert (freed["objects"], freed["why"]) == (3, "")
    assert freed["bytes"] == pytest.approx(told["by_snapshots"], rel=0.02)
    whole = told["without_it"]
    assert (whole["objects"], whole["bytes"]) == (4, figure(box, "used", "tank/data"))
    before = figure(box, "used", "tank/data")
    box("snapshot", "destroy", "tank/data@%s2", "--confirm", "tank/data")
    box.root("zpool", "sync", "tank")
    assert before - figure(box, "used", "tank/data") == pytest.approx(freed["bytes"], rel=0.05)


def test_what_stands_in_the_way_is_told_instead_of_a_number(box: Box) -> None:
    box("snapshot", "create", "tank/data@kept")
    box("snapshot", "hold", "tank/data@kept")
    told = box("dataset", "space", "tank/data")["without_snapshots"]
    assert (told["bytes"], "is held" in told["why"]) == (None, True)
    box("snapshot", "release", "tank/data@kept")
    box("snapshot", "clone", "tank/data@kept", "tank/try")
    told = box("dataset", "space", "tank/data")
    assert "is a clone of" in told["without_snapshots"]["why"]
    assert told["without_it"]["bytes"] is None
    assert "clone" in told["without_it"]["why"]
