"""What makes each box itself: host key, machine id, host id, cable address. Made anew by each build."""

from __future__ import annotations

import io
import secrets
import subprocess
import tarfile
from pathlib import Path

from .config import Node
from .errors import LabError

CABLE_NETWORK = """[Match]
MACAddress={mac}
[Network]
Address={address}/24
LinkLocalAddressing=no
IPv6AcceptRA=no
ConfigureWithoutCarrier=yes
IgnoreCarrierLoss=yes
"""


def make_key(path: Path, comment: str) -> None:
    """Make an ed25519 key pair at `path` and `path`.pub."""
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"ssh-keygen could not make {path}: {done.stderr.strip() or done.stdout.strip()}.")


def identity_tar(node: Node, host_key: Path, login_key: Path) -> bytes:
    """Tar archive that a box unpacks over its root on its first boot."""
    public = login_key.with_suffix(".pub").read_bytes()
    cable = CABLE_NETWORK.format(mac=node.cable_mac, address=node.cable_address)
    files: list[tuple[str, bytes, int, int]] = [
        ("etc/hostname", f"{node.name}\n".encode(), 0o644, 0),
        ("etc/hostid", secrets.token_bytes(4), 0o644, 0),
        ("etc/ssh/ssh_host_ed25519_key", host_key.read_bytes(), 0o600, 0),
        ("etc/ssh/ssh_host_ed25519_key.pub", host_key.with_suffix(".pub").read_bytes(), 0o644, 0),
        ("etc/systemd/network/20-cable.network", cable.encode(), 0o644, 0),
        ("root/.ssh/authorized_keys", public, 0o600, 0),
        ("home/owner/.ssh/authorized_keys", public, 0o600, 1000),
        ("home/viewer/.ssh/authorized_keys", public, 0o600, 1001),
        ("etc/dplane-lab-box", f"{node.name}\n".encode(), 0o644, 0),
    ]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for folder, owner in (("root/.ssh", 0), ("home/owner/.ssh", 1000), ("home/viewer/.ssh", 1001)):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode, entry.uid, entry.gid = tarfile.DIRTYPE, 0o700, owner, owner
            archive.addfile(entry)
        for name, data, mode, owner in files:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.uid, entry.gid = len(data), mode, owner, owner
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def machine_id() -> str:
    """A random machine id in systemd's form."""
    return secrets.token_hex(16)


def known_hosts_line(node: Node, host_key: Path) -> str:
    """known_hosts line that pins a box's key under its name (HostKeyAlias), whatever port it has."""
    kind, key, *_ = host_key.with_suffix(".pub").read_text().split()
    return f"{node.name} {kind} {key}"
