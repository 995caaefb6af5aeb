"""What the agent runs on its own box (`zfs`, the privileged helper), and how it speaks to its peer. Blocking, light."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any

from .pump import Pump
from .read import ASKED, OWNER, get_argv, is_missing

MODULE = "/sys/module/zfs/version"
ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
_READ_SECONDS = 120.0
_LISTING_MOST = 16 << 20  # bytes on the wire of an answer that is held several times here, if it need not be longer
_LISTING_LIMIT = 48 << 20  # and in any case: a peer takes in 64 MiB
_PIECE = 1 << 20  # characters
_ROW_MOST = 600  # characters: two names and what ZFS itself says; a tree with longer ones has texts of somebody's


class Refusal(Exception):
    """Why the peer does not get what it asked for: a code of `errors.py` and a sentence."""

    def __init__(self, code: str, message: str, next_step: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.next_step = next_step


def version() -> str:
    """The ZFS that runs here. Raises Refusal when none does."""
    try:
        with open(MODULE, encoding="ascii", errors="replace") as file:  # cheaper than a program, and says that it runs
            return f"zfs-{file.readline(100).strip()}"
    except OSError:
        version = run(["zfs", "version"])
    if version.returncode != 0:
        raise Refusal("missing", "OpenZFS does not work on the far box.", "`dplane doctor` there looks why.")
    return version.stdout.split("\n")[0][:100]


def line(request: dict[str, Any]) -> bytes:
    return json.dumps(request).encode() + b"\n"


def run(argv: Sequence[str], stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
    try:
        done = subprocess.run(
            list(argv), input=stdin, capture_output=True, env=ENVIRONMENT, timeout=_READ_SECONDS, check=False
        )
    except FileNotFoundError:
        raise Refusal("missing", f"{argv[0]} is not installed on the far box.") from None
    except subprocess.TimeoutExpired:
        raise Refusal(
            "failed", f"{argv[0]} did not answer on the far box.", "A suspended pool makes ZFS commands wait."
        ) from None
    text = (done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))
    return subprocess.CompletedProcess(done.args, done.returncode, *text)


def listed(argv: list[str]) -> str:
    """What a command of zfs lists. Raises Refusal."""
    found = run(argv)
    if found.returncode != 0:
        raise Refusal("failed", f"The far box could not look: {last(found.stderr)}")
    return found.stdout


def value(name: str, prop: str) -> str:
    """A native property of a dataset. Raises Refusal."""
    found = run(["zfs", "get", "-H", "-p", "-o", "value", prop, name])
    if found.returncode != 0:
        raise Refusal("failed", f"The far box could not look at {name}: {last(found.stderr)}")
    return found.stdout.removesuffix("\n")


def properties(name: str, recursive: bool, asked: Sequence[str] = ASKED) -> str:
    """The listing of `get_argv`; empty when there is no such dataset. Raises Refusal.

    One that is long by texts that many datasets inherit is read once more without them.
    """
    got = run(get_argv(name, recursive, asked))
    if got.returncode != 0 and is_missing(got.stderr):
        return ""
    if got.returncode != 0 or not got.stdout:
        raise Refusal("failed", f"The far box could not list {name}: {last(got.stderr)}")
    return reread(name, recursive, asked) if _has_long_texts(got.stdout) else got.stdout


def _size_on_wire(text: str) -> int:
    """Bytes that it takes as JSON, where one character may be twelve; a piece at a time, so that asking is cheap."""
    pieces = (text[start : start + _PIECE] for start in range(0, len(text), _PIECE))
    return sum(len(json.dumps(piece)) - 2 for piece in pieces)


def _has_long_texts(listing: str) -> bool:
    size = _size_on_wire(listing)
    return size > _LISTING_MOST and (size > _LISTING_LIMIT or size > _ROW_MOST * listing.count("\n"))


def reread(name: str, recursive: bool, asked: Sequence[str] = ASKED) -> str:
    """The listing of `get_argv` in which no value speaks for anything else; empty as that. Raises Refusal."""
    from .reread import listing, rereading

    commands = rereading(name, recursive, asked)
    argv = next(commands)
    while True:
        found = run(argv)
        if found.returncode != 0 and not is_missing(found.stderr):
            raise Refusal("failed", f"The far box could not look at {name}: {last(found.stderr)}")
        try:
            argv = commands.send(found.stdout)
        except StopIteration as done:
            rows = done.value
            break
    if rows is None:
        raise Refusal("failed", f"What is set on {name} and below it on the far box cannot be told apart.")
    return listing(rows)


def refuse_anothers(name: str, peer: str) -> None:
    """Raise Refusal when `name` would lie below a copy of another peer, which could then not be set aside any more.

    Only a mark of a dataset's own counts, as everywhere.
    """
    parts = name.split("/")
    levels = ["/".join(parts[:depth]) for depth in range(1, len(parts))]
    found = run(["zfs", "get", "-H", "-p", "-o", "name,value,source", OWNER, *levels])
    rows = [line.split("\t") for line in found.stdout.split("\n")[:-1]]  # those that exist; the others are on stderr
    if not rows and not is_missing(found.stderr):
        raise Refusal("failed", f"The far box could not look above {name}: {last(found.stderr)}")
    for row in rows:
        if len(row) != 3 or row[0] not in levels:
            raise Refusal("failed", f"What is above {name} cannot be read as one.")
        if row[2] == "local" and row[1] != peer:
            raise Refusal(
                "refused",
                f"{row[0]} on the far box is a copy of another peer, so nothing of this one is put below it.",
                "Choose a target beside it.",
            )


def available(name: str) -> int | None:
    """Bytes free at the nearest level that exists; None is unknown."""
    parts = name.split("/")
    levels = ["/".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
    found = run(["zfs", "get", "-H", "-p", "-o", "value", "available", *levels])
    values = found.stdout.split()  # one line for each that exists, in this order; the others are told on stderr
    if not values:
        raise Refusal("missing", f"There is no pool {parts[0]} on the far box.", "`zpool list` there shows them.")
    return int(values[-1]) if values[-1].isdigit() else None


def pour(argv: list[str], request: bytes, told: list[bytes] | None = None) -> dict[str, Any]:
    """Start `argv`, give it the request and then our standard input; wait for it to settle what it got.

    `told` gets what it says on its standard output, also when it fails.
    """
    errors, words = os.memfd_create("receive-errors"), os.memfd_create("receive-words")
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=words, stderr=errors, env=ENVIRONMENT)
    assert process.stdin
    pump = Pump(0, process.stdin.fileno())

    def stop(_signal: int, _frame: FrameType | None) -> None:
        pump.stop()

    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, stop)
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(request)
        process.stdin.flush()
    pump.run()
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()  # an unfinished stream ends here: what has arrived is kept and can be resumed
    status = process.wait()
    said = os.pread(errors, 65536, 0).decode("utf-8", "replace")
    if told is not None:
        told.append(os.pread(words, 1 << 20, 0))
    os.close(errors)
    os.close(words)
    if (
        status == 0
    ):  # zfs has the whole stream, however the pump ended: it ignores what comes behind, or we were stopped
        return {"ok": True, "bytes": pump.count}
    raise Refusal("failed", last(said) or f"The far box's receive ended with status {status}.")


def last(stderr: str) -> str:
    lines = [line.strip() for line in stderr.strip().splitlines() if line.strip()]
    return " ".join(lines)[-1000:]


def say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
