"""What every host can do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from ...errors import TooMuchError
from ...lazyclass import dataclass

DEFAULT_TIMEOUT = 30.0
OUTPUT_LIMIT = 64 * 1024 * 1024
FILE_LIMIT = 1024 * 1024
# sbin is not on every person's PATH, and zpool lives there.
PROGRAM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def too_much_output(program: str, host: str) -> TooMuchError:
    """The error for a command that wrote more than OUTPUT_LIMIT and was ended."""
    return TooMuchError(f"{program} on {host} wrote more than {OUTPUT_LIMIT >> 20} MiB and was ended.")


@dataclass(frozen=True, slots=True)
class Output:
    """What a finished command left: exit status (negative: killed by that signal) and both streams."""

    status: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """Standard output as text; bytes that are not UTF-8 become `�`."""
        return self.stdout.decode("utf-8", "replace")

    @property
    def error(self) -> str:
        """Standard error as text."""
        return self.stderr.decode("utf-8", "replace")


class Process(Protocol):
    """A running command whose lines are read as they come."""

    def lines(self) -> AsyncIterator[str]:
        """Standard output, line by line without the line end; over-long lines are cut, never buffered whole."""
        ...

    async def write(self, data: bytes) -> None:
        """Send to its standard input."""
        ...

    async def close_stdin(self) -> None:
        """End its standard input."""
        ...

    async def wait(self) -> Output:
        """Wait for the end; `stdout` holds what `lines` has not taken."""
        ...

    async def stop(self) -> None:
        """End it (terminate, then kill) and reap it. Safe to call twice."""
        ...


class Host(Protocol):
    """A machine where argv lists run. Implementations raise only `DPlaneError`s."""

    @property
    def name(self) -> str:
        """How people call it."""
        ...

    @property
    def local(self) -> bool:
        """Whether it is this machine."""
        ...

    async def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = DEFAULT_TIMEOUT) -> Output:
        """Run to the end. A non-zero status is not an error here.

        Raises MissingError (no such program), UnreachableError and its kinds, CommandError (time-out, too much output).
        """
        ...

    async def open(self, argv: Sequence[str]) -> Process:
        """Start a command to talk with or to follow. Raises as `run`."""
        ...

    async def read_files(self, paths: Sequence[str]) -> dict[str, str]:
        """The text of those files that exist and can be read (each up to 1 MiB); patterns with `*` are expanded."""
        ...

    async def close(self) -> None:
        """Give back connections and children."""
        ...
