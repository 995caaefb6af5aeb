"""What may be told of a channel: everything but what is secret in it. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit

from ...lazyclass import dataclass
from .model import MAIL, PING, Channel


@dataclass(frozen=True, slots=True)
class Listed:
    """A channel as `dplane notify list` tells it."""

    name: str
    kind: str
    where: str
    """Where it leads, without what is secret in its address."""
    events: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    made: bool = False
    """Made by D-Plane, so that it can be removed as well; else it stands in notify.toml."""
    since: float = 0.0
    """When it was made so, Unix seconds."""

    @property
    def told(self) -> str:
        """What it is told of."""
        if self.kind != PING:
            return ", ".join(self.events)
        return "start, success and failure of its task" if self.tasks else "each check of the box"


@dataclass(frozen=True, slots=True)
class Listing:
    """All channels of a box; `problems` are sentences about those that are left out."""

    channels: tuple[Listed, ...] = ()
    problems: tuple[str, ...] = ()


def listed(channel: Channel) -> Listed:
    """What may be told of `channel`: paths and queries of addresses are secrets."""
    return Listed(
        channel.name, channel.kind, _where(channel), channel.events, channel.tasks, channel.made, channel.since
    )


def _where(channel: Channel) -> str:
    if channel.kind == MAIL:
        return f"{', '.join(channel.to)} by {channel.server}:{channel.port}"
    parts = urlsplit(channel.url)
    return f"{parts.scheme}://{parts.netloc}/…"
