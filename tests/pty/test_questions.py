"""Questions of the command line on a real terminal: Ctrl-C ends at once, Ctrl-D is no, a password is not shown."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest

from dplane_tui.services.jobs import Progress, files
from dplane_tui.services.replication import records
from dplane_tui.services.replication.model import Peer
from dplane_tui.services.store import open_store
from tests.pty.conftest import Start, Terminal

pytestmark = pytest.mark.pty
PEER = Peer("attic", "dplane", "10.0.0.1", 22, "ssh-ed25519 k", "SHA256:f", "SHA256:g", True)
QUESTION = "Type its name:"
PASSWORD = "(used once, not kept):"


@pytest.fixture
def asking(terminal: Start, tmp_path: Path) -> Terminal:
    """A command that asks whether a peer may be forgotten."""

    async def store() -> None:
        async with open_store(tmp_path / "dplane" / "store" / "dplane.db", write=True) as opened:
            await records.put_peer(opened, PEER)

    asyncio.run(store())
    one = terminal("-m", "dplane_tui", "peer", "remove", "attic")
    one.until_text(QUESTION)
    return one


@pytest.fixture
def secret(terminal: Start) -> Terminal:
    """A command that asks for a password."""
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ7S1m0T0q6qkq3mQ0tq0h8rV7l9o6Ff2y8r3d1cJ5nT"
    one = terminal("-m", "dplane_tui", "peer", "add", "attic", "someone@127.0.0.1:1", "--host-key", key)
    one.until_text(PASSWORD)
    return one


SERVER = """
import asyncio, asyncssh
async def serve():
    key = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.listen("127.0.0.1", 0, server_host_keys=[key])
    print(server.get_port(), key.get_fingerprint(), flush=True)
    await server.wait_closed()
asyncio.run(serve())
"""


@pytest.fixture
def far_box() -> Iterator[tuple[str, str]]:
    """Port and host key fingerprint of an SSH server that lets nobody in."""
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        port, fingerprint = server.stdout.readline().split()
        yield port, fingerprint
        server.kill()


@pytest.mark.parametrize(("answer", "goes_on"), [(b"yes\r", True), (b"y\r", False), (b"\x04", False)])
def test_both_fingerprints_are_shown_before_the_password(
    terminal: Start, tmp_path: Path, far_box: tuple[str, str], answer: bytes, goes_on: bool
) -> None:
    port, fingerprint = far_box
    one = terminal("-m", "dplane_tui", "peer", "add", "attic", f"someone@127.0.0.1:{port}", size=(100, 24))
    one.until_text("Type yes to go on:")
    own = (tmp_path / "dplane" / "ssh" / "attic.pub").read_text()
    assert fingerprint in one.text
    assert asyncssh.import_public_key(own).get_fingerprint() in one.text
    one.send(answer)
    if goes_on:
        one.until_text(PASSWORD)
        one.send(b"wrong\r")
        assert one.ended() == 7
    else:
        assert one.ended() == 4
        assert "Not paired: the host key was not confirmed." in one.text
        assert PASSWORD not in one.text


def test_ctrl_c_ends_it_without_enter(asking: Terminal) -> None:
    asking.send(b"at\x03")
    assert asking.ended() == 130
    assert "dplane: Interrupted at the question, so nothing was changed." in asking.text
    assert "Traceback" not in asking.text


def test_a_signal_does_the_same(asking: Terminal) -> None:
    os.kill(asking.process.pid, signal.SIGINT)
    assert asking.ended() == 130
    assert "Interrupted at the question" in asking.text


@pytest.mark.parametrize("typed", [b"\x04", b"\r", b"attic2\r", b"yes\r", b"att\x04\x04"])
def test_anything_but_the_name_is_no(asking: Terminal, typed: bytes) -> None:
    asking.send(typed)
    assert asking.ended() == 4
    assert "That is not attic, so nothing was changed." in asking.text


def test_the_name_is_yes(asking: Terminal) -> None:
    asking.send(b"attoc\x7f\x7fic\r")  # the terminal's own line editing works
    assert asking.ended() == 0
    assert "attic is forgotten" in asking.text


def test_ctrl_c_leaves_a_job_alone_and_says_so(terminal: Start, tmp_path: Path) -> None:
    folder = tmp_path / "dplane" / "run" / "jobs"
    folder.mkdir(parents=True)
    pid, created = files.own_process()
    files.write(folder, Progress("replicate-x-1", "replicate", "running", stage="send", pid=pid, pid_created=created))
    one = terminal("-m", "dplane_tui", "job", "watch", "replicate-x-1")
    one.until_text("send")
    one.send(b"\x03")
    assert one.ended() == 130
    assert "No longer watched; replicate-x-1 goes on by itself." in one.text
    assert "`dplane job stop replicate-x-1`" in " ".join(one.text.split())


def test_the_console_can_be_opened_read_only(terminal: Start) -> None:
    one = terminal("-m", "dplane_tui", "--read-only")
    one.until_text(" RO")
    one.send(b"1")
    one.until_text("Pools")
    one.send(b"n")
    one.until_text("opened read-only")
    one.send(b"q")
    assert one.ended() == 0


def test_a_password_is_not_shown_and_the_terminal_is_as_before(secret: Terminal) -> None:
    assert not termios.tcgetattr(secret.slave)[3] & termios.ECHO
    secret.send(b"open sesame\r")
    assert secret.ended() not in {0, 130}
    assert b"sesame" not in secret.written
    assert termios.tcgetattr(secret.slave) == secret.before


def test_ctrl_c_at_the_password_gives_the_echo_back(secret: Terminal) -> None:
    secret.send(b"open\x03")
    assert secret.ended() == 130
    assert "Interrupted at the question" in secret.text
    assert termios.tcgetattr(secret.slave) == secret.before


def test_no_password_is_no_pairing(secret: Terminal) -> None:
    secret.send(b"\x04")
    assert secret.ended() == 4
    assert "Not paired: no password was given." in secret.text


def test_a_channels_token_is_not_shown_and_its_address_is(terminal: Start) -> None:
    one = terminal("-m", "dplane_tui", "notify", "add", "ntfy", "phone", "--token", "--event", "no-event")
    one.until_text("The address:")
    one.send(b"https://ntfy.example.org/topic-7f3k\r")
    one.until_text("The token:")
    assert "ntfy.example.org/topic-7f3k" in one.text, "what nobody can type blind"
    one.send(b"tk_veryprivate\r")
    assert one.ended() == 4, "so that no box gets a channel of this"
    assert b"veryprivate" not in one.written
