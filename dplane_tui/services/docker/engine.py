"""The Docker engine through its SDK, blocking. Imported by the worker process only: the SDK costs 10 MB."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import docker
import requests
from docker.errors import APIError, InvalidVersion, NotFound
from docker.utils import version_lt

from . import convert

DEFAULT_SOCKET = "/var/run/docker.sock"
SETTLE = 1.0  # seconds a container must stay up after a start before we say it runs
FIRST_SAMPLE = 0.5  # seconds between two readings where none came before
STOP_LIMIT = 600
ACT_TIMEOUT = 60.0  # seconds for a start, and for a stop beyond what the container may take
AGAIN = 2.0  # seconds a container has to come back (`docker restart`) before its log is over
_LOOK = 0.25
_PARALLEL = 6
_LINE = 4096


class Fault(Exception):
    """What went wrong, as a stable word for the service to make a sentence of, and the engine's own words."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail
        self.name = ""
        """The container concerned, once it is known."""


def socket_path(setting: str | None) -> str:
    """The engine's socket from `DOCKER_HOST`. Raises Fault("address") for anything that is not a unix socket."""
    if not setting:
        return DEFAULT_SOCKET
    if not setting.startswith("unix://") or not setting[7:].startswith("/"):
        raise Fault("address", setting)
    return setting[7:]


