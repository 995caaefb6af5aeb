"""What the host needs: architecture, programs, disk space, a working KVM."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

from .errors import LabError

# Program → the Debian package that has it.
RUN_PROGRAMS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
}
BUILD_PROGRAMS = {
    "debootstrap": "debootstrap",
    "mkfs.ext4": "e2fsprogs",
    "unshare": "util-linux",
    "setpriv": "util-linux",
    "eatmydata": "eatmydata",
    "xz": "xz-utils",
}
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def missing_packages(programs: dict[str, str]) -> list[str]:
    """Packages that hold the programs which are not on this host, sorted."""
    return sorted({package for program, package in programs.items() if shutil.which(program, path=SEARCH_PATH) is None})


def check_machine() -> None:
    """Raise LabError when the boxes cannot run here at all."""
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        raise LabError(
            f"This machine is {platform.system()} on {platform.machine()}; "
            "the practice pair needs Linux on an x86-64 processor."
        )


def check_programs(programs: dict[str, str], install: bool = False) -> None:
    """Make sure the programs are there: install them as root where allowed, else raise LabError with the command."""
    packages = missing_packages(programs)
    if not packages:
        return
    command = f"apt-get install --no-install-recommends {' '.join(packages)}"
    if not install or os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise LabError(
            f"The practice pair needs packages that are not installed here; install them with: sudo {command}"
        )
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for argv in (
        ["apt-get", "update", "-q"],
        ["apt-get", "install", "-y", "-q", "-o", "DPkg::Lock::Timeout=600", "--no-install-recommends", *packages],
    ):
        done = subprocess.run(
            argv, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if done.returncode:
            last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
            raise LabError(f"{' '.join(packages)} could not be installed ({last}); try: sudo {command}")
    if left := missing_packages(programs):
        raise LabError(f"{' '.join(left)} did not bring the programs they should; install them by hand: sudo {command}")


def check_space(folder: Path, needed_mb: int, what: str) -> None:
    """Raise LabError when the filesystem of `folder` has less than `needed_mb` free."""
    probe = folder
    while not probe.exists():
        probe = probe.parent
    free = shutil.disk_usage(probe).free // (1024 * 1024)
    if free < needed_mb:
        raise LabError(
            f"{what} needs {needed_mb} MB, and {probe} has {free} MB free; "
            "make room or set DPLANE_LAB_CACHE and XDG_STATE_HOME."
        )


def kvm_possible(cpuinfo: str | None = None, device: str = "/dev/kvm") -> bool:
    """Could KVM work at all: the processor's flag is there and the device can be opened?"""
    text = Path("/proc/cpuinfo").read_text() if cpuinfo is None else cpuinfo
    flags = next((line.split() for line in text.splitlines() if line.startswith("flags")), [])
    return ("vmx" in flags or "svm" in flags) and os.access(device, os.R_OK | os.W_OK)


def kvm_works(kernel: Path) -> bool:
    """Boot `kernel` under KVM until it panics for want of a root disk: the only proof that KVM can carry a box here."""
    if not kvm_possible():
        return False
    with tempfile.TemporaryDirectory(prefix="dplane-lab-kvm") as folder:
        log = Path(folder) / "serial"
        argv = ["qemu-system-x86_64", "-M", "pc,accel=kvm", "-cpu", "host", "-smp", "2", "-m", "256", "-nodefaults"]
        argv += ["-display", "none", "-no-reboot", "-serial", f"file:{log}", "-kernel", str(kernel)]
        argv += ["-append", "console=ttyS0 panic=-1 root=/dev/none"]
        try:
            done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=25, check=False)
        except (subprocess.TimeoutExpired, OSError):
            return False
        text = log.read_text(errors="replace") if log.exists() else ""
        return done.returncode == 0 and "Kernel panic" in text
