"""What a person, or a channel, should hear of policies. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ...text import ago, clean, duration
from ..health.model import News
from ..notify.model import FAILED, LATE, Alarm, Observation
from .model import BROKEN, ON, Policies, PolicyStatus

WHERE = "policies"
_RUN, _LATE = "policy:run", "policy-late:"
_BAD = frozenset({"failed", "died"})


def news(found: Policies | None, now: float, why: str = "") -> tuple[News, ...]:
    """What `dplane health` tells; nothing on a box without a policy. None could not be read, for the reason `why`."""
    if found is None:
        return (News("unknown", why or "The snapshot policies could not be read.", WHERE),)
    on = [one for one in found.datasets if one.state == ON]
    told = [News("warn", clean(problem), WHERE) for problem in found.problems]
    told += [
        News("warn", f"The policy of {clean(one.dataset)}: {one.why}.", WHERE, one.dataset)
        for one in found.datasets
        if one.state == BROKEN
    ]
    if not on:
        return tuple(told)
    if found.last_state in _BAD:
        told.append(News("bad", f"The last run of snapshot policies {found.last_state}: {found.last_message}", WHERE))
    told += [News("bad", f"{_late(one, now)}.", WHERE, one.dataset) for one in on if one.late]
    unknown = [clean(one.dataset) for one in on if one.late is None]
    if unknown:
        told.append(News("unknown", f"No snapshot of its policy is known yet: {', '.join(unknown)}.", WHERE))
    if not told:
        oldest = min((one.newest for one in on if one.newest is not None), default=None)
        when = f"; each has one from {ago(oldest, now)} or later" if oldest is not None else ""
        which = "1 dataset has" if len(on) == 1 else f"{len(on)} datasets have"
        told.append(News("ok", f"{which} snapshots in time by policy{when}.", WHERE))
    return tuple(told)


def _late(one: PolicyStatus, now: float) -> str:
    limit = duration(2 * (one.interval or 0))
    return (
        f"{clean(one.dataset)} has no snapshot within {limit}, though its policy is {one.policy}: "
        f"the newest is from {ago(one.newest, now)}"
    )


def observations(found: Policies, known: Sequence[Alarm], now: float) -> tuple[Observation, ...]:
    """What of it is an alarm; those `known` of datasets that have no policy any more end without a word."""
    on = {one.guid: one for one in found.datasets if one.state == ON}
    told: list[Observation] = []
    if on or any(row.key == _RUN for row in known):
        bad = bool(on) and found.last_state in _BAD
        title = f"snapshot policies {found.last_state}" if bad else "snapshot policies work again"
        text = f"Run {found.last_run}: {clean(found.last_message)}\n`dplane policy runs` tells more."
        active = bad if found.last_state in _BAD | {"succeeded"} or not on else None
        told.append(Observation(_RUN, FAILED, active, WHERE, 2, title, text))
    for guid, one in on.items():
        name = clean(one.dataset)
        title = f"snapshots of {name} are late" if one.late else f"snapshots of {name} are in time again"
        text = f"{_late(one, now)}." if one.late else f"The newest is from {ago(one.newest, now)}."
        told.append(Observation(f"{_LATE}{guid}", LATE, one.late, name, 2, title, text))
    if not found.problems:  # the datasets of a suspended pool are not seen
        for row in known:
            if row.key.startswith(_LATE) and row.key.removeprefix(_LATE) not in on:
                told.append(Observation(row.key, LATE, False, row.about))
    return tuple(told)
