"""One stream: `send` here, the pump, `receive` there. Joined by pipes; ends clean whichever of the three ends first."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Sequence

from ...errors import MissingError
from ...lazyclass import dataclass
from .pump import EOF, Pump, Throttle

# A receiver that takes nothing for so long hangs: a slow disk needs minutes for a transaction group, not this long.
STALL_SECONDS = 900.0
# A sender may look for changes for long before the next byte, and ends by itself or with its link: this is only for one
# whose pool hangs.
QUIET_SECONDS = 4 * 3600.0
_SAID_LIMIT = 65536
_SETTLE_SECONDS = 60.0
_STOP_SECONDS = 10.0  # less than systemd gives a unit that is stopped


@dataclass(frozen=True, slots=True)
class Command:
    """A program of a stream; `first` is what it reads before the stream (a request to the privileged helper)."""

    argv: Sequence[str]
    first: bytes = b""


@dataclass(frozen=True, slots=True)
class Transfer:
    """How a stream ended. Statuses are negative for a signal, None when the program had to be left behind."""

    count: int
    """Bytes moved."""
    end: str
    """What the pump said: `eof`, `closed`, `stalled`, `stopped`."""
    send_status: int | None
    send_said: str
    receive_status: int | None
    receive_out: bytes
    receive_said: str

    @property
    def send_failed(self) -> bool:
        """Whether the sender is the one at fault: it ended badly, and not because nobody read any more."""
        return self.send_status != 0 and self.end == EOF


async def transfer(
    send: Command, receive: Command, report: Callable[[int], None], throttle: Throttle | None = None
) -> Transfer:
    """Run both and move everything between them. `report` gets the bytes so far, in this event loop's thread.

    Cancelling it closes the pipes, which ends both programs, also those that run as root.
    """
    loop = asyncio.get_running_loop()
    source, from_send = os.pipe2(os.O_CLOEXEC)
    to_receive, sink = os.pipe2(os.O_CLOEXEC)
    started: list[asyncio.subprocess.Process] = []
    patience = _STOP_SECONDS
    try:
        try:
            sender = await _start(send.argv, asyncio.subprocess.PIPE, from_send)
            started.append(sender)
            receiver = await _start(receive.argv, to_receive, asyncio.subprocess.PIPE)
            started.append(receiver)
        finally:
            os.close(from_send)
            os.close(to_receive)
        assert sender.stdin
        sender.stdin.write(send.first)
        sender.stdin.close()
        said = [asyncio.create_task(_read(stream)) for stream in (sender.stderr, receiver.stdout, receiver.stderr)]
        if receive.first:
            with contextlib.suppress(BrokenPipeError):  # it has ended already: its status tells why
                os.write(sink, receive.first)  # at most 64 KiB, which an empty pipe always takes
        pump = Pump(
            source,
            sink,
            report=lambda count: _in_loop(loop, report, count),
            throttle=throttle,
            stall=STALL_SECONDS,
            quiet=QUIET_SECONDS,
        )
        end = await _pumped(pump)
        # A target may need long for the last of a stream; a link that died meanwhile is found by ssh.
        patience = STALL_SECONDS if end == EOF else _SETTLE_SECONDS
    finally:
        os.close(sink)
        os.close(source)
        statuses = await asyncio.shield(_reap(started, patience))
    report(pump.count)
    texts = [await task for task in said]
    return Transfer(
        pump.count,
        end,
        statuses[0],
        texts[0].decode("utf-8", "replace"),
        statuses[1],
        texts[1],
        texts[2].decode("utf-8", "replace"),
    )


async def _pumped(pump: Pump) -> str:
    work = asyncio.create_task(asyncio.to_thread(pump.run))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        pump.stop()
        with contextlib.suppress(OSError):
            await work
        raise


def _in_loop(loop: asyncio.AbstractEventLoop, report: Callable[[int], None], count: int) -> None:
    with contextlib.suppress(RuntimeError):  # the loop has ended: nobody listens
        loop.call_soon_threadsafe(report, count)


async def _start(argv: Sequence[str], stdin: int, stdout: int) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            *argv, stdin=stdin, stdout=stdout, stderr=asyncio.subprocess.PIPE, env={**os.environ, "LC_ALL": "C"}
        )
    except FileNotFoundError:
        raise MissingError(f"{argv[0]} is not installed on this machine.") from None


async def _read(stream: asyncio.StreamReader | None) -> bytes:
    """All of it, of which only the first part is kept: the other end may say megabytes."""
    assert stream
    kept = bytearray()
    while chunk := await stream.read(65536):
        kept += chunk[: _SAID_LIMIT - len(kept)]
    return bytes(kept)


async def _reap(processes: Sequence[asyncio.subprocess.Process], patience: float) -> list[int | None]:
    """Wait for both; their pipes are closed, so they end. What does not is told to, and then left to the kernel."""
    statuses: list[int | None] = []
    for process in processes:
        for act in (process.terminate, process.kill, None):
            try:
                await asyncio.wait_for(process.wait(), patience if act == process.terminate else 5.0)
                break
            except TimeoutError:
                if act is not None:
                    with contextlib.suppress(ProcessLookupError, PermissionError):  # sudo's child belongs to root
                        act()
        statuses.append(process.returncode)
    return statuses
