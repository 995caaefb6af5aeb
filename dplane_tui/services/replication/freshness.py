"""How a task's copy stands against its RPO: the one answer for screens, commands, checks and alarms. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ...text import clean

if TYPE_CHECKING:
    from .model import Scope, Task, TaskStatus
    from .records import Proof

NEVER, AHEAD, LATE, ANEW, IN_TIME = "never", "ahead", "late", "anew", "in time"
ENDED_BADLY = {"failed": "failed", "died": "died", "cancelled": "was cancelled"}
"""The states of a last run that a person has to know of, each as what that run did."""
_NO_RECORD = "its last run kept no record of what exactly it took (older releases did not)"
SKEW = 300.0
"""Seconds by which two clocks may differ before an age means nothing."""


def proven_since(status: TaskStatus) -> float | None:
    """Up to when what was written here is proven at the target, Unix seconds; None: nothing is proven."""
    return status.fresh_at if status.fresh_at is not None else status.snapshot_created


def of_age(age: float | None, rpo: int) -> str:
    """How a copy of that age (seconds) stands: `NEVER`, `AHEAD` (it is from a time to come), `LATE` or `IN_TIME`."""
    if age is None:
        return NEVER
    return AHEAD if age < -SKEW else LATE if age > rpo else IN_TIME


def standing(status: TaskStatus, now: float) -> str:
    """How the copy of a task stands at the Unix time `now`; `ANEW`: it is in time, but not of what is here now."""
    since = proven_since(status)
    stands = of_age(None if since is None else now - since, status.task.rpo)
    return ANEW if stands == IN_TIME and status.anew else stands


def anew_words(status: TaskStatus) -> str:
    """That datasets were made anew since they were proven, a clause; empty when none is known to be."""
    if not status.anew:
        return ""
    more = f" (and {len(status.anew) - 1} more)" if len(status.anew) > 1 else ""
    return f"{clean(status.anew[0])}{more} was made anew or brought back since it was proven"


def can_look(status: TaskStatus) -> bool:
    """Whether looking may find out if datasets were made anew: they are here, in time, and known by GUID."""
    return status.task.source_peer is None and status.late is False and any(status.guids)


def doubt(status: TaskStatus) -> str:
    """Why nobody should rely on a task yet, whatever it is set to do, a clause; empty when nothing speaks against it.

    More is asked than for `replicate check`: that ZFS was looked at, that all the task takes is proven, and a next
    start. `status` is to be read with `look`.
    """
    if status.verified_at is None:
        return "no run of it has proven a copy yet"
    if status.late is not False:
        return "its copy is late, or nobody knows"
    if status.anew is None:
        return "ZFS did not tell whether its datasets are still those that were proven"
    if status.ended is not None and status.ended.state in ENDED_BADLY:
        return f"its last run {ENDED_BADLY[status.ended.state]}"
    return anew_words(status) or _left_out(status) or _not_kept(status) or _no_start(status.task, status.next_run)


def _left_out(status: TaskStatus) -> str:
    if status.notes:
        more = f", and {len(status.notes) - 1} more" if len(status.notes) > 1 else ""
        return f"its last run left something out ({clean(status.notes[0], 200).rstrip('.')}{more})"
    if status.unproven:
        more = f" (and {len(status.unproven) - 1} more)" if len(status.unproven) > 1 else ""
        return f"nothing of {clean(status.unproven[0])}{more} is proven yet"
    return ""


def _not_kept(status: TaskStatus) -> str:
    """That what there is now cannot be compared with what was proven: here by GUIDs, of a pull by what it is to take,
    as its tree is not looked at from here."""
    if status.task.source_peer is None:
        return "" if _has_guids(status) else _NO_RECORD
    return _NO_RECORD if status.task.recursive and status.scope is None else ""


def _has_guids(status: TaskStatus) -> bool:
    return bool(status.guids) and all(status.guids)


def _no_start(task: Task, next_run: float | None) -> str:
    return "systemd tells no next start of it" if task.options.schedule and next_run is None else ""


def _widened(task: Task, then: Scope | None) -> tuple[str, ...]:
    """That a task takes more than a run did that took `then`, a sentence; nothing where that is not known."""
    if then is None or then.covers(task.scope):
        return ()
    what = "More of what" if then.recursive else "What"
    return (f"{what} lies below {task.source} is sent from the next run on.",)


def with_proof(status: TaskStatus, proof: Proof, now: float) -> TaskStatus:
    """`status` with what the last good run proved."""
    run = proof.run
    # A task that takes its own snapshots holds everything written before the run began, also when nothing was new.
    own = status.task.snapshot if proof.own is None else proof.own
    fresh = run.started if own else proof.oldest
    stands = of_age(None if fresh is None else now - fresh, status.task.rpo)
    return replace(
        status,
        verified_at=max(item.verified_at for item in run.evidence),
        verified_snapshot=run.evidence[-1].snapshot,
        snapshot_created=proof.oldest,
        fresh_at=fresh,
        late=None if stands in (NEVER, AHEAD) else stands == LATE,
        datasets=proof.datasets,
        notes=(*_widened(status.task, proof.scope), *proof.notes),
        scope=proof.scope,
        guids=tuple(proof.guids.get(name, "") for name in proof.datasets),
    )
