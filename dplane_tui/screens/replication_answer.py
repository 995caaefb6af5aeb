"""The questions of the Replication screen in words: is it all there, how old is it, what goes on now. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ..services.jobs.model import Progress
from ..services.replication.coverage import some
from ..services.replication.freshness import AHEAD, ANEW, IN_TIME, LATE, anew_words, proven_since, standing
from ..services.replication.model import Run, TaskStatus
from ..text import duration, size
from ..widgets.layout import Pieces, at_most, paragraphs

ACTIVE = frozenset({"queued", "running"})
_BROKEN = frozenset({"failed", "died"})
_NAMED = 3
"""How many tasks the answer names before it counts the rest."""


def rough(seconds: float | None) -> str:
    """Seconds in words that change once a minute at most, so that a line holds still; `?` for unknown."""
    if seconds is None:
        return "?"
    return "<1m" if seconds < 60 else duration(seconds - seconds % 60)


def proof_age(status: TaskStatus, now: float) -> float | None:
    """Seconds since then."""
    since = proven_since(status)
    return None if since is None else max(0.0, now - since)


def late(status: TaskStatus, now: float) -> bool | None:
    """Whether the copy is older than it may be, now and not when it was read; None: that cannot be told,
    or it is not of what is there now."""
    return {LATE: True, IN_TIME: False}.get(standing(status, now))


def next_words(status: TaskStatus, now: float) -> str:
    """When it runs by itself next: `in 3h`, `by hand`, `paused`; `unknown` where no timer is told."""
    if status.task.options.paused:
        return "paused"
    if not status.task.options.schedule:
        return "by hand"
    if status.next_run is None:
        return "unknown"
    return "due now" if status.next_run <= now else f"in {rough(status.next_run - now)}"


def at_work(status: TaskStatus) -> Run | None:
    """The run or restore of it that is at work."""
    return next((run for run in (status.restore, status.last) if run is not None and run.state in ACTIVE), None)


def now_words(job: Progress | None) -> str:
    """Bytes, rate and ETA of a run in a width that holds still."""
    if job is None:
        return "no report"
    eta = duration(job.eta_s).split(" ")[0]
    return f"{size(job.bytes_done):>5}/{size(job.bytes_total):<5} {size(job.rate_bps):>5}/s ETA {eta}"


def _measured(status: TaskStatus, now: float) -> str:
    return f"{rough(proof_age(status, now))}, allowed {duration(status.task.rpo)}"


def _trouble(status: TaskStatus, now: float) -> tuple[tuple[int, float], str] | None:
    """What is wrong with a task, and how bad compared with others; None when nothing is."""
    name, over = status.task.name, late(status, now)
    broken = status.ended is not None and status.ended.state in _BROKEN
    if over:
        held = ", and it is paused" if status.task.options.paused else ""
        badness = (proof_age(status, now) or 0.0) / status.task.rpo
        return (0, -badness), f"{name} is late: {_measured(status, now)}{held}"
    if over is None:
        tried = f", and its last run {status.ended.state}" if broken and status.ended else ""
        if standing(status, now) == AHEAD:
            return (0, 0.0), f"{name} is proven up to a time that has not come yet: a clock is wrong"
        if standing(status, now) == ANEW:
            return (1, 0.0), f"{name} is not proven: {anew_words(status)}"
        return (1, 0.0), f"{name} was never proven{tried}"
    if broken and status.ended and status.ended.word == "diverged":
        return (2, -1.0), f"{name} has diverged and cannot go on by itself"
    if broken and status.ended:
        return (2, 0.0), f"the last run of {name} {status.ended.state}"
    if status.notes:
        return (3, 0.0), f"{name} left something out"
    return ((3, 0.0), f"{name} is paused") if status.task.options.paused else None


def urgency(status: TaskStatus, now: float) -> int:
    """Where a task belongs in a list that begins with what needs a person: 0 is late, 4 is well."""
    found = _trouble(status, now)
    return 4 if found is None else found[0][0]


def verdict(statuses: Sequence[TaskStatus], now: float) -> tuple[str, str]:
    """Is it all in time, worst first: the sentence and the role it is drawn in. Empty without tasks."""
    if not statuses:
        return "", "text"
    judged = ((_trouble(status, now), status.task.name) for status in statuses)
    found = sorted((*item, name) for item, name in judged if item is not None)
    said = [clause for _, clause, _ in found]
    rest = _rest([(badness, name) for (badness, _), _, name in found[_NAMED:]])
    role = "good" if not found else "warn" if found[0][0][0] in (1, 3) else "bad"
    fine = [status for status in statuses if late(status, now) is False]
    if len(statuses) == 1 and fine:
        said.insert(0, f"{statuses[0].task.name} is in time: {_measured(statuses[0], now)}")
    elif len(statuses) > 1 and not found:
        oldest = max(fine, key=lambda status: (proof_age(status, now) or 0.0) / status.task.rpo)
        said = [f"All {len(statuses)} tasks are in time", f"nearest to late is {oldest.task.name}: "]
        said[1] += _measured(oldest, now)
    elif len(statuses) > 1:
        count = len(fine) or "None"
        said.insert(0, f"{count} of {len(statuses)} tasks {'are' if len(fine) > 1 else 'is'} in time")
    return "; ".join(said[: _NAMED + 1]) + rest + ".", role


def _rest(others: Sequence[tuple[int, str]]) -> str:
    """The tasks that no clause is about. Those in time are counted among those already, so they are named."""
    away = sum(1 for badness, _ in others if badness in (0, 1))
    kept = [name for badness, name in others if badness not in (0, 1)]
    said = [f"and {away} more"] if away else []
    said += [f"{some(kept)} {'wants' if len(kept) == 1 else 'want'} a look, too"] if kept else []
    return "".join(f"; {one}" for one in said)


def happening(statuses: Sequence[TaskStatus], jobs: Mapping[str, Progress], now: float) -> str:
    """What goes on now, and what will by itself. Empty without tasks."""
    if not statuses:
        return ""
    said = []
    for status in statuses:
        if (run := at_work(status)) is not None:
            job = jobs.get(run.id)
            held = " (held: paused)" if status.task.options.paused and run.kind == "run" else ""
            percent = f" {job.percent:.0f}%" if job is not None and job.percent is not None else ""
            said.append(f"{status.task.name}{percent}{held}")
    if said:
        return f"Now running: {some(said)}."
    planned = [one for one in statuses if one.task.options.schedule and not one.task.options.paused]
    due = [(one.next_run, one) for one in planned if one.next_run is not None]
    if due:
        first = min(due, key=lambda pair: pair[0])[1]
        return f"Now: no copy runs; next is {first.task.name}, {next_words(first, now)}."
    if planned:
        return "Now: no copy runs; when the next run starts is unknown."
    return "Now: no copy runs, and none will by itself."


def answer_lines(said: Iterable[tuple[str, str]], width: int, most: int) -> list[Pieces]:
    """Sentences with their roles, wrapped; at most so many lines, the first sentences first."""
    lines: list[Pieces] = []
    for text, role in said:
        if text:
            lines += [[(" ", "text"), *line] for line in paragraphs(text, max(20, width - 2), role)]
    return at_most(lines, most, width - 1)
