"""What the kernel says of the pools, without a command: one that waits for a suspended pool never ends."""

from __future__ import annotations

from ..host import Host

_STATES = "/proc/spl/kstat/zfs/*/state"


async def suspended_of(host: Host) -> dict[str, bool]:
    """The imported pools by name, and whether each is suspended; none where the kernel does not tell."""
    states = await host.read_files([_STATES])
    return {path.split("/")[-2]: text.strip() == "SUSPENDED" for path, text in sorted(states.items())}
