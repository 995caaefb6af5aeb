"""A box over SSH: one connection, opened when first needed, on which every command is a channel of its own."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Sequence
from pathlib import PurePosixPath

import asyncssh

from ...errors import DPlaneError, MissingError, NotAllowedError, TimedOutError, UnreachableError
from .base import DEFAULT_TIMEOUT, FILE_LIMIT, OUTPUT_LIMIT, Output, too_much_output
from .lines import LINE_LIMIT, LineReader, read_first
from .login import connect
from .quoting import command_line
from .target import resolve

CHANNELS = 8  # sshd allows ten a connection unless told otherwise
COOL_DOWN = 2.0  # seconds in which a failed login is not tried again, so that waiting commands fail together


class SshProcess:
    """A command on the far box."""

    def __init__(self, process: asyncssh.SSHClientProcess[bytes], program: str, host: str) -> None:
        self._process = process
        self._program = program
        self._host = host
        self._stdout = LineReader(process.stdout.read)
        self._stderr = asyncio.create_task(read_first(process.stderr.read, LINE_LIMIT))

    async def lines(self) -> AsyncIterator[str]:
        try:
            async for line in self._stdout.lines():
                yield line
        except (asyncssh.Error, OSError):  # a cut connection shows as either
            raise self._lost() from None

    async def write(self, data: bytes) -> None:
        with contextlib.suppress(OSError):
            self._process.stdin.write(data)
            await self._process.stdin.drain()

    async def close_stdin(self) -> None:
        with contextlib.suppress(OSError):
            self._process.stdin.write_eof()

    async def wait(self) -> Output:
        try:
            stdout = await self._stdout.rest(OUTPUT_LIMIT)
            if stdout is None:
                await self.stop()
                raise too_much_output(self._program, self._host)
            stderr = await self._stderr
            await self._process.wait_closed()
        except (asyncssh.Error, OSError):
            raise self._lost() from None
        status = self._process.returncode
        if status is None:  # the channel ended, the command told no status: the link broke
            raise self._lost()
        if status in (126, 127) and stderr.startswith(b"env: "):
            raise self._not_started(status)
        return Output(status, stdout, stderr)

    def _not_started(self, status: int) -> DPlaneError:
        if status == 127:
            return MissingError(
                f"{self._program} is not installed on {self._host}.",
                "`dplane doctor` there tells which package has it.",
            )
        return NotAllowedError(f"{self._program} may not be run by this user on {self._host}.")

    def _lost(self) -> UnreachableError:
        return UnreachableError(
            f"The connection to {self._host} was lost while {self._program} ran there; it may or may not have ended.",
            "Look again when the box is back.",
        )

    async def stop(self) -> None:
        self._stderr.cancel()
        with contextlib.suppress(asyncio.CancelledError, asyncssh.Error, OSError):
            await self._stderr
        if self._process.returncode is None:
            with contextlib.suppress(OSError, asyncssh.Error):
                self._process.terminate()
            with contextlib.suppress(TimeoutError, asyncssh.Error, OSError):
                # Output that nobody reads would hold the end back.
                await asyncio.wait_for(asyncio.gather(read_first(self._process.stdout.read, 0), self._ended()), 3)
        if self._process.returncode is None:
            with contextlib.suppress(OSError, asyncssh.Error):
                self._process.kill()
        self._process.close()
        with contextlib.suppress(TimeoutError, asyncssh.Error, OSError):
            await asyncio.wait_for(self._process.wait_closed(), 3)

    async def _ended(self) -> None:
        await self._process.wait_closed()


class SshHost:
    """Runs commands on a far box as the user who logs in there. Commands are never repeated by themselves."""

    local = False

    def __init__(self, name: str) -> None:
        self._target = resolve(name)
        self.name = name
        self._connection: asyncssh.SSHClientConnection | None = None
        self._opening = asyncio.Lock()
        self._channels = asyncio.Semaphore(CHANNELS)
        self._failed: tuple[float, DPlaneError] | None = None

    async def _connected(self) -> asyncssh.SSHClientConnection:
        async with self._opening:
            if self._connection is not None and not self._connection.is_closed():
                return self._connection
            now = asyncio.get_running_loop().time()
            if self._failed is not None and now - self._failed[0] < COOL_DOWN:
                raise self._failed[1]
            try:
                self._connection = await connect(self._target)
            except DPlaneError as error:
                self._failed = (asyncio.get_running_loop().time(), error)
                raise
            self._failed = None
            return self._connection

    async def _start(self, argv: Sequence[str]) -> asyncssh.SSHClientProcess[bytes]:
        line = command_line(argv)
        for attempt in (1, 2):
            connection = await self._connected()
            try:
                return await connection.create_process(line, encoding=None, request_pty=False, stdin=asyncssh.PIPE)
            except asyncssh.ChannelOpenError as error:
                # The channel was never opened, so nothing ran: safe to try once more if the link was dead already.
                if attempt == 2 or not connection.is_closed():
                    raise UnreachableError(f"{self.name} opens no further channel: {error.reason}.") from None
            except (asyncssh.Error, OSError) as error:
                raise UnreachableError(
                    f"The connection to {self.name} was lost while {argv[0]} was being started: {error}.",
                    "Look again when the box is back.",
                ) from None
        raise AssertionError

    async def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = DEFAULT_TIMEOUT) -> Output:
        async with self._channels:
            process = SshProcess(await self._start(argv), argv[0], self.name)
            feeding = asyncio.create_task(_feed(process, stdin))
            finished = False
            try:
                output = await asyncio.wait_for(process.wait(), timeout)
                finished = True
                return output
            except TimeoutError:
                raise TimedOutError(
                    f"{argv[0]} did not answer within {timeout:.0f} s on {self.name}.",
                    "A pool that is suspended makes ZFS commands wait; look at the Pools screen.",
                ) from None
            finally:
                feeding.cancel()
                if not finished:
                    await process.stop()

    async def open(self, argv: Sequence[str]) -> SshProcess:
        return SshProcess(await self._start(argv), argv[0], self.name)

    async def read_files(self, paths: Sequence[str]) -> dict[str, str]:
        if not paths:
            return {}
        # grep puts the name and a NUL before each line, so one round trip tells files apart whatever they hold.
        output = await self.run(_reader(paths))
        found: dict[str, list[str]] = {}
        for line in output.text.removesuffix("\n").split("\n"):
            path, nul, text = line.partition("\0")
            if nul:
                found.setdefault(path, []).append(text)
        return {path: ("\n".join(lines) + "\n")[:FILE_LIMIT] for path, lines in sorted(found.items())}

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
            with contextlib.suppress(TimeoutError, asyncssh.Error, OSError):
                await asyncio.wait_for(connection.wait_closed(), 3)


_GREP = ("grep", "-sHaZ", "")


def _reader(paths: Sequence[str]) -> list[str]:
    """The command that prints the files; find expands patterns, and visits only directories that can match."""
    if not any("*" in path for path in paths):
        return [*_GREP, "--", *paths]
    roots: list[str] = []
    above: set[str] = set()
    for path in paths:
        parts = PurePosixPath(path).parts
        first = next((place for place, part in enumerate(parts) if "*" in part), len(parts))
        roots.append(str(PurePosixPath(*parts[:first])))
        above |= {str(PurePosixPath(*parts[:place])) for place in range(first, len(parts))}
    wanted, way = "|".join(map(_regex, paths)), "|".join(map(_regex, sorted(above)))
    matching = ["-type", "f", "-regex", wanted, "-exec", *_GREP, "{}", "+"]
    pruning = ["-type", "d", "!", "-regex", way, "-prune"]
    return ["find", "-L", *dict.fromkeys(roots), "-regextype", "posix-extended", *matching, "-o", *pruning]


def _regex(pattern: str) -> str:
    """`pattern` as an extended regular expression in which `*` stays inside one name."""
    return "[^/]*".join(re.sub(r"[^\w/-]", r"\\\g<0>", part, flags=re.ASCII) for part in pattern.split("*"))


async def _feed(process: SshProcess, data: bytes) -> None:
    if data:
        await process.write(data)
    await process.close_stdin()
