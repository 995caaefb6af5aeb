"""A task in detail, the history of its runs as a chart, a run with its class and evidence, a plan: as lines. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ..actions import Action
from ..services.replication.freshness import AHEAD, ANEW, anew_words, standing
from ..services.replication.kept import moment, plan_of
from ..services.replication.model import Plan, Run, Task, TaskStatus
from ..services.replication.options import describe, stream_words
from ..text import about, duration, size
from ..widgets.chart import MISSING, spark
from ..widgets.layout import Pieces, wrap
from .replication_answer import late, next_words, proof_age, rough
from .replication_failures import Kind, kind_of, sentences
from .replication_rows import evidence_lines, origin, place

_LABEL = 12
_CHART = 40
GOOD = frozenset({"succeeded", "nothing-new"})


def detail_lines(
    status: TaskStatus, runs: Sequence[Run], acts: Sequence[Action], now: float, width: int, most: int
) -> list[Pieces]:
    """Everything about a task above its runs, what matters most first: the last lines are left out where room ends."""
    task = status.task
    below = " and all below it" if task.recursive else ""
    lines = _fact("copies", f"{origin(task)}{below} → {place(task)}", width)
    if task.peer is None and task.source_peer is None:
        lines += _fact("", "The copy is within this box: what takes the box takes it, too.", width, "warn")
    lines += _standing(status, now, width)
    lines += _fact("runs", _when(status, now), width, "warn" if task.options.paused else "text")
    for run in (status.last, status.restore):
        kind = kind_of(run) if run is not None else None
        if run is not None and kind is not None:
            lines += failure_lines(run, kind, acts, width)
    if status.verified_at is not None:
        proven = f"{rough(now - status.verified_at)} ago; the target was read and listed @{status.verified_snapshot}"
        lines += _fact("proven", proven, width)
    for note in status.notes[:3]:
        lines += _fact("left out", note, width, "warn")
    lines += chart_lines(task, runs, width)
    said = [line for line in describe(task.options, task.name) if not line.startswith(("schedule:", "PAUSED"))]
    if not (task.options.keep_source or task.options.keep_target):
        said.append("keeps every snapshot on both sides")
    lines += _fact("options", "; ".join([*said, f"stream: {stream_words(task)}"]), width, "dim")
    return lines[:most]


def _fact(label: str, text: str, width: int, role: str = "text") -> list[Pieces]:
    first, *rest = wrap(text, max(20, width - _LABEL - 2))
    more: list[Pieces] = [[(" " * (_LABEL + 1), "text"), (line, role)] for line in rest]
    return [[(f" {label[: _LABEL - 1]:<{_LABEL}}", "dim"), (first, role)], *more]


def _standing(status: TaskStatus, now: float, width: int) -> list[Pieces]:
    over, allowed = late(status, now), duration(status.task.rpo)
    if standing(status, now) == AHEAD:
        return _fact("stands", "unknown: proven up to a time that has not come yet; a clock is wrong", width, "bad")
    if standing(status, now) == ANEW:
        return _fact("stands", f"not proven: {anew_words(status)}; allowed is {allowed}", width, "warn")
    if over is None:
        return _fact(
            "stands", f"unknown: nothing was ever proven at the target; allowed is {allowed}", width, "unknown"
        )
    old = rough(proof_age(status, now))
    if over:
        return _fact("stands", f"LATE: the copy is {old} old, allowed is {allowed}", width, "bad")
    return _fact("stands", f"in time: the copy is {old} old, allowed is {allowed}", width, "good")


def _when(status: TaskStatus, now: float) -> str:
    options, words = status.task.options, next_words(status, now)
    window = f", only {options.window}" if options.window else ""
    if options.paused:
        planned = f"; otherwise {options.schedule}{window}" if options.schedule else ""
        return f"paused: nothing starts by itself{planned}"
    if not options.schedule:
        return "by hand only"
    if words == "unknown":
        return f"{options.schedule}{window}; systemd tells no next run: set the schedule again"
    return f"{options.schedule}{window}; next {words}"


def failure_lines(run: Run, kind: Kind, acts: Sequence[Action], width: int) -> list[Pieces]:
    """One sentence, the class, and what helps: keys that this person may press, or a command."""
    first, _ = sentences(run.message or "It left no message.")
    label, said = ("RESTORE", f"{run.state}: {first}") if run.kind == "restore" else (run.state.upper(), first)
    lines = _fact(label, said, width, "warn" if run.state == "cancelled" else "bad")
    lines += _fact("class", f"{kind.name}: {kind.meaning}", width)
    chosen = [act for wanted in kind.acts for act in acts if act.id == wanted]
    pieces: list[tuple[str, str]] = [(f" {'helps':<{_LABEL}}", "dim")]
    for act in chosen:
        pieces += [(act.key, "key"), (f" {act.label}   ", "text")]
    if chosen:
        lines.append(pieces)
    elif kind.acts and not kind.command:
        lines += _fact("helps", "nothing that this account may do", width, "dim")
    if kind.command:
        lines += _fact("" if chosen else "helps", f"`{kind.command.replace('NAME', run.task)}`", width)
    return lines


def _moved_nothing_there(run: Run, task: Task) -> bool:
    """Whether a run moved nothing to the target: it verified, or what it proved lies outside the task's source."""
    return run.kind != "run" or any(not f"{proof.dataset}/".startswith(f"{task.source}/") for proof in run.evidence)


