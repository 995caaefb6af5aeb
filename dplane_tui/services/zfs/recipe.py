"""How OpenZFS gets onto a Debian box: told by `dplane doctor`, by every error for want of it, and by the installer."""

from __future__ import annotations

import os
import re

# Debian's and Raspberry Pi OS's kernels end in their flavour; the headers package of a flavour follows its updates.
_FLAVOUR = re.compile(
    r"[0-9][A-Za-z0-9.+~-]*?-"
    r"((?:(?:cloud|rt)-)?(?:amd64|arm64(?:-16k)?|686(?:-pae)?|armmp(?:-lpae)?|riscv64|ppc64el|s390x)|rpi-[a-z0-9]{1,8})"
)
WHERE = "Debian has it in its component contrib, which has to be named behind `main` in the sources under /etc/apt."


def headers(kernel: str) -> str:
    """The package with the headers of `kernel` (as `uname -r` prints it), without which the module is not built."""
    found = _FLAVOUR.fullmatch(kernel.strip())
    return f"linux-headers-{found[1]}" if found else "linux-headers-$(uname -r)"


def command(kernel: str) -> str:
    """What installs OpenZFS next to `kernel` and loads it."""
    return f"sudo apt-get install {headers(kernel)} zfs-dkms zfsutils-linux && sudo modprobe zfs"


def sentence(kernel: str) -> str:
    """The same for a person who may have to switch on contrib first."""
    return f"Install it with `{command(kernel)}`. {WHERE}"


if __name__ == "__main__":
    print(sentence(os.uname().release))
