"""Which box a name stands for, through the OpenSSH configuration files that people already have."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

from ... import paths
from ...errors import UsageError
from ...lazyclass import dataclass
from ...text import clean

_TARGET = re.compile(r"^(?:(?P<user>[^@\s]+)@)?(?P<host>\[[0-9A-Fa-f:.%]+\]|[^@\s:\[\]]+)(?::(?P<port>\d{1,5}))?$")


@dataclass(frozen=True, slots=True)
class Target:
    """What to connect to: a host as the configuration knows it, and what the name itself said."""

    name: str
    host: str
    user: str | None
    port: int | None
    config: Path | None
    """The configuration file that knows it; None when there is none at all."""


def config_files() -> list[Path]:
    """Where names are looked up, in this order; the last one is written by the practice pair."""
    given = os.environ.get("DPLANE_SSH_CONFIG")
    return [
        Path.home() / ".ssh" / "config",
        paths.user_config() / "ssh_config",
        *([Path(given)] if given else []),
        paths.user_state().parent / "dplane-lab" / "ssh_config",
    ]


def resolve(name: str, files: Iterable[Path] | None = None) -> Target:
    """The target of `name`: an entry of a configuration file, or `user@host[:port]`. Raises UsageError."""
    matched = _TARGET.match(name)
    port = int(matched["port"]) if matched and matched["port"] else None
    if matched is None or name.startswith("-") or (port is not None and not 0 < port < 65536):
        raise UsageError(
            f"“{clean(name, 80)}” is not a host.", "Give a name of your SSH configuration, or user@host[:port]."
        )
    host = matched["host"].strip("[]")
    readable = [file for file in (config_files() if files is None else files) if os.access(file, os.R_OK)]
    knows = next((file for file in readable if _names(file, host)), None)
    # A host that no file names still gets the person's own general settings (Host *, Include).
    own = next((file for file in readable[:1] if file.parent.name == ".ssh"), None)
    return Target(name, host, matched["user"], port, knows or own)


def _names(file: Path, host: str) -> bool:
    """Whether `file` has an entry for `host` itself, not only one for every host."""
    for line in file.read_text("utf-8", "replace").splitlines():
        words = line.strip().replace("=", " ", 1).split()
        if len(words) > 1 and words[0].lower() == "host":
            patterns = [word.strip('"') for word in words[1:]]
            if any(fnmatchcase(host, word[1:]) for word in patterns if word.startswith("!")):
                continue
            if any(fnmatchcase(host, word) for word in patterns if word != "*" and not word.startswith("!")):
                return True
    return False
