"""What a far box says: read with a limit, and taken for what it is, somebody else's bytes.

A listing of 1000 datasets with 100 snapshots each has about 22 MB and 190 thousand lines; the limits leave room above
that and still fit a box with 1 GB of memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Collection
from typing import Any, NoReturn

from ...errors import (
    AuthenticationError,
    ChangedError,
    CommandError,
    DPlaneError,
    MissingError,
    RefusedError,
    TooMuchError,
)
from ...text import clean, quoted
from ..host import Output
from ..host.lines import CHUNK, LineReader, Read
from .read import CONTROLS

ANSWER_LIMIT = 1024 * 1024
LISTING_LIMIT = 64 * 1024 * 1024
LINES_LIMIT = 700_000
SAID_LIMIT = 64 * 1024
_KILLED_SECONDS = 10.0
_MARKS_LIMIT = 10_000
_NAMES = re.compile(r"[A-Za-z0-9 _.:%@#/\t\n-]*")  # what the name of a snapshot or bookmark has, and numbers


def too_much(name: str) -> TooMuchError:
    """The exception for a far box that never stops talking."""
    return TooMuchError(
        f"{name} answered with more than can be true, so the answer was cut off and not used.",
        "Something is wrong with that box: look at it before the next run.",
    )


async def keep_last(read: Read, kept: bytearray) -> None:
    """Read to the end and keep the last part in `kept`: errors stand at the end, and there may be megabytes."""
    while chunk := await read(CHUNK):
        kept += chunk
        del kept[: max(0, len(kept) - SAID_LIMIT)]


async def finished(process: asyncio.subprocess.Process, name: str, limit: int) -> Output:
    """What a program says until its end; `limit` is for standard output, in bytes. Raises CommandError beyond it."""
    assert process.stdout
    assert process.stderr
    said = bytearray()
    listening = asyncio.create_task(keep_last(process.stderr.read, said))
    try:
        stdout = await LineReader(process.stdout.read).rest(limit)
        if stdout is None:
            raise too_much(name)
        await listening
        return Output(await process.wait(), stdout, bytes(said))
    finally:
        if process.returncode is None:
            await ended(process, 0)
        listening.cancel()


async def ended(process: asyncio.subprocess.Process, patience: float) -> None:
    """Wait for the end of a program, of which nobody wants to hear more, and kill it after so many seconds.

    Its standard output is read on: asyncio tells the end of a program only when its pipes are empty.
    """
    assert process.stdout
    dropping = asyncio.create_task(_drop(process.stdout))
    try:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), patience)
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        with contextlib.suppress(TimeoutError):  # the login may still hold the pipes that it was handed
            await asyncio.wait_for(process.wait(), _KILLED_SECONDS)
    finally:
        dropping.cancel()


async def _drop(stream: asyncio.StreamReader) -> None:
    while await stream.read(CHUNK):
        pass


def parsed(line: bytes) -> dict[str, Any] | None:
    """The object that an agent answers with; None for anything else."""
    if not _is_flat(line):
        return None
    try:
        answer = json.loads(line.decode(), parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None


def _is_flat(line: bytes) -> bool:
    """Whether it has no more parts than an answer. Else it may need hundreds of times its size once it is parsed.

    What is within texts is no part. A backslash outside of one misleads this only about what comes behind, and that the
    parser never gets to.
    """
    bare = line.replace(rb"\\", b"").replace(rb"\"", b"")
    if bare.count(b'"') > _MARKS_LIMIT:
        return False
    outside = b"".join(bare.split(b'"')[::2])
    return all(outside.count(mark) <= _MARKS_LIMIT for mark in (b",", b"[", b"{"))


def _no_number(text: str) -> NoReturn:
    raise ValueError(text)


def answer_of(line: bytes, name: str) -> dict[str, Any]:
    """The object of an agent's answer. Raises `far_error` when that is an error, and CommandError for nonsense."""
    answer = parsed(line)
    if answer is None:
        shown = quoted(line[:200].decode("utf-8", "replace").strip())
        raise CommandError(f"{name} answered what no D-Plane says: {shown}.", "Is D-Plane installed there?")
    if answer.get("ok") is not True:
        raise far_error(answer.get("error"), name)
    return answer


def far_words(error: object, *, advice: bool = True) -> str:
    """What an agent says as an error, and with `advice` what it would have one do, as one clean text."""
    fields = error if isinstance(error, dict) else {}
    said = [(fields.get("message"), 1000), *([(fields.get("next"), 400)] if advice else [])]
    told = [clean(one[:4000], most).strip() for one, most in said if isinstance(one, str)]
    return " ".join(filter(None, told)) or "It failed."


def far_error(error: object, name: str) -> DPlaneError:
    """The exception for an agent's error: its words as that box's, and a class that an agent can know.

    Who took that box over may write what it likes, but not in our name, nor that our own checks failed (a host key, a
    role, somebody who stopped the run).
    """
    kinds: tuple[type[DPlaneError], ...] = (RefusedError, MissingError, ChangedError, AuthenticationError)
    code = error.get("code") if isinstance(error, dict) else None
    kind = next((one for one in kinds if one.code == code), CommandError)
    return kind(f"{clean(name)} says: {quoted(far_words(error))}")


def sound_listing(listed: object, got: object, name: str) -> tuple[str, str]:
    """The listings of snapshots and of properties that a far box gave. Raises CommandError when they cannot be true."""
    if not isinstance(listed, str) or not isinstance(got, str):
        raise CommandError(f"{name} answered with a listing that cannot be understood.")
    if listed.count("\n") + got.count("\n") > LINES_LIMIT:
        raise too_much(name)
    if not _NAMES.fullmatch(listed) or CONTROLS.search(got):
        raise CommandError(f"{name} answered with names that no ZFS has, so its listing is not used.")
    return listed, got


def not_noted(left: object, asked: Collection[str], name: str) -> dict[str, str]:
    """The settings that a far box says it did not note, of those it was `asked` to, each with its reason in its words.

    Whether it noted the others, the next run reads.
    """
    found: dict[str, str] = {}
    for one in left[: len(asked)] if isinstance(left, list) else ():
        prop, _, why = one.partition(": ") if isinstance(one, str) else ("", "", "")
        if prop in asked:
            found[prop] = f"{clean(name)} says: {quoted(why, 150)}"
    return found


def size_in_bytes(value: object, name: str) -> int | None:
    """A number of bytes that a far box gave; None is unknown. Raises CommandError for what no pool has."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**64:
        raise CommandError(f"{name} answered with a number of bytes that cannot be true.")
    return value
