"""Stages that install Debian: the base system, then the ZFS modules beside all other packages."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from . import apt, chroot, proc
from .config import BASE_PACKAGES, MODULE_PACKAGES, SYSTEM_PACKAGES, Flavour
from .errors import LabError

# Debug information doubles what the compiler writes and is thrown away: a third of the compile time.
MODULE_ENVIRONMENT = {"MAKEFLAGS": "CONFIG_DEBUG_INFO= CONFIG_DEBUG_INFO_BTF= CONFIG_DEBUG_INFO_BTF_MODULES="}


def make_base(flavour: Flavour, folder: Path, log: Path) -> None:
    """debootstrap of the suite plus fresh package lists, in `folder`/tree."""
    tree = folder / "tree"
    source = apt.mirror()
    argv = ["eatmydata", "debootstrap", "--variant=minbase", f"--include={','.join(BASE_PACKAGES)}"]
    argv += [f"--keyring={apt.keyring()}", flavour.suite, str(tree), source]
    proc.run(
        argv, log, f"Making a Debian {flavour.suite} base", {**proc.build_environment(), **apt.proxy_environment()}
    )
    chroot.prepare(tree, f"deb {source} {flavour.suite} main contrib\n", apt.chroot_apt_config())
    chroot.enter(tree, ["apt-get", "update", "-q"], log, "Reading the Debian package lists")


def copy_tree(source: Path, target: Path, log: Path) -> None:
    """Copy a root folder with owners, links and devices; nothing is mounted in it (see chroot.py)."""
    proc.run(["cp", "-a", "-x", "--reflink=auto", str(source), str(target)], log, "Copying a root folder")


def make_modules(needs: Mapping[str, Path], folder: Path, log: Path) -> None:
    """Compile the ZFS modules for the suite's kernel in a throw-away copy of the base; keep spl.ko and zfs.ko."""
    tree = folder / "tree"
    copy_tree(needs["base"] / "tree", tree, log)
    chroot.apt_install(tree, MODULE_PACKAGES, log, "Installing the compiler", MODULE_ENVIRONMENT)
    built = list((tree / "lib/modules").glob("*/updates/dkms/zfs.ko*"))
    if not built:
        # In a chroot some versions of the package refuse to build by themselves; dkms itself does not.
        version = next((tree / "usr/src").glob("zfs-*")).name.removeprefix("zfs-")
        kernel = next((tree / "lib/modules").iterdir()).name
        argv = ["dkms", "install", f"zfs/{version}", "-k", kernel]
        chroot.enter(tree, argv, log, "Compiling the ZFS modules", MODULE_ENVIRONMENT)
        built = list((tree / "lib/modules").glob("*/updates/dkms/zfs.ko*"))
    if not built:
        raise LabError(f"Compiling the ZFS modules left none behind (see {log}).")
    target = folder / "modules" / built[0].parents[2].name
    shutil.copytree(built[0].parent, target)
    shutil.rmtree(tree)


def make_system(flavour: Flavour, needs: Mapping[str, Path], folder: Path, log: Path) -> None:
    """Everything but the ZFS modules, installed into a copy of the base."""
    tree = folder / "tree"
    copy_tree(needs["base"] / "tree", tree, log)
    settings = tree / "etc/initramfs-tools"
    (settings / "conf.d").mkdir(parents=True)
    (settings / "conf.d/lab").write_text("MODULES=list\nCOMPRESS=zstd\nFSTYPE=ext4\n")
    (settings / "modules").write_text("virtio_pci\nvirtio_blk\next4\ncrc32c_generic\n")
    packages = (*SYSTEM_PACKAGES, *flavour.extra_packages)
    chroot.apt_install(tree, packages, log, "Installing the boxes' packages")
