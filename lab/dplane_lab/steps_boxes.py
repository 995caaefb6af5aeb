"""Stages in which boxes run: the first boot, and the product put into the resumed boxes."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

from . import proc, vm
from .config import DISK_COUNT, NODES, ROOT_SIZE, Config, Node
from .errors import LabError
from .identity import identity_tar, known_hosts_line, machine_id, make_key
from .paths import run_dir
from .product_push import push_product
from .progress import start_ticks
from .qemu import Box, Disk
from .ssh import Login

BOOT_SECONDS = 600.0

# A tiny image made of busybox alone, one container that serves, one that has ended: what the Docker screen shows.
IMAGE = """set -eu
box=$(mktemp -d); mkdir -p $box/bin $box/www $box/tmp; cp /bin/busybox $box/bin/
for name in $(/bin/busybox --list); do [ "$name" = busybox ] || ln -s busybox $box/bin/$name; done
echo "practice box" > $box/www/index.html
tar -C $box -c . | docker import --change 'CMD ["/bin/sh"]' - practice/busybox:1 >/dev/null; rm -rf $box"""
SAMPLES = """set -eu
docker run -d --name sample-web --restart unless-stopped -p 8080:80 --memory 32m \
  --health-cmd 'wget -q -O /dev/null http://127.0.0.1/' --health-interval 300s \
  practice/busybox:1 httpd -f -v -p 80 -h /www >/dev/null
docker run --name sample-done practice/busybox:1 echo 'this container has done its work'"""
SETTLE = """set -eu
modprobe zfs; zpool status >/dev/null
for try in $(seq 300); do
  state=$(systemctl is-system-running || true)
  case $state in running) exit 0 ;; degraded) systemctl --failed --plain --no-legend >&2; exit 1 ;; esac
  sleep 1
