"""The practice pair for tests: `pair` (running) and `fresh_pair` (the same, put back to the saved state first)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "lab"))

from dplane_lab import build
from dplane_lab.config import NODES, Config, Node, checked_config
from dplane_lab.errors import LabError
from dplane_lab.lock import locked
from dplane_lab.pair import Pair
from dplane_lab.paths import cache_dir, ensure_private
from dplane_lab.progress import Progress

pytest.register_assert_rewrite("tests.lab.faults_lab", "tests.lab.replication_lab")  # they say what was not so


class PracticeBox:
    """One box of the running pair."""

    def __init__(self, pair: Pair, node: Node) -> None:
        self.pair = pair
        self.node = node
        self.name = node.name
        self.address = node.cable_address

    def ssh(
        self, *argv: str, check: bool = True, input: str | None = None, user: str = "root", timeout: float = 600
    ) -> subprocess.CompletedProcess[str]:
        """Run an argv in the box; with `check` a failure is an assertion that shows what it said."""
        done = self.pair.login.run(self.node, argv, None if input is None else input.encode(), user, timeout)
        text = subprocess.CompletedProcess(
            list(argv), done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        )
        assert not check or text.returncode == 0, f"{self.name}: {argv} → {text.returncode}\n{text.stdout}{text.stderr}"
        return text

    @property
    def port(self) -> int:
        """Loopback port of the box's sshd."""
        state = self.pair.state()
        assert state is not None
        return state.nodes[self.name].port

    @property
    def serial_socket(self) -> Path:
        """Unix socket of the box's serial line (one reader at a time)."""
        return self.pair.sockets / f"{self.name}.serial"

    def copy_in(self, source: Path, target: str) -> None:
        """Copy a file or a folder into the box."""
        login = self.pair.login
        argv = ["scp", "-q", "-r", "-p", "-F", str(login.config), "-o", "User=root"]
        argv += ["-o", f"ControlPath={login.control(self.node)}", "--", str(source), f"{self.name}:{target}"]
        subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=600)

    def disk(self, number: int) -> str:
        """Stable path in the box of the disk that is number `number` now."""
        state = self.pair.state()
        assert state is not None
        serial = next(disk.serial for disk in state.nodes[self.name].disks if disk.number == number)
        return f"/dev/disk/by-id/virtio-{serial}"

    def power_cut(self) -> None:
        """Take the power away at once."""
        self.pair.power_cut(self.node)

    def power_on(self) -> None:
        """Boot from the disks as they are; returns when the box answers (minutes without KVM)."""
        self.pair.power_on(self.node)

    def pull_disk(self, number: int) -> None:
        """Pull a data disk out."""
        self.pair.pull_disk(self.node, number)

    def insert_disk(self, number: int, blank: bool = False) -> None:
        """Put the pulled disk, or a blank one, back in."""
        self.pair.insert_disk(self.node, number, blank)


class PracticePair:
    """Both boxes and what is between them."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.nas_a, self.nas_b = (PracticeBox(pair, node) for node in NODES)

    @property
    def ssh_config(self) -> Path:
        """OpenSSH configuration with nas-a and nas-b; `dplane --host nas-a` reads the one in the default place."""
        return self.pair.login.config

    @property
    def zfs(self) -> str:
        """The OpenZFS of the boxes: `2.3`."""
        state = self.pair.state()
        assert state is not None
        return state.config.zfs

    def cut(self) -> None:
        """Cut the cable between the boxes."""
        self.pair.set_cable(up=False)

    def heal(self) -> None:
        """Join the cable again."""
        self.pair.set_cable(up=True)

    def reset(self) -> None:
        """Both boxes, on and joined, as they were saved."""
        self.pair.reset()


@pytest.fixture(scope="session")
def pair() -> Iterator[PracticePair]:
    """The pair with this checkout's product, built if needed; shut down at the end if it was down before."""
    running = Pair()
    # One test session a machine, whoever's pair it uses: two pairs on two cores only time out on each other.
    with locked(ensure_private(cache_dir()) / "tests.lock", "tests on a pair"):
        try:
            memory = int(os.environ.get("LAB_MEMORY") or Config().memory)
            saved = build.build(checked_config(os.environ.get("LAB_ZFS") or "2.3", memory), Progress())
            state = running.state()
            was_up = state is not None and any(node.process is not None for node in state.nodes.values())
            if was_up and state is not None and (state.ready != saved.ready or state.config != saved.config):
                running.down()
            running.up(config=saved.config)
        except LabError as error:
            pytest.fail(f"the practice pair cannot be used: {error}", pytrace=False)
        yield PracticePair(running)
        if not was_up:
            running.down()


@pytest.fixture
def fresh_pair(pair: PracticePair) -> PracticePair:
    """The pair, put back to the saved state."""
    pair.reset()
    return pair
