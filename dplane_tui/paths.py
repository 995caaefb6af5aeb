"""Where everything lives, installed or run from a checkout. The one place that knows."""

from __future__ import annotations

import os
from pathlib import Path

from .lazyclass import dataclass

CURRENT = Path("/opt/dplane/current")
SYSTEM_STATE = Path("/var/lib/dplane")
SYSTEM_RUN = Path("/run/dplane")
SYSTEM_CONFIG = Path("/etc/dplane")
AUDIT_LOG = Path("/var/log/dplane/audit.jsonl")


@dataclass(frozen=True, slots=True)
class Paths:
    """The folders of one installation. `installed` tells whether the privileged door and the units exist for it."""

    state: Path
    run: Path
    log: Path
    installed: bool

    @property
    def database(self) -> Path:
        """The SQLite store."""
        return self.state / "store" / "dplane.db"

    @property
    def ssh(self) -> Path:
        """Peer keys and pinned host keys; only the user `dplane` reads it."""
        return self.state / "ssh"

    @property
    def jobs(self) -> Path:
        """Progress files, one a job."""
        return self.run / "jobs"


def _xdg(variable: str, default: str) -> Path:
    value = os.environ.get(variable, "")
    return Path(value) if value.startswith("/") else Path.home() / default


def user_state() -> Path:
    """The person's own folder (console log, remembered choices), created on first use by whoever writes to it."""
    return _xdg("XDG_STATE_HOME", ".local/state") / "dplane"


def user_config() -> Path:
    """The person's own configuration."""
    return _xdg("XDG_CONFIG_HOME", ".config") / "dplane"


def notify_config() -> Path:
    """Who is told of what: the system's when installed, else the person's own. `DPLANE_CONFIG_DIR` overrides."""
    override = os.environ.get("DPLANE_CONFIG_DIR")
    folder = Path(override) if override else SYSTEM_CONFIG if release() is not None else user_config()
    return folder / "notify.toml"


def release() -> Path | None:
    """The installed release this code runs from, or None for a checkout."""
    here = Path(__file__).resolve()
    for parent in here.parents:
        if parent.parent == Path("/opt/dplane/releases"):
            return parent
    return None


def current() -> Paths:
    """The folders for this process: the system's when it runs from an installed release, else the person's own.

    `DPLANE_STATE_DIR` and `DPLANE_RUN_DIR` override (tests, a second instance).
    """
    installed = release() is not None
    state = os.environ.get("DPLANE_STATE_DIR")
    run = os.environ.get("DPLANE_RUN_DIR")
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    own_run = Path(runtime) / "dplane" if runtime else user_state() / "run"
    return Paths(
        state=Path(state) if state else SYSTEM_STATE if installed else user_state(),
        run=Path(run) if run else SYSTEM_RUN if installed else own_run,
        log=user_state() / "console.log",
        installed=installed,
    )
