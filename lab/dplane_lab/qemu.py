"""How a box looks to QEMU: its argv, from plain data. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from .config import Node

# PCI slots are fixed, so that a saved box finds every device where it was.
ROOT_SLOT, LOGIN_SLOT, CABLE_SLOT, FIRST_DISK_SLOT, LAST_DISK_SLOT = 4, 5, 6, 8, 30


@dataclass(frozen=True)
class Disk:
    """A data disk: number (1…), serial (under /dev/disk/by-id it is virtio-<serial>), file, and whether it is in."""

    number: int
    serial: str
    file: Path
    present: bool = True

    @property
    def slot(self) -> int:
        """PCI slot of this disk."""
        return FIRST_DISK_SLOT + self.number - 1


@dataclass(frozen=True)
class Box:
    """Everything QEMU has to know to start one box."""

    node: Node
    memory: int
    accel: str
    kernel: Path
    initrd: Path
    machine_id: str
    identity: Path
    root: Path
    disks: tuple[Disk, ...]
    run_dir: Path
    port: int
    incoming: Path | None = None
    safe: bool = True
    extra: tuple[str, ...] = field(default=())

    def socket(self, kind: str) -> Path:
        """Unix socket of this box: `qmp`, `serial` or `cable`."""
        return self.run_dir / f"{self.node.name}.{kind}"


def quoted(path: Path) -> str:
    """A path inside a QEMU option list, where commas separate and are doubled to mean themselves."""
    return str(path).replace(",", ",,")


def accelerator(accel: str) -> list[str]:
    """Arguments that choose KVM or emulation."""
    if accel == "kvm":
        return ["-accel", "kvm", "-cpu", "host"]
    return ["-accel", "tcg,thread=multi,tb-size=256", "-cpu", "max"]


def kernel_line(box: Box) -> str:
    """Kernel command line; hostname and machine id are the box's own from its first second on."""
    words = ["root=/dev/vda", "rw", "console=tty0", "console=ttyS0,115200", "quiet", "mitigations=off", "audit=0"]
    return " ".join([*words, f"systemd.hostname={box.node.name}", f"systemd.machine_id={box.machine_id}"])


def block_device(name: str, file: Path, serial: str, slot: int, safe: bool) -> list[str]:
    """A virtio disk. `safe`: what the box flushes reaches the host's disk, so a power cut keeps it."""
    flush = "off" if safe else "on"
    drive = f"driver=qcow2,node-name={name},cache.no-flush={flush}"
    drive += f",file.driver=file,file.filename={quoted(file)},file.cache.no-flush={flush}"
    device = f"virtio-blk-pci,drive={name},id={name}-dev,serial={serial},addr={slot:#x},write-cache=on"
    return ["-blockdev", drive, "-device", device]


def qemu_argv(box: Box) -> list[str]:
    """The command that starts this box; with `incoming` it resumes from saved memory."""
    other = "nas-b" if box.node.name == "nas-a" else "nas-a"
    cable = box.run_dir / f"{other}.cable"
    argv = ["qemu-system-x86_64", "-name", process_name(box.node), "-M", "pc", *accelerator(box.accel)]
    argv += ["-smp", "2", "-m", str(box.memory), "-nodefaults", "-no-user-config", "-display", "none", "-vga", "std"]
    argv += [
        "-rtc",
        "base=utc,clock=host",
        "-kernel",
        str(box.kernel),
        "-initrd",
        str(box.initrd),
        "-append",
        kernel_line(box),
    ]
    argv += ["-fw_cfg", f"name=opt/dplane-lab/identity,file={quoted(box.identity)}"]
    argv += block_device("root", box.root, "root", ROOT_SLOT, box.safe)
    for disk in box.disks:
        if disk.present:
            argv += block_device(f"disk{disk.number}", disk.file, disk.serial, disk.slot, box.safe)
    argv += ["-netdev", f"user,id=login,restrict=on,hostfwd=tcp:127.0.0.1:{box.port}-:22"]
    argv += ["-device", f"virtio-net-pci,netdev=login,mac={box.node.login_mac},addr={LOGIN_SLOT:#x},romfile="]
    ends = f"local.type=unix,local.path={quoted(box.socket('cable'))},remote.type=unix,remote.path={quoted(cable)}"
    argv += ["-netdev", f"dgram,id=cable,{ends}"]
    argv += [
        "-device",
        f"virtio-net-pci,netdev=cable,id=cable-dev,mac={box.node.cable_mac},addr={CABLE_SLOT:#x},romfile=",
    ]
    argv += ["-serial", f"unix:{quoted(box.socket('serial'))},server=on,wait=off"]
    argv += ["-qmp", f"unix:{quoted(box.socket('qmp'))},server=on,wait=off"]
    if box.incoming is not None:
        argv += ["-incoming", "defer"]
    return [*argv, *box.extra]


def process_name(node: Node) -> str:
    """Name of a box's process; checked before it is ever signalled."""
    return f"dplane-lab-{node.name}"
