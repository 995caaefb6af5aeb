"""What is an alarm and what is not, from what was read. Pure. What could not be read neither raises nor ends one."""

from __future__ import annotations

from collections.abc import Sequence

from ...text import clean, duration, size
from ..health.model import DiskHealth
from ..health.news import FULL
from ..replication.freshness import AHEAD, IN_TIME, anew_words, of_age
from ..replication.model import Run, Task, TaskStatus
from ..store import Notice
from ..zfs.model import HEALTHY, Pool
from .model import DISK, FAILED, LATE, POOL, STORE, Alarm, Observation

_FULL_AGAIN = 3  # percent: the alarm ends only that far below FULL, so that a pool at its edge does not ring all day
_GONE = frozenset({"FAULTED", "SUSPENDED", "UNAVAIL", "REMOVED"})
_NEWS_SECONDS = 7 * 86400.0


def place(task: Task) -> str:
    """Where a task's copy lives."""
    return task.target if task.peer is None else f"{task.peer}:{task.target}"


def of_task(status: TaskStatus, now: float) -> tuple[Observation, ...]:
    """How what a task moved last ended, and whether its target is late, at the Unix time `now`."""
    back = of_other(status.restore) if status.restore is not None else ()
    return (*back, _run(status, now), _late(status, now))


def of_other(run: Run, found: str = "") -> tuple[Observation, ...]:
    """How a restore, verification, comparison or pruning of a task ended. Each failure of one is news, told once; only
    that two boxes differ stays an alarm, until a verification ends well.

    `found` is what a comparison or pruning that came to its end has found wrong, a sentence.
    """
    what, task = _OTHERS.get(run.kind), run.task
    if what is None:
        return ()
    key = f"verify:{task}" if run.kind == "verify" else f"{run.kind}:{run.id}"
    if run.state in {"succeeded", "nothing-new"} and not found:
        if run.kind != "verify":
            return ()
        said = clean(run.message)
        return (Observation(key, FAILED, False, task, 1, f"the verification of {task} is good again", said),)
    if run.state not in {"failed", "died"} and not found:
        return ()
    said = found or clean(run.message) or f"It {run.state} and did not say why."
    ended = "could not do all of it" if found else run.state
    title = f"the {what} of {task} {ended}"
    if run.error_code == "diverged" or (found and run.kind == "compare"):
        title = f"the {what} of {task} found a conflict"
    elif run.kind == "verify" and run.error_code == "bad-news":
        title = f"the verification of {task} found differences"
    text = f"Run {run.id}: {clean(said)}\n{_NEXT[run.kind].format(task=task, run=run.id)}"
    return (Observation(key, FAILED, True, task, 2, title, text, once=run.kind != "verify"),)


_OTHERS = {"restore": "restore", "verify": "verification", "compare": "comparison", "prune": "retention"}
_NEXT = {
    "restore": "`dplane replicate run-show {run}` tells more. The copy is as it was.",
    "verify": "`dplane replicate run-show {run}` tells more.",
    "compare": "`dplane replicate resolve {task}` shows the ways out; none happens by itself.",
    "prune": "`dplane replicate prune {task} --dry-run` shows what goes and what stays.",
}


def proven(status: TaskStatus, now: float) -> str:
    """How old what is proven at a task's target is, a sentence."""
    if status.fresh_at is None:
        return f"Nothing is proven at {place(status.task)}."
    return f"What is proven at {place(status.task)} is {duration(now - status.fresh_at)} old."


def _run(status: TaskStatus, now: float) -> Observation:
    task, last = status.task.name, status.last
    key = f"run:{task}"
    if last is not None and last.state in {"failed", "died"}:
        said = clean(last.message) or f"It {last.state} and did not say why."
        more = f"`dplane replicate show {task}` tells more."
        title = f"replication {task} {last.state}"
        if last.error_code == "diverged":
            title = f"replication {task} found a conflict and stopped"
            more = f"`dplane replicate resolve {task}` shows the ways out; none happens by itself."
        text = f"Run {last.id}: {said}\n{proven(status, now)}\n{more}"
        return Observation(key, FAILED, True, task, 2, title, text)
    # A run that goes on, or that a person stopped, says nothing about whether it works again.
    good = last is None or last.state in {"succeeded", "nothing-new"}
    title = f"replication {task} works again"
    return Observation(key, FAILED, False if good else None, task, 1, title, proven(status, now))


def _late(status: TaskStatus, now: float) -> Observation:
    task = status.task
    key, limit = f"late:{task.name}", duration(task.rpo)
    since = status.fresh_at if status.fresh_at is not None else task.created
    stands = of_age(now - since, task.rpo)
    if stands == AHEAD:
        text = (
            f"{'What is proven at its target' if status.fresh_at is not None else 'The task'} is from a time that has "
            "not come yet, so nobody can say how old the copy is.\nSet the clock of this box right, then "
            f"`dplane replicate run {task.name}`."
        )
        return Observation(key, LATE, True, task.name, 2, f"replication {task.name}: a clock is or was wrong", text)
    if stands == IN_TIME and status.anew:
        text = (
            f"What is proven at {place(task)} is of before that; of what is there now nothing is.\n"
            f"`dplane replicate run {task.name}` copies it, or says what is in the way."
        )
        return Observation(key, LATE, True, task.name, 2, f"replication {task.name}: {anew_words(status)}", text)
    if stands == IN_TIME:
        title = f"replication {task.name} is in time again"
        text = f"{proven(status, now)} Its limit is {limit}."
        known = status.fresh_at is not None and status.anew is not None
        return Observation(key, LATE, False if known else None, task.name, 1, title, text)
    last = status.last
    lines = [f"{proven(status, now)} Its limit is {limit}."]
    if task.options.paused:
        lines.append(f"The task is paused; `dplane replicate resume {task.name}` lets it go on.")
    if last is None:
        lines.append(f"It has not run yet; `dplane replicate run {task.name}` starts it.")
    else:
        said = f": {clean(last.message)}" if last.message else "."
        lines.append(f"The last run {last.state} {duration(now - (last.ended or last.started))} ago{said}")
    return Observation(key, LATE, True, task.name, 2, f"replication {task.name} is late", "\n".join(lines))


