"""Snapshot policies as table rows and lines. Pure."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from ..services.policies import wording
from ..services.policies.model import BROKEN, ON, REPLICA, Policies, PolicyRun, PolicyStatus
from ..services.retention.policy import PERIODS, amount
from ..text import age, clean, duration, size
from ..widgets.layout import Cell, Column, Pieces, Row, paragraphs, row
from .pool_rows import coarse

COLUMNS = (
    Column("DATASET", least=18, most=60, grow=True, middle=True),
    Column("POLICY", drop=1, least=10, most=44),
    Column("NEWEST", drop=2, least=7, most=14),
    Column("STATE", least=7),
    Column("COUNT", drop=3, right=True, least=5),
    Column("FROM", drop=4, least=8, most=24, middle=True),
)
CUSTOM = "own"
"""The choice of the wizard that is no template."""


def policy_rows(found: Policies, now: float) -> list[Row]:
    """A row a dataset, those without a policy as well: a person gives them one from here."""
    return [_row(one, now) for one in found.datasets]


def _row(one: PolicyStatus, now: float) -> Row:
    origin = "itself" if one.set_on == one.dataset else one.set_on or "-"
    on = one.state == ON
    policy = f"{one.template}: {one.policy}" if one.template else one.policy
    return row(
        one.dataset,
        one.dataset,
        Cell(policy or "none", "text" if on else "dim"),
        Cell(coarse(age(one.newest, now)) if on else "-", "text" if on else "dim", one.newest or 0.0),
        _state(one),
        Cell(str(one.snapshots), "text" if one.snapshots else "dim", float(one.snapshots)),
        Cell(origin, "dim"),
    )


def _state(one: PolicyStatus) -> Cell:
    if one.state == BROKEN:
        return Cell("BROKEN", "bad")
    if one.state == REPLICA:
        return Cell("copy", "dim")
    if one.state != ON:
        return Cell("-", "dim")
    if one.late:
        return Cell("LATE", "bad")
    return Cell("in time", "good") if one.newest is not None and one.late is False else Cell("none yet", "unknown")


def head(found: Policies, now: float, width: int) -> list[Pieces]:
    """Above the list: whether all is in time, when the next run is, how the last one ended."""
    on = [one for one in found.datasets if one.state == ON]
    late = [one for one in on if one.late]
    unknown = [one for one in on if one.late is None]
    told: list[tuple[str, str]] = []
    many = f"{len(on)} dataset{'s' if len(on) > 1 else ''}"
    if not on:
        told.append(("No dataset has a snapshot policy yet: Enter on one gives it a policy.", "text"))
    elif late:
        told.append((f"LATE: {len(late)} of {many} lack a snapshot that is due.", "bad"))
    elif unknown:
        told.append((f"{many} with a policy; {len(unknown)} without a snapshot of it yet.", "unknown"))
    else:
        told.append((f"{many} with a policy, none late.", "good"))
    if on:
        due = f"in {_rough(max(0.0, found.next_run - now))}" if found.next_run is not None else "unknown"
        bad = found.last_state in ("failed", "died")
        last = f"{found.last_state} {coarse(age(found.last_ended, now))}" if found.last_run else "never"
        told.append((f"Next run {due}, last {last}.", "bad" if bad else "text"))
        if bad:
            told.append((clean(found.last_message, 200), "bad"))
    told += [(clean(problem, 200), "warn") for problem in found.problems]
    return [line for text, role in told for line in paragraphs(text, width, role)]


def about(one: PolicyStatus) -> str:
    """Everything about one dataset, as far as its row may have cut it."""
    if one.why:
        return f"{one.dataset}: {clean(one.why)}"
    if one.state != ON:
        return f"{one.dataset} has no policy."
    origin = "its own" if one.set_on == one.dataset else f"that of {one.set_on}"
    return f"{one.dataset}: {one.policy}, {origin}; late after {duration(2 * (one.interval or 0))}."


def _rough(seconds: float) -> str:
    return duration(seconds).split(" ")[0]


def keys_lines(names: Sequence[str], width: int) -> list[Pieces]:
    """Keys with what they do, in as many lines as they need; none is torn apart."""
    lines = [""]
    for name in names:
        longer = f"{lines[-1]}  {name}" if lines[-1] else name
        if len(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(name)
    return [[(line, "key")] for line in lines]


def counts_of(values: Mapping[str, str], templates: Mapping[str, str]) -> str:
    """The policy that the wizard's fields say, as text."""
    if values["template"] != CUSTOM:
        return templates[values["template"]]
    given = {period: values[period].strip() for period in PERIODS}
    return ",".join(f"{period}={number}" for period, number in given.items() if number not in ("", "0"))


def in_words(policy: str) -> list[str]:
    """What a policy means, a sentence each; nothing for one that is not whole yet."""
    checked = wording.check(policy)
    every = amount(wording.interval(checked))
    return [
        f"{checked}: one snapshot every {every}, about {wording.most(checked)} when it has run for long enough.",
        f"Late is told when there is none for {duration(2 * wording.interval(checked))}.",
    ]


def shown(run: PolicyRun, *, stays: bool = True) -> list[Pieces]:
    """A preview, or what a run did, in lines."""
    lines: list[Pieces] = []
    for one in run.datasets:
        lines.append([(one.dataset, "strong"), (f"  keeping {one.policy}", "dim")])
        if one.taken:
            lines.append([(f"  {'would take' if run.dry else 'taken'} @{one.taken}", "text")])
        for item in one.judged:
            if item.keep and not stays:
                continue
            word = "stays" if item.keep else "goes" if run.dry else "gone" if item.destroyed else "LEFT"
            role = "dim" if item.keep else "warn" if run.dry or item.destroyed else "bad"
            lines.append([(f"  {word:<6}", role), (f"@{item.snapshot}  ", "text"), (item.error or item.why, "dim")])
        if run.dry:
            going = sum(not item.keep for item in one.judged)
            room = f", about {size(one.frees)} free by it" if going and one.frees is not None else ""
            lines.append([(f"  {going} would go, {len(one.judged) - going} stay{room}", "text")])
        if one.problem:
            lines.append([(f"  PROBLEM {one.problem}", "bad")])
    lines += [[(problem, "warn")] for problem in run.problems]
    return [[(clean(text), role) for text, role in line] for line in lines] or [[("Nothing is due.", "text")]]


def runs_lines(runs: tuple[PolicyRun, ...]) -> list[Pieces]:
    """The last runs, newest first."""
    now = time.time()
    return [
        [
            (f"{age(one.started, now):<16}", "dim"),
            (f"{one.state:<10}", "bad" if one.state in ("failed", "died") else "text"),
            (clean(one.message), "text"),
        ]
        for one in runs
    ] or [[("No policy has run yet.", "text")]]
