"""This machine."""

from __future__ import annotations

import asyncio
import contextlib
import glob
import os
import signal
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from ...errors import CommandError, MissingError, NotAllowedError, TimedOutError
from .base import DEFAULT_TIMEOUT, FILE_LIMIT, OUTPUT_LIMIT, PROGRAM_PATH, Output, too_much_output
from .lines import LINE_LIMIT, LineReader, read_first


def _environment() -> dict[str, str]:
    path = os.environ.get("PATH", "")
    return {**os.environ, "LC_ALL": "C", "PATH": f"{path}:{PROGRAM_PATH}" if path else PROGRAM_PATH}


class LocalProcess:
    """A child of this process, in its own process group so that all of it can be ended."""

    def __init__(self, process: asyncio.subprocess.Process, command: str, host: str) -> None:
        assert process.stdout
        assert process.stderr
        self._process = process
        self._command = command
        self._host = host
        self._stdout = LineReader(process.stdout.read)
        self._stderr = asyncio.create_task(read_first(process.stderr.read, LINE_LIMIT))

    def lines(self) -> AsyncIterator[str]:
        return self._stdout.lines()

    async def write(self, data: bytes) -> None:
        assert self._process.stdin
        with contextlib.suppress(ConnectionError):
            self._process.stdin.write(data)
            await self._process.stdin.drain()

    async def close_stdin(self) -> None:
        assert self._process.stdin
        with contextlib.suppress(ConnectionError):
            self._process.stdin.close()
            await self._process.stdin.wait_closed()

    async def wait(self) -> Output:
        stdout = await self._stdout.rest(OUTPUT_LIMIT)
        if stdout is None:
            await self.stop()
            raise too_much_output(self._command, self._host)
        status = await self._process.wait()
        return Output(status, stdout, await self._stderr)

    def kill(self) -> None:
        """End the whole group at once, without waiting for it."""
        with contextlib.suppress(ProcessLookupError, PermissionError):  # sudo belongs to root
            os.killpg(self._process.pid, signal.SIGKILL)

    async def stop(self) -> None:
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):  # sudo belongs to root
                os.killpg(self._process.pid, signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), 3)
            self.kill()  # what it started may have ignored the first signal
        if self._process.returncode is None:
            # It belongs to root (sudo): with nobody left at its pipes it ends when it writes the next time.
            with contextlib.suppress(PermissionError):
                self._process._transport.close()  # type: ignore[attr-defined]  # Process has no close of its own
        # A process stuck in the kernel (a suspended pool) cannot be reaped: do not wait for it for long.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), 1)
        self._stderr.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._stderr


class LocalHost:
    """Runs commands as this process's user."""

    name = "this machine"
    local = True

    def __init__(self) -> None:
        with contextlib.suppress(OSError):
            self.name = os.uname().nodename

    async def _start(self, argv: Sequence[str], stdin: int) -> asyncio.subprocess.Process:
        try:
            return await asyncio.create_subprocess_exec(
                *argv,
                stdin=stdin,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=_environment(),
                start_new_session=True,
                limit=LINE_LIMIT,
            )
        except (FileNotFoundError, PermissionError) as error:
            # A folder on the PATH that is closed to this user makes every missing program look forbidden.
            places = (os.path.join(folder, argv[0]) for folder in os.get_exec_path(_environment()))
            if isinstance(error, PermissionError) and any(map(os.path.exists, places)):
                raise NotAllowedError(
                    f"{argv[0]} may not be run by this user on {self.name}.", "Look at the rights of its file."
                ) from None
            raise MissingError(
                f"{argv[0]} is not installed on {self.name}.", "`dplane doctor` tells which package has it."
            ) from None
        except (OSError, ValueError) as error:
            raise CommandError(f"{argv[0]} could not be started on {self.name}: {error}.") from None

    async def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = DEFAULT_TIMEOUT) -> Output:
        started = await self._start(argv, asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL)
        process = LocalProcess(started, argv[0], self.name)
        feeding = asyncio.create_task(_feed(process, stdin)) if stdin else None
        try:
            return await asyncio.wait_for(process.wait(), timeout)
        except TimeoutError:
            raise TimedOutError(
                f"{argv[0]} did not answer within {timeout:.0f} s on {self.name}.",
                "A pool that is suspended makes ZFS commands wait; look at the Pools screen.",
            ) from None
        finally:
            if feeding is not None:
                feeding.cancel()
            if started.returncode is None:
                process.kill()
                await process.stop()

    async def open(self, argv: Sequence[str]) -> LocalProcess:
        return LocalProcess(await self._start(argv, asyncio.subprocess.PIPE), argv[0], self.name)

    async def read_files(self, paths: Sequence[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for pattern in paths:
            only_stars = "*".join(glob.escape(part) for part in pattern.split("*"))
            for path in sorted(glob.glob(only_stars)) if "*" in pattern else [pattern]:
                with contextlib.suppress(OSError), Path(path).open("rb") as file:
                    found[path] = file.read(FILE_LIMIT).decode("utf-8", "replace")
        return found

    async def close(self) -> None:
        return None


async def _feed(process: LocalProcess, data: bytes) -> None:
    await process.write(data)
    await process.close_stdin()
