"""A real Docker engine with its own socket and data, away from the machine's network, and one image made of busybox."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dplane_tui.services.docker.service import DockerService
from dplane_tui.services.host import LocalHost

PACKAGES = {"dockerd": "docker.io", "busybox": "busybox-static"}
IMAGE = "dplane-box"
_POLICY = Path("/usr/sbin/policy-rc.d")


@dataclass
class Dockerd:
    """The engine under test, driven by its own client where a test needs another witness."""

    process: subprocess.Popen[bytes]
    folder: Path

    @property
    def socket(self) -> str:
        return f"unix://{self.folder}/docker.sock"

    def client(self, *args: str, check: bool = True) -> str:
        """Standard output of the `docker` command."""
        done = subprocess.run(
            ["docker", "-H", self.socket, *args], capture_output=True, text=True, check=False, timeout=120
        )
        assert not check or done.returncode == 0, done.stderr
        return done.stdout.strip()

    def run(self, name: str, *command: str, options: tuple[str, ...] = ()) -> str:
        """Start a container; returns its id."""
        return self.client("run", "-d", "--network", "host", "--name", name, *options, IMAGE, *command)


def _unavailable(reason: str) -> None:
    """On CI a missing engine is a failure, elsewhere a reason to skip."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@contextlib.contextmanager
def _no_services_started() -> Iterator[None]:
    """Installing docker.io must not start an engine on the machine's own network."""
    if _POLICY.exists():
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink()


def _install() -> None:
    missing = [package for program, package in PACKAGES.items() if shutil.which(program) is None]
    if os.geteuid() != 0:
        _unavailable("a Docker engine of its own needs root")
    if not missing:
        return
    if shutil.which("apt-get") is None:
        _unavailable(f"not installed and no apt-get: {', '.join(missing)}")
    with _no_services_started():
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "-q"], capture_output=True, check=False, timeout=300, env=environment)
        command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *missing]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=580, env=environment)
    if done.returncode != 0:
        _unavailable(f"apt-get could not install {', '.join(missing)}: {done.stderr[-300:]}")


def _start(folder: Path) -> subprocess.Popen[bytes]:
    command = ["dockerd", "--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec", "-p", f"{folder}/pid"]
    command += ["-H", f"unix://{folder}/docker.sock", "--iptables=false", "--ip6tables=false", "--bridge=none"]
    command += ["--storage-driver=vfs"]  # works on any file system; the image has one file
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    for _ in range(300):
        if process.poll() is not None:
            break
        asked = ["docker", "-H", f"unix://{folder}/docker.sock", "version"]
        if subprocess.run(asked, capture_output=True, check=False).returncode == 0:
            return process
        time.sleep(0.1)
    said = (folder / "log").read_text()[-400:]
    _end(process, folder)
    _unavailable(f"dockerd does not start here: {said}")
    raise AssertionError


def _end(process: subprocess.Popen[bytes], folder: Path) -> None:
    """End the engine (it ends its containerd), free what it mounted, remove its data."""
    if process.poll() is None:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    _end_leftovers(folder)
    mounted = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for point in reversed([point for point in mounted if point.startswith(f"{folder}/")]):
        subprocess.run(["umount", "-l", point], check=False, capture_output=True)
    shutil.rmtree(folder, ignore_errors=True)


def _end_leftovers(folder: Path) -> None:
    """What outlives a killed dockerd: its containerd, and for each container a shim with the container's process."""
    for proc in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"{folder}/".encode() not in (proc / "cmdline").read_bytes():
                continue
            children = (proc / f"task/{proc.name}/children").read_text().split()
            for pid in (*children, proc.name):
                os.kill(int(pid), signal.SIGKILL)


def _import_image(engine: Dockerd) -> None:
    busybox = Path(str(shutil.which("busybox"))).read_bytes()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        program = tarfile.TarInfo("bin/busybox")
        program.size, program.mode = len(busybox), 0o755
        tar.addfile(program, io.BytesIO(busybox))
        for name in (
            "sh",
            "sleep",
            "echo",
            "printf",
            "true",
            "false",
            "cat",
            "rm",
            "touch",
            "seq",
            "yes",
            "head",
            "dd",
        ):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    command = ["docker", "-H", engine.socket, "import", "-", IMAGE]
    subprocess.run(command, input=packed.getvalue(), check=True, capture_output=True, timeout=120)


def start_engine() -> Dockerd:
    """A new engine with the image; end it with `end_engine`."""
    _install()
    folder = Path(tempfile.mkdtemp(prefix="dplane-docker-"))
    engine = Dockerd(_start(folder), folder)
    _import_image(engine)
    return engine


def end_engine(engine: Dockerd) -> None:
    """Remove its containers and end it."""
    if engine.process.poll() is None:
        engine.process.send_signal(signal.SIGCONT)
        for container in engine.client("ps", "-aq", check=False).split():
            engine.client("rm", "-f", container, check=False)
    _end(engine.process, engine.folder)


@pytest.fixture(scope="session")
def shared_engine() -> Iterator[Dockerd]:
    engine = start_engine()
    yield engine
    end_engine(engine)


@pytest.fixture
def engine(shared_engine: Dockerd, monkeypatch: pytest.MonkeyPatch) -> Iterator[Dockerd]:
    """The shared engine, empty before and after."""
    monkeypatch.setenv("DOCKER_HOST", shared_engine.socket)
    yield shared_engine
    for container in shared_engine.client("ps", "-aq").split():
        shared_engine.client("rm", "-f", container)


@pytest.fixture
def own_engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Dockerd]:
    """An engine that a test may stop, freeze or kill."""
    engine = start_engine()
    monkeypatch.setenv("DOCKER_HOST", engine.socket)
    yield engine
    end_engine(engine)


@pytest.fixture
async def service() -> AsyncIterator[DockerService]:
    service = DockerService(LocalHost())
    yield service
    await service.close()
