"""`several`: many requests of one verb for one start of sudo and Python. Each is judged and noted as if it came alone.

All are read, parsed and allowed before the first is done; they are then done in their order, until one fails. What is
received comes behind them: one stream after the other, each judged by its own request (`receiving.py`).
"""

from __future__ import annotations

import os

from .failure import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .session import Session
    from .shape import Args

VERBS = ("receive", "send")
LIMIT = 256  # requests
BYTES_LIMIT = 1 << 20
_PATIENCE = 10.0  # seconds in which all requests must have come


def serve(first: Session, args: Args) -> int:
    """Do what follows the request `first`. Raises Failure, before anything is done or behind what was done."""
    verb, size = str(args["of"]), int(str(args["bytes"]))
    body = _read(0, size)
    lines = body.split(b"\n")
    if len(body) != size or lines.pop() or not 0 < len(lines) <= LIMIT:
        raise Failure("refused", f"several: 1 to {LIMIT} whole lines must follow, {size} bytes in all.")
    parts = [first.part(line + b"\n", verb) for line in lines]
    from . import checks

    if verb == "send":
        seen = checks.Seen([part.args for part in parts])
        for part in parts:
            try:
                part.send_one(seen)
            except Failure as failure:
                part.note_failure(failure)
                raise
        return 0
    from .receiving import Inflow, end_well

    end_well()
    places = checks.Places([part.args for part in parts])
    inflow = Inflow(0)
    for part in parts:
        try:
            _say(part.receive_one(inflow, places, last=part is parts[-1]))
        except Failure as failure:
            part.note_failure(failure)
            raise
    return 0


def _say(answer: dict[str, object]) -> None:
    from .strictjson import dumps

    left = memoryview((dumps(answer) + "\n").encode("ascii"))
    while left:
        left = left[os.write(1, left) :]


def _read(source: int, size: int) -> bytes:
    """Exactly `size` bytes, fewer at the end; what stands behind them stays where it is."""
    from select import POLLIN, poll
    from time import monotonic

    waiting = poll()
    waiting.register(source, POLLIN)
    deadline = monotonic() + _PATIENCE
    body = b""
    while len(body) < size:
        if not waiting.poll(max(0.0, deadline - monotonic()) * 1000):
            raise Failure("timeout", f"several: the requests did not come within {_PATIENCE:.0f} s.")
        piece = os.read(source, size - len(body))
        if not piece:
            break
        body += piece
    return body
