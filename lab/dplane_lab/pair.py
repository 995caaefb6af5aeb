"""The running pair: start, end, reset, power, cable, disks. Every act here holds the pair's lock."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from . import build, hostcheck, vm
from .config import NODES, ROOT_SIZE, Config, Node
from .errors import LabError
from .lock import locked
from .paths import ensure_private, run_dir, state_dir
from .product_push import push_product, remove_device
from .qemu import LAST_DISK_SLOT, Box, Disk, block_device
from .qmp import Qmp
from .ssh import Login
from .state import NodeState, PairState, load, store
from .steps_boxes import both, first_disks, saved_box

UP_SECONDS = 90.0
BOOT_SECONDS = 1200.0


class Pair:
    """The pair of one state folder."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = ensure_private(folder or state_dir())
        self.sockets = run_dir(self.folder)
        self.login = Login(self.folder, self.sockets)

    @contextmanager
    def _acting(self) -> Iterator[None]:
        with locked(self.folder / "lock", "changes the pair"):
            yield

    def state(self) -> PairState | None:
        """The pair's state with processes that ended taken out, or None when it was never started."""
        state = load(self.folder)
        if state is not None:
            for node in NODES:
                own = state.nodes[node.name]
                if own.process is not None and not own.process.alive(node):
                    own.process = None
        return state

    def _needed(self) -> PairState:
        state = self.state()
        if state is None:
            raise LabError("The pair was never started; start it with: lab/lab up")
        return state

    def running(self, node: Node) -> PairState:
        """The state, after making sure that `node` runs; raises LabError saying how to start it."""
        state = self._needed()
        own = state.nodes[node.name]
        if own.process is None:
            if own.powered:
                raise LabError(
                    f"{node.name} has died (its log: {self.sockets / node.name}.log); mend it with: lab/lab reset"
                )
            raise LabError(
                f"{node.name} is off; start it with: lab/lab {'power-on ' + node.name if self._any_on(state) else 'up'}"
            )
        return state

    @staticmethod
    def _any_on(state: PairState) -> bool:
        return any(node.process is not None for node in state.nodes.values())

    def box(self, state: PairState, node: Node) -> Box:
        """The box as QEMU shall see it now."""
        own = state.nodes[node.name]
        box = saved_box(state.config, state.image, state.boot, self.folder, node, self.sockets)
        return replace(box, disks=tuple(own.disks), port=own.port, safe=True)

    # ---- start and end

    def up(self, only: Node | None = None, config: Config | None = None) -> list[Node]:
        """Resume the boxes that are off (or `only` one) from the saved state; returns the ones it started."""
        hostcheck.check_machine()
        hostcheck.check_programs(hostcheck.RUN_PROGRAMS)
        with self._acting():
            state = self.state()
            if state is not None:
                self._end_unsettled(state)
            if state is None or not self._any_on(state):
                state = self._fresh(config, state)
            elif config is not None and (config.zfs, config.memory) != (state.config.zfs, state.config.memory):
                raise LabError("Another pair is running here; end it first with: lab/lab down")
            wanted = [node for node in NODES if only in (None, node) and state.nodes[node.name].process is None]
            self._resume(state, wanted)
        return wanted

    def _fresh(self, config: Config | None, old: PairState | None) -> PairState:
        wanted = config or (Config(old.config.zfs, old.config.memory) if old else Config())
        saved = build.recall(wanted)
        hostcheck.check_space(self.folder, 1000, "Running the practice pair")
        if saved.config.accel == "kvm" and not hostcheck.kvm_possible():
            raise LabError(
                "The pair was saved under KVM, which cannot be used here any more; build it again with: lab/lab build"
            )
        with suppress(OSError):
            os.utime(saved.ready)
        ports = {node.name: old.nodes[node.name].port if old else 0 for node in NODES}
        nodes = {node.name: NodeState(port=ports[node.name]) for node in NODES}
        return PairState(saved.config, saved.image, saved.boot, saved.ready, nodes)

    def _resume(self, state: PairState, nodes: list[Node]) -> None:
        """Start these boxes from the saved state, on fresh layers over the saved disks."""
        try:
            for node in nodes:
                self._start(state, node, fresh=True)
            self._write_login(state)
            if nodes:
                both(lambda node: self._reach(state, node) if node in nodes else None)
            if state.cut:
                self._link(state, nodes, up=False)
            for node in nodes:
                state.nodes[node.name].settled = True
            store(self.folder, state)
        except BaseException:
            for node in nodes:
                self._end(state, node)
            store(self.folder, state)
            raise

    def _end_unsettled(self, state: PairState) -> None:
        """End what a lab command that was killed half-way left running."""
        for node in NODES:
            own = state.nodes[node.name]
            if own.process is not None and not own.settled:
                self._end(state, node)
                store(self.folder, state)

    def _start(self, state: PairState, node: Node, fresh: bool) -> None:
        own = state.nodes[node.name]
        for stray in vm.strays(node, self.sockets):
            stray.kill(node)
        if fresh:
            home = self.folder / node.name
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir(mode=0o700)
            below = state.ready / node.name
            own.disks = list(first_disks(home, node))
            own.made = len(own.disks)
            vm.make_disk(home / "root.qcow2", ROOT_SIZE, below / "root.qcow2")
            for disk in own.disks:
                vm.make_disk(disk.file, backing=below / disk.file.name)
        incoming = state.ready / node.name / "memory" if fresh else None
        own.process, own.port = vm.start(replace(self.box(state, node), incoming=incoming))
        own.powered, own.settled = True, not fresh
        store(self.folder, state)

    def _reach(self, state: PairState, node: Node) -> None:
        vm.resume(replace(self.box(state, node), incoming=state.ready / node.name / "memory"))
        self.login.open_master(node, UP_SECONDS)
        self.login.need(node, ["date", "-u", "-s", f"@{time.time():.3f}"])

    def _write_login(self, state: PairState) -> None:
        pins: dict[str, str] = {}
        for node in NODES:
            pins[node.name] = (state.boot / node.name / "host_key.pub").read_text()
            kind, key, *_ = pins[node.name].split()
            pins[node.name] = f"{node.name} {kind} {key}"
        ports = {name: own.port for name, own in state.nodes.items() if own.port}
        self.login.write(ports, pins, state.boot / "id_ed25519")

    def _end(self, state: PairState, node: Node) -> None:
        self.login.close_master(node)
        own = state.nodes[node.name]
        if own.process is not None:
            own.process.kill(node)
        own.process, own.powered = None, False

    def down(self) -> None:
        """End both boxes and drop what they wrote; the saved state stays."""
        with self._acting():
            state = self.state()
            if state is None:
                return
            for node in NODES:
                self._end(state, node)
                shutil.rmtree(self.folder / node.name, ignore_errors=True)
            state.cut = False
            store(self.folder, state)

    def reset(self) -> None:
        """Both boxes back to the saved state: memory, disks, cable. Starts them when they were off."""
        hostcheck.check_programs(hostcheck.RUN_PROGRAMS)
        with self._acting():
            state = self._needed()
            for node in NODES:
                self._end(state, node)
            state.cut = False
            if not build.Saved(state.config, state.image, state.boot, state.ready).complete():
                state = self._fresh(state.config, state)
            self._resume(state, list(NODES))

    # ---- power and cable

    def power_cut(self, node: Node) -> None:
        """Take the power from a box at once. What it had flushed to its disks survives, nothing else."""
        with self._acting():
            state = self.running(node)
            self._end(state, node)
            store(self.folder, state)

    def power_on(self, node: Node, wait: bool = True) -> None:
        """Boot a box that is off from its disks as they are; with `wait` returns when it answers over SSH."""
        with self._acting():
            state = self._needed()
            own = state.nodes[node.name]
            if own.process is not None:
                raise LabError(f"{node.name} is on already.")
            if not (self.folder / node.name / "root.qcow2").exists():
                raise LabError(f"{node.name} has no disks to boot from (the pair is down); start it with: lab/lab up")
            self._start(state, node, fresh=False)
            self._write_login(state)
            if state.cut:
                self._link(state, [node], up=False)
        if wait:
            self.login.open_master(node, BOOT_SECONDS)

    def set_cable(self, up: bool) -> None:
        """Join (`up`) or cut the cable between the boxes."""
        with self._acting():
            state = self._needed()
            if not self._any_on(state):
                raise LabError("The pair is off; start it with: lab/lab up")
            self._link(state, [node for node in NODES if state.nodes[node.name].process is not None], up)
            state.cut = not up
            store(self.folder, state)

    def _link(self, state: PairState, nodes: list[Node], up: bool) -> None:
        for node in nodes:
            with Qmp(self.box(state, node).socket("qmp"), node.name) as qmp:
                qmp.command("set_link", name="cable-dev", up=up)

    # ---- disks

    def _disk(self, state: PairState, node: Node, number: int) -> tuple[int, Disk]:
        for index, disk in enumerate(state.nodes[node.name].disks):
            if disk.number == number:
                return index, disk
        count = len(state.nodes[node.name].disks)
        raise LabError(f"{node.name} has no disk {number}; its disks are 1 to {count}.")

    def pull_disk(self, node: Node, number: int) -> None:
        """Pull a data disk out of a running box, as a hand would."""
        with self._acting():
            state = self.running(node)
            index, disk = self._disk(state, node, number)
            if not disk.present:
                raise LabError(f"Disk {number} of {node.name} is out already; insert-disk puts it back.")
            with Qmp(self.box(state, node).socket("qmp"), node.name) as qmp:
                remove_device(qmp, node, f"disk{number}-dev")
                qmp.command("blockdev-del", node_name=f"disk{number}")
            state.nodes[node.name].disks[index] = replace(disk, present=False)
            store(self.folder, state)

    def insert_disk(self, node: Node, number: int, blank: bool = False) -> Disk:
        """Put a pulled disk back, or a new blank one of another serial in its place."""
        with self._acting():
            state = self.running(node)
            index, disk = self._disk(state, node, number)
            if disk.present:
                raise LabError(
                    f"Disk {number} of {node.name} is in already; lab/lab pull-disk {node.name} {number} takes it out."
                )
            if blank:
                disk = self._new_disk(state, node, number)
            return self._plug(state, node, index, replace(disk, present=True))

    def add_disk(self, node: Node) -> Disk:
        """Put one more blank disk into a running box."""
        with self._acting():
            state = self.running(node)
            number = len(state.nodes[node.name].disks) + 1
            disk = self._new_disk(state, node, number)
            if disk.slot >= LAST_DISK_SLOT:
                raise LabError(f"{node.name} has no place for another disk.")
            return self._plug(state, node, None, disk)

    def _new_disk(self, state: PairState, node: Node, number: int) -> Disk:
        own = state.nodes[node.name]
        own.made += 1
        serial = f"{node.name}-disk{number}" if own.made == number else f"{node.name}-disk{number}-n{own.made}"
        disk = Disk(number, serial, self.folder / node.name / f"{serial}.qcow2")
        vm.make_disk(disk.file)
        return disk

    def _plug(self, state: PairState, node: Node, index: int | None, disk: Disk) -> Disk:
        with Qmp(self.box(state, node).socket("qmp"), node.name) as qmp:
            name = f"disk{disk.number}"
            file = {"driver": "file", "filename": str(disk.file)}
            qmp.command("blockdev-add", driver="qcow2", node_name=name, file=file)
            try:
                device = dict(
                    word.split("=", 1)
                    for word in block_device(name, disk.file, disk.serial, disk.slot, True)[3].split(",")[1:]
                )
                device["addr"] = f"{disk.slot:x}"
                qmp.command("device_add", driver="virtio-blk-pci", **device)
            except LabError:
                qmp.command("blockdev-del", node_name=name)
                raise
        disks = state.nodes[node.name].disks
        if index is None:
            disks.append(disk)
        else:
            disks[index] = disk
        store(self.folder, state)
        return disk

    # ---- looking, and new code

    def screendump(self, node: Node, target: Path) -> None:
        """Write what the box's screen shows to `target`, in QEMU's PPM format."""
        state = self.running(node)
        with Qmp(self.box(state, node).socket("qmp"), node.name) as qmp:
            qmp.command("screendump", filename=str(target))

    def deploy(self, archive: Path) -> list[Node]:
        """Put a product.tar into the boxes that run; returns them. The saved state stays as it was."""
        with self._acting():
            state = self._needed()
            nodes = [node for node in NODES if state.nodes[node.name].process is not None]
            if not nodes:
                raise LabError("No box is running; start the pair with: lab/lab up")
            both(
                lambda node: (
                    push_product(self.login, node, self.box(state, node).socket("qmp"), archive)
                    if node in nodes
                    else None
                )
            )
        return nodes
