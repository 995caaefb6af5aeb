"""Containers of a far box: the worker runs there, over a real SSH connection."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dplane_tui.errors import MissingError, UnreachableError
from dplane_tui.services.docker.service import DockerService
from dplane_tui.services.host import quoting
from dplane_tui.services.host.ssh import SshHost
from tests.unit.test_host_ssh import Box, box, host  # fixtures: a real SSH server on loopback

from .conftest import Dockerd

__all__ = ["box", "host"]
pytestmark = pytest.mark.docker


@pytest.fixture
async def far(box: Box, host: SshHost, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DockerService]:
    """The service of the far box, where `dplane` is on the PATH."""
    monkeypatch.setattr(quoting, "PROGRAM_PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
    service = DockerService(host)
    yield service
    await service.close()


async def test_far_containers_and_logs(engine: Dockerd, far: DockerService) -> None:
    container = engine.run("web", "sh", "-c", "echo one; echo two; sleep 600")
    (found,) = (await far.engine()).containers
    assert (found.id, found.state) == (container, "running")
    assert found.cpu_percent is not None
    async with contextlib.aclosing(far.logs(container)) as log:
        assert [await anext(log), await anext(log)] == ["one", "two"]
    assert (await far.act(container, "restart")).state == "running"


async def test_a_cut_connection_is_told_and_nobody_waits_for_ever(
    engine: Dockerd, far: DockerService, box: Box
) -> None:
    container = engine.run("web", "sh", "-c", "echo one; sleep 600")
    async with contextlib.aclosing(far.logs(container)) as log:
        assert await anext(log) == "one"
        for connection in box.connections:
            connection.abort()
        with pytest.raises(UnreachableError):
            await anext(log)
    assert len((await far.engine()).containers) == 1  # connected again


async def test_a_box_without_the_product(engine: Dockerd, host: SshHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quoting, "PROGRAM_PATH", "/usr/bin:/bin")
    service = DockerService(host)
    with pytest.raises(MissingError, match="D-Plane is not installed on box"):
        await service.engine()
    await service.close()