done
echo "the box is still $state" >&2; exit 1"""


def both(work: Callable[[Node], None]) -> None:
    """Do the same for both boxes at the same time; the first failure is raised when both have ended."""
    with ThreadPoolExecutor(max_workers=len(NODES)) as pool:
        for future in [pool.submit(work, node) for node in NODES]:
            future.result()


def first_disks(folder: Path, node: Node) -> tuple[Disk, ...]:
    """The data disks a new box has."""
    return tuple(
        Disk(number, f"{node.name}-disk{number}", folder / f"disk{number}.qcow2") for number in range(1, DISK_COUNT + 1)
    )


def saved_box(config: Config, image: Path, boot: Path, folder: Path, node: Node, sockets: Path) -> Box:
    """A box whose disks are in `folder`/<node>, with the identity that `boot` gave it."""
    home = folder / node.name
    own = json.loads((boot / node.name / "box.json").read_text())
    return Box(
        node=node,
        memory=config.memory,
        accel=config.accel,
        kernel=image / "vmlinuz",
        initrd=image / "initrd",
        machine_id=own["machine_id"],
        identity=boot / node.name / "identity.tar",
        root=home / "root.qcow2",
        disks=first_disks(home, node),
        run_dir=sockets,
        port=0,
        safe=False,
    )


def thin_disks(box: Box, below: Path) -> None:
    """Give a box thin layers over the disks of the same name in `below`."""
    box.root.parent.mkdir(parents=True, exist_ok=True)
    vm.make_disk(box.root, ROOT_SIZE, below / "root.qcow2")
    for disk in box.disks:
        vm.make_disk(disk.file, backing=below / disk.file.name)


def boot_once(config: Config, needs: Mapping[str, Path], folder: Path, log: Path) -> None:
    """Make two boxes of the image, boot them for the first time, and save their memory."""
    make_key(folder / "id_ed25519", "dplane practice pair")
    pins: dict[str, str] = {}
    for node in NODES:
        home = folder / node.name
        home.mkdir()
        make_key(home / "host_key", node.name)
        pins[node.name] = known_hosts_line(node, home / "host_key")
        (home / "identity.tar").write_bytes(identity_tar(node, home / "host_key", folder / "id_ed25519"))
        (home / "box.json").write_text(json.dumps({"machine_id": machine_id(), "pin": pins[node.name]}))
        vm.make_disk(home / "root.qcow2", ROOT_SIZE, needs["image"] / "root.img", "raw")
        for disk in first_disks(home, node):
            vm.make_disk(disk.file)
    with Boxes(config, needs["image"], folder, folder, log) as boxes:
        boxes.start(incoming=False)
        both(lambda node: boxes.settle(node, samples=node is NODES[0]))
        boxes.save()


def put_product(config: Config, needs: Mapping[str, Path], folder: Path, log: Path) -> None:
    """Resume the booted boxes, put the product into them, and save them again: the state every `up` starts from."""
    with Boxes(config, needs["image"], needs["boot"], folder, log) as boxes:
        for node in NODES:
            thin_disks(boxes.boxes[node.name], needs["boot"] / node.name)
        boxes.start(incoming=True)
        both(
            lambda node: push_product(
                boxes.login, node, boxes.boxes[node.name].socket("qmp"), needs["product"] / "product.tar"
            )
        )
        boxes.save()


class Boxes:
    """Two boxes under construction; ended when the block ends, whatever happens."""

    def __init__(self, config: Config, image: Path, boot: Path, folder: Path, log: Path) -> None:
        self.sockets = run_dir(folder)
        self.boot = boot
        self.log = log
        self.boxes = {node.name: saved_box(config, image, boot, folder, node, self.sockets) for node in NODES}
        self.processes: dict[str, vm.Process] = {}
        self.login = Login(self.sockets, self.sockets)
        self.began = time.monotonic()

    def __enter__(self) -> Boxes:
        return self

    def __exit__(self, *_: object) -> None:
        self.login.close_all()
        for node in NODES:
            if node.name in self.processes:
                self.processes[node.name].kill(node)
        for path in self.sockets.iterdir():
            path.unlink()
        self.sockets.rmdir()

    def note(self, text: str) -> None:
        """Add a line to the stage's log."""
        with self.log.open("a") as stream:
            stream.write(f"{time.monotonic() - self.began:6.1f} s  {text}\n")

    def start(self, incoming: bool) -> None:
        """Start both boxes (resumed when `incoming`) and log in."""
        ports: dict[str, int] = {}
        for node in NODES:
            box = self.boxes[node.name]
            if incoming:
                box = replace(box, incoming=self.boot / node.name / "memory")
            process, ports[node.name] = vm.start(box)
            self.processes[node.name] = process
            proc.on_stop(partial(process.kill, node))
            (box.root.parent / "qemu.pid").write_text(f"{process.pid} {start_ticks(process.pid)}")
            self.boxes[node.name] = replace(box, port=ports[node.name])
        pins = {node.name: json.loads((self.boot / node.name / "box.json").read_text())["pin"] for node in NODES}
        self.login.write(ports, pins, self.boot / "id_ed25519")
        both(lambda node: self._reach(node, incoming))

    def _reach(self, node: Node, incoming: bool) -> None:
        if incoming:
            vm.resume(self.boxes[node.name])
        self.login.open_master(node, BOOT_SECONDS)
        self.note(f"{node.name} answers over SSH")
        if incoming:
            self.login.need(node, ["date", "-u", "-s", f"@{time.time():.0f}"])

    def settle(self, node: Node, samples: bool) -> None:
        """Wait until a freshly booted box is quiet, and give it its Docker image and sample containers."""
        self.login.need(node, ["sh", "-c", SETTLE], timeout=BOOT_SECONDS)
        self.note(f"{node.name} is up")
        self.login.need(node, ["sh", "-c", IMAGE], timeout=BOOT_SECONDS)
        if samples:
            self.login.need(node, ["sh", "-c", SAMPLES], timeout=BOOT_SECONDS)
        # The root login of the build stays in nobody's history; caches are dropped so that less memory is saved.
        self.login.need(node, ["sh", "-c", "sync; echo 3 > /proc/sys/vm/drop_caches"])
        self.note(f"{node.name} is ready to be saved")

    def save(self) -> None:
        """Save both boxes' memory next to their disks; they end."""
        self.login.close_all()
        both(lambda node: vm.save(self.boxes[node.name], self.boxes[node.name].root.parent / "memory"))
        for node in NODES:
            deadline = time.monotonic() + 20
            while self.processes[node.name].alive(node):
                if time.monotonic() > deadline:
                    raise LabError(f"{node.name} did not end after its memory was saved.")
                time.sleep(0.05)
            (self.boxes[node.name].root.parent / "qemu.pid").unlink()
        self.note(f"saved; load {os.getloadavg()[0]:.1f}")
