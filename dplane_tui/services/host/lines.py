"""Reading a stream with limits, in lines or whole, the same for a child and for an SSH channel."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

LINE_LIMIT = 64 * 1024
CHUNK = 64 * 1024

Read = Callable[[int], Awaitable[bytes]]
"""Gives at most so many bytes, as soon as there are any; empty at the end."""


class LineReader:
    """Lines of a stream, and what is left of it. An over-long line is cut: the rest of it is read and dropped."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._buffer = bytearray()
        self._ended = False

    async def lines(self) -> AsyncIterator[str]:
        """Each line without its end; bytes that are not UTF-8 become `�`."""
        dropping = False
        while True:
            end = self._buffer.find(b"\n")
            if end >= 0:
                line = bytes(self._buffer[:end])
                del self._buffer[: end + 1]
                if not dropping:
                    yield _text(line[:LINE_LIMIT])
                dropping = False
                continue
            if len(self._buffer) >= LINE_LIMIT:
                line = bytes(self._buffer[:LINE_LIMIT])
                self._buffer.clear()
                if not dropping:
                    yield _text(line)
                dropping = True
            if not await self._fill():
                if self._buffer and not dropping:
                    line = bytes(self._buffer)
                    self._buffer.clear()
                    yield _text(line)
                self._buffer.clear()
                return

    async def _fill(self) -> bool:
        chunk = b"" if self._ended else await self._read(CHUNK)
        self._buffer += chunk
        self._ended = not chunk
        return bool(chunk)

    async def rest(self, limit: int) -> bytes | None:
        """Everything not yet read; None when it is more than `limit` bytes."""
        while await self._fill():
            if len(self._buffer) > limit:
                return None
        rest = bytes(self._buffer)
        self._buffer.clear()
        return rest


def _text(line: bytes) -> str:
    return line.rstrip(b"\r").decode("utf-8", "replace")


async def read_first(read: Read, limit: int) -> bytes:
    """The first `limit` bytes of a stream, which is read to its end."""
    kept = bytearray()
    while chunk := await read(CHUNK):
        kept += chunk[: max(0, limit - len(kept))]
    return bytes(kept)
