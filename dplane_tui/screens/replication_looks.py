"""Is the copy really the same? Snapshots compared by GUID, content by hash: asked for, shown as counts and lists."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from ..actions import Action
from ..services.replication.compare import ABSENT, BEHIND, EQUAL, GOOD, Compared, Comparison, Seen
from ..services.replication.content import Checked, Wish
from ..services.replication.model import Run, Task
from ..text import age, size
from ..widgets.dialogs import Form, Reader, Values, ask
from ..widgets.fields import Choice, TextField
from ..widgets.layout import Pieces

if TYPE_CHECKING:
    from ..app import Console

_LISTED = 20
_LABEL = 11
_ROLES = {EQUAL: "good", BEHIND: "text", ABSENT: "warn"}
_MUCH = (
    ("100", "everything"),
    ("1", "a sample: 1 file in a hundred"),
    ("5", "a sample: 5 files in a hundred"),
    ("20", "a sample: 20 files in a hundred"),
)


# -- by GUID ---------------------------------------------------------------------------------------------------


async def compare(console: Console, task: Task, ways: Action | None) -> bool:
    """Read both sides and show what each has; whether the person wants the ways out. Raises DPlaneError."""
    console.say(f"Reading both sides of {task.name}…", "dim")
    found = await console.services.replication.compare(task.name)
    console.say("")
    helps = ways if not found.good else None
    keys, below = (helps.keys, f"{helps.key}  the ways out     Esc  back") if helps else ((), "")
    reader = Reader(f"Both sides of {task.name}", comparison_lines(found, time.time()), keys, below)
    return await ask(console, reader) is not None


def comparison_lines(found: Comparison, now: float) -> list[Pieces]:
    """Counts first, then each dataset with what only one side has, and what both have."""
    if not found.datasets:
        return [[("The task has no dataset.", "warn")]]
    counts = Counter(one.state for one in found.datasets)
    told = ", ".join(f"{count} {_word(state)}" for state, count in sorted(counts.items(), key=lambda pair: -pair[1]))
    many = f"{len(found.datasets)} datasets" if len(found.datasets) > 1 else "1 dataset"
    lines: list[Pieces] = [[(f"{many}: {told}.", "good" if found.good else "bad")]]
    if not found.good:
        lines.append(
            [("What is ahead or diverged cannot simply be continued. Nothing happens to it by itself.", "text")]
        )
    for one in sorted(found.datasets, key=lambda item: item.state in GOOD):
        lines += [[], *_dataset(one, now)]
    if found.beside:
        lines += [[], [(f"At the target, of no dataset of the task: {len(found.beside)}", "caption")]]
        lines += [[("  ", "text"), (name, "text")] for name in found.beside[:_LISTED]]
        lines += _more(len(found.beside))
    return lines


def _word(state: str) -> str:
    return state if state in GOOD else state.upper()


def _dataset(one: Compared, now: float) -> list[Pieces]:
    head = [
        (f"{_word(one.state):<{_LABEL}}", _ROLES.get(one.state, "bad")),
        (f"{one.dataset} → {one.target}", "strong"),
    ]
    parts = ((one.only_here, "only at the source"), (one.only_there, "only at the target"), (one.both, "in both"))
    counts = ", ".join(f"{len(points)} {what}" for points, what in parts)
    marks = f", {len(one.bookmarks)} as a bookmark" if one.bookmarks else ""
    lines: list[Pieces] = [head, [(" " * _LABEL, "text"), (one.text, "text")],
                           [(" " * _LABEL, "text"), (f"Snapshots: {counts}{marks}.", "text")]]  # fmt: skip
    for points, what in (*parts, (one.bookmarks, "bookmark of what both had")):
        lines += [_point(point, what, now) for point in reversed(points[-_LISTED:])]
        lines += _more(len(points))
    return lines


def _more(count: int) -> list[Pieces]:
    return [[(f"  … and {count - _LISTED} more", "dim")]] if count > _LISTED else []


def _point(one: Seen, what: str, now: float) -> Pieces:
    taken = age(one.taken, now) if one.taken is not None else "time unknown"
    there = f" (there @{one.there})" if one.there else ""
    return [(f"  {what:<20}", "dim"), (f"@{one.name}{there}", "text"), (f"  {taken}", "dim")]


# -- by content ------------------------------------------------------------------------------------------------


async def verify(console: Console, task: Task) -> str | None:
    """Ask how much, start it; what was started. Raises DPlaneError."""
    from ..services.replication.looks import check_wish

    def made(values: Values) -> Wish:
        return wish_of(task, values)

    fields = (
        Choice("How much", _MUCH, "100", id="percent"),
        TextField("Dataset", id="below", hint="all of the task; . is the source itself"),
        TextField("Snapshot", id="snapshot", hint="the newest that both sides have"),
        TextField("Seed", id="seed", hint="chooses the files; that of an earlier run: the same ones"),
    )
    text = (
        "Both boxes read the same snapshot and tell the SHA-256 of every file, or of every MiB of a volume. Nothing is "
        "sent or changed. A sample hashes some files only; names, sizes, owners, modes and times are compared of all."
    )
    dialog = Form(f"Verify {task.name}", fields, "Start", text=text, check=lambda values: check_wish(made(values)))
    values = await ask(console, dialog)
    if values is None:
        return None
    run = await console.services.replication.verify(task.name, made(values))
    return f"The verification {run} was started and goes on when this console is closed. Its result is in the runs."


def wish_of(task: Task, values: Values) -> Wish:
    """What the form says."""
    below: str | None = values["below"].strip()
    if below:
        below = "" if below in {".", task.source} else below.removeprefix(f"{task.source}/").strip("/")
    else:
        below = None
    return Wish(below, values["snapshot"].strip().removeprefix("@"), int(values["percent"]), values["seed"].strip())


def verified_lines(run: Run, *, files: bool = True) -> list[Pieces]:
    """What a verification found: counts, each dataset, all that differs. Raises CommandError.

    Without `files` nothing that may be the name of a file: a box told the problems, too, in its own words.
    """
    from ..services.replication.looks import found_by

    found = found_by(run)
    if found is None:
        return [[("Nothing was compared.", "unknown")]]
    how = "everything" if found.percent == 100 else f"a sample of {found.percent} % (seed {found.seed})"
    counts = Counter(_verdict(one)[0] for one in found.datasets)
    told = ", ".join(f"{count} {word}" for word, count in counts.items()) or "none"
    lines: list[Pieces] = [[], [("hashed   ", "dim"), (how, "text")], [("datasets ", "dim"), (told, "text")]]
    for one in found.datasets:
        word, role = _verdict(one)
        lines += [[], [(f"{word:<9}", role), (f"{one.dataset}@{one.snapshot or '?'} and {one.target}", "strong")]]
        told = f"{one.items} compared, {one.hashed} by content, {size(one.bytes)} read"
        told += f", {one.differing} differ" if one.differing else ""
        told += f", {one.unread} could not be read" if one.unread else ""
        lines.append([("         ", "text"), (told, "text")])
        problem = one.problem if files or not one.problem else "It could not all be read."
        lines += [[("         ", "text"), (line, "warn")] for line in (problem, one.note) if line]
    if found.differences and not files:
        return [*lines, [], [("What differs is listed where you signed in, not on this screen.", "caption")]]
    if found.differences:
        lines += [[], [(f"What differs, {len(found.differences)} of it listed:", "caption")]]
        lines += [
            [("  ", "text"), (f"{item.dataset}: {item.path or 'the top'}: {item.what}", "bad")]
            for item in found.differences
        ]
    return lines


def _verdict(one: Checked) -> tuple[str, str]:
    if one.differing:
        return "DIFFERS", "bad"
    return ("equal", "good") if one.equal else ("UNKNOWN", "unknown")
