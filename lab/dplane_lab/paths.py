"""Where the lab keeps things: the cache (what was built), the state (what runs), the run folder (sockets)."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from .errors import LabError

REPO = Path(__file__).resolve().parents[2]


def home() -> Path:
    """Home of the person who called, also behind sudo, so that root's build serves that person's `lab up`."""
    caller = os.environ.get("SUDO_USER")
    if caller and caller != "root" and os.geteuid() == 0:
        return Path(f"~{caller}").expanduser()
    return Path.home()


def cache_dir() -> Path:
    """Folder of everything built; outlives checkouts."""
    if own := os.environ.get("DPLANE_LAB_CACHE"):
        return Path(own).absolute()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else home() / ".cache").absolute() / "dplane-lab"


def state_dir() -> Path:
    """Folder of the running pair: its disks, keys, ports and ssh_config."""
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else home() / ".local" / "state").absolute() / "dplane-lab"


def ensure_private(folder: Path) -> Path:
    """Make `folder` ours alone (0700); raises LabError when another user owns it or it is a link."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            raise LabError(f"{folder} belongs to someone else; remove it or set XDG_STATE_HOME to a folder of yours.")
        folder.chmod(0o700)
    except OSError as error:
        raise LabError(f"{folder} cannot be made: {error.strerror}.") from error
    return folder


def run_dir(anchor: Path) -> Path:
    """Short private folder for sockets that belong to `anchor` (socket paths hold at most 107 bytes)."""
    digest = hashlib.sha256(str(anchor).encode()).hexdigest()[:10]
    base = os.environ.get("XDG_RUNTIME_DIR", "")
    parent = Path(base) if 0 < len(base) <= 40 and os.access(base, os.W_OK) else Path("/tmp")  # noqa: S108 - 0700, owner checked
    return ensure_private(parent / f"dplane-lab-{os.geteuid()}-{digest}")