def probe(path: str, timeout: float) -> None:
    """Connect once and hang up. Raises Fault saying why that cannot be done."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(timeout)
        try:
            sock.connect(path)
        except FileNotFoundError:
            raise Fault("down" if shutil.which("dockerd") else "absent", path) from None
        except PermissionError:
            raise Fault("forbidden", path) from None
        except ConnectionRefusedError:
            raise Fault("down", path) from None
        except TimeoutError:
            raise Fault("hung", path) from None
        except OSError as error:
            raise Fault("down", f"{path}: {error.strerror}") from None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


class Engine:
    """One engine. Its methods may be called from several threads; they raise only Fault."""

    def __init__(self, timeout: float) -> None:
        self._path = socket_path(os.environ.get("DOCKER_HOST"))
        self._timeout = timeout
        self._client: docker.APIClient | None = None
        self._opening = threading.Lock()
        self._cpu: dict[str, tuple[int, int]] = {}

    def _patient(self) -> docker.APIClient:
        """A client for starts and stops: on a small box they take longer than any reading."""
        known = self._connected()
        patience: Any = max(self._timeout, ACT_TIMEOUT)
        return docker.APIClient(f"unix://{self._path}", version=known.api_version, timeout=patience)

    def _connected(self) -> docker.APIClient:
        probe(self._path, self._timeout)
        with self._opening:
            if self._client is None:
                self._client = docker.APIClient(f"unix://{self._path}", version="auto", timeout=self._timeout)  # type: ignore[arg-type]  # the stubs want int, requests takes float
            return self._client

    @contextlib.contextmanager
    def _told(self) -> Iterator[docker.APIClient]:
        """The client, with everything the SDK raises turned into a Fault."""
        try:
            yield self._connected()
        except Fault:
            raise
        except Exception as error:
            raise self._fault(error) from error

    def _fault(self, error: Exception) -> Fault:
        for cause in _causes(error):
            if isinstance(cause, NotFound):
                return Fault("gone", str(cause.explanation or ""))
            if isinstance(cause, InvalidVersion):
                return Fault("version", str(cause))
            if isinstance(cause, APIError):
                return Fault("refused", str(cause.explanation or cause))
            if isinstance(cause, (requests.exceptions.Timeout, TimeoutError)):
                return Fault("hung", self._path)
        try:
            probe(self._path, self._timeout)
        except Fault as fault:
            return fault
        return Fault("lost", str(error))

    def containers(self, with_stats: bool, found: Callable[[dict[str, Any]], None]) -> str:
        """Call `found` with the fields of each container, by name; returns the engine's version."""
        with self._told() as client:
            version = str(client.version().get("Version", ""))
            listed = client.containers(all=True)
            with ThreadPoolExecutor(_PARALLEL) as pool:
                inspected = list(pool.map(lambda entry: self._inspected(client, entry["Id"]), listed))
                everything = [
                    convert.container(entry, details)
                    for entry, details in zip(listed, inspected, strict=True)
                    if details is not None  # removed since it was listed
                ]
                if with_stats:
                    self._measure(client, [item for item in everything if item["state"] == "running"], pool)
        for item in sorted(everything, key=lambda item: str(item["name"])):
            found(item)
        return version

    def _inspected(self, client: docker.APIClient, container: str) -> dict[str, Any] | None:
        try:
            details: dict[str, Any] = client.inspect_container(container)
        except NotFound:
            return None
        return details

    def _measure(self, client: docker.APIClient, running: list[dict[str, Any]], pool: ThreadPoolExecutor) -> None:
        """Fill in CPU and memory. A container seen for the first time is read twice, FIRST_SAMPLE apart."""
        fresh = [item for item in running if item["id"] not in self._cpu]
        if fresh and not self._one_reading_is_slow(client):
            list(pool.map(lambda item: self._read(client, item), fresh))
            time.sleep(FIRST_SAMPLE)
        list(pool.map(lambda item: self._read(client, item), running))
        self._cpu = {item["id"]: self._cpu[item["id"]] for item in running if item["id"] in self._cpu}

    @staticmethod
    def _one_reading_is_slow(client: docker.APIClient) -> bool:
        """Engines before 20.10 take two samples by themselves."""
        return bool(version_lt(client.api_version, "1.41"))

    def _read(self, client: docker.APIClient, item: dict[str, Any]) -> None:
        try:
            if self._one_reading_is_slow(client):
                stats: Any = client.stats(item["id"], stream=False)
            else:
                stats = client.stats(item["id"], stream=False, one_shot=True)
        except NotFound:
            return  # gone meanwhile: the next list will not have it
        now = convert.cpu_counters(stats)
        before = self._cpu.get(item["id"]) or convert.cpu_counters(stats, "precpu_stats")
        item["cpu_percent"] = convert.cpu_percent(before, now, convert.cpus(stats))
        item["memory"], item["memory_limit"] = convert.memory(stats)
        if now is not None:
            self._cpu[item["id"]] = now

    def act(self, container: str, action: str) -> dict[str, Any]:
        """Start, stop or restart, then read back. Raises Fault when the container is not in the state asked for."""
        with self._told() as client:
            before: dict[str, Any] = client.inspect_container(container)
        try:
            return self._acted(container, action, before)
        except Fault as fault:
            fault.name = str(before.get("Name", "")).lstrip("/")
            raise

    def _acted(self, container: str, action: str, before: dict[str, Any]) -> dict[str, Any]:
        with self._told(), contextlib.closing(self._patient()) as client:
            patience = (before.get("Config") or {}).get("StopTimeout")
            patience = min(patience, STOP_LIMIT) if isinstance(patience, int) and patience >= 0 else 10
            if action == "start":
                client.start(container)
            elif action == "stop":
                client.stop(container, timeout=patience)
            elif action == "restart":
                client.restart(container, timeout=patience)
            else:
                raise Fault("refused", f"{action!r} is not start, stop or restart")
            if action == "stop":
                after = client.inspect_container(container)
                if after["State"].get("Running"):
                    raise Fault("running", str(after["State"].get("Status", "")))
                if after["State"].get("Status") in {"removing", "dead"}:
                    raise Fault("gone")
            else:
                after = self._stays_up(client, container, before)
                if action == "restart" and after["State"].get("StartedAt") == before["State"].get("StartedAt"):
                    raise Fault("same")
            entries = client.containers(all=True, filters={"id": container})
        entry = next((entry for entry in entries if entry["Id"] == after["Id"]), None)
        if entry is None:
            raise Fault("gone")
        return convert.container(entry, after)

    def _stays_up(self, client: docker.APIClient, container: str, before: dict[str, Any]) -> dict[str, Any]:
        """The inspection after the container was up for SETTLE seconds. Raises Fault when it ended or began to loop."""
        end = time.monotonic() + SETTLE
        while True:
            now: dict[str, Any] = client.inspect_container(container)
            state = now["State"]
            if state.get("Restarting") or now.get("RestartCount", 0) > before.get("RestartCount", 0):
                raise Fault("looping", str(state.get("ExitCode", "?")))
            if not state.get("Running"):
                raise Fault("exited", str(state.get("ExitCode", "?")))
            if time.monotonic() >= end:
                return now
            time.sleep(0.2)

    def logs(self, container: str, tail: int | None, follow: bool, since: float | None = None) -> LogStream:
        """What it wrote, oldest first, then (with `follow`) what it writes until its process ends.

        `tail` None is everything; `since` (Unix seconds) leaves out what is older.
        """
        with self._told() as client:
            started = str(client.inspect_container(container)["State"].get("StartedAt", ""))
            lines: Any = "all" if tail is None else tail
            stream = client.logs(
                container, stream=True, follow=follow, tail=lines, since=since, stdout=True, stderr=True
            )
        return LogStream(stream, started)

    def after(
        self, container: str, started: str, cancelled: Callable[[float], bool | None]
    ) -> tuple[str, float | None]:
        """How the process that began at `started` ended, and since when to read on if the container runs again.

        The engine ends a followed log with the process, although people follow a container through its restarts.
        `cancelled(seconds)` waits and tells whether to give up. Raises Fault when engine or container is gone.
        """
        code, left = None, AGAIN
        with self._told() as client:
            while True:
                state = client.inspect_container(container)["State"]
                again = state.get("Running") and not state.get("Restarting")
                if again and state.get("StartedAt") == started:
                    return "the engine broke the log off", None
                if again:
                    ended = "started again" if code is None else f"exited with code {code}, started again"
                    return ended, convert.timestamp(state.get("FinishedAt")) or time.time()
                code = state.get("ExitCode")
                left -= 0 if state.get("Restarting") else _LOOK
                if left <= 0 or cancelled(_LOOK):
                    return f"exited with code {code}", None


class LogStream:
    """The lines of a container, as bytes cut to a sane length; `close` may be called from another thread."""

    def __init__(self, stream: Any, started: str = "") -> None:
        self._stream = stream
        self.started = started
        """When the container's process began, in the engine's words."""

    def batches(self) -> Iterator[list[bytes]]:
        """Lines as they come, several at a time when they come so."""
        rest = bytearray()
        skipping = False  # inside the part of a line that is too long to show
        for chunk in self._stream:
            rest += chunk
            if b"\n" not in chunk:
                if len(rest) > _LINE and not skipping:
                    yield [bytes(rest[:_LINE])]
                    skipping = True
                if skipping:
                    rest.clear()
                continue
            *lines, tail = bytes(rest).split(b"\n")
            rest = bytearray(tail)
            if skipping:
                del lines[0]
                skipping = False
            if lines:
                yield [line[:_LINE] for line in lines]
        if rest and not skipping:
            yield [bytes(rest[:_LINE])]

    def close(self) -> None:
        """Hang up."""
        with contextlib.suppress(Exception):  # the SDK reaches for sockets that may be gone
            self._stream.close()
