"""Pools, datasets and snapshots on a real box: by `dplane … --json` there, and by the same services from here."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from dplane_tui.errors import ChangedError, MissingError, RefusedError
from dplane_tui.services.host.ssh import SshHost
from dplane_tui.services.zfs.model import Pool
from dplane_tui.services.zfs.requests import CreateDataset, CreatePool, VdevSpec
from dplane_tui.services.zfs.service import ZfsService

pytestmark = pytest.mark.lab


class Command:
    """`dplane` on the box, as its owner or someone else."""

    def __init__(self, node: Any) -> None:
        self._node = node

    def __call__(self, *words: str, user: str = "owner", status: int = 0) -> Any:
        """Run it with --json and return `data` (bad news have some, too), else `error`."""
        done = self._node.ssh("dplane", *words, "--json", user=user, check=False)
        assert done.returncode == status, (words, done.returncode, done.stdout, done.stderr)
        answer = json.loads(done.stdout)
        assert answer["ok"] is (done.returncode == 0), (words, done.returncode, answer)
        return answer["data"] if "data" in answer else answer["error"]

    def free_disks(self) -> list[str]:
        """Stable names of the disks nothing uses."""
        return [disk["id"] for disk in self("pool", "disks") if not disk["in_use"]]


@pytest.fixture
def dplane(fresh_pair: Any) -> Command:
    """The command on nas-a."""
    return Command(fresh_pair.nas_a)


@pytest.fixture
async def zfs(fresh_pair: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ZfsService]:
    """The service over SSH."""
    monkeypatch.setenv("DPLANE_SSH_CONFIG", str(fresh_pair.ssh_config))
    host = SshHost(fresh_pair.nas_a.name)
    yield ZfsService(host)
    await host.close()


@pytest.mark.long  # the door's tests and those below make pools, datasets and snapshots too
def test_life_of_a_pool_by_command(dplane: Command, fresh_pair: Any) -> None:
    disks = dplane.free_disks()
    assert len(disks) >= 4
    pool = dplane("pool", "create", "tank", "mirror", *disks[:2], "-o", "compression=lz4")
    assert (pool["name"], pool["state"]) == ("tank", "ONLINE")
    assert [leaf["name"] for leaf in pool["vdevs"][0]["children"]] == disks[:2]
    told = fresh_pair.nas_a.ssh("zpool", "get", "-Hpo", "value", "guid", "tank", user="root").stdout
    assert pool["guid"] == str(told).strip()
    refused = dplane("pool", "create", "other", "mirror", disks[0], disks[2], status=4)
    assert "is in use: member of pool tank" in refused["message"]

    dataset = dplane("dataset", "create", "tank/data", "-o", "recordsize=1M")
    assert (dataset["mounted"], dataset["mountpoint"]) == (True, "/tank/data")
    assert dplane("dataset", "set", "tank/data", "sharenfs=on", status=4)["code"] == "refused"
    first = dplane("snapshot", "create", "tank/data@first")
    assert [one["guid"] for one in dplane("snapshot", "list", "tank/data")] == [first["guid"]]
    scan = dplane("pool", "scrub", "tank")
    assert (scan["kind"], scan["state"] in ("scanning", "finished")) == ("scrub", True)

    dplane("pool", "export", "tank")
    assert dplane("pool", "import", "tank", "--as", "vault")["guid"] == pool["guid"]
    assert dplane("dataset", "destroy", "vault/data", "-r", "--confirm", "vault", status=4)["code"] == "refused"
    assert dplane("pool", "destroy", "vault", status=2)["code"] == "usage"
    dplane("pool", "destroy", "vault", "--confirm", "vault")
    assert dplane("pool", "list") == []

    assert dplane("audit", "verify")["unbroken"]
    done = [entry["verb"] for entry in dplane("audit", "show", "-n", "200") if entry["phase"] == "done"]
    assert done.count("pool-create") == 1
    assert done[-1] == "pool-destroy"


@pytest.mark.long  # long: green, and test_pool_repair.py has more of it
async def test_raidz_by_service_over_ssh(zfs: ZfsService) -> None:
    disks = [disk.id for disk in await zfs.disks() if not disk.in_use]
    request = CreatePool("zed", (VdevSpec("raidz1", tuple(disks[:3])), VdevSpec("", (disks[3],), "log")))
    usable = request.usable(await zfs.disks())
    pool = await zfs.create_pool(request)
    assert [(top.kind, top.role) for top in pool.vdevs] == [("raidz1", "data"), ("disk", "log")]
    assert pool.trouble() == ""
    data = await zfs.create_dataset(CreateDataset("zed/a b", {"compression": "zstd"}))
    volume = await zfs.create_dataset(CreateDataset("zed/disk", volume_size="16M", sparse=True))
    assert (data.kind, volume.kind) == ("filesystem", "volume")
    # The estimate that the wizard shows is what people get, within some per cent.
    assert usable is not None
    assert data.available is not None
    assert 0.9 < usable / data.available < 1.1
    assert await zfs.set_property(data, "recordsize", "1M") == str(1 << 20)

    snapshot = await zfs.snapshot(data, "now")
    another = Pool(pool.name, str(int(pool.guid) ^ 1), pool.state)
    with pytest.raises(ChangedError, match="is not what you saw"):
        await zfs.destroy_pool(another)
    with pytest.raises(ChangedError):
        await zfs.scrub(another, "start")
    preview = await zfs.destroy_preview(data, recursive=True)
    assert preview.objects == ("zed/a b", "zed/a b@now")
    late = await zfs.snapshot(data, "late")
    with pytest.raises(ChangedError, match="is not what the dry run showed"):
        await zfs.destroy(preview)  # something new would have gone with it
    assert {one.guid for one in await zfs.snapshots("zed/a b")} == {snapshot.guid, late.guid}
    back = await zfs.rollback_preview(snapshot)
    assert back.objects == ("zed/a b@late",)
    assert (await zfs.rollback(back)).guid == snapshot.guid
    assert [one.guid for one in await zfs.snapshots("zed/a b")] == [snapshot.guid]
    await zfs.destroy(await zfs.destroy_preview(data, recursive=True))
    with pytest.raises(MissingError):
        await zfs.dataset("zed/a b")
    with pytest.raises(RefusedError):
        await zfs.create_dataset(CreateDataset("zed/x", {"mountpoint": "/etc"}))

    scan = await zfs.scrub(pool, "start")
    assert scan.kind == "scrub"
    await zfs.export(pool)
    [found] = [one for one in await zfs.importable() if one.guid == pool.guid]
    again = await zfs.import_pool(found)
    assert (again.name, again.guid) == ("zed", pool.guid)
    await zfs.destroy_pool(again)
    assert await zfs.pools() == ()


def test_roles_on_a_real_box(dplane: Command) -> None:
    disks = dplane.free_disks()
    denied = dplane("pool", "create", "tank", "mirror", *disks[:2], user="viewer", status=5)
    assert denied["code"] == "not-allowed"
    dplane("pool", "create", "tank", "mirror", *disks[:2])
    assert dplane("pool", "list", user="viewer")[0]["name"] == "tank"
    assert dplane("pool", "scrub", "tank", user="viewer", status=5)["code"] == "not-allowed"


def test_pulled_disk_is_shown(dplane: Command, fresh_pair: Any) -> None:
    disks = dplane.free_disks()
    dplane("pool", "create", "tank", "mirror", *disks[:2])
    assert dplane("pool", "list", "--check")[0]["state"] == "ONLINE"
    number = int(disks[0][-1])
    fresh_pair.nas_a.pull_disk(number)
    try:
        fresh_pair.nas_a.ssh("sh", "-c", "dd if=/dev/urandom of=/tank/x bs=1M count=2; sync", user="root", check=False)
        [pool] = dplane("pool", "list", "--check", status=3)
        assert pool["state"] == "DEGRADED"
        states = {leaf["name"]: leaf["state"] for leaf in pool["vdevs"][0]["children"]}
        assert states[disks[1]] == "ONLINE"
        assert "ONLINE" not in [state for name, state in states.items() if name != disks[1]]
        assert pool["status"]
    finally:
        fresh_pair.nas_a.insert_disk(number)
