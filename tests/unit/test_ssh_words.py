"""What the real `ssh` writes of a server that imitates it: anybody on the way can, before any key is shown."""

from __future__ import annotations

import os
import shutil
import socket
import struct
from pathlib import Path

import asyncssh
import pytest

from dplane_tui.errors import UnreachableError
from dplane_tui.services.replication import keys
from dplane_tui.services.replication.model import Peer
from dplane_tui.services.replication.transport import Link

from .notify_servers import raw

IMITATED = b"x\r\nHost key verification failed.\r\nme@127.0.0.1: Permission denied (publickey).\r\n"
VERSION = b"SSH-2.0-OpenSSH_9.2\r\n"


def text(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + content


def packet(content: bytes) -> bytes:
    """As it travels before there are keys."""
    padding = 8 - (5 + len(content)) % 8 + 8
    return struct.pack(">IB", len(content) + padding + 1, padding) + content + bytes(padding)


HANGS_UP = VERSION + packet(b"\x01" + struct.pack(">I", 2) + text(IMITATED) + text(b""))
OFFERS = VERSION + packet(b"\x14" + bytes(16) + text(IMITATED) + text(b"ssh-ed25519") + text(b"") * 8 + bytes(5))
NO_VERSION = b"SSH-Host key verification failed.\r\n"


@pytest.mark.skipif(not shutil.which("ssh"), reason="there is no OpenSSH client")
@pytest.mark.parametrize("said", [HANGS_UP, OFFERS, NO_VERSION], ids=["hangs-up", "offers", "no-version"])
async def test_no_packet_before_the_login_passes_for_a_changed_host_key(said: bytes, tmp_path: Path) -> None:
    def serve(line: socket.socket) -> None:
        line.sendall(said)
        while line.recv(4096):
            pass

    made = asyncssh.generate_private_key("ssh-ed25519")
    public = " ".join(made.export_public_key().decode().split()[:2])
    (tmp_path / "ssh").mkdir(mode=0o700)
    files = keys.files_of(tmp_path / "ssh", "attic")
    made.write_private_key(str(files.key))
    os.chmod(files.key, 0o600)
    keys.pin(files, public)
    with raw(serve) as port:
        link = Link(
            Peer("attic", "me", "127.0.0.1", port, public, "", "", product=True), tmp_path / "ssh", tmp_path / "run"
        )
        try:
            with pytest.raises(UnreachableError) as told:
                await link.open()
        finally:
            await link.close()
    assert type(told.value) is UnreachableError, told.value
    assert "“" in told.value.message, "the other side's words are in quotes"


def test_a_peer_that_is_silent_is_noticed_by_the_login_and_by_each_command(tmp_path: Path) -> None:
    """Else a cable that was pulled holds a run for as long as the kernel waits for it."""
    key = " ".join(asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().split()[:2])
    link = Link(Peer("nas-b", "dplane", "192.0.2.1", 22, key, "", "", product=True), tmp_path, tmp_path)
    for master in (True, False):
        words = link.argv("cat", master=master)
        told = [words[at + 1] for at, word in enumerate(words) if word == "-o"]
        assert {"ServerAliveInterval=15", "ServerAliveCountMax=7"} <= set(told)
        assert words.index("--") > max(at for at, word in enumerate(words) if word == "-o")
