"""The child process that holds the Docker SDK: requests in, answers out, one JSON object a line on stdio.

Requests: `{"id": 1, "op": "engine", "stats": true}` · `{"id", "op": "act", "container", "action"}` ·
`{"id", "op": "logs", "container", "tail", "follow"}` · `{"id", "op": "more"}` (the log's reader has taken a batch) ·
`{"id", "op": "cancel"}`. Answers carry the id: `{"container": {…}}` once for each, `{"lines": […]}`, and last
`{"done": {…}}` or `{"error": {"code", "detail", "name"}}`. It ends when its standard input does.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .engine import Engine, LogStream

CREDIT = 64
"""Log messages that may be under way before the reader takes them: a chatty container waits, memory does not grow."""
_MESSAGE = 28 * 1024  # bytes; a line of the host protocol holds 64 KiB


class Follow:
    """A log being read: its stream once it is open, and how much of it may be sent."""

    def __init__(self) -> None:
        self.credit = threading.Semaphore(CREDIT)
        self.cancelled = threading.Event()
        self.stream: LogStream | None = None

    def cancel(self) -> None:
        """End it, wherever its thread waits."""
        self.cancelled.set()
        self.credit.release()
        if self.stream is not None:
            self.stream.close()


class Worker:
    """Answers requests, each in a thread of its own, so that a slow stop or an endless log holds up nobody."""

    def __init__(self, output: int, timeout: float) -> None:
        self._output = output
        self._timeout = timeout
        self._writing = threading.Lock()
        self._opening = threading.Lock()
        self._engine: Engine | None = None
        self._follows: dict[int, Follow] = {}

    def handle(self, line: bytes) -> None:
        """Take one request. Lines that are none are dropped: the other side is our own code."""
        try:
            request = json.loads(line)
            number, op = request["id"], request["op"]
        except (ValueError, TypeError, KeyError):
            return
        if op == "more" and number in self._follows:
            self._follows[number].credit.release()
        elif op == "cancel" and number in self._follows:
            self._follows[number].cancel()
        elif op in _OPERATIONS:
            if op == "logs":
                self._follows[number] = Follow()
            threading.Thread(target=self._answer, args=(number, op, request), daemon=True).start()

    def _send(self, number: int, **body: Any) -> None:
        data = json.dumps({"id": number, **body}, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        with self._writing:
            view = memoryview(data + b"\n")
            while view:
                view = view[os.write(self._output, view) :]

    def _answer(self, number: int, op: str, request: dict[str, Any]) -> None:
        try:
            from .engine import Fault
        except ImportError as error:
            self._send(number, error={"code": "sdk", "detail": str(error)})
            return
        try:
            self._send(number, done=_OPERATIONS[op](self, number, request))
        except Fault as fault:
            self._send(number, error={"code": fault.code, "detail": fault.detail, "name": fault.name})
        except OSError:
            os._exit(0)  # the console is gone
        except Exception as error:  # a mistake of ours must reach the console as an error, not as silence
            self._send(number, error={"code": "broken", "detail": f"{type(error).__name__}: {error}"})
        finally:
            self._follows.pop(number, None)

    def _opened(self) -> Engine:
        from .engine import Engine

        with self._opening:
            if self._engine is None:
                self._engine = Engine(self._timeout)
            return self._engine

    def _list(self, number: int, request: dict[str, Any]) -> dict[str, Any]:
        version = self._opened().containers(
            bool(request.get("stats")), lambda fields: self._send(number, container=fields)
        )
        return {"version": version}

    def _act(self, _number: int, request: dict[str, Any]) -> dict[str, Any]:
        return {"container": self._opened().act(str(request["container"]), str(request["action"]))}

    def _logs(self, number: int, request: dict[str, Any]) -> dict[str, Any]:
        engine, follow = self._opened(), self._follows[number]
        container, on = str(request["container"]), bool(request.get("follow"))
        tail: int | None = int(request["tail"])
        since: float | None = None
        while True:
            stream = follow.stream = engine.logs(container, tail, on, since)
            try:
                for batch in stream.batches():
                    if not self._lines(number, follow, batch):
                        return {}
            finally:
                stream.close()
            if not on or follow.cancelled.is_set():
                return {}
            ended, since = engine.after(container, stream.started, follow.cancelled.wait)
            if since is None:
                return {"ended": ended}
            if not self._lines(number, follow, [f"[{ended}]".encode()]):
                return {}
            tail = None

    def _lines(self, number: int, follow: Follow, batch: list[bytes]) -> bool:
        """Send lines as the reader takes them; False when it takes no more."""
        for lines in _messages(batch):
            follow.credit.acquire()
            if follow.cancelled.is_set():
                return False
            self._send(number, lines=lines)
        return True


_OPERATIONS: dict[str, Callable[[Worker, int, dict[str, Any]], dict[str, Any]]] = {
    "engine": Worker._list,
    "act": Worker._act,
    "logs": Worker._logs,
}


def _messages(batch: list[bytes]) -> list[list[str]]:
    """`batch` as text, in parts that fit a message even when every character is written as an escape."""
    parts: list[list[str]] = [[]]
    room = _MESSAGE
    for line in batch:
        text = line.decode("utf-8", "replace")
        cost = len(json.dumps(text, ensure_ascii=False).encode())
        if cost > room and parts[-1]:
            parts.append([])
            room = _MESSAGE
        parts[-1].append(text)
        room -= cost
    return parts


def main(timeout: float) -> None:
    """Serve standard input until it ends. `timeout`: seconds the engine has for each answer."""
    # The SDK or a library it loads must not be able to write into the stream of answers.
    output = os.dup(1)
    os.dup2(2, 1)
    worker = Worker(output, timeout)
    for line in sys.stdin.buffer:
        worker.handle(line)
    os._exit(0)  # threads may be waiting for an engine that never answers
