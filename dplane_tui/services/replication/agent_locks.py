"""One receive into a dataset at a time, and a lost connection's receive ended by the one that takes over."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import time
from typing import Any

from . import agent_box as box

_TAKE_OVER_SECONDS = 30.0


class Locked:
    """The part of the agent that holds locks."""

    _peer: str
    _state: str

    def _lock_file(self, name: str) -> str:
        import hashlib  # not every request pays for loading it

        digest = hashlib.sha256(f"{self._peer}\n{name}".encode()).hexdigest()[:32]
        return f"{self._state}/receiving-{digest}"

    @contextlib.contextmanager
    def _alone(self, name: str) -> Any:
        """Hold this peer's lock on the dataset; the file says who, for the one that takes over."""
        path = self._lock_file(name)
        handle = _locked(path, name)
        try:
            os.ftruncate(handle, 0)
            os.write(handle, f"{os.getpid()} {name}\n".encode())
            yield
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)  # while it is held: names that a peer invents must not pile up
            os.close(handle)

    def _take_over(self, name: str) -> None:
        """End receives at or below `name` whose connection the peer has lost: that it asks anew is the proof."""
        with contextlib.suppress(FileNotFoundError):
            for file in os.listdir(self._state):
                if file.startswith("receiving-"):
                    with contextlib.suppress(FileNotFoundError):  # that one has just ended
                        self._end_if_below(f"{self._state}/{file}", name)

    def _end_if_below(self, path: str, name: str) -> None:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            pid, _, held = os.read(handle, 600).decode("utf-8", "replace").strip().partition(" ")
            if not f"{held}/".startswith(f"{name}/") or path != self._lock_file(held) or not pid.isdigit():
                return
            deadline = time.monotonic() + _TAKE_OVER_SECONDS
            told = False
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return
                except BlockingIOError:
                    if not told:  # the lock is held, so that process is alive and is the one that wrote its number
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(int(pid), signal.SIGTERM)
                        told = True
                if time.monotonic() > deadline:
                    raise box.Refusal(
                        "failed", f"An earlier receive into {held} does not end.", "Try again in a minute."
                    )
                time.sleep(0.1)
        finally:
            os.close(handle)


def _locked(path: str, name: str) -> int:
    """The lock file, locked. One that was removed by its holder in between is no lock: then another is made."""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            raise box.Refusal("failed", f"{name} is being received already.", "Try again in a minute.") from None
        if os.fstat(handle).st_nlink:
            return handle
        os.close(handle)