def chart_lines(task: Task, runs: Sequence[Run], width: int) -> list[Pieces]:
    """Duration and size of the last runs, oldest left; a dot where a run did not end well. Nothing before two runs."""
    ended = [run for run in runs if run.ended is not None and not _moved_nothing_there(run, task)]
    ended = ended[: max(10, min(_CHART, width - _LABEL - 34))][::-1]
    if len(ended) < 2:
        return []
    good = [run if run.state in GOOD else None for run in ended]
    took = [run.ended - run.started if run and run.ended is not None else None for run in good]
    sent = [float(run.bytes) if run else None for run in good]
    known = [value for value in took if value is not None]
    if not known:
        return _fact("history", f"none of the last {len(ended)} runs ended well", width, "warn")
    broken = f", {MISSING} did not end well" if len(known) < len(ended) else ""
    longest, largest = max(known), max(value for value in sent if value is not None)
    return [
        [(f" {'took':<{_LABEL}}", "dim"), (spark(took), "accent"), (f"  longest {duration(longest)}", "text"),
         (", newest right", "dim")],
        [(f" {'sent':<{_LABEL}}", "dim"), (spark(sent), "accent"), (f"  most {size(largest)}", "text"),
         (broken, "dim")],
    ]  # fmt: skip


def run_lines(run: Run, acts: Sequence[Action], now: float, width: int, *, files: bool = True) -> list[Pieces]:
    """A run to read: what failed and what helps first, then its evidence, its plan and its log; without `files` no name
    of a file."""
    kind = kind_of(run)
    head = [*failure_lines(run, kind, acts, width), []] if kind is not None else []
    said = sentences(run.message)[0] if kind is not None else ""
    lines = [*head, *evidence_lines(run, now, said, files=files)]
    while not lines[-1]:
        lines.pop()
    return [*lines, *_kept_lines(run, width)]


def _kept_lines(run: Run, width: int) -> list[Pieces]:
    """The plan that a run carried out, in the words of a dry run, and what it said while it worked."""
    plan = plan_of(run)
    lines: list[Pieces] = []
    if plan is not None:
        lines += [[], [("plan, as it was made last", "caption")]]
        lines += [[(f" {plan}", "unknown")]] if isinstance(plan, str) else plan_lines(plan, width, None)
    if run.log:
        lines += [[], [("log", "caption")], *([(f" {moment(line)}  ", "dim"), (line.text, "text")] for line in run.log)]
    return lines


def plan_lines(plan: Plan, width: int, ways: str | None = "") -> list[Pieces]:
    """A dry run to read: what would be taken, sent, thrown away; what cannot be sent and why.

    `ways` is the key that shows the ways out of a conflict; empty: this person may not; None: it is of the past.
    """
    lines: list[Pieces] = []
    if plan.conflicts:
        lines += _fact("CONFLICT", f"{len(plan.conflicts)} of its datasets cannot be sent as they are", width, "bad")
        for item in plan.conflicts:
            since = f" Both sides have @{item.since}." if item.since else " They have no snapshot in common."
            lines += _fact("", f"{item.text}{since}", width)
        if ways is not None:
            helps = f"{ways} shows the ways out" if ways else "the ways out need the role operate"
            lines += _fact("", f"Nothing is lost by itself: {helps}.", width, "dim")
        lines.append([])
    if plan.snapshot:
        lines += _fact("takes", f"@{plan.snapshot}{' of the whole tree' if plan.recursive else ''}", width)
    for abort in plan.aborts:
        lines += _fact("drops", f"the half-received data in {abort.target}: {abort.why}", width, "warn")
    for step in plan.steps:
        base = f" from {step.base}{' with those between' if step.intermediates else ''}" if step.base else ""
        text = f"{step.dataset}@{step.snapshot}{base} → {step.target}{', raw' if step.raw else ''}"
        lines += _fact(step.kind, f"{text}, {about(step.size, at_least=step.at_least)}", width)
    for match in plan.matches:
        lines += _fact("has", f"{match.target}@{match.snapshot} already", width, "dim")
    for note in plan.notes:
        lines += _fact("note", note, width, "dim")
    lines.append([])
    return [*lines, *_fact("in all", plan_sum(plan), width, "strong")]


def plan_sum(plan: Plan) -> str:
    """A plan in one sentence."""
    if not plan.steps:
        return "Nothing will be sent." if plan.conflicts else "Nothing to send: the target has it all."
    streams = f"{len(plan.steps)} stream{'s' if len(plan.steps) > 1 else ''}"
    free = f"; {size(plan.available)} free at the target" if plan.available is not None else ""
    total = about(plan.size, at_least=plan.at_least, unknown=plan.unsized)
    return f"{total[0].upper()}{total[1:]} in {streams}{free}."
