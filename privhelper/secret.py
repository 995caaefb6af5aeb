"""A passphrase that comes behind the request: never an argument, so neither a process list nor the log has it."""

from __future__ import annotations

import os

from .failure import Failure

LIMIT = 512  # MAX_PASSPHRASE_LEN of OpenZFS
_PATIENCE = 10.0  # seconds


def read_secret(source: int, what: str = "passphrase") -> bytes:
    """The next line behind the request, with one line end. Raises Failure `refused` when it is none, or late."""
    from select import POLLIN, poll
    from time import monotonic

    waiting = poll()
    waiting.register(source, POLLIN)
    deadline = monotonic() + _PATIENCE
    line = bytearray()
    while len(line) <= LIMIT:
        if not waiting.poll(max(0.0, deadline - monotonic()) * 1000):
            raise Failure("refused", f"The {what} did not come behind the request.")
        byte = os.read(source, 1)
        if not byte or byte == b"\n":
            break
        line += byte
    if not line or len(line) > LIMIT or b"\0" in line:
        raise Failure("refused", f"The {what} must be a line of 1 to {LIMIT} bytes behind the request.")
    return bytes(line) + b"\n"
