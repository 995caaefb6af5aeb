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
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...errors import CommandError, DPlaneError, MissingError, UnreachableError
from ...text import quoted
from ..host import Output
from ..host.quoting import command_line
from ..jobs.files import process_lives
from . import answers, failures, keys
from .model import Peer

CONNECT_SECONDS = 15
LOGIN_SECONDS = 60
ANSWER_SECONDS = 180.0
END_SECONDS = 10.0  # for a login that is to end
_LOST = 255


class Link:
    """The connection to one peer; `await open()` first, `await close()` last."""

    def __init__(self, peer: Peer, ssh_folder: Path, run_folder: Path, key: Path | None = None) -> None:
        keys.check_address(peer.user, peer.address, peer.port)
        self.peer = peer
        self._files = keys.files_of(ssh_folder, peer.name)
        self._key = key or self._files.key
        # A socket's path has at most 107 bytes, and ssh puts 17 behind ours while it makes it.
        self._run_folder = run_folder if len(str(run_folder)) < 60 else Path(tempfile.gettempdir())
        self._socket_folder: Path | None = None
        self._master: asyncio.subprocess.Process | None = None
        self._said = bytearray()
        self._read_words = 0
        self._listening: asyncio.Task[None] | None = None
        self.logins = 0

    def _options(self) -> list[str]:
        options = {
            "BatchMode": "yes",
            "ServerAliveInterval": "15",
            "ServerAliveCountMax": "7",  # two minutes: a small box that writes out a stream may be deaf for one
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": f'"{self._files.known}"',
            "GlobalKnownHostsFile": "/dev/null",
            "HostKeyAlias": keys.ALIAS,
            "HostKeyAlgorithms": keys.algorithms(self.peer.host_key),
            "UpdateHostKeys": "no",
            "IdentitiesOnly": "yes",
            "IdentityFile": f'"{self._key}"',
            "PreferredAuthentications": "publickey",
            "ControlPath": f'"{self._socket_folder}/m"',
            "Compression": "no",
        }
        pairs = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        return [*pairs, "-T", "-a", "-x", "-p", str(self.peer.port), "-l", self.peer.user]

    def argv(self, command: str, *, master: bool = False) -> list[str]:
        """The `ssh` that runs `command` at the peer, on the login that is open."""
        # The login says at INFO why it ends (a peer that was silent); for the others only the way to it can be slow.
        own = ("yes", CONNECT_SECONDS, "INFO") if master else ("no", LOGIN_SECONDS, "ERROR")
        pairs = zip(("ControlMaster", "ConnectTimeout", "LogLevel"), own, strict=True)
        words = [word for name, value in pairs for word in ("-o", f"{name}={value}")]
        # What ssh itself says goes to a file of its own: standard error is the far box's, which may imitate it.
        log = ["-E", f"{self._socket_folder}/log"]
        return ["ssh", "-F", "/dev/null", *log, *words, *self._options(), "--", self.peer.address, command]

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
        self._read_words = 0
        self._listening = asyncio.create_task(answers.keep_last(self._master.stderr.read, self._said))
        try:
            if not self.peer.product:
                self._master.stdin.write(b'{"ok": true}\n')
            line = await asyncio.wait_for(self._master.stdout.readline(), LOGIN_SECONDS)
        except TimeoutError:
            await self.close()
            raise UnreachableError(
                f"{self.peer.name} ({self.peer.address}) did not finish the login within {LOGIN_SECONDS} s.",
                "Is it overloaded, or the network bad?",
            ) from None
        except ValueError:  # longer than the reader's limit
            await self.close()
            raise answers.too_much(self.peer.name) from None
        if not line:
            error = await self._why()
            await self.close()
            raise error
        self._words()  # a warning at the login is not why the connection breaks later
        return answers.answer_of(line, self.peer.name)

    async def _why(self) -> DPlaneError:
        """Why the login ended."""
        assert self._master
        assert self._listening
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._listening), END_SECONDS)
            await asyncio.wait_for(self._master.wait(), END_SECONDS)
        if self._master.returncode != _LOST:
            told = self._said.decode("utf-8", "replace").strip()
            said = quoted(told, 300) if told else "it did not say why"
            return CommandError(f"{self.peer.name} let us in and ended the session: {said}.")
        return failures.of_ssh(self._words(), self.peer.name, self.peer.address, self.peer.user)

    def _words(self) -> str:
        """What ssh has said since this was asked last."""
        try:
            with (self._socket_folder or Path()).joinpath("log").open("rb") as file:
                file.seek(self._read_words)
                words = file.read(answers.SAID_LIMIT)
                self._read_words = file.seek(0, os.SEEK_END)
        except OSError:
            return ""
        return words.decode("utf-8", "replace")

    async def ask(
        self, request: dict[str, Any], timeout: float = ANSWER_SECONDS, limit: int = answers.ANSWER_LIMIT
    ) -> dict[str, Any]:
        """One request to the agent, one answer of at most `limit` bytes. Raises what the agent says, UnreachableError
        when it is lost, CommandError for an answer that cannot be one."""
        output = await self._finish(self.argv(json.dumps(request)), timeout, limit)
        return answers.answer_of(output.stdout, self.peer.name)

    async def run(
        self, argv: Sequence[str], timeout: float = ANSWER_SECONDS, limit: int = answers.ANSWER_LIMIT
    ) -> Output:
        """Run a command at a peer without the product. Raises UnreachableError, CommandError past `limit` bytes."""
        return await self._finish(self.argv(command_line(argv)), timeout, limit)

    def lost(self) -> UnreachableError:
        """The exception for a channel that broke (`ssh` ended with 255)."""
        words = self._words()
        if not words.strip() and self._master is not None and _lives(self._master):
            # ssh has no other status for a far program that a signal ended, nor for itself when we had to end it.
            return UnreachableError(
                f"{self.peer.name} gave no answer about what it did for us, though the connection holds.",
                "Its memory may have run out, or its pool may hang: the journal there tells. The next run goes on.",
            )
        return failures.of_ssh(words, self.peer.name, self.peer.address, self.peer.user)

    async def _finish(self, argv: list[str], timeout: float, limit: int) -> Output:
        process = await _spawn(argv)
        assert process.stdin
        process.stdin.close()
        try:
            output = await asyncio.wait_for(answers.finished(process, self.peer.name, limit), timeout)
        except TimeoutError:
            raise UnreachableError(
                f"{self.peer.name} did not answer within {timeout:.0f} s.", "The next run goes on from there."
            ) from None
        if output.status == _LOST:
            raise self.lost()
        return output

    async def close(self) -> None:
        """End the login."""
        if self._master is not None and self._master.returncode is None:
            assert self._master.stdin
            self._master.stdin.close()
            await answers.ended(self._master, END_SECONDS)
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
            if not (pid.isascii() and pid.isdigit()) or not process_lives(int(pid), None):
                shutil.rmtree(folder, ignore_errors=True)


def _lives(process: asyncio.subprocess.Process) -> bool:
    """Whether it goes on, looked at for a second: who hears of a broken login first is not always its own process."""
    for _ in range(20):
        with contextlib.suppress(ChildProcessError):
            if os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                time.sleep(0.05)
                continue
        return False
    return True


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
