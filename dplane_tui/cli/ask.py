"""Asking a person on the terminal: Ctrl-C ends the command at once, Ctrl-D is no answer."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import termios
from collections.abc import Iterator

from ..errors import StoppedError
from .output import say

_LIMIT = 64 * 1024


def can_ask() -> bool:
    """Whether someone sits at a terminal and could answer."""
    return sys.stdin.isatty()


async def ask_line(question: str, *, secret: bool = False) -> str:
    """What the person types, without its line end; empty for Ctrl-D. A `secret` is not shown.

    Raises StoppedError for Ctrl-C.
    """
    say(question, beside=True, end="")
    try:
        with _without_echo() if secret else contextlib.nullcontext():
            answer = await read_line()
    except asyncio.CancelledError:  # asyncio's way of Ctrl-C; nothing else cancels a command
        say("", beside=True)
        raise StoppedError("Interrupted at the question, so nothing was changed.") from None
    if secret or not answer.endswith("\n"):
        say("", beside=True)
    return answer.rstrip("\r\n")


async def read_line() -> str:
    """One line of standard input with its end; what there is when it ends before. The event loop goes on meanwhile."""
    return (await read_lines(1))[0]


async def read_lines(count: int) -> list[str]:
    """The first `count` lines of standard input with their ends; one that did not come is empty."""
    handle = sys.stdin.fileno()
    got = b""
    while got.count(b"\n") < count and len(got) < _LIMIT:
        await _readable(handle)
        try:
            part = os.read(handle, 4096)
        except OSError:  # the terminal is gone
            part = b""
        if not part:
            break
        got += part
    lines = got.decode("utf-8", "surrogateescape").split("\n")
    found = [f"{line}\n" for line in lines[:-1]] + lines[-1:]
    return [*found, *([""] * count)][:count]


async def _readable(handle: int) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    try:
        loop.add_reader(handle, ready.set)
    except PermissionError:  # a plain file: always readable, and epoll does not take it
        return
    try:
        await ready.wait()
    finally:
        loop.remove_reader(handle)


@contextlib.contextmanager
def _without_echo() -> Iterator[None]:
    handle = sys.stdin.fileno()
    before = termios.tcgetattr(handle)
    silent = [*before]
    silent[3] &= ~termios.ECHO
    termios.tcsetattr(handle, termios.TCSAFLUSH, silent)
    try:
        yield
    finally:
        termios.tcsetattr(handle, termios.TCSAFLUSH, before)
