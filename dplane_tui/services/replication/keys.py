"""Where a peer's key and its pinned host key are kept, and what they may look like. No secret leaves these files."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
from pathlib import Path

from privhelper import grammar

from ...errors import RefusedError
from ...lazyclass import dataclass
from ...text import clean

ALIAS = "dplane-peer"
_ADDRESS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}|[0-9A-Fa-f:.]{2,45}(%[A-Za-z0-9._-]{1,15})?")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_KEY_TYPE = re.compile(r"[a-z0-9][a-z0-9@.-]{2,60}")
_ALGORITHMS = {"ssh-rsa": "rsa-sha2-512,rsa-sha2-256"}


@dataclass(frozen=True, slots=True)
class KeyFiles:
    """The files of one peer. The key is readable by the user dplane alone."""

    key: Path
    public: Path
    known: Path

    @property
    def next(self) -> Path:
        """The key that is to follow, while it is being changed. No peer's name holds a +."""
        return self.key.with_name(f"+{self.key.name}")


def files_of(folder: Path, peer: str) -> KeyFiles:
    """The files of the peer `peer` in `folder`. Raises RefusedError for a name that could lead elsewhere."""
    check_name(peer)
    return KeyFiles(folder / f"{peer}.key", folder / f"{peer}.pub", folder / f"{peer}.known")


def check_name(peer: str) -> None:
    """Raise RefusedError for what cannot be the name of a peer."""
    if problem := grammar.peer_problem(peer):
        raise RefusedError(f"The peer's name “{clean(peer, 60)}” {problem}.", "Choose one such as attic or nas-2.")


def check_address(user: str, address: str, port: int) -> None:
    """Refuse what could be taken for an option of ssh, or is no address. Raises RefusedError."""
    if not _USER.fullmatch(user):
        raise RefusedError(f"“{clean(user, 60)}” is not the name of an account.")
    if not _ADDRESS.fullmatch(address):
        raise RefusedError(f"“{clean(address, 80)}” is not a host name or address.")
    if not 0 < port < 65536:
        raise RefusedError(f"{port} is not a port.")


def host_key_type(key: str) -> str:
    """The type of a public key line. Raises RefusedError when the line is not one sound key."""
    kind, _, body = key.partition(" ")
    try:
        blob = base64.b64decode(body, validate=True)
        inside = blob[4 : 4 + int.from_bytes(blob[:4], "big")].decode("ascii")
    except (binascii.Error, ValueError):
        inside = ""
    if inside != kind or not _KEY_TYPE.fullmatch(kind):
        raise RefusedError("That is not an OpenSSH host key.")
    return kind


def fingerprint(key: str) -> str:
    """`SHA256:…` of a public key line, as `ssh` shows it. Raises RefusedError."""
    host_key_type(key)
    digest = hashlib.sha256(base64.b64decode(key.split(" ")[1])).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def algorithms(key: str) -> str:
    """The signature algorithms of `ssh` that a host with this key may use, so that it cannot offer another key."""
    kind = host_key_type(key)
    return _ALGORITHMS.get(kind, kind)


def pin(files: KeyFiles, host_key: str) -> None:
    """Write the known-hosts file: exactly that one key. Raises OSError, RefusedError."""
    host_key_type(host_key)
    write_private(files.known, f"{ALIAS} {host_key}\n".encode())


def write_private(path: Path, content: bytes) -> None:
    """A file that only its owner reads, written whole, and on the disk when this returns. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    move(fresh, path)


def move(source: Path, target: Path) -> None:
    """Give a file its final name, in the place of what has it; on the disk when this returns. Raises OSError."""
    source.replace(target)
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)  # or a power loss may take the name with it
    finally:
        os.close(folder)


def own_name() -> str:
    """How this box is called at its peers: its host name and a mark that tells it from another box of that name."""
    node = re.sub(r"[^A-Za-z0-9-]+", "-", os.uname().nodename.split(".")[0]).strip("-")[:40] or "box"
    try:
        machine = Path("/etc/machine-id").read_text("ascii").strip()
    except (OSError, ValueError):
        machine = ""
    return f"{node}-{hashlib.sha256(f'dplane {node} {machine}'.encode()).hexdigest()[:6]}"
