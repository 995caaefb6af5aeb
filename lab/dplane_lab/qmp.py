"""Talk to a running QEMU through its machine protocol (QMP)."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from .errors import LabError


class Qmp:
    """One connection to one QEMU. Use as a context manager; raises LabError for everything that goes wrong."""

    def __init__(self, path: Path, name: str, timeout: float = 30.0) -> None:
        self.name = name
        self.events: list[dict[str, Any]] = []
        self._buffer = b""
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(timeout)
        try:
            self._socket.connect(str(path))
            self._receive()
            self.command("qmp_capabilities")
        except OSError as error:
            self._socket.close()
            raise LabError(
                f"{name} does not answer on its control socket ({error.strerror or error}); try: lab/lab reset"
            ) from error

    def __enter__(self) -> Qmp:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def _receive(self) -> dict[str, Any]:
        while b"\n" not in self._buffer:
            try:
                data = self._socket.recv(65536)
            except TimeoutError as error:
                raise LabError(
                    f"{self.name} did not answer on its control socket in time; try: lab/lab reset"
                ) from error
            if not data:
                raise LabError(f"{self.name} ended while it was being controlled.")
            self._buffer += data
        line, self._buffer = self._buffer.split(b"\n", 1)
        message: dict[str, Any] = json.loads(line)
        return message

    def command(self, name: str, /, **arguments: Any) -> Any:
        """Run one command (underscores in argument names become dashes) and return its answer."""
        given = {key.replace("_", "-"): value for key, value in arguments.items()}
        request = {"execute": name, **({"arguments": given} if given else {})}
        try:
            self._socket.sendall(json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise LabError(f"{self.name} ended while it was being controlled.") from error
        while True:
            message = self._receive()
            if "event" in message:
                self.events.append(message)
            elif "error" in message:
                raise LabError(f"{self.name}: {message['error'].get('desc', 'QEMU refused')} ({name}).")
            else:
                return message.get("return")

    def wait_event(self, wanted: Callable[[dict[str, Any]], bool], seconds: float) -> bool:
        """Wait until an event passes `wanted`; False when none does in time."""
        deadline = time.monotonic() + seconds
        while True:
            while self.events:
                if wanted(self.events.pop(0)):
                    return True
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self._socket.settimeout(left)
            try:
                message = self._receive()
            except LabError:
                return False
            finally:
                self._socket.settimeout(30.0)
            if "event" in message:
                self.events.append(message)
