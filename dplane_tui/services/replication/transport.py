"""One OpenSSH login a run, on which every command to the peer is a channel of its own.

The first channel is the login itself: it stays open for the run and ends with our process, whatever kills that.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...errors import CommandError, DPlaneError, MissingError, UnreachableError
from ...text import clean
from ..host import Output
from ..host.quoting import command_line
from ..jobs.files import process_lives
from . import failures, keys
from .model import Peer
from .pairing import error_from

CONNECT_SECONDS = 15
LOGIN_SECONDS = 60.0
ANSWER_LIMIT = 64 * 1024 * 1024
ANSWER_SECONDS = 180.0
_LOST = 255
_SAID_LIMIT = 65536


class Link:
    """The connection to one peer; `await open()` first, `await close()` last."""

    def __init__(self, peer: Peer, ssh_folder: Path, run_folder: Path) -> None:
        keys.check_address(peer.user, peer.address, peer.port)
        self.peer = peer
        self._files = keys.files_of(ssh_folder, peer.name)
        # A socket's path has at most 107 bytes, and ssh puts 17 behind ours while it makes it.
        self._run_folder = run_folder if len(str(run_folder)) < 60 else Path(tempfile.gettempdir())
        self._socket_folder: Path | None = None
        self._master: asyncio.subprocess.Process | None = None
        self._said = bytearray()
        self._listening: asyncio.Task[None] | None = None
        self.logins = 0

    def _options(self) -> list[str]:
        options = {
            "BatchMode": "yes",
            "ConnectTimeout": str(CONNECT_SECONDS),
            "ServerAliveInterval": "15",
            "ServerAliveCountMax": "3",
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": f'"{self._files.known}"',
            "GlobalKnownHostsFile": "/dev/null",
            "HostKeyAlias": keys.ALIAS,
            "HostKeyAlgorithms": keys.algorithms(self.peer.host_key),
            "UpdateHostKeys": "no",
            "IdentitiesOnly": "yes",
            "IdentityFile": f'"{self._files.key}"',
            "PreferredAuthentications": "publickey",
            "ControlPath": f'"{self._socket_folder}/m"',
            "LogLevel": "ERROR",
            "Compression": "no",
        }
        pairs = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        return [*pairs, "-T", "-a", "-x", "-p", str(self.peer.port), "-l", self.peer.user]

    def argv(self, command: str, *, master: bool = False) -> list[str]:
        """The `ssh` that runs `command` at the peer, on the login that is open."""
        mode = "yes" if master else "no"
        options = ["-F", "/dev/null", "-o", f"ControlMaster={mode}", *self._options()]
        return ["ssh", *options, "--", self.peer.address, command]

    async def open(self) -> dict[str, Any]:
        """Log in and return what the agent says of itself (for a peer without the product: nothing).

        Raises HostKeyError, AuthenticationError, UnreachableError, MissingError.
        """
        self._sweep()
        self._socket_folder = Path(tempfile.mkdtemp(prefix=f".ssh-{os.getpid()}-", dir=self._run_folder))
        command = json.dumps({"op": "hello"}) if self.peer.product else command_line(["cat"])
        self.logins += 1
        self._master = await _spawn(self.argv(command, master=True))
        assert self._master.stdin
        assert self._master.stdout
        assert self._master.stderr
        self._said.clear()
        self._listening = asyncio.create_task(_collect(self._master.stderr, self._said))
        try:
            if not self.peer.product:
                self._master.stdin.write(b'{"ok": true}\n')
            line = await asyncio.wait_for(self._master.stdout.readline(), LOGIN_SECONDS)
        except TimeoutError:
            await self.close()
            raise UnreachableError(
                f"{self.peer.name} ({self.peer.address}) did not finish the login within {LOGIN_SECONDS:.0f} s.",
                "Is it overloaded, or the network bad?",
            ) from None
        if not line:
            error = await self._why()
            await self.close()
            raise error
        return _answer(line, self.peer.name)

    async def _why(self) -> DPlaneError:
        """Why the login ended."""
        assert self._master
        assert self._listening
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._listening), 5)
        said = self._said.decode("utf-8", "replace")
        status = await self._master.wait()
        if status != _LOST:
            return CommandError(f"{self.peer.name} let us in and ended the session: {clean(said, 300)}", status=status)
        return failures.of_ssh(said, self.peer.name, self.peer.address, self.peer.user)

    async def ask(self, request: dict[str, Any], timeout: float = ANSWER_SECONDS) -> dict[str, Any]:
        """One request to the agent, one answer. Raises what the agent says, or UnreachableError."""
        output = await self._finish(self.argv(json.dumps(request)), b"", timeout)
        if output.status == _LOST:
            raise self.lost(output.error)
        return _answer(output.stdout, self.peer.name)

    async def run(self, argv: Sequence[str], timeout: float = ANSWER_SECONDS) -> Output:
        """Run a command at a peer without the product. Raises UnreachableError."""
        output = await self._finish(self.argv(command_line(argv)), b"", timeout)
        if output.status == _LOST:
            raise self.lost(output.error)
        return output

    def lost(self, said: str) -> UnreachableError:
        """The exception for a channel that broke; the login's own words say more than the channel's."""
        said = self._said.decode("utf-8", "replace") + said
        return failures.of_ssh(said, self.peer.name, self.peer.address, self.peer.user)

    async def _finish(self, argv: list[str], stdin: bytes, timeout: float) -> Output:
        process = await _spawn(argv)
        try:
            stdout, stderr = await asyncio.wait_for(process.communicate(stdin), timeout)
        except TimeoutError:
            raise UnreachableError(
                f"{self.peer.name} did not answer within {timeout:.0f} s.", "The next run goes on from there."
            ) from None
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if len(stdout) > ANSWER_LIMIT:
            raise CommandError(f"{self.peer.name} answered with more than can be true.")
        return Output(process.returncode or 0, stdout, stderr)

    async def close(self) -> None:
        """End the login."""
        if self._master is not None and self._master.returncode is None:
            assert self._master.stdin
            self._master.stdin.close()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._master.wait(), 10)
            if self._master.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    self._master.kill()
                await self._master.wait()
        if self._listening is not None:
            self._listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._listening
        if self._socket_folder is not None:
            shutil.rmtree(self._socket_folder, ignore_errors=True)

    def _sweep(self) -> None:
        """Remove what runs that were killed left behind."""
        self._run_folder.mkdir(parents=True, exist_ok=True)
        for folder in self._run_folder.glob(".ssh-*-*"):
            pid = folder.name.split("-")[1]
            if not pid.isdigit() or not process_lives(int(pid), None):
                shutil.rmtree(folder, ignore_errors=True)


async def _collect(stream: asyncio.StreamReader, kept: bytearray) -> None:
    """Read to the end, keeping the first part: the other side may say megabytes."""
    while chunk := await stream.read(65536):
        kept += chunk[: _SAID_LIMIT - len(kept)]


async def _spawn(argv: list[str]) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    try:
        return await asyncio.create_subprocess_exec(
            *argv, stdin=pipe, stdout=pipe, stderr=pipe, env={**os.environ, "LC_ALL": "C"}
        )
    except FileNotFoundError:
        raise MissingError(
            "The OpenSSH client is not installed on this machine.", "Install it: `sudo apt-get install openssh-client`."
        ) from None


def _answer(line: bytes, name: str) -> dict[str, Any]:
    """The object of an agent's answer. Everything in it is foreign. Raises what it says when that is an error."""
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        shown = clean(line[:200].decode("utf-8", "replace").strip())
        raise CommandError(f"{name} answered what no D-Plane says: “{shown}”.", "Is D-Plane installed there?")
    if answer.get("ok") is not True:
        raise error_from(answer.get("error"))
    return answer
