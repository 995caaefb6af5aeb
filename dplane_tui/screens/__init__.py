"""What a person sees, one module a section. Compose and handlers only."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .base import Section


def open_section(name: str) -> Section:
    """The screen of a section; its module is loaded now."""
    if name == "start":
        from .start import StartScreen

        return StartScreen()
    if name == "pools":
        from .pools import PoolsScreen

        return PoolsScreen()
    if name == "replication":
        from .replication import ReplicationScreen

        return ReplicationScreen()
    if name == "docker":
        from .docker import DockerScreen

        return DockerScreen()
    if name == "files":
        from .files import FilesScreen

        return FilesScreen()
    if name == "datasets":
        from .datasets import DatasetsScreen

        return DatasetsScreen()
    if name == "snapshots":
        from .snapshots import SnapshotsScreen

        return SnapshotsScreen()
    from .health import HealthScreen

    return HealthScreen()
