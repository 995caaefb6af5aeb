"""What a person should hear of policies. Pure."""

from __future__ import annotations

from ...text import ago, clean, duration
from ..health.model import News
from .state import BROKEN, ON, Policies, PolicyStatus

WHERE = "policies"
BAD = frozenset({"failed", "died"})


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
    if found.last_state in BAD:
        told.append(News("bad", f"The last run of snapshot policies {found.last_state}: {found.last_message}", WHERE))
    told += [News("bad", f"{late_words(one, now)}.", WHERE, one.dataset) for one in on if one.late]
    unknown = [clean(one.dataset) for one in on if one.late is None]
    if unknown:
        told.append(News("unknown", f"No snapshot of its policy is known yet: {', '.join(unknown)}.", WHERE))
    if not told:
        oldest = min((one.newest for one in on if one.newest is not None), default=None)
        when = f"; each has one from {ago(oldest, now)} or later" if oldest is not None else ""
        which = "1 dataset has" if len(on) == 1 else f"{len(on)} datasets have"
        told.append(News("ok", f"{which} snapshots in time by policy{when}.", WHERE))
    return tuple(told)


def late_words(one: PolicyStatus, now: float) -> str:
    """That the snapshot that is due is not there, without the full stop."""
    limit = duration(2 * (one.interval or 0))
    return (
        f"{clean(one.dataset)} has no snapshot within {limit}, though its policy is {one.policy}: "
        f"the newest is from {ago(one.newest, now)}"
    )
