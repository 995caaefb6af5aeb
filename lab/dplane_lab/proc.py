"""Run programs for the build: output goes to a log, a failure is a sentence, and nothing survives the builder."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from .errors import LabError

_running: set[subprocess.Popen[bytes]] = set()
_guard = threading.Lock()
_stopping = threading.Event()
_acts: list[Callable[[], None]] = []
INTERRUPTED = "The build was interrupted; start it again and it goes on from its last finished stage."

ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
    "HOME": "/root",
    "DEBIAN_FRONTEND": "noninteractive",
    "TERM": "dumb",
}


# When the builder dies, however it dies, so does what it runs: first of the processes by signal, the others with their
# process namespace. The mount namespace takes every mount with it.
_LEASH = (
    "setpriv",
    "--pdeathsig",
    "KILL",
    "--",
    "unshare",
    "--mount",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
)


def build_environment() -> dict[str, str]:
    """A fixed environment plus the caller's proxies."""
    proxies = {
        name: value for name, value in os.environ.items() if name.lower() in ("http_proxy", "https_proxy", "no_proxy")
    }
    return {**ENVIRONMENT, **proxies}


def run(
    argv: Sequence[str],
    log: Path,
    what: str,
    environment: Mapping[str, str] | None = None,
    data: bytes | None = None,
    folder: Path | None = None,
) -> None:
    """Run `argv` to its end with all output appended to `log`; raises LabError `what` + its last line when it fails."""
    with log.open("ab") as stream:
        stream.write(f"\n$ {' '.join(argv)}\n".encode())
        stream.flush()
        with _guard:
            check_going()
            child = subprocess.Popen(
                [*_LEASH, *argv] if os.geteuid() == 0 else list(argv),
                stdin=subprocess.DEVNULL if data is None else subprocess.PIPE,
                stdout=stream,
                stderr=subprocess.STDOUT,
                env=dict(environment or build_environment()),
                cwd=folder or "/",
                start_new_session=True,
            )
            _running.add(child)
        try:
            child.communicate(data)
        finally:
            with _guard:
                _running.discard(child)
    check_going()
    if child.returncode:
        raise LabError(f"{what} failed: {last_words(log)} (all of it: {log})")


def last_words(log: Path, limit: int = 200) -> str:
    """The most telling last line of a log: the last one that names an error, else the last one."""
    with suppress(OSError):
        lines = [line.strip() for line in log.read_text(errors="replace").splitlines()[-40:] if line.strip()]
        errors = [
            line for line in lines if line.lower().startswith(("e:", "error", "fatal", "dplane:", "tar:", "mkfs"))
        ]
        if errors or lines:
            return (errors or lines)[-1][:limit]
    return "it said nothing"


def on_stop(act: Callable[[], None]) -> None:
    """Have `act` done when the build is interrupted, too: for what was not started by `run`."""
    _acts.append(act)


def check_going() -> None:
    """Raise LabError when the build was interrupted; for loops that wait."""
    if _stopping.is_set():
        raise LabError(INTERRUPTED)


def stop_all() -> None:
    """End everything that is under way, and let nothing new start; for an interrupted build."""
    _stopping.set()
    for act in _acts:
        act()
    with _guard:
        for child in _running:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
