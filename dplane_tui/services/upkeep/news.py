"""What a channel should hear of scheduled scrubs, trims and self-tests. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...text import clean
from ..notify.model import DISK, POOL, Alarm, Observation
from .model import FAILED, LEFT_OUT, OF_POOL, Start, parse_timer

_KEY = "upkeep:"


def observations(noted: Mapping[str, Start], known: Sequence[Alarm]) -> tuple[Observation, ...]:
    """A start that failed is an alarm until one succeeds; one left out says nothing; what is planned no more ends."""
    found: list[Observation] = []
    for timer, start in noted.items():
        parsed = parse_timer(timer)
        event = POOL if parsed is not None and parsed[0] in OF_POOL else DISK
        active = None if start.state == LEFT_OUT else start.state == FAILED
        title = f"{timer} could not be started" if active else f"{timer} was started again"
        found.append(Observation(f"{_KEY}{timer}", event, active, timer, 2, title, clean(start.message, 500)))
    for row in known:
        if row.key.startswith(_KEY) and row.key.removeprefix(_KEY) not in noted:
            found.append(Observation(row.key, row.event, False, row.about))
    return tuple(found)
