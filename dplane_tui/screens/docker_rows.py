"""Containers as table rows. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from ..services.docker.model import Container
from ..text import size
from ..widgets.layout import Cell, Column, Pieces, Row, row
from ..widgets.paint import state_role

CONTAINERS = (
    Column("NAME", least=16, most=32, grow=True),
    Column("STATE", least=10),
    Column("HEALTH", drop=2, least=9),
    Column("CPU", drop=1, right=True, least=5),
    Column("MEMORY", drop=1, right=True, least=6),
    Column("IMAGE", drop=3, least=12, most=36, middle=True),
    Column("PORTS", drop=4, least=16, most=40),
    Column("STATUS", drop=5, least=20, most=40),
)
_LOOPING = 3
"""Restarts from which on a container is called restless."""


def container_rows(containers: Iterable[Container]) -> list[Row]:
    """A row a container."""
    return [container_row(container) for container in containers]


def container_row(container: Container) -> Row:
    """State, health and use; what cannot be known of a running container is `?`, of another `-`."""
    running = container.state == "running"
    state = container.state if container.exit_code is None else f"{container.state} ({container.exit_code})"
    failed = container.state == "exited" and container.exit_code not in {None, 0}
    return row(
        container.id,
        container.name,
        Cell(state, "bad" if failed else "dim" if container.state == "exited" else state_role(container.state)),
        Cell(container.health, state_role(container.health)) if container.health else Cell("-", "dim"),
        _measure(
            container.cpu_percent, "" if container.cpu_percent is None else f"{container.cpu_percent:.1f}%", running
        ),
        _measure(container.memory, size(container.memory), running),
        container.image,
        ", ".join(container.ports) or Cell("-", "dim"),
        container.status,
    )


def _measure(value: float | None, text: str, running: bool) -> Cell:
    if not running:
        return Cell("-", "dim")
    return Cell("?", "unknown") if value is None else Cell(text, "text", float(value))


def particulars(container: Container) -> list[Pieces]:
    """Three lines with what has no room in the table."""
    limit = f" of {size(container.memory_limit)}" if container.memory is not None and container.memory_limit else ""
    used = f"   memory {size(container.memory)}{limit}" if container.memory is not None else ""
    restarts = f"   restarted {container.restarts}×" if container.restarts else ""
    role = "warn" if (container.restarts or 0) >= _LOOPING else "dim"
    return [
        [(f" {container.name}  ", "strong"), (container.status or container.state, "text"), (restarts, role)],
        [(" image ", "dim"), (container.image, "text"), (used, "dim")],
        [(" ports ", "dim"), (", ".join(container.ports) or "none published or exposed", "text")],
    ]