def of_pools(pools: Sequence[Pool], known: Sequence[Alarm]) -> tuple[Observation, ...]:
    """The state of each pool, and which of those `known` from earlier are no longer there."""
    here = {pool.guid for pool in pools}
    found = [Observation("zfs", POOL, False, "zfs", 1, "the pools can be read again", "ZFS answers.")]
    for pool in pools:
        found += [_pool(pool), _full(pool), _here(pool.guid, pool.name)]
    for row in known:
        kind, _, guid = row.key.partition(":")
        if kind == "pool" and guid not in here:
            found += [Observation(f"{part}:{guid}", POOL, False, row.about) for part in ("pool", "full")]
            found.append(_missing(guid, row))
    return tuple(found)


def unreadable(why: str, known: bool) -> Observation:
    """The pools cannot be read. No alarm on a box that never had one (`known` False)."""
    text = f"{clean(why)}\nUntil it answers again, nothing is known of the pools."
    return Observation("zfs", POOL, True if known else None, "zfs", 3, "the pools cannot be read", text)


def _pool(pool: Pool) -> Observation:
    name, key, trouble = clean(pool.name), f"pool:{pool.guid}", pool.trouble()
    if not trouble:
        text = f"Pool {name} is {HEALTHY} and counts no errors."
        return Observation(key, POOL, False, name, 1, f"pool {name} is well again", text)
    level = 3 if pool.state in _GONE or pool.data_errors else 1 if pool.state == HEALTHY else 2
    lines = [f"Pool {name} {clean(trouble)}.", clean(pool.status), clean(pool.action)]
    lines.append(f"`dplane pool show {name}` tells more.")
    title = f"pool {name} {clean(trouble)}"
    return Observation(key, POOL, True, name, level, title, "\n".join(filter(None, lines)))


def _full(pool: Pool) -> Observation:
    name, key = clean(pool.name), f"full:{pool.guid}"
    if pool.capacity is None or FULL - _FULL_AGAIN <= pool.capacity < FULL:
        return Observation(key, POOL, None, name)
    text = f"Pool {name} is {pool.capacity} % full; {size(pool.free)} are free."
    if pool.capacity >= FULL:
        text += "\nZFS slows down, and snapshots and replication fail, when nothing is left."
        return Observation(key, POOL, True, name, 2, f"pool {name} is {pool.capacity} % full", text)
    return Observation(key, POOL, False, name, 1, f"pool {name} has room again", text)


def _here(guid: str, name: str) -> Observation:
    text = f"Pool {clean(name)} is imported again."
    return Observation(f"gone:{guid}", POOL, False, clean(name), 1, f"pool {clean(name)} is there again", text)


def _missing(guid: str, row: Alarm) -> Observation:
    name = clean(row.about)
    was = f" When it was last seen, {row.title}." if row.active else ""
    text = f"Pool {name} is not imported any more.{was}\nIf you did not export or destroy it, look at its disks now."
    return Observation(f"gone:{guid}", POOL, True, name, 3, f"pool {name} is not there any more", text, once=True)


def of_disks(disks: Sequence[DiskHealth], known: Sequence[Alarm]) -> tuple[Observation, ...]:
    """What SMART says of each disk. One that is unknown now keeps what was last known of it."""
    found = [_disk(disk) for disk in disks if disk.id]
    here = {item.key for item in found}
    for row in known:
        if row.key.startswith("disk:") and row.key not in here:
            text = f"Disk {row.about} is not in this box any more."
            found.append(Observation(row.key, DISK, False, row.about, 1, f"disk {row.about} is gone", text))
    return tuple(found)


def _disk(disk: DiskHealth) -> Observation:
    name, key, note = clean(disk.id), f"disk:{clean(disk.id)}", clean(disk.note).rstrip(".")
    told = f"Disk {name} ({clean(disk.device)})"
    if disk.verdict == "failing":
        text = f"{told} is failing: {note}.\nReplace it soon; `dplane health` shows its SMART state."
        return Observation(key, DISK, True, name, 3, f"disk {name} is failing", text)
    if disk.verdict == "passed" and note:
        return Observation(key, DISK, True, name, 1, f"disk {name}: {note}", f"{told}: {note}.", once=True)
    text = f"{told} passes SMART."
    return Observation(key, DISK, False if disk.verdict == "passed" else None, name, 1, f"disk {name} is well", text)


def of_notices(notices: Sequence[tuple[int, Notice]], now: float) -> tuple[Observation, ...]:
    """What the store has to say about itself, with the number of each; old news is no news."""
    return tuple(
        Observation(f"store:{number}", STORE, True, "store", 2, "the store was repaired", clean(notice.text), once=True)
        for number, notice in notices
        if now - notice.at < _NEWS_SECONDS
    )
