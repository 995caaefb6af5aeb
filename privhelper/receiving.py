"""Feeds `zfs receive` from a pipe that the caller has no hand in, one snapshot after the other.

The caller holds the pipe that is our standard input and could change what lies in it between a look and the act: by
reading it away, or, for pages that were lent to it (vmsplice), by writing to its own memory. So everything is copied,
not spliced, into a pipe of our own; each stream's first record is looked at there, and `zfs` reads from there.

A package of several snapshots (`send -I`) is taken apart: each goes to a `zfs receive` of its own, as if sent by
itself. `zfs` would let each stream of a package choose what it is, and where below, or even beside, the target it goes.
"""

from __future__ import annotations

import os
from select import POLLIN, POLLOUT, poll
from time import monotonic

from . import streamhead
from .failure import Failure, one_line
from .linuxcalls import look
from .programs import Output, end, failure, feed

_PATIENCE = 900.0  # seconds until a first record must have come: the sender may have to wait for its pool
_PIECE = 1 << 17
_PIPE_SIZE = 1 << 20
_SET_PIPE_SIZE = 1031
_BYTES_WAITING = 0x541B  # FIONREAD
_SAID = 65536  # bytes of what zfs says that are kept


def end_well() -> None:
    """From here on, a signal that would end this process lets it end its program and write that down."""
    from _signal import SIG_IGN, SIGHUP, SIGTERM, getsignal, signal  # type: ignore[import-not-found]

    def stop(_number: int, _frame: object) -> None:
        raise Failure("failed", "It was ended by a signal; what had arrived of the stream is kept.")

    for number in (SIGTERM, SIGHUP):
        if getsignal(number) != SIG_IGN:
            signal(number, stop)


class Inflow:
    """What comes in on `source`, copied into a pipe of our own; `outlet` is its end to read from."""

    def __init__(self, source: int) -> None:
        from fcntl import fcntl

        self._source = source
        self.outlet, self._inlet = os.pipe()
        self._buffer = memoryview(bytearray(_PIECE))
        self._held = self._buffer[:0]  # taken in and not yet in the pipe
        self._ended = False
        self.count = 0
        """Bytes taken in."""
        os.set_blocking(self._inlet, False)
        try:  # noqa: SIM105 (contextlib is slow to import)
            fcntl(self._inlet, _SET_PIPE_SIZE, _PIPE_SIZE)
        except OSError:
            pass  # smaller works, too

    def passed(self) -> int:
        """Bytes that were taken out of our pipe so far."""
        from array import array
        from fcntl import ioctl

        waiting = array("i", [0])
        ioctl(self.outlet, _BYTES_WAITING, waiting)
        return self.count - len(self._held) - waiting[0]

    def first(self, size: int) -> bytes:
        """The next `size` bytes, which stay where they are; fewer at the end. Raises Failure `timeout`."""
        deadline = monotonic() + _PATIENCE
        while True:
            found = look(self.outlet, size)
            if len(found) == size or (self._ended and not self._held):
                return found
            self._turn(-1, max(0.0, deadline - monotonic()))

    def take(self, size: int) -> None:
        """Drop what `first` has shown."""
        while size:
            size -= len(os.read(self.outlet, size))

    def pour(self, until: int) -> bytes:
        """Keep the pipe filled until the other end of `until` is closed; returns the last of what came from there."""
        said = b""
        while True:
            if self._turn(until, None):
                piece = os.read(until, _SAID)
                if not piece:
                    return said
                said = (said + piece)[-_SAID:]

    def _turn(self, watched: int, patience: float | None) -> bool:
        """Wait until something can be done and do it; true when `watched` can be read."""
        waiting = poll()
        if watched >= 0:
            waiting.register(watched, POLLIN)
        if self._held:
            waiting.register(self._inlet, POLLOUT)
        elif not self._ended:
            waiting.register(self._source, POLLIN)
        ready = dict(waiting.poll(None if patience is None else patience * 1000))
        if not ready:
            raise Failure("timeout", f"The stream did not begin within {_PATIENCE:.0f} s.")
        if self._inlet in ready:
            self._held = self._held[os.write(self._inlet, self._held) :]
        if self._source in ready:
            self._held = self._buffer[: os.readv(self._source, [self._buffer])]
            self.count += len(self._held)
            self._ended = not self._held
        if self._ended and self._inlet >= 0:
            os.close(self._inlet)
            self._inlet = -1
        return watched in ready


class Receiving:
    """A stream, or a package of them, on its way into the dataset `name`."""

    def __init__(self, inflow: Inflow, name: str, kind: str, first: bool) -> None:
        self._inflow = inflow
        self._name = name
        self._kind = kind
        self._first = first
        self._package = False
        self.snapshots = 0
        self.said: list[str] = []
        """Warnings of the program."""

    def begin(self) -> None:
        """Wait for the first record and judge it. Raises Failure."""
        head = streamhead.parse(self._next())
        if head is not None and head.package:
            self._refuse(streamhead.package_problem(head, self._first))
            self._inflow.take(streamhead.SIZE)
            if not streamhead.is_end(self._next()):
                self._refuse("is a package that cannot be understood")
            self._inflow.take(streamhead.SIZE)
            self._package = True
            if streamhead.is_end(self._next()):
                return
            head = streamhead.parse(self._next())
        self._refuse(streamhead.problem(head, self._kind, self._first))

    def run(self, argv: list[str]) -> None:
        """Give each snapshot's stream to an `argv` of its own. Raises Failure when one of them fails."""
        while not (self._package and streamhead.is_end(self._next())):
            self._refuse(streamhead.problem(streamhead.parse(self._next()), self._kind, self._first))
            self._one(argv)
            self.snapshots += 1
            if not self._package:
                return
        self._inflow.take(streamhead.SIZE)  # another stream may follow

    def _one(self, argv: list[str]) -> None:
        child, errors = feed(argv, self._inflow.outlet)
        try:
            said = self._inflow.pour(errors)
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            child = 0
        finally:
            os.close(errors)
            if child:
                end(child)
        if status != 0:
            raise failure(argv, Output(status, b"", said))
        if said:
            self.said.append(one_line(said))

    def _next(self) -> bytes:
        record = self._inflow.first(streamhead.SIZE)
        if len(record) < streamhead.SIZE:
            early = "before its end" if self._package else "before its first record was whole"
            raise Failure("failed", f"The stream for {self._name} ended {early}{self._so_far()}.")
        return record

    def _refuse(self, why: str) -> None:
        if why:
            raise Failure("refused", f"The stream for {self._name} {why}{self._so_far()}.")

    def _so_far(self) -> str:
        count = self.snapshots
        return f"; {count} snapshot{'s' if count > 1 else ''} of it arrived" if count else ""
