"""Capacity over time and what a pool reads and writes now, on a real box."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from dplane_tui.errors import MissingError
from dplane_tui.services.host.ssh import SshHost
from dplane_tui.services.zfs.iostat import rates

pytestmark = [pytest.mark.lab, pytest.mark.long]


@pytest.fixture
def box(fresh_pair: Any) -> Any:
    """nas-a with a pool."""
    one = fresh_pair.nas_a
    one.ssh("zpool", "create", "tank", one.disk(1))
    return one


@pytest.fixture
async def host(box: Any, fresh_pair: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SshHost]:
    """The box over SSH."""
    monkeypatch.setenv("DPLANE_SSH_CONFIG", str(fresh_pair.ssh_config))
    one = SshHost(box.name)
    yield one
    await one.close()


def test_the_regular_look_notes_how_full_a_pool_is(box: Any) -> None:
    box.ssh("systemctl", "start", "dplane-check.service")
    done = box.ssh("dplane", "pool", "chart", "tank", "--json", user="viewer")
    found = json.loads(done.stdout)["data"]
    size = int(box.ssh("zpool", "list", "-Hpo", "size", "tank").stdout)
    assert [one["size"] for one in found["samples"]] == [size], "once, whoever reads again within the hour"
    assert found["forecast"]["full_at"] is None
    assert "one day only" in found["forecast"]["why"]
    assert box.ssh("dplane", "pool", "chart", "nopool", check=False, user="viewer").returncode == 6


async def test_what_goes_on_is_measured_and_no_program_stays(box: Any, host: SshHost) -> None:
    box.ssh("sh", "-c", "nohup dd if=/dev/urandom of=/tank/x bs=1M count=60 conv=fsync >/dev/null 2>&1 &")
    written = {"": 0.0, "disk": 0.0}
    async with aclosing(rates(host, "tank", 2)) as found:
        async for one in found:
            assert one.rates.waiting is not None, "this ZFS tells its queues in another way"
            written["disk" if one.device else ""] += one.rates.write_bytes
            if all(written.values()):
                break
    assert all(written.values())
    assert box.ssh("pgrep", "-x", "zpool", check=False).stdout == ""
    with pytest.raises(MissingError):
        [one async for one in rates(host, "nopool", 2)]
