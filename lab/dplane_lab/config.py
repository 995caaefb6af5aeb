"""What the pair consists of: nodes, addresses, disks, suites. Pure data, no effects."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import LabError

DISK_COUNT = 6
DISK_SIZE = 512 * 1024 * 1024
ROOT_SIZE = 6 * 1024 * 1024 * 1024
PASSWORD = "practice"  # noqa: S105 - the documented password of boxes that only loopback reaches
MIN_MEMORY, MAX_MEMORY = 512, 8192


@dataclass(frozen=True, slots=True)
class Node:
    """One box: its name and what makes it different from the other."""

    name: str
    number: int

    @property
    def cable_address(self) -> str:
        """Address on the private cable between the two boxes."""
        return f"10.77.0.{self.number}"

    @property
    def login_mac(self) -> str:
        """MAC of the card the host reaches sshd through."""
        return f"52:54:00:77:01:{self.number:02x}"

    @property
    def cable_mac(self) -> str:
        """MAC of the card on the private cable."""
        return f"52:54:00:77:02:{self.number:02x}"


NODES = (Node("nas-a", 1), Node("nas-b", 2))


def node_named(name: str) -> Node:
    """The node with this name; raises LabError for any other name."""
    for node in NODES:
        if node.name == name:
            return node
    raise LabError(f"There is no box called {name!r}; the boxes are nas-a and nas-b.")


@dataclass(frozen=True, slots=True)
class Flavour:
    """A Debian suite and the OpenZFS that comes with it."""

    zfs: str
    suite: str
    python: str
    extra_packages: tuple[str, ...] = ()


FLAVOURS = {
    "2.3": Flavour("2.3", "trixie", "3.13", ("docker-cli",)),
    # Without recommendations this docker.io lacks apparmor_parser, and then starts no container.
    "2.1": Flavour("2.1", "bookworm", "3.11", ("apparmor",)),
}

# zfs-zed, smartmontools and docker are what a NAS has; eatmydata makes the build fast and is inert in the box.
BASE_PACKAGES = ("ca-certificates", "eatmydata")
MODULE_PACKAGES = ("linux-headers-amd64", "zfs-dkms", "kmod", "xz-utils")
SYSTEM_PACKAGES = (
    "linux-image-amd64",
    "initramfs-tools",
    "zstd",
    "kmod",
    "zfsutils-linux",
    "zfs-zed",
    "systemd",
    "systemd-sysv",
    "dbus",
    "udev",
    "openssh-server",
    "openssh-client",
    "sudo",
    "python3",
    "python3-venv",
    "iproute2",
    "iputils-ping",
    "docker.io",
    "busybox-static",
    "smartmontools",
    "less",
    "procps",
    "e2fsprogs",
)


@dataclass(frozen=True, slots=True)
class Config:
    """What the user asked to build: which OpenZFS, how much memory, which accelerator QEMU uses."""

    zfs: str = "2.3"
    memory: int = 1024
    accel: str = "tcg"

    @property
    def flavour(self) -> Flavour:
        """Suite and package differences of this OpenZFS."""
        return FLAVOURS[self.zfs]


def checked_config(zfs: str, memory: int, accel: str = "tcg") -> Config:
    """A Config after its values were checked; raises LabError with the allowed ones."""
    if zfs not in FLAVOURS:
        raise LabError(f"There is no box with ZFS {zfs}; choose one of {', '.join(sorted(FLAVOURS))}.")
    if not MIN_MEMORY <= memory <= MAX_MEMORY:
        raise LabError(f"A box cannot have {memory} MB of memory; choose {MIN_MEMORY} to {MAX_MEMORY}.")
    return Config(zfs, memory, accel)
