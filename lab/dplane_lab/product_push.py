"""Put what the installer changed into a running box: as a disk, because an emulated network is slow."""

from __future__ import annotations

import os
import time
from pathlib import Path

from .config import Node
from .errors import LabError
from .qmp import Qmp
from .ssh import Login

# $1: device with the tar, $2: file with removed paths. Services are asked only for what the installer enables.
UNPACK = """set -eu
device=/dev/disk/by-id/virtio-product
for try in $(seq 100); do [ -b $device ] && break; sleep 0.1; done
tar -x -p --numeric-owner --overwrite -C / -f $device
while read -r name; do rm -rf -- "/$name"; done
systemctl daemon-reload
systemd-tmpfiles --create /etc/tmpfiles.d/dplane*.conf
systemctl reload ssh.service
for unit in $(tar -t -f $device | sed -n 's,^etc/systemd/system/.*\\.wants/\\(dplane[^/]*\\)$,\\1,p'); do
  systemctl restart "$unit"
done
sync
/usr/local/bin/dplane --version"""


def push_product(login: Login, node: Node, qmp_socket: Path, archive: Path) -> None:
    """Unpack `archive` (product.tar) in a running box and bring its services up to date; raises LabError."""
    padded = os.stat(archive).st_size
    if padded % 512:
        raise LabError(f"{archive} is not a whole tar archive; build the pair again.")
    removed = archive.with_name(f"{archive.name}.removed").read_bytes()
    with Qmp(qmp_socket, node.name) as qmp:
        file = {"driver": "file", "filename": str(archive)}
        qmp.command("blockdev-add", driver="raw", node_name="product", read_only=True, file=file)
        try:
            qmp.command(
                "device_add", driver="virtio-blk-pci", drive="product", id="product-dev", serial="product", addr="1f"
            )
            try:
                login.need(node, ["sh", "-c", UNPACK], data=removed, timeout=600)
            finally:
                remove_device(qmp, node, "product-dev")
        finally:
            qmp.command("blockdev-del", node_name="product")


def remove_device(qmp: Qmp, node: Node, device: str, seconds: float = 60.0) -> None:
    """Unplug a device and wait until the box let it go; raises LabError when it does not."""
    deadline = time.monotonic() + seconds
    qmp.events.clear()
    qmp.command("device_del", id=device)
    while time.monotonic() < deadline:
        if qmp.wait_event(
            lambda event: event["event"] == "DEVICE_DELETED" and event.get("data", {}).get("device") == device, 5.0
        ):
            return
        if device not in {child["name"] for child in qmp.command("qom-list", path="/machine/peripheral")}:
            return
    raise LabError(f"{node.name} does not let go of the disk; is it still booting? Try again in a minute.")
