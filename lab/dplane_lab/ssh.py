"""Reach a box with OpenSSH: the config file for people and product, and the shared connection for this tool."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from . import proc
from .config import NODES, Node
from .errors import LabError
from .progress import write_atomically

# Emulated processors are slow at the post-quantum exchanges; the line is loopback.
FAST = ("-o", "KexAlgorithms=curve25519-sha256,ecdh-sha2-nistp256", "-o", "LogLevel=ERROR", "-o", "BatchMode=yes")


def patience(seconds: float) -> float:
    """`seconds` on a machine that has nothing else to do; more where others use its processors, too."""
    crowd = os.getloadavg()[0] / (2 * (os.cpu_count() or 1))
    return seconds * min(max(crowd, 1.0), 5.0)


def config_text(ports: dict[str, int], key: Path, known_hosts: Path) -> str:
    """OpenSSH configuration with one Host entry a box; also read by `dplane --host`."""
    parts = ["# Written by lab/lab up. Use: ssh -F THIS_FILE nas-a, or dplane --host nas-a"]
    for name, port in ports.items():
        parts.append(
            f"""
Host {name}
    HostName 127.0.0.1
    Port {port}
    User owner
    IdentityFile "{key}"
    IdentitiesOnly yes
    HostKeyAlias {name}
    UserKnownHostsFile "{known_hosts}"
    StrictHostKeyChecking yes"""
        )
    return "\n".join(parts) + "\n"


def known_hosts_text(pins: dict[str, str], ports: dict[str, int]) -> str:
    """known_hosts lines: each box's key under its name and under its present loopback port."""
    lines = []
    for name, pin in pins.items():
        _, kind, key = pin.split()
        lines.append(f"{name},[127.0.0.1]:{ports[name]} {kind} {key}" if name in ports else pin)
    return "\n".join(lines) + "\n"


class Login:
    """How to log in to the boxes of one state folder."""

    def __init__(self, folder: Path, run_dir: Path) -> None:
        self.folder = folder
        self.run_dir = run_dir
        self.config = folder / "ssh_config"

    def write(self, ports: dict[str, int], pins: dict[str, str], key: Path) -> None:
        """Write ssh_config, known_hosts and the key that fits the running boxes."""
        write_atomically(self.folder / "id_ed25519", key.read_text(), 0o600)
        write_atomically(self.folder / "known_hosts", known_hosts_text(pins, ports))
        write_atomically(self.config, config_text(ports, self.folder / "id_ed25519", self.folder / "known_hosts"))

    def control(self, node: Node) -> Path:
        """Socket of the connection kept open to a box (as root)."""
        return self.run_dir / f"{node.name}.ssh"

    def argv(self, node: Node, command: Sequence[str], user: str = "root", options: Sequence[str] = ()) -> list[str]:
        """ssh command that runs `command` (an argv, quoted here) in a box; the kept connection is used for root."""
        argv = ["ssh", "-F", str(self.config), *FAST, "-l", user, *options]
        if user == "root":
            argv += ["-o", "ControlMaster=no", "-o", f"ControlPath={self.control(node)}"]
        return [*argv, node.name, *(["--", shlex.join(command)] if command else [])]

    def open_master(self, node: Node, seconds: float) -> None:
        """Log in as root and keep the connection; raises LabError when the box does not answer in time."""
        seconds = patience(seconds)
        deadline = time.monotonic() + seconds
        log = self.run_dir / f"{node.name}.ssh.log"
        argv = [
            "ssh",
            "-F",
            str(self.config),
            *FAST,
            "-l",
            "root",
            "-f",
            "-N",
            "-M",
            "-o",
            f"ControlPath={self.control(node)}",
        ]
        argv += ["-o", "ControlPersist=yes", "-o", "ServerAliveInterval=30", "-o", "ConnectTimeout=20"]
        while time.monotonic() < deadline:
            proc.check_going()
            self.close_master(node)
            with log.open("wb") as stream, suppress(subprocess.TimeoutExpired):
                done = subprocess.run(
                    [*argv, node.name],
                    stdin=subprocess.DEVNULL,
                    stdout=stream,
                    stderr=stream,
                    timeout=max(5.0, min(60.0, deadline - time.monotonic())),
                    check=False,
                    start_new_session=True,
                )
                if done.returncode == 0:
                    return
            time.sleep(0.2)
        words = (log.read_text(errors="replace").strip().splitlines() or ["no answer"])[-1]
        raise LabError(
            f"{node.name} did not answer over SSH in {seconds:.0f} s ({words}); see: lab/lab serial {node.name}"
        )

    def close_master(self, node: Node) -> None:
        """End the kept connection, if there is one."""
        control = self.control(node)
        if control.exists():
            argv = ["ssh", "-F", str(self.config), "-o", f"ControlPath={control}", "-O", "exit", node.name]
            with suppress(subprocess.TimeoutExpired):
                subprocess.run(argv, capture_output=True, timeout=10, check=False)
            control.unlink(missing_ok=True)

    def close_all(self) -> None:
        """End the kept connections to both boxes."""
        for node in NODES:
            self.close_master(node)

    def run(
        self, node: Node, command: Sequence[str], data: bytes | None = None, user: str = "root", timeout: float = 300.0
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command in a box and return what it said; raises LabError only when the time is over."""
        try:
            return subprocess.run(
                self.argv(node, command, user),
                input=b"" if data is None else data,
                capture_output=True,
                timeout=patience(timeout),
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise LabError(f"{node.name} needed more than {timeout:.0f} s for: {shlex.join(command)}") from error

    def need(self, node: Node, command: Sequence[str], data: bytes | None = None, timeout: float = 300.0) -> str:
        """Run a command as root and return its output; raises LabError when it fails."""
        done = self.run(node, command, data, timeout=timeout)
        if done.returncode:
            words = (done.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            raise LabError(f"In {node.name}, {shlex.join(command)[:120]} failed: {words}")
        return done.stdout.decode(errors="replace")
