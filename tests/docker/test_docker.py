"""DockerService and `dplane docker` against a real engine."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dplane_tui.errors import ChangedError, CommandError, MissingError, NotAllowedError
from dplane_tui.services.docker.model import Container
from dplane_tui.services.docker.service import DockerService
from dplane_tui.services.docker.worker import CREDIT
from dplane_tui.services.host import LocalHost

from .conftest import Dockerd

pytestmark = pytest.mark.docker


async def _one(service: DockerService, name: str, *, stats: bool = False) -> Container:
    found = [item for item in (await service.engine(stats=stats)).containers if item.name == name]
    assert len(found) == 1, found
    return found[0]


async def _until(service: DockerService, name: str, test: Callable[[Container], bool]) -> Container:
    """The container once `test` holds; the limit only keeps a broken test from hanging."""
    for _ in range(300):
        found = await _one(service, name)
        if test(found):
            return found
        await asyncio.sleep(0.1)
    raise AssertionError(found)


async def _lines(service: DockerService, container: str, count: int, tail: int = 200) -> list[str]:
    lines: list[str] = []
    async with asyncio.timeout(60), contextlib.aclosing(service.logs(container, tail)) as log:
        async for line in log:
            lines.append(line)
            if len(lines) == count:
                break
    return lines


async def test_list_tells_what_the_engine_tells(engine: Dockerd, service: DockerService) -> None:
    assert (await service.engine()).containers == ()
    web = engine.run("web", "sleep", "600", options=("--expose", "80/tcp"))
    engine.run("done", "sh", "-c", "exit 3")
    done = await _until(service, "done", lambda item: item.state == "exited")
    found = await service.engine()
    assert found.version == engine.client("version", "-f", "{{.Server.Version}}")
    assert [item.name for item in found.containers] == ["done", "web"]
    running = found.containers[1]
    assert (running.id, running.state, running.image, running.exit_code) == (web, "running", "dplane-box", None)
    assert running.started is not None
    assert running.created is not None
    assert running.started >= running.created - 1
    assert running.health == ""
    assert (done.exit_code, done.cpu_percent, done.memory) == (3, None, None)


async def test_acts_are_read_back(engine: Dockerd, service: DockerService) -> None:
    container = engine.run("web", "sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done")
    stopped = await service.act(container, "stop")
    assert (stopped.state, stopped.exit_code) == ("exited", 0)
    assert engine.client("inspect", "-f", "{{.State.Running}}", "web") == "false"
    started = await service.act(container, "start")
    assert started.state == "running"
    again = await service.act(container, "restart")
    assert again.state == "running"
    assert again.started is not None
    assert started.started is not None
    assert again.started > started.started
    assert engine.client("inspect", "-f", "{{.State.Running}}", "web") == "true"


async def test_start_of_what_ends_at_once_is_no_success(engine: Dockerd, service: DockerService) -> None:
    container = engine.run("short", "sh", "-c", "exit 42")
    with pytest.raises(CommandError, match=r"Container short was started .* exited with code 42"):
        await service.act(container, "start")
    assert (await _one(service, "short")).state == "exited"


async def test_restart_loop_is_named(engine: Dockerd, service: DockerService) -> None:
    container = engine.run("loop", "sh", "-c", "exit 7", options=("--restart", "always"))
    looping = await _until(service, "loop", lambda item: item.state == "restarting")
    assert looping.exit_code == 7
    with pytest.raises(CommandError, match=r"loop was .* code 7"):
        await service.act(container, "restart")
    stopped = await service.act(container, "stop")
    assert stopped.state == "exited"


async def test_unhealthy_check(engine: Dockerd, service: DockerService) -> None:
    options = ("--health-cmd", "[ -e /ok ]", "--health-interval", "1s", "--health-retries", "1")
    engine.run("sick", "sleep", "600", options=options)
    sick = await _until(service, "sick", lambda item: item.health == "unhealthy")
    assert sick.state == "running"
    engine.client("exec", "sick", "touch", "/ok")
    await _until(service, "sick", lambda item: item.health == "healthy")


async def test_logs_follow_both_streams_and_obey_nothing(engine: Dockerd, service: DockerService) -> None:
    script = (
        r"printf 'plain\n\033[31mred\033[0m \033]0;title\007end\n10%%\r20%%\n'; sleep 0.2; "
        r"printf '\377\376\000raw\342\200\256\n' >&2; sleep 0.2; "
        "while [ ! -e /go ]; do sleep 0.1; done; echo later; sleep 600"
    )
    container = engine.run("talk", "sh", "-c", script)
    lines: list[str] = []
    async with asyncio.timeout(60), contextlib.aclosing(service.logs(container)) as log:
        async for line in log:
            lines.append(line)
            if len(lines) == 4:
                engine.client("exec", "talk", "touch", "/go")
            if len(lines) == 5:
                break
    assert lines == ["plain", "red end", "20%", "\ufffd" * 3 + "raw\ufffd", "later"]
    assert all(char.isprintable() or char == "\ufffd" for line in lines for char in line)


async def test_logs_of_a_terminal_container(engine: Dockerd, service: DockerService) -> None:
    container = engine.run("tty", "sh", "-c", r"printf '\033[2Jon a tty\n'; sleep 600", options=("-t",))
    assert await _lines(service, container, 1) == ["on a tty"]


async def test_logs_tail_and_end(engine: Dockerd, service: DockerService) -> None:
    container = engine.run("count", "sh", "-c", "seq 1 5000; exit 9")
    await _until(service, "count", lambda item: item.state == "exited")
    assert [line async for line in service.logs(container, 3, follow=False)] == ["4998", "4999", "5000"]
    followed = [line async for line in service.logs(container, 2)]
    assert followed == ["4999", "5000", "[exited with code 9]"]
    everything = [line async for line in service.logs(container, 5000, follow=False)]
    assert everything == [str(number) for number in range(1, 5001)]


async def test_logs_go_on_through_restarts(engine: Dockerd, service: DockerService) -> None:
    """The engine ends a followed log with each process."""
    container = engine.run("twice", "sh", "-c", "echo began; sleep 600", options=("--stop-timeout", "0"))
    assert await _lines(service, container, 1) == ["began"]
    lines: list[str] = []
    async with asyncio.timeout(60), contextlib.aclosing(service.logs(container)) as log:
        async for line in log:
            lines.append(line)
            if len(lines) == 1:
                await service.act(container, "restart")
            if len(lines) == 3:
                break
    assert lines[0] == lines[2] == "began"
    assert "started again" in lines[1]
    loop = engine.run("loop", "sh", "-c", "echo try; exit 7", options=("--restart", "always"))
    async with asyncio.timeout(60), contextlib.aclosing(service.logs(loop)) as log:
        async for line in log:
            if line == "[exited with code 7, started again]":
                break
        assert await anext(log) == "try"


async def test_a_line_without_end_is_cut(engine: Dockerd, service: DockerService) -> None:
    script = "dd if=/dev/zero bs=1000 count=100 2>/dev/null; echo; echo after; sleep 600"
    container = engine.run("long", "sh", "-c", script)
    first, second = await _lines(service, container, 2)
    assert 0 < len(first) <= 4096
    assert set(first) == {"\ufffd"}
    assert second == "after"


async def test_a_slow_reader_holds_up_the_log_not_the_memory(engine: Dockerd, service: DockerService) -> None:
    # Written before it is read: Debian 12's engine stops feeding a follower of a burst now and then (its client's too).
    container = engine.run("flood", "sh", "-c", "seq 100001 160000; sleep 600")
    for _ in range(300):
        if await asyncio.to_thread(engine.client, "logs", "--tail", "1", "flood") == "160000":
            break
        await asyncio.sleep(0.2)
    async with contextlib.aclosing(service.logs(container, 60_000)) as log:
        assert await anext(log) == "100001"
        await asyncio.sleep(2)  # the reader takes nothing while the engine would send more
        assert service._link._child is not None
        queues = list(service._link._child.waiting.values())
        assert len(queues) == 1
        assert queues[0].qsize() <= CREDIT
        # Another request is not held up by the log that waits.
        assert (await _one(service, "flood")).state == "running"
        last = ""
        async for line in log:
            last = line
            if line == "160000":
                break
    assert last == "160000"


async def test_stats_agree_with_docker_stats(engine: Dockerd, service: DockerService) -> None:
    engine.run("busy", "sh", "-c", "while :; do :; done", options=("--memory", "64m"))
    engine.run("idle", "sleep", "600")
    await service.engine()
    await asyncio.sleep(1.5)
    ours = {item.name: item for item in (await service.engine()).containers}
    told = engine.client("stats", "--no-stream", "--format", "{{.Name}} {{.CPUPerc}} {{.MemUsage}}").splitlines()
    theirs = {line.split()[0]: float(line.split()[1].rstrip("%")) for line in told}
    busy, idle = ours["busy"], ours["idle"]
    assert busy.cpu_percent is not None
    assert idle.cpu_percent is not None
    assert busy.cpu_percent > 10 > idle.cpu_percent
    assert busy.cpu_percent <= 110  # one core: percent are of a core, as docker counts them
    assert theirs["busy"] > 10 > theirs["idle"]
    if busy.memory is None:
        pytest.skip("this kernel has no memory cgroup")
    assert busy.memory_limit == 64 * 1024 * 1024
    usage = next(line.split()[2] for line in told if line.startswith("busy"))
    assert busy.memory < 8 * 1024 * 1024
    assert usage.endswith(("KiB", "MiB"))


async def test_container_vanishes(engine: Dockerd, service: DockerService) -> None:
    container = engine.run("gone", "sleep", "600")
    seen = await _one(service, "gone")
    engine.client("rm", "-f", "gone")
    with pytest.raises(ChangedError, match="no longer"):
        await service.act(seen.id, "start")
    with pytest.raises(ChangedError, match="no longer"):
        _ = [line async for line in service.logs(container)]


async def test_container_vanishes_during_the_act(engine: Dockerd, service: DockerService) -> None:
    """A restart waits for a container that takes its time to end; meanwhile somebody removes it."""
    script = "trap 'echo yes >/asked' TERM; echo ready; while :; do sleep 0.1; done"
    container = engine.run("stubborn", "sh", "-c", script, options=("--stop-timeout", "60"))
    assert await _lines(service, container, 1) == ["ready"]
    act = asyncio.create_task(service.act(container, "restart"))
    for _ in range(300):
        if await asyncio.to_thread(engine.client, "exec", "stubborn", "cat", "/asked", check=False) or act.done():
            break
        await asyncio.sleep(0.1)
    engine.client("rm", "-f", "stubborn")
    with pytest.raises((ChangedError, CommandError), match=r"stubborn is no longer|refused to restart"):
        await act


async def test_engine_killed_midway(own_engine: Dockerd, service: DockerService) -> None:
    container = own_engine.run("web", "sh", "-c", "echo one; sleep 600")
    async with contextlib.aclosing(service.logs(container)) as log:
        assert await anext(log) == "one"
        own_engine.process.kill()
        own_engine.process.wait()
        with pytest.raises(MissingError, match="not running"):
            await anext(log)
    with pytest.raises(MissingError, match="systemctl start docker"):
        await service.engine()


async def test_engine_that_hangs(own_engine: Dockerd) -> None:
    service = DockerService(LocalHost(), timeout=2)
    own_engine.run("web", "sleep", "600")
    try:
        assert (await service.engine()).containers
        own_engine.process.send_signal(signal.SIGSTOP)
        with pytest.raises(MissingError, match="does not answer"):
            await service.engine()
        own_engine.process.send_signal(signal.SIGCONT)
        assert (await service.engine()).containers
    finally:
        own_engine.process.send_signal(signal.SIGCONT)
        await service.close()


async def test_close_ends_the_child_and_it_starts_again(engine: Dockerd, service: DockerService) -> None:
    await service.engine()
    child: Any = service._link._child
    pid = child.process._process.pid
    await service.close()
    assert not Path(f"/proc/{pid}").exists()
    assert await service.engine()


async def test_child_that_dies_is_told_and_replaced(engine: Dockerd, service: DockerService) -> None:
    container = engine.run("web", "sh", "-c", "echo one; sleep 600")
    async with contextlib.aclosing(service.logs(container)) as log:
        assert await anext(log) == "one"
        child: Any = service._link._child
        os.kill(child.process._process.pid, signal.SIGKILL)
        with pytest.raises(CommandError, match="helper that talks to Docker"):
            await anext(log)
    assert (await _one(service, "web")).state == "running"


async def test_no_engine(service: DockerService, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with pytest.raises(MissingError, match="Docker engine") as caught:
        await service.engine()
    assert caught.value.next_step


async def test_socket_nobody_listens_on(
    service: DockerService, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(f"{tmp_path}/s")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/s")
    with pytest.raises(MissingError, match="not running"):
        await service.engine()


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:2375", "ssh://box", "unix://relative", "http://x"])
async def test_only_local_sockets(service: DockerService, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("DOCKER_HOST", address)
    with pytest.raises(MissingError, match="only to a local socket"):
        await service.engine()


async def test_no_right_to_the_socket(engine: Dockerd, monkeypatch: pytest.MonkeyPatch) -> None:
    """As another user (the worker is started through setpriv): the socket is root's."""

    class Nobody(LocalHost):
        async def open(self, argv: Any) -> Any:
            return await super().open(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *argv])

    user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    reachable = await LocalHost().run([*user, sys.executable, "-c", "import dplane_tui"])
    if reachable.status != 0:
        pytest.skip("the checkout is not readable for another user")
    engine.folder.chmod(0o755)
    service = DockerService(Nobody())
    try:
        with pytest.raises(NotAllowedError, match="may not use") as caught:
            await service.engine()
    finally:
        await service.close()
    assert "root on the box" in caught.value.next_step


