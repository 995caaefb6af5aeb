"""Start, save, resume and end one box as a QEMU process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from .config import DISK_SIZE, Node
from .errors import LabError
from .progress import start_ticks
from .qemu import Box, process_name, qemu_argv
from .qmp import Qmp


@dataclass(frozen=True)
class Process:
    """A QEMU process, identified so that a recycled pid is never mistaken for it."""

    pid: int
    ticks: int

    def alive(self, node: Node) -> bool:
        """Is this very process still there, and is it this box?"""
        if start_ticks(self.pid) != self.ticks:
            return False
        with suppress(OSError):
            return process_name(node).encode() in Path(f"/proc/{self.pid}/cmdline").read_bytes().split(b"\0")
        return False

    def kill(self, node: Node) -> None:
        """End it at once, as a power failure would, and wait until it is gone."""
        if not self.alive(node):
            return
        os.kill(self.pid, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while self.alive(node):
            if time.monotonic() > deadline:
                raise LabError(
                    f"{node.name} (process {self.pid}) does not end; it may wait for a broken disk of this machine."
                )
            time.sleep(0.02)
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


def strays(node: Node, run_dir: Path) -> list[Process]:
    """Processes of this box of this very run folder, also those nobody noted because their starter was killed."""
    found = []
    socket_name = f"unix:{run_dir / node.name}.qmp"
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            ticks = start_ticks(int(entry.name))
            if ticks is not None and process_name(node) in words and any(socket_name in word for word in words):
                found.append(Process(int(entry.name), ticks))
    return found


def free_port(preferred: int | None = None) -> int:
    """A free loopback port: the preferred one if nobody has it."""
    for port in (preferred or 0, 0):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise LabError("This machine has no free loopback port; close something that listens and try again.")


def make_disk(path: Path, size: int = DISK_SIZE, backing: Path | None = None, backing_format: str = "qcow2") -> None:
    """Make an empty qcow2, or a thin layer over `backing`."""
    argv = ["qemu-img", "create", "-q", "-f", "qcow2"]
    if backing is not None:
        argv += ["-u", "-F", backing_format, "-b", str(backing)]
    done = subprocess.run(
        [*argv, str(path), str(size)], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        words = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise LabError(f"The disk {path} could not be made: {words}.")


def start(box: Box, attempts: int = 3) -> tuple[Process, int]:
    """Start a box; returns its process and the loopback port of its sshd (another when the wanted one was taken)."""
    port = free_port(box.port or None)
    for attempt in range(attempts):
        process, words = _spawn(replace(box, port=port))
        if process is not None:
            return process, port
        if "host forwarding" not in words or attempt == attempts - 1:
            raise LabError(f"{box.node.name} did not start: {words}")
        port = free_port()
    raise LabError(f"{box.node.name} did not start: every port tried was taken.")


def _spawn(box: Box) -> tuple[Process | None, str]:
    for kind in ("qmp", "serial", "cable"):
        box.socket(kind).unlink(missing_ok=True)
    log = box.run_dir / f"{box.node.name}.log"
    with log.open("wb") as stream:
        try:
            child = subprocess.Popen(
                qemu_argv(box), stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, start_new_session=True, cwd="/"
            )
        except OSError as error:
            raise LabError(
                f"QEMU could not be started ({error.strerror}); install it with: sudo apt-get install qemu-system-x86"
            ) from error
    ticks = start_ticks(child.pid)
    deadline = time.monotonic() + 30
    while child.poll() is None and ticks is not None and time.monotonic() < deadline:
        if box.socket("qmp").exists():
            with suppress(LabError), Qmp(box.socket("qmp"), box.node.name):
                # Nobody reaps a child that outlives us; told here so that no warning follows.
                child.returncode = 0
                return Process(child.pid, ticks), ""
        time.sleep(0.02)
    if child.poll() is None:
        child.kill()
        child.wait()
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return None, lines[-1] if lines else "QEMU ended without a word."


def resume(box: Box, seconds: float = 60.0) -> None:
    """Load the saved memory into a box that was started with `incoming`; it runs when this returns."""
    if box.incoming is None:
        raise LabError(f"{box.node.name} has no saved memory to resume from.")
    with Qmp(box.socket("qmp"), box.node.name) as qmp:
        qmp.command("migrate-incoming", uri=f"exec:cat '{shell_word(box.incoming)}'")
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            status = qmp.command("query-status")["status"]
            if status == "running":
                return
            if status not in ("inmigrate", "paused", "prelaunch", "postmigrate"):
                break
            time.sleep(0.05)
    raise LabError(f"{box.node.name} could not load its saved memory; build the pair again: lab/lab build")


def shell_word(path: Path) -> str:
    """The path for QEMU's exec: (a shell); refused when quoting could be broken."""
    text = str(path)
    if "'" in text or "\n" in text:
        raise LabError(f"The folder {text} has a quote in its name; choose another with DPLANE_LAB_CACHE.")
    return text


def save(box: Box, target: Path, seconds: float = 120.0) -> None:
    """Write the box's memory to `target` and end it; its disks then hold exactly what the memory expects."""
    with Qmp(box.socket("qmp"), box.node.name) as qmp:
        qmp.command("migrate-set-parameters", max_bandwidth=0x7FFFFFFF, downtime_limit=2000)
        qmp.command("migrate", uri=f"exec:cat > '{shell_word(target)}'")
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            status = qmp.command("query-migrate").get("status")
            if status == "completed":
                qmp.command("quit")
                return
            if status in ("failed", "cancelled"):
                raise LabError(f"The memory of {box.node.name} could not be saved to {target}; is the disk full?")
            time.sleep(0.1)
    raise LabError(f"Saving the memory of {box.node.name} took longer than {seconds:.0f} s.")
