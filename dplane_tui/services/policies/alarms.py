"""What a channel should hear of policies. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ...text import ago, clean
from ..notify.model import FAILED, LATE, Alarm, Observation
from .news import BAD, WHERE, late_words
from .state import ON, Policies

_RUN, _LATE = "policy:run", "policy-late:"


def observations(found: Policies, known: Sequence[Alarm], now: float) -> tuple[Observation, ...]:
    """What of it is an alarm; those `known` of datasets that have no policy any more end without a word."""
    on = {one.guid: one for one in found.datasets if one.state == ON}
    told: list[Observation] = []
    if on or any(row.key == _RUN for row in known):
        bad = bool(on) and found.last_state in BAD
        title = f"snapshot policies {found.last_state}" if bad else "snapshot policies work again"
        text = f"Run {found.last_run}: {clean(found.last_message)}\n`dplane policy runs` tells more."
        active = bad if found.last_state in BAD | {"succeeded"} or not on else None
        told.append(Observation(_RUN, FAILED, active, WHERE, 2, title, text))
    for guid, one in on.items():
        name = clean(one.dataset)
        title = f"snapshots of {name} are late" if one.late else f"snapshots of {name} are in time again"
        text = f"{late_words(one, now)}." if one.late else f"The newest is from {ago(one.newest, now)}."
        told.append(Observation(f"{_LATE}{guid}", LATE, one.late, name, 2, title, text))
    if not found.problems:  # the datasets of a suspended pool are not seen
        for row in known:
            if row.key.startswith(_LATE) and row.key.removeprefix(_LATE) not in on:
                told.append(Observation(row.key, LATE, False, row.about))
    return tuple(told)
