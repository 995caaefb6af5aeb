"""Where commands run: this machine, or a box over SSH. argv lists in, never a shell string."""

from __future__ import annotations

from .base import Host, Output, Process
from .local import LocalHost

__all__ = ["Host", "LocalHost", "Output", "Process", "connect"]


def connect(name: str | None) -> Host:
    """The host called `name` (an entry of the SSH configuration, or `user@host[:port]`); None is this machine.

    Nothing is contacted before the first command. asyncssh is loaded only for a far host.
    """
    if name is None:
        return LocalHost()
    from .ssh import SshHost  # costs 16 MB: only for who manages a box from afar

    return SshHost(name)
