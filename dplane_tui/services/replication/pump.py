"""Moves a stream between two descriptors with `splice`: Python counts, throttles and watches, and never sees the bytes.

Imports only what it needs: the far end runs it too, on a box that may be a Pi.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import time
from collections.abc import Callable

CHUNK = 1 << 20
PIPE_SIZE = 1 << 20  # the most an ordinary user may ask for
_TICK = 0.5  # seconds between reports, and between looks at whether it should stop
_CANNOT_SPLICE = (errno.EINVAL, errno.ENOSYS, errno.EBADF)

# What goes through although everything is held: a receiver waits 15 minutes at most for the first records of a stream
# (three of 312 bytes, for a package of snapshots), at the beginning and between two.
LEAK = 1024
LEAK_SECONDS = 300.0

EOF, CLOSED, STALLED, STOPPED = "eof", "closed", "stalled", "stopped"


class Throttle:
    """A token bucket. `rate` in bytes a second may be changed at any time from any thread; None is no limit.

    At a rate of 0 only LEAK bytes go every LEAK_SECONDS, the first at once, so that nobody takes the stream for dead.
    """

    def __init__(self, rate: float | None = None) -> None:
        self.rate = rate
        self._tokens = 0.0
        self._at = time.monotonic()
        self._leak = 0
        self._leaked_at = -LEAK_SECONDS

    def allowed(self, wanted: int) -> int:
        """How many bytes may go now, at most `wanted`; 0 means wait a little."""
        rate = self.rate
        now = time.monotonic()
        passed, self._at = now - self._at, now
        if rate is None:
            self._tokens = 0.0
            return wanted
        if rate == 0:
            if now - self._leaked_at >= LEAK_SECONDS:
                self._leak, self._leaked_at = LEAK, now
            self._tokens = 0.0
            return min(wanted, self._leak)
        # At most a quarter of a second is saved up, so that a pause is not followed by a flood.
        self._tokens = min(self._tokens + passed * rate, rate / 4)
        return min(wanted, int(self._tokens))

    def spent(self, count: int) -> None:
        """Tell that `count` bytes went."""
        if self.rate == 0:
            self._leak = max(0, self._leak - count)
        elif self.rate is not None:
            self._tokens -= count


class Pump:
    """One stream from `source` to `sink`. `run` blocks: for a thread, or a process that has nothing else to do.

    `source` and `sink` are this process's own descriptors and are made non-blocking; at least one should be a pipe.
    Both in seconds without a single byte, None waits for ever: `stall` while the reader takes nothing of what is there,
    `quiet` while the writer gives nothing.
    """

    def __init__(
        self,
        source: int,
        sink: int,
        *,
        report: Callable[[int], None] | None = None,
        throttle: Throttle | None = None,
        stall: float | None = None,
        quiet: float | None = None,
    ) -> None:
        self._source = source
        self._sink = sink
        self._report = report
        self._throttle = throttle or Throttle()
        self._stall = stall
        self._quiet = quiet
        self._stop = False
        self._splices = True
        self._held = b""  # read but not yet written; only without splice
        self.count = 0

    def stop(self) -> None:
        """Let `run` end within half a second. From any thread, or a signal handler."""
        self._stop = True

    def run(self) -> str:
        """Move everything. Returns EOF, CLOSED (nobody reads any more), STALLED or STOPPED. Raises OSError."""
        for descriptor in (self._source, self._sink):
            os.set_blocking(descriptor, False)
            with contextlib.suppress(OSError):  # a socket, or the user's share of pipe memory is used up: smaller works
                fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, PIPE_SIZE)
        since = reported_at = time.monotonic()
        held_by = None  # who has held things up since then
        while not self._stop:
            allowed = self._throttle.allowed(CHUNK)
            moved = self._move(allowed) if allowed else None
            now = time.monotonic()
            if moved == 0:
                self._tell()
                return EOF
            if moved == -1:
                self._tell()
                return CLOSED
            if moved:
                since, held_by = now, None
                self.count += moved
                self._throttle.spent(moved)
            if now - reported_at >= _TICK:
                reported_at = now
                self._tell()
            if moved is None:
                holder = self._wait(bool(allowed))
                if (not allowed or holder == self._source) and self._is_closed():
                    self._tell()
                    return CLOSED
                if holder is None or holder != held_by:
                    since, held_by = time.monotonic(), holder
                elif (most := self._stall if holder == self._sink else self._quiet) is not None and now - since > most:
                    return STALLED
        return STOPPED

    def _tell(self) -> None:
        if self._report is not None:
            self._report(self.count)

    def _wait(self, ready: bool) -> int | None:
        """Until the side that holds things up is ready, or a tick has passed: then that side is returned."""
        if not ready:  # no tokens
            time.sleep(_TICK if self._throttle.rate == 0 else 0.02)
            return None
        for descriptor, event in ((self._source, select.POLLIN), (self._sink, select.POLLOUT)):
            if event == select.POLLIN and self._held:
                continue
            poll = select.poll()
            poll.register(descriptor, event)
            if not poll.poll(_TICK * 1000):
                return descriptor
        return None

    def _is_closed(self) -> bool:
        """Whether nobody reads at the other end of the sink; without a byte to write, nothing else would tell."""
        poll = select.poll()
        poll.register(self._sink, 0)
        return bool(poll.poll(0))

    def _move(self, most: int) -> int | None:
        """Move up to `most` bytes: how many, 0 at the end, -1 when the sink is closed, None when nothing moves now."""
        try:
            if self._splices:
                try:
                    return os.splice(self._source, self._sink, most, flags=os.SPLICE_F_MOVE | os.SPLICE_F_NONBLOCK)
                except OSError as error:
                    if error.errno not in _CANNOT_SPLICE:
                        raise
                    self._splices = False
            return self._copy(min(most, 1 << 16))
        except BlockingIOError:
            return None
        except BrokenPipeError:
            return -1
        except ConnectionResetError:
            return -1

    def _copy(self, most: int) -> int | None:
        """The way without splice (neither side is a pipe, or the kernel will not)."""
        if not self._held:
            self._held = os.read(self._source, most)
            if not self._held:
                return 0
        written = os.write(self._sink, self._held)
        self._held = self._held[written:]
        return written