def _dplane(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dplane_tui", *args], capture_output=True, text=True, check=False, timeout=60
    )


def test_command_line(engine: Dockerd) -> None:
    container = engine.run("web", "sh", "-c", "echo one; sleep 600")
    listed = json.loads(_dplane("docker", "list", "--json").stdout)
    assert listed["ok"]
    assert listed["data"]["containers"][0]["name"] == "web"
    assert listed["data"]["containers"][0]["cpu_percent"] is not None
    stopped = _dplane("docker", "stop", "web")
    assert stopped.returncode == 0
    assert "web is stopped" in stopped.stdout
    assert engine.client("inspect", "-f", "{{.State.Running}}", "web") == "false"
    assert _dplane("docker", "start", container[:12]).returncode == 0
    assert engine.client("inspect", "-f", "{{.State.Running}}", "web") == "true"
    assert _dplane("docker", "logs", "--tail", "1", "web").stdout == "one\n"
    nobody = _dplane("docker", "start", "nobody", "--json")
    assert nobody.returncode == 6
    assert json.loads(nobody.stdout)["error"]["code"] == "missing"


def test_following_ends_with_ctrl_c(engine: Dockerd) -> None:
    engine.run("web", "sh", "-c", "echo one; sleep 600")
    command = [sys.executable, "-m", "dplane_tui", "docker", "logs", "-f", "web"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as follower:
        assert follower.stdout is not None
        assert follower.stdout.readline() == "one\n"
        (worker,) = Path(f"/proc/{follower.pid}/task/{follower.pid}/children").read_text().split()
        follower.send_signal(signal.SIGINT)
        assert follower.wait(30) == 130
        assert follower.stderr is not None
        assert "Traceback" not in follower.stderr.read()
    assert not Path(f"/proc/{worker}").exists()


def test_command_line_without_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none")
    done = _dplane("docker", "list")
    assert done.returncode == MissingError.exit_code
    assert "Traceback" not in done.stderr
    assert "Docker engine" in done.stderr
