"""The stage that makes the boxes' disk: ZFS modules added, the lab's accounts and settings, an ext4 image."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from . import chroot, proc
from .config import NODES, PASSWORD, ROOT_SIZE
from .errors import LabError
from .steps_system import copy_tree

# Runs once per box, before sshd and the network: what differs between the boxes comes from the host through QEMU.
IDENTITY_UNIT = """[Unit]
Description=Identity of this practice box
DefaultDependencies=no
After=systemd-remount-fs.service systemd-tmpfiles-setup-dev.service
Before=systemd-networkd.service ssh.service ssh.socket zfs-load-module.service sysinit.target
ConditionPathExists=!/etc/dplane-lab-box

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/sbin/modprobe qemu_fw_cfg
ExecStart=/bin/tar -x -C / -f /sys/firmware/qemu_fw_cfg/by_name/opt/dplane-lab/identity/raw

[Install]
WantedBy=sysinit.target
"""
LOGIN_NETWORK = """[Match]
MACAddress={macs}
[Network]
Address=10.0.2.15/24
LinkLocalAddressing=no
IPv6AcceptRA=no
"""
SSHD = """PermitRootLogin yes
PasswordAuthentication yes
UseDNS no
GSSAPIAuthentication no
PrintMotd no
MaxStartups 60
"""
ENABLED = (
    "systemd-networkd.service",
    "serial-getty@ttyS0.service",
    "lab-identity.service",
    "ssh.service",
    "docker.service",
)
MASKED = ("systemd-networkd-wait-online.service", "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer")
MASKED_MORE = (
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "systemd-timesyncd.service",
    "logrotate.timer",
)


def settle(tree: Path, log: Path) -> None:
    """Give a root folder the lab's accounts, network, sshd settings and services. Keys come at the first boot."""
    hosts = [f"{node.cable_address} {node.name}" for node in NODES]
    texts = {
        "etc/fstab": "/dev/vda / ext4 defaults,noatime 0 0\n",
        "etc/hosts": "\n".join(["127.0.0.1 localhost", "::1 localhost", *hosts]) + "\n",
        "etc/hostname": "nas\n",
        "etc/systemd/network/10-login.network": LOGIN_NETWORK.format(macs=" ".join(node.login_mac for node in NODES)),
        "etc/systemd/system/lab-identity.service": IDENTITY_UNIT,
        "etc/ssh/sshd_config.d/10-lab.conf": SSHD,
        "etc/modules-load.d/zfs.conf": "zfs\n",
        "etc/systemd/journald.conf.d/lab.conf": "[Journal]\nStorage=volatile\nRuntimeMaxUse=16M\n",
        "etc/docker/daemon.json": '{"storage-driver": "overlay2", "log-driver": "json-file"}\n',
        "etc/resolv.conf": "# a practice box reaches nothing but the other box\n",
    }
    for name, text in texts.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text(text)
    for path in [*tree.glob("etc/ssh/ssh_host_*"), *tree.glob("etc/update-motd.d/*"), tree / "usr/sbin/policy-rc.d"]:
        path.unlink(missing_ok=True)
    (tree / "etc/machine-id").write_text("")
    for name, groups in (("owner", "docker"), ("viewer", "")):
        argv = ["useradd", "--create-home", "--shell", "/bin/bash", *(["--groups", groups] if groups else []), name]
        chroot.enter(tree, argv, log, f"Adding the account {name}")
    passwords = "".join(f"{name}:{PASSWORD}\n" for name in ("root", "owner", "viewer"))
    chroot.enter(tree, ["chpasswd"], log, "Setting the practice passwords", data=passwords.encode())
    chroot.enter(tree, ["systemctl", "enable", *ENABLED], log, "Enabling services")
    chroot.enter(tree, ["systemctl", "mask", *MASKED, *MASKED_MORE], log, "Masking services no box needs")


def add_modules(tree: Path, modules: Path, log: Path) -> None:
    """Put the compiled ZFS modules under the kernel they were compiled for; raises LabError if it is another."""
    (kernel,) = (entry.name for entry in modules.iterdir())
    if not (tree / "lib/modules" / kernel).is_dir():
        has = ", ".join(sorted(entry.name for entry in (tree / "lib/modules").iterdir()))
        raise LabError(f"The ZFS modules were compiled for kernel {kernel} but the box has {has}; run the build again.")
    shutil.copytree(modules / kernel, tree / "lib/modules" / kernel / "updates/dkms", dirs_exist_ok=True)
    chroot.enter(tree, ["depmod", kernel], log, "Indexing the kernel modules")


def make_image(needs: Mapping[str, Path], folder: Path, log: Path) -> None:
    """root.img, vmlinuz and initrd that both boxes boot from, and the tree they were made of."""
    tree = folder / "tree"
    copy_tree(needs["system"] / "tree", tree, log)
    add_modules(tree, needs["modules"] / "modules", log)
    settle(tree, log)
    shutil.rmtree(tree / "var/lib/apt/lists")
    (tree / "var/lib/apt/lists").mkdir()
    for kind, name in (("vmlinuz-*", "vmlinuz"), ("initrd.img-*", "initrd")):
        shutil.copy(next((tree / "boot").glob(kind)), folder / name)
    argv = ["eatmydata", "mkfs.ext4", "-q", "-F", "-J", "size=16", "-L", "root", "-d", str(tree)]
    proc.run([*argv, str(folder / "root.img"), f"{ROOT_SIZE // 1024}k"], log, "Making the boxes' disk")
